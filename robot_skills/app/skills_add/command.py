"""`robot-skills skills add`: from demonstrations and a draft card to a skill of the library."""

import json
import resource
import shlex
import shutil
import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import yaml

from robot_skills.app.options import EvalOptions, SkillsAdd, TrainOptions
from robot_skills.app.outcome import CommandResult
from robot_skills.app.skills_add.checks import check_draft, read_demonstrations
from robot_skills.app.skills_add.staging import Staging
from robot_skills.app.threads import sleep_while_waiting
from robot_skills.app.zoo import zoo_dir
from robot_skills.core.errors import RefusedError, StorageError, unknown_name
from robot_skills.skills.card import CARD_FILE, SkillCard
from robot_skills.skills.library import SkillLibrary

if TYPE_CHECKING:
    from policies.config import TrainConfig
    from robot_skills.app.skills_add.multiply import Multiplication

_SAVE_EVERY = 500
"""Steps of training that an interruption costs at most."""


def add(options: SkillsAdd) -> CommandResult:
    """Teach a skill and put it into a library.

    Raises:
        RefusedError: Card, demonstrations or options are not such that a skill can come of them.
        StorageError: Something cannot be written.
        RobotSkillsError: Repeating the demonstrations succeeds too rarely, or training diverges.
    """
    sleep_while_waiting()
    _check_options(options)
    zoo = (options.zoo or zoo_dir()).resolve()
    card = SkillCard.load(options.card)
    check_draft(card, options.name, SkillLibrary.load(zoo if zoo.exists() else zoo_dir()))
    given = len(read_demonstrations(options.dataset, card))
    job = _multiplication(options, given)
    _check_simulated(options, card, job)
    staging = Staging(zoo=zoo, name=options.name)
    staging.claim(request(options))
    _say(f"{given} demonstrations of {card.name}: {card.summary}")
    multiplied = None if job is None else _multiply(job, staging, options.workers)
    datasets = (options.dataset,) if job is None else (options.dataset, staging.dataset)
    _train(options, card, staging, datasets)
    measured = _measure(options, staging)
    place = staging.register(zoo_dir())
    cpu_minutes = _cpu_minutes()
    _say(f"{card.name} is in {zoo}, after {cpu_minutes:.1f} CPU minutes of this call")
    return CommandResult(
        payload={
            "skill": card.name,
            "directory": str(place),
            "demonstrations": given,
            "multiplied": multiplied,
            "measured": measured,
            "cpu_minutes": cpu_minutes,
        }
    )


def _check_options(options: SkillsAdd) -> None:
    from sim.arms import ARMS

    if options.arm not in ARMS:
        raise unknown_name("arm", options.arm, ARMS)
    if min(options.episodes, options.steps, options.workers) < 1 or options.trials < 0:
        raise RefusedError("--episodes, --steps and --workers need at least 1, --trials 0.")


def _multiplication(options: SkillsAdd, given: int) -> "Multiplication | None":
    """How the demonstrations that are missing are made; None where none are."""
    from robot_skills.app.skills_add.multiply import Multiplication

    missing = options.episodes - given
    if missing <= 0:
        return None
    return Multiplication(
        task=options.name,
        card=options.card.resolve(),
        dataset=options.dataset.resolve(),
        robot=options.arm,
        episodes=missing,
        seed=options.seed,
    )


def _check_simulated(options: SkillsAdd, card: SkillCard, job: "Multiplication | None") -> None:
    """Refuse what the simulator cannot do before anything is begun."""
    if job is not None:
        from robot_skills.app.skills_add.multiply import check_multipliable

        check_multipliable(job)
    elif options.trials > 0:
        from robot_skills.app.card_scenarios import draw_card_scenario

        try:
            draw_card_scenario(card, np.random.default_rng(options.seed))
        except RefusedError as error:
            raise RefusedError(f"{error} With --trials 0 it is added unmeasured.") from None


def request(options: SkillsAdd) -> dict[str, Any]:
    """What decides the skill: not how, and how often, it is measured."""
    return {
        "dataset": str(options.dataset.resolve()),
        "card": options.card.read_text(encoding="utf-8"),
        "episodes": options.episodes,
        "steps": options.steps,
        "arm": options.arm,
        "seed": options.seed,
    }


