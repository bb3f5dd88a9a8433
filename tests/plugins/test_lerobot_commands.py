"""LeRobot's own commands, offline, with our plugins installed from their wheels."""

import json
import re
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("lerobot", reason="LeRobot is not installed")

from hardware.lerobot_actions import TOOL_KEYS, joint_keys
from tests.plugins import installing
from tests.plugins.hardware_plugins import NAMES, install_all, lerobot, write_hand
from tests.plugins.test_lerobot_plugin import CAMERA, STATE, make_config, make_policy

PICTURE = (48, 64)
Y = TOOL_KEYS.index("tool.y.pos")
STATE_NAMES = (*joint_keys(7), *TOOL_KEYS)
STATE_SIZE = len(STATE_NAMES)


@pytest.fixture(scope="module")
def site(tmp_path_factory) -> Path:
    return install_all(tmp_path_factory.mktemp("plugins"))


@pytest.fixture(scope="module")
def home(tmp_path_factory) -> Path:
    return tmp_path_factory.mktemp("home")


def robot(home, **settings):
    given = {"id": "sim", "calibration_dir": home, "seed": 3, "views": "[front]"}
    given |= {"width": PICTURE[1], "height": PICTURE[0]} | settings
    return {"robot.type": "robot_skills"} | {f"robot.{key}": v for key, v in given.items()}


def hand(home, path, **settings):
    given = {"device": "file", "path": path, "calibration_dir": home} | settings
    return {"teleop.type": "robot_skills"} | {f"teleop.{key}": v for key, v in given.items()}


def dataset(root, **settings):
    given = {"repo_id": "nobody/nothing", "root": root, "fps": 20, "push_to_hub": "false"}
    return {f"dataset.{key}": v for key, v in (given | settings).items()}


@pytest.fixture(scope="module")
def recorded(site, home, tmp_path_factory) -> Path:
    """Two short episodes with colours and depth, by a recorded hand."""
    folder = tmp_path_factory.mktemp("recorded")
    path = write_hand(folder / "hand.jsonl", 60.0)
    settings = dataset(
        folder / "data",
        single_task="Move the hand",
        num_episodes=2,
        episode_time_s=2,
        reset_time_s=1,
    )
    settings |= robot(home) | hand(home, path) | {"play_sounds": "false"}
    lerobot(site, home, "lerobot-record", settings)
    return folder / "data"


@pytest.fixture
def opened(recorded):
    from lerobot.datasets import LeRobotDataset

    return LeRobotDataset("nobody/nothing", root=recorded)


def test_the_wheels_have_the_names_that_lerobot_looks_for(site):
    found = {}
    for metadata in site.glob("*.dist-info/METADATA"):
        name = re.search(r"^Name: (.*)$", metadata.read_text(), re.MULTILINE)
        assert name is not None
        found[name.group(1)] = metadata
    assert set(found) == set(NAMES)
    for name in NAMES:
        assert (site / name / "__init__.py").is_file()


def test_a_recording_can_be_opened(opened):
    assert opened.num_episodes == 2
    assert opened.num_frames >= 10
    features = opened.features
    assert features["observation.state"]["names"] == list(STATE_NAMES)
    assert features["action"]["names"] == list(TOOL_KEYS)
    assert features["observation.images.front"]["shape"] == (*PICTURE, 3)
    assert features["observation.images.front_depth"]["info"]["is_depth_map"] is True
    assert features["observation.images.front_depth"]["info"]["depth_unit"] == "mm"
    assert opened.meta.robot_type == "robot_skills"


def test_what_was_recorded_is_what_was_done(opened):
    state = np.stack([np.asarray(opened[i]["observation.state"]) for i in range(len(opened))])
    action = np.stack([np.asarray(opened[i]["action"]) for i in range(len(opened))])
    tool = state[:, len(STATE_NAMES) - len(TOOL_KEYS) :]
    assert np.ptp(action[:, Y]) > 0.02
    # An action is where the tool is to be one step later, and it trails a little.
    off = tool[1:, :3] - action[:-1, :3]
    same_episode = np.diff([int(opened[i]["episode_index"]) for i in range(len(opened))]) == 0
    assert np.abs(off[same_episode]).max() < 0.015
    frame = opened[5]
    depth_mm = np.asarray(frame["observation.images.front_depth"])
    assert depth_mm.shape == (1, *PICTURE)
    assert 400 < np.median(depth_mm) < 2500
    assert np.asarray(frame["observation.images.front"]).std() > 0.05
    assert frame["task"] == "Move the hand"


def test_teleoperating_takes_the_hand(site, home, tmp_path):
    path = write_hand(tmp_path / "hand.jsonl", 20.0)
    settings = robot(home) | hand(home, path, robot="sim") | {"fps": 20, "teleop_time_s": 1}
    done = lerobot(site, home, "lerobot-teleoperate", settings)
    assert "Teleop loop time" in done.stdout
    assert "the hand is on the arm" in done.stdout + done.stderr


