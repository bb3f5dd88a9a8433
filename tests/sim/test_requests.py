"""Random requests: sensible wishes, many wordings, and what is held out stays out."""

import numpy as np
import pytest

from sim.objects import PEG, UNSEEN_NAMES
from sim.tabletop.phrases import HELD_OUT_COMPOSITIONS, WISHES
from sim.tabletop.requests import Request, draw_request
from sim.tabletop.tasks import UNSEEN_TASKS
from sim.tabletop.wordings import called
from sim.variation import UNSEEN

COUNT = 120


def draw(i: int, **more) -> Request:
    return draw_request(np.random.default_rng((5, i)), **more)


@pytest.fixture(scope="module")
def requests() -> list[Request]:
    return [draw(i) for i in range(COUNT)]


def test_the_same_seed_draws_the_same_request(requests):
    again = draw(3)
    assert again.wordings == requests[3].wordings
    assert again.wishes == requests[3].wishes


def test_every_alternative_has_been_picked(requests):
    said = [text for request in requests for text in request.wordings]
    assert not [text for text in said if set("(){}|") & set(text)]


def test_requests_have_one_to_three_wishes_or_cannot_be_fulfilled(requests):
    counts = {len(request.wishes) for request in requests if not request.foreign}
    assert counts == {1, 2, 3}
    assert any(not request.wishes for request in requests)
    assert any(request.missing for request in requests)


def test_wishes_are_about_what_is_there(requests):
    for request in requests:
        layout = request.layout
        fixtures = {"drawer", "cupboard", "box", "button", "switch", "zone", "socket", "table"}
        there = {item.name for item in layout.objects} | fixtures
        for fact in request.wishes:
            assert set(fact[1:]) <= there


def test_things_are_spoken_of_by_the_names_that_the_scene_gives_them(requests):
    for request in requests:
        for name, (label, colour) in request.renamed.items():
            assert name != PEG
            spoken_of = any(name in fact for fact in request.wishes)
            heard = any(f"{colour} {label}".strip() in text for text in request.wordings)
            assert heard or not spoken_of


def test_held_out_wordings_and_compositions_are_never_learned(requests):
    held_out = {phrase for wish in WISHES for phrase in wish.held_out}
    learned = {phrase for wish in WISHES for phrase in wish.phrases}
    assert not held_out & learned
    compositions = [tuple(sorted(request.names)) for request in requests]
    assert not [names for names in compositions if names in HELD_OUT_COMPOSITIONS]
    assert len(HELD_OUT_COMPOSITIONS) == len(UNSEEN_TASKS)


def test_held_out_requests_use_nothing_but_held_out_wordings():
    request = next(
        r
        for r in (draw(i, held_out=True, foreign=0.0) for i in range(COUNT))
        if r.wishes == (("home",),)
    )
    assert all("return home" in text for text in request.wordings)


def test_unseen_things_are_drawn_only_when_asked_for(requests):
    def things(request: Request) -> set[str]:
        return {item.name for item in request.layout.objects}

    assert not any(things(request) & set(UNSEEN_NAMES) for request in requests)
    unseen = draw(0, pool=UNSEEN)
    assert things(unseen) - {PEG} <= set(UNSEEN_NAMES)
    assert not unseen.renamed


def test_what_a_thing_may_be_called():
    assert "soda can" in called("can")
    assert called("red_cube") == ("red cube",)
    assert "pink thing" in called("pink_block")
