"""The film of a run: pictures from a third-person camera over a caption bar, as H.264 in MP4.

The caption follows the run's events: what is wanted, which step of the plan runs, how it ended.
"""

import os
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from fractions import Fraction
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import av
import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from robot_skills.app.story import call_text
from robot_skills.core.errors import StorageError
from robot_skills.core.events import Event, EventKind
from sim.render import Quality, RgbdRenderer
from sim.robot import CONTROL_PERIOD_S, SimRobot
from sim.world import FILM_CAMERA

BAR_PX = 56
"""Height of the caption bar under the picture."""
_SIZE_PX = (640, 480)
_EVERY_STEPS, _FPS = 3, 15
"""Control steps from one picture to the next, and pictures per second of the film."""
_LAST_PICTURE_S = 1.5
_MARGIN_PX = 14
_BAR = (24, 27, 33)
_TRACK = (58, 63, 73)
_TEXT = (238, 240, 244)
_DIM = (156, 163, 176)
_TONES = {
    "busy": (88, 166, 255),
    "good": (63, 185, 120),
    "bad": (240, 110, 90),
}


class Film:
    """Writes frames to an MP4, which appears under its name when it is complete.

    Args:
        path: The finished film.
        fps: Pictures per second of the film.
    """

    def __init__(self, path: Path, fps: int) -> None:
        self.path = path
        self.fps = fps
        self._partial = path.with_name(path.name + ".part")
        self._container: Any = None
        self._stream: Any = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def add(self, picture: NDArray[np.uint8]) -> None:
        """Append one picture, uint8 (H, W, 3), with even sides.

        Raises:
            StorageError: It cannot be written.
        """
        try:
            if self._container is None:
                self._open(picture.shape[1], picture.shape[0])
            self._mux(av.VideoFrame.from_ndarray(picture, "rgb24"))
        except OSError as error:
            self._give_up(error)

    def close(self) -> None:
        """Complete the film and give it its name. Safe to call twice."""
        if self._container is None:
            return
        try:
            self._mux(None)
            self._container.close()
            self._container = None
            os.replace(self._partial, self.path)
        except OSError as error:
            self._give_up(error)

    def _open(self, width_px: int, height_px: int) -> None:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        # The index goes to the front, so that a browser can play while it loads.
        self._container = av.open(
            str(self._partial), "w", format="mp4", options={"movflags": "+faststart"}
        )
        self._stream = self._container.add_stream("libx264", rate=Fraction(self.fps))
        self._stream.width, self._stream.height = width_px, height_px
        self._stream.pix_fmt = "yuv420p"
        self._stream.options = {"preset": "veryfast", "crf": "21"}
        self._stream.thread_count = 1

    def _mux(self, frame: av.VideoFrame | None) -> None:
        for packet in self._stream.encode(frame):
            self._container.mux(packet)

    def _give_up(self, error: OSError) -> None:
        container, self._container = self._container, None
        try:
            if container is not None:
                container.close()
        except OSError:
            self._partial.unlink(missing_ok=True)
        reason = error.strerror or str(error)
        raise StorageError(f"Cannot write {self.path}: {reason}.") from error


