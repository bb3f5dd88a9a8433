"""What bringing a cell up needs to know of it, from its file."""

from robot_skills.app.bringup.plans import CellFacts


def facts_of(cell: str, *, namespace: str | None = None, domain: int | None = None) -> CellFacts:
    """Read a cell's file.

    Args:
        cell: The file, or the name of a shipped cell.
        namespace: Instead of the cell's; None for the cell's.
        domain: Instead of the cell's; None for the cell's.

    Raises:
        RefusedError: There is no such cell, its file is wrong, or it has no nodes.
    """
    from hardware.cell.schema import CameraDriver, RobotDriver
    from hardware.ros2.transport import Reach, checked_domain, checked_namespace
    from robot_skills.app.cells import gate_setup, load_cell

    found = load_cell(cell)
    setup = gate_setup(found)
    asked_domain = setup.domain if domain is None else checked_domain(domain)
    return CellFacts(
        cell=str(found.path.resolve()),
        name=found.name,
        simulated=found.robot.driver is RobotDriver.SIM,
        namespace=checked_namespace(setup.namespace if namespace is None else namespace),
        domain=asked_domain,
        joint_states=setup.topics.joint_states,
        cameras=tuple(
            # The simulated arm brings its own; those of other drivers are watched.
            camera.name
            for camera in found.cameras.values()
            if camera.driver is not CameraDriver.SIM
        ),
        network=setup.reach is Reach.NETWORK,
    )
