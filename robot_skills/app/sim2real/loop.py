"""A skill from the simulation to a robot, stage by stage; what is done is not done again."""

import sys
import time
from typing import Any

from policies.success import policy_sha256
from robot_skills.app.evaluate import wilson
from robot_skills.app.intervals import paired_difference
from robot_skills.app.outcome import CommandResult
from robot_skills.app.sim2real.artefact import Kept, find, keep
from robot_skills.app.sim2real.bed import Bed, TwinBed
from robot_skills.app.sim2real.options import Sim2RealOptions
from robot_skills.app.sim2real.report import REPORT, write_report
from robot_skills.app.sim2real.stages import PLAN, STAGES, Loop, Measured, Plan
from robot_skills.app.sim2real.trial_log import forget_trials
from robot_skills.app.zoo import zoo_dir
from robot_skills.core.errors import RefusedError, unknown_name
from sim.arms import ARMS
from sim.experts import EXPERTS
from sim.twin import twin_seed

_TWIN_ARM = "panda"


def carry_over(options: Sim2RealOptions) -> CommandResult:
    """Do all stages that are not done, and say what came of it."""
    loop = _loop(options)
    kept = run(loop)
    payload = summary(loop, kept)
    write_report(loop, kept, payload)
    before, after = payload["success_before"], payload["success_after"]
    print(
        f"{loop.plan.skill} on {loop.bed.name}: {100 * before:.0f} % before, {100 * after:.0f} % "
        f"after, {payload['n']} trials each. {loop.folder / REPORT}"
    )
    return CommandResult(payload=payload)


def _loop(options: Sim2RealOptions) -> Loop:
    if min(options.trials, options.demonstrations, options.steps) < 1:
        raise RefusedError("--trials, --demonstrations and --steps must be at least 1.")
    if options.arm is not None and options.arm not in ARMS:
        raise unknown_name("arm", options.arm, ARMS)
    if options.skill not in EXPERTS:
        raise unknown_name("skill with an expert", options.skill, EXPERTS)
    zoo = options.zoo or zoo_dir()
    plan = Plan(
        skill=options.skill,
        seed=options.seed,
        trials=options.trials,
        demonstrations=options.demonstrations,
        steps=options.steps,
        policy_sha256=policy_sha256(zoo / options.skill),
    )
    return Loop(bed=_bed(options), plan=plan, folder=options.out, zoo=zoo)


def _bed(options: Sim2RealOptions) -> Bed:
    """A twin, or a cell and whoever stands beside it."""
    seed = twin_seed(options.robot)
    if seed is not None:
        return TwinBed(seed=seed, arm=options.arm or _TWIN_ARM)
    if options.arm is not None:
        raise RefusedError("--arm is for twins: the arm of a cell is in its file. Leave it out.")
    from robot_skills.app.cells import load_cell
    from robot_skills.app.sim2real.cell_bed import CellBed
    from robot_skills.app.sim2real.person import Console

    return CellBed(cell=load_cell(options.robot), person=Console())


def run(loop: Loop) -> dict[str, Kept]:
    """Every stage's artefact, by name; those that are there are taken as they are.

    Raises:
        RefusedError: One that is there is of another run or robot, stale, or damaged.
    """
    kept = {PLAN: _planned(loop)}
    for number, stage in enumerate(STAGES, start=1):
        inputs = {name: kept[name] for name in stage.needs}
        found = find(loop.folder, stage.name, loop.bed.name, inputs)
        known = "" if found is None else " (is there)"
        print(f"{number}/{len(STAGES)} {stage.name}: {stage.summary}{known}", file=sys.stderr)
        if found is None:
            start_s = time.perf_counter()
            body = stage.make(loop, inputs)
            seconds = time.perf_counter() - start_s
            found = keep(loop.folder, stage.name, loop.bed.name, inputs, body, seconds)
            forget_trials(loop.folder, stage.name)
        kept[stage.name] = found
    return kept


def _planned(loop: Loop) -> Kept:
    """What the run is about, which never changes.

    Raises:
        RefusedError: The folder is of a run about something else.
    """
    found = find(loop.folder, PLAN, loop.bed.name, {})
    if found is None:
        return keep(loop.folder, PLAN, loop.bed.name, {}, loop.plan, 0.0)
    if found.read(Plan) != loop.plan:
        raise RefusedError(
            f"{loop.folder} is of another run ({dict(found.artefact.body)}): repeat its options, "
            "or choose another --out."
        )
    return found


def summary(loop: Loop, kept: dict[str, Kept]) -> dict[str, Any]:
    """What `--json` prints."""
    before, after = (kept[name].read(Measured).successes for name in ("before", "after"))
    gain = paired_difference([after], [before])
    return {
        "robot": loop.bed.name,
        "skill": loop.plan.skill,
        "n": len(after),
        "success_before": sum(before) / len(before),
        "success_after": sum(after) / len(after),
        "ci95_before": wilson(sum(before), len(before)),
        "ci95_after": wilson(sum(after), len(after)),
        "gain": gain.mean,
        "gain_ci90": gain.ci90,
        "seconds": {name: one.artefact.seconds for name, one in kept.items()},
        "sha256": {name: one.sha256 for name, one in kept.items()},
        "report": str(loop.folder / REPORT),
    }
