"""LeRobot's own commands on exported datasets, as a user runs them."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from robot_skills.data.lerobot import ExportConfig, export_lerobot
from tests.data.lerobot.factory import HEIGHT_PX, WIDTH_PX, make_episode

pytestmark = pytest.mark.slow

_ACT = [
    "--policy.type=act",
    "--policy.pretrained_backbone_weights=null",
    "--policy.dim_model=32",
    "--policy.dim_feedforward=32",
    "--policy.n_heads=2",
    "--policy.n_encoder_layers=1",
    "--policy.n_decoder_layers=1",
    "--policy.n_vae_encoder_layers=1",
    "--policy.latent_dim=8",
    "--policy.chunk_size=4",
    "--policy.n_action_steps=4",
]
_DIFFUSION = [
    "--policy.type=diffusion",
    "--policy.pretrained_backbone_weights=null",
    "--policy.horizon=8",
    "--policy.n_action_steps=4",
    "--policy.down_dims=[16,32]",
    "--policy.n_groups=4",
    "--policy.spatial_softmax_num_keypoints=4",
    "--policy.diffusion_step_embed_dim=16",
    "--policy.crop_shape=[40,56]",
]
_OURS = [
    "--policy.type=robot_skills_diffusion",
    "--policy.width=32",
    "--policy.blocks=1",
    "--policy.horizon=4",
    "--policy.n_action_steps=2",
]
_PICTURE = {"type": "VISUAL", "shape": [3, HEIGHT_PX, WIDTH_PX]}
_WITHOUT_DEPTH = {
    "observation.state": {"type": "STATE", "shape": [17]},
    "observation.images.front": _PICTURE,
    "observation.images.wrist": _PICTURE,
}


@pytest.fixture(scope="module")
def datasets(tmp_path_factory) -> Path:
    """Folder with a dataset for each setting."""
    root = tmp_path_factory.mktemp("tools")
    episodes = [make_episode(seed=0), make_episode(seed=1, seconds=0.8)]
    for name, config in (
        ("colour", ExportConfig(depth=False)),
        ("depth", ExportConfig()),
        ("plain", ExportConfig(subtasks=False)),
    ):
        export_lerobot(
            episodes, root / name, fps=20, robot_type="panda", config=config, progress=False
        )
    return root


def run(module: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    quiet = {"HF_HUB_OFFLINE": "1", "TOKENIZERS_PARALLELISM": "false"}
    return subprocess.run(
        [sys.executable, "-m", f"lerobot.scripts.{module}", *arguments],
        env=os.environ | quiet,
        capture_output=True,
        text=True,
        check=False,
    )


def train(root: Path, out: Path, *policy: str) -> subprocess.CompletedProcess[str]:
    return run(
        "lerobot_train",
        f"--dataset.repo_id=robot-skills/{root.name}",
        f"--dataset.root={root}",
        "--dataset.video_backend=pyav",
        "--policy.device=cpu",
        "--policy.push_to_hub=false",
        "--steps=2",
        "--batch_size=2",
        "--num_workers=0",
        "--save_checkpoint=false",
        "--wandb.enable=false",
        "--env_eval_freq=0",
        "--log_freq=1",
        f"--output_dir={out}",
        *policy,
    )


@pytest.mark.parametrize("policy", [_ACT, _DIFFUSION], ids=["act", "diffusion"])
def test_lerobot_trains_on_colour_as_it_is(datasets: Path, tmp_path: Path, policy) -> None:
    done = train(datasets / "colour", tmp_path / "out", *policy)
    assert done.returncode == 0, done.stderr[-2000:]
    assert "step:2" in done.stdout + done.stderr


def test_lerobot_trains_beside_depth_when_told_its_inputs(datasets: Path, tmp_path: Path) -> None:
    inputs = f"--policy.input_features={json.dumps(_WITHOUT_DEPTH)}"
    done = train(datasets / "depth", tmp_path / "out", *_ACT, inputs)
    assert done.returncode == 0, done.stderr[-2000:]
    assert "step:2" in done.stdout + done.stderr


def test_lerobot_trains_our_policy_on_depth_and_subtasks_as_they_are(
    datasets: Path, tmp_path: Path
) -> None:
    done = train(datasets / "depth", tmp_path / "out", *_OURS)
    assert done.returncode == 0, done.stderr[-2000:]
    assert "step:2" in done.stdout + done.stderr


def test_lerobot_shows_a_dataset_without_language_columns(datasets: Path, tmp_path: Path) -> None:
    root = datasets / "plain"
    done = run(
        "lerobot_dataset_viz",
        *("--repo-id", "robot-skills/plain", "--root", str(root), "--episode-index", "1"),
        *("--save", "1", "--output-dir", str(tmp_path)),
    )
    assert done.returncode == 0, done.stderr[-2000:]
    shown = list(tmp_path.glob("*.rrd"))
    assert len(shown) == 1
    assert shown[0].stat().st_size > 10_000
