"""Faults of perception: what is believed of the scene, and the cameras' pictures."""

from collections.abc import Collection
from dataclasses import replace

import numpy as np

from benchmarks.localisation.injection import Injection
from robot_skills.core.perceiver import Perceiver
from robot_skills.core.robot import Robot, RobotWrapper
from robot_skills.core.scene import Entity, Scene
from robot_skills.core.se3 import SE3, Array
from robot_skills.core.types import Observation, RgbdFrame
from robot_skills.scheduler.layers import Layer
from sim.tabletop.tasks import Instance

_SHIFT_M = (0.05, 0.09)


class _Believed(Perceiver):
    """A perceiver whose scenes are passed through an injection."""

    def __init__(self, perceiver: Perceiver, injection: "_SceneFault") -> None:
        self._perceiver = perceiver
        self._injection = injection

    @property
    def cameras(self) -> tuple[str, ...]:
        return self._perceiver.cameras

    def reset(self) -> None:
        self._perceiver.reset()

    def look(self, observation: Observation) -> Scene:
        scene = self._perceiver.look(observation)
        return self._injection.believed(scene) if self._injection.is_on() else scene


class _SceneFault(Injection):
    """A scene that is not what the cameras show."""

    layer = Layer.PERCEPTION
    last_call = False

    def believed(self, scene: Scene) -> Scene:
        """The scene as it is told."""
        raise NotImplementedError

    def perceiver(self, perceiver: Perceiver) -> Perceiver:
        return _Believed(perceiver, self)


class Hidden(_SceneFault):
    """A thing that a later call is about is not seen any more."""

    def planned(self) -> None:
        super().planned()
        ahead = self.things_ahead()
        self._name = str(self.rng.choice(ahead)) if ahead else ""

    def believed(self, scene: Scene) -> Scene:
        return _without(scene, self._name)


class NeverSeen(_SceneFault):
    """What the words name first is never seen."""

    from_start = True

    def believed(self, scene: Scene) -> Scene:
        return _without(scene, self.instance.named[0])


class Misplaced(_SceneFault):
    """The thing that is named first is seen beside where it is, from the start."""

    from_start = True

    def __init__(self, rng: np.random.Generator, instance: Instance) -> None:
        super().__init__(rng, instance)
        self._shift = _shift(rng)

    def planned(self) -> None:
        about = [call for call in self.calls if call.args.get("object") == self.instance.named[0]]
        self.call = about[0] if about else None

    def believed(self, scene: Scene) -> Scene:
        return _shifted(scene, self.instance.named[0], self._shift)


class Jumped(_SceneFault):
    """A thing that a later call is about is seen beside where it is, from some moment on."""

    def planned(self) -> None:
        super().planned()
        ahead = self.things_ahead()
        self._name = str(self.rng.choice(ahead)) if ahead else ""
        self._shift = _shift(self.rng)

    def believed(self, scene: Scene) -> Scene:
        return _shifted(scene, self._name, self._shift)


class Exchanged(_SceneFault):
    """Two free things are taken for each other, from some moment on."""

    def planned(self) -> None:
        super().planned()
        self._pair: tuple[str, str] | None = None

    def believed(self, scene: Scene) -> Scene:
        if self._pair is None:
            self._pair = self._draw(scene)
        if self._pair is None:
            return scene
        one, other = (scene.entities.get(name) for name in self._pair)
        if one is None or other is None or one.held_by or other.held_by:
            return scene
        return scene.with_entity(_in_place_of(one, other)).with_entity(_in_place_of(other, one))

    def _draw(self, scene: Scene) -> tuple[str, str] | None:
        free = [e.name for e in scene if e.movable and e.held_by is None]
        ahead = [name for name in self.things_ahead() if name in free]
        if not ahead or len(free) < 2:
            return None
        one = str(self.rng.choice(ahead))
        other = str(self.rng.choice([name for name in free if name != one]))
        return one, other


class _Pictures(RobotWrapper):
    """A robot whose cameras' frames are passed through an injection."""

    def __init__(self, robot: Robot, injection: "_CameraFault") -> None:
        super().__init__(robot)
        self._injection = injection

    def observe(self, cameras: Collection[str] = ()) -> Observation:
        seen = self._robot.observe(cameras)
        frames = {name: self._injection.shown(name, frame) for name, frame in seen.cameras.items()}
        return replace(seen, cameras=frames)


class _CameraFault(Injection):
    """Pictures that are not what is there."""

    layer = Layer.PERCEPTION

    def __init__(self, rng: np.random.Generator, instance: Instance) -> None:
        super().__init__(rng, instance)
        self._last: dict[str, RgbdFrame] = {}

    def shown(self, name: str, frame: RgbdFrame) -> RgbdFrame:
        """What comes from a camera in place of its picture."""
        if not self.is_on() or name not in self._last:
            self._last[name] = frame
            return frame
        return self.spoilt(name, frame, self._last[name])

    def spoilt(self, name: str, frame: RgbdFrame, last: RgbdFrame) -> RgbdFrame:
        """What comes, given the picture and the last sound one."""
        raise NotImplementedError

    def robot(self, robot: Robot) -> Robot:
        return _Pictures(robot, self)


class FrozenPicture(_CameraFault):
    """The last picture again and again, as if it were new."""

    def spoilt(self, name: str, frame: RgbdFrame, last: RgbdFrame) -> RgbdFrame:
        return replace(last, stamp_s=frame.stamp_s)


class StalePicture(_CameraFault):
    """The last picture, which says how old it is."""

    def spoilt(self, name: str, frame: RgbdFrame, last: RgbdFrame) -> RgbdFrame:
        return last


class NoDepth(_CameraFault):
    """Colour without depth, from one camera or from both."""

    def planned(self) -> None:
        super().planned()
        self._which = (("front",), ("front", "wrist"))[int(self.rng.integers(2))]

    def spoilt(self, name: str, frame: RgbdFrame, last: RgbdFrame) -> RgbdFrame:
        if name not in self._which:
            return frame
        return replace(frame, depth_m=np.zeros_like(frame.depth_m))


def _without(scene: Scene, name: str) -> Scene:
    return replace(scene, entities={n: e for n, e in scene.entities.items() if n != name})


def _shift(rng: np.random.Generator) -> Array:
    """Some centimetres in any direction over the table, (3,)."""
    angle = rng.uniform(0.0, 2.0 * np.pi)
    return rng.uniform(*_SHIFT_M) * np.array([np.cos(angle), np.sin(angle), 0.0])


def _shifted(scene: Scene, name: str, shift: Array) -> Scene:
    entity = scene.entities.get(name)
    if entity is None or entity.held_by is not None:
        return scene
    T = entity.T_base_entity
    return scene.with_entity(replace(entity, T_base_entity=SE3(T.R, T.p + shift)))


def _in_place_of(entity: Entity, other: Entity) -> Entity:
    return replace(
        entity, T_base_entity=other.T_base_entity, extents_m=other.extents_m, visible=other.visible
    )
