"""``python -m benchmarks.localisation``: one line of JSON per kind of fault, and one for all."""

import argparse
import json
import sys
from collections import Counter
from dataclasses import asdict
from pathlib import Path
from typing import Any

from benchmarks.localisation.cell import Outcome, try_fault
from benchmarks.localisation.injection import Kind
from benchmarks.localisation.table import FAULTS, SOUND

SEED = 20_262
"""Nothing was chosen by runs with this seed."""
BAR = 0.9
_NOBODY = "nobody"


def main() -> None:
    """Inject, count, print; runs that an earlier call has made are not made again."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, default=SEED)
    parser.add_argument("--only", nargs="+", default=(), help="kinds whose names begin so")
    parser.add_argument("--runs", type=Path, help="file that gets a line of JSON per run")
    args = parser.parse_args()
    done = _read(args.runs)
    found: dict[str, list[Outcome]] = {}
    for number, kind in enumerate((*FAULTS, SOUND)):
        if not args.only or kind.name.startswith(tuple(args.only)):
            found[kind.name] = _of_kind(kind, args.seed, number, done, args.runs)
            print(json.dumps(row(found[kind.name])), flush=True)
    everything = [one for runs in found.values() for one in runs]
    print(json.dumps(summary(everything, args.seed)), flush=True)
    print(_matrix(everything), file=sys.stderr)


def _of_kind(
    kind: Kind, seed: int, number: int, done: dict[tuple[str, int], Outcome], runs: Path | None
) -> list[Outcome]:
    found = []
    for repeat in range(kind.count):
        one = done.get((kind.name, repeat))
        if one is None:
            one = try_fault(kind, seed, number, repeat)
            if runs is not None:
                with runs.open("a", encoding="utf-8") as file:
                    file.write(json.dumps({"repeat": repeat, **asdict(one)}) + "\n")
        found.append(one)
    return found


def _read(runs: Path | None) -> dict[tuple[str, int], Outcome]:
    if runs is None or not runs.exists():
        return {}
    done = {}
    for line in runs.read_text(encoding="utf-8").splitlines():
        data = json.loads(line)
        repeat = data.pop("repeat")
        done[data["kind"], repeat] = Outcome(**data)
    return done


def row(runs: list[Outcome]) -> dict[str, Any]:
    """What was found of one kind of fault."""
    first = runs[0]
    wrong = Counter(one.named_layer or _NOBODY for one in runs if not one.layer_right)
    return {
        "kind": first.kind,
        "layer": first.layer or _NOBODY,
        "n": len(runs),
        "layer_right": sum(one.layer_right for one in runs),
        "right": sum(one.right for one in runs),
        "named_instead": dict(wrong),
        "succeeded": sum(one.success for one in runs),
        "troubled": sum(one.troubled for one in runs),
        "without_effect": sum(one.without_effect for one in runs),
    }


def summary(everything: list[Outcome], seed: int) -> dict[str, Any]:
    """What was found of all with this seed."""
    faulty = [one for one in everything if one.layer]
    sound = [one for one in everything if not one.layer]
    return {
        "seed": seed,
        "n": len(faulty),
        "layer_right": sum(one.layer_right for one in faulty),
        "right": sum(one.right for one in faulty),
        "bar": BAR,
        "sound": len(sound),
        "sound_blamed": sum(bool(one.named_layer) for one in sound),
        "sound_troubled": sum(one.troubled for one in sound),
        "confusion": confusion(everything),
    }


def confusion(everything: list[Outcome]) -> dict[str, dict[str, int]]:
    """How often which layer was named, by the layer that was made to go wrong."""
    layers = dict.fromkeys(one.layer or _NOBODY for one in everything)
    return {
        layer: dict(
            Counter(
                one.named_layer or _NOBODY for one in everything if (one.layer or _NOBODY) == layer
            )
        )
        for layer in layers
    }


def _matrix(everything: list[Outcome]) -> str:
    """The same as text."""
    counts = confusion(everything)
    names = list(dict.fromkeys([*counts, *(name for named in counts.values() for name in named)]))
    lines = [f"{'made wrong / named':>20} " + " ".join(f"{name:>11}" for name in names)]
    for layer, named in counts.items():
        lines.append(f"{layer:>20} " + " ".join(f"{named.get(name, 0):>11}" for name in names))
    return "\n".join(lines)


if __name__ == "__main__":
    main()
