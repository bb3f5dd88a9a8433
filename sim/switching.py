"""What presses do: a button turns its lamp on and off, a rocker goes over to its other side."""

from collections.abc import Mapping

import mujoco

from sim.fixtures import (
    BUTTON,
    BUTTON_LAMP,
    BUTTON_SLIDE,
    ROCKER_RAD,
    SWITCH,
    SWITCH_HINGE,
    SWITCH_LAMP,
    rest_rad,
    show_lamp,
)

_ARMED = "armed"
_PRESSED_M = 0.006
_RELEASED_M = 0.003


class Switching:
    """The states of a world's button and switch.

    Args:
        model: Of the world; its springs and lamps are changed.
        data: Of the world.
        button_on: How the button begins; None where there is none.
        switch_on: How the switch begins; None where there is none.
    """

    def __init__(
        self,
        model: mujoco.MjModel,
        data: mujoco.MjData,
        button_on: bool | None,
        switch_on: bool | None,
    ) -> None:
        self._model, self._data = model, data
        self._start = {
            name: on for name, on in ((BUTTON, button_on), (SWITCH, switch_on)) if on is not None
        }
        self._on: dict[str, bool] = {}
        self._armed = True

    def reset(self) -> None:
        """Back to how they begin."""
        self._on, self._armed = dict(self._start), True
        if SWITCH in self._on:
            angle_rad = ROCKER_RAD if self._on[SWITCH] else -ROCKER_RAD
            self._data.qpos[self._address(SWITCH_HINGE)] = angle_rad
        self._show()

    @property
    def state(self) -> dict[str, bool]:
        """Which of them are on, and whether the button can be pressed again."""
        return {**self._on, _ARMED: self._armed}

    def restore(self, state: Mapping[str, bool]) -> None:
        """Go on from what `state` was."""
        self._on, self._armed = {name: state[name] for name in self._start}, state[_ARMED]
        self._show()

    def is_on(self, name: str) -> bool:
        """Whether the button or the switch is on."""
        return self._on[name]

    def update(self) -> None:
        """To be called after the physics went on: notice what was pressed."""
        before = dict(self._on)
        if BUTTON in self._on:
            pressed_m = float(self._data.qpos[self._address(BUTTON_SLIDE)])
            if self._armed and pressed_m > _PRESSED_M:
                self._armed, self._on[BUTTON] = False, not self._on[BUTTON]
            elif pressed_m < _RELEASED_M:
                self._armed = True
        if SWITCH in self._on:
            self._on[SWITCH] = float(self._data.qpos[self._address(SWITCH_HINGE)]) > 0.0
        if self._on != before:
            self._show()

    def _address(self, joint: str) -> int:
        return int(self._model.joint(joint).qposadr[0])

    def _show(self) -> None:
        for name, lamp in ((BUTTON, BUTTON_LAMP), (SWITCH, SWITCH_LAMP)):
            if name in self._on:
                show_lamp(self._model, lamp, self._on[name])
        if SWITCH in self._on:
            spring = self._address(SWITCH_HINGE)
            self._model.qpos_spring[spring] = rest_rad(1.0 if self._on[SWITCH] else -1.0)
