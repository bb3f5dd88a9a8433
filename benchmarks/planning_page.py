"""What planners are held to, as chapters of docs/results.md."""

from typing import Any

from benchmarks.markdown import number, percent, section

Rows = list[dict[str, Any]]

_ALL = "all"


def specifications(rows: Rows) -> str:
    """Success and conformance of every task that says something of the whole run."""
    table = [
        (
            "**all**" if row["task"] == _ALL else row["words"],
            percent(row["successes"], row["n"]),
            f"{row['conforms']} of {row['n'] - row['refused']}",
            f"{row['truth_conforms']} of {row['n'] - row['refused']}",
            f"{row['sim_s']:.0f}",
        )
        for row in rows
    ]
    whole = next(row for row in rows if row["task"] == _ALL)
    seen = "cameras" if whole["scene"] == "rgbd" else "simulator's state"
    return section(
        "Instructions that speak of the whole run",
        f"""{len(rows) - 1} tasks over {whole["skills"]} skills, Panda, seen through the {seen},
each in {rows[0]["n"]} layouts of its own. A run conforms when what was seen and done satisfies
formulas that were written down for the task by hand; whoever plans makes formulas of the words,
and never sees those. {whole["refused"]} of {whole["n"]} were refused before anything moved, and
have no trace. In truth means by the simulator's state, four times a second. Success is
that the task's goal holds in the simulator at the end and that the run conformed in truth. The
formulas are in `sim/tabletop/temporal.py`; what words are understood is told in
[specifications](specifications.md).""",
        ("words", "success %", "conforms as seen", "conforms in truth", "s"),
        table,
        f"python -m benchmarks.temporal --episodes {rows[0]['n']} --json",
    )


def fuzzed_answers(rows: Rows) -> str:
    """What became of answers that nobody should follow."""
    (found,) = rows
    kinds = sorted(found["kinds"].items(), key=lambda pair: -pair[1])
    table = [(kind.replace("_", " "), str(count)) for kind, count in kinds]
    return section(
        "A language model that has lost its mind",
        f"""{found["trials"]:,} instructions to a planner whose model gave {found["answers"]:,}
answers, broken in {len(kinds)} ways, in scenes that partly had orders in place of labels.
{found["refused"]:,} trials ended in a refusal with a reason, {found["ended"]:,} in a run with a
reason; in these a fake robot got {found["calls"]:,} calls, and {found["unacceptable"]} of them were
such that the plan checker would not let a plan of the rules have them. {found["unreasoned"]} trials
ended without a reason. The longest took {number(found["longest_s"])} s.""",
        ("answers", "how many"),
        table,
        f"python -m benchmarks.fuzzed_answers --n {found['trials']} --json FILE",
    )
