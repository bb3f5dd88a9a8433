"""Measures the central table: ``python -m benchmarks.table``.

Trials run side by side; each that is finished is kept, so that an interrupted run goes on when the
same command is given again, and what was measured with the same skills is not measured again. When
the time is over, the table holds what there is, and says how much that is.
"""

import argparse
import sys
import time
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from fnmatch import fnmatchcase
from pathlib import Path

from tqdm import tqdm

from benchmarks import results_page
from benchmarks.table.backends import Backend, load_ray, local_backend, ray_backend
from benchmarks.table.cells import CELLS, Cell, TrainingSeed
from benchmarks.table.figure import table_figure
from benchmarks.table.growing import Stream, grow
from benchmarks.table.methods import METHODS, SKILLS
from benchmarks.table.rows import Row, count, read_rows, write_rows
from benchmarks.table.trial_log import TrialLog
from robot_skills.app.tables import text_table
from robot_skills.app.trials import Trial
from robot_skills.app.zoo import seed_zoos
from robot_skills.core.errors import RefusedError, RobotSkillsError, unknown_name

OUT = Path("outputs/table")
EPISODES = 50
FIGURE = results_page.ROOT / "docs" / "table.png"
ROWS = results_page.RESULTS / "table.jsonl"


def chosen(patterns: Sequence[str] | None) -> list[Cell]:
    """The cells that patterns name; all without any.

    Raises:
        UnknownNameError: A pattern names none.
    """
    if patterns is None:
        return list(CELLS)
    for pattern in patterns:
        if not any(fnmatchcase(cell.name, pattern) for cell in CELLS):
            raise unknown_name("cell", pattern, [cell.name for cell in CELLS])
    return [cell for cell in CELLS if any(fnmatchcase(cell.name, each) for each in patterns)]


def training_seeds(zoos: Sequence[Path]) -> list[TrainingSeed]:
    """What was trained, one entry per folder.

    Raises:
        RefusedError: A folder holds no skills, or the same ones as another.
    """
    found = [TrainingSeed.of(zoo) for zoo in zoos]
    if len({trained.hashes[SKILLS.name] for trained in found}) != len(found):
        names = ", ".join(str(zoo) for zoo in zoos)
        raise RefusedError(f"Two of {names} hold the same skills; each is to be trained anew.")
    return found


def left_out(cells: Sequence[Cell], trained: Sequence[TrainingSeed]) -> list[str]:
    """What cannot be measured with a training seed, in words."""
    methods = dict.fromkeys(cell.method for cell in cells)
    return [
        f"{name} is left out of {each.zoo.name}: there is no {each.zoo / str(METHODS[name].folder)}"
        for name in methods
        for each in trained
        if name not in each.hashes
    ]


def measure(
    streams: Sequence[Stream],
    log: TrialLog,
    backend: AbstractContextManager[Backend],
    budget_s: float,
) -> None:
    """Make the trials that are missing, for as long as there is time, and show how far it is."""
    end_s = time.monotonic() + budget_s
    missing = {key for stream in streams for key in stream.missing(log)}
    with (
        backend as opened,
        tqdm(total=len(missing), unit="trial", file=sys.stderr, smoothing=0.05) as bar,
    ):

        def on_trial(_: Trial | None) -> None:
            left_min = max(0.0, end_s - time.monotonic()) / 60.0
            bar.set_postfix_str(f"budget {left_min:.0f} min", refresh=False)
            bar.update()

        grow(streams, log, opened, lambda: end_s - time.monotonic(), on_trial)


def summary(rows: Sequence[Row]) -> str:
    """The rows for a terminal."""
    head = (
        "cell",
        "n",
        "success",
        "90 % interval",
        "required",
        "false reports",
        "drop",
        "skills ahead",
        "required",
    )
    lines = [
        (
            row.cell,
            str(row.n),
            f"{row.rate:.3f}",
            f"{row.ci90[0]:.3f} to {row.ci90[1]:.3f}",
            _required(row.rate, row.bar),
            str(row.false_reports),
            "" if row.drop is None else f"{row.drop.drop:+.3f}",
            *_ahead(row),
        )
        for row in rows
    ]
    return text_table(head, lines)


