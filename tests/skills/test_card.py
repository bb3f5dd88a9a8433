"""Skill cards: what they say is checked as they are read."""

import pytest
import yaml

from robot_skills.core.binding import Anchor
from robot_skills.core.errors import CheckpointError, RefusedError, UnknownNameError
from robot_skills.core.plan import Literal
from robot_skills.skills.card import ParameterType, SkillCard, SkillKind, parse_literal
from robot_skills.skills.library import SkillLibrary
from tests.fakes import ZOO, bin_, cube, drawer, make_scene

PLACE = ZOO / "place" / "card.yaml"
ARGS = {"object": "red_cube", "relation": "in", "target": "box"}


@pytest.fixture
def data():
    card = yaml.load(PLACE.read_text(), Loader=yaml.BaseLoader)
    # Numbers are words to this loader.
    card.pop("results", None)
    card.update(timeout_s=15, attempts=3, termination={"done_threshold": 0.5, "consecutive": 2})
    card["safety"] = {"max_speed_m_s": 0.6}
    return card


@pytest.fixture
def read(tmp_path):
    def _read(data) -> SkillCard:
        path = tmp_path / "card.yaml"
        path.write_text(data if isinstance(data, str) else yaml.safe_dump(data))
        return SkillCard.load(path)

    return _read


@pytest.mark.parametrize("path", sorted(ZOO.glob("*/card.yaml")), ids=lambda p: p.parent.name)
def test_every_shipped_card_reads_and_is_named_like_its_folder(path):
    card = SkillCard.load(path)
    assert card.name == path.parent.name
    assert card.directory == path.parent


def test_the_case_of_a_call_depends_on_its_words():
    card = SkillCard.load(PLACE)
    anchors = [t.anchor for t in card.case(ARGS).tokens]
    assert anchors == [Anchor.BOX, Anchor.ACCESS]
    anchors = [t.anchor for t in card.case({**ARGS, "relation": "on"}).tokens]
    assert anchors == [Anchor.BOX, Anchor.TOP]


def test_templates_are_filled_in_with_arguments():
    card = SkillCard.load(PLACE)
    assert [str(e) for e in card.effects(ARGS)] == ["in(red_cube, box)", "hand_empty()"]
    bound = card.bind("not on({object}, {target})", ARGS)
    assert bound == Literal(predicate="on", args=("red_cube", "box"), negated=True)
    with pytest.raises(RefusedError, match="'target'"):
        card.bind("on({object}, {target})", {"object": "red_cube"})


def test_on_and_off_are_words_in_cards():
    assert SkillCard.load(PLACE).parameter("relation").choices == ("on", "in", "beside")


@pytest.mark.parametrize(
    ("text", "literal"),
    [
        ("hand_empty()", Literal(predicate="hand_empty", args=())),
        ("not on(a, b)", Literal(predicate="on", args=("a", "b"), negated=True)),
        (" in( {x} ,{y}) ", Literal(predicate="in", args=("{x}", "{y}"))),
    ],
)
def test_literals_parse(text, literal):
    assert parse_literal(text) == literal


@pytest.mark.parametrize("text", ["", "on", "on(a", "on(a,)", "on(a) on(b)", "near(f(x), y)"])
def test_text_that_is_no_literal_is_refused(text):
    with pytest.raises(RefusedError):
        parse_literal(text)


def test_literals_survive_a_round_trip_through_text():
    literal = Literal(predicate="on", args=("a", "b"), negated=True)
    assert parse_literal(str(literal)) == literal


def _edit(path, value):
    def edit(data):
        *parents, last = path
        for key in parents:
            data = data[key]
        data[last] = value

    return edit


