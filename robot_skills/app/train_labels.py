"""Train the label classifier of perception on rendered layouts.

Run as `python -m robot_skills.app.train_labels`. Random layouts are rendered, perception cuts them
into things, and the simulator's truth says what each thing is. Training and held-out layouts come
from different seeds.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import NamedTuple

import numpy as np
import tyro
from tqdm import tqdm

from robot_skills.core.scene import Scene
from robot_skills.core.se3 import SE3, Array
from robot_skills.perception.label_training import (
    LabelTrainingConfig,
    save_labels,
    score_labels,
    train_labels,
)
from robot_skills.perception.labels import ZOO_LABELS, label_features
from robot_skills.perception.sight import SightConfig, see
from robot_skills.perception.things import Thing
from sim.layout import DrawerStart, random_layout
from sim.objects import CUBE, OBJECT_NAMES, PEG, ObjectPlacement
from sim.placements import Layout
from sim.robot import SimRobot
from sim.truth import truth_scene

_TIPPED_SHARE = 0.2
_SAME_M = 0.03
"""A thing whose box centre is so near to a true one is that thing."""


@dataclass(frozen=True, kw_only=True, slots=True)
class TrainLabelsOptions:
    """Train the classifier that tells cubes, pegs, cans, bottles, cereal, milk and bread apart."""

    out: Path = ZOO_LABELS
    """Folder for weights and card."""
    layouts: int = 240
    """Random layouts to train on."""
    held_out: int = 80
    """Random layouts to measure on."""
    seed: int = 6_000
    """First seed of the training layouts; held-out ones follow on."""
    arms: tuple[str, ...] = ("panda", "ur5e")
    """Arms whose cameras look, in turn."""
    camera_size_px: tuple[int, int] = (256, 192)
    """Width and height of the frames."""


class LabelledThings(NamedTuple):
    """Features (n, d) and what the things truly are, n of them."""

    features: Array
    labels: list[str]


def main() -> None:
    """Render, train, measure, save."""
    options = tyro.cli(TrainLabelsOptions)
    train = render_things(options, options.seed, options.layouts)
    test = render_things(options, options.seed + options.layouts, options.held_out)
    config = LabelTrainingConfig()
    model = train_labels(train.features, train.labels, config)
    score = score_labels(model, test.features, test.labels)
    how = {
        "command": "python -m robot_skills.app.train_labels",
        "layouts": options.layouts,
        "held_out_layouts": options.held_out,
        "seed": options.seed,
        "arms": list(options.arms),
        "camera_size_px": list(options.camera_size_px),
        "things": len(train.labels),
        "hidden": config.hidden,
        "penalty": config.penalty,
        "covered": config.covered,
        "margin": config.margin,
        "ridge": config.ridge,
    }
    save_labels(model, options.out, how=how, score=score)
    print(f"{score.right} of {score.n} held-out things named rightly; wrote {options.out}")


def render_things(options: TrainLabelsOptions, first_seed: int, layouts: int) -> LabelledThings:
    """Things of random layouts, each seed once, the arms in turn."""
    features, labels = [], []
    for i in tqdm(range(layouts), desc="layouts"):
        arm = options.arms[i % len(options.arms)]
        for thing, label in _labelled(arm, _layout(first_seed + i), options):
            features.append(label_features(thing.cloud, thing.box))
            labels.append(label)
    return LabelledThings(np.array(features), labels)


def _layout(seed: int) -> Layout:
    """A random layout, every second one with a peg and with other fixtures than drawer and box.

    In one of two, a cube starts in the box or on another cube.
    """
    rng = np.random.default_rng(seed)
    cubes = [name for name in OBJECT_NAMES if name.endswith("cube")]
    first, second = (str(name) for name in rng.choice(cubes, 2, replace=False))
    absent, with_peg = DrawerStart.ABSENT, int(rng.integers(4))
    placed = ({}, {}, {first: "box"}, {first: second})[int(rng.integers(4))]
    if with_peg > 1 and "box" in placed.values():
        placed = {}
    match with_peg:
        case 2:
            layout = random_layout(
                rng, with_objects=(PEG,), placed=placed, box=False, socket=True, count=4
            )
        case 3:
            layout = random_layout(
                rng,
                with_objects=(PEG,),
                placed=placed,
                box=False,
                drawer=absent,
                cupboard=DrawerStart.ANY,
                switch=True,
                zone=True,
                count=3,
            )
        case _:
            layout = random_layout(rng, placed=placed)
    return replace(layout, objects=tuple(_maybe_tipped(rng, item) for item in layout.objects))


def _maybe_tipped(rng: np.random.Generator, item: ObjectPlacement) -> ObjectPlacement:
    """Some household things lie on their side, as they do after a failed grasp."""
    if item.label in (CUBE, PEG) or rng.random() > _TIPPED_SHARE:
        return item
    T = item.T_base_object
    lying = SE3.from_rotvec((0.5 * np.pi, 0.0, 0.0))
    height = T.p[2] - 0.5 * float(item.extents_m[2]) + 0.5 * float(item.extents_m[1])
    lowered = SE3(T.R, np.array([T.p[0], T.p[1], height]))
    return replace(item, T_base_object=lowered @ lying)


def _labelled(arm: str, layout: Layout, options: TrainLabelsOptions) -> Iterator[tuple[Thing, str]]:
    config = SightConfig()
    robot = SimRobot(arm, layout=layout, camera_size_px=options.camera_size_px)
    robot.connect()
    try:
        sight = see(robot.observe(config.cameras), config)
        truth = truth_scene(robot.world)
    finally:
        robot.close()
    for thing in sight.things:
        label = _true_label(thing, truth)
        if label is not None:
            yield thing, label


def _true_label(thing: Thing, truth: Scene) -> str | None:
    centre = thing.box.T_base_box.p
    movable = [entity for entity in truth if entity.movable]
    nearest = min(movable, key=lambda e: float(np.linalg.norm(e.T_base_entity.p - centre)))
    near = float(np.linalg.norm(nearest.T_base_entity.p - centre)) < _SAME_M
    return nearest.label if near else None


if __name__ == "__main__":
    main()
