"""``python -m benchmarks.instructions``: whether planners make the right thing of written words.

Of the half that planners may be tuned on, everything that went wrong is listed. Of the held-out
half only counts are printed, so that nobody tunes on it by reading; ``--show`` lists it all the
same.
"""

import argparse
import json
from functools import partial
from typing import Any

from benchmarks.instructions.candidates import RECORDED, planner_named
from benchmarks.instructions.counting import answers, summary
from benchmarks.instructions.instruction import Half, load
from benchmarks.instructions.judge import Judge, Verdict
from benchmarks.instructions.timing import timed
from benchmarks.markdown import number
from robot_skills.app.zoo import zoo_dir
from robot_skills.skills.library import SkillLibrary

_ALL = "all"


def main() -> None:
    """Ask, judge, time and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--half", choices=(*(half.value for half in Half), _ALL), default=_ALL)
    parser.add_argument(
        "--planner",
        default="rules",
        help="who plans; rules+recorded asks the second, a model on record, where one refuses",
    )
    parser.add_argument("--repeats", type=int, default=3, help="for the times")
    parser.add_argument("--show", action="store_true", help="list what went wrong, held out or not")
    parser.add_argument("--json", action="store_true", help="print lines of JSON")
    args = parser.parse_args()
    make = partial(planner_named, args.planner)
    judge = Judge(SkillLibrary.load(zoo_dir()))
    for half in Half:
        if args.half not in (half.value, _ALL):
            continue
        instructions = load(half)
        line = summary(
            half,
            args.planner,
            answers(make(), judge, instructions),
            None if RECORDED in args.planner else timed(make, instructions, args.repeats),
            shown=args.show or half is Half.TUNED,
        )
        print(json.dumps(line) if args.json else as_text(line), flush=True)


def as_text(line: dict[str, Any]) -> str:
    """The figures of a half as text for a terminal."""
    rows = [f"{line['half']} half, planner {line['planner']}"]
    rows += [f"  {'kind':<14}{'right':>8}{'unsafe':>8}"]
    for kind, counts in line["per_kind"].items():
        right = f"{counts['right']}/{counts['n']}"
        rows.append(f"  {kind:<14}{right:>8}{counts['unsafe']:>8}")
    low, high = line["ci95"]
    share = line["right"] / line["n"]
    rows.append(
        f"  right: {line['right']} of {line['n']}, {100 * share:.0f} % "
        f"({100 * low:.0f} to {100 * high:.0f})"
    )
    rows += [f"    {verdict.value}: {line[verdict.value]}" for verdict in Verdict]
    if "planned" not in line:
        return "\n".join(rows + _wrong(line))
    rows.append(
        f"  ms of {line['planned']} plans: {number(line['plan_ms'])}, p95 "
        f"{number(line['plan_p95_ms'])}; of a refusal {number(line['refuse_ms'])}; of encoding the "
        f"words {number(line['encode_ms'])}; plan : encoding {number(line['ratio'])}"
    )
    calls = "refused" if line["long_calls"] is None else f"{line['long_calls']} calls"
    rows.append(f"  {calls} among {line['long_entities']} things: {number(line['long_ms'])} ms")
    return "\n".join(rows + _wrong(line))


def _wrong(line: dict[str, Any]) -> list[str]:
    return [
        text
        for wrong in line.get("wrong", ())
        for text in (
            f"  {wrong['id']} {wrong['verdict']}: {wrong['text']}",
            f"      {wrong['detail']}",
        )
    ]


if __name__ == "__main__":
    main()
