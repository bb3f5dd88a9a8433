"""Things that are remembered from before, in the scenes of now.

A perceiver remembers what it saw in its own process. What was seen before that is added to its
scenes, unless it is too old, or what is seen now contradicts it: its place is looked at and it is
not there, or something else stands where it was.
"""

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from robot_skills.core.errors import RefusedError, StorageError
from robot_skills.core.perceiver import Perceiver
from robot_skills.core.predicates import in_
from robot_skills.core.scene import TABLE, Entity, Scene
from robot_skills.core.se3 import SE3
from robot_skills.core.sight_lines import sees_through
from robot_skills.core.types import Observation
from robot_skills.scheduler.memory.names import names_of_before
from robot_skills.scheduler.memory.records import Sighting, Where
from robot_skills.scheduler.memory.store import TaskMemory

_log = logging.getLogger(__name__)

_MOVED_M = 0.005
"""A thing that is seen no farther than this from where it was is not noted again ..."""
_NOTED_S = 60.0
"""... more often than this."""
_AHEAD_S = 60.0
"""A time stamp that lies farther in the future than this comes from a clock that was wrong."""


@dataclass(frozen=True, kw_only=True, slots=True)
class RecallConfig:
    """What is remembered of things.

    Attributes:
        max_age_s: What was seen longer ago is forgotten.
    """

    max_age_s: float = 12.0 * 3600.0

    def __post_init__(self) -> None:
        if not self.max_age_s > 0.0:
            raise ValueError("A memory of things needs max_age_s > 0.")


class MemoryPerceiver(Perceiver):
    """A perceiver whose scenes hold what was seen before it began, and which keeps what it sees.

    Args:
        perceiver: That looks.
        memory: Open.
        where: The cell that it looks at.
        sees_all: Whether its scenes hold all that there is, so that what they lack is gone.
        config: What is remembered.
        now: Unix time [s].
    """

    def __init__(
        self,
        perceiver: Perceiver,
        memory: TaskMemory,
        where: Where,
        *,
        sees_all: bool = False,
        config: RecallConfig | None = None,
        now: Callable[[], float] = time.time,
    ) -> None:
        self._perceiver = perceiver
        self._memory = memory
        self._where = where
        self._sees_all = sees_all
        self._config = config or RecallConfig()
        self._now = now
        self._known: dict[str, Sighting] | None = None
        self._names: dict[str, str] = {}
        self._broken = False

    @property
    def cameras(self) -> tuple[str, ...]:
        return self._perceiver.cameras

    def reset(self) -> None:
        """A new episode starts; what was seen in others stays in the memory."""
        self._perceiver.reset()
        self._known, self._names = None, {}

    def look(self, observation: Observation) -> Scene:
        """The scene as of this observation. Raises as the perceiver does."""
        scene = self._perceiver.look(observation)
        try:
            if self._known is None:
                self._known = self._read(scene)
            self._names |= names_of_before(scene, self._known, self._names)
            scene = _renamed(scene, self._names)
            remembered, gone = self._remembered(scene, observation)
            for entity in remembered:
                scene = scene.with_entity(entity)
            self._keep(scene, gone)
        except (StorageError, RefusedError) as error:
            if not self._broken:
                _log.warning("What is seen from now on is not remembered: %s", error)
            self._broken = True
        return scene

    def _read(self, scene: Scene) -> dict[str, Sighting]:
        """What is remembered from before, without what is too old to be true."""
        known = {}
        for where, sighting in self._memory.things.all(self._where):
            age_s = self._now() - sighting.seen_at
            if age_s > self._config.max_age_s:
                continue
            if age_s < -_AHEAD_S:
                _log.warning(
                    "%s was seen at a time that is still to come: a clock was wrong, so where it "
                    "is in %s is not believed",
                    sighting.entity.name,
                    where,
                )
                continue
            stamp_s = scene.stamp_s - max(age_s, 0.0)
            entity = replace(sighting.entity, stamp_s=stamp_s)
            known[entity.name] = replace(sighting, entity=entity)
        return known

    def _remembered(self, scene: Scene, observation: Observation) -> tuple[list[Entity], list[str]]:
        """Things that the scene lacks: those that may still be there, and those that are gone."""
        assert self._known is not None
        there, gone = [], []
        for name, sighting in list(self._known.items()):
            if name in scene:
                continue
            entity = _placed(sighting, scene)
            if entity is None or self._contradicted(entity, scene, observation):
                _log.info("%s is not where it was remembered, and forgotten", name)
                del self._known[name]
                gone.append(name)
            else:
                there.append(entity)
        return there, gone

    def _contradicted(self, entity: Entity, scene: Scene, observation: Observation) -> bool:
        """Whether what is seen now says that a thing is not where it was."""
        if self._sees_all or entity.held_by is not None:
            return True
        if any(other.visible and other.movable and _within(entity, other) for other in scene):
            return True
        return any(sees_through(frame, entity) for frame in observation.cameras.values())

    def _keep(self, scene: Scene, gone: list[str]) -> None:
        """Note what has changed."""
        assert self._known is not None
        now, noted = self._now(), []
        for entity in scene:
            if not entity.movable or entity.name == TABLE:
                continue
            before = self._known.get(entity.name)
            sighting = _sighting(entity, scene, now, before)
            if before is None or _news(before, sighting):
                self._known[entity.name] = sighting
                noted.append(sighting)
        if noted or gone:
            self._memory.things.saw(noted, gone, self._where)


