"""Arms that cells are built with: their chains, and what their makers allow.

The arms in `sim.arms` stand on a simulated table with a gripper. Those here are real ones: from
the base frame of their ROS driver to their flange, without a gripper; where the tool is, says the
cell. Dimensions and limits are the makers', sources beside them.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from robot_skills.core.errors import RefusedError, unknown_name
from robot_skills.core.limits import ArmLimits, CartesianLimits, JointLimits
from robot_skills.core.se3 import SE3, Array
from sim.chain import TIP_SITE, Chain, ChainJoint, chain_of_file, placed, positions
from sim.kinematics import SiteKinematics

_QUARTER = 0.5 * np.pi


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class ArmModel:
    """One kind of arm.

    Attributes:
        name: Key in `ARM_MODELS`.
        chain: From base to flange.
        limits: The maker's. The workspace is the cube that the arm can reach at all.
        home_q_rad: Joints of a rest pose in front of the base.
    """

    name: str
    chain: Chain
    limits: ArmLimits
    home_q_rad: tuple[float, ...]


def _chain(origins: list[SE3], T_last_flange: SE3) -> Chain:
    joints = tuple(
        ChainJoint(name=f"joint_{i + 1}", T_parent_joint=T) for i, T in enumerate(origins)
    )
    return Chain(joints=joints, T_last_flange=T_last_flange)


def _limits(joint: JointLimits, reach_m: float, speed_m_s: float) -> ArmLimits:
    """Limits of an arm; nothing that it cannot reach is inside its workspace."""
    return ArmLimits(
        joint=joint,
        cartesian=CartesianLimits(
            workspace_lower_m=np.full(3, -reach_m),
            workspace_upper_m=np.full(3, reach_m),
            speed_m_s=speed_m_s,
            turn_rate_rad_s=2.5,
            jump_m=0.1,
            jump_rad=0.6,
        ),
        gripper_width_m=0.08,
    )


# The numbers below name the makers' documents they go back to. Those of the FR3 (accelerations and
# jerks), the xArm7, the Gen3 and the SO-101 were not compared with the documents themselves: do
# that before such an arm moves.

# Franka Control Interface documentation, "Denavit-Hartenberg parameters" and "Limits". Panda and
# FR3 have the same geometry. Tool speed: 2 m/s of the data sheet, halved for cells with
# people near.
_FRANKA_CHAIN = _chain(
    [
        placed((0.0, 0.0, 0.333)),
        placed((0.0, 0.0, 0.0), (-_QUARTER, 0.0, 0.0)),
        placed((0.0, -0.316, 0.0), (_QUARTER, 0.0, 0.0)),
        placed((0.0825, 0.0, 0.0), (_QUARTER, 0.0, 0.0)),
        placed((-0.0825, 0.384, 0.0), (-_QUARTER, 0.0, 0.0)),
        placed((0.0, 0.0, 0.0), (_QUARTER, 0.0, 0.0)),
        placed((0.088, 0.0, 0.0), (_QUARTER, 0.0, 0.0)),
    ],
    placed((0.0, 0.0, 0.107)),
)
_FRANKA_HOME = (0.0, -0.25 * np.pi, 0.0, -0.75 * np.pi, 0.0, _QUARTER, 0.25 * np.pi)

PANDA = ArmModel(
    name="panda",
    chain=_FRANKA_CHAIN,
    limits=_limits(
        JointLimits(
            lower_rad=np.array([-2.8973, -1.7628, -2.8973, -3.0718, -2.8973, -0.0175, -2.8973]),
            upper_rad=np.array([2.8973, 1.7628, 2.8973, -0.0698, 2.8973, 3.7525, 2.8973]),
            velocity_rad_s=np.array([2.175, 2.175, 2.175, 2.175, 2.61, 2.61, 2.61]),
            acceleration_rad_s2=np.array([15.0, 7.5, 10.0, 12.5, 15.0, 20.0, 20.0]),
            jerk_rad_s3=np.array([7500.0, 3750.0, 5000.0, 6250.0, 7500.0, 10000.0, 10000.0]),
        ),
        reach_m=1.2,
        speed_m_s=1.0,
    ),
    home_q_rad=_FRANKA_HOME,
)

# The FR3 allows less speed near the ends of its joints ("Limits for Franka Research 3"); its own
# controller enforces that. These are the flat maxima.
FR3 = ArmModel(
    name="fr3",
    chain=_FRANKA_CHAIN,
    limits=_limits(
        JointLimits(
            lower_rad=np.array([-2.7437, -1.7837, -2.9007, -3.0421, -2.8065, 0.5445, -3.0159]),
            upper_rad=np.array([2.7437, 1.7837, 2.9007, -0.1518, 2.8065, 4.5169, 3.0159]),
            velocity_rad_s=np.array([2.62, 2.62, 2.62, 2.62, 5.26, 4.18, 5.26]),
            acceleration_rad_s2=np.full(7, 10.0),
            jerk_rad_s3=np.full(7, 5000.0),
        ),
        reach_m=1.2,
        speed_m_s=1.0,
    ),
    home_q_rad=_FRANKA_HOME,
)

# Universal Robots, "DH parameters for calculations of kinematics and dynamics" (UR5e) and the
# e-Series data sheet; accelerations: the controller's default, 800 deg/s2. The chain begins in
# `base_link`, which ROS turns by half a turn against the pendant's `base`, and ends in `tool0`.
UR5E = ArmModel(
    name="ur5e",
    chain=_chain(
        [
            placed((0.0, 0.0, 0.1625), (0.0, 0.0, np.pi)),
            placed((0.0, 0.0, 0.0), (_QUARTER, 0.0, 0.0)),
            placed((-0.425, 0.0, 0.0)),
            placed((-0.3922, 0.0, 0.1333)),
            placed((0.0, -0.0997, 0.0), (_QUARTER, 0.0, 0.0)),
            placed((0.0, 0.0996, 0.0), (-_QUARTER, 0.0, 0.0)),
        ],
        SE3.identity(),
    ),
    limits=_limits(
        JointLimits(
            lower_rad=np.deg2rad([-360.0, -360.0, -180.0, -360.0, -360.0, -360.0]),
            upper_rad=np.deg2rad([360.0, 360.0, 180.0, 360.0, 360.0, 360.0]),
            velocity_rad_s=np.deg2rad(np.full(6, 180.0)),
            acceleration_rad_s2=np.deg2rad(np.full(6, 800.0)),
        ),
        reach_m=1.15,
        speed_m_s=1.0,
    ),
    home_q_rad=(-0.3416, -1.8179, 1.5786, -1.3315, -1.5708, -1.9124),
)

# UFACTORY, "xArm User Manual", technical specifications (ranges, 180 deg/s, 1 m/s at the tool) and
# "xArm Developer Manual", motion parameters (1145 deg/s2, 28647 deg/s3) and DH parameters.
XARM7 = ArmModel(
    name="xarm7",
    chain=_chain(
        [
            placed((0.0, 0.0, 0.267)),
            placed((0.0, 0.0, 0.0), (-_QUARTER, 0.0, 0.0)),
            placed((0.0, -0.293, 0.0), (_QUARTER, 0.0, 0.0)),
            placed((0.0525, 0.0, 0.0), (_QUARTER, 0.0, 0.0)),
            placed((0.0775, -0.3425, 0.0), (_QUARTER, 0.0, 0.0)),
            placed((0.0, 0.0, 0.0), (_QUARTER, 0.0, 0.0)),
            placed((0.076, 0.097, 0.0), (-_QUARTER, 0.0, 0.0)),
        ],
        SE3.identity(),
    ),
    limits=_limits(
        JointLimits(
            lower_rad=np.deg2rad([-360.0, -118.0, -360.0, -11.0, -360.0, -97.0, -360.0]),
            upper_rad=np.deg2rad([360.0, 120.0, 360.0, 225.0, 360.0, 180.0, 360.0]),
            velocity_rad_s=np.deg2rad(np.full(7, 180.0)),
            acceleration_rad_s2=np.deg2rad(np.full(7, 1145.0)),
            jerk_rad_s3=np.deg2rad(np.full(7, 28647.0)),
        ),
        reach_m=0.96,
        speed_m_s=1.0,
    ),
    home_q_rad=(0.0, -0.3, 0.0, 0.8, 0.0, 1.1, 0.0),
)

# Kinova, "Gen3 Ultra lightweight robot user guide": dimensions with the vision module, ranges,
# speeds (79.64 and 69.91 deg/s) and accelerations (297.94 and 572.96 deg/s2) of the actuators.
# Joints 1, 3, 5 and 7 turn without end; their driver tells them within half a turn of zero, and
# going past that is left out.
GEN3 = ArmModel(
    name="gen3",
    chain=_chain(
        [
            placed((0.0, 0.0, 0.15643), (np.pi, 0.0, 0.0)),
            placed((0.0, 0.005375, -0.12838), (_QUARTER, 0.0, 0.0)),
            placed((0.0, -0.21038, -0.006375), (-_QUARTER, 0.0, 0.0)),
            placed((0.0, 0.006375, -0.21038), (_QUARTER, 0.0, 0.0)),
            placed((0.0, -0.20843, -0.006375), (-_QUARTER, 0.0, 0.0)),
            placed((0.0, 0.00017505, -0.10593), (_QUARTER, 0.0, 0.0)),
            placed((0.0, -0.10593, -0.00017505), (-_QUARTER, 0.0, 0.0)),
        ],
        placed((0.0, 0.0, -0.0615250), (np.pi, 0.0, 0.0)),
    ),
    limits=_limits(
        JointLimits(
            lower_rad=np.deg2rad([-180.0, -128.9, -180.0, -147.8, -180.0, -120.3, -180.0]),
            upper_rad=np.deg2rad([180.0, 128.9, 180.0, 147.8, 180.0, 120.3, 180.0]),
            velocity_rad_s=np.deg2rad([79.64] * 4 + [69.91] * 3),
            acceleration_rad_s2=np.deg2rad([297.94] * 4 + [572.96] * 3),
        ),
        reach_m=1.19,
        speed_m_s=0.5,
    ),
    home_q_rad=(0.0, 0.2087, 0.0, 1.2633, 0.0, 1.6696, 0.0),
)

# The Robot Studio, SO-ARM100 repository: dimensions and ranges of the assembled SO-101 after its
# "new calibration" (zero is the middle of every joint). Feetech STS3215: 45 rpm without load, and
# 254 steps of 100/s2 as the highest acceleration that it takes.
_TURN = 2.0 * np.pi
SO101 = ArmModel(
    name="so101",
    chain=_chain(
        [
            SE3.from_wxyz((0.0, 0.0, -1.0, 0.0), (0.0388353, 0.0, 0.0624)),
            SE3.from_wxyz((0.5, -0.5, -0.5, -0.5), (-0.0303992, -0.0182778, -0.0542)),
            placed((-0.11257, -0.028, 0.0), (0.0, 0.0, _QUARTER)),
            placed((-0.1349, 0.0052, 0.0), (0.0, 0.0, -_QUARTER)),
            SE3.from_wxyz((0.0172091, -0.0172091, 0.706897, 0.706897), (0.0, -0.0611, 0.0181)),
        ],
        placed((-0.0079, -0.000218121, -0.0981274), (0.0, np.pi, 0.0)),
    ),
    limits=_limits(
        JointLimits(
            lower_rad=np.array([-1.91986, -1.74533, -1.69, -1.65806, -2.74385]),
            upper_rad=np.array([1.91986, 1.74533, 1.69, 1.65806, 2.84121]),
            velocity_rad_s=np.full(5, 45.0 / 60.0 * _TURN),
            acceleration_rad_s2=np.full(5, 254.0 * 100.0 / 4096.0 * _TURN),
        ),
        reach_m=0.5,
        speed_m_s=0.5,
    ),
    home_q_rad=(0.0, 0.0, 0.0, 1.2, 0.0),
)

ARM_MODELS: Mapping[str, ArmModel] = {
    arm.name: arm for arm in (PANDA, FR3, UR5E, XARM7, GEN3, SO101)
}
"""Every arm that a cell can name."""


def model_of(arm: str) -> ArmModel:
    """An arm by name.

    Raises:
        UnknownNameError: There is no such arm.
    """
    if arm not in ARM_MODELS:
        raise unknown_name("arm", arm, ARM_MODELS)
    return ARM_MODELS[arm]


def model_of_file(path: Path, base: str, tool: str, rates: Mapping[str, Array]) -> ArmModel:
    """An arm from a URDF or MJCF file.

    Args:
        path: Of the file.
        base: Link that it stands on.
        tool: Link at its end: the flange.
        rates: What files do not say, or not well enough to rely on: ``velocity_rad_s`` and
            ``acceleration_rad_s2``, and ``jerk_rad_s3`` where the maker names it, (n,) each.

    Raises:
        RefusedError: The file cannot be used; a joint in it has no range.
        UnknownNameError: There is no such link in it.
    """
    chain = chain_of_file(path, base, tool)
    lower, upper = positions(chain)
    endless = [joint.name for joint in chain.joints if not np.isfinite(joint.upper_rad)]
    if endless:
        raise RefusedError(f"{path}: give a range to {', '.join(endless)}.")
    joint = JointLimits(lower_rad=lower, upper_rad=upper, **rates)
    reach_m = sum(float(np.linalg.norm(one.T_parent_joint.p)) for one in chain.joints)
    reach_m += float(np.linalg.norm(chain.T_last_flange.p))
    return ArmModel(
        name=path.stem,
        chain=chain,
        limits=_limits(joint, reach_m, speed_m_s=0.5),
        home_q_rad=tuple(np.clip(np.zeros(len(lower)), lower, upper).tolist()),
    )


def model_kinematics(arm: ArmModel, T_flange_tool: SE3) -> SiteKinematics:
    """Kinematics of an arm with a tool."""
    limits = arm.limits.joint
    return SiteKinematics(
        arm.chain.compile(T_flange_tool),
        joints=tuple(joint.name for joint in arm.chain.joints),
        site=TIP_SITE,
        range_rad=(limits.lower_rad, limits.upper_rad),
        home_q_rad=arm.home_q_rad,
    )


def named_kinematics(arm: str, T_flange_tool: SE3) -> SiteKinematics:
    """Kinematics of an arm by name, so that processes can be told which.

    Raises:
        UnknownNameError: There is no such arm.
    """
    return model_kinematics(model_of(arm), T_flange_tool)
