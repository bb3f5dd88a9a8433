import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hardware.teleop import WordsConfig, WordsDevice, parse_words
from robot_skills.core.clock import ManualClock
from robot_skills.core.errors import InstructionError, RefusedError
from robot_skills.core.teleop import DeviceLost, TeleopSample
from tests.hardware.teleop.hands import Desk

CM = 0.01


@pytest.mark.parametrize(
    ("text", "p_m"),
    [
        ("move the arm to the right", (0, -5, 0)),
        ("left", (0, 5, 0)),
        ("a little down", (0, 0, -1)),
        ("5 cm forward", (5, 0, 0)),
        ("move 5cm forward, please", (5, 0, 0)),
        ("back a bit", (-1, 0, 0)),
        ("Go up a lot!", (0, 0, 10)),
        ("30 mm to the left", (0, 3, 0)),
        ("0.1 m up", (0, 0, 10)),
        ("two centimetres down", (0, 0, -2)),
        ("left and down a little", (0, 1, -1)),
        ("5 cm left and 2 cm up", (0, 5, 2)),
        ("10 cm left and down", (0, 10, -10)),
        ("raise the hand slightly", (0, 0, 1)),
        ("lift it up", (0, 0, 5)),
        ("lower the arm", (0, 0, -5)),
        ("20 cm ahead", (20, 0, 0)),
    ],
)
def test_moves(text, p_m):
    spoken = parse_words(text)
    assert np.allclose(spoken.p_m, np.array(p_m) * CM)
    assert not spoken.turn_rad.any()
    assert spoken.opening is None


@pytest.mark.parametrize(
    ("text", "turn_deg"),
    [
        ("rotate left 20 degrees", (0, 0, 20)),
        ("turn right", (0, 0, -15)),
        ("turn clockwise 90°", (0, 0, -90)),
        ("counter-clockwise a little", (0, 0, 5)),
        ("clockwise", (0, 0, -15)),
        ("tilt up", (0, -15, 0)),
        ("tilt the gripper down a bit", (0, 5, 0)),
        ("roll left a lot", (-45, 0, 0)),
    ],
)
def test_turns(text, turn_deg):
    spoken = parse_words(text)
    assert np.allclose(np.rad2deg(spoken.turn_rad), turn_deg)
    assert not spoken.p_m.any()


@pytest.mark.parametrize(
    ("text", "opening"),
    [
        ("close the gripper", 0.0),
        ("open the gripper halfway", 0.5),
        ("open it", 1.0),
        ("let go", 1.0),
        ("grip", 0.0),
        ("open the gripper 30 percent", 0.3),
        ("close the fingers 30%", 0.7),
        ("open all the way", 1.0),
    ],
)
def test_gripper(text, opening):
    spoken = parse_words(text)
    assert spoken.opening == pytest.approx(opening)
    assert not spoken.p_m.any()


def test_moves_turns_and_gripper_together():
    spoken = parse_words("5 cm forward and turn left and close the gripper")
    assert np.allclose(spoken.p_m, (0.05, 0.0, 0.0))
    assert np.allclose(np.rad2deg(spoken.turn_rad), (0.0, 0.0, 15.0))
    assert spoken.opening == 0.0


@pytest.mark.parametrize(
    "text",
    [
        "do not move left",
        "don't go up",
        "never close the gripper",
        "no, left",
        "left without going down",
    ],
)
def test_a_negation_moves_nothing(text):
    with pytest.raises(InstructionError, match="negation"):
        parse_words(text)


@pytest.mark.parametrize("text", ["stop", "Stop!", "please stop now", "halt", "don't stop", "no"])
def test_stop_stops_whatever_else_is_said(text):
    assert parse_words(text).stop


@pytest.mark.parametrize(
    "text",
    [
        "",
        "the arm",
        "banana",
        "left banana",
        "move to the red cube",
        "faster",
        "left and right",
        "left and then left",
        "5 forward",
        "-5 cm forward",
        "0 cm forward",
        "50 cm forward",
        "20 cm forward and 20 cm left",
        "1e9 cm up",
        "120 degrees left",
        "turn left 5 cm",
        "turn left 120 degrees",
        "turn up",
        "turn",
        "open left",
        "open a little",
        "open and close",
        "open 130%",
        "left 5 cm 3 cm",
        "up " * 100,
    ],
)
def test_what_is_not_understood_is_refused_and_says_what_is(text):
    with pytest.raises(RefusedError, match="Understood: left, right"):
        parse_words(text)


@given(st.text(max_size=60))
def test_no_text_leads_farther_than_allowed(text):
    try:
        spoken = parse_words(text)
    except InstructionError:
        return
    assert np.linalg.norm(spoken.p_m) <= WordsConfig().largest_m + 1e-9
    assert np.linalg.norm(spoken.turn_rad) <= WordsConfig().largest_rad + 1e-9


VOCABULARY = (
    "left",
    "up",
    "down",
    "a",
    "little",
    "5",
    "cm",
    "and",
    "turn",
    "open",
    "stop",
    "again",
)


@given(st.lists(st.sampled_from(VOCABULARY)))
def test_no_sentence_with_a_negation_moves(words):
    try:
        spoken = parse_words(" ".join([*words, "not"]))
    except InstructionError:
        return
    assert spoken.stop


@pytest.fixture
def words():
    device = WordsDevice(ManualClock())
    device.connect()
    return device


def test_the_switch_is_held_while_a_step_runs_and_no_longer(words):
    assert not words.read().held
    nudge = words.say("left")
    assert words.read().motion is nudge
    assert words.read().held
    words._clock.sleep_until(1.0)
    assert words.read().held
    words._clock.sleep_until(3.0)
    assert not words.read().held
    assert words.read().motion is None


def test_stop_release_and_nonsense_end_a_step(words):
    for end in (lambda: words.say("stop"), words.release):
        words.say("left")
        end()
        assert not words.read().held
    words.say("left")
    with pytest.raises(InstructionError):
        words.say("do not move left")
    assert not words.read().held


def test_again_repeats_under_a_new_number(words):
    with pytest.raises(InstructionError, match="nothing was done"):
        words.say("again")
    first = words.say("5 cm up")
    again = words.say("do it again")
    assert np.allclose(first.p_m, again.p_m)
    assert again.number > first.number


def test_the_gripper_is_told_only_by_its_own_sentence(words):
    words.say("close the gripper")
    assert words.read().opening == 0.0
    words.say("up")
    assert words.read().opening is None


def test_before_connect_and_after_close_it_is_lost():
    device = WordsDevice(ManualClock())
    with pytest.raises(DeviceLost):
        device.read()


def test_steps_that_do_not_grow_are_refused():
    with pytest.raises(ValueError):
        WordsConfig(steps_m=(0.05, 0.01, 0.1))
    with pytest.raises(ValueError):
        WordsConfig(steps_m=(0.01, 0.05, 0.5))


def test_an_operator_carries_out_what_was_said():
    desk = Desk.on()
    device = WordsDevice(desk.robot.clock)
    desk = Desk.on(desk.robot._robot, device=device)
    start = desk.tool()
    device.say("5 cm left and close the gripper")
    for _ in range(60):
        desk.act()
    assert np.allclose(desk.tool().p - start.p, (0.0, 0.05, 0.0), atol=1e-3)
    assert desk.state().opening == pytest.approx(0.0)
    assert not desk.operator.engaged()
    device.say("again")
    for _ in range(60):
        desk.act()
    assert np.allclose(desk.tool().p - start.p, (0.0, 0.10, 0.0), atol=2e-3)
    assert isinstance(device.read(), TeleopSample)
