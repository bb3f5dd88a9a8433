"""How soon the arm is told to stop when the page that moves it goes.

Run with ``python -m benchmarks.letting_go``. A real console on a simulated Panda at 20 Hz, a real
browser that holds a key. Then its tab is closed, or the whole browser is killed. Timed, on the
clock that all processes share, from the moment before that until the session stops the robot; the
control period of 50 ms is part of it.
"""

import argparse
import json
import multiprocessing
import re
import time
from multiprocessing.connection import Connection

import numpy as np

from robot_skills.app.collect.build import collecting
from robot_skills.app.collect.commands import ConsoleLink
from robot_skills.app.collect.options import ConsoleOptions
from robot_skills.app.collect.session import CollectSession, Motion

REPEATS = 20
LIMIT_MS = 150.0
_CHROMIUM = "/usr/bin/chromium"
_ARGUMENTS = ("--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking")


def main() -> None:
    """Print one line of JSON per way to go."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeats", type=int, default=REPEATS)
    args = parser.parse_args()
    for way in ("tab closed", "browser killed"):
        times = measure(way, args.repeats)
        print(
            json.dumps(
                {
                    "way": way,
                    "repeats": len(times),
                    "median_ms": float(np.median(times)),
                    "worst_ms": max(times),
                    "limit_ms": LIMIT_MS,
                }
            ),
            flush=True,
        )


def measure(way: str, repeats: int) -> list[float]:
    """Milliseconds from the page's end to the robot's stop, once per repeat."""
    found: list[float] = []
    options = ConsoleOptions(robot="sim:panda", device=("console",), cameras=(), port=0)
    with collecting(options) as parts:
        session = parts.session
        link = ConsoleLink(parts, options)
        session.connect()
        assert parts.console is not None
        for _ in range(repeats):
            found.append(_once(session, link, parts.console.url, way))
        session.close()
    return found


def _once(session: CollectSession, link: ConsoleLink, url: str, way: str) -> float:
    ours, theirs = multiprocessing.get_context("spawn").Pipe()
    person = multiprocessing.get_context("spawn").Process(target=_hold, args=(theirs, url, way))
    person.start()
    stops: list[float] = []
    stop = session.robot.stop
    session.robot.stop = lambda: (stops.append(time.monotonic()), stop())[1]  # type: ignore[method-assign]
    gone_s: float | None = None
    while person.is_alive() or gone_s is None or session.motion is Motion.MOVING:
        session.step()
        link(session)
        if ours.poll():
            gone_s = ours.recv()
    person.join()
    session.robot.stop = stop  # type: ignore[method-assign]
    return 1e3 * (min(at_s for at_s in stops if at_s >= gone_s) - gone_s)


def _hold(pipe: Connection, url: str, way: str) -> None:
    """A browser that holds a key, and then goes."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=_CHROMIUM, args=list(_ARGUMENTS))
        page = browser.new_page(viewport={"width": 1280, "height": 800})
        page.route("**/view3d/**", lambda route: route.abort())
        page.goto(url)
        page.get_by_role("button", name=re.compile("take control", re.IGNORECASE)).click()
        page.get_by_text("You have control").wait_for()
        page.keyboard.down("r")
        page.wait_for_timeout(600)
        pipe.send(time.monotonic())
        if way == "tab closed":
            page.close()
        else:
            _kill_children()
        pipe.close()
        if way == "tab closed":
            browser.close()


def _kill_children() -> None:
    import psutil

    for child in psutil.Process().children(recursive=True):
        if "chromium" in child.name():
            child.kill()


if __name__ == "__main__":
    main()
