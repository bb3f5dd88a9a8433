"""One action chunk on one core: our diffusion policy beside LeRobot's.

Run with ``python -m benchmarks.policy``. Both policies have untrained weights, which cost the
same as trained ones, see a state of similar size and answer with a chunk of 16, batch of one. Their
calls take turns in one process, so that whatever else the machine does falls on both alike.
"""

import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median

import numpy as np
import torch

from benchmarks.result import BenchResult, table
from policies.checkpoint import Checkpoint, save_checkpoint
from policies.checkpoint_files import CheckpointConfig
from policies.config import TrainConfig
from policies.contract import PolicyContract
from policies.diffusion import DiffusionPolicy
from policies.engines import EngineKind
from policies.export import export_onnx
from policies.frontends import make_frontend
from policies.heads import build_head
from policies.network import PolicyNetwork
from policies.normaliser import Normaliser
from policies.reliability import Calibration
from robot_skills.core.policy import ACTION_NAMES, STATE_NAMES, EntityToken, PolicyInput
from robot_skills.core.se3 import SE3

REPEATS = 60
WARM_UP = 5
RATIO_WANTED = 25.0
"""Ours may take at most a 25th of the peer's time."""

_PEER_STEPS = 10
_PEER_DOWN_DIMS = (128, 256)


def run() -> list[BenchResult]:
    """Time both, alternating, on one core.

    Returns:
        Milliseconds per chunk; `limit` is the time of the network alone, without features, sampling
        arithmetic and poses.
    """
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        policy, config = _exported_policy()
        calls = {"ours": _our_call(policy), "peer": _peer_call(), "limit": _network_call(config)}
        medians = _interleaved(calls)
    finally:
        torch.set_num_threads(threads)
    return [
        BenchResult(
            ours=medians["ours"],
            peer=medians["peer"],
            limit=medians["limit"],
            ratio=medians["peer"] / medians["ours"],
            unit="ms per chunk, one core",
            repeats=REPEATS,
            detail=(
                f"ours: {config.sampler.inference_steps} DDIM steps in ONNX Runtime, features and "
                "poses too; peer: "
                f"LeRobot DiffusionPolicy, {_PEER_STEPS} DDIM steps, down_dims {_PEER_DOWN_DIMS}, "
                "without pre- and post-processing; limit: our network's forward passes alone, in "
                f"torch; wanted: {RATIO_WANTED:.0f}x"
            ),
        )
    ]


def _interleaved(calls: dict[str, Callable[[], object]]) -> dict[str, float]:
    """Median milliseconds per call of each, called in turns."""
    seconds: dict[str, list[float]] = {name: [] for name in calls}
    for turn in range(WARM_UP + REPEATS):
        for name, call in calls.items():
            started = time.perf_counter()
            call()
            if turn >= WARM_UP:
                seconds[name].append(time.perf_counter() - started)
    return {name: 1e3 * median(values) for name, values in seconds.items()}


def _exported_policy() -> tuple[DiffusionPolicy, TrainConfig]:
    """The default policy as users run it: from a checkpoint that training has exported."""
    checkpoint, config = _untrained()
    with tempfile.TemporaryDirectory() as folder:
        directory = Path(folder)
        save_checkpoint(directory, checkpoint)
        export_onnx(directory)
        return DiffusionPolicy.load(directory, engine=EngineKind.ONNX), config


def _untrained() -> tuple[Checkpoint, TrainConfig]:
    """The default recipe with untrained weights."""
    config = TrainConfig()
    contract = _contract(config)
    frontend = make_frontend(contract)
    floors = (frontend.feature_floor(), frontend.action_floor())
    features, actions = (Normaliser(mean=np.zeros_like(floor), std=floor) for floor in floors)
    # Centred on the identity rotation, as trained chunks are; an untrained chunk has no direction.
    actions.mean[:, [3, 7]] = 1.0
    names = frontend.feature_names
    settings = CheckpointConfig(
        contract=contract,
        network=config.network,
        sampler=config.sampler,
        table=build_head(config.sampler).table(),
        training=config,
        calibration=Calibration(),
        data={},
        feature_names=list(names),
    )
    network = PolicyNetwork(contract, len(names), config.network).requires_grad_(False)
    return Checkpoint(config=settings, network=network, features=features, actions=actions), config


def _contract(config: TrainConfig) -> PolicyContract:
    return PolicyContract.of_skills(20.0, config.observation_steps, config.horizon)


def _our_call(policy: DiffusionPolicy) -> Callable[[], object]:
    token = EntityToken(
        T_base_anchor=SE3.from_yaw(0.3, (0.5, 0.1, 0.03)), extents_m=np.full(3, 0.05)
    )
    tool = SE3.from_rotvec((np.pi, 0.0, 0.0), (0.45, 0.0, 0.25)).matrix()
    inputs = PolicyInput(
        T_base_tool=np.stack([tool] * policy.observation_steps),
        opening=np.ones(policy.observation_steps),
        tokens=(token, token),
        table_height_m=0.0,
    )
    return lambda: policy.infer(inputs)


def _network_call(config: TrainConfig) -> Callable[[], object]:
    """The forward passes that one chunk needs, and nothing else."""
    contract = _contract(config)
    size = len(make_frontend(contract).feature_names)
    network = PolicyNetwork(contract, size, config.network).eval().requires_grad_(False)
    features, chunk = torch.zeros(1, size), torch.zeros(1, config.horizon, len(ACTION_NAMES))
    time_row = network.denoiser.embed_time(torch.zeros(1))

    @torch.inference_mode()
    def passes() -> None:
        condition = network.denoiser.condition(features)
        for _ in range(config.sampler.inference_steps):
            network.denoiser.denoise(chunk, time_row, condition)
        network.termination(features)

    return passes


def _peer_call() -> Callable[[], object]:
    """LeRobot's DiffusionPolicy on a state of the same size, without normalisation or cameras."""
    from lerobot.configs.types import FeatureType, PolicyFeature
    from lerobot.policies.diffusion.configuration_diffusion import DiffusionConfig
    from lerobot.policies.diffusion.modeling_diffusion import DiffusionPolicy as PeerPolicy
    from lerobot.utils.constants import ACTION, OBS_ENV_STATE, OBS_STATE

    # The tool goes in as its state, the entities as the state of the environment.
    tool, entities = 11, len(STATE_NAMES) - 11
    config = DiffusionConfig(
        input_features={
            OBS_STATE: PolicyFeature(type=FeatureType.STATE, shape=(tool,)),
            OBS_ENV_STATE: PolicyFeature(type=FeatureType.ENV, shape=(entities,)),
        },
        output_features={
            ACTION: PolicyFeature(type=FeatureType.ACTION, shape=(len(ACTION_NAMES),))
        },
        n_obs_steps=2,
        horizon=16,
        n_action_steps=8,
        down_dims=_PEER_DOWN_DIMS,
        noise_scheduler_type="DDIM",
        num_inference_steps=_PEER_STEPS,
        device="cpu",
    )
    peer = PeerPolicy(config).eval()
    batch = {OBS_STATE: torch.zeros(1, 2, tool), OBS_ENV_STATE: torch.zeros(1, 2, entities)}

    @torch.inference_mode()
    def chunk() -> torch.Tensor:
        return peer.diffusion.generate_actions(batch)

    return chunk


def main() -> None:
    """Print the table."""
    print(table(run()))


if __name__ == "__main__":
    main()
