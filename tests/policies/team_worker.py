"""What each process of a team does in `test_team`; its findings go to files that the test reads.

Started with the dataset and a folder as arguments, by a launcher that sets rank and world size.
"""

import sys
from dataclasses import replace
from pathlib import Path

import safetensors.torch
import torch

from policies.config import Head, NetworkConfig, SamplerConfig, TrainConfig
from policies.dataset import load_datasets
from policies.heads import build_head
from policies.learner import Learner
from policies.network import PolicyNetwork
from policies.sources import Batch, Share, WindowSource
from policies.team import Team
from policies.trainer import _Run, train
from robot_skills.core.errors import RefusedError

CONFIG = TrainConfig(
    steps=24,
    batch_size=32,
    warmup_steps=2,
    threads=1,
    held_out=0.0,
    bf16=False,
    network=NetworkConfig(width=32, blocks=1, termination_width=16),
    sampler=SamplerConfig(inference_steps=3),
)
NOISELESS = replace(CONFIG, sampler=SamplerConfig(head=Head.REGRESSION, inference_steps=1))
"""Learns without drawing noise, so that a batch has one gradient however it is shared out."""


def source_of(dataset: Path, config: TrainConfig) -> tuple[WindowSource, PolicyNetwork]:
    """Batches, and a fresh network for them."""
    contract, data = load_datasets(
        [dataset], config.observe, config.observation_steps, config.horizon
    )
    source = WindowSource(data, contract, config)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        network = PolicyNetwork(contract, source.vector_size, config.network)
    return source, network


def learner_of(source: WindowSource, network: PolicyNetwork, config: TrainConfig) -> Learner:
    return Learner(network, build_head(config.sampler), config, source.done_weight())


def first_batch(source: WindowSource, share: Share) -> Batch:
    """The first batch, of which every step counts, so that all shares weigh alike."""
    batch = next(source.batches(0, 1, share))
    return replace(batch, valid=torch.ones_like(batch.valid))


def gradients(learner: torch.nn.Module, network: PolicyNetwork, batch: Batch) -> dict:
    losses = learner(batch, 0, False)
    (losses.chunk + losses.done).backward()
    return {
        name: weight.grad.clone()
        for name, weight in network.named_parameters()
        if weight.grad is not None
    }


def main(dataset: Path, out: Path) -> None:
    torch.set_num_threads(1)
    team = Team("cpu")
    rank = team.share.rank
    source, network = source_of(dataset, NOISELESS)
    learner = team.wrap(learner_of(source, network, NOISELESS))
    averaged = gradients(learner, network, first_batch(source, team.share))
    safetensors.torch.save_file(averaged, out / f"gradient{rank}.safetensors")

    contract, data = load_datasets([dataset], CONFIG.observe, 2, CONFIG.horizon)
    run = _Run(data, WindowSource(data, contract, CONFIG), contract, out / "x", CONFIG, team, None)
    run.go(None, [], None)
    weights = {name: x.contiguous() for name, x in run._network.state_dict().items()}
    safetensors.torch.save_file(weights, out / f"weights{rank}.safetensors")

    whole = train(dataset, out / "whole", CONFIG, device="cpu", log_dir=out / "logs")
    train(dataset, out / "parts", CONFIG, progress=False, device="cpu", stop_after=11)
    train(dataset, out / "parts", CONFIG, progress=False, device="cpu", resume=True)
    (out / f"loss{rank}.txt").write_text(str(whole.loss))
    try:
        limited = replace(CONFIG, max_minutes=1.0)
        train(dataset, out / "limited", limited, progress=False, device="cpu")
    except RefusedError as error:
        (out / f"limited{rank}.txt").write_text(f"{type(error).__name__}: {error}")


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
