"""A recording of an arm that is late in everything, made without a simulator."""

import cv2
import numpy as np
from scipy.signal import cont2discrete, lfilter

from calibration.latency_motion import excitation
from calibration.latency_pictures import small
from calibration.latency_series import ClockSeries, LatencyRecording, PictureSeries, ToolSeries
from robot_skills.core.se3 import SE3

START = SE3(np.diag([1.0, -1.0, -1.0]), np.array([0.45, 0.0, 0.3]))
STATE_S, ACTION_S, GRIPPER_S, CAMERA_S = 0.043, 0.117, 0.081, 0.152
SECONDS = 12.0
COMMAND_S = 0.1
_FINE_S = 0.002


def _servo(values, lag_s=0.03, square_s2=3e-4):
    b, a, _ = cont2discrete(((1.0,), (square_s2, lag_s, 1.0)), _FINE_S, method="foh")
    return values[0] + lfilter(b.ravel(), a, values - values[0], axis=0)


def _texture():
    rng = np.random.default_rng(5)
    return cv2.GaussianBlur(rng.uniform(0, 255, (600, 600)).astype(np.float32), (0, 0), 5)


def _picture(texture, p, opening):
    """Of a camera on the tool that looks at a textured table, with a finger at the edge."""
    moved = np.float32([[1.0, 0.0, -200.0 - 1500.0 * p[0]], [0.0, 1.0, -200.0 - 1500.0 * p[1]]])
    shown = cv2.warpAffine(texture, moved, (224, 168))
    shown[140:, : int(20 + 40 * opening)] = 30
    return small(np.clip(shown * 3.0 - 255.0, 0, 255).astype(np.uint8))


def late_recording(jitter_s=0.0):
    """The arm moves for a while, after a camera has seen a clock.

    Args:
        jitter_s: Mean of what commands and states are late by beyond the latencies, at random.
    """
    rng, late_rng = np.random.default_rng(3), np.random.default_rng(4)
    motion = excitation(0.15, SECONDS, rng)
    fine_s = np.arange(-1.0, SECONDS + 2.0, _FINE_S)
    told_s = np.arange(0.0, SECONDS + 1.0, 0.05)
    poses, openings = motion.waypoints(START, 1.0, told_s)

    held_up_s = late_rng.exponential(jitter_s, int((SECONDS + 3.0) / COMMAND_S))

    def heard(values, delay_s):
        command = np.clip((fine_s - delay_s) / COMMAND_S, 0, len(held_up_s) - 1).astype(int)
        at_s = fine_s - delay_s - held_up_s[command]
        return np.stack(
            [np.interp(at_s, told_s, one) for one in values.reshape(len(values), -1).T], axis=-1
        )

    p = _servo(heard(poses[:, :3, 3], ACTION_S))
    opening = _servo(heard(openings, GRIPPER_S))[:, 0]
    state_s = np.arange(0.0, SECONDS + 1.0, 0.01)
    measured_s = state_s - STATE_S - late_rng.exponential(jitter_s, len(state_s))
    T = np.tile(START.matrix(), (len(state_s), 1, 1))
    for i in range(3):
        T[:, i, 3] = np.interp(measured_s, fine_s, p[:, i])
    T[:, :3, 3] += 5e-5 * rng.standard_normal((len(T), 3))
    texture, shown_s = _texture(), np.arange(0.3, SECONDS + 1.0, 0.05)
    true_p = np.stack([np.interp(shown_s - CAMERA_S, fine_s, p[:, i]) for i in range(3)], axis=-1)
    true_opening = np.interp(shown_s - CAMERA_S, fine_s, opening)
    pictures = [
        _picture(texture, a - START.p, b) for a, b in zip(true_p, true_opening, strict=True)
    ]
    looks_s = np.arange(0.3, 3.0, 0.043)
    changed_s = np.floor((looks_s - CAMERA_S) * 60.0) / 60.0
    return LatencyRecording(
        told=ToolSeries(stamp_s=told_s, T_base_tool=poses, opening=openings),
        measured=ToolSeries(
            stamp_s=state_s,
            T_base_tool=T,
            opening=np.interp(measured_s, fine_s, opening),
        ),
        cameras={"wrist": PictureSeries(stamp_s=shown_s, grey=np.stack(pictures))},
        clocks={"wrist": ClockSeries(stamp_s=looks_s, shown_s=changed_s, period_s=1.0 / 60.0)},
    )
