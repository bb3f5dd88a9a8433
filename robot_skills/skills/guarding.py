"""Cheap checks while a learned skill runs: whether going on still makes sense.

Nothing here plans or looks for things. What is checked follows from what was so when the motion
began: a held thing stays between the fingers, and a thing that is to be taken or pushed stays where
it was bound until the hand is near it. One picture of a camera that is there anyway tells the
latter: something behind the whole of its place is seen.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import numpy as np

from robot_skills.core.plan import SkillCall
from robot_skills.core.scene import Entity, Scene
from robot_skills.core.sight_lines import sees_through
from robot_skills.core.types import ArmState, RgbdFrame

_TELLING = 0.04
"""Opening up to which a held thing is too thin to tell a hand that holds it from an empty one."""

Frames = Callable[[], Mapping[str, RgbdFrame]]
"""Takes the newest picture of each camera that watches."""


@dataclass(frozen=True, kw_only=True, slots=True)
class GuardConfig:
    """What is checked while a skill runs.

    Attributes:
        cameras: Whose pictures are looked at; without any, things are not watched.
        look_every_s: Time between two pictures.
        looks: Pictures in a row that have to say the same.
        near_m: A thing is watched until the tool has come as near as this, sideways.
        lost_below: Share of the opening at which a thing was held below which it is lost.
        lost_after: Periods in a row after which it is.
    """

    cameras: tuple[str, ...] = ()
    look_every_s: float = 0.4
    looks: int = 2
    near_m: float = 0.12
    lost_below: float = 0.5
    lost_after: int = 3

    def __post_init__(self) -> None:
        if self.looks < 1 or self.lost_after < 1 or self.look_every_s <= 0.0:
            raise ValueError("Needs looks >= 1, lost_after >= 1 and look_every_s > 0.")
        if not 0.0 < self.lost_below < 1.0 or self.near_m < 0.0:
            raise ValueError("Needs 0 < lost_below < 1 and near_m >= 0.")


@dataclass(kw_only=True)
class Guard:
    """Watches one motion.

    Args:
        held: Name of what is in the hand when it begins, and is to stay there; empty for nothing.
        things: What has to stay where it is until the hand comes.
        frames: Takes pictures.
        config: What is checked.
    """

    held: str
    things: tuple[Entity, ...]
    frames: Frames
    config: GuardConfig
    _held_opening: float | None = None
    _lost: int = 0
    _away: dict[str, int] = field(default_factory=dict)
    _looked_s: float | None = None

    def problem(self, state: ArmState, told_opening: float | None) -> str:
        """Why going on makes no sense any more; empty while it does.

        Args:
            state: Of now.
            told_opening: The gripper's last command; None before the first.
        """
        return self._dropped(state, told_opening) or self._displaced(state)

    def _dropped(self, state: ArmState, told_opening: float | None) -> str:
        if not self.held:
            return ""
        if self._held_opening is None:
            self._held_opening = state.opening
        if told_opening is not None and told_opening > self._held_opening:
            self.held = ""  # It is let go.
            return ""
        telling = self._held_opening > _TELLING
        low = telling and state.opening < self.config.lost_below * self._held_opening
        self._lost = self._lost + 1 if low else 0
        return f"{self.held} is no longer held" if self._lost >= self.config.lost_after else ""

    def _displaced(self, state: ArmState) -> str:
        self.things = tuple(thing for thing in self.things if not self._is_near(thing, state))
        now_s, last_s = state.stamp_s, self._looked_s
        if not self.things or not self.config.cameras:
            return ""
        if last_s is not None and now_s - last_s < self.config.look_every_s:
            return ""
        self._looked_s = now_s
        pictures = self.frames().values()
        for thing in self.things:
            empty = any(sees_through(picture, thing) for picture in pictures)
            self._away[thing.name] = self._away.get(thing.name, 0) + 1 if empty else 0
            if self._away[thing.name] >= self.config.looks:
                return f"{thing.name} is no longer where it was"
        return ""

    def _is_near(self, thing: Entity, state: ArmState) -> bool:
        away = (thing.T_base_entity.p - state.T_base_tool.p)[:2]
        return float(np.linalg.norm(away)) < self.config.near_m


def guard_of(call: SkillCall, scene: Scene, arm: str, frames: Frames, config: GuardConfig) -> Guard:
    """What watches over a call that may start now.

    Args:
        call: Of a learned skill.
        scene: On which its preconditions were checked.
        arm: Name of the arm that moves.
        frames: Takes pictures.
        config: What is checked.
    """
    held = scene.held(arm)
    named = [scene[name] for name in call.args.values() if name in scene]
    return Guard(
        held=held.name if held is not None and held.name in call.args.values() else "",
        things=tuple(
            thing for thing in named if thing.movable and thing.visible and thing.held_by is None
        ),
        frames=frames,
        config=config,
    )
