"""Two processes that train one policy: the same weights everywhere, the gradient of the whole."""

import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest
import safetensors.torch
import torch

from policies.checkpoint import CONFIG as CONFIG_FILE
from policies.checkpoint import WEIGHTS, load_checkpoint
from policies.checkpoint_files import MANIFEST
from policies.sources import Share
from policies.trainer import RESUME
from tests.policies.team_worker import (
    CONFIG,
    NOISELESS,
    first_batch,
    gradients,
    learner_of,
    source_of,
)

_ROOT = Path(__file__).resolve().parents[2]
_LIMIT_S = 120.0


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def start(rank: int, port: int, dataset: Path, out: Path) -> subprocess.Popen:
    """One process, with the environment that `torchrun` and `accelerate launch` give."""
    place = {"RANK": rank, "LOCAL_RANK": rank, "WORLD_SIZE": 2, "LOCAL_WORLD_SIZE": 2}
    environment = os.environ | {name: str(value) for name, value in place.items()}
    environment |= {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port), "OMP_NUM_THREADS": "1"}
    return subprocess.Popen(
        [sys.executable, "-m", "tests.policies.team_worker", str(dataset), str(out)],
        cwd=_ROOT,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


@pytest.fixture(scope="module")
def team(tmp_path_factory, reaching) -> tuple[Path, list[str]]:
    """What two processes left behind, and what each wrote to stderr."""
    out = tmp_path_factory.mktemp("team")
    port = free_port()
    processes = [start(rank, port, reaching, out) for rank in (0, 1)]
    try:
        said = [process.communicate(timeout=_LIMIT_S)[1] for process in processes]
    finally:
        for process in processes:
            process.kill()
            process.wait()
    assert [process.returncode for process in processes] == [0, 0], said
    return out, said


def test_both_processes_end_with_the_same_weights(team):
    first, second = (
        safetensors.torch.load_file(team[0] / f"weights{rank}.safetensors") for rank in (0, 1)
    )
    assert all(torch.equal(first[name], second[name]) for name in first)


def test_the_averaged_gradient_is_that_of_the_whole_batch(team, reaching):
    source, network = source_of(reaching, NOISELESS)
    learner = learner_of(source, network, NOISELESS)
    whole = gradients(learner, network, first_batch(source, Share()))
    for rank in (0, 1):
        averaged = safetensors.torch.load_file(team[0] / f"gradient{rank}.safetensors")
        for name, gradient in whole.items():
            torch.testing.assert_close(averaged[name], gradient, rtol=1e-4, atol=1e-6, msg=name)


def test_every_process_draws_noise_of_its_own_and_the_loss_falls(team):
    losses = [float((team[0] / f"loss{rank}.txt").read_text()) for rank in (0, 1)]
    assert losses[0] != losses[1]
    assert max(losses) < 1.0


def test_only_the_first_process_writes_and_shows_progress(team):
    out, said = team
    assert {path.name for path in (out / "whole").iterdir()} == {WEIGHTS, CONFIG_FILE, MANIFEST}
    assert len(list((out / "logs").iterdir())) == 1
    assert "train" in said[0]
    assert "train:" not in said[1]


def test_the_checkpoint_of_a_team_loads(team):
    assert load_checkpoint(team[0] / "whole").config.data["steps"] == CONFIG.steps


def test_a_resumed_team_ends_as_one_that_was_not_interrupted(team):
    out = team[0]
    assert (out / "parts" / WEIGHTS).read_bytes() == (out / "whole" / WEIGHTS).read_bytes()
    assert not (out / "parts" / RESUME).exists()


def test_a_time_limit_is_refused_by_every_process(team):
    for rank in (0, 1):
        assert (team[0] / f"limited{rank}.txt").read_text().startswith("RefusedError")
    assert not (team[0] / "limited").exists()
