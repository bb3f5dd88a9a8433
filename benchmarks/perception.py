"""Perception against the simulator's truth: what it finds, how far off it is, how long it takes.

Run `python -m benchmarks.perception`. Random layouts that no label was trained on are drawn three
times, with light and with full meshes, and each set of frames goes through perception by itself:
cheap pictures may only be used if nothing gets worse with them. Only the arm's meshes have light
twins, and it looks from its rest pose.
"""

import copy
import json
import sys
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from enum import Enum
from typing import Self

import mujoco
import numpy as np
import tyro
from tqdm import tqdm

from robot_skills.core.errors import PerceptionError, RefusedError, RobotSkillsError
from robot_skills.core.scene import TABLE, Entity, Scene
from robot_skills.core.types import Observation, RgbdFrame
from robot_skills.perception import RgbdPerceiver
from sim.fixtures import BOX, DRAWER
from sim.layout import DrawerStart, random_layout
from sim.meshes import FAST_GROUP
from sim.objects import CUBE, OBJECT_NAMES
from sim.parts import COLLISION_GROUP
from sim.placements import Layout
from sim.render import Quality, RgbdRenderer
from sim.robot import SimRobot
from sim.truth import truth_scene

SAME_M = 0.04
"""What is seen with its centre so near to a thing's true one is that thing."""
SQUARE_WITHIN = 1.15
"""Ratio of sides up to which a footprint looks the same after a quarter turn."""
ROUND = ("bottle", "can")
"""Labels of things that look the same from all sides."""
_STREAM = 77
"""Keeps these layouts apart from those that other programs draw from the same seeds."""
_FIRST, _SECOND, _THIRD = range(3)
# Who starts in or on what, by the seed's last digit; numbers stand for cubes of random colours.
_STARTS: tuple[Mapping[int | str, int | str], ...] = (
    {},
    {_FIRST: _SECOND},
    {_FIRST: BOX},
    {_FIRST: DRAWER},
    {_FIRST: BOX, _SECOND: _THIRD},
    {},
    {_FIRST: _SECOND},
    {"bread": BOX},
    {"bread": DRAWER},
    {_FIRST: BOX, _SECOND: _THIRD},
)


@dataclass(frozen=True, kw_only=True, slots=True)
class Options:
    """Benchmark of perception."""

    layouts: int = 40
    """Random layouts to look at."""
    first: int = 3_000
    """Seed of the first layout; the others follow on."""
    arm: str = "panda"
    """Arm whose cameras look, from its rest pose."""
    camera_size_px: tuple[int, int] = (256, 192)
    """Width and height of the frames."""
    json: bool = False
    """Print one JSON line instead of the tables."""


class Frames(Enum):
    """How the frames that perception gets are drawn."""

    FAST = "fast"
    """As in every run: decimated meshes, no shadows, no antialiasing."""
    FULL = "full meshes"
    """The same with the robot makers' full meshes: what decimation alone changes."""
    PICTURE = "picture"
    """As for people: full meshes, shadows, reflections, antialiasing."""


# What is reported.


@dataclass(frozen=True, kw_only=True, slots=True)
class Spread:
    """How a measured quantity is distributed."""

    median: float
    p95: float
    max: float

    @classmethod
    def of(cls, values: Sequence[float]) -> Self | None:
        """None of nothing."""
        if not values:
            return None
        median, p95, largest = (round(float(np.percentile(values, q)), 4) for q in (50, 95, 100))
        return cls(median=median, p95=p95, max=largest)


@dataclass(frozen=True, kw_only=True, slots=True)
class KindScore:
    """How well things of one kind are seen.

    Attributes:
        things: How many there were.
        detected: How many of them were found.
        missed: How many were not.
        wrong_names: How many were found and called something else.
        false_positives: Things seen under this label where nothing is.
        centre_mm: Distance of the box centres.
        yaw_deg: Angle between the boxes, up to what turns one onto itself; None for round things.
        extents_mm: Largest error of the box sizes; those of fixtures are known, not measured.
        value_mm: Error of the joint value, for what slides open.
    """

    things: int
    detected: int
    missed: int
    wrong_names: int
    false_positives: int
    centre_mm: Spread | None
    yaw_deg: Spread | None
    extents_mm: Spread | None
    value_mm: Spread | None