@pytest.mark.parametrize(
    ("edit", "says"),
    [
        (_edit(["colour"], "red"), "unknown key 'colour'"),
        (_edit(["safety", "speed"], 1.0), "unknown key 'safety.speed'"),
        (_edit(["cases", 0, "effect"], []), r"unknown key 'cases\[0\].effect'"),
        (_edit(["cases", 0, "tokens", 0, "anchor"], "middle"), r"tokens\[0\].anchor: 'middle'"),
        (_edit(["parameters", 0, "type"], "thing"), r"parameters\[0\].type: 'thing'"),
        (_edit(["parameters", 1, "choices"], []), "choices"),
        (_edit(["kind"], "learnt"), "kind: 'learnt'"),
        (_edit(["cases", 0, "effects"], ["inn({object}, {target})"]), "Did you mean 'in'"),
        (_edit(["cases", 0, "effects"], ["in({objekt}, {target})"]), "'objekt'"),
        (_edit(["verbs"], ["put {it}"]), "'it'"),
        (_edit(["cases", 1, "when"], {"relation": "in"}), "apply"),
        (_edit(["cases", 1, "when"], {"relation": "under"}), "under"),
        (_edit(["checkpoint"], "../other/weights.safetensors"), "checkpoint"),
        (_edit(["timeout_s"], "soon"), "timeout_s"),
        (_edit(["timeout_s"], -1.0), "timeout_s"),
        (_edit(["termination", "done_threshold"], 0.0), "termination"),
        (_edit(["results"], [{"suite": "x"}]), r"results\[0\]"),
    ],
)
def test_a_wrong_card_is_refused_with_file_and_key(data, read, edit, says):
    edit(data)
    with pytest.raises(RefusedError, match=says) as caught:
        read(data)
    assert "card.yaml" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_missing_key_is_named(data, read):
    del data["timeout_s"]
    with pytest.raises(RefusedError, match="'timeout_s' is missing"):
        read(data)


@pytest.mark.parametrize(
    "text", ["", "[1, 2]", "a: [", "just words", "!!python/object:os.system {}"]
)
def test_a_file_that_is_no_card_is_refused_in_one_line(read, text):
    with pytest.raises(RefusedError) as caught:
        read(text)
    assert "\n" not in str(caught.value)


def test_arguments_are_checked_by_name_word_and_type():
    card = SkillCard.load(PLACE)
    scene = make_scene(cube(), bin_(), drawer())
    card.check_args(ARGS, scene)
    with pytest.raises(RefusedError, match="needs the argument 'target'"):
        card.check_args({"object": "red_cube", "relation": "on"})
    with pytest.raises(UnknownNameError, match="Available: beside, in, on"):
        card.check_args({**ARGS, "relation": "under"})
    with pytest.raises(UnknownNameError, match="speed"):
        card.check_args({**ARGS, "speed": "high"})
    with pytest.raises(RefusedError, match="movable"):
        card.check_args({**ARGS, "object": "table"}, scene)
    with pytest.raises(UnknownNameError, match="green_cube"):
        card.check_args({**ARGS, "object": "green_cube"}, scene)


@pytest.mark.parametrize(
    ("kind", "names"),
    [
        (ParameterType.MOVABLE, {"red_cube"}),
        (ParameterType.CONTAINER, {"box", "drawer"}),
        (ParameterType.ARTICULATED, {"drawer"}),
        (ParameterType.SUPPORT, {"table", "red_cube", "box", "drawer"}),
        (ParameterType.WORD, set()),
    ],
)
def test_a_type_admits_what_it_says(kind, names):
    scene = make_scene(cube(), bin_(), drawer())
    assert {entity.name for entity in scene if kind.admits(entity)} == names


def test_the_library_loads_a_policy_once_and_only_when_asked():
    loaded = []

    def loader(path):
        loaded.append(path.name)
        return object()

    library = SkillLibrary.load(ZOO, loader)
    assert loaded == []
    assert library.policy("grasp") is library.policy("grasp")
    assert loaded == ["grasp"]


def test_the_library_refuses_names_that_it_does_not_have():
    library = SkillLibrary.load(ZOO)
    assert "grasp" in library
    assert "juggle" not in library
    assert {card.name for card in library if card.kind is SkillKind.SCRIPTED} == {"home", "retreat"}
    with pytest.raises(UnknownNameError, match="Did you mean 'place'"):
        library["plaec"]
    with pytest.raises(CheckpointError, match="scripted"):
        library.policy("home")


def test_a_library_without_cards_is_refused(tmp_path):
    with pytest.raises(RefusedError, match="no card"):
        SkillLibrary.load(tmp_path)
    with pytest.raises(RefusedError, match="not a folder"):
        SkillLibrary.load(tmp_path / "nowhere")


def test_two_cards_of_one_name_are_refused(tmp_path):
    for folder in ("a", "b"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "card.yaml").write_text((ZOO / "home" / "card.yaml").read_text())
    with pytest.raises(RefusedError, match="two cards"):
        SkillLibrary.load(tmp_path)
