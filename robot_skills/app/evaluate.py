"""`robot-skills eval`: success over unseen seeds, with its interval."""

import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, replace
from functools import partial
from itertools import count
from pathlib import Path
from typing import Any

from robot_skills.app.options import EvalOptions
from robot_skills.app.outcome import CommandResult
from robot_skills.app.zoo import zoo_dir
from robot_skills.core.errors import RefusedError, unknown_name


def main(options: EvalOptions) -> CommandResult:
    """Evaluate what the options name and print a table."""
    _refuse_contradictions(options)
    if options.factor is not None:
        from robot_skills.app.factors import measure_factors

        return measure_factors(options)
    if options.suite is not None and ":" in options.suite:
        jobs = _task_jobs(options, options.suite)
    else:
        jobs = _skill_jobs(options)
    trials = []
    skipped = 0
    for name, job in jobs.items():
        done, left_out = run_trials(job, options.episodes, options.workers, name)
        trials += done
        skipped += left_out
    payload = summary(trials, options, skipped)
    print_summary(payload)
    if options.record and options.skill is not None:
        from robot_skills.app.card_results import record_result

        print(f"recorded in {record_result(options.zoo or zoo_dir(), options, payload)}")
    return CommandResult(payload=payload)


def _refuse_contradictions(options: EvalOptions) -> None:
    if (options.skill is None) == (options.suite is None):
        raise RefusedError("Say what to measure: either --skill NAME or --suite tabletop.")
    if options.episodes < 1 or options.workers < 1:
        raise RefusedError("--episodes and --workers must be at least 1.")
    for option, value in (("--level", options.level), ("--factor", options.factor)):
        if value is not None and options.suite != "tabletop":
            raise RefusedError(f"{option} is of --suite tabletop.")
    if options.level is not None and options.factor is not None:
        raise RefusedError("Choose one: either --level, or --factor, which varies level I.")
    if options.factor is None and (options.zoos or options.figure is not None):
        raise RefusedError("--zoos and --figure are of --factor.")
    if options.zoo is not None and options.zoos:
        raise RefusedError("Choose one: --zoo FOLDER, or --zoos with a folder per training seed.")


def _task_jobs(options: EvalOptions, task: str) -> dict[str, Callable[[int], Any]]:
    """One job: a policy in a suite's task."""
    if options.checkpoint is None:
        raise RefusedError(f"Say which policy to measure in {task}: --checkpoint FOLDER.")
    from robot_skills.app.suite_trials import SuiteTrialConfig, open_policy, suite_task_trial
    from sim.suites import find_task

    config = SuiteTrialConfig(
        task=task,
        checkpoint=options.checkpoint,
        seed=options.seed,
        execute_steps=options.execute_steps,
    )
    # What does not fit is refused here, before any process starts.
    open_policy(options.checkpoint, find_task(task).state_names)
    return {task: partial(suite_task_trial, config)}


def _skill_jobs(options: EvalOptions) -> dict[str, Callable[[int], Any]]:
    """One job per skill or instruction."""
    from robot_skills.app.suites import SUITES, suite_trial
    from robot_skills.app.trials import TrialConfig, skill_trial
    from sim.arms import ARMS

    if options.arm not in ARMS:
        raise unknown_name("arm", options.arm, ARMS)
    if options.level is not None and options.checkpoint is not None:
        return _task_centric_job(options, options.checkpoint)
    if options.checkpoint is not None:
        from policies.loading import load_policy

        # A damaged one is refused here, before any process starts.
        load_policy(options.checkpoint)
    config = TrialConfig(
        arm=options.arm,
        scene=options.scene,
        seed=options.seed,
        zoo=options.zoo or zoo_dir(),
        checkpoint=options.checkpoint,
    )
    if options.skill is not None:
        from robot_skills.skills.library import SkillLibrary
        from sim.variation import MEASURED

        learned = [card.name for card in SkillLibrary.load(config.zoo) if card.checkpoint]
        if options.skill not in learned:
            raise unknown_name("learned skill", options.skill, learned)
        measured = replace(config, variation=MEASURED)
        return {options.skill: partial(skill_trial, measured, options.skill)}
    if options.suite not in SUITES:
        raise unknown_name("suite", str(options.suite), SUITES)
    if options.level is not None:
        from robot_skills.app.suites import level_trial
        from sim.tabletop.levels import LEVELS

        level = LEVELS[options.level]
        return {f"level {level.name}": partial(level_trial, config, level)}
    return {task.name: partial(suite_trial, config, task) for task in SUITES[str(options.suite)]}


