"""A gamepad that SDL itself pretends to have; driven through the SDL that pygame carries."""

import ctypes
import os
import warnings
from pathlib import Path

os.environ["SDL_VIDEODRIVER"] = "dummy"
os.environ["SDL_JOYSTICK_ALLOW_BACKGROUND_EVENTS"] = "1"
os.environ["PYGAME_HIDE_SUPPORT_PROMPT"] = "1"

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    import pygame

GAME_CONTROLLER, AXES, BUTTONS = 1, 6, 15
FULL = 32767


def _sdl() -> ctypes.CDLL:
    folder = Path(pygame.__file__).parent.parent / "pygame.libs"
    sdl = ctypes.CDLL(str(next(folder.glob("libSDL2-2-*"))))
    sdl.SDL_JoystickOpen.restype = ctypes.c_void_p
    pointer = ctypes.c_void_p
    sdl.SDL_JoystickSetVirtualAxis.argtypes = [pointer, ctypes.c_int, ctypes.c_int16]
    sdl.SDL_JoystickSetVirtualButton.argtypes = [pointer, ctypes.c_int, ctypes.c_uint8]
    sdl.SDL_JoystickClose.argtypes = [pointer]
    return sdl


class VirtualPad:
    """Plugged in from construction until `unplug`."""

    def __init__(self) -> None:
        pygame.display.init()
        pygame.joystick.init()
        self._sdl = _sdl()
        self._index: int | None = None
        self.plug_in()

    def plug_in(self) -> None:
        self._index = self._sdl.SDL_JoystickAttachVirtual(GAME_CONTROLLER, AXES, BUTTONS, 0)
        assert self._index >= 0
        self._stick = self._sdl.SDL_JoystickOpen(self._index)

    def unplug(self) -> None:
        if self._index is not None:
            self._sdl.SDL_JoystickDetachVirtual(self._index)
            self._sdl.SDL_JoystickClose(self._stick)
            self._index = None

    def axis(self, axis: int, deflection: float) -> None:
        self._sdl.SDL_JoystickSetVirtualAxis(self._stick, axis, round(deflection * FULL))

    def button(self, button: int, down: bool = True) -> None:
        self._sdl.SDL_JoystickSetVirtualButton(self._stick, button, int(down))
        pygame.event.pump()
