"""What all tests have in common."""

import os
import signal
import sys
import time
from collections.abc import Iterator

import pytest
from _pytest.runner import runtestprotocol

from tests.discovery import undiscovered
from tests.stalls import Stalls

_MOST_REPEATS = 2
_LONGEST = ("_over_ros.py", "tests/plugins/")
"""In the names of files that take a minute or more."""
_STALLS = pytest.StashKey[Stalls]()


def pytest_configure(config: pytest.Config) -> None:
    """Undo what who started the tests has set, and what every process of a test would inherit.

    Signals mean what they usually do. Bytecode is kept: many images of containers forbid it, and
    without it each process compiles torch, LeRobot and all else anew, which doubles its start.
    """
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    sys.dont_write_bytecode = False
    # Processes that share tests out would take the files with the fewest tests last.
    config.option.loadscopereorder = False
    for number, usual in (
        (signal.SIGINT, signal.default_int_handler),
        (signal.SIGHUP, signal.SIG_DFL),
    ):
        if signal.getsignal(number) is signal.SIG_IGN:
            signal.signal(number, usual)
    config.stash[_STALLS] = Stalls()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The longest files come first: at the end each process has little left to wait for."""
    items.sort(key=_place)


def _place(item: pytest.Item) -> int:
    found = (i for i, words in enumerate(_LONGEST) if words in item.nodeid)
    return next(found, len(_LONGEST))


def pytest_sessionstart(session: pytest.Session) -> None:
    shared_out = session.config.getoption("numprocesses", None) is not None
    if not shared_out or hasattr(session.config, "workerinput"):
        session.config.stash[_STALLS].start()


def pytest_unconfigure(config: pytest.Config) -> None:
    config.stash[_STALLS].close()


@pytest.fixture(autouse=True)
def _ordinary_priority() -> Iterator[None]:
    """What a test encodes does not come before the nodes of all others, for as long as it runs."""
    yield
    if os.sched_getscheduler(0) != os.SCHED_OTHER:
        os.sched_setscheduler(0, os.SCHED_OTHER, os.sched_param(0))
        pytest.fail("This process has got real-time priority; see robot_skills.core.priority.")


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_protocol(item: pytest.Item, nextitem: pytest.Item | None) -> bool:
    """Repeat what failed by the machine or by DDS, with everything that it uses made anew."""
    hook, stalls = item.ihook, item.config.stash[_STALLS]
    hook.pytest_runtest_logstart(nodeid=item.nodeid, location=item.location)
    reports, repeats = [], 0
    while not reports:
        begun_s = time.monotonic()
        reports = runtestprotocol(item, log=False, nextitem=nextitem)
        if not any(report.failed for report in reports) or repeats == _MOST_REPEATS:
            break
        if excuse := stalls.excuse(begun_s) or undiscovered(reports):
            item.warn(pytest.PytestWarning(f"{item.nodeid} is repeated: {excuse}."))
            item.session._setupstate.teardown_exact(None)
            reports, repeats = [], repeats + 1
    for report in reports:
        hook.pytest_runtest_logreport(report=report)
    hook.pytest_runtest_logfinish(nodeid=item.nodeid, location=item.location)
    return True
