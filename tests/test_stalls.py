"""What fails by the machine, or by discovery, is repeated, and nothing else."""

import os
import signal
import time
from pathlib import Path

import pytest

from tests.stalls import BEFORE_S, TOO_LONG_S, Stalls

pytest_plugins = ["pytester"]

CONFTEST = """
from tests.conftest import *
from tests.stalls import Stalls

Stalls.start = lambda self: None
Stalls.longest_s = lambda self, since_s: {longest_s}
"""
SUITE = """
import pytest

tries, made = [], []

@pytest.fixture(scope="module")
def station():
    made.append(1)
    return len(made)

def test_fails_once(station):
    tries.append(station)
    assert tries == [1, 2]

def test_fails_always(station):
    assert False

def test_stations():
    assert len(made) == {stations}
"""


def test_a_stopped_loop_is_noticed():
    stalls = Stalls()
    stalls.start()
    try:
        time.sleep(0.3)
        begun_s = time.monotonic()
        for loop in stalls._loops:
            os.kill(loop.pid, signal.SIGSTOP)
        time.sleep(0.5)
        for loop in stalls._loops:
            os.kill(loop.pid, signal.SIGCONT)
        time.sleep(0.2)
        assert stalls.longest_s(begun_s) > 0.4
        assert stalls.longest_s(time.monotonic()) == 0.0
    finally:
        stalls.close()


def test_only_a_long_and_late_one_is_an_excuse():
    stalls = Stalls()
    stalls.note(100.0, 2.0)
    stalls.note(200.0, 0.9 * TOO_LONG_S)
    assert "2.0 s" in stalls.excuse(99.0)
    assert "2.0 s" in stalls.excuse(100.0 + 0.9 * BEFORE_S)
    assert not stalls.excuse(101.0 + BEFORE_S)


@pytest.mark.parametrize(("longest_s", "stations", "passed"), [(1.0, 4, 2), (0.1, 1, 1)])
def test_repeats_make_everything_anew(pytester, monkeypatch, longest_s, stations, passed):
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parents[1]))
    pytester.makeconftest(CONFTEST.format(longest_s=longest_s))
    pytester.makepyfile(SUITE.format(stations=stations))
    found = pytester.runpytest_subprocess("-p", "no:cacheprovider")
    found.assert_outcomes(passed=passed, failed=3 - passed)
    assert ("is repeated" in found.stdout.str()) == (longest_s > TOO_LONG_S)


@pytest.mark.parametrize(
    ("problem", "tries"),
    [
        ('RobotFault("Waited 20 s for the service worker/change_state.")', 3),
        ('RobotFault("Waited 60 s for the action server.")', 3),
        ('RobotFault("Waited 1 s for the service gate/submit.")', 1),
        ('RobotFault("Waited 30 s for an answer of plan_task.")', 1),
        ('RuntimeError("Waited 20 s for the service worker/change_state.")', 1),
    ],
)
def test_who_did_not_discover_a_service_tries_again(problem, tries, pytester, monkeypatch):
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parents[1]))
    pytester.makeconftest(CONFTEST.format(longest_s=0.0))
    pytester.makepyfile(f"""
        from robot_skills.core.errors import RobotFault

        def test_never_finds_it():
            with open("tries", "a") as file:
                file.write("x")
            raise {problem}
    """)
    found = pytester.runpytest_subprocess("-p", "no:cacheprovider")
    found.assert_outcomes(failed=1)
    assert (pytester.path / "tries").read_text() == "x" * tries
    assert ("is repeated: the" in found.stdout.str()) == (tries > 1)
