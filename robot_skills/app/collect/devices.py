"""Several devices as one, and devices of wall time in a session of simulated time."""

from collections.abc import Sequence
from dataclasses import replace

from hardware.teleop import OperatorConfig
from robot_skills.core.clock import Clock
from robot_skills.core.teleop import DeviceLost, RemembersGripper, TeleopDevice, TeleopSample, Wish


class AnyDevice(TeleopDevice):
    """Whichever hand took hold first moves the robot, until it lets go.

    Between two hands there is always a moment at which none holds, so that nobody takes over a
    motion in the middle. Wishes count from all of them.

    Args:
        devices: In order of precedence.
    """

    def __init__(self, devices: Sequence[TeleopDevice]) -> None:
        self._devices = list(devices)
        self._holder: TeleopDevice | None = None
        self._lost: set[str] = set()

    @property
    def name(self) -> str:
        return "+".join(device.name for device in self._devices)

    @property
    def held(self) -> dict[str, bool]:
        """By the names of the devices, which of them moves the robot."""
        return {device.name: device is self._holder for device in self._devices}

    @property
    def lost(self) -> frozenset[str]:
        """Names of the devices that are gone."""
        return frozenset(self._lost)

    def connect(self) -> None:
        for device in self._devices:
            device.connect()
            self._lost.discard(device.name)

    def read(self) -> TeleopSample | None:
        """The holder's sample, with the wishes of all.

        Raises:
            DeviceLost: The holder's device, or the last one, is gone.
        """
        samples = self._read_all()
        wishes = tuple(wish for sample in samples.values() for wish in sample.wishes)
        if self._holder is not None:
            mine = samples.get(self._holder.name)
            if mine is not None and mine.held:
                return replace(mine, wishes=wishes)
            self._holder = None
            return self._resting(samples, wishes)
        for device in self._devices:
            sample = samples.get(device.name)
            if sample is not None and sample.held:
                self._holder = device
                return replace(sample, wishes=wishes)
        return self._resting(samples, wishes)

    def forget_gripper(self) -> None:
        """The gripper is open again, for whoever remembers otherwise."""
        for device in self._devices:
            if isinstance(device, RemembersGripper):
                device.forget_gripper()

    def close(self) -> None:
        for device in self._devices:
            device.close()

    def _read_all(self) -> dict[str, TeleopSample]:
        found: dict[str, TeleopSample] = {}
        for device in self._devices:
            try:
                sample = device.read()
            except DeviceLost:
                self._lost.add(device.name)
                if device is self._holder or len(self._devices) == 1:
                    self._holder = None
                    raise
                continue
            self._lost.discard(device.name)
            if sample is not None:
                found[device.name] = sample
        return found

    def _resting(
        self, samples: dict[str, TeleopSample], wishes: tuple[Wish, ...]
    ) -> TeleopSample | None:
        if not samples:
            return None
        newest = max(samples.values(), key=lambda sample: sample.stamp_s)
        return TeleopSample(
            stamp_s=newest.stamp_s, held=False, opening=newest.opening, wishes=wishes
        )


class RestampedDevice(TeleopDevice):
    """A device whose samples are as old on the project clock as they are on the wall clock.

    Args:
        device: Stamps its samples on `wall`.
        wall: The clock that hands live by.
        project: The clock of the session, which may be a simulation's.
        stale_s: A sample older than this holds nothing.
    """

    def __init__(
        self,
        device: TeleopDevice,
        wall: Clock,
        project: Clock,
        stale_s: float = OperatorConfig().stale_s,
    ) -> None:
        self._device, self._wall, self._project = device, wall, project
        self._stale_s = stale_s
        self._newest: TeleopSample | None = None

    @property
    def name(self) -> str:
        return self._device.name

    def holds(self) -> bool:
        """Whether the hand held its dead-man switch when it was read last.

        Whoever moves the arm in place of the hand stops for this, even where the hand itself would
        have to let go before it may drive.
        """
        newest = self._newest
        if newest is None or not newest.held:
            return False
        return abs(self._project.now_s() - newest.stamp_s) <= self._stale_s

    def connect(self) -> None:
        self._device.connect()

    def read(self) -> TeleopSample | None:
        self._newest = None
        sample = self._device.read()
        if sample is None:
            return None
        age_s = max(self._wall.now_s() - sample.stamp_s, 0.0)
        self._newest = replace(sample, stamp_s=self._project.now_s() - age_s)
        return self._newest

    def forget_gripper(self) -> None:
        """As `RemembersGripper`, where the device is one."""
        if isinstance(self._device, RemembersGripper):
            self._device.forget_gripper()

    def close(self) -> None:
        self._device.close()
