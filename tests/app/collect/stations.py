"""A station without physics, and a hand that tests move."""

from collections.abc import Collection, Mapping
from pathlib import Path

import numpy as np

from hardware.gated_robot import gate_robot
from hardware.teleop import HandOperator, MailboxDevice, OperatorConfig
from robot_skills.app.collect.session import CollectSession, SessionConfig
from robot_skills.core.errors import PerceptionError
from robot_skills.core.events import Event
from robot_skills.core.frame_ring import FrameRing, RingSize
from robot_skills.core.scene import Scene
from robot_skills.core.se3 import Array
from robot_skills.core.teleop import Rate, TeleopSample
from robot_skills.core.types import Observation
from robot_skills.data.recorder import Recorder, RecorderConfig
from robot_skills.data.schema import CameraSpec, DatasetSchema
from robot_skills.data.store import EpisodeStore
from tests.fakes import PERIOD_S, T_HOME, FakeRobot


class LosingRobot(FakeRobot):
    """A robot whose camera can be unplugged."""

    unplugged = False

    def begin_anew(self) -> None:
        """At home, with time at zero, as a simulation begins."""
        self.stop()
        self.clock._now_s = 0.0
        self.place_tool(T_HOME)

    def observe(self, cameras: Collection[str] = ()) -> Observation:
        if cameras and self.unplugged:
            raise PerceptionError("No frame came from camera 'front'.")
        return super().observe(cameras)


class FakeStation:
    kind = "fake"
    task = "raise the hand"
    number_names: Mapping[str, tuple[str, ...]] = {"observation.height": ("z",)}

    def __init__(self) -> None:
        self.robot = LosingRobot()
        self.seeds: list[int] = []
        self.done = False

    @property
    def clock(self):
        return self.robot.clock

    def begin(self, seed: int) -> None:
        self.seeds.append(seed)
        self.done = False
        self.robot.connect()
        self.robot.begin_anew()

    def numbers(self, observation: Observation) -> Mapping[str, Array]:
        return {"observation.height": np.array([observation.arms["arm"].T_base_tool.p[2]])}

    def scene(self) -> Scene:
        return Scene(stamp_s=self.clock.now_s(), entities={}, opening={"arm": 1.0})

    def succeeded(self) -> bool | None:
        return self.done

    def close(self) -> None:
        self.robot.close()


def schema(cameras: bool) -> DatasetSchema:
    from robot_skills.data.schema import NumbersSpec

    front = CameraSpec(name="front", width_px=32, height_px=24, hz=1.0 / PERIOD_S)
    return DatasetSchema(
        name="fake",
        robot="fake",
        control_period_s=PERIOD_S,
        arms={"arm": 6},
        cameras=(front,) if cameras else (),
        numbers=(NumbersSpec(name="observation.height", names=("z",)),),
    )


class Rig:
    """A session on a fake station, with everything a test wants to touch."""

    def __init__(
        self,
        root: Path | None,
        config: SessionConfig | None = None,
        *,
        cameras: bool = True,
        recorder: RecorderConfig | None = None,
    ) -> None:
        self.station = FakeStation()
        self.hand = MailboxDevice("hand")
        clock = self.station.clock
        self.rings = (
            {"front": FrameRing("front", RingSize(height_px=24, width_px=32, slots=512))}
            if cameras
            else {}
        )
        robot = gate_robot(self.station.robot, self)
        self.operator = HandOperator(
            self.hand,
            robot.arms["arm"],
            robot.kinematics("arm"),
            clock,
            PERIOD_S,
            OperatorConfig(),
        )
        self.store = EpisodeStore(root) if root is not None else None
        self.recorder = None
        if root is not None:
            self.recorder = Recorder(
                root,
                schema(cameras),
                clock,
                recorder or RecorderConfig(reserve_bytes=0),
                self.rings,
            )
            self.recorder.start()
        self.session = CollectSession(
            self.station, robot, self.operator, self.recorder, self.rings, config, self.store
        )
        self.session.pace.enabled = False
        self.session.connect()

    def emit(self, event: Event) -> None:
        self.session.note(event)

    def push(self, z: float = 0.0, *, held: bool = True, opening: float | None = None) -> None:
        """The hand pushes up."""
        motion = Rate(linear=np.array([0.0, 0.0, z]), angular=np.zeros(3))
        self.hand.push(
            TeleopSample(
                stamp_s=self.station.clock.now_s(), held=held, motion=motion, opening=opening
            )
        )

    def steps(self, count: int, z: float | None = None, *, held: bool = True) -> None:
        for _ in range(count):
            if z is not None:
                self.push(z, held=held)
            self.session.step()

    def until(self, condition, steps: int = 2000) -> None:
        """Step until something has happened in the recorder's process."""
        import time

        for _ in range(steps):
            if condition():
                return
            self.session.step()
            time.sleep(0.005)
        raise AssertionError("it never happened")

    def close(self) -> None:
        self.session.close()
        if self.recorder is not None:
            self.recorder.close()
        for ring in self.rings.values():
            ring.close()