class Caption:
    """What the bar says; an `EventSink` that follows the run.

    Args:
        speed: How many times faster than the robot the film plays.
    """

    def __init__(self, speed: float = _EVERY_STEPS * CONTROL_PERIOD_S * _FPS) -> None:
        self._speed = speed
        self._title = ""
        self._text = "Looking"
        self._tone = "busy"
        self._steps = 0
        self._step = 0
        self._call = ""
        self._fonts = (ImageFont.load_default(19), ImageFont.load_default(13))

    def emit(self, event: Event) -> None:
        data = event.data
        match event.kind:
            case EventKind.INSTRUCTION:
                self._title = str(data.get("text", ""))
            case EventKind.PLAN:
                self._steps, self._step = len(data.get("calls", ())), 0
                self._call = ""
                self._say("Planned again" if data.get("number") else "Planned")
            case EventKind.SKILL_START:
                self._start(call_text(data))
            case EventKind.SKILL_END:
                good = data.get("outcome") == "success"
                self._say(self._text, "good" if good else "bad")
            case EventKind.RETRY:
                self._say(f"Once more: {self._call}", "bad")
            case EventKind.REFUSED:
                self._say("Refused", "bad")
            case EventKind.RUN_END:
                self._end(bool(data.get("success")))
            case _:
                pass

    def draw(self, rgb: NDArray[np.uint8], stamp_s: float) -> NDArray[np.uint8]:
        """The picture (H, W, 3) with the bar under it, (H + BAR_PX, W, 3)."""
        height, width = rgb.shape[:2]
        page = Image.new("RGB", (width, height + BAR_PX), _BAR)
        page.paste(Image.fromarray(rgb), (0, 0))
        draw = ImageDraw.Draw(page)
        large, small = self._fonts
        clock = f"{stamp_s:5.1f} s"
        speed = "" if self._speed == 1.0 else f"{self._speed:g}x speed"
        right = width - _MARGIN_PX
        draw.text((right, height + 9), clock, font=large, fill=_TEXT, anchor="ra")
        draw.text((right, height + 34), speed, font=small, fill=_DIM, anchor="ra")
        room = right - _MARGIN_PX - 110
        tone = _TONES[self._tone]
        step = f"{self._step}/{self._steps}  " if self._steps and self._step else ""
        self._line(draw, (_MARGIN_PX, height + 9), step + self._text, large, tone, room)
        self._line(draw, (_MARGIN_PX, height + 34), self._title, small, _DIM, room)
        done = self._step / self._steps if self._steps else 0.0
        draw.rectangle((0, height, width, height + 2), fill=_TRACK)
        draw.rectangle((0, height, int(done * width), height + 2), fill=tone)
        return np.asarray(page)

    def _start(self, call: str) -> None:
        # The same call again is another attempt at the same step.
        self._step = min(self._step + (call != self._call), self._steps)
        self._call = call
        self._say(call)

    def _say(self, text: str, tone: str = "busy") -> None:
        self._text, self._tone = text, tone

    def _end(self, success: bool) -> None:
        self._step = self._steps if success else self._step
        self._say("Done" if success else "Not done", "good" if success else "bad")

    @staticmethod
    def _line(
        draw: ImageDraw.ImageDraw,
        at: tuple[int, int],
        text: str,
        font: Any,
        fill: tuple[int, int, int],
        room_px: int,
    ) -> None:
        while text and draw.textlength(text, font=font) > room_px:
            text = text.rstrip("…")[:-1] + "…"
        draw.text(at, text, font=font, fill=fill)


class Camera:
    """Films at every n-th control step.

    Args:
        film: Where the pictures go.
        caption: What stands under them.
        render: Makes one picture, uint8 (H, W, 3).
        every: Control steps from one picture to the next.
    """

    def __init__(
        self,
        film: Film,
        caption: Caption,
        render: Callable[[], NDArray[np.uint8]],
        every: int,
    ) -> None:
        self._film = film
        self._caption = caption
        self._render = render
        self._every = every
        self._count = 0

    def step(self, stamp_s: float) -> None:
        """Called after every control step."""
        if self._count % self._every == 0:
            self._film.add(self._caption.draw(self._render(), stamp_s))
        self._count += 1

    def hold(self, stamp_s: float) -> None:
        """Let the last picture stand for a while at the end."""
        picture = self._caption.draw(self._render(), stamp_s)
        for _ in range(round(_LAST_PICTURE_S * self._film.fps)):
            self._film.add(picture)


class PlannedFilm:
    """A film that is to be made; its caption follows the run from before the first picture.

    Args:
        path: The finished film.
    """

    def __init__(self, path: Path) -> None:
        self.caption = Caption()
        self._path = path

    def start(self, sim: SimRobot) -> AbstractContextManager[Camera]:
        """Film a connected robot until the block ends."""
        return filming(self._path, sim, self.caption)


@contextmanager
def filming(path: Path, sim: SimRobot, caption: Caption) -> Iterator[Camera]:
    """Film a connected robot until the block ends.

    Args:
        path: The finished film.
        sim: Whom to film.
        caption: What stands under the pictures; it has to hear of the run's events.
    """
    world = sim.world
    with Film(path, fps=_FPS) as film, RgbdRenderer(world.model, *_SIZE_PX, Quality.FILM) as eye:

        def render() -> NDArray[np.uint8]:
            world.refresh()
            return eye.render(world.data, FILM_CAMERA).rgb

        camera = Camera(film, caption, render, every=_EVERY_STEPS)
        sim.on_step.append(lambda robot: camera.step(robot.clock.now_s()))
        yield camera
