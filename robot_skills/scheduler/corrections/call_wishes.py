"""How the calls of a run are wanted: the corrections in effect, as what a skill is told."""

from collections.abc import Callable, Mapping

import numpy as np

from robot_skills.core.errors import PlanningError, RefusedError
from robot_skills.core.plan import SkillCall
from robot_skills.core.scene import Scene
from robot_skills.core.se3 import Array
from robot_skills.scheduler.corrections.changes import Pace, Room, Shift
from robot_skills.scheduler.corrections.heeded import InEffect
from robot_skills.scheduler.corrections.places import Place, matters, shift_to
from robot_skills.scheduler.corrections.scopes import call_scope, call_situation
from robot_skills.skills.heeding import AS_USUAL, Wanted

PlaceOf = Callable[[SkillCall, Scene], Place]
"""Where a call goes as usual; raises `RefusedError` where that cannot be told yet."""


class CallWishes:
    """The present call, and how it is wanted.

    Args:
        effects: The corrections in effect.
        place_of: Where calls that are ahead go as usual.
    """

    def __init__(self, effects: InEffect, place_of: PlaceOf) -> None:
        self._effects = effects
        self._place_of = place_of
        self._place: Place | None = None
        self._wanted = AS_USUAL
        self._shifts_m: dict[str, Array] = {}

    @property
    def place(self) -> Place | None:
        """Where the present call goes as usual; None between calls."""
        return self._place

    @property
    def wanted(self) -> Wanted:
        """How the present call is wanted."""
        return self._wanted

    @property
    def shifts_m(self) -> Mapping[str, Array]:
        """How far calls went from their usual place, by their text, (3,) each."""
        return self._shifts_m

    @property
    def situation(self) -> str:
        """The present call in words; empty between calls."""
        place = self._place
        if place is None:
            return ""
        return call_situation(place.card, place.call, place.scene)

    @property
    def going_to_m(self) -> Array | None:
        """Where the present call goes, in the base frame, (3,); None between calls."""
        return None if self._place is None else self._place.T_base_usual.p + self._wanted.shift_m

    def forget(self) -> None:
        """Another run begins."""
        self.ended()
        self._shifts_m = {}

    def ended(self) -> None:
        """The present call is over."""
        self._place, self._wanted = None, AS_USUAL

    def begins(self, place: Place) -> str:
        """A call begins.

        Returns:
            Why it is done as usual though it is wanted otherwise; empty when it is not.
        """
        self._place, self._wanted = place, AS_USUAL
        try:
            self.renew()
        except PlanningError as error:
            return str(error)
        return ""

    def renew(self) -> None:
        """What is in effect has changed. Raises `PlanningError` when it cannot be done so."""
        if self._place is not None:
            self._wanted = self._how(self._place)
            self._shifts_m[str(self._place.call)] = self._wanted.shift_m

    def foresee(self, call: SkillCall, scene: Scene) -> None:
        """Raises `PlanningError` when a call, as far as it can be foreseen, cannot be done as it
        is wanted."""
        if self._place is not None and self._place.call == call:
            self.renew()
            return
        try:
            place = self._place_of(call, scene)
        except RefusedError:
            return
        self._how(place)

    def give_up(self, reason: str) -> None:
        """The present call is not wanted any more."""
        before = self._wanted
        self._wanted = Wanted(shift_m=before.shift_m, speed=before.speed, obsolete=reason)

    def _how(self, place: Place) -> Wanted:
        """How a call is wanted. Raises `PlanningError` when it cannot be done so."""
        scope = call_scope(place.card, place.call, place.scene)
        situation = call_situation(place.card, place.call, place.scene)
        offset_m, speed, rooms = np.zeros(3), 1.0, []
        for correction in self._effects.of(scope, situation):
            if not matters(correction, place.scene):
                continue
            match correction.change:
                case Shift(offset_m=offset):
                    offset_m = np.array(offset)
                case Pace(speed=share):
                    speed = share
                case Room() as room:
                    rooms.append(room)
        return Wanted(shift_m=shift_to(place, offset_m, rooms), speed=speed)
