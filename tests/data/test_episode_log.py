"""The episode log gives back what was written, survives interruption, and refuses foreign files."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from robot_skills.core.errors import DatasetError, InstructionError, StorageError
from robot_skills.core.events import Event, EventKind
from robot_skills.core.scene import Articulation, Control, Entity, Region, Scene
from robot_skills.core.se3 import SE3
from robot_skills.core.types import ArmState, Observation, RgbdFrame, single_arm_chunk
from robot_skills.data.episode_log import (
    EpisodeLog,
    Latency,
    Look,
    read_episode,
)
from robot_skills.data.messages import Command, scene_from_json, scene_to_json


def _scene(stamp_s: float = 1.5) -> Scene:
    drawer = Entity(
        name="drawer",
        label="drawer",
        T_base_entity=SE3.from_yaw(-1.5, (0.5, 0.36, 0.06)),
        extents_m=np.array([0.2, 0.3, 0.12]),
        articulation=Articulation(
            value_m=0.03,
            upper_m=0.15,
            axis_entity=np.array([1.0, 0.0, 0.0]),
            T_entity_handle=SE3.from_translation((0.12, 0.0, 0.0)),
            handle_extents_m=np.array([0.02, 0.1, 0.02]),
            hinge_entity=np.array([0.1, 0.1, 0.0]),
        ),
        control=Control(on=True, T_entity_press=SE3.from_yaw(0.1, (0.0, 0.1, 0.02)), travel_m=0.01),
        cavity=Region(T_entity_region=SE3.identity(), extents_m=np.array([0.1, 0.2, 0.05])),
        movable=False,
    )
    cube = Entity(
        name="red_cube",
        label="cube",
        colour="red",
        T_base_entity=SE3.from_yaw(0.3, (0.45, -0.1, 0.02)),
        extents_m=np.full(3, 0.04),
        confidence=0.9,
        stamp_s=stamp_s,
        visible=False,
        held_by="arm",
    )
    return Scene(
        stamp_s=stamp_s,
        entities={"drawer": drawer, "red_cube": cube},
        opening={"arm": 0.4},
        tools={"arm": SE3.from_yaw(0.4, (0.4, 0.0, 0.4))},
    )


def _observation(stamp_s: float) -> Observation:
    state = ArmState(
        stamp_s=stamp_s,
        q_rad=np.linspace(-1.0, 1.0, 7),
        dq_rad_s=np.zeros(7),
        tau_nm=np.ones(7),
        T_base_tool=SE3.from_yaw(0.2, (0.5, 0.0, 0.3)),
        opening=0.75,
    )
    return Observation(stamp_s=stamp_s, arms={"arm": state})


def _frame() -> RgbdFrame:
    rgb = np.full((24, 32, 3), (200, 30, 30), dtype=np.uint8)
    depth = np.full((24, 32), 0.7345, dtype=np.float32)
    depth[0, 0] = 0.0
    return RgbdFrame(
        stamp_s=1.5,
        rgb=rgb,
        depth_m=depth,
        K=np.array([[30.0, 0.0, 15.5], [0.0, 30.0, 11.5], [0.0, 0.0, 1.0]]),
        T_base_camera=SE3.look_at((1.15, 0.0, 0.75), (0.5, 0.0, 0.0)),
    )


def _chunk():
    poses = np.stack([SE3.from_yaw(0.1 * i, (0.4, 0.01 * i, 0.2)).matrix() for i in range(4)])
    return single_arm_chunk(np.array([0.05, 0.1, 0.15, 0.2]), poses, np.linspace(1.0, 0.0, 4))


def _write(path: Path) -> None:
    with EpisodeLog(path, {"instruction": "close the drawer", "seed": "3"}) as log:
        log.emit(Event(stamp_s=0.0, kind=EventKind.INSTRUCTION, data={"text": "close the drawer"}))
        log.look(Look(scene=_scene(), frames={"front": _frame()}))
        log.state(_observation(1.55))
        log.command(Command(stamp_s=1.55, requested=_chunk(), accepted=_chunk().after(0.1)))
        log.command(
            Command(stamp_s=1.6, requested=_chunk(), accepted=None, refused="workspace: too low")
        )
        log.latency(Latency(stamp_s=1.6, stage="policy", wall_ms=2.5))


def test_a_log_reads_back_as_it_was_written(tmp_path):
    path = tmp_path / "deep" / "episode.mcap"
    _write(path)
    episode = read_episode(path)

    assert episode.metadata == {"instruction": "close the drawer", "seed": "3"}
    assert episode.of_kind(EventKind.INSTRUCTION)[0].data["text"] == "close the drawer"
    (state,) = episode.states["arm"]
    assert state.T_base_tool.allclose(_observation(1.55).arms["arm"].T_base_tool)
    assert state.opening == 0.75
    taken, refused = episode.commands
    assert taken.accepted is not None
    assert len(taken.accepted) == 2
    np.testing.assert_allclose(
        taken.requested.arms["arm"].T_base_tool, _chunk().arms["arm"].T_base_tool, atol=1e-12
    )
    assert refused.accepted is None
    assert refused.refused == "workspace: too low"
    assert episode.latencies == (Latency(stamp_s=1.6, stage="policy", wall_ms=2.5),)


def test_pictures_keep_colour_depth_and_geometry(tmp_path):
    path = tmp_path / "episode.mcap"
    _write(path)
    (look,) = read_episode(path).looks
    frame, original = look.frames["front"], _frame()
    assert np.abs(frame.rgb.astype(int) - original.rgb).max() <= 6
    np.testing.assert_allclose(frame.depth_m, original.depth_m, atol=5.1e-4)
    assert frame.depth_m[0, 0] == 0.0
    assert frame.T_base_camera.allclose(original.T_base_camera)
    np.testing.assert_array_equal(frame.K, original.K)


def test_same_content_gives_the_same_bytes(tmp_path):
    _write(tmp_path / "a.mcap")
    _write(tmp_path / "b.mcap")
    assert (tmp_path / "a.mcap").read_bytes() == (tmp_path / "b.mcap").read_bytes()


def test_a_file_appears_only_when_it_is_complete(tmp_path):
    path = tmp_path / "episode.mcap"
    with EpisodeLog(path, {}) as log:
        log.emit(Event(stamp_s=0.0, kind=EventKind.RUN_END))
        assert not path.exists()
    assert path.exists()
    assert list(tmp_path.iterdir()) == [path]


def test_an_interrupted_run_still_leaves_a_readable_log(tmp_path):
    path = tmp_path / "episode.mcap"

    def interrupted() -> None:
        with EpisodeLog(path, {}) as log:
            log.emit(Event(stamp_s=0.0, kind=EventKind.LOOK))
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert len(read_episode(path).events) == 1


def refused(path: Path, *events: Event) -> None:
    with EpisodeLog(path, {}) as log:
        for event in events:
            log.emit(event)
        raise InstructionError("The instruction is empty.")


def test_a_run_that_is_refused_on_the_way_leaves_its_log(tmp_path):
    path = tmp_path / "episode.mcap"
    with pytest.raises(InstructionError):
        refused(path, Event(stamp_s=0.0, kind=EventKind.REFUSED))
    assert [event.kind for event in read_episode(path).events] == [EventKind.REFUSED]


def test_what_is_refused_before_anything_was_logged_leaves_nothing_behind(tmp_path):
    with pytest.raises(InstructionError):
        refused(tmp_path / "episode.mcap")
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_cannot_be_made_is_named(tmp_path):
    (tmp_path / "file").write_text("in the way")
    log = EpisodeLog(tmp_path / "file" / "episode.mcap", {})
    with pytest.raises(StorageError, match=r"Cannot write .*episode\.mcap"):
        log.__enter__()


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
def test_a_disk_that_fills_up_leaves_no_half_file(tmp_path):
    path = tmp_path / "episode.mcap"
    (tmp_path / "episode.mcap.part").symlink_to("/dev/full")

    def fill() -> None:
        with EpisodeLog(path, {}) as log:
            for _ in range(2000):
                log.look(Look(scene=_scene(), frames={"front": _frame()}))

    with pytest.raises(StorageError, match="No space left on device"):
        fill()
    assert not path.exists()


@pytest.mark.parametrize("content", [b"", b"not a log at all", b"\x89MCAP0\r\n" + b"\0" * 40])
def test_foreign_files_are_refused_by_name(tmp_path, content):
    path = tmp_path / "episode.mcap"
    path.write_bytes(content)
    with pytest.raises(DatasetError, match=r"episode\.mcap"):
        read_episode(path)


def test_a_missing_log_is_named(tmp_path):
    with pytest.raises(DatasetError, match="no episode log"):
        read_episode(tmp_path / "none.mcap")


def test_a_log_cut_short_is_refused(tmp_path):
    path = tmp_path / "episode.mcap"
    _write(path)
    data = path.read_bytes()
    path.write_bytes(data[: len(data) // 2])
    with pytest.raises(DatasetError):
        read_episode(path)


@settings(max_examples=30, deadline=None)
@given(
    yaw=st.floats(-3.0, 3.0),
    p=st.tuples(*[st.floats(-1.0, 1.0)] * 3),
    visible=st.booleans(),
    confidence=st.floats(0.0, 1.0),
)
def test_scenes_survive_json(yaw, p, visible, confidence):
    entity = Entity(
        name="thing",
        label="can",
        T_base_entity=SE3.from_yaw(yaw, p),
        extents_m=np.array([0.05, 0.05, 0.1]),
        visible=visible,
        confidence=confidence,
    )
    back = scene_from_json(scene_to_json(_scene().with_entity(entity)))
    assert list(back.entities) == ["drawer", "red_cube", "thing"]
    assert back["thing"].T_base_entity.allclose(entity.T_base_entity)
    assert (back["thing"].visible, back["thing"].confidence) == (visible, confidence)
    joint, control = back["drawer"].articulation, back["drawer"].control
    assert joint is not None
    assert joint.value_m == 0.03
    np.testing.assert_allclose(joint.hinge_entity, [0.1, 0.1, 0.0])
    assert control is not None
    assert (control.on, control.travel_m) == (True, 0.01)
    assert control.T_entity_press.allclose(SE3.from_yaw(0.1, (0.0, 0.1, 0.02)))
    assert back["red_cube"].control is None
    assert back.tools["arm"].allclose(_scene().tools["arm"])


def test_scenes_of_earlier_logs_are_read():
    data = scene_to_json(_scene())
    del data["tools"]
    for entity in data["entities"]:
        del entity["control"]
        if entity["articulation"] is not None:
            del entity["articulation"]["hinge_entity"]
    back = scene_from_json(data)
    assert back.tools == {}
    assert back["drawer"].control is None
    assert back["drawer"].articulation.hinge_entity is None
