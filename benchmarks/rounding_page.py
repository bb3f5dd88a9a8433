"""What storing weights in fewer bits changes, as a chapter of docs/results.md."""

from typing import Any

from benchmarks.markdown import section


def chapter(rows: list[dict[str, Any]]) -> str:
    """How far every skill's chunks move.

    Args:
        rows: Of ``rounding.jsonl``.
    """
    return section(
        "Checkpoints in fewer bits",
        f"""How far chunks move when the weights of a skill are rounded by `robot-skills compress`,
over {rows[0]["n"]} recorded observations of each skill and every waypoint of a chunk. The shipped
skills are rounded already; these are the same skills as they came from another training seed.""",
        ("skill", "stored as", "MB", "mm: mean", "max", "degrees: mean", "max"),
        [
            (
                f"`{row['skill']}`",
                row["precision"],
                f"{row['bytes'] / 1e6:.2f}",
                *(f"{row[key]:.3f}" for key in ("mm_mean", "mm_max", "deg_mean", "deg_max")),
            )
            for row in rows
        ],
        "python -m benchmarks.rounding --json",
    )
