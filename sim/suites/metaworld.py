"""Meta-World's fifty tasks (Yu et al., 2019), version 3, with goals that can be seen.

A Sawyer arm is moved by steps of its hand: action, 4 numbers in [-1, 1] per 12.5 ms, is the motion
of the hand's set point [cm] along x, y, z and how hard the gripper closes. State, 21 numbers: hand
position [m], gripper (1 = open), position [m] and quaternion of up to two things, goal position
[m]; what a task does not have is zero. Quaternions are as the suite gives them: wxyz in some tasks,
xyzw in others. The suite also repeats the previous step's numbers; that copy is left out, because a
policy keeps its own history.

Each seed draws its own start and goal, as in the suite's multi-task benchmarks. Success is the
suite's, at whatever step it first comes, within the suite's 500 steps.

Demonstrations are the suite's scripted experts', two of them mended (`metaworld_expert`). Now and
then the hand is pushed off its way, so that the data shows the way back (DART, Laskey et al.,
2017): what is recorded is always what the expert wants, also where something else is carried out.
Steps under a push are marked as not to be imitated, because in a chunk of actions the answers to a
push that goes on say nothing about a hand that is left alone.
"""

import warnings
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

import mujoco
import numpy as np
from numpy.typing import NDArray

from robot_skills.core.errors import RefusedError, unknown_name
from robot_skills.core.se3 import Array
from sim.dataset import Demonstration, Optics
from sim.demonstrate import AttemptFailed
from sim.meshes import FAST_GROUP, SHARED_GROUP
from sim.render import Quality, RgbdRenderer
from sim.suites.metaworld_expert import VERSION, Expert
from sim.suites.record import CameraLog, Rows
from sim.suites.suite import STATE, Recording, Sensed, TaskSpec

FPS = 80
MAX_STEPS = 500
"""The suite's own horizon."""
ROBOT = "sawyer"
_POSE = ("x", "y", "z", "q0", "q1", "q2", "q3")

STATE_NAMES: tuple[str, ...] = (
    *(f"hand.{axis}" for axis in "xyz"),
    "gripper",
    *(f"object{i}.{name}" for i in (1, 2) for name in _POSE),
    *(f"goal.{axis}" for axis in "xyz"),
)
ACTION_NAMES: tuple[str, ...] = ("hand.dx", "hand.dy", "hand.dz", "gripper.close")
_SEEN = np.r_[0:18, 36:39]
"""Which of the suite's 39 numbers are `STATE_NAMES`."""

_TILTED = ("corner", "corner2", "corner3")
"""Cameras that the suite hangs upside down; they are turned, so that the table is below."""
CAMERAS: tuple[str, ...] = (*_TILTED, "topview", "behindGripper", "gripperPOV")
_SHOW_CAMERA, _SHOW_PX = "corner2", (480, 480)
_DRAWN_GROUPS, _HIDDEN_GROUP = (0, 1, 2), 5

INSTRUCTIONS: Mapping[str, str] = {
    "assembly": "put the ring over the peg",
    "basketball": "drop the ball through the hoop",
    "bin-picking": "move the thing from one bin to the other",
    "box-close": "put the lid on the box",
    "button-press": "press the button on the wall",
    "button-press-topdown": "press the button from above",
    "button-press-topdown-wall": "reach over the wall and press the button from above",
    "button-press-wall": "reach past the wall and press the button",
    "coffee-button": "press the button of the coffee machine",
    "coffee-pull": "pull the mug away from the coffee machine",
    "coffee-push": "push the mug under the coffee machine",
    "dial-turn": "turn the dial",
    "disassemble": "lift the ring off the peg",
    "door-close": "close the door",
    "door-lock": "lock the door",
    "door-open": "open the door",
    "door-unlock": "unlock the door",
    "drawer-close": "close the drawer",
    "drawer-open": "open the drawer",
    "faucet-close": "close the tap",
    "faucet-open": "open the tap",
    "hammer": "hammer the nail in",
    "hand-insert": "put the hand into the hole",
    "handle-press": "press the handle down",
    "handle-press-side": "press the handle down from the side",
    "handle-pull": "pull the handle up",
    "handle-pull-side": "pull the handle up from the side",
    "lever-pull": "pull the lever up",
    "peg-insert-side": "insert the peg from the side",
    "peg-unplug-side": "pull the peg out sideways",
    "pick-out-of-hole": "take the puck out of the hole",
    "pick-place": "carry the puck to the goal",
    "pick-place-wall": "carry the puck over the wall to the goal",
    "plate-slide": "slide the plate into the net",
    "plate-slide-back": "slide the plate back out of the net",
    "plate-slide-back-side": "slide the plate out of the net sideways",
    "plate-slide-side": "slide the plate sideways into the net",
    "push": "push the puck to the goal",
    "push-back": "pull the puck back to the goal",
    "push-wall": "push the puck around the wall to the goal",
    "reach": "reach the goal",
    "reach-wall": "reach over the wall to the goal",
    "shelf-place": "put the cube on the shelf",
    "soccer": "push the ball into the net",
    "stick-pull": "pull the box with the stick",
    "stick-push": "push the box with the stick",
    "sweep": "sweep the cube off the table",
    "sweep-into": "sweep the cube into the hole",
    "window-close": "close the window",
    "window-open": "open the window",
}
"""What each task asks for, in words; the suite itself has none."""

