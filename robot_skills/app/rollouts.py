"""`robot-skills rollouts`: attempts of a learned skill, many of which are made to fail.

Attempt i depends on ``(seed, i)`` alone and becomes one file, so an interrupted call goes on where
it stopped, and the number of workers changes nothing.
"""

import json
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path

import numpy as np

from policies.rollouts import INFO, Rollout, RolloutsInfo, read_info, read_rollouts
from robot_skills.app.options import RolloutsOptions
from robot_skills.app.outcome import CommandResult
from robot_skills.app.zoo import zoo_dir
from robot_skills.core.errors import (
    CheckpointError,
    DatasetError,
    RefusedError,
    StorageError,
    unknown_name,
)
from robot_skills.core.policy import PolicyInput, encode_state
from robot_skills.core.types import DEFAULT_ARM
from robot_skills.skills.library import SkillLibrary

_SETTLED_S = 0.6


@dataclass(frozen=True, kw_only=True, slots=True)
class RolloutConfig:
    """What is attempted.

    Attributes:
        skill: Name of the skill.
        arm: Kind of arm.
        seed: Attempt i depends on ``(seed, i)`` alone.
        zoo: Folder of the skill cards.
        checkpoint: Policy that replaces the card's own.
    """

    skill: str
    arm: str
    seed: int
    zoo: Path
    checkpoint: Path | None = None


def main(options: RolloutsOptions) -> CommandResult:
    """Collect the attempts that the options ask for."""
    config = _config(options)
    try:
        _claim(options.out, config)
        _collect(config, options.out, options.episodes, options.workers)
    except OSError as error:
        raise StorageError(f"Rollouts cannot be written to {options.out}: {error}") from error
    _, rollouts = read_rollouts(options.out)
    per_mishap = {
        kind: {
            "n": len(rows),
            "successes": sum(row.success for row in rows),
            "believed": sum(row.believed for row in rows),
        }
        for kind in sorted({rollout.mishap for rollout in rollouts})
        if (rows := [rollout for rollout in rollouts if rollout.mishap == kind])
    }
    successes = sum(rollout.success for rollout in rollouts)
    print(f"{len(rollouts)} rollouts in {options.out}, {successes} of them successes")
    for kind, row in per_mishap.items():
        print(f"  {kind:<10} {row['n']:>4}, {row['successes']} succeeded")
    return CommandResult(
        payload={
            "out": str(options.out),
            "skill": options.skill,
            "n": len(rollouts),
            "successes": successes,
            "frames": sum(len(rollout.states) for rollout in rollouts),
            "per_mishap": per_mishap,
        }
    )


def _config(options: RolloutsOptions) -> RolloutConfig:
    from sim.arms import ARMS
    from sim.mishaps import SHARES

    if options.workers < 1 or options.episodes < 1:
        raise RefusedError("--episodes and --workers must be at least 1.")
    if options.skill not in SHARES:
        raise unknown_name("skill with mishaps", options.skill, SHARES)
    if options.arm not in ARMS:
        raise unknown_name("arm", options.arm, ARMS)
    return RolloutConfig(
        skill=options.skill,
        arm=options.arm,
        seed=options.seed,
        zoo=options.zoo or zoo_dir(),
        checkpoint=options.checkpoint,
    )


def _claim(out: Path, config: RolloutConfig) -> None:
    """Start the folder, or make sure that it is of this run."""
    from policies.success import policy_sha256

    directory = config.checkpoint or config.zoo / config.skill
    info = RolloutsInfo(
        skill=config.skill,
        arm=config.arm,
        seed=config.seed,
        policy_sha256=policy_sha256(directory),
    )
    if (out / INFO).exists():
        found = read_info(out)
        if found != info:
            raise DatasetError(
                f"{out} holds rollouts of another run ({found}); remove it or choose another --out."
            )
        return
    out.mkdir(parents=True, exist_ok=True)
    unfinished = out / f"{INFO}.tmp"
    unfinished.write_text(json.dumps(info.to_json(), indent=2) + "\n", encoding="utf-8")
    unfinished.replace(out / INFO)


