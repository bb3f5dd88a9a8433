"""``python -m benchmarks.depth``: errors, speed, and what they are worth to a skill."""

import argparse
import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from benchmarks.depth.errors import KINDS, PIXELS, timing
from benchmarks.depth.errors import trial as errors_trial
from benchmarks.depth.skills import CAMERA_KINDS, DEPTHS, NOISE_SEEDS
from benchmarks.depth.skills import trial as skill_trial
from benchmarks.depth.twins import DEPTHS as TWIN_DEPTHS
from benchmarks.depth.twins import TWINS
from benchmarks.depth.twins import trial as twins_trial
from robot_skills.app.depth_scores import DepthScore, total

PARTS = ("errors", "timing", "skill", "twins")
Line = dict[str, Any]
_SKILLS, _TWINS = ("skill", "camera", "depth", "index"), ("skill", "depth", "index")
"""What tells the lines of trials apart."""


def main() -> None:
    """Try, sum up, print; trials that an earlier call has made are not made again."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.depth", description=__doc__)
    parser.add_argument("--only", nargs="+", default=list(PARTS), choices=PARTS)
    parser.add_argument("--layouts", type=int, default=12, help="of eight frames, per camera")
    parser.add_argument("--trials", type=int, default=100, help="of a skill, per camera and depth")
    parser.add_argument("--twin-trials", type=int, default=100, help="the same on twins")
    parser.add_argument("--skills", nargs="+", default=["grasp"])
    parser.add_argument("--cameras", nargs="+", default=list(CAMERA_KINDS), choices=CAMERA_KINDS)
    parser.add_argument("--depths", nargs="+", default=list(DEPTHS), choices=DEPTHS)
    parser.add_argument("--runs", type=Path, default=Path("outputs/depth"), help="folder of trials")
    parser.add_argument("--json", action="store_true", help="print lines of JSON")
    args = parser.parse_args()
    for part in args.only:
        rows: list[Line] = []
        match part:
            case "errors":
                for kind in KINDS:
                    todo = [(kind, i) for i in range(args.layouts)]
                    rows.append(errors_row(_done(args.runs / "errors.jsonl", todo, errors_trial)))
            case "timing":
                rows.append(timing())
            case "twins":
                for skill in args.skills:
                    for depth in TWIN_DEPTHS:
                        todo = [(skill, depth, i) for i in range(args.twin_trials)]
                        rows.append(
                            skill_row(_done(args.runs / "twins.jsonl", todo, twins_trial, _TWINS))
                        )
            case _:
                for skill in args.skills:
                    for kind, depth in _columns(args.cameras, args.depths):
                        todo = [(skill, kind, depth, i) for i in range(args.trials)]
                        done = _done(args.runs / "skills.jsonl", todo, skill_trial, _SKILLS)
                        rows.append(skill_row(done))
        for row in rows:
            print(json.dumps(row) if args.json else row, flush=True)


def _columns(kinds: Sequence[str], depths: Sequence[str]) -> list[tuple[str, str]]:
    """Camera and depth; exact depth is that of no camera."""
    columns = [("-", depth) for depth in depths if depth == "exact"]
    return columns + [(kind, depth) for kind in kinds for depth in depths if depth != "exact"]


def errors_row(lines: Sequence[Line]) -> Line:
    """All layouts of one camera together."""
    row: Line = {"part": "errors", "camera": lines[0]["camera"], "layouts": len(lines)}
    for name in lines[0]["scores"]:
        for pixels in PIXELS:
            found = total(score_of(line["scores"][name][pixels]) for line in lines)
            row.setdefault(name, {})[pixels] = {
                "holes": found.holes,
                "median_mm": 1e3 * found.median_m,
                "read_rmse_mm": 1e3 * found.read_rmse_m,
                "filled_rmse_mm": 1e3 * found.filled_rmse_m,
            }
    return row


def score_of(values: Line) -> DepthScore:
    """As a file has it."""
    return DepthScore(**{**values, "medians": tuple(values["medians"])})


def skill_row(lines: Sequence[Line]) -> Line:
    """All starts of one skill through one kind of depth; starts that failed do not count."""
    tried = [line for line in lines if line["set_up"]]
    same = ("part", "skill", "camera", "depth")
    return {
        **{name: lines[0][name] for name in same},
        "n": len(tried),
        "success": sum(line["success"] for line in tried),
        "noise_seeds": min(TWINS if lines[0]["part"] == "twins" else NOISE_SEEDS, len(lines)),
    }


def _done(
    path: Path,
    todo: Sequence[tuple],
    make: Callable[..., Line],
    names: Sequence[str] = ("camera", "index"),
) -> list[Line]:
    """The lines of all trials, in their order; what the file has is not made again."""
    path.parent.mkdir(parents=True, exist_ok=True)
    text = path.read_text(encoding="utf-8") if path.exists() else ""
    known = {tuple(line[n] for n in names): line for line in map(json.loads, text.splitlines())}
    with path.open("a", encoding="utf-8") as file:
        for key in todo:
            if key not in known:
                known[key] = make(*key)
                file.write(json.dumps(known[key]) + "\n")
                file.flush()
    return [known[key] for key in todo]


if __name__ == "__main__":
    main()
