"""A short made-up run: two skills, one retry, one refused chunk; for tests of what reads logs."""

from pathlib import Path

import numpy as np

from robot_skills.core.camera import pinhole
from robot_skills.core.events import Event, EventKind
from robot_skills.core.scene import TABLE, Articulation, Entity, Scene
from robot_skills.core.se3 import SE3
from robot_skills.core.types import ArmState, Observation, RgbdFrame, single_arm_chunk
from robot_skills.data.episode_log import EpisodeLog, Latency, Look
from robot_skills.data.messages import Command

METADATA = {
    "instruction": "put the red cube in the drawer & close <it>",
    "arm": "panda",
    "scene": "rgbd",
    "seed": "3",
    "planner": "rules",
    "version": "0.1.0",
}
GRASP = {"skill": "grasp", "args": {"object": "red_cube"}}
PLACE = {"skill": "place", "args": {"object": "red_cube", "relation": "in", "target": "drawer"}}


def scene(stamp_s: float, visible: bool = True) -> Scene:
    table = Entity(
        name=TABLE,
        label="table",
        T_base_entity=SE3.from_translation((0.5, 0.0, -0.05)),
        extents_m=np.array([0.8, 1.0, 0.1]),
        movable=False,
    )
    cube = Entity(
        name="red_cube",
        label="cube",
        colour="red",
        T_base_entity=SE3.from_yaw(0.4, (0.48, -0.1, 0.02)),
        extents_m=np.full(3, 0.04),
        confidence=0.93,
        visible=visible,
    )
    drawer = Entity(
        name="drawer",
        label="drawer",
        T_base_entity=SE3.from_yaw(-np.pi / 2, (0.5, 0.34, 0.06)),
        extents_m=np.array([0.2, 0.3, 0.12]),
        articulation=Articulation(
            value_m=0.11,
            upper_m=0.15,
            axis_entity=np.array([1.0, 0.0, 0.0]),
            T_entity_handle=SE3.from_translation((0.22, 0.0, 0.0)),
            handle_extents_m=np.array([0.02, 0.1, 0.02]),
        ),
        movable=False,
    )
    entities = {entity.name: entity for entity in (table, cube, drawer)}
    return Scene(stamp_s=stamp_s, entities=entities, opening={"arm": 1.0})


def frame(stamp_s: float) -> RgbdFrame:
    rows, columns = np.mgrid[0:96, 0:128]
    rgb = np.stack([columns + 60, rows + 80, np.full_like(rows, 120)], axis=-1).astype(np.uint8)
    depth = (0.6 + 0.003 * rows).astype(np.float32)
    depth[:4] = 0.0
    return RgbdFrame(
        stamp_s=stamp_s,
        rgb=rgb,
        depth_m=depth,
        K=pinhole(128, 96, 0.9),
        T_base_camera=SE3.look_at((1.15, 0.0, 0.75), (0.5, 0.03, 0.03)),
    )


def state(stamp_s: float) -> ArmState:
    p = (
        0.5 + 0.1 * np.sin(stamp_s),
        0.2 * np.cos(0.7 * stamp_s),
        0.16 + 0.1 * np.cos(2.0 * stamp_s),
    )
    return ArmState(
        stamp_s=stamp_s,
        q_rad=np.zeros(7),
        dq_rad_s=np.zeros(7),
        tau_nm=np.zeros(7),
        T_base_tool=SE3.from_translation(p),
        opening=float(0.5 + 0.5 * np.tanh(4.0 * np.cos(stamp_s))),
    )


def write_fake_episode(path: Path, success: bool = True) -> None:
    """Write the log of the made-up run."""
    rng = np.random.default_rng(0)
    with EpisodeLog(path, METADATA) as log:

        def emit(stamp_s: float, kind: EventKind, **data) -> None:
            log.emit(Event(stamp_s=stamp_s, kind=kind, data=data))

        emit(0.0, EventKind.INSTRUCTION, text=METADATA["instruction"])
        log.look(Look(scene=scene(0.0), frames={"front": frame(0.0)}))
        emit(0.0, EventKind.LOOK, entities=["table", "red_cube", "drawer"])
        log.latency(Latency(stamp_s=0.0, stage="perception", wall_ms=84.0))
        emit(
            0.0,
            EventKind.PLAN,
            goal=["in(red_cube, drawer)", "closed(drawer)"],
            calls=[GRASP, PLACE],
            wording=['"the red cube" is red_cube', '"it" is the drawer'],
        )
        log.latency(Latency(stamp_s=0.0, stage="planner", wall_ms=12.0))
        for i, stamp_s in enumerate(np.arange(0.0, 12.0, 0.05)):
            log.state(Observation(stamp_s=stamp_s, arms={"arm": state(stamp_s)}))
            if i % 8 == 0:
                poses = np.tile(state(stamp_s).T_base_tool.matrix(), (4, 1, 1))
                stamps = stamp_s + 0.05 * np.arange(1, 5)
                chunk = single_arm_chunk(stamps, poses, np.full(4, 0.5))
                refused = "workspace: 2 cm below the table" if i == 80 else None
                accepted = None if refused else chunk
                log.command(
                    Command(stamp_s=stamp_s, requested=chunk, accepted=accepted, refused=refused)
                )
                wall_ms = float(rng.gamma(4.0, 0.3))
                log.latency(Latency(stamp_s=stamp_s, stage="policy", wall_ms=wall_ms))
        _skill(emit, 0.0, 3.5, GRASP, "failed", "after 3.5 s nothing is in the gripper")
        emit(3.6, EventKind.RETRY, **GRASP, attempt=2, of=3, reason="not holding(red_cube)")
        _skill(emit, 3.7, 6.5, GRASP, "success", "effects hold")
        outcome = ("success", "effects hold") if success else ("timeout", "took more than 5 s")
        _skill(emit, 6.6, 11.5, PLACE, *outcome)
        log.look(Look(scene=scene(11.6, visible=False), frames={"front": frame(11.6)}))
        emit(11.6, EventKind.LOOK, entities=["table", "red_cube", "drawer"])
        emit(11.8, EventKind.RUN_END, success=success, reason="the goal holds" if success else "no")


def _skill(emit, start_s, end_s, call, outcome, reason) -> None:
    emit(start_s, EventKind.PRECONDITIONS, **call, unmet=[])
    emit(start_s, EventKind.SKILL_START, **call, seed=0)
    unmet = [] if outcome == "success" else ["holding(red_cube)"]
    emit(end_s, EventKind.EFFECTS, **call, unmet=unmet)
    emit(end_s, EventKind.SKILL_END, **call, outcome=outcome, reason=reason, chunks=9)
