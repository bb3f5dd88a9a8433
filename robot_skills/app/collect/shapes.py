"""What the console's 3-D view draws of an arm."""

from robot_skills.console.view3d import LinkMesh, Scene3d
from robot_skills.core.types import DEFAULT_ARM
from sim.shapes import ArmShapes
from sim.suites import robosuite


def arm_shapes(robot: str) -> Scene3d:
    """The arm of a station, by the station's name."""
    kind = robot.removeprefix("sim:") if robot.startswith("sim:") else robosuite.ARM
    arm = ArmShapes(kind)
    meshes = [
        LinkMesh(link=one.link, vertices=one.vertices, faces=one.faces, rgb=one.rgb)
        for one in arm.shapes()
    ]
    return Scene3d(
        meshes={DEFAULT_ARM: meshes}, poses=lambda name, q_rad, opening: arm.poses(q_rad, opening)
    )
