"""What the console shows of a session."""

import numpy as np

from robot_skills.app.collect.devices import AnyDevice
from robot_skills.app.collect.plan_board import PlanBoard
from robot_skills.app.collect.session import CollectSession, Phase
from robot_skills.console.backend import (
    ArmStatus,
    ConsoleStatus,
    DatasetStatus,
    EpisodeStatus,
    StreamStatus,
    ThingStatus,
)
from robot_skills.core.scene import Entity
from robot_skills.core.types import ActionChunk, ArmState
from robot_skills.data.recorder import StreamNow

_LIVE_PERIODS = 5.0


def console_status(
    session: CollectSession,
    *,
    robot: str,
    dataset: str,
    wanted: int | None,
    device: AnyDevice,
    board: PlanBoard,
) -> ConsoleStatus:
    """The session as the console shows it.

    Args:
        session: Which has made a step.
        robot: Name of the robot.
        dataset: Name of the dataset; empty where nothing is recorded.
        wanted: Episodes that are wanted.
        device: The hands.
        board: The plan.
    """
    observation = session.observation
    assert observation is not None
    scene = session.scene
    return ConsoleStatus(
        stamp_s=observation.stamp_s,
        robot=robot,
        motion=session.motion.value,
        why=session.why,
        arms={name: _arm(state) for name, state in observation.arms.items()},
        things=() if scene is None else tuple(_thing(entity) for entity in scene),
        path_m=_path(session.chunk),
        devices=device.held,
        control_hz=session.pace.hz(),
        control_p99_ms=session.pace.p99_ms(),
        cameras=tuple(observation.cameras),
        streams=_streams(session, observation.stamp_s),
        episode=EpisodeStatus(
            state=session.phase.value,
            number=0 if session.health is None else session.health.next_number,
            elapsed_s=session.elapsed_s,
            task=session.task,
            subtask=session.subtask,
        ),
        dataset=_dataset(session, dataset, wanted) if dataset else None,
        plan=board.steps,
        instruction=board.instruction,
        notices=tuple(session.notices),
    )


def _arm(state: ArmState) -> ArmStatus:
    return ArmStatus(
        q_rad=tuple(float(q) for q in state.q_rad),
        p_base_tool=_three(state.T_base_tool.p),
        wxyz_base_tool=_four(state.T_base_tool.wxyz()),
        opening=float(state.opening),
    )


def _thing(entity: Entity) -> ThingStatus:
    return ThingStatus(
        name=entity.name,
        colour=entity.colour or "",
        p_base=_three(entity.T_base_entity.p),
        wxyz_base=_four(entity.T_base_entity.wxyz()),
        extents_m=_three(entity.extents_m),
    )


def _path(chunk: ActionChunk | None) -> dict[str, tuple[tuple[float, float, float], ...]]:
    if chunk is None:
        return {}
    return {
        name: tuple(_three(T[:3, 3]) for T in arm.T_base_tool) for name, arm in chunk.arms.items()
    }


def _streams(session: CollectSession, now_s: float) -> tuple[StreamStatus, ...]:
    """Those that have a rate; states are only sent while an episode is recorded."""
    health = session.health
    if health is None:
        return ()
    recording = session.phase is Phase.RECORDING
    return tuple(
        _stream(name.removeprefix("/"), stream, now_s)
        for name, stream in health.streams.items()
        if stream.expected_hz is not None and (recording or stream.newest_s is not None)
    )


def _stream(name: str, stream: StreamNow, now_s: float) -> StreamStatus:
    stats = stream.stats
    newest_s = now_s if stream.newest_s is None else stream.newest_s
    age_s = max(now_s - newest_s, 0.0)
    period_s = 1.0 / (stream.expected_hz or 1.0)
    return StreamStatus(
        name=name,
        expected_hz=stream.expected_hz,
        rate_hz=stream.rate_hz,
        age_s=age_s,
        latency_s=stats.latency_s,
        count=stats.count,
        dropped=stats.dropped,
        repeated=stats.repeated,
        late=stats.late,
        out_of_order=stats.out_of_order,
        lost=stats.lost,
        live=stream.newest_s is not None and age_s < max(_LIVE_PERIODS * period_s, 0.6),
    )


def _dataset(session: CollectSession, name: str, wanted: int | None) -> DatasetStatus:
    health = session.health
    free = 0 if health is None else health.free_bytes
    rate = 0.0 if health is None or session.phase is not Phase.RECORDING else health.bytes_s
    return DatasetStatus(
        name=name,
        episodes=session.episodes_saved,
        seconds=session.seconds_saved,
        wanted=wanted,
        last_saved=session.saved[-1].number if session.saved else None,
        free_bytes=free,
        seconds_left=free / rate if rate > 0.0 else None,
    )


def _three(values: np.ndarray) -> tuple[float, float, float]:
    x, y, z = (float(value) for value in values)
    return x, y, z


def _four(values: np.ndarray) -> tuple[float, float, float, float]:
    w, x, y, z = (float(value) for value in values)
    return w, x, y, z
