"""The label classifier: training, files, refusals."""

import json

import numpy as np
import pytest

from robot_skills.core.errors import CheckpointError, RefusedError
from robot_skills.perception.label_training import (
    LabelTrainingConfig,
    save_labels,
    score_labels,
    train_labels,
)
from robot_skills.perception.labels import (
    CARD_FILE,
    FEATURE_NAMES,
    SHAPE_NAMES,
    UNKNOWN,
    WEIGHTS_FILE,
    ZOO_LABELS,
    LabelModel,
    load_labels,
)

KINDS = ("can", "cube", "milk")


def samples(n=60, kinds=KINDS, seed=0):
    rng = np.random.default_rng(seed)
    labels = [kinds[i % len(kinds)] for i in range(n)]
    features = rng.normal(scale=0.2, size=(n, len(FEATURE_NAMES)))
    for row, label in zip(features, labels, strict=True):
        row[kinds.index(label)] += 3.0
    return features, labels


@pytest.fixture
def saved(tmp_path):
    features, labels = samples(n=300)
    model = train_labels(features, labels)
    score = score_labels(model, *samples(seed=1))
    save_labels(model, tmp_path, how={"layouts": 1}, score=score)
    return tmp_path


def test_trained_classifier_names_unseen_things(saved):
    features, labels = samples(seed=2)
    model = load_labels(saved)
    assert [model.classify(row).label for row in features] == labels


def test_two_kinds_work_too():
    features, labels = samples(kinds=("can", "cube"))
    score = score_labels(train_labels(features, labels), *samples(kinds=("can", "cube"), seed=1))
    assert score.accuracy == 1.0


def test_training_is_reproducible():
    features, labels = samples()
    config = LabelTrainingConfig(seed=3)
    first, second = train_labels(features, labels, config), train_labels(features, labels, config)
    assert all(np.array_equal(a, b) for a, b in zip(first.weights, second.weights, strict=True))


def test_an_unsure_classifier_says_thing():
    d = len(FEATURE_NAMES)
    model = LabelModel(
        labels=KINDS,
        mean=np.zeros(d),
        scale=np.ones(d),
        weights=(np.zeros((d, 3)),),
        biases=(np.zeros(3),),
    )
    guess = model.classify(np.zeros(d))
    assert guess.label == UNKNOWN
    assert guess.confidence == pytest.approx(1 / 3)


def test_a_shape_that_no_kind_has_is_just_a_thing_however_sure_the_network_is(saved):
    features, labels = samples(seed=2)
    model = load_labels(saved)
    for row, label in zip(features, labels, strict=True):
        row[KINDS.index(label)] += 6.0
        guess = model.classify(row)
        assert (guess.label, guess.likest) == (UNKNOWN, label)
        assert guess.confidence > 0.9


def test_another_light_makes_no_shape_strange(saved):
    features, labels = samples(seed=2)
    features[:, len(SHAPE_NAMES) :] += 0.5
    model = load_labels(saved)
    guesses = [model.classify(row) for row in features]
    assert [guess.label for guess in guesses] == labels


def test_a_kind_that_was_seen_once_is_known_by_that_one_shape():
    features, labels = samples(n=21)
    once = np.full(len(FEATURE_NAMES), -2.0)
    model = train_labels(np.vstack([features, once]), [*labels, "whisk"])
    assert model.classify(once).label == "whisk"
    assert model.classify(2.0 * once).label == UNKNOWN


def test_one_kind_cannot_be_trained():
    features, _ = samples()
    with pytest.raises(RefusedError, match="two kinds"):
        train_labels(features, ["can"] * len(features))


def test_card_says_how_it_was_trained_and_how_good_it_is(saved):
    card = json.loads((saved / CARD_FILE).read_text())
    assert card["trained"] == {"layouts": 1}
    assert card["held_out"]["n"] == 60


def test_missing_files_are_refused(tmp_path):
    with pytest.raises(CheckpointError, match="No usable label classifier"):
        load_labels(tmp_path)


def test_corrupt_weights_are_refused(saved):
    path = saved / WEIGHTS_FILE
    path.write_bytes(path.read_bytes()[:100])
    with pytest.raises(CheckpointError, match="No usable label classifier"):
        load_labels(saved)


def test_weights_for_other_features_are_refused(saved):
    card = json.loads((saved / CARD_FILE).read_text())
    card["features"] = card["features"][:-1]
    (saved / CARD_FILE).write_text(json.dumps(card))
    with pytest.raises(CheckpointError, match="Train it again"):
        load_labels(saved)


def test_non_finite_weights_are_refused(saved):
    from safetensors.numpy import load_file, save_file

    tensors = load_file(saved / WEIGHTS_FILE)
    tensors["bias0"][0] = np.nan
    save_file(tensors, saved / WEIGHTS_FILE)
    with pytest.raises(CheckpointError, match="finite"):
        load_labels(saved)


def test_weights_without_shapes_are_refused(saved):
    from safetensors.numpy import load_file, save_file

    tensors = load_file(saved / WEIGHTS_FILE)
    del tensors["shapes1"]
    save_file(tensors, saved / WEIGHTS_FILE)
    with pytest.raises(CheckpointError, match="Train it again"):
        load_labels(saved)


def test_shipped_classifier_knows_all_kinds_of_the_cell():
    assert set(load_labels(ZOO_LABELS).labels) == {
        "bottle",
        "bread",
        "can",
        "cereal",
        "cube",
        "peg",
        "milk",
    }
