"""Trials of depth are made once, counted fairly, and told with their intervals."""

import json
from dataclasses import asdict

import numpy as np
import pytest

from benchmarks.depth.__main__ import _columns, _done, errors_row, skill_row
from benchmarks.depth.errors import PIXELS, unbiased
from benchmarks.depth.page import chapter
from robot_skills.app.depth_scores import DepthScore
from sim.stereo_depth import StereoDepth


def line(index, success, set_up=True, depth="raw", camera="D435"):
    return {
        "part": "skill", "skill": "grasp", "camera": camera, "depth": depth, "index": index,
        "set_up": set_up, "success": success, "reason": "",
    }  # fmt: skip


def errors_line(index, pixels=100, read=50):
    score = DepthScore(
        pixels=pixels, read=read, squares=read * 0.01**2, filled_squares=pixels * 0.02**2,
        medians=(0.003,),
    )  # fmt: skip
    scores = {name: dict.fromkeys(PIXELS, asdict(score)) for name in ("raw", "median", "clean")}
    return {"part": "errors", "camera": "D435", "index": index, "scores": scores}


def test_starts_that_failed_do_not_count():
    row = skill_row([line(0, True), line(1, False), line(2, False, set_up=False)])
    assert (row["success"], row["n"]) == (1, 2)


def test_layouts_add_up_by_pixels():
    row = errors_row([json.loads(json.dumps(errors_line(i))) for i in range(3)])
    found = row["clean"]["within 1.5 m"]
    assert row["layouts"] == 3
    assert found["holes"] == 0.5
    assert found["median_mm"] == pytest.approx(3.0)
    assert found["read_rmse_mm"] == pytest.approx(10.0)
    assert found["filled_rmse_mm"] == pytest.approx(20.0)


def test_exact_depth_is_tried_once_and_not_for_every_camera():
    columns = _columns(["D435", "D405"], ["exact", "raw"])
    assert columns == [("-", "exact"), ("D435", "raw"), ("D405", "raw")]


def test_trials_that_were_made_are_not_made_again(tmp_path):
    made = []

    def make(kind, index):
        made.append(index)
        return {"camera": kind, "index": index}

    path = tmp_path / "runs.jsonl"
    _done(path, [("D435", 0), ("D435", 1)], make)
    lines = _done(path, [("D435", 0), ("D435", 1), ("D435", 2)], make)
    assert made == [0, 1, 2]
    assert [each["index"] for each in lines] == [0, 1, 2]


def test_a_known_bias_is_taken_off_and_holes_stay():
    camera = StereoDepth(scale=1.01, offset_m=-0.002)
    raw_m = np.array([[1.01 * 0.8 - 0.002, 0.0]], np.float32)
    assert unbiased(raw_m, camera)[0] == pytest.approx([0.8, 0.0])


def test_the_page_says_what_was_lost_against_exact_depth():
    exact = [line(i, True, depth="exact", camera="-") for i in range(4)]
    raw = [line(i, i == 0) for i in range(4)]
    timing = {"part": "timing", "ms": 40.0, "p95_ms": 50.0, "two_cores_ms": 25.0}
    page = chapter([errors_row([errors_line(0)]), timing, skill_row(exact), skill_row(raw)])
    assert "| `grasp` | D435 | raw | 25 (5-70) | +75 | 4 |" in page
    assert "| `grasp` | - | exact depth | 100 (51-100) | - | 4 |" in page
    assert "40 ms for a picture of 320 x 240 on one core" in page
    assert "two, 25 and 40 a second" in page


def test_the_page_says_how_much_less_is_left_of_the_errors():
    row = errors_row([errors_line(0)])
    row["clean"]["read raw"] |= {"read_rmse_mm": 2.0, "filled_rmse_mm": 8.0, "holes": 0.03}
    row["clean"]["within 1.5 m"]["filled_rmse_mm"] = 15.0
    timing = {"part": "timing", "ms": 40.0, "two_cores_ms": 25.0}
    skills = [skill_row([line(0, True, depth="exact", camera="-")])]
    page = chapter([row, timing, *skills])
    cells = ("20 / 8", "60 %", "10 / 2", "80 %", "3.0", "20 / 15", "25 %")
    assert f"| D435 | {' | '.join(cells)} |" in page