def _task_centric_job(options: EvalOptions, checkpoint: Path) -> dict[str, Callable[[int], Any]]:
    """One job: a policy of whole tasks at a level."""
    from robot_skills.app.task_centric import (
        TaskCentricConfig,
        open_task_policy,
        task_centric_trial,
    )
    from sim.tabletop.levels import LEVELS

    # What does not fit is refused here, before any process starts.
    open_task_policy(checkpoint)
    config = TaskCentricConfig(
        checkpoint=checkpoint, seed=options.seed, execute_steps=options.execute_steps
    )
    level = LEVELS[str(options.level)]
    return {f"level {level.name}": partial(task_centric_trial, config, level)}


def run_trials(
    job: Callable[[int], Any], episodes: int, workers: int, name: str
) -> tuple[list[Any], int]:
    """The first `episodes` trials that could be set up, and how many could not."""
    from tqdm import tqdm

    done: list[Any] = []
    skipped = 0
    bar = tqdm(total=episodes, desc=name, unit="trial", file=sys.stderr)
    for trial in _results(job, workers):
        if trial is None:
            skipped += 1
            continue
        done.append(trial)
        bar.set_postfix(success=sum(t.success for t in done), refresh=False)
        bar.update()
        if len(done) == episodes:
            break
    bar.close()
    return done, skipped


def _results(job: Callable[[int], Any], workers: int) -> Iterator[Any]:
    """Trials 0, 1, 2, ... in order; None where the start could not be brought about."""
    from robot_skills.app.pool import in_order

    return in_order((partial(guarded, job, i) for i in count()), workers)


def guarded(job: Callable[[int], Any], index: int) -> Any:
    """What a job returns for an index; None where its start could not be brought about."""
    from robot_skills.app.trials import SetupFailed

    try:
        return job(index)
    except SetupFailed:
        return None


def wilson(successes: int, n: int) -> tuple[float, float]:
    """95 % Wilson score interval of a success rate."""
    from scipy.stats import binomtest

    interval = binomtest(successes, n).proportion_ci(method="wilson")
    return float(interval.low), float(interval.high)


def summary(trials: Sequence[Any], options: EvalOptions, skipped: int) -> dict[str, Any]:
    """What `--json` prints."""
    n = len(trials)
    successes = sum(trial.success for trial in trials)
    groups = sorted({trial.group for trial in trials})
    per_task = {}
    for group in groups:
        rows = [trial for trial in trials if trial.group == group]
        good = sum(trial.success for trial in rows)
        per_task[group] = {
            "n": len(rows),
            "successes": good,
            "rate": good / len(rows),
            "ci95": wilson(good, len(rows)),
            "believed": sum(trial.believed for trial in rows),
            "disagree": sum(trial.believed != trial.success for trial in rows),
        }
    latencies = sorted(trial.chunk_ms for trial in trials if trial.chunk_ms > 0.0)
    return {
        "skill": options.skill,
        "suite": options.suite,
        "level": options.level,
        "arm": _arms(options),
        "scene": options.scene,
        "seed": options.seed,
        "n": n,
        "successes": successes,
        "rate": successes / n,
        "ci95": wilson(successes, n),
        "believed": sum(trial.believed for trial in trials),
        "disagree": sum(trial.believed != trial.success for trial in trials),
        "skipped_setups": skipped,
        "sim_s": sum(trial.sim_s for trial in trials) / n,
        "wall_s": sum(trial.wall_s for trial in trials) / n,
        "chunk_ms": latencies[len(latencies) // 2] if latencies else 0.0,
        "per_task": per_task,
        "failures": [asdict(t) for t in trials if not (t.success and t.believed)],
    }


def _arms(options: EvalOptions) -> str:
    """What was measured on; a level brings its own arms."""
    if options.level is None:
        return options.arm
    from sim.tabletop.levels import LEVELS

    return ", ".join(LEVELS[options.level].arms)


def print_summary(payload: dict[str, Any]) -> None:
    """The same as a table for people."""
    rows = [*payload["per_task"].items(), ("all", payload)]
    width = max(len(name) for name, _ in rows)
    head = f"{'':<{width}}     n   ok  rate   95 % interval  believed  disagree"
    print(head)
    for name, row in rows:
        low, high = row["ci95"]
        print(
            f"{name:<{width}}  {row['n']:>4} {row['successes']:>4}  {row['rate']:.2f}"
            f"   {low:.2f} - {high:.2f}    {row['believed']:>6}  {row['disagree']:>8}"
        )
    for failure in payload["failures"]:
        mark = "believed, but " if failure["believed"] and not failure["success"] else ""
        print(f"  #{failure['index']} {failure['task']}: {mark}{failure['reason']}")
