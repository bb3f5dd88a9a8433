"""Recorded episodes over HTTP: reading for everybody, changes for the page in control."""

import logging
import math
from collections.abc import Callable, Mapping
from typing import Annotated, Any

from fastapi import APIRouter, Header, Response
from pydantic import BaseModel, ConfigDict, Field

from robot_skills.console.backend import EpisodeLibrary
from robot_skills.console.pictures import Picture, colour_picture, depth_picture
from robot_skills.console.wire import to_plain
from robot_skills.core.annotation import Outcome, Subtask
from robot_skills.core.errors import RefusedError

audit = logging.getLogger("robot_skills.console.audit")

_MAX_SUBTASKS = 500
_Seconds = Annotated[float, Field(ge=0.0, allow_inf_nan=False)]
_Words = Annotated[str, Field(max_length=500)]
_Secret = Annotated[str, Header(alias="x-console-client")]


class Span(BaseModel):
    """A subtask as a page sends it."""

    model_config = ConfigDict(extra="forbid")
    start_s: _Seconds
    end_s: _Seconds
    words: _Words


class Change(BaseModel):
    """What a page changes about an episode; what is left out stays."""

    model_config = ConfigDict(extra="forbid", strict=False)
    task: _Words | None = None
    outcome: Outcome | None = None
    rating: Annotated[int, Field(ge=1, le=5)] | None = None
    label: _Words | None = None
    discarded: bool | None = None
    trim_s: tuple[_Seconds, _Seconds] | None = None
    subtasks: Annotated[list[Span], Field(max_length=_MAX_SUBTASKS)] | None = None

    def arguments(self) -> dict[str, Any]:
        """Keyword arguments of `EpisodeLibrary.annotate`.

        Raises:
            RefusedError: A span ends before it begins.
        """
        given = {name: getattr(self, name) for name in self.model_fields_set}
        if self.subtasks is not None:
            try:
                given["subtasks"] = tuple(Subtask(**span.model_dump()) for span in self.subtasks)
            except ValueError as error:
                raise RefusedError(str(error)) from error
        return given


def library_routes(library: EpisodeLibrary, require_control: Callable[[str], None]) -> APIRouter:
    """Routes under ``/api`` for a library.

    Args:
        library: May block; it is called from worker threads.
        require_control: Raises RefusedError unless the page with this secret has control.
    """
    router = APIRouter(prefix="/api")

    @router.get("/library")
    def episodes() -> Mapping[str, Any]:
        return {"name": library.name, "episodes": to_plain(library.episodes())}

    @router.get("/episodes/{number}/curves")
    def curves(number: int) -> Mapping[str, Any]:
        return to_plain(library.curves(number))

    @router.get("/episodes/{number}/colour")
    def colour(number: int, camera: str, at_s: float) -> Response:
        return _picture(colour_picture(library.picture(number, camera, _time(at_s))))

    @router.get("/episodes/{number}/depth")
    def depth(number: int, camera: str, at_s: float) -> Response:
        return _picture(depth_picture(library.depth(number, camera, _time(at_s))))

    @router.post("/episodes/{number}")
    def annotate(number: int, change: Change, secret: _Secret = "") -> Mapping[str, Any]:
        require_control(secret)
        row = library.annotate(number, **change.arguments())
        audit.info("Episode %d: changed %s.", number, ", ".join(sorted(change.model_fields_set)))
        return to_plain(row)

    return router


def _time(at_s: float) -> float:
    if not math.isfinite(at_s) or at_s < 0.0:
        raise RefusedError(f"A time in an episode is at least 0, got {at_s}.")
    return at_s


def _picture(picture: Picture) -> Response:
    scale = {} if picture.near_m is None else {"x-depth-range": f"{picture.near_m},{picture.far_m}"}
    return Response(picture.jpeg, media_type="image/jpeg", headers=scale)
