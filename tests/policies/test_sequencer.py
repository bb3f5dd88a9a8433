"""Sequencers score by structure, learn what they are shown, and refuse damaged files."""

import json
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import safetensors.torch
import torch

from policies.checkpoint_files import CONFIG, MANIFEST, WEIGHTS, json_bytes, write_files
from policies.sequencer import (
    Choice,
    LearnedSequencer,
    SequencerConfig,
    SequencerNetwork,
    SequencerNetworkConfig,
    SequencerTraining,
    load_sequencer,
    save_sequencer,
    train_sequencer,
)
from policies.sequencer.checkpoint import FORMAT, VERSION
from policies.sequencer.graph import graph_of
from policies.sequencer.network import batched
from policies.sequencer.training import share_right
from robot_skills.core.errors import CheckpointError, RefusedError
from robot_skills.core.plan import Literal, SkillCall
from robot_skills.core.scene import Entity, Scene
from robot_skills.core.se3 import SE3
from robot_skills.core.sequencer import Option, Situation
from robot_skills.core.types import DEFAULT_ARM

RECIPE = SequencerTraining(steps=150, batch_size=16)


def literal(predicate: str, *args: str) -> Literal:
    return Literal(predicate=predicate, args=args)


def carrying(things: list[str], target: str, goal: str, held: str | None) -> Situation:
    """Things that can be picked up and put in one place, one of which is wanted there."""
    empty = literal("hand_empty")
    entities = {
        name: Entity(
            name=name,
            label="thing",
            T_base_entity=SE3.from_translation((0.4 + 0.05 * i, 0.0, 0.02)),
            extents_m=np.full(3, 0.04),
            held_by=DEFAULT_ARM if name == held else None,
        )
        for i, name in enumerate([*things, target])
    }
    options = []
    for name in things:
        holding, there = literal("holding", name), literal("in", name, target)
        picked = held is None
        options += [
            Option(
                call=SkillCall(skill="pick", args={"thing": name}),
                needs=(empty,),
                brings=(holding,) if picked else (),
                ends=(empty,) if picked else (),
            ),
            Option(
                call=SkillCall(skill="drop", args={"thing": name, "place": target}),
                needs=(holding,),
                brings=(there, empty) if held else (there,),
                ends=(holding,) if held == name else (),
            ),
        ]
    facts = {empty} if held is None else {literal("holding", held)}
    return Situation(
        scene=Scene(stamp_s=0.0, entities=entities, opening={}),
        options=tuple(options),
        facts=frozenset(facts),
        wanted=(literal("in", goal, target),),
    )


def finished(situation: Situation) -> Situation:
    return replace(situation, facts=situation.facts | set(situation.wanted))


def shown(names: list[str], rng: np.random.Generator) -> list[Choice]:
    """What is right for one thing in one scene: pick it, drop it, be done."""
    order = [str(name) for name in rng.permutation(names)]
    goal = order[int(rng.integers(len(order)))]
    place = 2 * order.index(goal)
    to_pick = carrying(order, "bin", goal, None)
    to_drop = carrying(order, "bin", goal, goal)
    return [
        Choice.of(to_pick, place),
        Choice.of(to_drop, place + 1),
        Choice.of(finished(to_pick), len(to_pick.options)),
    ]


@pytest.fixture(scope="module")
def trained() -> SequencerNetwork:
    rng = np.random.default_rng(0)
    choices = [choice for _ in range(40) for choice in shown(["cup", "jar", "box"], rng)]
    return train_sequencer(choices, RECIPE, SequencerNetworkConfig(width=16, rounds=3, members=2))


@pytest.fixture
def checkpoint(tmp_path, trained) -> Path:
    config = SequencerConfig(network=SequencerNetworkConfig(width=16, rounds=3, members=2))
    save_sequencer(tmp_path / "sequencer", config, trained)
    return tmp_path / "sequencer"


def test_what_was_shown_is_done_for_names_and_numbers_of_things_that_were_not(trained):
    rng = np.random.default_rng(1)
    names = ["spoon", "plate", "fork", "bowl", "pan", "lid", "knife"]
    choices = [choice for _ in range(10) for choice in shown(names, rng)]
    assert share_right(trained, choices) == 1.0


def test_scores_are_probabilities_of_every_option_and_of_being_done(trained):
    situation = carrying(["cup", "jar"], "bin", "cup", None)
    scores = LearnedSequencer(trained).scores(situation)
    assert scores.shape == (5,)
    assert np.exp(scores).sum() == pytest.approx(1.0, abs=1e-5)


def test_names_and_their_order_change_nothing(trained):
    sequencer = LearnedSequencer(trained)
    one = sequencer.scores(carrying(["cup", "jar", "pan"], "bin", "jar", None))
    renamed = sequencer.scores(carrying(["a", "b", "c"], "d", "b", None))
    np.testing.assert_allclose(one, renamed, atol=1e-5)
    turned = sequencer.scores(carrying(["pan", "jar", "cup"], "bin", "jar", None))
    np.testing.assert_allclose(one[2:4], turned[2:4], atol=1e-5)


