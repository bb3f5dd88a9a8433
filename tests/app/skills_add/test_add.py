"""A skill is added whole or not at all, and leaves every other skill as it is."""

import hashlib
import json
import shutil
from pathlib import Path

import pytest

from robot_skills.app.cli import main
from robot_skills.app.skills_add.staging import Staging
from robot_skills.app.zoo import zoo_dir
from robot_skills.core.errors import RefusedError, StorageError
from robot_skills.skills.card import SkillCard
from robot_skills.skills.library import SkillLibrary
from tests.app.skills_add.cards import case, write_card
from tests.policies.synthetic import reaching_dataset


@pytest.fixture(scope="module")
def dataset(tmp_path_factory):
    return reaching_dataset(tmp_path_factory.mktemp("data") / "reaching", episodes=12)


@pytest.fixture
def zoo(tmp_path):
    """A library of two skills."""
    for name in ("grasp", "home"):
        shutil.copytree(zoo_dir() / name, tmp_path / "zoo" / name)
    return tmp_path / "zoo"


def call(dataset: Path, card: Path, zoo: Path, *more: str, trials: int = 0) -> list[str]:
    """Arguments of an addition that trains on what there is, and measures nothing."""
    words = ["skills", "add", "touch", "--dataset", str(dataset), "--card", str(card)]
    words += ["--zoo", str(zoo), "--episodes", "12", "--steps", "12", "--trials", str(trials)]
    return [*words, "--workers", "1", *more]


def hashes(zoo: Path) -> dict[str, str]:
    return {
        str(path.relative_to(zoo)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in zoo.rglob("*")
        if path.is_file()
    }


def test_a_skill_is_added_and_every_other_one_stays_bit_for_bit(dataset, zoo, tmp_path, capfd):
    before = hashes(zoo)
    assert main(call(dataset, write_card(tmp_path), zoo, "--json")) == 0
    said = json.loads(capfd.readouterr().out)
    assert said["demonstrations"] == 12
    assert said["measured"] is None
    assert said["cpu_minutes"] > 0.0
    after = hashes(zoo)
    assert {name: after[name] for name in before} == before
    assert {name.split("/")[0] for name in after.keys() - before.keys()} == {"touch"}
    assert not zoo.with_name("zoo.adding").exists()
    card = SkillLibrary.load(zoo)["touch"]
    assert "skills add touch" in card.training.train
    assert main(["skills", "show", "touch", "--zoo", str(zoo)]) == 0


def test_the_checkpoint_remembers_which_entities_it_was_trained_on(dataset, zoo, tmp_path, capsys):
    assert main(call(dataset, write_card(tmp_path), zoo)) == 0
    path = zoo / "touch" / "card.yaml"
    path.write_text(path.read_text().replace("anchor: box", "anchor: top"))
    from policies.loading import load_policy

    with pytest.raises(RefusedError, match=r"shows the policy \(top\).* trained to see \(box\)"):
        SkillLibrary.load(zoo, load_policy).policy("touch")
    assert main(call(dataset, write_card(tmp_path), zoo)) == 2
    assert "holds a skill of that name already" in capsys.readouterr().err


def test_an_interrupted_training_goes_on_and_nothing_is_half_registered(dataset, zoo, tmp_path):
    from policies.trainer import RESUME

    card = write_card(tmp_path)
    staging = Staging(zoo=zoo, name="touch")
    assert main(call(dataset, card, zoo)) == 0
    whole = (zoo / "touch" / "weights.safetensors").read_bytes()
    shutil.rmtree(zoo / "touch")
    interrupt_training(dataset, card, zoo, staging)
    assert (staging.skill / RESUME).exists()
    assert SkillLibrary.load(zoo).names == ("grasp", "home")
    assert main(call(dataset, card, zoo)) == 0
    assert (zoo / "touch" / "weights.safetensors").read_bytes() == whole


def interrupt_training(dataset: Path, card: Path, zoo: Path, staging: Staging) -> None:
    """Leave behind what a training leaves that is interrupted after five steps."""
    from policies.trainer import train
    from robot_skills.app.options import SkillsAdd
    from robot_skills.app.skills_add.command import recipe, request

    options = SkillsAdd(
        name="touch",
        dataset=dataset,
        card=card,
        zoo=zoo,
        episodes=12,
        steps=12,
        trials=0,
        workers=1,
    )
    staging.claim(request(options))
    config = recipe(options, SkillCard.load(card), staging, (dataset,))
    train((dataset,), staging.skill, config, stop_after=5, progress=False)


def test_a_refused_draft_leaves_nothing_behind(dataset, zoo, tmp_path, capsys):
    card = write_card(tmp_path, **case(effects=[]))
    assert main(call(dataset, card, zoo)) == 2
    assert "no plan can use the skill" in capsys.readouterr().err
    assert not zoo.with_name("zoo.adding").exists()


def test_a_card_that_cannot_be_measured_is_refused_before_anything_is_begun(
    dataset, zoo, tmp_path, capsys
):
    changes = case(preconditions=["inserted({object}, table)"])
    card = write_card(tmp_path, **changes)
    assert main(call(dataset, card, zoo, trials=5)) == 2
    assert "With --trials 0 it is added unmeasured" in capsys.readouterr().err
    assert not zoo.with_name("zoo.adding").exists()


def test_another_call_does_not_go_on_with_what_is_unfinished(zoo):
    staging = Staging(zoo=zoo, name="touch")
    staging.claim({"steps": 12, "seed": 0})
    staging.claim({"seed": 0, "steps": 12})
    with pytest.raises(RefusedError, match="another seed"):
        staging.claim({"steps": 12, "seed": 1})


def test_a_library_that_does_not_exist_begins_with_the_shipped_skills(tmp_path):
    shipped = tmp_path / "shipped"
    shutil.copytree(zoo_dir() / "home", shipped / "home")
    staging = Staging(zoo=tmp_path / "mine", name="touch")
    staging.claim({})
    shutil.copytree(zoo_dir() / "retreat", staging.skill)
    assert staging.register(shipped) == tmp_path / "mine" / "touch"
    assert hashes(tmp_path / "mine" / "home") == hashes(shipped / "home")
    assert not staging.root.exists()


def test_a_library_that_cannot_be_written_keeps_the_finished_skill(tmp_path):
    (tmp_path / "zoo").write_text("a file")
    staging = Staging(zoo=tmp_path / "zoo", name="touch")
    staging.claim({})
    shutil.copytree(zoo_dir() / "retreat", staging.skill)
    with pytest.raises(StorageError, match="It is ready in"):
        staging.register(zoo_dir())
    assert (staging.skill / "card.yaml").exists()
