"""What only some policies can do: keep two ways apart, understand words, act from pictures.

``python -m benchmarks.families detour`` trains every head on demonstrations that go around either
side of a post, and prints success and how evenly both sides are still taken; plain regression
stands beside them. ``python -m benchmarks.families words`` trains one policy for five things and
three verbs, and prints right target and success, for phrasings like those in training and for
others. ``python -m benchmarks.families pictures`` trains policies that are not told where things
are, and have to find them in pictures or in a point cloud. All act in episodes that were never used
to choose anything.
"""

import argparse
import json
import math
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from benchmarks.success import FIRST_EPISODE
from policies.config import Head, TrainConfig
from policies.contract import ObserveConfig

OUT = Path("outputs/families")
_WORDS_FROM = 3_000_000
"""First episode in the world of words: in those before, earlier policies were seen to fail."""
_DROP_GOAL, _GUIDANCE = 0.1, 0.5
_THREADS = 1
_THINGS = 5
_PICTURED, _PX = "robosuite:lift", 96
HEADS = (Head.DIFFUSION, Head.SCORE, Head.FLOW, Head.CONSISTENCY, Head.REGRESSION)


@dataclass(frozen=True, kw_only=True, slots=True)
class Modes:
    """How one head did around the post.

    Attributes:
        head: Which.
        steps: Denoising steps per chunk.
        episodes: Acted in.
        successes: At the goal without a touch.
        left: Episodes that passed the post on the left.
        right: On the right.
        entropy: Of left and right, as a part of its maximum.
    """

    head: str
    steps: int
    episodes: int
    successes: int
    left: int
    right: int
    entropy: float


@dataclass(frozen=True, kw_only=True, slots=True)
class Words:
    """How a policy did with one set of phrasings.

    Attributes:
        task: ``words:tabletop``, or one of the others.
        episodes: Acted in.
        right_target: Episodes whose first touched thing was the one that was meant.
        successes: Episodes that did with it what was said.
        per_verb: Successes and episodes of each verb.
    """

    task: str
    episodes: int
    right_target: int
    successes: int
    per_verb: dict[str, tuple[int, int]]


@dataclass(frozen=True, kw_only=True, slots=True)
class GoalFree:
    """What the same policy does when it is told nothing.

    Attributes:
        episodes: Acted in.
        acted: Episodes in which it took up some thing.
        entropy: Of which thing it was, as a part of its maximum.
    """

    episodes: int
    acted: int
    entropy: float


@dataclass(frozen=True, kw_only=True, slots=True)
class Seen:
    """How a policy did that is not told where things are.

    Attributes:
        task: ``suite:task``.
        seen: What it sees of them.
        minutes: Training time.
        train_steps: Optimiser steps in it.
        episodes: Acted in.
        successes: Among them.
    """

    task: str
    seen: str
    minutes: float
    train_steps: int
    episodes: int
    successes: int


def detour(minutes: float, demonstrations: int, episodes: int, out: Path) -> Iterator[Modes]:
    """Train and measure every head."""
    dataset = _dataset("detour:post", demonstrations, out)
    for head in HEADS:
        teacher = out / f"detour_{Head.DIFFUSION.value}" if head is Head.CONSISTENCY else None
        checkpoint = out / f"detour_{head.value}"
        config = _recipe(head, minutes)
        _train(dataset, checkpoint, config, teacher)
        yield _modes(checkpoint, config, episodes)


def words(
    minutes: float, demonstrations: int, episodes: int, out: Path
) -> Iterator[Words | GoalFree]:
    """Train one policy and measure it with every set of phrasings, and without a word."""
    dataset = _dataset("words:tabletop", demonstrations, out)
    checkpoint = out / "words"
    config = _recipe(Head.SCORE, minutes, language=True)
    _train(dataset, checkpoint, config, None)
    for task in ("words:tabletop", "words:unseen", "words:fresh"):
        yield _words(checkpoint, task, episodes)
    yield _goal_free(checkpoint, episodes)


def pictures(minutes: float, demonstrations: int, episodes: int, out: Path) -> Iterator[Seen]:
    """Train and measure a policy per kind of view of one task."""
    dataset = _dataset(_PICTURED, demonstrations, out, cameras=("front", "wrist"))
    for seen, observe in _views(dataset).items():
        checkpoint = out / f"pictures_{seen.replace(' ', '_')}"
        _train(dataset, checkpoint, replace(_recipe(Head.SCORE, minutes), observe=observe), None)
        yield _seen(checkpoint, seen, minutes, episodes)


def _views(dataset: Path) -> dict[str, ObserveConfig]:
    from robot_skills.app.options import TrainOptions
    from robot_skills.app.train import config_of

    def observe(**options: Any) -> ObserveConfig:
        asked = TrainOptions(dataset=(dataset,), out=dataset, leave_out=("entity*",), **options)
        return config_of(asked).observe

    return {
        "pictures": observe(cameras=("front", "wrist")),
        "point cloud": observe(clouds=("front",)),
    }


def _dataset(task: str, count: int, out: Path, cameras: tuple[str, ...] = ()) -> Path:
    from robot_skills.app.demonstrations import generate_dataset
    from sim.generate import GenerateConfig

    dataset = out / f"{task.replace(':', '_')}_{count}{'_'.join(('', *cameras))}"
    if not dataset.exists():
        config = GenerateConfig(
            task=task, episodes=count, seed=0, cameras=cameras, camera_px=(_PX, _PX)
        )
        generate_dataset(config, dataset)
    return dataset