MT10: tuple[str, ...] = (
    "reach",
    "push",
    "pick-place",
    "door-open",
    "drawer-open",
    "drawer-close",
    "button-press-topdown",
    "peg-insert-side",
    "window-open",
    "window-close",
)
"""The tasks of the suite's benchmark of ten."""


class MetaWorldTask:
    """One task, steppable; see `sim.suites.suite.SuiteTask`.

    Args:
        name: Name of the task, without the version.
        recording: Which pictures to take.

    Raises:
        UnknownNameError: There is no such camera.
    """

    def __init__(self, name: str, recording: Recording) -> None:
        for camera in recording.cameras:
            if camera not in CAMERAS:
                raise unknown_name("camera", camera, CAMERAS)
        self._name = name
        self._recording = recording
        self._env = _make_env(name)
        self._pictures: RgbdRenderer | None = None
        self._film: RgbdRenderer | None = None
        self._log = CameraLog()
        self._observed: Array = np.zeros(39)
        self._succeeded = False

    @property
    def instruction(self) -> str:
        """What is to be done, in words."""
        return INSTRUCTIONS[self._name]

    @property
    def max_steps(self) -> int:
        """Steps after which an episode has failed."""
        return MAX_STEPS

    @property
    def observed(self) -> Array:
        """The suite's own numbers, (39,), as its scripted experts expect them."""
        return self._observed

    def reset(self, seed: int) -> Sensed:
        """Start episode `seed`."""
        env = self._env
        env.seed(seed)
        # `reset` sets the scene up twice; unless both times use the same draw, things are seen
        # where the first one had them. So one draw is made, and kept.
        env._freeze_rand_vec = False
        env.reset_model()
        env._freeze_rand_vec = True
        env.reset()
        # What some tasks move last (a window's handle) would be seen where it was before.
        mujoco.mj_forward(env.model, env.data)
        env._prev_obs = env._get_curr_obs_combined_no_goal()
        space = env.sawyer_observation_space
        self._observed = np.clip(env._get_obs(), space.low, space.high)
        self._succeeded = False
        return self._sense()

    def step(self, action: NDArray[np.float32]) -> Sensed:
        """Carry out one action, (4,), clipped to [-1, 1], for one period.

        Raises:
            RefusedError: The action has another shape, or is not finite.
        """
        action = np.asarray(action, dtype=np.float32)
        if action.shape != (len(ACTION_NAMES),) or not np.isfinite(action).all():
            raise RefusedError(f"An action is {len(ACTION_NAMES)} finite numbers, got {action!r}.")
        self._observed, _, _, _, info = self._env.step(np.clip(action, -1.0, 1.0))
        self._succeeded |= bool(info["success"])
        return self._sense()

    def succeeded(self) -> bool:
        """Whether the suite has called any step since the start a success."""
        return self._succeeded

    def frame(self) -> NDArray[np.uint8]:
        """A picture for people, (H, W, 3)."""
        if self._film is None:
            self._film = RgbdRenderer(self._env.model, *_SHOW_PX, Quality.FILM)
        return self._film.render(self._env.data, _SHOW_CAMERA).rgb

    def close(self) -> None:
        """Release renderers. Safe to call twice."""
        for renderer in (self._pictures, self._film):
            if renderer is not None:
                renderer.close()
        self._pictures = self._film = None
        self._env.close()

    @property
    def optics(self) -> Mapping[str, Optics]:
        """What is known of the cameras that have taken pictures."""
        return self._log.optics

    def _sense(self) -> dict[str, NDArray]:
        sensed: dict[str, NDArray] = {STATE: self._observed[_SEEN].astype(np.float32)}
        names = self._recording.cameras
        if names and self._pictures is None:
            self._pictures = RgbdRenderer(self._env.model, *self._recording.camera_px)
        for name in names:
            assert self._pictures is not None
            image = self._pictures.render(self._env.data, name)
            # The suite's state is in its world's frame, so that is the base frame here.
            sensed |= self._log.named(name, image.rgb, image.depth_m, image.K, image.T_world_camera)
        return sensed


def _make_env(name: str) -> Any:
    """The suite's environment, with goals that are seen and cameras that hang upright."""
    with warnings.catch_warnings():
        # Meta-World and gymnasium remark on their own deprecations and spaces.
        warnings.simplefilter("ignore")
        from metaworld.env_dict import ALL_V3_ENVIRONMENTS_GOAL_OBSERVABLE

        # With a seed, the suite puts numpy's global generator back as it was.
        make: Any = ALL_V3_ENVIRONMENTS_GOAL_OBSERVABLE[f"{name}{VERSION}-goal-observable"]
        env: Any = make(seed=0)
    # Starts come from the environment's own generator, not from numpy's global one.
    env.seeded_rand_vec = True
    model = env.model
    # Our renderer tells bodies that are seen from those that collide by other groups.
    model.geom_group[:] = np.where(
        np.isin(model.geom_group, _DRAWN_GROUPS), SHARED_GROUP, _HIDDEN_GROUP
    )
    assert FAST_GROUP not in model.geom_group
    for camera in _TILTED:
        _turn_half(model, camera)
    return env


