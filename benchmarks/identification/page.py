"""How well hidden physics are found, as a chapter of docs/results.md."""

from typing import Any

from benchmarks.markdown import section

_NAMES = {
    "exploration": "3 rollouts of 2 s",
    "payload": "payload of 0.5 to 1.5 kg, 12 static poses",
    "delta_action": "play of 0.4 degrees in all joints, corrections from 20 rollouts",
}
_WHAT = {
    "informative_mass_percent": "mass of the cube off [%]",
    "informative_friction_percent": "friction of the cube off [%]",
    "informative_damping_percent": "damping of the joints off [%]",
    "informative_worst_percent": "worst of the three off [%]",
    "informative_share_of_random": "the same, as a share of that of the library at random",
    "informative_share_of_roaming": "the same, as a share of that of the arm at random",
    "informative_is_within": "trials with all three within 10 % [%]",
    "informative_in_2_sigma": "determined values that are off by less than 2 sigma [%]",
    "mass_g": "mass off [g]",
    "com_mm": "centre of mass off [mm]",
    "kept_percent": "tracking error that is left [%]",
}


def chapter(rows: list[dict[str, Any]]) -> str:
    """One line per number, beside that of random exploration where there is one."""
    table = []
    for row in rows:
        for name, what in _WHAT.items():
            if name not in row["found"]:
                continue
            others = [
                row["found"].get(name.replace("informative", way))
                if name.startswith("informative")
                else None
                for way in ("random", "roaming")
            ]
            tenth, bar = row["found"].get(f"tenth_{name}"), row["bars"].get(name)
            table.append(
                (
                    _NAMES[row["kind"]],
                    what,
                    f"{row['found'][name]:.3g}",
                    *("-" if one is None else f"{one:.3g}" for one in (tenth, *others, bar)),
                    str(row["seeds"]),
                )
            )
    return section(
        "System identification",
        """A simulated Panda and a cube of 0.25 kg; the truth differs from the model in mass (0.5 to
2.1 times), friction (0.4 to 1.5), and viscous and dry friction of the joints, and is hidden. Noise:
0.1 mrad, 5 mrad/s and 0.2 N m in the joints, 2 mm and 0.02 rad per look at the cube. Motions are
chosen of 25 drawn ones by their Fisher information, or drawn from the same library of pushes,
slides, lifts and swings of the arm, or the tool roams around the cube by chance. Medians over
seeds; where nothing is found, the prior counts.""",
        (
            "from",
            "what",
            "found",
            "worst tenth from",
            "library at random",
            "arm at random",
            "wanted at most",
            "seeds",
        ),
        table,
        "python -m benchmarks.identification --json",
    )
