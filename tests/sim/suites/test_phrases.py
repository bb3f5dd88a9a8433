"""Sentences that are kept for tests share nothing with those that are trained on."""

import numpy as np
import pytest

from sim.suites.phrases import NAMES, TEMPLATES, Verb, Wording, say


@pytest.mark.parametrize("verb", Verb)
def test_every_verb_has_enough_wordings_of_each_kind(verb: Verb) -> None:
    counts = [len(TEMPLATES[verb].of(wording)) for wording in Wording]
    assert all(count >= least for count, least in zip(counts, (12, 6, 5), strict=True))
    templates = [t for wording in Wording for t in TEMPLATES[verb].of(wording)]
    assert all(template.count("{x}") == 1 for template in templates)


@pytest.mark.parametrize("thing", NAMES)
def test_every_thing_has_enough_names_of_each_kind(thing: str) -> None:
    counts = [len(NAMES[thing].of(wording)) for wording in Wording]
    assert all(count >= least for count, least in zip(counts, (4, 2, 2), strict=True))


def test_no_wording_means_two_things_or_serves_two_kinds() -> None:
    for table in (TEMPLATES, NAMES):
        wordings = [w for item in table.values() for kind in Wording for w in item.of(kind)]
        assert len(set(wordings)) == len(wordings)


def test_no_sentence_can_be_said_in_two_kinds() -> None:
    def sentences(wording: Wording) -> set[str]:
        return {
            template.format(x=name)
            for verb in Verb
            for template in TEMPLATES[verb].of(wording)
            for names in NAMES.values()
            for name in names.of(wording)
        }

    kinds = [sentences(wording) for wording in Wording]
    assert sum(len(kind) for kind in kinds) == len(set.union(*kinds))


def test_sentences_are_drawn_from_the_kind_that_is_asked_for() -> None:
    rng = np.random.default_rng(0)
    for _ in range(50):
        sentence = say(rng, Verb.PUSH, "bread", Wording.UNSEEN)
        assert any(sentence.endswith(t.split("{x}")[1]) for t in TEMPLATES[Verb.PUSH].unseen)
        assert any(name in sentence for name in NAMES["bread"].unseen)
