"""Policies that see pictures, the tool and words, run as skills."""

import json
from pathlib import Path

import numpy as np
import pytest

from policies.end_to_end import EndToEndNotes, EndToEndSkill, ToolNumbers
from policies.faces import STATE, FeatureSizes
from policies.lerobot_files import SkillNotes, backbone_folder, step_overrides
from policies.loading import load_policy
from policies.task_policy import TaskChunk
from robot_skills.core.errors import CheckpointError, PerceptionError, RefusedError
from robot_skills.core.policy import ACTION_NAMES, PolicyInput, SeeingPolicy, pose_to_vector
from robot_skills.core.se3 import SE3, so3_exp, so3_log
from robot_skills.core.types import RgbdFrame
from tests.policies.lerobot_checkpoints import CAMERA, write_checkpoint

FRONT = {CAMERA: "front"}
TURN = np.array([0.1, -0.2, 0.3])


class Answers:
    """A task-faced policy that answers the same chunk, and remembers what it was shown."""

    period_s: float | None = 0.1
    observation_steps = 1

    def __init__(self, actions: np.ndarray, state: int, pictures: bool = True) -> None:
        self.horizon = len(actions)
        self.sizes = FeatureSizes(
            numbers={STATE: state},
            pictures={CAMERA: (48, 64)} if pictures else {},
            action=actions.shape[1],
            language=True,
        )
        self.actions = actions
        self.seen: dict[str, np.ndarray] = {}
        self.told = ""

    def reset(self, seed: int) -> None:
        pass

    def infer(self, history, instruction: str = "") -> TaskChunk:
        self.seen, self.told = dict(history), instruction
        return TaskChunk(actions=self.actions, done=0.25)


def given(instruction: str = "do fold the towel", camera: str = "front") -> PolicyInput:
    T_base_tool = SE3(so3_exp(TURN), np.array([0.4, 0.1, 0.3])).matrix()
    frame = RgbdFrame(
        stamp_s=0.0,
        rgb=np.full((96, 128, 3), 7, dtype=np.uint8),
        depth_m=np.ones((96, 128), dtype=np.float32),
        K=np.eye(3),
        T_base_camera=SE3.identity(),
    )
    return PolicyInput(
        T_base_tool=T_base_tool[None],
        opening=np.array([0.8]),
        tokens=(),
        table_height_m=0.0,
        frames={camera: frame},
        instruction=instruction,
    )


def test_it_is_shown_the_pictures_of_its_cameras_the_tool_and_the_words():
    task = Answers(np.zeros((3, 7), dtype=np.float32), state=7)
    notes = EndToEndNotes(
        cameras=FRONT, state=ToolNumbers.ROTVEC, action=ToolNumbers.STEPS, without="do "
    )
    skill = EndToEndSkill(task, notes)
    assert isinstance(skill, SeeingPolicy)
    assert skill.cameras == ("front",)
    skill.infer(given())
    assert task.told == "fold the towel"
    assert task.seen[CAMERA].shape == (1, 48, 64, 3)
    np.testing.assert_allclose(task.seen[STATE][0], [0.4, 0.1, 0.3, *TURN, 0.8], atol=1e-6)


def test_poses_leave_as_they_were_answered():
    pose = pose_to_vector(SE3(so3_exp(TURN), np.array([0.5, 0.0, 0.2])).matrix())
    actions = np.tile([*pose, 0.5], (2, 1)).astype(np.float32)
    output = EndToEndSkill(Answers(actions, state=10), EndToEndNotes(cameras=FRONT)).infer(given())
    np.testing.assert_allclose(output.T_base_tool[1][:3, 3], [0.5, 0.0, 0.2], atol=1e-6)
    np.testing.assert_allclose(so3_log(output.T_base_tool[0][:3, :3]), TURN, atol=1e-6)
    assert output.done == 0.25


