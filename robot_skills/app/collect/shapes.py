"""What the console's 3-D view draws of an arm."""

from robot_skills.app.cells import load_cell
from robot_skills.app.collect.cell_station import PREFIX
from robot_skills.console.view3d import LinkMesh, Scene3d
from robot_skills.core.types import DEFAULT_ARM
from sim.arms import ARMS
from sim.shapes import ArmShapes
from sim.suites import robosuite


def arm_shapes(robot: str) -> Scene3d:
    """The arm of a station, by the station's name."""
    if robot.startswith(PREFIX):
        return _cell_shapes(load_cell(robot.removeprefix(PREFIX)).robot.arm)
    return _shapes(robot.removeprefix("sim:") if robot.startswith("sim:") else robosuite.ARM)


def _cell_shapes(kind: str) -> Scene3d:
    """Of the arms that are simulated the shapes are known."""
    if kind in ARMS:
        return _shapes(kind)
    return Scene3d(meshes={DEFAULT_ARM: []}, poses=lambda name, q_rad, opening: {})


def _shapes(kind: str) -> Scene3d:
    arm = ArmShapes(kind)
    meshes = [
        LinkMesh(link=one.link, vertices=one.vertices, faces=one.faces, rgb=one.rgb)
        for one in arm.shapes()
    ]
    return Scene3d(
        meshes={DEFAULT_ARM: meshes}, poses=lambda name, q_rad, opening: arm.poses(q_rad, opening)
    )
