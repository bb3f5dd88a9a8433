"""docs/results.md says what the measurements say, and is what the measurements would write."""

import json

from benchmarks.results_page import PAGE, RESULTS, page


def write(folder, name, *rows):
    (folder / name).write_text("".join(json.dumps(row) + "\n" for row in rows))


def score(side, seed, good, task="robosuite:lift"):
    return {
        "task": task,
        "side": side,
        "seed": seed,
        "successes": good,
        "episodes": 50,
        "said_done": 0,
        "train_s": 60.0,
        "train_steps": 1000,
        "chunk_ms": 1.5,
    }


def test_seeds_of_a_task_are_counted_together(tmp_path):
    write(
        tmp_path, "success.jsonl", score("ours", 0, 50), score("ours", 1, 40), score("peer", 0, 5)
    )
    text = page(tmp_path)
    assert "| ours | 90 (83-94) | **90.0** | 1,000 | 1.50 |" in text
    assert "| LeRobot DiffusionPolicy | 10 (4-21) | **10.0** |" in text


def test_what_was_not_measured_is_left_out(tmp_path):
    assert "##" not in page(tmp_path)


def test_the_page_is_what_the_measurements_write():
    assert PAGE.read_text(encoding="utf-8") == page(RESULTS)
