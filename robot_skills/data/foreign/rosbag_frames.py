"""The tree of transforms in /tf and /tf_static of a bag."""

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from robot_skills.core.se3 import Array, invert
from robot_skills.data.foreign import rosbag_messages as messages
from robot_skills.data.foreign.interpolation import poses_at
from robot_skills.data.foreign.rosbag_mapping import FramePair


@dataclass(slots=True)
class _Edge:
    """Poses of one frame in its parent."""

    parent: str
    static: bool
    stamp_ns: list[int] = field(default_factory=list)
    T: list[Array] = field(default_factory=list)


class Frames:
    """The tree of transforms of a bag."""

    def __init__(self) -> None:
        self._edges: dict[str, _Edge] = {}

    def add(self, message: Any, *, static: bool) -> None:
        """Take in a TFMessage."""
        for one in message.transforms:
            child, parent = one.child_frame_id.lstrip("/"), one.header.frame_id.lstrip("/")
            edge = self._edges.setdefault(child, _Edge(parent=parent, static=static))
            moved = one.transform
            edge.stamp_ns.append(messages.stamp_ns(one) or 0)
            edge.T.append(messages.pose_matrix(moved.translation, moved.rotation))

    def chain(self, pair: FramePair, time_s: Array, zero_ns: int) -> Array:
        """Poses of the child in the parent at times, (n, 4, 4).

        Raises:
            ValueError: Nothing connects them.
        """
        T_root_child, above_child = self._up(pair.child, time_s, zero_ns)
        T_root_parent, above_parent = self._up(pair.parent, time_s, zero_ns)
        if above_child[-1] != above_parent[-1]:
            known = ", ".join(sorted({*self._edges, *(e.parent for e in self._edges.values())}))
            raise ValueError(
                f"no transforms lead from {pair.parent} to {pair.child}. Frames: {known or 'none'}."
            )
        return invert(T_root_parent) @ T_root_child

    def _up(self, frame: str, time_s: Array, zero_ns: int) -> tuple[Array, list[str]]:
        """Poses of a frame in the root of its tree, and the frames on the way there."""
        T = np.tile(np.eye(4), (len(time_s), 1, 1))
        passed = [frame]
        while passed[-1] in self._edges:
            edge = self._edges[passed[-1]]
            if edge.parent in passed:
                raise ValueError(f"the transforms of {edge.parent} go in a circle.")
            T = self._at(edge, time_s, zero_ns) @ T
            passed.append(edge.parent)
        return T, passed

    def _at(self, edge: _Edge, time_s: Array, zero_ns: int) -> Array:
        if edge.static:
            return np.broadcast_to(edge.T[-1], (len(time_s), 4, 4))
        order = np.argsort(np.array(edge.stamp_ns, dtype=np.int64), kind="stable")
        since_ns = np.array(edge.stamp_ns, dtype=np.int64)[order] - zero_ns
        return poses_at(since_ns.astype(np.float64) * 1e-9, np.array(edge.T)[order], time_s)
