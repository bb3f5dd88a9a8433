"""Builds what a collecting command needs from its options, and takes it down again."""

import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from importlib.metadata import version
from pathlib import Path

from hardware.teleop import HandOperator, MailboxDevice, OperatorConfig, WordsDevice
from robot_skills.app.collect.cell_station import PREFIX, open_cell_station
from robot_skills.app.collect.devices import AnyDevice, RestampedDevice
from robot_skills.app.collect.hands import ALONE, hand_device
from robot_skills.app.collect.leader_file import leader_device
from robot_skills.app.collect.library import StoreLibrary
from robot_skills.app.collect.options import CellOptions, ConsoleOptions, RecordingOptions
from robot_skills.app.collect.session import CollectSession, SessionConfig
from robot_skills.app.collect.skill_source import skill_source
from robot_skills.app.collect.skills import SkillRuns
from robot_skills.app.gating import gate_here
from robot_skills.console.app_link import ConsoleProcess
from robot_skills.console.config import ConsoleConfig
from robot_skills.core.clock import Clock
from robot_skills.core.errors import RefusedError
from robot_skills.core.events import Event
from robot_skills.core.frame_ring import FrameRing, RingSize
from robot_skills.core.robot import Robot
from robot_skills.core.teleop import TeleopDevice
from robot_skills.core.types import DEFAULT_ARM
from robot_skills.data.names import checked_name
from robot_skills.data.recorder import Recorder, RecorderConfig
from robot_skills.data.schema import CameraSpec, DatasetSchema, NumbersSpec
from robot_skills.data.store import EpisodeStore
from sim.stations import Station, open_station

_RING_SLOTS = 48


class HandClock:
    """`time.monotonic`, which all processes of a machine share: the clock that hands live by."""

    def now_s(self) -> float:
        return time.monotonic()

    def sleep_until(self, stamp_s: float) -> None:
        time.sleep(max(stamp_s - time.monotonic(), 0.0))


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Collecting:
    """Everything that a collecting command works with.

    Attributes:
        session: Not connected yet.
        skills: Instructions, carried out by the session.
        device: All hands as one.
        mailbox: The hand at the console; None without one.
        words: Typed sentences; None where nobody can type.
        console: Started; None without one.
        dataset: Name of the dataset; empty when nothing is recorded.
    """

    session: CollectSession
    skills: SkillRuns
    device: AnyDevice
    mailbox: MailboxDevice | None
    words: WordsDevice | None
    console: ConsoleProcess | None
    dataset: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Recording:
    """What the options say about recording."""

    root: Path
    task: str
    episodes: int | None
    recorder: RecorderConfig
    save_when_done: bool
    start_by_itself: bool


@contextmanager
def collecting(options: CellOptions) -> Iterator[Collecting]:
    """A session, and whatever it needs, running; ended when the block is left.

    Raises:
        RefusedError: Options that make no sense, or a dataset that cannot be recorded into.
        MissingDependencyError: A library or a device is not there.
    """
    _check(options)
    recording = recording_of(options)
    with ExitStack() as stack:
        station = _station(options)
        stack.callback(station.close)
        _check_cameras(options.cameras, station.robot)
        rings = {
            name: stack.enter_context(_ring(name, options.camera_px)) for name in options.cameras
        }
        held: list[CollectSession] = []
        robot = gate_here(station.robot, _Events(held))
        recorder = _recorder(stack, station, robot, recording, rings, options)
        clock = HandClock()
        devices, mailbox, words = _devices(options, clock)
        device = AnyDevice(devices)
        hand = RestampedDevice(device, clock, robot.clock)
        operator = HandOperator(
            hand,
            robot.arms[DEFAULT_ARM],
            robot.kinematics(DEFAULT_ARM),
            robot.clock,
            robot.control_period_s,
            OperatorConfig(speed_fraction=options.speed, turn_fraction=options.speed),
        )
        session = CollectSession(
            station,
            robot,
            operator,
            recorder,
            rings,
            _session_config(options, recording),
            EpisodeStore(recording.root) if recording else None,
        )
        held.append(session)
        console = _console(stack, options, recording, rings) if mailbox is not None else None
        yield Collecting(
            session=session,
            skills=SkillRuns(
                session,
                robot,
                skill_source(station, options.cameras, options.camera_px),
                hand.holds,
                options.seed,
            ),
            device=device,
            mailbox=mailbox,
            words=words,
            console=console,
            dataset=recording.root.name if recording else "",
        )


def recording_of(options: CellOptions) -> Recording | None:
    """What is to be recorded; None for nothing. Raises `RefusedError`."""
    if not isinstance(options, RecordingOptions | ConsoleOptions) or options.dataset is None:
        return None
    if options.episodes is not None and options.episodes < 1:
        raise RefusedError(f"--episodes must be at least 1, got {options.episodes}.")
    if options.reserve_mb < 0.0:
        raise RefusedError(f"--reserve-mb cannot be negative, got {options.reserve_mb:g}.")
    checked_name("dataset", options.dataset.name)
    return Recording(
        root=options.dataset,
        task=options.task,
        episodes=options.episodes,
        recorder=RecorderConfig(
            journal=options.journal, reserve_bytes=round(1e6 * options.reserve_mb)
        ),
        save_when_done=options.save_when_done,
        start_by_itself=options.start_by_itself,
    )