def test_steps_add_up_from_where_the_tool_is():
    actions = np.tile([1.0, 0.0, -0.5, 0.0, 0.0, 0.2, 1.0], (3, 1)).astype(np.float32)
    notes = EndToEndNotes(
        cameras=FRONT,
        state=ToolNumbers.ROTVEC,
        action=ToolNumbers.STEPS,
        step_m=0.05,
        step_rad=0.5,
        opening=[1.0, -1.0],
    )
    inputs = given()
    output = EndToEndSkill(Answers(actions, state=7), notes).infer(inputs)
    start = inputs.T_base_tool[0]
    np.testing.assert_allclose(
        output.T_base_tool[2][:3, 3], start[:3, 3] + [0.15, 0.0, -0.075], atol=1e-6
    )
    np.testing.assert_allclose(
        output.T_base_tool[2][:3, :3], so3_exp((0.0, 0.0, 0.3)) @ start[:3, :3], atol=1e-6
    )
    np.testing.assert_allclose(output.opening, 0.0)


@pytest.mark.parametrize(
    ("task", "notes", "says"),
    [
        (Answers(np.zeros((2, 10)), 10), EndToEndNotes(), "end_to_end.cameras"),
        (Answers(np.zeros((2, 6)), 6), EndToEndNotes(cameras=FRONT), "joint angles"),
        (Answers(np.zeros((2, 7)), 10), EndToEndNotes(cameras=FRONT), "answers actions of 7"),
    ],
)
def test_what_nobody_can_give_or_take_is_refused(task, notes, says):
    with pytest.raises(RefusedError, match=says):
        EndToEndSkill(task, notes)


def test_a_camera_that_shows_nothing_is_named():
    skill = EndToEndSkill(Answers(np.zeros((2, 10)), 10), EndToEndNotes(cameras=FRONT))
    with pytest.raises(PerceptionError, match="'front'"):
        skill.infer(given(camera="wrist"))


@pytest.mark.parametrize(
    "notes",
    [{"state": "steps"}, {"opening": [1.0, 1.0]}, {"step_m": 0.0}, {"cameras": {"a": 1}}],
)
def test_notes_that_make_no_sense_are_refused(notes):
    with pytest.raises(ValueError, match=r"\w"):
        EndToEndNotes.from_json(notes)


def lerobot_checkpoint(directory: Path, **notes: object) -> Path:
    """ACT that sees a camera and the tool."""
    inputs = {STATE: (len(ACTION_NAMES),), CAMERA: (3, 48, 64)}
    write_checkpoint(directory, "act", inputs, action=len(ACTION_NAMES))
    (directory / "skill.json").write_text(json.dumps({"fps": 20.0, **notes}))
    return directory


def test_a_lerobot_checkpoint_that_sees_pictures_runs_as_a_skill(tmp_path):
    noted = lerobot_checkpoint(tmp_path / "policy", end_to_end={"cameras": FRONT})
    skill = load_policy(noted)
    assert isinstance(skill, SeeingPolicy)
    skill.reset(0)
    output = skill.infer(given())
    assert output.T_base_tool.shape == (skill.horizon, 4, 4)
    rotations = output.T_base_tool[:, :3, :3]
    np.testing.assert_allclose(
        rotations @ rotations.swapaxes(1, 2), np.tile(np.eye(3), (skill.horizon, 1, 1)), atol=1e-6
    )
    (noted / "skill.json").write_text(json.dumps({"fps": 20.0}))
    with pytest.raises(RefusedError, match="A skill sees"):
        load_policy(noted)


def test_the_tokenizer_and_the_backbone_come_from_beside_the_checkpoint(tmp_path):
    (tmp_path / "smolvlm").mkdir()
    step = {"registry_name": "tokenizer_processor", "config": {}}
    (tmp_path / "policy_preprocessor.json").write_text(json.dumps({"steps": [step]}))
    notes = SkillNotes(backbone="smolvlm")
    with pytest.raises(CheckpointError, match="Copy the settings and the tokenizer"):
        backbone_folder(tmp_path, notes)
    (tmp_path / "smolvlm" / "config.json").write_text("{}")
    folder = backbone_folder(tmp_path, notes)
    overrides = step_overrides(tmp_path, "policy_preprocessor.json", "cpu", folder)
    assert overrides == {"tokenizer_processor": {"tokenizer_name": str(tmp_path / "smolvlm")}}