def _sighting(entity: Entity, scene: Scene, now: float, before: Sighting | None) -> Sighting:
    """A thing as a scene has it; in a container it is kept in the frame of the cavity."""
    seen_at = now if entity.visible or before is None else before.seen_at
    inside = next((e.name for e in scene if e.cavity and in_(scene, entity.name, e.name)), "")
    if inside:
        T_base_cavity = _T_base_cavity(scene[inside])
        entity = replace(entity, T_base_entity=T_base_cavity.inverse() @ entity.T_base_entity)
    return Sighting(entity=entity, inside=inside, seen_at=seen_at)


def _placed(sighting: Sighting, scene: Scene) -> Entity | None:
    """A remembered thing where it is now; None when what it was in is not known any more."""
    if not sighting.inside:
        return sighting.entity
    if sighting.inside not in scene or scene[sighting.inside].cavity is None:
        return None
    T_base_cavity = _T_base_cavity(scene[sighting.inside])
    return replace(sighting.entity, T_base_entity=T_base_cavity @ sighting.entity.T_base_entity)


def _T_base_cavity(container: Entity) -> SE3:
    assert container.cavity is not None
    return container.T_base_entity @ container.cavity.T_entity_region


def _news(before: Sighting, now: Sighting) -> bool:
    """Whether a sighting says more than the one before."""
    a, b = before.entity, now.entity
    moved_m = float(np.linalg.norm(a.T_base_entity.p - b.T_base_entity.p))
    return (
        moved_m > _MOVED_M
        or (before.inside, a.held_by) != (now.inside, b.held_by)
        or now.seen_at - before.seen_at > _NOTED_S
    )


def _within(entity: Entity, other: Entity) -> bool:
    """Whether the centre of a thing is inside another's box: two things cannot be there."""
    offset = other.T_base_entity.inverse() @ entity.T_base_entity.p
    return bool(np.all(np.abs(offset) < 0.5 * other.extents_m))


def _renamed(scene: Scene, names: dict[str, str]) -> Scene:
    """The scene with the names of before."""
    if all(names.get(name, name) == name for name in scene.entities):
        return scene
    entities = (replace(entity, name=names.get(entity.name, entity.name)) for entity in scene)
    return replace(scene, entities={entity.name: entity for entity in entities})
