"""Whether the log names layer and skill at fault, as a chapter of docs/results.md."""

from typing import Any

from benchmarks.markdown import percent, section

Rows = list[dict[str, Any]]


def chapter(rows: Rows) -> str:
    """One line per kind of fault, and how often which layer was named."""
    total = next(row for row in rows if "confusion" in row)
    kinds = [row for row in rows if "kind" in row and row["layer"] in _layers(total)]
    table = [
        (
            row["layer"],
            row["kind"],
            f"{row['layer_right']} / {row['n']}",
            f"{row['right']} / {row['n']}",
            ", ".join(f"{layer} {n}" for layer, n in row["named_instead"].items()) or "-",
            str(row["succeeded"]),
        )
        for row in kinds
    ]
    table.append(
        (
            "**all**",
            "",
            percent(total["layer_right"], total["n"]),
            percent(total["right"], total["n"]),
            "",
            str(sum(row["succeeded"] for row in kinds)),
        )
    )
    wanted = f"{100 * total['bar']:.0f} %"
    anew = sum(row["without_effect"] for row in kinds)
    text = f"""Faults injected into runs of the simulated Panda, from the start or at a moment of
a call that are drawn. Who judges gets the log's events and nothing else. Right is the layer, and
with it the call during which the fault began, or which it spoilt first when it was there from the
start. Wanted: {wanted} of both. Runs in which a fault changed nothing were drawn anew ({anew} of
them). In {total["sound"]} runs without a fault {total["sound_blamed"]} times somebody was named;
{total["sound_troubled"]} of those runs had needed another attempt. Faults of the cameras, and half
of the sound runs, with scenes from the cameras, the others with the simulator's.

How often was named ... when the fault was ...:

{_matrix(total["confusion"])}"""
    return section(
        "Which layer, and which skill, was at fault",
        text,
        ("layer", "fault", "layer right", "layer and call right", "named instead", "succeeded"),
        table,
        f"python -m benchmarks.localisation --seed {total['seed']}",
    )


def _layers(total: dict[str, Any]) -> list[str]:
    return [layer for layer in total["confusion"] if layer != "nobody"]


def _matrix(confusion: dict[str, dict[str, int]]) -> str:
    """The table of layers by what was named."""
    named = list(dict.fromkeys([*confusion, *(n for row in confusion.values() for n in row)]))
    lines = [["", *named], ["---"] * (len(named) + 1)]
    lines += [[layer, *(str(row.get(n, 0)) for n in named)] for layer, row in confusion.items()]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)
