from dataclasses import replace

import numpy as np
import pytest
import torch

from policies.cache import FrameCache
from policies.config import NoiseConfig
from policies.contract import Channels, CloudSpec, ImageSpec
from policies.pictures import CachedPictures, coloured, live_inputs, open_pictures, with_holes
from policies.resize import crop_size, resize_depth
from tests.policies.recorded import (
    DEPTH,
    FRONT,
    HEIGHT,
    WIDTH,
    contract,
    depth_codes,
    metres,
    record,
)
from tests.policies.recorded import pictures as recorded_pictures

COLOURS, METRES = f"image/{FRONT}", f"image/{DEPTH}"
TOP, CLOUD = "observation.images.top", "cloud/observation.images.top"
IMAGE = ImageSpec(key=FRONT, height=32, width=40, channels=Channels.RGBD, steps=2, crop=0.8)
CLOUD_SPEC = CloudSpec(
    key=TOP,
    K=[40.0, 0.0, 20.0, 0.0, 40.0, 16.0, 0.0, 0.0, 1.0],
    T_base_camera=np.eye(4).ravel().tolist(),
    low_m=[-5.0, -5.0, 0.1],
    high_m=[5.0, 5.0, 8.0],
    points=16,
)


def cache_of(first: int, tmp_path) -> FrameCache:
    """Ten frames whose pixels tell frame and place."""
    frame = np.arange(first, first + 10)[:, None, None, None]
    place = np.arange(32 * 40).reshape(1, 1, 32, 40)
    return FrameCache(
        directory=tmp_path,
        arrays={
            COLOURS: np.broadcast_to((frame + 7 * place) % 256, (10, 3, 32, 40)).astype(np.uint8),
            METRES: (1.0 + 0.1 * frame + 0.001 * (place % 40)).astype(np.float16),
            CLOUD: np.tile(frame.astype(np.float32).reshape(-1, 1, 1), (1, 16, 3)),
        },
    )


@pytest.fixture
def pictures(tmp_path) -> CachedPictures:
    seen = contract(images=[IMAGE], clouds=[CLOUD_SPEC])
    return CachedPictures(seen, [cache_of(0, tmp_path), cache_of(100, tmp_path)])


PAST = np.array([[0, 0], [3, 4], [8, 9]])
SOURCE = np.array([0, 1, 0])


def test_windows_get_their_frames_from_their_dataset(pictures):
    inputs = pictures.gather(PAST, SOURCE, None)
    corner = 7 * (4 * 40 + 4)
    frames = np.array([[0, 0], [103, 104], [8, 9]])
    np.testing.assert_array_equal(inputs[COLOURS][:, :, 0, 0, 0], (frames + corner) % 256)
    np.testing.assert_allclose(inputs[METRES][:, :, 0, 0, 0], 1.0 + 0.1 * frames + 0.004, rtol=1e-3)
    np.testing.assert_array_equal(inputs[CLOUD][:, 0, 0], frames[:, 1])


def test_inputs_have_the_shapes_and_types_of_the_contract(pictures):
    inputs = pictures.gather(PAST, SOURCE, np.random.default_rng(0))
    assert crop_size(IMAGE) == (24, 32)
    assert inputs[COLOURS].shape == (3, 2, 3, 24, 32)
    assert inputs[COLOURS].dtype == torch.uint8
    assert inputs[METRES].shape == (3, 2, 1, 24, 32)
    assert inputs[METRES].dtype == torch.float32
    assert inputs[CLOUD].shape == (3, 16, 3)


def test_crops_differ_between_windows_and_agree_within_one(pictures):
    past = np.full((50, 2), 5)
    inputs = pictures.gather(past, np.zeros(50, int), np.random.default_rng(0))
    colours = inputs[COLOURS]
    np.testing.assert_array_equal(colours[:, 0], colours[:, 1])
    assert len(np.unique(colours[:, 0, 0, 0, 0])) > 20
    # Column by column, depth tells where the crop of the colours was.
    left = (inputs[METRES][:, 0, 0].amax(dim=0)[0] - 1.5) / 0.001
    assert left.max() <= 40


def test_colours_and_depth_are_cut_at_the_same_place(tmp_path):
    image = ImageSpec(key=FRONT, height=32, width=40, channels=Channels.RGBD, crop=0.5)
    place = np.arange(32 * 40).reshape(1, 1, 32, 40)
    arrays = {
        COLOURS: np.broadcast_to(place % 256, (1, 3, 32, 40)).astype(np.uint8),
        METRES: (1.0 + place % 256).astype(np.float16),
    }
    source = CachedPictures(
        contract(images=[image]), [FrameCache(directory=tmp_path, arrays=arrays)]
    )
    zeros = np.zeros((20, 2), int)
    inputs = source.gather(zeros, zeros[:, 0], np.random.default_rng(0))
    known = inputs[METRES] > 0.0
    np.testing.assert_array_equal(
        inputs[METRES][known] - 1.0, inputs[COLOURS][:, :, :1][known].float()
    )


