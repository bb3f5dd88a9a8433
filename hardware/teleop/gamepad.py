"""A gamepad through SDL, which knows the layout of most of them. Works without a display.

Left stick: x and y; right stick: up and down, turn. D-pad: tilt and roll. Right shoulder: dead-man
switch; left shoulder: fine. Right trigger closes the gripper, left trigger opens it. Start begins
and saves an episode, Back discards it, Y success, X failure, A releases the emergency stop and B
is the emergency stop.
"""

import os
import warnings
from typing import Any

import numpy as np

from hardware.teleop.pad import (
    AXES,
    BUTTONS,
    START,
    WISHES,
    pad_held,
    pad_motion,
    pad_opening,
)
from hardware.teleop.sticks import StickConfig
from robot_skills.core.clock import Clock
from robot_skills.core.errors import MissingDependencyError
from robot_skills.core.teleop import DeviceLost, TeleopSample, Wish

_FULL = 32767.0


class Gamepad:
    """`TeleopDevice` on the first gamepad that SDL knows.

    SDL keeps one queue of events per process, from which only the gamepad's are taken. Use it from
    one thread at a time.

    Args:
        clock: The project clock.
        sticks: How sticks are read.
    """

    name = "gamepad"

    def __init__(self, clock: Clock, sticks: StickConfig | None = None) -> None:
        self._clock = clock
        self._sticks = sticks or StickConfig()
        self._pygame: Any = None
        self._pad: Any = None
        self._opening: float | None = None
        self.recording = False
        """Whether Start saves; follows the buttons, and a session may put it right."""

    def connect(self) -> None:
        """Open the gamepad.

        Raises:
            MissingDependencyError: pygame is not installed, or no gamepad is plugged in.
        """
        if self._pad is not None:
            return
        pygame, controller = _load_sdl()
        pygame.display.init()
        pygame.joystick.init()
        controller.init()
        pygame.event.pump()
        known = [i for i in range(pygame.joystick.get_count()) if controller.is_controller(i)]
        if not known:
            raise MissingDependencyError(
                f"No gamepad was found among {pygame.joystick.get_count()} joysticks. Plug one in, "
                "and check that /dev/input can be read."
            )
        self._pygame = pygame
        self._pad = controller.Controller(known[0])
        self._instance = self._pad.as_joystick().get_instance_id()
        pygame.event.clear(self._events())

    def read(self) -> TeleopSample:
        if self._pad is None:
            raise DeviceLost("The gamepad is not connected.")
        try:
            wishes = self._pressed()
        except self._pygame.error as reason:
            raise DeviceLost(f"SDL was closed under the gamepad: {reason}.") from reason
        if not self._pad.attached():
            self._drop()
            raise DeviceLost("The gamepad was unplugged.")
        axes = [self._axis(axis) for axis in range(AXES)]
        buttons = {one for one in range(BUTTONS) if self._pad.get_button(one)}
        asked = pad_opening(axes)
        self._opening = self._opening if asked is None else asked
        return TeleopSample(
            stamp_s=self._clock.now_s(),
            held=pad_held(buttons),
            motion=pad_motion(axes, buttons, self._sticks),
            opening=self._opening,
            wishes=tuple(wishes),
        )

    def close(self) -> None:
        if self._pad is not None:
            self._drop()

    def _axis(self, axis: int) -> float:
        return float(np.clip(self._pad.get_axis(axis) / _FULL, -1.0, 1.0))

    def _pressed(self) -> list[Wish]:
        """Wishes of the buttons that went down; from events, so that no short press is lost."""
        wishes = []
        for event in self._pygame.event.get(self._events()):
            ours = getattr(event, "instance_id", None) == self._instance
            if ours and event.type == self._pygame.CONTROLLERBUTTONDOWN:
                if event.button == START:
                    wishes.append(Wish.SAVE if self.recording else Wish.START)
                    self.recording = not self.recording
                elif event.button in WISHES:
                    wishes.append(WISHES[event.button])
                    if wishes[-1] in (Wish.DISCARD, Wish.SUCCESS, Wish.FAILURE):
                        self.recording = False
        return wishes

    def _events(self) -> list[int]:
        pygame = self._pygame
        return [
            pygame.CONTROLLERBUTTONDOWN,
            pygame.CONTROLLERBUTTONUP,
            pygame.CONTROLLERAXISMOTION,
            pygame.CONTROLLERDEVICEADDED,
            pygame.CONTROLLERDEVICEREMOVED,
            pygame.JOYBUTTONDOWN,
            pygame.JOYBUTTONUP,
            pygame.JOYAXISMOTION,
            pygame.JOYHATMOTION,
            pygame.JOYDEVICEADDED,
            pygame.JOYDEVICEREMOVED,
        ]

    def _drop(self) -> None:
        pad, self._pad = self._pad, None
        pad.quit()


def _load_sdl() -> tuple[Any, Any]:
    """pygame and its game controllers, ready to run without a display and in the background."""
    os.environ.setdefault("PYGAME_HIDE_SUPPORT_PROMPT", "1")
    os.environ.setdefault("SDL_JOYSTICK_ALLOW_BACKGROUND_EVENTS", "1")
    if not (os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")):
        os.environ.setdefault("SDL_VIDEODRIVER", "dummy")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            import pygame
            from pygame._sdl2 import controller
    except ImportError as reason:
        raise MissingDependencyError(
            "A gamepad needs pygame, which is not installed: pip install 'robot-skills[teleop]'."
        ) from reason
    return pygame, controller
