"""Who shows the new skill: a script in the place of a person at the arm.

It tips one kind of thing over, a milk carton, in a few scenes, and is never pushed off its way.
"""

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from robot_skills.app.card_scenarios import draw_card_scenario
from robot_skills.app.demonstrations import write_demonstrations
from robot_skills.core.errors import RobotSkillsError
from robot_skills.core.policy import EntityToken
from robot_skills.core.se3 import SE3, Array
from robot_skills.skills.card import SkillCard
from sim.dataset import Demonstration
from sim.demonstrate import CONTROL_HZ, AttemptFailed, demonstrate_in
from sim.experts import ExpertStep, MotionStyle
from sim.experts.motion import Mover, funnel_height, pointing_down

CARD = Path(__file__).with_name("tip.yaml")
SHOWN = "milk"
"""The only thing that is ever tipped over in a demonstration."""
ARM = "panda"

_BELOW_TOP_M = 0.02
"""Height of the tool under the thing's top while it pushes."""
_FREE_M = 0.035
"""Between the fingers and the thing when they come down beside it."""
_FINGERS_HALF_M = 0.012
_THROUGH_M = 0.09
"""How far past the thing's middle its top is pushed."""
_RISE_M = 0.10
_SCENES_PER_DEMONSTRATION = 20
"""A few out of these have the thing upright on the table."""


class TipExpert:
    """Token 0 is the top of the thing, which is pushed along its +y axis by closed fingers."""

    def __init__(
        self, tokens: tuple[EntityToken, ...], start: SE3, style: MotionStyle, period_s: float
    ) -> None:
        (top,) = tokens
        self._style = style
        self._mover = Mover(start, style, period_s)
        self._R = pointing_down(top.T_base_anchor.R[:, 0])
        self._ahead = top.T_base_anchor.R[:, 1]
        self._top = top.T_base_anchor.p - np.array([0.0, 0.0, _BELOW_TOP_M])
        self._beside_m = 0.5 * float(top.extents_m[1]) + _FINGERS_HALF_M + _FREE_M
        self._phase = "approach"

    def displace(self, offset_m: Array, turn_rad: Array) -> SE3:
        return self._mover.displace(offset_m, turn_rad)

    def act(self, T_base_tool: SE3, opening: float) -> ExpertStep:
        match self._phase:
            case "approach":
                begin = self._at(-self._beside_m)
                reference = self._mover.reference
                sideways_m = float(np.linalg.norm((reference.p - begin.p)[:2]))
                turn_rad = reference.distance_to(begin)[1]
                rise_m = funnel_height(self._style, sideways_m, turn_rad, free_m=0.004)
                target = self._mover.towards(self._at(-self._beside_m, rise_m))
                near_m, near_rad = T_base_tool.distance_to(begin)
                if near_m < 0.008 and near_rad < 0.1 and opening < 0.1:
                    self._phase = "push"
            case "push":
                end = self._at(_THROUGH_M)
                target = self._mover.towards(end, slow=0.6)
                if target.distance_to(end)[0] < 0.005:
                    self._phase = "rise"
            case _:
                top = self._at(_THROUGH_M, _RISE_M)
                target = self._mover.towards(top)
                done = target.distance_to(top)[0] < 0.005
                return ExpertStep(T_base_tool=target, opening=0.0, phase="rise", done=done)
        return ExpertStep(T_base_tool=target, opening=0.0, phase=self._phase, done=False)

    def _at(self, ahead_m: float, rise_m: float = 0.0) -> SE3:
        """Tool pose on the line of the push, as far past the thing's middle and that much up."""
        up = np.array([0.0, 0.0, rise_m])
        return SE3(self._R, self._top + ahead_m * self._ahead + up)


def record(out: Path, count: int, seed: int) -> None:
    """Write a dataset of demonstrations.

    Args:
        out: Its folder; must not exist.
        count: How many.
        seed: Of the scenes.
    """
    shown = demonstrations(count, seed)
    write_demonstrations(shown, out, fps=CONTROL_HZ, robot_type=ARM, count=count)


def demonstrations(count: int, seed: int) -> Iterator[Demonstration]:
    """So many successful demonstrations.

    Raises:
        RobotSkillsError: They are too rare.
    """
    card = SkillCard.load(CARD)
    left = count
    for i in range(_SCENES_PER_DEMONSTRATION * count):
        rng = np.random.default_rng((seed, i))
        scenario = draw_card_scenario(card, rng)
        if scenario.args["object"] != SHOWN:
            continue
        try:
            yield demonstrate_in(scenario, TipExpert, rng, arm=ARM, pushes_hz=0.0)
        except AttemptFailed:
            continue
        left -= 1
        if left == 0:
            return
    raise RobotSkillsError(f"Only {count - left} of {count} demonstrations succeeded.")
