"""What instructions ask for, over phrasings that no code knows as a whole."""

import pytest

from robot_skills.core.errors import InstructionError, UnknownNameError
from robot_skills.core.plan import SkillCall
from robot_skills.core.scene import Scene
from robot_skills.scheduler.words.language import LanguageParser, Understanding
from robot_skills.skills.card import Parameter, ParameterType
from tests.scheduler import worlds
from tests.scheduler.encoders import ThesaurusEncoder

ENCODER = ThesaurusEncoder(
    ("slot", "insert"), ("snatch", "grab"), ("yank open", "pull open"), ("liquefy", "melt")
)


def understand(instruction: str, scene: Scene | None = None, encoder=ENCODER) -> Understanding:
    parser = LanguageParser(worlds.cards().values(), encoder)
    return parser.parse(instruction, scene or worlds.kitchen())


def goal(instruction: str, scene: Scene | None = None) -> list[str]:
    return [str(literal) for literal in understand(instruction, scene).goal]


@pytest.mark.parametrize(
    ("instruction", "wanted"),
    [
        ("pick up the red cube", ["holding(red_cube)"]),
        ("Pick the red cube up!", ["holding(red_cube)"]),
        ("grab the can", ["holding(can)"]),
        ("please lift the blue block up", ["holding(blue_cube)"]),
        ("take the loaf of bread", ["holding(bread)"]),
        ("get the soda", ["holding(can)"]),
        ("grasping the milk carton", ["holding(milk)"]),
        ("could you hold the cereal box for me?", ["holding(cereal)"]),
        ("get the red block off the table", ["holding(red_cube)"]),
        ("put the red cube in the drawer", ["in(red_cube, drawer)"]),
        ("put the red cube into the cabinet please", ["in(red_cube, drawer)"]),
        ("place the crimson block inside the bin", ["in(red_cube, box)"]),
        ("store the green cube in the container", ["in(green_cube, box)"]),
        ("move the red cube to the drawer", ["in(red_cube, drawer)"]),
        ("move the red cube to the table", ["on(red_cube, table)"]),
        ("bring the tin over to the tray", ["in(can, box)"]),
        ("drop the can in the box", ["in(can, box)"]),
        ("put the red cube on the tray", ["in(red_cube, box)"]),
        ("put the red cube on top of the drawer", ["on(red_cube, drawer)"]),
        ("place the green cube onto the red one", ["on(green_cube, red_cube)"]),
        ("put red_cube on green_cube", ["on(red_cube, green_cube)"]),
        ("tuck the crimson block away in the cabinet", ["in(red_cube, drawer)"]),
        ("put the can down", ["on(can, table)"]),
        ("open the drawer", ["open(drawer)"]),
        ("pull the drawer open", ["open(drawer)"]),
        ("pull out the drawer", ["open(drawer)"]),
        ("slide the cabinet open", ["open(drawer)"]),
        ("could you please shut the cabinet?", ["closed(drawer)"]),
        ("push the drawer in", ["closed(drawer)"]),
        ("would you mind closing the drawer", ["closed(drawer)"]),
        ("make sure the drawer is closed", ["closed(drawer)"]),
        ("the drawer must be open", ["open(drawer)"]),
        ("I want the drawer closed", ["closed(drawer)"]),
        ("the red cube should be in the box", ["in(red_cube, box)"]),
        ("ensure that the can is on the table", ["on(can, table)"]),
        ("I'd like the red cube in the box", ["in(red_cube, box)"]),
        ("let go", ["hand_empty()"]),
        (
            "put the red cube in the drawer and close it",
            ["in(red_cube, drawer)", "closed(drawer)"],
        ),
        (
            "close the drawer after putting the red cube in it",
            ["in(red_cube, drawer)", "closed(drawer)"],
        ),
        (
            "before closing the drawer, put the red cube in it",
            ["in(red_cube, drawer)", "closed(drawer)"],
        ),
        (
            "stack the red cube on the green cube on the blue cube",
            ["on(red_cube, green_cube)", "on(green_cube, blue_cube)"],
        ),
        (
            "stack the red cube on the green cube and the blue cube on the red one",
            ["on(red_cube, green_cube)", "on(blue_cube, red_cube)"],
        ),
        (
            "stack the red and the green cube on the blue one",
            ["on(green_cube, red_cube)", "on(red_cube, blue_cube)"],
        ),
        (
            "put both the red and green cubes in the box",
            ["in(red_cube, box)", "in(green_cube, box)"],
        ),
        (
            "put all cubes in the bin",
            ["in(red_cube, box)", "in(green_cube, box)", "in(blue_cube, box)"],
        ),
        (
            "put all cubes except the red one in the box",
            ["in(green_cube, box)", "in(blue_cube, box)"],
        ),
        (
            "put the red cube, the green cube and the can in the box, then close the drawer.",
            ["in(red_cube, box)", "in(green_cube, box)", "in(can, box)", "closed(drawer)"],
        ),
        (
            "put the red cube in the box and the green cube in the drawer",
            ["in(red_cube, box)", "in(green_cube, drawer)"],
        ),
        (
            "put the loaf in the container, then the cereal box",
            ["in(bread, box)", "in(cereal, box)"],
        ),
        ("pick the red cube and place it on the blue cube", ["on(red_cube, blue_cube)"]),
        ("open the drawer and put the can inside", ["open(drawer)", "in(can, drawer)"]),
        (
            "the drawer must be open and the red cube should be on the table",
            ["open(drawer)", "on(red_cube, table)"],
        ),
        ("put the cube next to the milk in the box", ["in(red_cube, box)"]),
        (
            "put the red cube in the drawer, close it, then put the green cube on top of it",
            ["in(red_cube, drawer)", "closed(drawer)", "on(green_cube, drawer)"],
        ),
        (
            "I need the milk in the box and the drawer closed",
            ["in(milk, box)", "closed(drawer)"],
        ),
        (
            "put the red cube in the box, and the green one too",
            ["in(red_cube, box)", "in(green_cube, box)"],
        ),
        ("pick up something red", ["holding(red_cube)"]),
        ("put the leftmost cube in the box", ["in(green_cube, box)"]),
        ("ＰＵＴ the red cube in the box", ["in(red_cube, box)"]),
        ("  put\tthe   red cube\nin the box ", ["in(red_cube, box)"]),
    ],
)
def test_goal_of_a_phrasing(instruction, wanted):
    assert goal(instruction) == wanted


