"""One action chunk on one core: our policy beside LeRobot's DiffusionPolicy.

Run with ``python -m benchmarks.policy``. All policies have untrained weights, which cost the same
as trained ones, and answer with a chunk of 16, batch of one. Calls of the two sides take turns in
one process, so that whatever else the machine does falls on both alike.
"""

import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
import torch
from torch import nn

from benchmarks.result import BenchResult, table
from policies.checkpoint import Checkpoint, save_checkpoint
from policies.checkpoint_files import CheckpointConfig
from policies.config import TrainConfig
from policies.contract import ImageSpec, PolicyContract
from policies.diffusion import DiffusionPolicy
from policies.engines import EngineKind
from policies.export import export_onnx
from policies.frontends import make_frontend
from policies.heads import build_head
from policies.network import PolicyNetwork
from policies.normaliser import Normaliser
from policies.reliability import Calibration
from policies.task_policy import TaskPolicy
from robot_skills.core.policy import ACTION_NAMES, STATE_NAMES, EntityToken, PolicyInput
from robot_skills.core.se3 import SE3

REPEATS = 60
WARM_UP = 5
SMALL_WANTED, DEFAULT_WANTED, CAMERA_WANTED, FLOOR_WANTED = 25.0, 500.0, 5.0, 3.0
"""How many times faster than the peer we mean to be; and how near to the floor."""

_PEER_STEPS = 10
_PEER_SMALL = (128, 256)
_PEER_DEFAULT = (512, 1024, 2048)
_DEFAULT_REPEATS = 3
_TOOL = 11
_PX = 96
_CAMERA = "observation.images.front"

Call = Callable[[], object]


def run() -> list[BenchResult]:
    """Time both, alternating, on one core.

    Returns:
        Milliseconds per chunk for a state, and for a state and a camera; `limit` is the floor: the
        matrix products of our network alone, through the fastest library here.
    """
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        return [*_state(), _camera()]
    finally:
        torch.set_num_threads(threads)


def _state() -> list[BenchResult]:
    config = TrainConfig()
    contract = _contract(config)
    checkpoint = _untrained(config, contract)
    ours = _our_call(_exported(checkpoint, DiffusionPolicy))
    steps = config.sampler.inference_steps
    alone = _interleaved({"ours": ours}, 5 * REPEATS)["ours"]
    calls = {"ours": ours, "floor": _products(checkpoint.network, steps)}
    small = _interleaved(calls | {"peer": _peer_call(_PEER_SMALL)}, REPEATS)
    default = _interleaved(calls | {"peer": _peer_call(_PEER_DEFAULT)}, _DEFAULT_REPEATS)
    act = _interleaved(calls | {"peer": _act_call()}, REPEATS)
    said = f"ours: {steps} steps in ONNX Runtime, features and poses too, "
    said += f"{small['ours'] / small['floor']:.1f} times the floor (wanted: {FLOOR_WANTED:.0f}); "
    said += f"{alone:.2f} ms when nothing else has emptied the caches"
    results = []
    for times, dims, beside, wanted, repeats in (
        (small, _PEER_SMALL, "a small peer", SMALL_WANTED, REPEATS),
        (default, _PEER_DEFAULT, "its defaults", DEFAULT_WANTED, _DEFAULT_REPEATS),
    ):
        results.append(
            BenchResult(
                ours=times["ours"],
                peer=times["peer"],
                limit=times["floor"],
                ratio=times["peer"] / times["ours"],
                unit=f"ms per chunk, one core, state, beside {beside}",
                repeats=repeats,
                detail=(
                    f"{said}; peer: LeRobot DiffusionPolicy, {_PEER_STEPS} DDIM steps, down_dims "
                    f"{dims}, without pre- and post-processing; wanted: {wanted:.0f}x"
                ),
            )
        )
    results.append(
        BenchResult(
            ours=act["ours"],
            peer=act["peer"],
            limit=act["floor"],
            ratio=act["peer"] / act["ours"],
            unit="ms per chunk, one core, state, beside ACT",
            repeats=REPEATS,
            detail=f"{said}; peer: LeRobot ACT with its defaults, chunks of 16, one forward pass",
        )
    )
    return results


