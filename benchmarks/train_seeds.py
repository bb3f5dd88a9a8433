"""The learned skills once more, from other training seeds.

Run with ``python -m benchmarks.train_seeds --seeds 1 2``. Every skill is trained on the
demonstrations that its card names, with the recipe that stands in its shipped checkpoint, and only
the seed is another one. An interrupted call goes on where it stopped when it is repeated. What is
finished is stored in fewer bits, with its card, in the library of its seed (``zoo/seeds/N``), which
has the scripted skills too. Success predictors are not trained anew: skills run without.
"""

import argparse
import multiprocessing
import shutil
import sys
from collections.abc import Sequence
from dataclasses import dataclass, replace
from multiprocessing.connection import wait
from multiprocessing.process import BaseProcess
from pathlib import Path

from tqdm import tqdm

from robot_skills.app.threads import sleep_while_waiting
from robot_skills.app.zoo import seed_zoo, zoo_dir
from robot_skills.core.errors import RefusedError, RobotSkillsError
from robot_skills.skills.card import CARD_FILE, SkillCard, SkillKind
from robot_skills.skills.library import SkillLibrary


@dataclass(frozen=True, kw_only=True, slots=True)
class Training:
    """One skill from one training seed.

    Attributes:
        card: Of the shipped skill, whose recipe is taken.
        seed: Of the training.
        dataset: Folder of the demonstrations.
        out: Folder of the checkpoint.
    """

    card: SkillCard
    seed: int
    dataset: Path
    out: Path

    @property
    def finished(self) -> bool:
        """Whether the checkpoint is there."""
        from policies.checkpoint_files import MANIFEST

        return (self.out / MANIFEST).is_file()


def trainings(
    cards: Sequence[SkillCard], seeds: Sequence[int], data: Path, out: Path
) -> list[Training]:
    """What there is to train, the skills of a seed one after another.

    Args:
        cards: Of the shipped skills.
        seeds: Training seeds.
        data: Folder of the datasets, one for each skill, by its name.
        out: Folder for the checkpoints, ``SEED/SKILL``.

    Raises:
        RefusedError: The demonstrations of a skill are missing.
    """
    for card in cards:
        if not (data / card.name / "meta" / "info.json").is_file():
            made = f": {card.training.generate}" if card.training else ""
            raise RefusedError(f"There are no demonstrations in {data / card.name}{made}")
    return [
        Training(
            card=card,
            seed=seed,
            dataset=data / card.name,
            out=out / str(seed) / card.name,
        )
        for seed in seeds
        for card in cards
    ]


def train_all(wanted: Sequence[Training], workers: int) -> list[Training]:
    """Train what is not finished yet, each in a process of its own.

    Args:
        wanted: What there is to train.
        workers: Processes at the same time.

    Returns:
        What failed; the processes have said why.
    """
    context = multiprocessing.get_context("spawn")
    waiting = [each for each in wanted if not each.finished]
    running: dict[int, tuple[BaseProcess, Training]] = {}
    failed: list[Training] = []
    bar = tqdm(total=len(wanted), initial=len(wanted) - len(waiting), unit="skill", file=sys.stderr)
    try:
        while waiting or running:
            while waiting and len(running) < workers:
                training = waiting.pop(0)
                args = training.card.directory, training.seed, training.dataset, training.out
                process = context.Process(target=_train, args=args, daemon=True)
                process.start()
                running[process.sentinel] = process, training
            for sentinel in wait(list(running)):
                process, training = running.pop(sentinel)  # type: ignore[arg-type]
                process.join()
                if process.exitcode:
                    failed.append(training)
                bar.update()
    finally:
        for process, _ in running.values():
            process.terminate()
        bar.close()
    return failed