def test_a_recording_can_be_replayed(site, home, recorded):
    settings = robot(home) | {
        "dataset.repo_id": "nobody/nothing",
        "dataset.root": recorded,
        "dataset.episode": 0,
        "play_sounds": "false",
    }
    done = lerobot(site, home, "lerobot-replay", settings)
    assert "refused" not in done.stdout + done.stderr


@pytest.fixture
def policy(opened, tmp_path) -> Path:
    """One of our policies that knows nothing, but whose actions lie where its normaliser says."""
    from lerobot.policies.factory import make_pre_post_processors

    first = opened[0]
    goal = first["action"].clone()
    goal[Y] += 0.03
    shapes = {STATE: (STATE_SIZE,), CAMERA: (3, *PICTURE)}
    config = make_config(shapes, action=len(TOOL_KEYS))
    stats = {
        STATE: {"mean": first[STATE], "std": first[STATE].abs() * 0.0 + 1.0},
        "action": {"mean": goal, "std": goal.abs() * 0.0 + 1e-4},
    }
    pre, post = make_pre_post_processors(config, dataset_stats=stats)
    directory = tmp_path / "policy"
    make_policy(config).save_pretrained(directory)
    pre.save_pretrained(directory, config_filename="policy_preprocessor.json")
    post.save_pretrained(directory, config_filename="policy_postprocessor.json")
    return directory


@pytest.fixture(scope="module")
def whole_site(site, tmp_path_factory) -> Path:
    """The plugins for hardware and the one for policies, in one folder."""
    import shutil

    theirs = installing.install(tmp_path_factory.mktemp("policy_plugin"))
    whole = tmp_path_factory.mktemp("whole") / "site"
    for source in (site, theirs):
        shutil.copytree(source, whole, dirs_exist_ok=True)
    return whole


def test_our_policy_runs_on_our_robot_in_lerobots_rollout(whole_site, home, policy, tmp_path):
    from lerobot.datasets import LeRobotDataset

    root = tmp_path / "rollout"
    settings = {
        "policy.path": policy,
        "policy.device": "cpu",
        "device": "cpu",
        "task": "Move",
        "strategy.type": "sentry",
        "duration": 3,
        "fps": 20,
        "play_sounds": "false",
    }
    settings |= robot(home) | dataset(
        root, repo_id="nobody/rollout_tried", single_task="Move", no_stamp="true"
    )
    done = lerobot(whole_site, home, "lerobot-rollout", settings)
    said = done.stdout + done.stderr
    assert "Returning robot to initial position" in said
    assert "Could not return" not in said
    assert "refused" not in said
    rolled = LeRobotDataset("nobody/rollout_tried", root=root)
    ys = [float(rolled[i][STATE][STATE_SIZE - len(TOOL_KEYS) + Y]) for i in range(len(rolled))]
    assert len(ys) > 5
    assert ys[-1] - ys[0] == pytest.approx(0.03, abs=0.005)


def train(site, home, out, recorded, **settings):
    given = {
        "policy.device": "cpu",
        "policy.push_to_hub": "false",
        "dataset.repo_id": "nobody/nothing",
        "dataset.root": recorded,
        "output_dir": out,
        "batch_size": 2,
        "steps": 2,
        "num_workers": 0,
        "wandb.enable": "false",
    }
    lerobot(site, home, "lerobot-train", given | settings)
    return out / "checkpoints" / "last" / "pretrained_model"


@pytest.mark.slow
def test_lerobots_own_policy_trains_on_the_colours_and_runs(site, home, recorded, tmp_path):
    inputs = {
        STATE: {"type": "STATE", "shape": [STATE_SIZE]},
        CAMERA: {"type": "VISUAL", "shape": [3, *PICTURE]},
    }
    tiny = {
        "type": "act",
        "dim_model": 32,
        "n_heads": 2,
        "dim_feedforward": 32,
        "n_encoder_layers": 1,
        "chunk_size": 8,
        "n_action_steps": 8,
        "latent_dim": 4,
        "pretrained_backbone_weights": "null",
        # Without this LeRobot takes the depth too, and fails on its single channel.
        "input_features": json.dumps(inputs),
    }
    settings = {f"policy.{key}": value for key, value in tiny.items()}
    checkpoint = train(site, home, tmp_path / "out", recorded, **settings)
    run = {"policy.path": checkpoint, "device": "cpu", "duration": 1, "fps": 20, "task": "Move"}
    done = lerobot(site, home, "lerobot-rollout", run | robot(home))
    assert "Base strategy control loop started" in done.stdout + done.stderr


@pytest.mark.slow
def test_our_own_policy_trains_on_the_recording_as_it_is(whole_site, home, recorded, tmp_path):
    tiny = {"type": "robot_skills_diffusion", "width": 32, "blocks": 1, "image_size": "[32,32]"}
    settings = {f"policy.{key}": value for key, value in tiny.items()}
    checkpoint = train(whole_site, home, tmp_path / "out", recorded, **settings)
    config = json.loads((checkpoint / "config.json").read_text())
    assert CAMERA in config["input_features"]
