"""Randomisation is data: drawn within its ranges, sealed, and refused when it is damaged."""

import json
from pathlib import Path

import numpy as np
import pytest

from calibration.randomisation import (
    Randomisation,
    Scale,
    Spread,
    load_randomisation,
    make_randomisation,
    save_randomisation,
)
from robot_skills.core.errors import RefusedError

FRICTION = Spread(mean=0.8, sigma=0.3, low=0.4, high=1.2, scale=Scale.LOG, source="pushes")
DELAY = Spread(mean=0.1, sigma=0.01, low=0.0, high=0.2, source="cross-correlation")


def _randomisation() -> Randomisation:
    return make_randomisation({"friction": FRICTION, "delay_s": DELAY}, {"identify": "ab" * 32})


def test_level_zero_is_what_was_identified() -> None:
    drawn = _randomisation().draw(np.random.default_rng(0), level=0.0)
    assert drawn == {"friction": pytest.approx(0.8), "delay_s": pytest.approx(0.1)}


def test_level_one_is_as_wide_as_the_spread() -> None:
    rng = np.random.default_rng(0)
    values = np.array([DELAY.draw(rng, 1.0) for _ in range(4000)])
    assert abs(values.mean() - DELAY.mean) < 1e-3
    assert 0.8 * DELAY.sigma < values.std() < DELAY.sigma


def test_a_higher_level_is_wider_from_the_same_seed() -> None:
    near, far = (DELAY.draw(np.random.default_rng(1), level) for level in (0.3, 1.0))
    assert abs(near - DELAY.mean) == pytest.approx(0.3 * abs(far - DELAY.mean))


def test_nothing_is_drawn_beyond_the_ends() -> None:
    rng = np.random.default_rng(0)
    values = [FRICTION.draw(rng, 1.0) for _ in range(500)]
    assert min(values) >= FRICTION.low
    assert max(values) <= FRICTION.high


def test_it_survives_its_file(tmp_path: Path) -> None:
    made = _randomisation()
    digest = save_randomisation(tmp_path / "r.json", made)
    read, read_digest = load_randomisation(tmp_path / "r.json")
    assert (read, read_digest) == (made, digest)


def test_a_changed_file_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "r.json"
    save_randomisation(path, _randomisation())
    content = json.loads(path.read_text())
    content["parameters"]["friction"]["mean"] = 0.9
    path.write_text(json.dumps(content))
    with pytest.raises(RefusedError, match="damaged"):
        load_randomisation(path)


def test_a_file_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(RefusedError, match="no randomisation"):
        load_randomisation(tmp_path / "r.json")


@pytest.mark.parametrize("level", [-0.1, 1.1])
def test_a_level_beyond_the_curriculum_is_refused(level: float) -> None:
    with pytest.raises(RefusedError, match="level"):
        _randomisation().draw(np.random.default_rng(0), level)


@pytest.mark.parametrize(
    "wrong",
    [
        {"mean": 2.0},
        {"sigma": -1.0},
        {"low": float("nan")},
        {"low": 0.0},
    ],
)
def test_a_spread_that_cannot_be_drawn_is_refused(wrong: dict[str, float]) -> None:
    values = {"mean": 0.8, "sigma": 0.3, "low": 0.4, "high": 1.2, **wrong}
    with pytest.raises(RefusedError):
        Spread(**values, scale=Scale.LOG, source="pushes")
