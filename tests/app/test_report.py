"""The report is one file that tells the whole run, for good and for bad ends."""

import re
from html.parser import HTMLParser

import numpy as np
import pytest
from fake_episode import METADATA, frame, scene, write_fake_episode

from robot_skills.app.pictures import depth_picture, with_boxes
from robot_skills.app.report import ReportInputs, render_report, write_report
from robot_skills.app.story import tell
from robot_skills.core.errors import StorageError
from robot_skills.core.events import Event, EventKind
from robot_skills.data.episode_log import Episode, read_episode


@pytest.fixture(scope="module")
def episode(tmp_path_factory) -> Episode:
    path = tmp_path_factory.mktemp("run") / "episode.mcap"
    write_fake_episode(path)
    return read_episode(path)


class _Text(HTMLParser):
    """Collects text, and every address that the page would load."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.parts: list[str] = []
        self.addresses: list[str] = []
        self.feed(page)

    def handle_data(self, data: str) -> None:
        self.parts.append(data)

    def handle_starttag(self, tag, attrs) -> None:
        self.addresses += [value for name, value in attrs if name in ("src", "href", "poster")]


def test_the_story_counts_attempts_and_keeps_reasons(episode):
    story = tell(episode.events)
    assert [(a.skill, a.number, a.outcome) for a in story.attempts] == [
        ("grasp", 1, "failed"),
        ("grasp", 2, "success"),
        ("place", 1, "success"),
    ]
    assert story.attempts[0].reason == "after 3.5 s nothing is in the gripper"
    assert story.goal == ("in(red_cube, drawer)", "closed(drawer)")
    assert story.believed is True


def test_a_skill_cut_off_by_the_end_of_the_log_is_still_told():
    start = Event(stamp_s=1.0, kind=EventKind.SKILL_START, data={"skill": "home", "args": {}})
    story = tell([start, Event(stamp_s=2.0, kind=EventKind.LOOK)])
    (attempt,) = story.attempts
    assert (attempt.outcome, attempt.end_s) == ("stopped", 2.0)


def test_the_page_says_what_was_believed_and_what_is_true(episode):
    page = render_report(episode, ReportInputs(truth_success=False))
    text = " ".join(" ".join(_Text(page).parts).split())
    assert "The goal holds as the executive believes" in text
    assert "The goal does not hold as the simulator knows" in text
    assert "after 3.5 s nothing is in the gripper" in text
    assert "workspace: 2 cm below the table" in text


def test_words_of_the_user_cannot_become_markup(episode):
    page = render_report(episode, ReportInputs())
    assert "close <it>" not in page
    assert METADATA["instruction"] in "".join(_Text(page).parts)


def test_the_page_loads_nothing_from_elsewhere(episode):
    page = render_report(episode, ReportInputs(film="run.mp4"))
    addresses = _Text(page).addresses
    assert "run.mp4" in addresses
    for address in addresses:
        assert address == "run.mp4" or address.startswith(("data:image/", "#")), address[:80]
    assert not re.search(r"@import|url\(\s*['\"]?https?:", page)


def test_plots_take_their_colours_from_the_page(episode):
    page = render_report(episode, ReportInputs())
    assert page.count("<svg") == 4
    assert "var(--s0)" in page
    assert "#0404" not in page


def test_a_run_that_was_refused_at_once_has_a_report():
    events = (
        Event(stamp_s=0.0, kind=EventKind.INSTRUCTION, data={"text": "dance"}),
        Event(stamp_s=0.0, kind=EventKind.REFUSED, data={"reason": "'dance' is no skill."}),
    )
    refused = Episode(metadata={}, events=events, states={}, commands=(), looks=(), latencies=())
    text = "".join(_Text(render_report(refused, ReportInputs())).parts)
    assert "Refused" in text
    assert "'dance' is no skill." in text


def test_a_report_that_cannot_be_written_is_a_storage_error(episode, tmp_path):
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(StorageError, match=r"report\.html"):
        write_report(tmp_path / "file" / "report.html", episode, ReportInputs())


def test_boxes_are_drawn_where_the_camera_sees_the_thing():
    plain = with_boxes(frame(0.0), _without_things())
    boxed = np.asarray(with_boxes(frame(0.0), scene(0.0))).astype(int)
    changed = np.argwhere(np.abs(boxed - np.asarray(plain)).sum(axis=-1) > 60)
    assert len(changed) > 100
    p_camera = frame(0.0).T_base_camera.inverse() @ scene(0.0)["red_cube"].T_base_entity.p
    column, row = (p_camera @ frame(0.0).K.T)[:2] / p_camera[2]
    factor = boxed.shape[1] / frame(0.0).rgb.shape[1]
    nearest = np.abs(changed - np.array([row, column]) * factor).sum(axis=-1).min()
    assert nearest < 40


def test_depth_without_any_reading_is_black():
    picture = np.asarray(depth_picture(np.zeros((4, 6), dtype=np.float32)))
    assert picture.max() == 0


def _without_things():
    return type(scene(0.0))(stamp_s=0.0, entities={}, opening={})