@dataclass(frozen=True, kw_only=True, slots=True)
class FramesScore:
    """What perception makes of one kind of frames.

    Attributes:
        per_kind: By true label; a false positive counts under the label it was given.
        all: All kinds together.
        table_mm: Error of the table's height.
        render_ms: Processor time to draw one look's frames.
        perceive_ms: Processor time from frames to scene.
    """

    per_kind: Mapping[str, KindScore]
    all: KindScore
    table_mm: Spread | None
    render_ms: Spread | None
    perceive_ms: Spread | None


@dataclass(frozen=True, kw_only=True, slots=True)
class PerceptionReport:
    """All that one run measured.

    Attributes:
        arm: Whose cameras looked.
        layouts: How many layouts they looked at.
        seeds: Which ones.
        camera_size_px: Width and height of the frames.
        command: Measures the same again.
        frames: By the value of `Frames`; the same layouts in each.
    """

    arm: str
    layouts: int
    seeds: str
    camera_size_px: tuple[int, int]
    command: str
    frames: Mapping[str, FramesScore]

    def to_json(self) -> str:
        """One line."""
        return json.dumps(asdict(self))


def run(options: Options, kinds: Sequence[Frames] = tuple(Frames)) -> PerceptionReport:
    """Look at every layout with each kind of frames.

    Raises:
        RefusedError: No layouts.
        UnknownNameError: There is no such arm.
        MissingDependencyError: No OpenGL or no open3d.
    """
    if options.layouts < 1:
        raise RefusedError(f"At least one layout is needed, not {options.layouts}.")
    perceiver = RgbdPerceiver()
    looks: dict[Frames, list[Look]] = {kind: [] for kind in kinds}
    seeds = range(options.first, options.first + options.layouts)
    # The very first look also imports open3d and reads the labels: not counted.
    _looks(seeds[0], options, kinds[:1], perceiver)
    for seed in tqdm(seeds, desc="layouts", disable=None):
        for kind, look in _looks(seed, options, kinds, perceiver).items():
            looks[kind].append(look)
    width, height = options.camera_size_px
    return PerceptionReport(
        arm=options.arm,
        layouts=options.layouts,
        seeds=f"{seeds[0]}-{seeds[-1]}",
        camera_size_px=options.camera_size_px,
        command=(
            f"python -m benchmarks.perception --layouts {options.layouts} --first {options.first} "
            f"--arm {options.arm} --camera-size-px {width} {height} --json"
        ),
        frames={kind.value: score(items) for kind, items in looks.items()},
    )


def main() -> int:
    """Command line: `python -m benchmarks.perception`."""
    options = tyro.cli(Options)
    try:
        report = run(options)
    except RobotSkillsError as error:
        print(error, file=sys.stderr)
        return error.exit_code
    print(report.to_json() if options.json else tables(report))
    return 0


# Looking.


def layout_of(seed: int) -> Layout:
    """The layout of a seed; its last digit decides whether something is stacked or put away."""
    rng = np.random.default_rng([seed, _STREAM])
    cubes = [name for name in OBJECT_NAMES if name.endswith(CUBE)]
    rng.shuffle(cubes)

    def name(who: int | str) -> str:
        return who if isinstance(who, str) else cubes[who]

    placed = {name(item): name(host) for item, host in _STARTS[seed % len(_STARTS)].items()}
    drawer = DrawerStart.OPEN if DRAWER in placed.values() else DrawerStart.ANY
    return random_layout(rng, placed=placed, drawer=drawer)


def _looks(
    seed: int, options: Options, kinds: Sequence[Frames], perceiver: RgbdPerceiver
) -> "dict[Frames, Look]":
    robot = SimRobot(options.arm, layout=layout_of(seed))
    robot.connect()
    try:
        truth = truth_scene(robot.world)
        return {kind: _look(robot, kind, options, truth, perceiver) for kind in kinds}
    finally:
        robot.close()


def _look(
    robot: SimRobot, kind: Frames, options: Options, truth: Scene, perceiver: RgbdPerceiver
) -> "Look":
    observation, render_ms = _drawn(robot, kind, options.camera_size_px, perceiver.cameras)
    perceiver.reset()
    try:
        scene, perceive_ms = _timed(lambda: perceiver.look(observation))
    except PerceptionError:
        # Nothing usable seen: everything is missed.
        return replace(compare(truth, None), render_ms=render_ms)
    return replace(compare(truth, scene), render_ms=render_ms, perceive_ms=perceive_ms)