def _multiply(job: "Multiplication", staging: Staging, workers: int) -> dict[str, Any]:
    """Make the missing demonstrations, unless an earlier call did; says how many attempts failed
    and why."""
    from robot_skills.app.demonstrations import generate_dataset

    record = staging.dataset / "meta" / "generated.json"
    if not record.exists():
        _say(f"repeating them in {job.episodes} new scenes")
        shutil.rmtree(staging.dataset, ignore_errors=True)
        generate_dataset(job, staging.dataset, workers)
    report = json.loads(record.read_bytes())["report"]
    made = {key: report[key] for key in ("episodes", "attempts", "failures")}
    _say(f"{made['episodes']} of {made['attempts']} repetitions had the effects of the card")
    return made


def _train(
    options: SkillsAdd, card: SkillCard, staging: Staging, datasets: tuple[Path, ...]
) -> None:
    """Checkpoint and card, in the making; a training that was interrupted goes on."""
    from policies.checkpoint_files import MANIFEST
    from policies.trainer import train
    from robot_skills.app.train import export_too

    if not (staging.skill / MANIFEST).exists():
        _say(f"training for {options.steps} steps")
        train(datasets, staging.skill, recipe(options, card, staging, datasets), resume=True)
    export_too(staging.skill)
    _write_card(options, staging)


def recipe(
    options: SkillsAdd, card: SkillCard, staging: Staging, datasets: tuple[Path, ...]
) -> "TrainConfig":
    """The recipe of `robot-skills train`; the checkpoint is to remember the card's tokens."""
    from robot_skills.app.train import config_of

    config = config_of(
        TrainOptions(
            dataset=datasets,
            out=staging.skill,
            steps=options.steps,
            seed=options.seed,
            threads=options.workers,
        )
    )
    anchors = [[token.anchor.value for token in case.tokens] for case in card.cases]
    return replace(config, save_every=_SAVE_EVERY, observe=replace(config.observe, anchors=anchors))


def _write_card(options: SkillsAdd, staging: Staging) -> None:
    """The draft with how it was trained and a place for results; read back, and tried.

    Raises:
        CheckpointError: Card and checkpoint contradict each other.
    """
    from robot_skills.app.wiring import load_policy

    command = shlex.join(_command(options))
    learned = {"training": {"generate": command, "train": command}, "results": []}
    draft = options.card.read_text(encoding="utf-8").rstrip("\n")
    text = f"{draft}\n{yaml.safe_dump(learned, sort_keys=False, width=100, allow_unicode=True)}"
    try:
        (staging.skill / CARD_FILE).write_text(text, encoding="utf-8")
    except OSError as error:
        raise StorageError(f"{staging.skill} cannot be written: {error.strerror}.") from None
    SkillLibrary.load(staging.root, load_policy).policy(options.name)


def _command(options: SkillsAdd) -> list[str]:
    """The call itself."""
    words = ["robot-skills", "skills", "add", options.name, "--dataset", str(options.dataset)]
    words += ["--card", str(options.card)]
    if options.zoo is not None:
        words += ["--zoo", str(options.zoo)]
    for name in ("episodes", "steps", "trials", "arm", "scene", "seed"):
        words += [f"--{name}", str(getattr(options, name))]
    return words


def _measure(options: SkillsAdd, staging: Staging) -> dict[str, Any] | None:
    """Success on unseen layouts, recorded in the card; None where that is not asked for."""
    if options.trials == 0:
        return None
    from robot_skills.app import evaluate
    from robot_skills.app.card_results import record_result

    _say(f"measuring on {options.trials} unseen layouts")
    asked = EvalOptions(
        skill=options.name,
        zoo=staging.root,
        arm=options.arm,
        scene=options.scene,
        episodes=options.trials,
        workers=options.workers,
    )
    payload = evaluate.main(asked).payload
    record_result(staging.root, replace(asked, zoo=options.zoo), dict(payload))
    return {key: payload[key] for key in ("n", "successes", "rate", "ci95", "per_task")}


def _cpu_minutes() -> float:
    """Processor time of this process and all that it started, so far."""
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(usage.ru_utime + usage.ru_stime for usage in used) / 60.0


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)
