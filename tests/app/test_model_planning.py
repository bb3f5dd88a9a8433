"""`robot-skills run --planner llm` and vlm, on an endpoint on this machine."""

import json
from pathlib import Path

import pytest

from robot_skills.app.cli import main
from robot_skills.core.plan import SkillCall
from tests.scheduler.models.chats import plan, plans
from tests.scheduler.models.server import answers, serve, status

CLOSE = SkillCall(skill="close", args={"thing": "drawer"})
CLOSED = plan(CLOSE, goal=("closed(drawer)",))
RUN = ("run", "shut what stands open", "--scene", "truth", "--seed", "2", "--no-video", "--json")


def run(capfd, *options: str, planner: str = "llm", code: int = 0) -> dict:
    asked = [*RUN, "--planner", planner, "--model", "fake", "--model-deadline", "20"]
    assert main([*asked, *options]) == code
    return json.loads(capfd.readouterr().out)


def test_a_model_plans_and_what_it_took_is_told(capfd):
    with serve(answers("nonsense"), answers(CLOSED)) as endpoint:
        prices = ("--prices", "1.0", "2.0")
        told = run(capfd, "--base-url", endpoint.url, *prices)
    assert told["truth_success"]
    assert told["planner"] == told["planned_by"] == "llm"
    assert [skill["name"] for skill in told["skills"]] == ["close"]
    models = told["models"]
    assert models["model"] == "fake"
    assert (models["requests"], models["repairs"], models["tokens"]) == (2, 1, 240)
    assert models["cost"] == pytest.approx((200 * 1.0 + 40 * 2.0) / 1e6)


def test_an_exchange_is_recorded_and_replayed_without_an_endpoint(capfd, tmp_path):
    file = ("--exchanges", str(tmp_path / "exchanges.jsonl"))
    with serve(answers(CLOSED)) as endpoint:
        run(capfd, "--base-url", endpoint.url, *file)
    told = run(capfd, *file, "--exchange-mode", "replay")
    assert told["truth_success"]
    assert (told["models"]["requests"], told["models"]["replayed"]) == (0, 1)
    again = run(capfd, *file, "--exchange-mode", "replay", "--seed", "3", code=2)
    assert "holds no answer to this request" in again["reason"]


def test_a_model_that_sees_is_shown_the_camera(capfd):
    with serve(answers(CLOSED)) as endpoint:
        told = run(capfd, "--base-url", endpoint.url, planner="vlm")
    assert told["planned_by"] == "vlm"
    parts = endpoint.bodies[0]["messages"][1]["content"]
    assert parts[-1]["image_url"]["url"].startswith("data:image/jpeg;base64,")


def test_rules_take_over_where_an_endpoint_is_broken(capfd):
    with serve(status(401)) as endpoint:
        words = ("run", "close the drawer", *RUN[2:], "--planner", "llm", "--model", "fake")
        assert main([*words, "--base-url", endpoint.url]) == 0
    told = json.loads(capfd.readouterr().out)
    assert told["planned_by"] == "rules"
    assert told["truth_success"]


def test_several_plans_are_walked_as_a_tree(capfd):
    ways = plans((CLOSE,), (SkillCall(skill="home"), CLOSE), goal=("closed(drawer)",))
    with serve(answers(ways)) as endpoint:
        told = run(capfd, "--base-url", endpoint.url, "--plans", "2")
    assert told["truth_success"]
    assert told["models"]["requests"] == 1


def test_what_is_forbidden_is_forbidden_to_everybody(capfd, tmp_path):
    regions = tmp_path / "regions.yaml"
    regions.write_text("forbidden:\n  everywhere: {lower_m: [-2, -2, -1], upper_m: [2, 2, 2]}\n")
    with serve(answers(CLOSED)) as endpoint:
        words = ("run", "close the drawer", *RUN[2:], "--planner", "llm", "--model", "fake")
        forbid = ("--forbid", str(regions), "--repairs", "0")
        assert main([*words, "--base-url", endpoint.url, *forbid]) == 2
    told = json.loads(capfd.readouterr().out)
    assert told["reason"].count("forbidden region 'everywhere'") == 2
    assert told["skills"] == []


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--planner", "llm"), "--model"),
        (("--planner", "llm", "--model", "m", "--max-cost", "1"), "--prices"),
        (("--planner", "llm", "--model", "m", "--base-url", "here"), "https://"),
        (("--planner", "llm", "--model", "m", "--exchange-mode", "replay"), "--exchanges"),
        (("--planner", "llm", "--model", "m", "--repairs", "-1"), "repairs >= 0"),
        (("--planner", "llm", "--model", "m", "--prices", "-1", "2"), "below zero"),
        (("--planner", "llm", "--model", "m", "--model-deadline", "0"), "above zero"),
        (("--planner", "llm", "--model", "m", "--plans", "0"), "--plans"),
        (("--planner", "llm", "--model", "m", "--plans", "2", "--executive", "fixed"), "--plans"),
        (("--forbid", "/nowhere.yaml"), "/nowhere.yaml"),
    ],
)
def test_options_that_contradict_each_other_are_refused(options, said, capfd):
    assert main([*RUN, *options]) == 2
    assert said in json.loads(capfd.readouterr().out)["reason"]


def test_no_key_is_in_what_a_run_leaves(capfd, tmp_path: Path, monkeypatch):
    monkeypatch.setenv("SOME_KEY", "sk-secret-of-this-test")
    out, file = tmp_path / "out", tmp_path / "exchanges.jsonl"
    with serve(status(429), answers(CLOSED)) as endpoint:
        where = ("--out", str(out), "--exchanges", str(file), "--key-variable", "SOME_KEY")
        told = run(capfd, "--base-url", endpoint.url, *where)
        assert endpoint.keys == ["Bearer sk-secret-of-this-test"] * 2
    assert told["truth_success"]
    for path in (file, *out.iterdir()):
        assert b"sk-secret" not in path.read_bytes()
