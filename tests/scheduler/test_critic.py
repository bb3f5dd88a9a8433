"""What the critic notices between two looks."""

from dataclasses import replace

from robot_skills.core.plan import Literal, SkillCall
from robot_skills.core.predicates import holds
from robot_skills.core.se3 import SE3
from robot_skills.core.types import DEFAULT_ARM
from robot_skills.scheduler.critic import Critic
from tests.scheduler import worlds

CRITIC = Critic(worlds.cards().values())
CLOSE = Literal(predicate="beside", args=("red_cube", "blue_cube"))
GRASP = SkillCall(skill="grasp", args={"object": "red_cube"})


def lifted(scene):
    T = SE3.from_translation((0.5, 0.0, 0.3))
    return scene.with_entity(replace(scene["red_cube"], held_by=DEFAULT_ARM, T_base_entity=T))


def test_a_clean_grasp_has_nothing_to_criticise():
    scene = worlds.kitchen()
    assert str(CRITIC.judge(GRASP, scene, lifted(scene))) == ""


def test_a_missed_grasp_misses_its_effects():
    scene = worlds.kitchen()
    missing = {str(literal) for literal in CRITIC.judge(GRASP, scene, scene).missing}
    assert missing == {"holding(red_cube)", "not hand_empty()"}


def test_a_held_thing_that_is_dropped_on_the_way_is_a_surprise():
    scene = worlds.kitchen(held="can")
    after = scene.with_entity(worlds.groceries()[0])
    criticism = CRITIC.judge(SkillCall(skill="home"), scene, after)
    assert "holding(can) no longer holds" in criticism.surprises
    assert "on(can, table) holds now" in criticism.surprises


def test_what_comes_to_stand_beside_something_is_none():
    put_down = worlds.card("put_down", [], [({}, (), ("beside(red_cube, blue_cube)",))])
    critic = Critic([*worlds.cards().values(), put_down])
    red = worlds.cube("red")
    far, close = (worlds.scene(red, worlds.cube("blue", (x, 0.0))) for x in (0.6, 0.46))
    assert holds(close, CLOSE)
    assert not holds(far, CLOSE)
    assert critic.judge(SkillCall(skill="home"), far, close).surprises == ()
    assert critic.judge(SkillCall(skill="put_down"), far, far).missing == (CLOSE,)


def test_what_vanishes_or_appears_is_a_surprise():
    before = worlds.scene(worlds.cube("red"))
    after = worlds.scene(worlds.cube("blue"))
    assert CRITIC.judge(SkillCall(skill="home"), before, after).surprises == (
        "red_cube is no longer seen",
        "blue_cube was not seen before",
    )


def test_effects_that_hardly_anybody_foresaw_are_a_surprise():
    scene = worlds.kitchen()
    doubtful = CRITIC.judge(GRASP, scene, lifted(scene), likely=0.1)
    assert not doubtful.missing
    assert "foreseen with 0.10 only" in str(doubtful)
    assert str(CRITIC.judge(GRASP, scene, lifted(scene), likely=0.9)) == ""


def test_missing_effects_come_with_what_was_foreseen():
    scene = worlds.kitchen()
    assert "foreseen with 0.05" in str(CRITIC.judge(GRASP, scene, scene, likely=0.05))