def _collect(config: RolloutConfig, out: Path, episodes: int, workers: int) -> None:
    from tqdm import tqdm

    from sim.attempts import make_attempts

    finished = {
        int(path.stem.removeprefix("rollout_")): path.suffix == ".npz"
        for path in out.glob("rollout_*")
        if path.suffix in (".npz", ".json")
    }
    good = sum(finished.values())
    bar = tqdm(total=episodes, initial=min(good, episodes), desc=f"{config.skill}", unit="rollout")
    outcomes = make_attempts(
        partial(_attempt, config, out), made=finished, missing=episodes - good, workers=workers
    )
    try:
        for success in outcomes:
            bar.update(success)
    finally:
        outcomes.close()
        bar.close()


def _attempt(config: RolloutConfig, out: Path, index: int) -> bool:
    """Make attempt `index` and write it down; whether it could be set up."""
    path = out / f"rollout_{index:06d}"
    made = make_rollout(config, index)
    if isinstance(made, Rollout):
        made.save(path.with_suffix(".npz"))
        return True
    unfinished = path.with_suffix(".tmp")
    unfinished.write_text(json.dumps({"reason": made}), encoding="utf-8")
    unfinished.replace(path.with_suffix(".json"))
    return False


def make_rollout(config: RolloutConfig, index: int) -> Rollout | str:
    """One attempt, or why it could not be set up."""
    from robot_skills.app.gating import gate_here
    from robot_skills.core.events import EventKind, EventList
    from robot_skills.core.plan import SkillCall
    from robot_skills.core.predicates import unmet
    from robot_skills.skills.runner import SkillContext, run_skill
    from sim.demonstrate import AttemptFailed, move_to, prepare
    from sim.mishaps import Blur, draw_mishap, happen
    from sim.robot import SimRobot
    from sim.scenarios import draw_scenario
    from sim.truth import truth_scene

    rng = np.random.default_rng((config.seed, index))
    scenario = draw_scenario(config.skill, rng)
    mishap = draw_mishap(config.skill, rng)
    thing, into = scenario.args["object"], scenario.args.get("socket")
    onto = scenario.args.get("target", into)
    cell = SimRobot(arm=config.arm, layout=scenario.layout)
    cell.connect()
    try:
        try:
            prepare(cell, scenario, rng)
        except AttemptFailed as failure:
            return str(failure)
        move_to(
            cell,
            cell.home(DEFAULT_ARM),
            0.0 if scenario.held is not None else scenario.opening,
        )
        blur = Blur(mishap, thing, rng, into)
        witness = _Witness(mishap.tick, lambda: happen(mishap, cell.world, thing, onto, rng))
        events = EventList()
        context = SkillContext(
            robot=gate_here(cell, events),
            library=_library(config),
            look=lambda: blur.believed(truth_scene(cell.world, cell.clock.now_s())),
            events=events,
            seed=index,
            predictors={config.skill: witness},
        )
        call = SkillCall(skill=config.skill, args=scenario.args)
        result, _ = run_skill(call, context)
        cell.clock.sleep_until(cell.clock.now_s() + _SETTLED_S)
        missing = unmet(truth_scene(cell.world), scenario.effects)
    finally:
        cell.close()
    if not witness.states:
        return result.reason
    return Rollout(
        states=np.stack(witness.states),
        success=not missing,
        believed=result.ok,
        outcome=result.outcome.value,
        mishap=mishap.kind.value,
        tick=mishap.tick,
        done=events.of_kind(EventKind.CHUNK)[-1].data["verdict"] == "done",
    )


class _Witness:
    """Sits where a success predictor would, writes down what it sees, and lets mishaps happen."""

    def __init__(self, tick: int, mishap: Callable[[], None]) -> None:
        self._tick, self._mishap = tick, mishap
        self.states: list[np.ndarray] = []

    def reset(self) -> None:
        self.states = []

    def probability(self, inputs: PolicyInput) -> float:
        if len(self.states) == self._tick:
            self._mishap()
        self.states.append(encode_state(inputs))
        return 1.0


@cache
def _library(config: RolloutConfig) -> SkillLibrary:
    """Cards and policies, loaded once per process."""
    from policies.diffusion import DiffusionPolicy

    def load(directory: Path) -> DiffusionPolicy:
        if config.checkpoint is not None and directory.name == config.skill:
            return DiffusionPolicy.load(config.checkpoint)
        return DiffusionPolicy.load(directory)

    library = SkillLibrary.load(config.zoo, load)
    try:
        library.policy(config.skill)
    except CheckpointError as error:
        raise CheckpointError(f"No rollouts without a policy: {error}") from error
    return library
