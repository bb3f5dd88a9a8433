"""How far chunks move when weights are rounded: fewer bits, farther; and how the page says it."""

import pytest

from benchmarks.rounding import compare
from benchmarks.rounding_page import chapter
from policies.precision import Precision
from tests.policies.synthetic import reaching_dataset
from tests.policies.untrained import untrained_checkpoint


@pytest.fixture(scope="module")
def lines(tmp_path_factory):
    folder = tmp_path_factory.mktemp("rounding")
    checkpoint = untrained_checkpoint(folder / "trained" / "reach")
    reaching_dataset(folder / "reach")
    return [compare(checkpoint, folder / "reach", precision) for precision in Precision]


def test_fewer_bits_move_chunks_farther_and_all_bits_not_at_all(lines):
    whole, half, quarter = lines
    assert (whole["mm_max"], whole["deg_max"]) == (0.0, 0.0)
    for key in ("mm_mean", "mm_max", "deg_mean", "deg_max"):
        assert 0.0 < half[key] < quarter[key]
    assert quarter["bytes"] < half["bytes"] < whole["bytes"] == whole["bytes_whole"]


def test_the_page_has_a_row_for_each(lines):
    text = chapter(lines)
    assert f"over {lines[0]['n']} recorded observations" in text
    assert f"| `reach` | int8 | {lines[2]['bytes'] / 1e6:.2f} | {lines[2]['mm_mean']:.3f} |" in text
