"""`robot-skills replay`: opens the cell as it was, replays, says and writes how it went."""

from dataclasses import replace

from robot_skills.app.dataset.common import open_store, progress
from robot_skills.app.outcome import CommandResult
from robot_skills.app.replay.options import ReplayOptions
from robot_skills.app.replay.player import ReplayConfig, replay
from robot_skills.app.replay.tracking import TrackErrors, TrackingReport
from robot_skills.core.errors import RefusedError, unknown_name
from robot_skills.data.reader import read_recorded
from robot_skills.data.series import EpisodeData

_CAMERA_PX = (64, 64)
"""Nobody looks through the cameras."""
_DONE_S = 1.0
"""Longest wait for the simulator to see that the task is done."""


def main(options: ReplayOptions) -> CommandResult:
    """Replay one episode."""
    store = open_store(options.dataset)
    entry = store.entry(options.episode)
    config = ReplayConfig(told="requested" if options.requested else "sent", speed=options.speed)
    episode = read_recorded(entry, store)
    report = replay_in_station(episode, _robot_name(options, episode), config)
    _say(report)
    written = _write(options, report)
    return CommandResult(
        payload={**report.to_json(), "files": written}, exit_code=0 if report.finished else 1
    )


def replay_in_station(episode: EpisodeData, name: str, config: ReplayConfig) -> TrackingReport:
    """Replay in a simulated cell that is laid out as it was when the episode was recorded.

    Args:
        episode: What was recorded; its origin says the seed of the layout.
        name: Of the station.
        config: How.

    Raises:
        UnknownNameError: There is no such station.
        DatasetError: The episode holds no actions.
    """
    from sim.stations import open_station

    seed = episode.meta.get("seed", "")
    notes = [] if seed.isdigit() else ["the recording does not say where things stood"]
    recorded = episode.meta.get("robot", "")
    if ":" in recorded and recorded != name:
        notes.append(f"recorded with {recorded}, so things may stand elsewhere")
    station = open_station(name, _CAMERA_PX)
    try:
        station.begin(int(seed) if seed.isdigit() else 0)
        with progress(None, f"replaying on {name}", " s") as bar:
            report = replay(
                episode,
                station.robot,
                config,
                kind=name,
                told=lambda done_s, _: bar.update(round(done_s - bar.n, 3)),
            )
        end_s = station.clock.now_s() + _DONE_S
        while not station.succeeded() and station.clock.now_s() < end_s:
            station.clock.sleep_until(station.clock.now_s() + station.robot.control_period_s)
        return replace(report, succeeded=station.succeeded(), notes=tuple(notes))
    finally:
        station.close()


def _robot_name(options: ReplayOptions, episode: EpisodeData) -> str:
    from sim.stations import STATIONS

    name = options.robot or episode.meta.get("robot", "")
    if name in STATIONS:
        return name
    if options.robot is None:
        raise RefusedError(
            f"The recording does not name a robot that is known here (it says {name!r}); give "
            f"--robot. Available: {', '.join(STATIONS)}."
        )
    raise unknown_name("robot", name, STATIONS)


def _say(report: TrackingReport) -> None:
    print(f"{report.episode} on {report.robot}, {report.speed:g} times as fast as recorded")
    if report.stopped is not None:
        print(f"stopped after {report.done_s:.1f} of {report.planned_s:.1f} s: {report.stopped}")
    for name, arm in report.arms.items():
        pairs = [("commanded", arm.to_commanded), ("recorded", arm.to_recorded)]
        for what, found in pairs:
            if found is not None:
                print(f"{name}: {errors_text(found.as_it_is)} from {what}")
                lag = f"{1e3 * found.lag_s:.0f} ms"
                print(f"{'':{len(name)}}  {errors_text(found.without_lag)} without a lag of {lag}")
    if report.slowed:
        print(f"the safety gate changed {report.slowed} commands")
    if report.succeeded is not None:
        print("the task was done again" if report.succeeded else "the task was not done again")
    for note in report.notes:
        print(f"note: {note}")


def errors_text(found: TrackErrors) -> str:
    """For example ``1.2 mm (95 %: 3.1, worst 4.0), 0.3° (0.8)``."""
    p, r = found.position_mm, found.rotation_deg
    return (
        f"{p.median:.1f} mm (95 %: {p.p95:.1f}, worst {p.max:.1f}), "
        f"{r.median:.2f}° (95 %: {r.p95:.2f})"
    )


def _write(options: ReplayOptions, report: TrackingReport) -> list[str]:
    if options.out is None:
        return []
    from robot_skills.app.replay.files import write_report

    files = write_report(options.out, report)
    print(f"written: {', '.join(path.name for path in files)} in {options.out}")
    return [str(path) for path in files]
