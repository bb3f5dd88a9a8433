"""Films play, carry captions, and appear only when they are complete."""

import av
import numpy as np
import pytest

from robot_skills.app.video import BAR_PX, Caption, Film
from robot_skills.core.errors import StorageError
from robot_skills.core.events import Event, EventKind


def _event(kind: EventKind, **data) -> Event:
    return Event(stamp_s=0.0, kind=kind, data=data)


def _picture(value: int) -> np.ndarray:
    return np.full((96, 160, 3), value, dtype=np.uint8)


def test_a_film_holds_every_picture(tmp_path):
    path = tmp_path / "run.mp4"
    with Film(path, fps=12) as film:
        for i in range(6):
            film.add(_picture(30 * i))
        assert not path.exists()
    with av.open(str(path)) as container:
        frames = [frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)]
        assert container.streams.video[0].codec_context.name == "h264"
    assert [round(float(frame.mean()) / 30) for frame in frames] == list(range(6))


def test_a_film_without_pictures_leaves_nothing(tmp_path):
    with Film(tmp_path / "run.mp4", fps=12):
        pass
    assert list(tmp_path.iterdir()) == []


def test_a_film_in_a_folder_that_cannot_be_is_a_storage_error(tmp_path):
    (tmp_path / "file").write_text("in the way")
    with (
        pytest.raises(StorageError, match=r"run\.mp4"),
        Film(tmp_path / "file" / "run.mp4", fps=12) as film,
    ):
        film.add(_picture(0))


def test_the_caption_stands_under_the_picture_and_leaves_it_alone():
    page = Caption().draw(_picture(77), 1.5)
    assert page.shape == (96 + BAR_PX, 160, 3)
    assert np.all(page[:96] == 77)


def test_the_caption_follows_the_run():
    caption = Caption()
    before = caption.draw(_picture(0), 0.0)
    caption.emit(_event(EventKind.PLAN, calls=[{"skill": "home", "args": {}}]))
    caption.emit(_event(EventKind.SKILL_START, skill="home", args={}))
    during = caption.draw(_picture(0), 0.0)
    caption.emit(_event(EventKind.RUN_END, success=True))
    after = caption.draw(_picture(0), 0.0)
    assert not np.array_equal(before, during)
    assert not np.array_equal(during, after)


def test_words_longer_than_the_bar_are_cut():
    caption = Caption()
    caption.emit(_event(EventKind.INSTRUCTION, text="put " + "very " * 60 + "far"))
    assert caption.draw(_picture(0), 0.0).shape[1] == 160