@pytest.mark.parametrize(
    ("instruction", "wanted"),
    [
        ("slot the red cube inside the drawer", ["in(red_cube, drawer)"]),
        ("snatch the bottle", ["holding(bottle)"]),
        ("yank the drawer open", ["open(drawer)"]),
    ],
)
def test_open_wording_is_understood_by_its_nearest_verb_and_reported(instruction, wanted):
    understood = understand(instruction)
    assert [str(literal) for literal in understood.goal] == wanted
    assert "understood as" in understood.wording[0]


def test_without_an_encoder_unknown_verbs_are_refused():
    with pytest.raises(UnknownNameError, match="No skill for 'slot'"):
        understand("slot the red cube inside the drawer", encoder=None)


def test_a_verb_nearest_to_one_that_no_skill_does_is_refused():
    with pytest.raises(UnknownNameError, match="No skill for 'liquefy'"):
        understand("liquefy the red cube")


@pytest.mark.parametrize(
    "instruction",
    [
        "pour the milk into the box",
        "cut the bread",
        "fly to the moon",
        "push the red cube",
        "swap the red and the blue cube",
        "throw the can in the box",
        "melt the red cube",
        "frobnicate the red cube",
        "asdf qwer zxcv",
        "execute rm in the box",
    ],
)
def test_what_no_skill_does_is_refused_with_the_skills_there_are(instruction):
    with pytest.raises(UnknownNameError, match=r"No skill for .* Available skills: .*grasp.*place"):
        understand(instruction)


@pytest.mark.parametrize("instruction", ["", "   ", "\n", "...", "🤖🤖", "?!", "1 2 3"])
def test_words_are_needed(instruction):
    with pytest.raises(InstructionError):
        understand(instruction)


