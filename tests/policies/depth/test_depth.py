"""Denoisers keep planes, learn, come back from disk, and leave everything but depth alone."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from policies.checkpoint_files import WEIGHTS
from policies.depth import (
    CleanCamera,
    CleanDepthRobot,
    CleanFrame,
    DepthConfig,
    DepthDenoiser,
    DepthNetwork,
    DepthNetworkConfig,
    DepthTraining,
    load_depth,
    load_frames,
    save_depth,
    save_frames,
    train_depth,
)
from policies.depth.network import _answer, _Spread, _spread, fill, left_of
from policies.depth.training import _edges, _squares
from policies.snapshot import Snapshots
from robot_skills.core.camera import pinhole
from robot_skills.core.errors import CheckpointError, RefusedError
from robot_skills.core.robot import Robot
from robot_skills.core.se3 import SE3
from robot_skills.core.types import Observation, RgbdFrame

SMALL = DepthNetworkConfig(channels=[8, 8, 8, 8], blocks=[1, 1, 1, 1])
RECIPE = DepthTraining(steps=40, batch_size=2, width_px=48, height_px=32, learning_rate=5e-3)
K = pinhole(64, 48, 1.0)


def network(shape=SMALL):
    torch.manual_seed(0)
    return DepthNetwork(shape).eval().requires_grad_(False)


def step_frame(seed=0):
    """A plane and something before it, which the picture shows."""
    rng = np.random.default_rng(seed)
    depth_m = np.full((48, 64), rng.uniform(0.7, 1.0), np.float32)
    rgb = np.full((48, 64, 3), 90, np.uint8)
    row, column = int(rng.integers(5, 20)), int(rng.integers(5, 30))
    depth_m[row : row + 20, column : column + 25] -= 0.3
    rgb[row : row + 20, column : column + 25] = (200, 60, 40)
    return CleanFrame(rgb=rgb, depth_m=depth_m, K=K)


def spoil(frame, rng):
    noisy = 1.0 / (1.0 / frame.depth_m + 0.02 * rng.standard_normal(frame.depth_m.shape))
    return np.where(rng.random(noisy.shape) < 0.1, 0.0, noisy).astype(np.float32)


def off_mm(measured_m, true_m):
    return 1e3 * float(np.median(np.abs(measured_m - true_m)))


def test_a_plane_stays_a_plane():
    u = np.linspace(0.0, 1.0, 96, dtype=np.float32)
    depth_m = np.broadcast_to(1.0 / (1.0 + 0.5 * u), (80, 96)).astype(np.float32)
    rgb = np.full((80, 96, 3), 128, np.uint8)
    clean = DepthDenoiser(network(), known_from=0.0)(rgb, depth_m)
    assert clean[20:-20, 35:-35] == pytest.approx(depth_m[20:-20, 35:-35], rel=1e-3)


@pytest.mark.parametrize("shape", [(48, 64), (50, 61), (17, 16)])
def test_any_size_comes_out_as_it_went_in(shape):
    clean = DepthDenoiser(network())(np.zeros((*shape, 3), np.uint8), np.ones(shape, np.float32))
    assert clean.shape == shape
    assert clean.dtype == np.float32
    assert np.isfinite(clean).all()


@pytest.mark.parametrize("nothing", [0.0, np.nan])
def test_frames_without_a_reading_are_survived(nothing):
    depth_m = np.full((32, 48), nothing, np.float32)
    clean = DepthDenoiser(network())(np.zeros((32, 48, 3), np.uint8), depth_m)
    assert np.isfinite(clean).all()
    assert (clean >= 0.0).all()


def unsure_network():
    unsure = network()
    bias = unsure.fine.bias
    assert bias is not None
    # The last four channels are the logits of knowing, of four pixels.
    bias[-4:] = -1.0
    return unsure


def test_what_is_hardly_known_is_a_hole():
    rgb, depth_m = np.zeros((32, 48, 3), np.uint8), np.ones((32, 48), np.float32)
    unsure = unsure_network()
    assert not DepthDenoiser(unsure, known_from=0.5)(rgb, depth_m).any()
    assert DepthDenoiser(unsure, known_from=0.1)(rgb, depth_m).all()


def test_a_guess_is_there_even_where_nothing_is_known():
    rgb, depth_m = np.zeros((33, 48, 3), np.uint8), np.ones((33, 48), np.float32)
    depth_m[10:20, 10:20] = 0.0
    unsure = unsure_network()
    guess = DepthDenoiser(unsure, known_from=0.5).guess(rgb, depth_m)
    assert not guess.known.any()
    assert guess.depth_m == pytest.approx(np.ones((33, 48)), rel=1e-3)
    sure = DepthDenoiser(unsure, known_from=0.0)
    assert np.array_equal(sure(rgb, depth_m), guess.depth_m)


def test_picture_and_depth_of_two_sizes_are_refused():
    with pytest.raises(RefusedError, match="align"):
        DepthDenoiser(network())(np.zeros((32, 48, 3), np.uint8), np.ones((30, 48), np.float32))


def test_holes_are_filled_from_what_is_near():
    w, valid = torch.full((1, 1, 32, 32), 2.0), torch.ones(1, 1, 32, 32)
    w[..., 16:] = 4.0
    valid[..., 3:7, 3:7] = 0.0
    filled = fill(w * valid, valid)
    assert torch.allclose(filled[..., 3:7, 3:7], torch.tensor(2.0))
    assert torch.equal(filled[valid > 0.0], w[valid > 0.0])
    assert torch.equal(fill(w * 0.0, w * 0.0), torch.ones_like(w))


def test_a_shadow_is_filled_from_its_left():
    w = torch.tensor([[0.0, 1.0, 0.0, 0.0, 4.0], [0.0] * 5]).reshape(2, 1, 1, 5)
    valid = (w > 0.0).float()
    found = left_of(w, valid, torch.full_like(w, 2.0))
    assert found.flatten(1).tolist() == [[2.0, 1.0, 1.0, 1.0, 4.0], [2.0] * 5]


@pytest.mark.parametrize("candidate", ["around", "left", "own"])
def test_an_answer_can_be_any_of_its_candidates(candidate):
    w = torch.tensor([[[[1.0, 0.0, 3.0]]]])
    valid, left, filled = (w > 0.0).float(), w.clone(), torch.full_like(w, 2.0)
    left[..., 1] = 1.0
    names = ["around", "left", "own"]
    masses = torch.full((1, 3, 1, 3), -12.0)
    masses[:, names.index(candidate)] = 3.0
    carried = torch.full((1, 2, 1, 3), 1e-9)
    found = _answer(carried, w, valid, left, filled, masses).flatten()
    wanted = {"around": [2.0, 2.0, 2.0], "left": [1.0, 1.0, 3.0], "own": [1.0, 1.5, 3.0]}
    assert found.tolist() == pytest.approx(wanted[candidate], abs=1e-3)


def test_the_averages_have_the_gradient_that_torch_finds():
    carried = torch.rand(1, 2, 5, 6, dtype=torch.float64, requires_grad=True)
    kernel = torch.rand(1, 9, 5, 6, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(lambda a, b: _Spread.apply(a, b, 2), (carried, kernel))
    trained = _spread(carried, kernel, 2)
    with torch.no_grad():
        assert torch.allclose(_spread(carried, kernel, 2), trained)


def test_training_removes_noise_and_keeps_the_edge():
    frames = [step_frame(seed) for seed in range(8)]
    losses = []
    trained = train_depth(
        frames, spoil, RECIPE, SMALL, progress=lambda step, loss: losses.append(loss)
    )
    held_out = step_frame(100)
    raw_m = spoil(held_out, np.random.default_rng(0))
    clean_m = DepthDenoiser(trained, known_from=0.0)(held_out.rgb, raw_m)
    read = raw_m > 0.0
    assert np.mean(losses[-5:]) < 0.8 * np.mean(losses[:5])
    assert off_mm(clean_m[read], held_out.depth_m[read]) < 0.6 * off_mm(
        raw_m[read], held_out.depth_m[read]
    )


def test_what_is_metres_off_counts_most_within_the_workspace():
    def squares(true_m, guessed_m):
        return float(_squares(torch.tensor([1.0 / guessed_m]), torch.tensor([true_m]), 1.5))

    assert squares(1.0, 1.5) == pytest.approx(0.25, rel=1e-5)
    assert squares(1.0, 4.0) == pytest.approx(5.0, rel=1e-5)
    assert squares(3.0, 2.5) == pytest.approx(0.25 / 2**8, rel=1e-5)
    assert squares(0.0, 2.5) == 0.0


def test_edges_count_more_and_slanted_tables_do_not():
    w = (1.0 + 0.003 * torch.arange(20.0)).expand(1, 1, 20, 20).clone()
    assert not _edges(1.0 / w).any()
    w[..., 10:] += 0.05
    near = _edges(1.0 / w)[0, 0, 5]
    assert near[8:12].tolist() == [1.0] * 4
    assert not near[:8].any()
    assert not near[12:].any()


@pytest.mark.parametrize("wrong", [{"edges": -1.0}, {"squares": -1.0}, {"workspace_m": 0.0}])
def test_weights_that_make_no_sense_are_refused(wrong):
    with pytest.raises(ValueError):
        DepthTraining(**wrong)


def test_an_interrupted_training_ends_as_if_it_had_not_been(tmp_path):
    frames, recipe = [step_frame()], replace(RECIPE, steps=6)
    whole = train_depth(frames, spoil, recipe, SMALL)
    snapshots = Snapshots(folder=tmp_path, recipe={}, every=2)

    def interrupt(step, loss):
        if step == 5:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train_depth(frames, spoil, recipe, SMALL, snapshots=snapshots, progress=interrupt)
    again = train_depth(frames, spoil, recipe, SMALL, snapshots=snapshots)
    for name, weights in whole.state_dict().items():
        assert torch.equal(weights, again.state_dict()[name])


@pytest.mark.parametrize("frames", [[], [step_frame().crop(0, 0, (32, 32))]])
def test_frames_that_nothing_can_be_learned_from_are_refused(frames):
    with pytest.raises(RefusedError):
        train_depth(frames, spoil, RECIPE, SMALL)


def test_a_checkpoint_comes_back_as_it_was(tmp_path):
    frame = step_frame()
    saved = DepthNetwork(SMALL).eval().requires_grad_(False).half().float()
    save_depth(tmp_path, DepthConfig(network=SMALL, known_from=0.3), saved)
    config, loaded = load_depth(tmp_path)
    assert config.known_from == 0.3
    first, second = (DepthDenoiser(one, 0.3)(frame.rgb, frame.depth_m) for one in (saved, loaded))
    assert np.array_equal(first, second)


@pytest.mark.parametrize("damage", [lambda data: data[:-4], lambda data: data[:-1] + b"x"])
def test_a_damaged_checkpoint_is_refused(tmp_path, damage):
    save_depth(tmp_path, DepthConfig(network=SMALL), network())
    path = tmp_path / WEIGHTS
    path.write_bytes(damage(path.read_bytes()))
    with pytest.raises(CheckpointError):
        load_depth(tmp_path)


def test_frames_come_back_from_disk(tmp_path):
    frames = [step_frame(seed) for seed in range(2)]
    save_frames(tmp_path / "a.npz", frames)
    for frame, back in zip(frames, load_frames(tmp_path / "a.npz"), strict=True):
        assert np.array_equal(frame.rgb, back.rgb)
        assert back.depth_m == pytest.approx(frame.depth_m, abs=1e-4)
        assert np.array_equal(frame.K, back.K)
    (tmp_path / "a.npz").write_bytes(b"no frames")
    with pytest.raises(RefusedError, match="no frames"):
        load_frames(tmp_path / "a.npz")


def test_a_crop_looks_the_same_way():
    frame = step_frame()
    crop = frame.crop(5, 8, (32, 16))
    assert crop.depth_m.shape == (16, 32)
    assert crop.K[:2, 2] == pytest.approx(frame.K[:2, 2] - (8, 5))


def _frame(number):
    frame = step_frame()
    return RgbdFrame(
        stamp_s=1.5,
        rgb=frame.rgb,
        depth_m=frame.depth_m,
        K=K,
        T_base_camera=SE3.identity(),
        number=number,
        received_s=1.6,
    )


class _OneCamera:
    """A camera, and a robot that has it."""

    name = "front"

    def __init__(self):
        self.calls = []

    def connect(self):
        self.calls.append("connect")

    def read(self):
        return _frame(number=7)

    def close(self):
        self.calls.append("close")

    def observe(self, cameras=()):
        frames = {name: _frame(number=7) for name in cameras}
        return Observation(stamp_s=2.0, arms={}, cameras=frames)


def double(rgb, depth_m):
    return 2.0 * depth_m


def test_a_clean_camera_changes_nothing_but_depth():
    inside = _OneCamera()
    camera = CleanCamera(inside, double)
    camera.connect()
    frame = camera.read()
    camera.close()
    assert inside.calls == ["connect", "close"]
    assert camera.name == "front"
    assert (frame.stamp_s, frame.number, frame.received_s) == (1.5, 7, 1.6)
    assert np.array_equal(frame.depth_m, 2.0 * _frame(7).depth_m)


def test_a_robot_with_clean_depth_sees_the_same_at_the_same_time():
    robot: Robot = CleanDepthRobot(_OneCamera(), double)  # type: ignore[arg-type]
    seen = robot.observe(("front", "wrist"))
    assert set(seen.cameras) == {"front", "wrist"}
    assert seen.cameras["wrist"].stamp_s == 1.5
    assert np.array_equal(seen.cameras["front"].depth_m, 2.0 * _frame(7).depth_m)
    assert not robot.observe().cameras


def test_the_same_picture_is_cleaned_to_the_same_depth():
    frame, clean = step_frame(), DepthDenoiser(network())
    assert np.array_equal(clean(frame.rgb, frame.depth_m), clean(frame.rgb, frame.depth_m))