def test_situations_side_by_side_do_not_touch_each_other(trained):
    graphs = [
        graph_of(carrying(["cup", "jar"], "bin", "cup", None)),
        graph_of(carrying(["cup"], "bin", "cup", "cup")),
    ]
    with torch.inference_mode():
        calls, done = trained(batched(graphs))
        alone = [trained(batched([graph])) for graph in graphs]
    torch.testing.assert_close(calls, torch.cat([each for each, _ in alone]))
    torch.testing.assert_close(done, torch.cat([each for _, each in alone]))


def test_members_are_averaged(trained):
    batch = batched([graph_of(carrying(["cup", "jar"], "bin", "cup", None))])
    with torch.inference_mode():
        calls, done = trained(batch)
        each = [torch.cat(answer).exp() for answer in trained.each(batch)]
    assert len(each) == 2
    assert not torch.allclose(each[0], each[1])
    torch.testing.assert_close(torch.cat([calls, done]).exp(), torch.stack(each).mean(dim=0))


def test_without_any_option_it_is_done(trained):
    situation = replace(carrying(["cup"], "bin", "cup", None), options=())
    np.testing.assert_allclose(LearnedSequencer(trained).scores(situation), [0.0], atol=1e-6)


def test_the_same_choices_give_the_same_weights():
    choices = shown(["cup", "jar"], np.random.default_rng(2))
    one, two = (train_sequencer(choices, replace(RECIPE, steps=5)) for _ in range(2))
    for name, value in one.state_dict().items():
        assert torch.equal(value, two.state_dict()[name])


def test_nothing_to_learn_from_is_refused():
    with pytest.raises(RefusedError, match="no run succeeded"):
        train_sequencer([])


def test_a_choice_that_is_no_option_is_refused():
    with pytest.raises(RefusedError, match="none is 9"):
        Choice.of(carrying(["cup"], "bin", "cup", None), 9)


def test_a_checkpoint_says_the_same_as_what_was_saved(checkpoint, trained):
    situation = carrying(["cup", "jar"], "bin", "jar", None)
    np.testing.assert_array_equal(
        LearnedSequencer.load(checkpoint).scores(situation),
        LearnedSequencer(trained).scores(situation),
    )


def test_a_missing_checkpoint_is_refused(tmp_path):
    with pytest.raises(CheckpointError, match="cannot be read"):
        load_sequencer(tmp_path / "nowhere")


def test_a_corrupt_checkpoint_is_refused(checkpoint):
    data = bytearray((checkpoint / WEIGHTS).read_bytes())
    data[-1] ^= 1
    (checkpoint / WEIGHTS).write_bytes(data)
    with pytest.raises(CheckpointError, match="does not match its sha256"):
        load_sequencer(checkpoint)


def test_a_checkpoint_of_something_else_is_refused(checkpoint, tiny_checkpoint, tmp_path):
    foreign = Path(shutil.copytree(tiny_checkpoint, tmp_path / "policy"))
    with pytest.raises(CheckpointError, match="foreign"):
        load_sequencer(foreign)


def rewritten(checkpoint: Path, **changes) -> Path:
    """The checkpoint with other settings, vouched for by a right manifest."""
    config = {**json.loads((checkpoint / CONFIG).read_bytes()), **changes}
    files = {WEIGHTS: (checkpoint / WEIGHTS).read_bytes(), CONFIG: json_bytes(config)}
    write_files(checkpoint, files, FORMAT, VERSION)
    return checkpoint


def test_settings_that_contradict_the_weights_are_refused(checkpoint):
    with pytest.raises(CheckpointError, match=r"wanted torch\.float32"):
        load_sequencer(rewritten(checkpoint, network={"width": 8, "rounds": 3, "members": 2}))


def test_settings_of_another_layout_are_refused(checkpoint):
    with pytest.raises(CheckpointError, match="trained on other calls"):
        load_sequencer(rewritten(checkpoint, call_features=["ready", "mood"]))


def test_unknown_settings_are_refused(checkpoint):
    with pytest.raises(CheckpointError, match="colour"):
        load_sequencer(rewritten(checkpoint, colour="blue"))


def test_weights_that_are_no_numbers_are_refused(checkpoint):
    tensors = safetensors.torch.load_file(checkpoint / WEIGHTS)
    tensors["members.0.score_done.0.bias"][0] = float("nan")
    files = {
        WEIGHTS: safetensors.torch.save(tensors),
        CONFIG: (checkpoint / CONFIG).read_bytes(),
    }
    write_files(checkpoint, files, FORMAT, VERSION)
    with pytest.raises(CheckpointError, match="non-finite"):
        load_sequencer(checkpoint)


def test_a_manifest_is_written_last(checkpoint):
    manifest = json.loads((checkpoint / MANIFEST).read_bytes())
    assert manifest["format"] == FORMAT
    assert set(manifest["files"]) == {WEIGHTS, CONFIG}
