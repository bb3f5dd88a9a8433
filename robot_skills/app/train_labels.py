"""Train the label classifier of perception on rendered layouts.

Run as `python -m robot_skills.app.train_labels`. Random layouts are rendered, perception cuts them
into things, and the simulator's truth says what each thing is. Training and held-out layouts come
from different seeds. With `--stereo`, every layout is seen by other cameras: with lenses, colours,
noise and depth as twins have them, calibrated almost exactly, or with coarser depth.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import NamedTuple

import numpy as np
import tyro
from tqdm import tqdm

from robot_skills.app.sim2real.calibrated import CellFile, CorrectedCameras
from robot_skills.app.sim2real.truth import exactly
from robot_skills.app.stereo_sight import STEREO_LABELS, STEREO_SIGHT, with_clean_depth
from robot_skills.core.robot import Robot
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
from sim.stereo_depth import draw_stereo
from sim.stereo_robot import StereoRobot
from sim.truth import truth_scene
from sim.twin import draw_hidden
from sim.twin.cell import TwinCell
from sim.world import CAMERAS, TabletopWorld

_TIPPED_SHARE = 0.2
_TWINS = 5_000_000
"""Seed of the first twin whose cameras are learned from; no other twin is drawn from there."""
_PLACE_M, _TURN_RAD = 1e-3, 2e-3
"""How well cameras are calibrated, per axis."""
_SAME_M = 0.03
"""A thing whose box centre is so near to a true one is that thing."""


@dataclass(frozen=True, kw_only=True, slots=True)
class TrainLabelsOptions:
    """Train the classifier that tells cubes, pegs, cans, bottles, cereal, milk and bread apart."""

    out: Path | None = None
    """Folder for weights and card; the shipped one when left out."""
    stereo: bool = False
    """Learn from cleaned depth of random stereo cameras in place of exact depth."""
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
    out = options.out or (STEREO_LABELS if options.stereo else ZOO_LABELS)
    how = {
        "command": f"python -m robot_skills.app.train_labels{' --stereo' * options.stereo} "
        f"--layouts {options.layouts} --held-out {options.held_out}",
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
    save_labels(model, out, how=how, score=score)
    print(f"{score.right} of {score.n} held-out things named rightly; wrote {out}")


def render_things(options: TrainLabelsOptions, first_seed: int, layouts: int) -> LabelledThings:
    """Things of random layouts, each seed once, the arms in turn."""
    features, labels = [], []
    for i in tqdm(range(layouts), desc="layouts"):
        arm = options.arms[i % len(options.arms)]
        for thing, label in _labelled(arm, first_seed + i, options):
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


def _labelled(arm: str, seed: int, options: TrainLabelsOptions) -> Iterator[tuple[Thing, str]]:
    config = STEREO_SIGHT if options.stereo else SightConfig()
    opened = (_stereo_robot, _noisy_robot)[seed % 2] if options.stereo else _robot
    with opened(arm, seed, options.camera_size_px) as (robot, world):
        seen = robot.observe(config.cameras)
        if options.stereo:
            seen = with_clean_depth(seen, config.cameras)
        sight = see(seen, config)
        truth = truth_scene(world)
    for thing in sight.things:
        label = _true_label(thing, truth)
        if label is not None:
            yield thing, label


@contextmanager
def _robot(
    arm: str, seed: int, camera_size_px: tuple[int, int]
) -> Iterator[tuple[Robot, TabletopWorld]]:
    """A robot with exact depth before the layout of a seed, and its world."""
    robot = SimRobot(arm, layout=_layout(seed), camera_size_px=camera_size_px)
    robot.connect()
    try:
        yield robot, robot.world
    finally:
        robot.close()


@contextmanager
def _stereo_robot(
    arm: str, seed: int, camera_size_px: tuple[int, int]
) -> Iterator[tuple[Robot, TabletopWorld]]:
    """The same of a robot with cameras of its own."""
    hidden, rng = draw_hidden(_TWINS + seed, arm), np.random.default_rng(seed)
    cell = TwinCell(hidden, camera_size_px=camera_size_px, filters=False)
    cell.connect()
    try:
        cell.reset(_layout(seed))
        found = exactly(hidden)
        cameras = {
            name: replace(
                one,
                T_mount_camera=one.T_mount_camera
                @ SE3.from_rotvec(
                    _TURN_RAD * rng.standard_normal(3), _PLACE_M * rng.standard_normal(3)
                ),
                latency_s=0.0,
            )
            for name, one in found.cameras.items()
        }
        yield CorrectedCameras(cell, CellFile(cameras=cameras)), cell.world
    finally:
        cell.close()


@contextmanager
def _noisy_robot(
    arm: str, seed: int, camera_size_px: tuple[int, int]
) -> Iterator[tuple[Robot, TabletopWorld]]:
    """The same with coarser depth: as it is measured at this size, not at a larger one."""
    rng = np.random.default_rng(seed)
    with _robot(arm, seed, camera_size_px) as (robot, world):
        cameras = {name: replace(draw_stereo(rng), scale=1.0, offset_m=0.0) for name in CAMERAS}
        yield StereoRobot(robot, cameras, rng), world


def _true_label(thing: Thing, truth: Scene) -> str | None:
    centre = thing.box.T_base_box.p
    movable = [entity for entity in truth if entity.movable]
    nearest = min(movable, key=lambda e: float(np.linalg.norm(e.T_base_entity.p - centre)))
    near = float(np.linalg.norm(nearest.T_base_entity.p - centre)) < _SAME_M
    return nearest.label if near else None


if __name__ == "__main__":
    main()
