"""Few demonstrations of one thing become many of others, judged by the card's effects."""

import json
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from benchmarks.new_skill.demonstrator import CARD, SHOWN, demonstrations
from robot_skills.app.cli import main
from robot_skills.app.skills_add.multiply import Multiplication, check_multipliable
from robot_skills.core.errors import DatasetError, RefusedError
from robot_skills.skills.library import SkillLibrary
from sim.dataset import Demonstration
from tests.app.skills_add.cards import DRAFT, case, write_card
from tests.policies.synthetic import reaching_dataset, write_dataset


@pytest.fixture(scope="module")
def dataset(tmp_path_factory) -> Path:
    """Two demonstrations, as a person would have recorded them."""
    return write_dataset(
        tmp_path_factory.mktemp("data") / "tip",
        [columns(shown) for shown in demonstrations(2, seed=0)],
    )


def columns(shown: Demonstration) -> dict[str, np.ndarray]:
    last = np.arange(len(shown.state)) == len(shown.state) - 1
    return {
        "observation.state": shown.state,
        "action": shown.action,
        "label_valid": shown.label_valid,
        "done": shown.done,
        "next.success": last,
    }


def job(dataset: Path, card: Path = CARD, name: str = "tip") -> Multiplication:
    return Multiplication(task=name, card=card, dataset=dataset, robot="panda", episodes=3, seed=1)


def test_other_things_are_treated_as_the_one_that_was_shown(dataset):
    made = [job(dataset).demonstrate(i) for i in range(4)]
    assert any(SHOWN not in one.task for one in made)
    for one in made:
        assert one.done[-1] == 1.0
        assert set(one.phases) <= {"approach", "segment 1"}


def test_the_same_number_gives_the_same_demonstration(dataset):
    a, b = (job(dataset).demonstrate(2) for _ in range(2))
    assert np.array_equal(a.state, b.state)
    assert np.array_equal(a.action, b.action)


def test_what_cannot_be_multiplied_is_refused_before_anything_starts(dataset, tmp_path):
    cases = DRAFT["cases"] + case(when={"speed": "fast"})["cases"]
    words = {"name": "speed", "type": "word", "choices": ["fast", "slow"]}
    cases[0] = cases[0] | {"when": {"speed": "slow"}}
    parameters = [*DRAFT["parameters"], words]
    card = write_card(tmp_path, cases=cases, parameters=parameters)
    with pytest.raises(RefusedError, match="has 2 cases"):
        check_multipliable(job(dataset, card, "touch"))


def test_another_rate_is_refused(tmp_path):
    data = reaching_dataset(tmp_path / "data", episodes=2)
    info = data / "meta" / "info.json"
    info.write_text(json.dumps(json.loads(info.read_text()) | {"fps": 10}))
    (path,) = (data / "data").rglob("*.parquet")
    table = pq.read_table(path)
    place = table.schema.get_field_index("timestamp")
    slower = pa.array(2.0 * table["timestamp"].to_numpy(), pa.float32())
    pq.write_table(table.set_column(place, "timestamp", slower), path)
    with pytest.raises(DatasetError, match=r"has 10 frames per second; .* repeated at 20"):
        check_multipliable(job(data, write_card(tmp_path), "touch"))


@pytest.mark.slow
def test_a_skill_is_taught_from_two_demonstrations_and_measured(dataset, tmp_path, capfd):
    words = ["skills", "add", "tip", "--dataset", str(dataset), "--card", str(CARD), "--json"]
    words += ["--zoo", str(tmp_path / "zoo"), "--episodes", "40", "--steps", "1500"]
    assert main([*words, "--trials", "8", "--scene", "truth"]) == 0
    said = json.loads(capfd.readouterr().out)
    assert said["multiplied"]["episodes"] == 38
    assert said["measured"]["successes"] >= 4
    (result,) = SkillLibrary.load(tmp_path / "zoo")["tip"].results
    assert (result.n, result.successes) == (8, said["measured"]["successes"])