def _recipe(head: Head, minutes: float, language: bool = False) -> TrainConfig:
    from policies.heads.presets import suggested

    sampler = suggested(head)
    if language:
        sampler = replace(sampler, drop_goal=_DROP_GOAL, guidance=_GUIDANCE)
    return TrainConfig(
        steps=200_000,
        max_minutes=minutes,
        threads=_THREADS,
        save_every=10**9,
        sampler=sampler,
        observe=ObserveConfig(language=language, allow_constant=True),
    )


def _train(dataset: Path, out: Path, config: TrainConfig, teacher: Path | None) -> None:
    from policies.checkpoint_files import MANIFEST
    from policies.trainer import train

    if not (out / MANIFEST).exists():
        train(dataset, out, config, teacher=teacher)


def _modes(checkpoint: Path, config: TrainConfig, episodes: int) -> Modes:
    sides: Counter[str] = Counter()
    successes = 0
    for task, success in _episodes(checkpoint, "detour:post", episodes, FIRST_EPISODE):
        successes += success
        side = task.side()
        if side is not None:
            sides[side] += 1
    return Modes(
        head=config.sampler.head.value,
        steps=config.sampler.inference_steps,
        episodes=episodes,
        successes=successes,
        left=sides["left"],
        right=sides["right"],
        entropy=entropy(sides.values()),
    )


def _words(checkpoint: Path, task_name: str, episodes: int) -> Words:
    right = successes = 0
    per_verb: dict[str, list[int]] = {}
    for task, success in _episodes(checkpoint, task_name, episodes, _WORDS_FROM):
        right += task.acted_on() == task.target
        successes += success
        counts = per_verb.setdefault(task.verb.value, [0, 0])
        counts[0] += success
        counts[1] += 1
    return Words(
        task=task_name,
        episodes=episodes,
        right_target=right,
        successes=successes,
        per_verb={verb: (good, n) for verb, (good, n) in sorted(per_verb.items())},
    )


def _goal_free(checkpoint: Path, episodes: int) -> GoalFree:
    things: Counter[str] = Counter()
    acted = _episodes(checkpoint, "words:tabletop", episodes, _WORDS_FROM, told=False)
    for task, _ in acted:
        thing = task.acted_on()
        if thing is not None:
            things[thing] += 1
    return GoalFree(
        episodes=episodes,
        acted=things.total(),
        entropy=entropy(things.values()) / math.log2(_THINGS),
    )


def _seen(checkpoint: Path, seen: str, minutes: float, episodes: int) -> Seen:
    from policies.checkpoint_files import CONFIG

    outcomes = _episodes(checkpoint, _PICTURED, episodes, FIRST_EPISODE)
    successes = sum(success for _, success in outcomes)
    return Seen(
        task=_PICTURED,
        seen=seen,
        minutes=minutes,
        train_steps=json.loads((checkpoint / CONFIG).read_bytes())["data"]["steps"],
        episodes=episodes,
        successes=successes,
    )


class _Wordless:
    """A policy that is told nothing."""

    def __init__(self, policy: Any) -> None:
        self._policy = policy
        self.observation_steps = policy.observation_steps

    def reset(self, seed: int) -> None:
        self._policy.reset(seed)

    def infer(self, history: Mapping[str, NDArray], instruction: str = "") -> Any:
        return self._policy.infer(history, "")


def _episodes(
    checkpoint: Path, name: str, count: int, first: int, told: bool = True
) -> Iterable[tuple[Any, bool]]:
    """The task after each episode, and whether it succeeded."""
    from robot_skills.app.suite_trials import open_policy, roll_out, wanted_pictures
    from sim.suites import find_task

    spec = find_task(name)
    policy: Any = open_policy(checkpoint, spec.state_names)
    task = spec.open(wanted_pictures(policy))
    if not told:
        policy = _Wordless(policy)
    for i in range(count):
        rollout = roll_out(task, policy, first + i, 8)
        yield task, rollout.success
    task.close()


def entropy(counts: Iterable[int]) -> float:
    """Entropy of counts in bits: of two, 1 when both are alike and 0 when one is missing."""
    counts = [count for count in counts if count]
    total = sum(counts)
    return -sum(count / total * math.log2(count / total) for count in counts) if total else 0.0


def main() -> None:
    """Run what the arguments ask for and print one line of JSON per result."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("what", choices=["detour", "words", "pictures"])
    parser.add_argument("--minutes", type=float, default=None)
    parser.add_argument("--demonstrations", type=int, default=None)
    parser.add_argument("--episodes", type=int, default=200)
    parser.add_argument("--out", type=Path, default=OUT)
    args = parser.parse_args()
    if args.what == "detour":
        results: Iterable[Any] = detour(
            args.minutes or 1.0, args.demonstrations or 100, args.episodes, args.out
        )
    elif args.what == "words":
        results = words(args.minutes or 8.0, args.demonstrations or 5000, args.episodes, args.out)
    else:
        results = pictures(args.minutes or 6.0, args.demonstrations or 100, args.episodes, args.out)
    for result in results:
        print(json.dumps(asdict(result)), flush=True)


if __name__ == "__main__":
    main()
