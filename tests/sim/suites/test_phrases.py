"""Sentences that are kept for tests share nothing with those that are trained on."""

import numpy as np
import pytest

from sim.suites.phrases import NAMES, TEMPLATES, Verb, say


@pytest.mark.parametrize("verb", Verb)
def test_every_verb_has_enough_wordings_of_both_kinds(verb: Verb) -> None:
    assert len(TEMPLATES[verb].training) >= 12
    assert len(TEMPLATES[verb].unseen) >= 6
    assert all(t.count("{x}") == 1 for t in (*TEMPLATES[verb].training, *TEMPLATES[verb].unseen))


@pytest.mark.parametrize("thing", NAMES)
def test_every_thing_has_enough_names_of_both_kinds(thing: str) -> None:
    assert len(NAMES[thing].training) >= 4
    assert len(NAMES[thing].unseen) >= 2


def test_no_wording_means_two_things_or_serves_both_kinds() -> None:
    for table in (TEMPLATES, NAMES):
        wordings = [w for item in table.values() for w in (*item.training, *item.unseen)]
        assert len(set(wordings)) == len(wordings)


def test_no_sentence_can_be_said_in_both_kinds() -> None:
    def sentences(unseen: bool) -> set[str]:
        return {
            template.format(x=name)
            for verb in Verb
            for template in TEMPLATES[verb].of(unseen)
            for names in NAMES.values()
            for name in names.of(unseen)
        }

    assert not sentences(True) & sentences(False)


def test_sentences_are_drawn_from_the_kind_that_is_asked_for() -> None:
    rng = np.random.default_rng(0)
    for _ in range(50):
        sentence = say(rng, Verb.PUSH, "bread", unseen=True)
        assert any(sentence.endswith(t.split("{x}")[1]) for t in TEMPLATES[Verb.PUSH].unseen)
        assert any(name in sentence for name in NAMES["bread"].unseen)
