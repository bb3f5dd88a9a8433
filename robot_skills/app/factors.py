"""`robot-skills eval --suite tabletop --factor NAME`: what varying one factor costs in success."""

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path
from typing import Protocol

from robot_skills.app.evaluate import run_trials
from robot_skills.app.intervals import Interval, paired_difference
from robot_skills.app.options import EvalOptions
from robot_skills.app.outcome import CommandResult
from robot_skills.app.suites import level_trial
from robot_skills.app.tables import text_table
from robot_skills.app.trials import Trial, TrialConfig
from robot_skills.app.zoo import zoo_dir
from robot_skills.core.errors import RefusedError, unknown_name
from sim.tabletop.factors import TABLETOP_FACTORS, Factor
from sim.tabletop.levels import SEEN_ARM

ALL = "all"
"""Stands for every factor."""

Runner = Callable[[Callable[[int], Trial], int, int, str], tuple[list[Trial], int]]
"""Makes so many trials of a job with so many workers under a name, see `run_trials`."""


class Ended(Protocol):
    """How a trial ended."""

    @property
    def success(self) -> bool:
        """The goal holds in the simulator's truth."""
        ...

    @property
    def believed(self) -> bool:
        """The stack says so."""
        ...


@dataclass(frozen=True, kw_only=True, slots=True)
class Drop:
    """What varying a factor costs.

    Attributes:
        factor: Its name.
        n: Pairs of trials: as usual, and varied, from the same seed.
        usual: Successes as usual.
        varied: Successes with the factor varied.
        drop: Share of the successes that is lost; below 0 when it went better.
        ci90: Bootstrap interval of the drop.
        false_reports: Varied trials that were believed to have succeeded and had not.
        left_out: Tasks that the factor cannot act on.
    """

    factor: str
    n: int
    usual: int
    varied: int
    drop: float
    ci90: Interval
    false_reports: int
    left_out: tuple[str, ...]


def drop_of(
    factor: Factor, usual: Sequence[Sequence[Ended]], varied: Sequence[Sequence[Ended]]
) -> Drop:
    """Compare the two sides of a factor.

    Args:
        factor: Which one.
        usual: Trials as usual, for each training seed.
        varied: Their counterparts, in the same order.
    """
    lost = paired_difference(
        *([[trial.success for trial in trials] for trials in side] for side in (usual, varied))
    )
    return Drop(
        factor=factor.name,
        n=lost.n,
        usual=sum(trial.success for trials in usual for trial in trials),
        varied=sum(trial.success for trials in varied for trial in trials),
        drop=lost.mean,
        ci90=lost.ci90,
        false_reports=sum(
            trial.believed and not trial.success for trials in varied for trial in trials
        ),
        left_out=factor.left_out,
    )


def measure_factors(options: EvalOptions, run: Runner = run_trials) -> CommandResult:
    """Measure what the options name, print the drops, and draw them where a figure is wanted.

    Args:
        options: What is asked for.
        run: Makes the trials of one side.

    Raises:
        UnknownNameError: There is no such factor.
    """
    factors = _factors(str(options.factor))
    zoos = options.zoos or (options.zoo or zoo_dir(),)
    trials = _measure(factors, options, zoos, run)
    drops = sorted(
        (drop_of(each, trials[each.usual.name], trials[each.varied.name]) for each in factors),
        key=lambda drop: -drop.drop,
    )
    print(_table(drops))
    for drop in drops:
        if drop.left_out:
            print(f"{drop.factor} cannot act on, and leaves out: {', '.join(drop.left_out)}")
    if options.figure is not None:
        from robot_skills.app.success_figures import drops_figure

        drops_figure(drops, options.figure, training_seeds=len(zoos))
        print(f"figure  {options.figure}")
    return CommandResult(
        payload={
            "suite": options.suite,
            "factor": options.factor,
            "arm": SEEN_ARM,
            "scene": options.scene,
            "seed": options.seed,
            "zoos": [str(zoo) for zoo in zoos],
            "factors": [asdict(drop) for drop in drops],
            "failures": [
                {"level": name, "zoo": str(zoo), **asdict(trial)}
                for name, groups in trials.items()
                for zoo, group in zip(zoos, groups, strict=True)
                for trial in group
                if not (trial.success and trial.believed)
            ],
        }
    )


def _factors(name: str) -> tuple[Factor, ...]:
    if name == ALL:
        return tuple(TABLETOP_FACTORS.values())
    if name not in TABLETOP_FACTORS:
        raise unknown_name("factor", name, (*TABLETOP_FACTORS, ALL))
    return (TABLETOP_FACTORS[name],)


def _measure(
    factors: Sequence[Factor], options: EvalOptions, zoos: Sequence[Path], run: Runner
) -> dict[str, list[list[Trial]]]:
    """Trials of every side, by its name, for each zoo; what several factors share is made once."""
    if len(set(zoos)) != len(zoos):
        raise RefusedError("A folder of --zoos is given twice; each is a training seed of its own.")
    config = TrialConfig(
        arm=SEEN_ARM, scene=options.scene, seed=options.seed, zoo=zoos[0], checkpoint=None
    )
    sides = {side.name: side for factor in factors for side in (factor.usual, factor.varied)}
    return {
        name: [
            run(
                partial(level_trial, replace(config, zoo=zoo), side),
                options.episodes,
                options.workers,
                f"{name} ({zoo.name})",
            )[0]
            for zoo in zoos
        ]
        for name, side in sides.items()
    }


def _table(drops: Sequence[Drop]) -> str:
    head = ("factor", "pairs", "usual", "varied", "drop, points", "90 % interval", "false reports")
    rows = [
        (
            drop.factor,
            str(drop.n),
            f"{drop.usual / drop.n:.2f}",
            f"{drop.varied / drop.n:.2f}",
            f"{100 * drop.drop:.1f}",
            f"{100 * drop.ci90[0]:.1f} to {100 * drop.ci90[1]:.1f}",
            str(drop.false_reports),
        )
        for drop in drops
    ]
    return text_table(head, rows)