def _camera() -> BenchResult:
    config = TrainConfig()
    image = ImageSpec(key=_CAMERA, height=_PX, width=_PX)
    checkpoint = _untrained(config, _contract(config, [image]))
    policy = _exported(checkpoint, TaskPolicy)
    history = {
        "observation.state": np.zeros((config.observation_steps, len(STATE_NAMES)), np.float32),
        _CAMERA: np.zeros((config.observation_steps, _PX, _PX, 3), np.uint8),
    }
    history["observation.state"][:, [3, 7]] = 1.0
    encoder = checkpoint.network.encoder
    pixels = {
        "vector": torch.zeros(1, len(checkpoint.config.feature_names)),
        f"image/{_CAMERA}": torch.zeros(1, image.steps, 3, _PX, _PX, dtype=torch.uint8),
    }
    calls: dict[str, Call] = {
        "ours": lambda: policy.infer(history),
        "peer": _peer_call(_PEER_SMALL, camera=True),
        "encoder": torch.inference_mode()(lambda: encoder(pixels)),
        "floor": _products(checkpoint.network, config.sampler.inference_steps),
    }
    times = _interleaved(calls, REPEATS // 2)
    return BenchResult(
        ours=times["ours"],
        peer=times["peer"],
        limit=times["floor"] + times["encoder"],
        ratio=times["peer"] / times["ours"],
        unit=f"ms per chunk, one core, state and one {_PX}x{_PX} camera",
        repeats=REPEATS // 2,
        detail=(
            "ours: ONNX Runtime, preparing the picture too; peer: LeRobot DiffusionPolicy, "
            f"{_PEER_STEPS} DDIM steps, down_dims {_PEER_SMALL}, ResNet-18 on a crop of 84; limit: "
            f"the floor of the numbers and our encoder in torch; wanted: {CAMERA_WANTED:.0f}x"
        ),
    )


def _interleaved(calls: dict[str, Call], repeats: int) -> dict[str, float]:
    """Median milliseconds per call of each, called in turns."""
    seconds: dict[str, list[float]] = {name: [] for name in calls}
    warm_up = min(WARM_UP, repeats)
    for turn in range(warm_up + repeats):
        for name, call in calls.items():
            started = time.perf_counter()
            call()
            if turn >= warm_up:
                seconds[name].append(time.perf_counter() - started)
    return {name: 1e3 * median(values) for name, values in seconds.items()}


def _exported(checkpoint: Checkpoint, face: Any) -> Any:
    """The policy as users run it: from a checkpoint that training has exported."""
    with tempfile.TemporaryDirectory() as folder:
        directory = Path(folder)
        save_checkpoint(directory, checkpoint)
        export_onnx(directory)
        return face.load(directory, engine=EngineKind.ONNX)


def _untrained(config: TrainConfig, contract: PolicyContract) -> Checkpoint:
    """The default recipe with untrained weights."""
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
    network = PolicyNetwork(contract, len(names), config.network).eval().requires_grad_(False)
    return Checkpoint(config=settings, network=network, features=features, actions=actions)


def _contract(config: TrainConfig, images: list[ImageSpec] | None = None) -> PolicyContract:
    from dataclasses import replace

    skill = PolicyContract.of_skills(20.0, config.observation_steps, config.horizon)
    return replace(skill, images=images or [])


def _our_call(policy: DiffusionPolicy) -> Call:
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


def _products(network: PolicyNetwork, steps: int) -> Call:
    """The products of matrix and vector that one chunk needs, one after the other.

    Timed in turns with the rest, so they find the caches as the policy does.
    """
    once, again = [], []
    for name, module in network.named_modules():
        if isinstance(module, nn.Linear) and ".time" not in name and "encoder." not in name:
            matrix = np.ascontiguousarray(module.weight.numpy())
            operands = (matrix, np.ones(matrix.shape[1], np.float32))
            result = np.empty(len(matrix), np.float32)
            start = any(part in name for part in ("observe", "film", "termination"))
            (once if start else again).append((*operands, result))

    def products() -> None:
        for matrix, vector, result in [*once, *(again * steps)]:
            np.dot(matrix, vector, out=result)

    return products


def _peer_call(down_dims: tuple[int, ...], camera: bool = False) -> Call:
    """LeRobot's DiffusionPolicy on a state of the same size, without normalisation."""
    from lerobot.configs.types import FeatureType, PolicyFeature
    from lerobot.policies.diffusion.configuration_diffusion import DiffusionConfig
    from lerobot.policies.diffusion.modeling_diffusion import DiffusionPolicy as PeerPolicy
    from lerobot.utils.constants import ACTION, OBS_ENV_STATE, OBS_IMAGES, OBS_STATE

    # The tool goes in as its state, the entities as the state of the environment.
    entities = len(STATE_NAMES) - _TOOL
    inputs = {
        OBS_STATE: PolicyFeature(type=FeatureType.STATE, shape=(_TOOL,)),
        OBS_ENV_STATE: PolicyFeature(type=FeatureType.ENV, shape=(entities,)),
    }
    batch = {OBS_STATE: torch.zeros(1, 2, _TOOL), OBS_ENV_STATE: torch.zeros(1, 2, entities)}
    if camera:
        inputs[_CAMERA] = PolicyFeature(type=FeatureType.VISUAL, shape=(3, _PX, _PX))
        batch[OBS_IMAGES] = torch.zeros(1, 2, 1, 3, _PX, _PX)
    config = DiffusionConfig(
        input_features=inputs,
        output_features={
            ACTION: PolicyFeature(type=FeatureType.ACTION, shape=(len(ACTION_NAMES),))
        },
        n_obs_steps=2,
        horizon=16,
        n_action_steps=8,
        down_dims=down_dims,
        crop_shape=(84, 84),
        pretrained_backbone_weights=None,
        noise_scheduler_type="DDIM",
        num_inference_steps=_PEER_STEPS,
        device="cpu",
    )
    peer = PeerPolicy(config).eval()

    @torch.inference_mode()
    def chunk() -> torch.Tensor:
        return peer.diffusion.generate_actions(batch)

    return chunk


def _act_call() -> Call:
    """LeRobot's ACT, which answers in one pass, with its own settings but for the chunk."""
    from lerobot.configs.types import FeatureType, PolicyFeature
    from lerobot.policies.act.configuration_act import ACTConfig
    from lerobot.policies.act.modeling_act import ACTPolicy
    from lerobot.utils.constants import ACTION, OBS_ENV_STATE, OBS_STATE

    entities = len(STATE_NAMES) - _TOOL
    config = ACTConfig(
        input_features={
            OBS_STATE: PolicyFeature(type=FeatureType.STATE, shape=(_TOOL,)),
            OBS_ENV_STATE: PolicyFeature(type=FeatureType.ENV, shape=(entities,)),
        },
        output_features={
            ACTION: PolicyFeature(type=FeatureType.ACTION, shape=(len(ACTION_NAMES),))
        },
        chunk_size=16,
        n_action_steps=8,
        pretrained_backbone_weights=None,
        device="cpu",
    )
    policy = ACTPolicy(config).eval()
    batch = {OBS_STATE: torch.zeros(1, _TOOL), OBS_ENV_STATE: torch.zeros(1, entities)}
    return torch.inference_mode()(lambda: policy.predict_action_chunk(batch))


def main() -> None:
    """Print the table."""
    print(table(run()))


if __name__ == "__main__":
    main()