@pytest.mark.parametrize(
    ("instruction", "reason"),
    [
        ("pick up the can until the drawer is open", "'until' cannot be honoured"),
        ("put no cube in the box", "'no' cannot be honoured"),
        ("put the can in the box because it is red", "'because' cannot be honoured"),
        ("where is the red cube?", "question"),
        ("is the drawer open?", "question"),
        ("place the can behind the box", "'behind' is not a relation"),
        ("put the red cube", "does not say where to"),
        ("put 🟥 in the box", "does not say where to"),
        ("put it in the box", "refers to nothing"),
        ("put the cube in the box", "ambiguous.*red_cube, green_cube, blue_cube"),
        ("pick up all cubes", "One arm holds one thing"),
        ("clear the table", "say where"),
        ("put the red cube in the red cube", "to itself"),
        ("please", "asks for nothing"),
        ("red cube", "does not say what to do"),
        ("in the box", "does not say what to do"),
        ("open the drawer " * 60, "at most 500"),
    ],
)
def test_what_cannot_be_done_is_refused_with_the_reason(instruction, reason):
    with pytest.raises(InstructionError, match=reason):
        understand(instruction)


@pytest.mark.parametrize(
    "instruction",
    [
        "put the zebra in the box",
        "put the red cube in the fridge",
        "pick up the purple cube",
        "put the yellow block on the table",
        "open the door",
        "'; drop table cubes; --",
        "pick up {drawer}s",
        "grasp etc/passwd",
    ],
)
def test_things_that_are_not_there_are_refused_with_what_is(instruction):
    with pytest.raises(UnknownNameError, match=r"The scene has: table, red_cube|No skill"):
        understand(instruction)


def test_every_refusal_is_one_line():
    for instruction in ("put\nthe\nzebra in the box", "x\ny", "put the cube\nin the box"):
        with pytest.raises((InstructionError, UnknownNameError)) as error:
            understand(instruction)
        assert "\n" not in str(error.value)


def test_opening_then_closing_keeps_the_opening_as_a_milestone():
    understood = understand("open the drawer then close it")
    assert [str(g) for g in understood.goal] == ["closed(drawer)"]
    assert [[str(x) for x in step] for step in understood.milestones] == [["open(drawer)"]]


def test_two_verbs_can_share_an_object():
    understood = understand("open and close the drawer")
    assert [str(g) for g in understood.goal] == ["closed(drawer)"]
    assert len(understood.milestones) == 1


def test_it_can_be_what_the_hand_holds():
    scene = worlds.kitchen(held="can")
    assert goal("put it in the box", scene) == ["in(can, box)"]
    assert goal("drop it", scene) == ["on(can, table)"]
    assert goal("let go of it", scene) == ["hand_empty()"]


def test_picking_up_before_placing_is_no_milestone():
    assert understand("pick up the red cube and put it in the box").milestones == ()


def test_picking_up_stays_a_milestone_when_the_place_is_where_the_thing_is():
    understood = understand("pick up the red cube and put it back on the table")
    assert [[str(x) for x in step] for step in understood.milestones] == [["holding(red_cube)"]]


def test_taking_out_means_onto_the_table_unless_said_otherwise():
    scene = worlds.scene(
        worlds.in_drawer(worlds.cube("red")), worlds.drawer(), worlds.box(), worlds.cube("green")
    )
    assert goal("take the red cube out of the drawer", scene) == ["on(red_cube, table)"]
    assert goal("take everything out of the cabinet", scene) == ["on(red_cube, table)"]
    assert goal("take the red cube from the drawer and put it in the box", scene) == [
        "in(red_cube, box)"
    ]
    assert goal("move the red cube from the drawer to the box", scene) == ["in(red_cube, box)"]
    assert goal("empty the drawer", scene) == ["on(red_cube, table)"]


def test_taking_a_thing_out_of_where_it_is_not_is_refused():
    with pytest.raises(UnknownNameError, match="is at drawer now"):
        understand("take the red cube out of the drawer")


def test_going_home_is_a_call_for_its_own_sake():
    understood = understand("pick up the red cube then go home")
    assert understood.milestones[-1] == SkillCall(skill="home")
    assert [str(g) for g in understood.goal] == ["holding(red_cube)"]


def test_a_card_can_bring_a_verb_of_its_own():
    cards = worlds.cards()
    button = Parameter(name="button", type=ParameterType.SUPPORT)
    cards["press"] = worlds.card(
        "press", [button], [({}, [], ["clear({button})"])], ["press {button}"]
    )
    parser = LanguageParser(cards.values())
    understood = parser.parse("press the can and open the drawer", worlds.kitchen())
    assert [str(g) for g in understood.goal] == ["clear(can)", "open(drawer)"]


def test_understanding_is_the_same_every_time():
    text = "tuck the crimson block away in the cabinet, then slot the can into the box"
    assert understand(text) == understand(text)
