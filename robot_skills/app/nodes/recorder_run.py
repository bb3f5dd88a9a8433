"""A recorder's process: what writes to the disk, then the node, and their end in order."""

import time
from contextlib import ExitStack

from hardware.ros2.runtime import ProcessEnd, RosNode
from hardware.ros2.times import MachineClock
from robot_skills.app.nodes.recorder_hears import RECORDER_NODE
from robot_skills.app.nodes.recorder_node import RecorderNode, RecorderNodeSetup
from robot_skills.core.errors import DatasetInUseError
from robot_skills.core.frame_ring import FrameRing, RingSize
from robot_skills.data.recorder import Recorder

_RING_SLOTS = 48
_FREE_AFTER_S = 15.0
"""A recorder that was killed lets go of its dataset within this time."""


def run_recorder(setup: RecorderNodeSetup) -> None:
    """Record until the process is asked to end; an episode that is being recorded is forgotten.

    Raises:
        RefusedError: Somebody else records there, or the dataset is of another robot.
        StorageError: The folder cannot be written.
        RecorderDied: What writes to the disk is gone.
    """
    end, robot = ProcessEnd(), setup.robot
    with ExitStack() as stack:
        stack.enter_context(end.watched())
        rings = {
            name: stack.enter_context(_ring(name, camera.size_px))
            for name, camera in setup.cameras.items()
        }
        recorder = Recorder(setup.root, setup.schema, MachineClock(), setup.recorder, rings)
        _start(recorder)
        stack.callback(recorder.close)
        node = stack.enter_context(
            RosNode(
                RECORDER_NODE, namespace=robot.namespace, reach=robot.reach, domain=robot.domain
            )
        )
        RecorderNode(setup, node, recorder, rings).run(end)


def _start(recorder: Recorder) -> None:
    """Start it, as soon as one that was killed has let go of the dataset."""
    until_s = time.monotonic() + _FREE_AFTER_S
    while True:
        try:
            recorder.start()
            return
        except DatasetInUseError:
            if time.monotonic() > until_s:
                raise
        time.sleep(0.2)


def _ring(name: str, size_px: tuple[int, int]) -> FrameRing:
    width, height = size_px
    return FrameRing(name, RingSize(height_px=height, width_px=width, slots=_RING_SLOTS))