def _drawn(
    robot: SimRobot, kind: Frames, size_px: tuple[int, int], cameras: tuple[str, ...]
) -> tuple[Observation, float]:
    """What the robot observes with frames of this kind, and how long they took to draw [ms]."""
    observation = robot.observe()
    data = robot.world.data
    model, quality = _model_and_quality(robot.world.model, kind)
    with RgbdRenderer(model, *size_px, quality) as renderer:

        def frame(camera: str) -> RgbdFrame:
            rgb, depth_m, K, T_base_camera = renderer.render(data, camera)
            return RgbdFrame(
                stamp_s=observation.stamp_s,
                rgb=rgb,
                depth_m=depth_m,
                K=K,
                T_base_camera=T_base_camera,
            )

        def frames() -> dict[str, RgbdFrame]:
            return {camera: frame(camera) for camera in cameras}

        # The first frames of a context pay for what it sets up.
        frames()
        drawn, render_ms = _timed(frames)
    return replace(observation, cameras=drawn), render_ms


def _model_and_quality(model: mujoco.MjModel, kind: Frames) -> tuple[mujoco.MjModel, Quality]:
    match kind:
        case Frames.FAST:
            return model, Quality.FAST
        case Frames.FULL:
            # Where no twin is left, full meshes are drawn in every quality.
            full = copy.copy(model)
            full.geom_group[full.geom_group == FAST_GROUP] = COLLISION_GROUP
            return full, Quality.FAST
        case Frames.PICTURE:
            return model, Quality.PICTURE


def _timed[T](work: Callable[[], T]) -> tuple[T, float]:
    """What the work returns, and its processor time [ms], which other programs hardly change."""
    started_ns = time.process_time_ns()
    result = work()
    return result, 1e-6 * (time.process_time_ns() - started_ns)


# Comparing with the truth.


@dataclass(frozen=True, kw_only=True, slots=True)
class Found:
    """One true thing that was seen, and the errors in it; see `KindScore`."""

    kind: str
    named: bool
    centre_mm: float
    yaw_deg: float | None
    extents_mm: float
    value_mm: float | None


@dataclass(frozen=True, kw_only=True, slots=True)
class Look:
    """One look beside the truth.

    Attributes:
        found: What is there and was seen.
        missed: Labels of what is there and was not seen.
        invented: Labels of what was seen and is not there.
        table_mm: Error of the table's height; None without a scene.
        render_ms: Processor time to draw the frames; None where none were drawn.
        perceive_ms: Processor time from frames to scene; None without a scene.
    """

    found: tuple[Found, ...]
    missed: tuple[str, ...]
    invented: tuple[str, ...]
    table_mm: float | None = None
    render_ms: float | None = None
    perceive_ms: float | None = None


def compare(truth: Scene, seen: Scene | None) -> Look:
    """Pair what is seen with what is there, nearest centres first, whatever it is called.

    Args:
        truth: What is there.
        seen: What perception says; None when it saw nothing that it could use.
    """
    there = [entity for entity in truth if entity.name != TABLE]
    if seen is None:
        return Look(found=(), missed=tuple(entity.label for entity in there), invented=())
    candidates = [entity for entity in seen if entity.name != TABLE]
    pairs = _pairs(there, candidates)
    return Look(
        found=tuple(_found(there[i], candidates[j]) for i, j in pairs.items()),
        missed=tuple(entity.label for i, entity in enumerate(there) if i not in pairs),
        invented=tuple(e.label for j, e in enumerate(candidates) if j not in pairs.values()),
        table_mm=1e3 * abs(seen.table_height_m - truth.table_height_m),
    )


def _pairs(there: Sequence[Entity], seen: Sequence[Entity]) -> dict[int, int]:
    """Index in `there` -> index in `seen`, one to one."""
    near = sorted(
        (distance, i, j)
        for i, a in enumerate(there)
        for j, b in enumerate(seen)
        if (distance := _apart_m(a, b)) < SAME_M
    )
    pairs: dict[int, int] = {}
    for _, i, j in near:
        if i not in pairs and j not in pairs.values():
            pairs[i] = j
    return pairs


def _found(true: Entity, seen: Entity) -> Found:
    value_mm = None
    if true.articulation is not None and seen.articulation is not None:
        value_mm = 1e3 * abs(seen.articulation.value_m - true.articulation.value_m)
    return Found(
        kind=true.label,
        named=seen.name == true.name,
        centre_mm=1e3 * _apart_m(true, seen),
        yaw_deg=_yaw_error_deg(true, seen),
        extents_mm=1e3 * float(np.max(np.abs(_sizes_m(true) - _sizes_m(seen)))),
        value_mm=value_mm,
    )