class _Events:
    """Passes the gate's verdicts to the session, which is built after the gate."""

    def __init__(self, held: list[CollectSession]) -> None:
        self._held = held

    def emit(self, event: Event) -> None:
        for session in self._held:
            session.note(event)


def _check(options: CellOptions) -> None:
    if not options.device:
        raise RefusedError("Say which --device moves the robot.")
    if not 0.0 < options.speed <= 1.0:
        raise RefusedError(f"--speed is a share in (0, 1], got {options.speed:g}.")
    if min(options.camera_px) < 16 or max(options.camera_px) > 4096:
        raise RefusedError(f"--camera-px must lie in [16, 4096], got {options.camera_px}.")
    if options.seconds is not None and options.seconds <= 0.0:
        raise RefusedError(f"--seconds must be positive, got {options.seconds:g}.")


def _station(options: CellOptions) -> Station:
    if options.robot.startswith(PREFIX):
        return open_cell_station(options.robot, options.cameras, options.camera_px)
    return open_station(options.robot, options.camera_px)


def _check_cameras(names: Sequence[str], robot: Robot) -> None:
    from robot_skills.core.errors import unknown_name

    for name in names:
        if name not in robot.cameras:
            raise unknown_name("camera", name, robot.cameras)


def _ring(name: str, camera_px: tuple[int, int]) -> FrameRing:
    width, height = camera_px
    return FrameRing(name, RingSize(height_px=height, width_px=width, slots=_RING_SLOTS))


def _recorder(
    stack: ExitStack,
    station: Station,
    robot: Robot,
    recording: Recording | None,
    rings: Mapping[str, FrameRing],
    options: CellOptions,
) -> Recorder | None:
    if recording is None:
        return None
    width, height = options.camera_px
    hz = 1.0 / robot.control_period_s
    schema = DatasetSchema(
        name=recording.root.name,
        robot=station.kind,
        control_period_s=robot.control_period_s,
        arms={name: len(limits.joint.lower_rad) for name, limits in robot.arms.items()},
        cameras=tuple(
            CameraSpec(name=name, width_px=width, height_px=height, hz=hz, noisy=False)
            for name in rings
        ),
        numbers=tuple(
            NumbersSpec(name=name, names=names) for name, names in station.number_names.items()
        ),
    )
    return stack.enter_context(
        Recorder(recording.root, schema, robot.clock, recording.recorder, rings)
    )


def _session_config(options: CellOptions, recording: Recording | None) -> SessionConfig:
    if recording is None:
        return SessionConfig(seed=options.seed)
    done = 0
    store = EpisodeStore(recording.root)
    # Other starts than those that are in the dataset already.
    done = max(store.numbers(), default=-1) + 1
    return SessionConfig(
        task=recording.task,
        episodes=recording.episodes,
        seed=options.seed + done,
        save_when_done=recording.save_when_done,
        start_by_itself=recording.start_by_itself,
        origin={"robot": options.robot, "devices": "+".join(options.device), **code_origin()},
    )


def code_origin() -> dict[str, str]:
    """Which code this is: its version, and its commit where it is a checkout."""
    found = {"robot_skills": version("robot-skills")}
    root = Path(__file__).resolve().parents[3]
    command = ["git", "-C", str(root), "describe", "--always", "--dirty", "--abbrev=40"]
    if (root / ".git").exists():
        try:
            done = subprocess.run(command, capture_output=True, text=True, timeout=10, check=False)
        except (OSError, subprocess.TimeoutExpired):
            return found
        if done.returncode == 0:
            found["commit"] = done.stdout.strip()
    return found


def _devices(
    options: CellOptions, clock: Clock
) -> tuple[list[TeleopDevice], MailboxDevice | None, WordsDevice | None]:
    names = list(dict.fromkeys(options.device))
    mailbox = MailboxDevice() if "console" in names else None
    words = WordsDevice(clock) if {"words", "console"} & set(names) else None
    found: list[TeleopDevice] = [
        hand_device(name, options.stream, clock) for name in names if name in ALONE
    ]
    found += [device for device in (mailbox, words) if device is not None]
    if options.leader is not None:
        # The leader moves the arm, everybody else only holds its switch.
        found = [leader_device(options.leader, AnyDevice(found), clock)]
    return found, mailbox, words


def _console(
    stack: ExitStack,
    options: CellOptions,
    recording: Recording | None,
    rings: Mapping[str, FrameRing],
) -> ConsoleProcess:
    from robot_skills.app.collect.shapes import arm_shapes

    library = partial(StoreLibrary, recording.root) if recording else None
    process = ConsoleProcess(
        console_config(options),
        library=library,
        scene=partial(arm_shapes, options.robot),
        rings=list(rings.values()),
    )
    return stack.enter_context(process)


def console_config(options: CellOptions) -> ConsoleConfig:
    """Where the console listens. Raises `RefusedError`."""
    return ConsoleConfig(
        host=options.host,
        port=options.port,
        tls_certificate=options.certificate,
        tls_key=options.key,
    )