def publish(training: Training, zoo: Path) -> None:
    """Put a trained skill into the library of its seed, stored as int8, whole or not at all.

    Args:
        training: That is finished.
        zoo: Folder of the shipped skills, with the libraries of other seeds in it.

    Raises:
        RobotSkillsError: It cannot be stored so.
    """
    from policies.compression import compress
    from policies.export import export_onnx
    from policies.precision import Precision

    place = seed_zoo(training.seed, zoo) / training.card.name
    if place.is_dir():
        return
    staged = training.out.with_name(f"{training.out.name}.int8")
    shutil.rmtree(staged, ignore_errors=True)
    done = compress(training.out, staged, Precision.INT8)
    export_onnx(staged)
    (staged / CARD_FILE).write_text(_card_text(training), encoding="utf-8")
    place.parent.mkdir(parents=True, exist_ok=True)
    shutil.move(staged, place)
    print(f"{place}: {done.bytes_after / 1e6:.2f} MB, off by {done.off_mean:.2g} in the mean")


def copy_scripted(library: SkillLibrary, folder: Path) -> None:
    """Put the scripted skills of a library into another folder too."""
    for card in library:
        if card.kind is SkillKind.SCRIPTED:
            shutil.copytree(card.directory, folder / card.name, dirs_exist_ok=True)


def _card_text(training: Training) -> str:
    """The shipped card, without its results and with how this checkpoint came about."""
    card = training.card
    text = (card.directory / CARD_FILE).read_text(encoding="utf-8").partition("\nresults:")[0]
    if card.training is not None:
        again = f"python -m benchmarks.train_seeds --seeds {training.seed} --skills {card.name}"
        text = text.replace(card.training.train, again)
    return f"{text}\nresults: []\n"


def _train(shipped: Path, seed: int, dataset: Path, out: Path) -> None:
    """Train a shipped skill anew in this process, from where an interrupted training stopped."""
    sleep_while_waiting()
    from policies.checkpoint_files import CONFIG, parse_config, read_files
    from policies.trainer import train

    try:
        recipe = parse_config(shipped, read_files(shipped, (CONFIG,))[CONFIG]).training
        train(dataset, out, replace(recipe, seed=seed, threads=1), resume=True, progress=False)
    except RobotSkillsError as error:
        print(f"{out}: {error}", file=sys.stderr, flush=True)
        sys.exit(error.exit_code)
    except KeyboardInterrupt:
        sys.exit(130)


def _learned(library: SkillLibrary, skills: Sequence[str] | None) -> list[SkillCard]:
    """Cards of the skills that are named; of all learned ones without any."""
    if skills is not None:
        return [library[name] for name in skills]
    return [card for card in library if card.kind is SkillKind.LEARNED]


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.train_seeds", description=__doc__)
    parser.add_argument("--seeds", nargs="+", type=int, default=[1, 2], help="training seeds")
    parser.add_argument("--skills", nargs="+", help="skills to train; all learned ones by default")
    parser.add_argument(
        "--data", type=Path, default=Path("outputs/data"), help="folder of the datasets, by skill"
    )
    parser.add_argument(
        "--out", type=Path, default=Path("outputs/seeds"), help="folder for the checkpoints"
    )
    parser.add_argument("--workers", type=int, default=2, help="trainings at the same time")
    return parser


def main(argv: Sequence[str] | None = None) -> int:
    """Train what the arguments ask for.

    Args:
        argv: Arguments without the program's name; `sys.argv` when None.
    """
    args = _parser().parse_args(argv)
    try:
        if args.workers < 1 or min(args.seeds) < 1:
            raise RefusedError("--workers and --seeds must be at least 1: seed 0 is shipped.")
        library = SkillLibrary.load(zoo_dir())
        wanted = trainings(_learned(library, args.skills), args.seeds, args.data, args.out)
        failed = train_all(wanted, args.workers)
        for training in wanted:
            if training not in failed:
                publish(training, zoo_dir())
        for seed in args.seeds:
            copy_scripted(library, seed_zoo(seed))
        if failed:
            raise RobotSkillsError(f"Not trained: {', '.join(str(each.out) for each in failed)}.")
    except RobotSkillsError as error:
        print(error, file=sys.stderr)
        return error.exit_code
    except KeyboardInterrupt:
        print("Interrupted; the same command goes on from here.", file=sys.stderr)
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())