def test_the_same_generator_gives_the_same_inputs(pictures):
    first = pictures.gather(PAST, SOURCE, np.random.default_rng(3))
    again = pictures.gather(PAST, SOURCE, np.random.default_rng(3))
    for name, value in first.items():
        assert torch.equal(value, again[name])


def test_holes_are_rectangles_without_a_reading_in_half_of_the_pictures():
    depth_m = np.ones((400, 2, 1, 20, 20), np.float32)
    with_some = with_holes(depth_m, np.random.default_rng(0))
    np.testing.assert_array_equal(with_some[:, 0], with_some[:, 1])
    missing = (with_some[:, 0, 0] == 0.0).mean(axis=(1, 2))
    assert 0.35 < (missing > 0.0).mean() < 0.55
    assert missing.max() < 0.2
    assert (depth_m == 1.0).all()


def test_live_pictures_are_made_as_recorded_ones_are(tmp_path):
    record(tmp_path / "dataset", [4, 4])
    image = ImageSpec(key=FRONT, height=16, width=20, channels=Channels.RGBD, crop=1.0)
    history = {
        FRONT: recorded_pictures(8)[5:7],
        DEPTH: metres(depth_codes(8))[5:7].astype(np.float32),
    }
    cloud = replace(CLOUD_SPEC, key=FRONT, colour=True)
    for seen in (contract(images=[image]), contract(images=[], clouds=[cloud])):
        source = open_pictures([tmp_path / "dataset"], seen, progress=False)
        wanted = source.gather(np.array([[5, 6]]), np.array([0]), None)
        live = live_inputs(history, seen)
        assert live.keys() == wanted.keys()
        for name, value in live.items():
            assert value.dtype == wanted[name].numpy().dtype
            np.testing.assert_allclose(value, wanted[name].numpy(), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize(
    ("history", "message"),
    [
        ({}, "which is missing"),
        ({FRONT: np.zeros((1, 8, 8, 3), np.uint8)}, "wanted 2 pictures"),
        ({FRONT: np.zeros((2, 8, 8, 3), np.float32)}, "got float32"),
        ({FRONT: np.zeros((2, 8, 8, 3), np.uint8), DEPTH: np.zeros((2, 8, 8, 3))}, DEPTH),
    ],
)
def test_live_pictures_that_do_not_fit_are_refused(history, message):
    with pytest.raises(ValueError, match=message):
        live_inputs(history, contract(images=[IMAGE]))


def test_depth_is_shrunk_without_inventing_surfaces():
    depth_m = np.zeros((8, 8))
    depth_m[:, 4:] = 2.0
    assert set(np.unique(resize_depth(depth_m, 3, 3))) == {0.0, 2.0}


@pytest.mark.parametrize(
    ("whole", "part", "wanted"), [(96, 0.92, 88), (84, 0.92, 76), (16, 0.92, 16), (64, 1.0, 64)]
)
def test_crops_suit_the_strides_of_an_encoder(whole, part, wanted):
    spec = ImageSpec(key=FRONT, height=whole, width=whole, crop=part)
    assert crop_size(spec) == (wanted, wanted)


def test_a_picture_may_be_cropped_at_most_to_itself():
    assert crop_size(ImageSpec(key=FRONT, height=HEIGHT, width=WIDTH - 1, crop=1.0)) == (32, 39)


def test_colours_differ_from_window_to_window_and_not_within_one():
    pictures = np.full((8, 2, 3, 6, 5), 100, dtype=np.uint8)
    noise = NoiseConfig(exposure=0.2, white=0.05)
    shown = coloured(pictures, noise, np.random.default_rng(0))
    assert shown.dtype == np.uint8
    np.testing.assert_array_equal(shown[:, 0], shown[:, 1])
    assert (np.ptp(shown, axis=(1, 3, 4)) == 0).all()
    means = shown.mean(axis=(1, 2, 3, 4))
    assert len(np.unique(means)) == len(means)
    assert 70 < means.min() < means.max() < 160


def test_every_pixel_has_its_own_noise():
    pictures = np.full((2, 2, 3, 40, 50), 100, dtype=np.uint8)
    shown = coloured(pictures, NoiseConfig(pixel=4.0), np.random.default_rng(0))
    assert shown.std() == pytest.approx(4.0, rel=0.05)
    assert (shown[0, 0] != shown[0, 1]).mean() > 0.5


def test_without_noise_colours_and_what_is_drawn_after_them_stay():
    pictures = np.random.default_rng(0).integers(0, 256, (2, 1, 3, 4, 4), dtype=np.uint8)
    rng = np.random.default_rng(1)
    assert coloured(pictures, NoiseConfig(), rng) is pictures
    assert rng.random() == np.random.default_rng(1).random()