def _apart_m(a: Entity, b: Entity) -> float:
    return float(np.linalg.norm(a.T_base_entity.p - b.T_base_entity.p))


def _sizes_m(entity: Entity) -> np.ndarray:
    """Shorter side, longer side, height, (3,): whichever way round the box is described."""
    return np.array([*np.sort(entity.extents_m[:2]), entity.extents_m[2]])


def _yaw_error_deg(true: Entity, seen: Entity) -> float | None:
    if true.label in ROUND:
        return None
    short_m, long_m, _ = _sizes_m(true)
    turned = seen.T_base_entity.yaw_rad() - true.T_base_entity.yaw_rad()
    if true.articulation is not None:
        # It has a front.
        period = 2.0 * np.pi
    elif long_m <= SQUARE_WITHIN * short_m:
        period = 0.5 * np.pi
    else:
        period = np.pi
        along_x = [entity.extents_m[0] > entity.extents_m[1] for entity in (true, seen)]
        turned += 0.5 * np.pi * (along_x[0] != along_x[1])
    return float(np.rad2deg(abs((turned + 0.5 * period) % period - 0.5 * period)))


# Scoring.


def score(looks: Sequence[Look]) -> FramesScore:
    """Figures over all looks at one kind of frames."""
    found = [item for look in looks for item in look.found]
    missed = [label for look in looks for label in look.missed]
    invented = [label for look in looks for label in look.invented]
    kinds = sorted({item.kind for item in found} | {*missed, *invented})
    return FramesScore(
        per_kind={
            kind: _kind_score(
                [item for item in found if item.kind == kind],
                missed.count(kind),
                invented.count(kind),
            )
            for kind in kinds
        },
        all=_kind_score(found, len(missed), len(invented)),
        table_mm=_spread(look.table_mm for look in looks),
        render_ms=_spread(look.render_ms for look in looks),
        perceive_ms=_spread(look.perceive_ms for look in looks),
    )


def _kind_score(found: Sequence[Found], missed: int, invented: int) -> KindScore:
    return KindScore(
        things=len(found) + missed,
        detected=len(found),
        missed=missed,
        wrong_names=sum(not item.named for item in found),
        false_positives=invented,
        centre_mm=_spread(item.centre_mm for item in found),
        yaw_deg=_spread(item.yaw_deg for item in found),
        extents_mm=_spread(item.extents_mm for item in found),
        value_mm=_spread(item.value_mm for item in found),
    )


def _spread(values: Iterable[float | None]) -> Spread | None:
    return Spread.of([value for value in values if value is not None])


# For a terminal.

_HEAD = ("kind", "things", "missed", "false", "misnamed")
_SPREADS = ("centre mm", "yaw deg", "extents mm", "value mm")


def tables(report: PerceptionReport) -> str:
    """The report as text, one table per kind of frames; spreads are median / p95 / max."""
    width, height = report.camera_size_px
    title = f"{report.arm}, {report.layouts} layouts ({report.seeds}), {width} x {height} px"
    return "\n\n".join([title, *(_text(name, item) for name, item in report.frames.items())])


def _text(name: str, item: FramesScore) -> str:
    kinds = {**item.per_kind, "all": item.all}
    rows = [(*_HEAD, *_SPREADS), *(_row(kind, entry) for kind, entry in kinds.items())]
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    lines = [
        "  ".join(cell.rjust(width) for cell, width in zip(row, widths, strict=True))
        for row in rows
    ]
    times = f"rendering {_cell(item.render_ms)} ms, perception {_cell(item.perceive_ms)} ms"
    return "\n".join(
        [f"Frames: {name}", *lines, f"Table height {_cell(item.table_mm)} mm; {times}"]
    )


def _row(kind: str, item: KindScore) -> tuple[str, ...]:
    counts = (item.things, item.missed, item.false_positives, item.wrong_names)
    spreads = (item.centre_mm, item.yaw_deg, item.extents_mm, item.value_mm)
    return (kind, *map(str, counts), *map(_cell, spreads))


def _cell(spread: Spread | None) -> str:
    if spread is None:
        return "-"
    return f"{spread.median:.2f} / {spread.p95:.2f} / {spread.max:.2f}"


if __name__ == "__main__":
    sys.exit(main())
