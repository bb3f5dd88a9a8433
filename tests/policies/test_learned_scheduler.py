"""A scheduler that reads the words: what it sees, what it says, how it learns, where it lies."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from policies.checkpoint_files import CONFIG, write_files
from policies.learned_scheduler import (
    LearnedScheduler,
    LearnedSchedulerConfig,
    LearnedSchedulerNetwork,
    LearnedSchedulerNetworkConfig,
    LearnedSchedulerTraining,
    Sample,
    load_learned_scheduler,
    save_learned_scheduler,
    train_learned_scheduler,
)
from policies.learned_scheduler.batches import batched
from policies.learned_scheduler.checkpoint import FORMAT, VERSION
from policies.learned_scheduler.choices import Target, losses, option_scores
from policies.learned_scheduler.encoding import ENTITY_NUMBERS, encode
from policies.learned_scheduler.samples import load_samples, save_samples
from policies.learned_scheduler.training import score
from policies.learned_scheduler.wording import WORD_SIZE, Wording
from policies.snapshot import Snapshots
from robot_skills.core.errors import CheckpointError, RefusedError, StorageError
from robot_skills.core.next_call import Moment, Vocabulary
from robot_skills.core.plan import Literal, SkillCall
from robot_skills.core.sequencer import LastCall
from tests.fakes import bin_, cube, make_scene

SHAPE = LearnedSchedulerNetworkConfig(width=16, layers=1, heads=2, glimpse=8, dropout=0.0)
VOCABULARY = Vocabulary(
    skills={"grasp": "grasp: take a thing", "place": "place: put it down", "home": "home: rest"},
    words=("on", "in"),
)
COLOURS = ("red", "blue", "green")


def moment(wanted: str = "red", holding: bool = False, **more) -> Moment:
    """Cubes beside a box, and the calls that there are."""
    cubes = [cube(f"{colour}_cube", 0.5, 0.1 * i) for i, colour in enumerate(COLOURS)]
    things = [replace(one, colour=colour) for one, colour in zip(cubes, COLOURS, strict=True)]
    scene = make_scene(*things, bin_())
    held = f"{wanted}_cube"
    grasps = [SkillCall(skill="grasp", args={"object": f"{x}_cube"}) for x in COLOURS]
    places = [
        SkillCall(skill="place", args={"object": held, "relation": relation, "target": "box"})
        for relation in ("on", "in")
    ]
    facts = {Literal(predicate="holding", args=(held,))} if holding else set()
    fields = {
        "instruction": f"put the {wanted} cube in the box",
        "scene": scene,
        "facts": frozenset(facts),
        "options": (*grasps, *places, SkillCall(skill="home")),
    }
    return Moment(**fields | more)


def sample(wanted: str, holding: bool = False, place: int | None = None) -> Sample:
    grasp, put = COLOURS.index(wanted), len(COLOURS) + 1
    return Sample(
        moment=encode(moment(wanted, holding), VOCABULARY),
        place=(put if holding else grasp) if place is None else place,
        wordings=(f"put the {wanted} cube in the box", f"the {wanted} cube goes in the box"),
        kinds=("", *(f"{colour}_cube" for colour in COLOURS), ""),
    )


@pytest.fixture(scope="module")
def wording() -> Wording:
    return Wording()


@pytest.fixture(scope="module")
def network() -> LearnedSchedulerNetwork:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        return LearnedSchedulerNetwork(SHAPE).eval()


@pytest.fixture
def checkpoint(network, tmp_path) -> Path:
    save_learned_scheduler(tmp_path / "learned", LearnedSchedulerConfig(network=SHAPE), network)
    return tmp_path / "learned"


def scores(network, wording, moment: Moment) -> np.ndarray:
    return LearnedScheduler(network, VOCABULARY, 0.3, wording).scores(moment)


def test_probabilities_of_all_options_and_both_ends_add_up_to_one(network, wording):
    said = scores(network, wording, moment())
    assert said.shape == (6 + 2,)
    assert np.exp(said).sum() == pytest.approx(1.0, abs=1e-5)


def test_what_is_not_among_the_options_takes_nothing_away(network, wording):
    few = moment(options=(SkillCall(skill="home"),))
    assert np.exp(scores(network, wording, few)).sum() == pytest.approx(1.0, abs=1e-5)


def test_the_order_of_things_and_of_options_does_not_matter(network, wording):
    one = moment()
    things = {name: one.scene[name] for name in reversed(list(one.scene.entities))}
    other = replace(
        one,
        scene=replace(one.scene, entities=things),
        options=tuple(reversed(one.options)),
    )
    np.testing.assert_allclose(
        scores(network, wording, one)[:6],
        scores(network, wording, other)[:6][::-1],
        atol=1e-5,
    )


def test_a_moment_is_read_alike_whatever_stands_beside_it(network, wording):
    small = moment("red", scene=make_scene(cube("red_cube"), bin_()), options=())
    small = replace(small, options=(SkillCall(skill="grasp", args={"object": "red_cube"}),))
    past = (LastCall(call=SkillCall(skill="home"), ok=False, failures=2),)
    big = moment("blue", holding=True, history=past)
    both = [encode(one, VOCABULARY) for one in (small, big)]
    targets = [Target.of(both[0], 0, 3, 2), Target.of(both[1], 4, 3, 2)]
    counts = [len(one.labels) for one in both]
    with torch.inference_mode():
        together = network(batched(both, VOCABULARY, wording))
        loss = losses(network, together, targets, counts)
        for i, one in enumerate(both):
            alone = network(batched([one], VOCABULARY, wording))
            expected = -option_scores(network, alone, one)[(0, 4)[i]]
            assert float(loss[i]) == pytest.approx(float(expected), abs=1e-4)


def test_words_history_facts_and_looks_are_all_seen(network, wording):
    said = scores(network, wording, moment())
    picture = np.full((32, 32, 3), 200, dtype=np.uint8)
    past = (LastCall(call=SkillCall(skill="grasp", args={"object": "red_cube"}), ok=True),)
    for changed in (
        moment(instruction="put the blue cube in the box"),
        moment(holding=True),
        moment(history=past),
        moment(glimpses={"red_cube": picture}),
        moment(displaced=frozenset({"red_cube"})),
    ):
        assert np.abs(scores(network, wording, changed) - said).max() > 1e-6


def test_past_calls_of_things_and_skills_that_are_gone_are_left_out():
    gone = LastCall(call=SkillCall(skill="grasp", args={"object": "cup"}), ok=True)
    foreign = LastCall(call=SkillCall(skill="juggle"), ok=True)
    home = LastCall(call=SkillCall(skill="home"), ok=True)
    assert len(encode(moment(history=(gone, foreign, home)), VOCABULARY).calls) == 1


def test_words_are_features_of_their_own_and_in_context(wording):
    pieces = wording.sentence("red cube")
    assert pieces.shape == (4, WORD_SIZE)
    alike = wording.sentence("the red cube")[2, : WORD_SIZE // 2]
    np.testing.assert_allclose(pieces[1, : WORD_SIZE // 2], alike, atol=1e-3)
    assert not wording.name("").any()


def told(instruction: str, place: int = 0) -> Sample:
    """What is right in a scene with one cube."""
    moment_ = moment(instruction=instruction, scene=make_scene(cube("red_cube"), bin_()))
    there = {"red_cube", "box", *VOCABULARY.words}
    options = tuple(call for call in moment_.options if set(call.args.values()) <= there)
    return Sample(
        moment=encode(replace(moment_, options=options), VOCABULARY),
        place=place,
        wordings=(instruction,),
        kinds=("", "red_cube", ""),
    )


def test_it_learns_what_words_ask_for():
    # Options: grasp, place on, place in, home; behind them the end, and not knowing.
    samples = [
        told("put the red cube in the box"),
        told("go home", place=3),
        told("sing a song", place=5),
    ]
    recipe = LearnedSchedulerTraining(steps=150, batch_size=8, learning_rate=5e-3, unheard=0.0)
    trained = train_learned_scheduler(samples, VOCABULARY, {}, recipe, SHAPE)
    found = score(trained, samples, VOCABULARY, Wording())
    assert found.per_kind == {"grasp": (1, 1), "home": (1, 1), "unknown": (1, 1)}
    assert found.right == found.n == 3


def test_training_repeats_itself_and_looks_take_part():
    looks = {f"{x}_cube": np.full((2, 32, 32, 3), 40 * i, np.uint8) for i, x in enumerate(COLOURS)}
    samples = [sample(colour) for colour in COLOURS]
    recipe = LearnedSchedulerTraining(steps=3, batch_size=4, pictured=1.0)
    one, two = (
        train_learned_scheduler(samples, VOCABULARY, looks, recipe, SHAPE) for _ in range(2)
    )
    blind = train_learned_scheduler(samples, VOCABULARY, {}, recipe, SHAPE)
    weights = [x.state_dict()["eye.out.weight"] for x in (one, two, blind)]
    assert torch.equal(weights[0], weights[1])
    assert not torch.equal(weights[0], weights[2])


def test_training_goes_on_from_another_network(network):
    samples = [sample(colour) for colour in COLOURS]
    gentle = LearnedSchedulerTraining(steps=1, batch_size=2, learning_rate=1e-9, weight_decay=0.0)
    on = train_learned_scheduler(samples, VOCABULARY, {}, gentle, SHAPE, network)
    for name, weights in network.state_dict().items():
        torch.testing.assert_close(on.state_dict()[name], weights)


def test_an_interrupted_training_goes_on_bit_for_bit(tmp_path):
    class Interrupted(Exception):
        pass

    def stop(step: int, _loss: float) -> None:
        if step == 3:
            raise Interrupted

    samples = [sample(colour) for colour in COLOURS]
    recipe = LearnedSchedulerTraining(steps=5, batch_size=4)
    snapshots = Snapshots(folder=tmp_path / "training", recipe={"of": "cubes"}, every=2)
    more = {"shape": replace(SHAPE, dropout=0.1), "snapshots": snapshots}
    straight = train_learned_scheduler(samples, VOCABULARY, {}, recipe, more["shape"])
    with pytest.raises(Interrupted):
        train_learned_scheduler(samples, VOCABULARY, {}, recipe, **more, progress=stop)
    steps = []
    on = train_learned_scheduler(
        samples, VOCABULARY, {}, recipe, **more, progress=lambda step, _: steps.append(step)
    )
    assert steps == [3, 4, 5]
    for name, weights in straight.state_dict().items():
        assert torch.equal(on.state_dict()[name], weights)
    other = replace(snapshots, recipe={"of": "balls"})
    train_learned_scheduler(
        samples,
        VOCABULARY,
        {},
        recipe,
        more["shape"],
        snapshots=other,
        progress=lambda step, _: steps.append(step),
    )
    assert steps[3:] == [1, 2, 3, 4, 5]


def test_nothing_is_learned_from_nothing():
    with pytest.raises(RefusedError, match="no run came to its goal"):
        train_learned_scheduler([], VOCABULARY, {})


def test_samples_survive_the_disk(tmp_path):
    picture = np.arange(32 * 32 * 3, dtype=np.uint8).reshape(32, 32, 3)
    past = (LastCall(call=SkillCall(skill="home"), ok=True),)
    seen = encode(moment(glimpses={"red_cube": picture}, history=past), VOCABULARY)
    written = [sample("red"), replace(sample("blue", holding=True), moment=seen)]
    save_samples(tmp_path / "shard.npz", written)
    read = load_samples(tmp_path / "shard.npz")
    assert [x.place for x in read] == [x.place for x in written]
    assert [x.wordings for x in read] == [x.wordings for x in written]
    assert [x.kinds for x in read] == [x.kinds for x in written]
    for one, other in zip(written, read, strict=True):
        assert one.moment.labels == other.moment.labels
        np.testing.assert_array_equal(one.moment.options, other.moment.options)
        np.testing.assert_array_equal(one.moment.calls, other.moment.calls)
        np.testing.assert_allclose(one.moment.numbers, other.moment.numbers, atol=2e-3)
        np.testing.assert_allclose(one.moment.relations, other.moment.relations, atol=2e-3)
    (place,) = read[1].moment.glimpses
    assert place == 1
    np.testing.assert_array_equal(read[1].moment.glimpses[place], picture)


def test_a_file_without_samples_is_refused(tmp_path):
    (tmp_path / "shard.npz").write_bytes(b"nothing")
    with pytest.raises(StorageError, match="holds no samples"):
        load_samples(tmp_path / "shard.npz")


def test_a_checkpoint_says_the_same_as_before_up_to_half_precision(checkpoint, network, wording):
    config, loaded = load_learned_scheduler(checkpoint)
    assert config.network == SHAPE
    before, after = (scores(x, wording, moment()) for x in (network, loaded))
    np.testing.assert_allclose(before, after, atol=1e-2)


def test_a_checkpoint_of_other_numbers_is_refused(checkpoint):
    config = json.loads((checkpoint / CONFIG).read_text())
    config["entity_numbers"] = [*ENTITY_NUMBERS[:-1], "mood"]
    weights = (checkpoint / "weights.safetensors").read_bytes()
    files = {"weights.safetensors": weights, CONFIG: json.dumps(config).encode()}
    write_files(checkpoint, files, FORMAT, VERSION)
    with pytest.raises(CheckpointError, match=r"other numbers of entities.*train-scheduler"):
        load_learned_scheduler(checkpoint)


def test_damaged_and_missing_checkpoints_are_refused(checkpoint, tmp_path):
    with pytest.raises(CheckpointError, match="cannot be read"):
        load_learned_scheduler(tmp_path / "nowhere")
    weights = checkpoint / "weights.safetensors"
    weights.write_bytes(weights.read_bytes()[:-8])
    with pytest.raises(CheckpointError, match="truncated"):
        load_learned_scheduler(checkpoint)