def _ahead(row: Row) -> tuple[str, str]:
    """How far our skills are ahead of a method, and how far they have to be."""
    if row.lead is None:
        return "", ""
    lead, (low, high) = row.lead.mean, row.lead.ci90
    return f"{lead:+.3f}, {low:+.3f} to {high:+.3f}", _required(lead, row.lead_bar)


def _required(found: float, bar: float | None) -> str:
    if bar is None:
        return ""
    return f"{bar:.2f}" if found >= bar else f"{bar:.2f} MISSED"


def _counted(streams: Mapping[Cell, Sequence[Stream]], log: TrialLog, path: Path) -> list[Row]:
    """Rows of the cells that were asked for, and of the others what was written before."""
    asked = {cell.name for cell in streams}
    rows = {row.cell: row for row in read_rows(path) if row.cell not in asked}
    for cell, of_cell in streams.items():
        row = count(cell, of_cell, log)
        if row is not None:
            rows[cell.name] = row
    if not rows:
        raise RefusedError("No trial was finished in this time: give a longer --budget-minutes.")
    return [rows[cell.name] for cell in CELLS if cell.name in rows]


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.table", description=__doc__)
    parser.add_argument(
        "--only",
        nargs="+",
        metavar="CELL",
        help="cells to measure, or patterns of their names, such as 'skill:*' or 'level:IV:*'",
    )
    parser.add_argument(
        "--zoos",
        nargs="+",
        type=Path,
        help="folders of skills, one per training seed; all shipped ones by default",
    )
    parser.add_argument(
        "--episodes", type=int, default=EPISODES, help="trials per cell and training seed"
    )
    parser.add_argument("--budget-minutes", type=float, default=60.0, help="when to stop")
    parser.add_argument("--workers", type=int, default=2, help="processes")
    parser.add_argument("--ray", metavar="ADDRESS", help="run on this Ray cluster instead")
    parser.add_argument("--out", type=Path, default=OUT, help="folder for finished trials")
    parser.add_argument(
        "--draft",
        action="store_true",
        help="write table.jsonl and table.png into --out, and publish nothing",
    )
    return parser


def _run(args: argparse.Namespace) -> None:
    if args.episodes < 1 or args.workers < 1:
        raise RefusedError("--episodes and --workers must be at least 1.")
    cells = chosen(args.only)
    trained = training_seeds(args.zoos or seed_zoos())
    for line in left_out(cells, trained):
        print(line, file=sys.stderr)
    log = TrialLog.open(args.out / "trials.jsonl")
    streams = {
        cell: [
            Stream(jobs=cell.jobs(each), wanted=args.episodes)
            for each in trained
            if cell.method in each.hashes
        ]
        for cell in cells
    }
    backend = local_backend(args.workers) if args.ray is None else ray_backend(load_ray(), args.ray)
    everything = [stream for of_cell in streams.values() for stream in of_cell]
    measure(everything, log, backend, 60.0 * args.budget_minutes)
    path, figure = (ROWS, FIGURE)
    if args.draft:
        path, figure = args.out / ROWS.name, args.out / FIGURE.name
    rows = _counted(streams, log, path)
    print(summary(rows))
    write_rows(path, rows)
    table_figure(rows, figure)
    print(f"table   {path}\nfigure  {figure}")
    if not args.draft:
        results_page.main()
        print(f"page    {results_page.PAGE}")


def main(argv: Sequence[str] | None = None) -> int:
    """Measure what the arguments ask for, and publish it.

    Args:
        argv: Arguments without the program's name; `sys.argv` when None.
    """
    try:
        _run(_parser().parse_args(argv))
    except RobotSkillsError as error:
        print(error, file=sys.stderr)
        return error.exit_code
    except KeyboardInterrupt:
        print("Interrupted; the same command goes on from here.", file=sys.stderr)
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())
