"""Where the skills of a session come from, and their loading while the session goes on."""

from collections.abc import Callable, Collection
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from robot_skills.app.options import SceneSource
from robot_skills.app.trials import CAMERA_PX, make_perceiver
from robot_skills.core.errors import PerceptionError, RefusedError
from robot_skills.core.perceiver import Perceiver
from robot_skills.core.robot import Robot
from robot_skills.core.scene import Scene
from sim.stations import Station, TabletopStation

if TYPE_CHECKING:
    from robot_skills.app.wiring import Skills

_WARM_UP = ("go home", "xyzzy")
"""Words that are understood, and a word that only sentence embeddings could make sense of."""


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class SkillSource:
    """Where a station's skills come from. Nothing is loaded before it is asked for.

    Attributes:
        load: Reads the skills with their policies; called in a thread of its own.
        perceiver: Eyes for one start of the station.
        scene: What they look at.
    """

    load: "Callable[[], Skills]"
    perceiver: Callable[[], Perceiver]
    scene: SceneSource


def skill_source(
    station: Station, cameras: Collection[str], camera_px: tuple[int, int]
) -> SkillSource | None:
    """The skills that a station has; None where it has none.

    The skills look through the session's cameras where those are what perception needs, with
    pictures at least as large as those that it was measured with; else they know the scene from
    the simulator.

    Args:
        station: The cell.
        cameras: That the session uses.
        camera_px: Width and height of its pictures.
    """
    if not isinstance(station, TabletopStation):
        return None
    robot = station.robot
    large = camera_px[0] >= CAMERA_PX[0] and camera_px[1] >= CAMERA_PX[1]
    needed = make_perceiver("rgbd", robot).cameras
    scene: SceneSource = "rgbd" if large and set(needed) <= set(cameras) else "truth"
    return SkillSource(load=_load, perceiver=lambda: make_perceiver(scene, robot), scene=scene)


def begin_loading(source: SkillSource, robot: Robot) -> "Future[Skills]":
    """Begin to load skills in a thread of its own.

    Raises:
        PerceptionError: The robot's cameras have no picture.
    """
    perceiver = source.perceiver()
    look = partial(perceiver.look, robot.observe(perceiver.cameras))
    if source.scene == "truth":
        # The simulator may be read in this thread only.
        look = partial(_same, look())
    pool = ThreadPoolExecutor(1, "skills")
    loading = pool.submit(_loaded, source.load, look)
    pool.shutdown(wait=False)
    return loading


def _load() -> "Skills":
    from robot_skills.app.wiring import load_skills

    return load_skills()


def _loaded(load: "Callable[[], Skills]", look: Callable[[], Scene]) -> "Skills":
    """Load the skills, and look and plan once: both have things of their own to load."""
    skills = load()
    with suppress(PerceptionError):
        scene = look()
        for words in _WARM_UP:
            with suppress(RefusedError):
                skills.planner.plan(words, scene)
    return skills


def _same(scene: Scene) -> Scene:
    return scene
