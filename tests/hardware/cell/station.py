"""A cell with a small arm, its file, and a driver of it that does as it is told, wrong or right."""

from pathlib import Path

import numpy as np

from hardware.cell.read import read_cell
from hardware.cell.schema import ArmQuestion, ArmSheet, Cell
from hardware.ros2.messages import fill_image
from hardware.ros2.runtime import RosNode
from robot_skills.core.errors import unknown_name
from robot_skills.core.limits import ArmLimits, CartesianLimits, JointLimits

JOINTS = ("base_joint", "elbow_joint", "hand_joint")
TEXT = """
name: small
robot:
  driver: ros2_control
  arm: small
  joints: [base_joint, elbow_joint, hand_joint]
  joint_states: /joint_states
  controller: {kind: forward_position, topic: /arm_controller/commands}
  T_flange_tool: {xyz: [0.0, 0.0, 0.1], wxyz: [1.0, 0.0, 0.0, 0.0]}
  protective_stop: {topic: /program_running, good: true}
limits:
  velocity_rad_s: [1.0, 1.0, 0.5]
cameras:
  front:
    driver: ros
    size_px: [64, 48]
    lens_px: [60.0, 60.0, 31.5, 23.5]
    T_mount_camera: {xyz: [1.0, 0.0, 0.7], wxyz: [0.7071, 0.7071, 0.0, 0.0]}
"""

_JOINT = """
  <joint name="{name}" type="revolute">
    <parent link="link{i}"/><child link="link{j}"/>
    <limit lower="-{reach}" upper="{reach}" velocity="{velocity}" effort="1"/>
  </joint>"""


def sheet_of(question: ArmQuestion) -> ArmSheet:
    """Of the only arm there is."""
    if question.arm != "small":
        raise unknown_name("arm", question.arm, ["small"])
    return ArmSheet(
        limits=ArmLimits(
            joint=JointLimits(
                lower_rad=np.full(3, -2.0),
                upper_rad=np.full(3, 2.0),
                velocity_rad_s=np.full(3, 2.0),
                acceleration_rad_s2=np.full(3, 10.0),
            ),
            cartesian=CartesianLimits(
                workspace_lower_m=np.full(3, -1.0),
                workspace_upper_m=np.full(3, 1.0),
                speed_m_s=1.0,
                turn_rate_rad_s=2.0,
                jump_m=0.1,
                jump_rad=0.5,
            ),
            gripper_width_m=0.08,
        ),
        home_q_rad=(0.0, 0.5, 0.0),
    )


def written(folder: Path, text: str = TEXT) -> Path:
    """A cell file."""
    path = folder / "small.yaml"
    path.write_text(text, encoding="utf-8")
    return path


def cell_of(folder: Path, text: str = TEXT) -> Cell:
    """A cell read from its file."""
    return read_cell(written(folder, text), sheet_of)


def urdf_of(joints=JOINTS, reach=2.0, velocity=2.0) -> str:
    """A robot description with joints from base to tip."""
    rows = [
        _JOINT.format(name=name, i=i, j=i + 1, reach=reach, velocity=velocity)
        for i, name in enumerate(joints)
    ]
    links = [f'<link name="link{i}"/>' for i in range(len(joints) + 1)]
    # Descriptions do not list joints in any order.
    return f'<robot name="small">{"".join(links)}{"".join(reversed(rows))}</robot>'


class FakeDriver:
    """What a driver and its controllers publish, on real nodes.

    Args:
        domain: Of ROS.
        q: Positions by joint, as told.
        rate_hz: Of the states.
        urdf: Robot description; empty for none.
        controlled: Joints of the controller.
        running: What its protective stop says; None for nothing.
        lens: fx, fy, cx, cy of the camera; None for no info.
        size_px: Of its pictures.
        commanders: Nodes that publish commands.
    """

    def __init__(
        self,
        domain,
        *,
        q=None,
        rate_hz=50.0,
        urdf="",
        controlled=JOINTS,
        running=True,
        lens=(60.0, 60.0, 31.5, 23.5),
        size_px=(64, 48),
        commanders=(),
    ):
        self._q = q or dict.fromkeys(reversed(JOINTS), 0.5)
        self._lens, self._size_px = lens, size_px
        self._nodes = []
        try:
            self._driver = self._add("driver", domain)
            self._make(rate_hz, urdf, running)
            self._control(domain, controlled)
            self._others = [self._commander(name, domain) for name in commanders]
            for node in self._nodes:
                node.start()
        except BaseException:
            self.close()
            raise

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        for node in reversed(self._nodes):
            node.close()

    def _add(self, name, domain):
        node = RosNode(name, domain=domain)
        self._nodes.append(node)
        return node.node

    def _make(self, rate_hz, urdf, running):
        from rclpy.qos import DurabilityPolicy, QoSProfile
        from sensor_msgs.msg import CameraInfo, Image, JointState
        from std_msgs.msg import Bool, String

        node = self._driver
        latched = QoSProfile(depth=1, durability=DurabilityPolicy.TRANSIENT_LOCAL)
        self._states = node.create_publisher(JointState, "joint_states", 10)
        self._colour = node.create_publisher(Image, "front/color/image_raw", 2)
        self._depth = node.create_publisher(Image, "front/aligned_depth_to_color/image_raw", 2)
        self._info = node.create_publisher(CameraInfo, "front/color/camera_info", 2)
        self._latched = []
        if urdf:
            self._latched.append(node.create_publisher(String, "/robot_description", latched))
            self._latched[-1].publish(String(data=urdf))
        if running is not None:
            # Said once, as Universal Robots' driver does: who comes late has to ask for it.
            self._latched.append(node.create_publisher(Bool, "program_running", latched))
            self._latched[-1].publish(Bool(data=running))
        node.create_timer(1.0 / rate_hz, self._tell_state)
        node.create_timer(0.1, self._tell_picture)

    def _tell_state(self):
        from sensor_msgs.msg import JointState

        names = list(self._q)
        self._states.publish(JointState(name=names, position=[self._q[name] for name in names]))

    def _tell_picture(self):
        from sensor_msgs.msg import CameraInfo, Image

        width, height = self._size_px
        colour, depth = Image(), Image()
        fill_image(colour, np.zeros((height, width, 3), np.uint8), "rgb8")
        fill_image(depth, np.full((height, width), 500, np.uint16), "16UC1")
        self._colour.publish(colour)
        self._depth.publish(depth)
        if self._lens is None:
            return
        fx, fy, cx, cy = self._lens
        info = CameraInfo(width=width, height=height)
        info.k = [fx, 0.0, cx, 0.0, fy, cy, 0.0, 0.0, 1.0]
        self._info.publish(info)

    def _control(self, domain, controlled):
        from std_msgs.msg import Float64MultiArray

        node = self._add("arm_controller", domain)
        if controlled is not None:
            node.declare_parameter("joints", list(controlled))
        self.commands = []
        node.create_subscription(Float64MultiArray, "~/commands", self.commands.append, 1)

    def _commander(self, name, domain):
        from std_msgs.msg import Float64MultiArray

        return self._add(name, domain).create_publisher(
            Float64MultiArray, "/arm_controller/commands", 1
        )
