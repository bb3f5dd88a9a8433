"""Readings between two surfaces go; surfaces stay, however slanted."""

import numpy as np

from policies.depth import without_edges


def test_what_lies_at_a_jump_goes() -> None:
    depth_m = np.full((20, 30), 1.0, dtype=np.float32)
    depth_m[:, 15:] = 0.95
    depth_m[:, 15] = 0.97  # Of neither surface.
    kept = without_edges(depth_m)
    assert not kept[:, 14:16].any()
    np.testing.assert_array_equal(kept[:, :14], depth_m[:, :14])
    np.testing.assert_array_equal(kept[:, 16:], depth_m[:, 16:])


def test_a_slanted_table_stays() -> None:
    rows = np.linspace(0.0, 1.0, 120, dtype=np.float32)[:, None]
    depth_m = np.repeat(1.0 / (1.0 / 1.4 + rows * (1.0 / 0.8 - 1.0 / 1.4)), 160, axis=1)
    np.testing.assert_array_equal(without_edges(depth_m), depth_m)


def test_holes_are_no_edges() -> None:
    depth_m = np.full((20, 30), 0.5, dtype=np.float32)
    depth_m[5:9, 5:9] = 0.0
    np.testing.assert_array_equal(without_edges(depth_m), depth_m)


def test_nothing_read_is_nothing() -> None:
    depth_m = np.zeros((4, 5), dtype=np.float32)
    assert not without_edges(depth_m).any()
