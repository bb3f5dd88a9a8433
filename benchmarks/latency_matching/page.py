"""How well latencies are found, and what knowing them brings: a chapter of docs/results.md."""

import shlex
from typing import Any

from benchmarks.latency_matching.skills import LATE_S
from benchmarks.markdown import number, percent, section

Rows = list[dict[str, Any]]


def chapter(rows: Rows) -> str:
    """Two tables: latencies that were found, and skills."""
    return _recovery([row for row in rows if row["part"] == "recovery"]) + _skills(
        [row for row in rows if row["part"] == "skills"]
    )


def _recovery(rows: Rows) -> str:
    if not rows:
        return ""
    table = [
        (
            row["latency"],
            row["case"],
            number(row["median_ms"]),
            number(row["worst_ms"]),
            number(row["sigma_ms"]),
            f"{row['bar_ms']:g}",
            f"{row['found']} of {row['seeds']}",
        )
        for row in rows
    ]
    return section(
        "How well latencies are found",
        """Camera, states, arm and gripper of a simulated Panda are each late by up to 200 ms at
random; the wrist camera sees a clock for three seconds, then the arm moves for 20 s over a
calibration board. Errors of what `calibrate latency` says, absolute. With jitter, 5 ms on average
are added to every delay at random, and the mean is the truth; with noise, 0.1 mm on every measured
place, and 3 of 255 in pictures. The simulated gripper hears 3 ms early; where it is late by less,
0 is said, which is the worst of its errors without jitter.""",
        (
            "latency",
            "with",
            "median ms off",
            "worst ms off",
            "said to be known to, ms",
            "wanted at most",
            "found",
        ),
        table,
        f"python -m benchmarks.latency_matching --only recovery --seeds {rows[0]['seeds']} --json",
    )


def _skills(rows: Rows) -> str:
    if not rows:
        return ""
    sides = list(dict.fromkeys(row["side"] for row in rows))
    of = {(row["skill"], row["side"]): row for row in rows}
    table = [
        (
            skill,
            *(
                percent(of[skill, side]["successes"], of[skill, side]["n"])
                if (skill, side) in of
                else "-"
                for side in sides
            ),
            str(of[skill, sides[0]]["n"]),
        )
        for skill in dict.fromkeys(row["skill"] for row in rows)
    ]
    names = " ".join(map(shlex.quote, dict.fromkeys(row["skill"] for row in rows)))
    return "\n" + section(
        "What knowing latencies brings",
        f"""The zoo's skills on a simulated Panda whose states, arm and gripper (and the camera that
watches the gliding cube) are late by {1e3 * LATE_S:.0f} ms each, on the same starts. Compensated,
latencies are known to 2 ms at worst. Late, the hand goes to and fro where things stand still, too:
each chunk begins where the arm was two tenths of a second before, and pulls it back. The cube
glides at 8 to 12 cm/s over a table without friction, and is missed by what it goes meanwhile, as
well.""",
        ("skill", *(f"{side}, success %" for side in sides), "n"),
        table,
        f"python -m benchmarks.latency_matching --only skills --skills {names} --json",
    )