def _turn_half(model: mujoco.MjModel, camera: str) -> None:
    """Turn a camera half around its optical axis."""
    place = model.camera(camera).id
    turned = np.zeros(4)
    mujoco.mju_mulQuat(turned, model.cam_quat[place], np.array([0.0, 0.0, 0.0, 1.0]))
    model.cam_quat[place] = turned
    mujoco.mju_quat2Mat(model.cam_mat0[place], turned)


@dataclass(frozen=True, kw_only=True, slots=True)
class PushStyle:
    """How a demonstration is disturbed.

    Attributes:
        rate_hz: Pushes per second.
        steps: Fewest and most steps that one lasts.
        size: Smallest and largest push, as a part of the largest action.
    """

    rate_hz: float = 1.6
    steps: tuple[int, int] = (4, 12)
    size: tuple[float, float] = (0.2, 0.8)


CALM = PushStyle(rate_hz=0.0)
"""No disturbance at all."""
_TAIL_STEPS = 24
"""Steps recorded after success, from which the termination head learns to stop."""


class _Pushes:
    """Decides when the hand is pushed, and which way."""

    def __init__(self, style: PushStyle, rng: np.random.Generator) -> None:
        self._style, self._rng = style, rng
        self._left = 0
        self._push: NDArray[np.float32] = np.zeros(4, dtype=np.float32)

    def step(self) -> NDArray[np.float32] | None:
        """What to add to the action of this step, (4,); None to leave it alone."""
        rng, style = self._rng, self._style
        if self._left == 0:
            if rng.random() >= style.rate_hz / FPS:
                return None
            self._left = int(rng.integers(style.steps[0], style.steps[1] + 1))
            direction = rng.normal(size=3)
            direction *= rng.uniform(*style.size) / np.linalg.norm(direction)
            # The gripper is left to the expert: what is dropped far away is not picked up again.
            self._push = np.append(direction, 0.0).astype(np.float32)
        self._left -= 1
        return self._push


def demonstrate(
    name: str, seed: tuple[int, int], recording: Recording, style: PushStyle | None = None
) -> Demonstration:
    """One demonstration by the suite's scripted expert.

    Args:
        name: Name of the task, without the version.
        seed: Decides everything.
        recording: Which pictures to take.
        style: How it is disturbed.

    Raises:
        AttemptFailed: The suite does not call it a success.
    """
    style = style or PushStyle()
    task = _kept.get(name, recording)
    start, pushed = np.random.SeedSequence(seed).spawn(2)
    pushes = _Pushes(style, np.random.default_rng(pushed))
    return _record(task, int(start.generate_state(1)[0]), Expert(name), pushes)


def _record(task: MetaWorldTask, seed: int, expert: Expert, pushes: _Pushes) -> Demonstration:
    rows = Rows(STATE_NAMES, ACTION_NAMES)
    sensed = task.reset(seed)
    done_steps = 0
    for _ in range(task.max_steps):
        wanted = expert.act(task.observed)
        done = task.succeeded()
        push = None if done else pushes.step()
        rows.add(
            sensed, wanted, valid=push is None, done=done, phase="finished" if done else "work"
        )
        done_steps += done
        if done_steps > _TAIL_STEPS:
            return rows.demonstration(task.instruction, task.optics)
        sensed = task.step(wanted if push is None else wanted + push)
    raise AttemptFailed("the expert took too long")


class _KeptOpen:
    """The task that was opened last: opening one anew for each demonstration costs time."""

    def __init__(self) -> None:
        self._asked: tuple[str, Recording] | None = None
        self._task: MetaWorldTask | None = None

    def get(self, name: str, recording: Recording) -> MetaWorldTask:
        """The task, opened unless it is open already."""
        if self._task is None or self._asked != (name, recording):
            if self._task is not None:
                self._task.close()
            self._task, self._asked = MetaWorldTask(name, recording), (name, recording)
        return self._task


_kept = _KeptOpen()


def _spec(name: str) -> TaskSpec:
    return TaskSpec(
        name=f"metaworld:{name}",
        robot=ROBOT,
        fps=FPS,
        state_names=STATE_NAMES,
        action_names=ACTION_NAMES,
        cameras=CAMERAS,
        open=partial(MetaWorldTask, name),
        demonstrate=partial(demonstrate, name),
    )


class _Tasks(Mapping[str, TaskSpec]):
    """All tasks; also found by the suite's own names, which end in `-v3`."""

    def __init__(self, specs: Mapping[str, TaskSpec]) -> None:
        self._specs = specs

    def __getitem__(self, name: str) -> TaskSpec:
        return self._specs[name.removesuffix(VERSION)]

    def __iter__(self) -> Iterator[str]:
        return iter(self._specs)

    def __len__(self) -> int:
        return len(self._specs)


TASKS: Mapping[str, TaskSpec] = _Tasks({name: _spec(name) for name in INSTRUCTIONS})
"""Tasks by name."""
