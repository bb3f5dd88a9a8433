"""Launch files with ROS's own launch, where it is installed."""

from pathlib import Path

import pytest

# Not `launch` alone: the repository's folder of that name would do.
pytest.importorskip("launch.actions", reason="ROS's launch is on a ROS installation only")
pytest.importorskip("launch_ros.actions", reason="ROS's launch is on a ROS installation only")
pytest.importorskip("robot_skills_interfaces", reason="messages of ROS 2 are not built")

from launch.actions import EmitEvent, IncludeLaunchDescription, RegisterEventHandler, TimerAction
from launch.event_handlers import OnProcessExit, OnProcessStart
from launch.events import Shutdown
from launch.launch_description_sources import PythonLaunchDescriptionSource

import launch
from robot_skills.app.bringup.launching import arguments_of
from robot_skills.app.bringup.plan import PACKAGE
from robot_skills.app.bringup.plans import PlanName
from tests.ros_domain import claim_domain

FOLDER = Path(__file__).resolve().parents[2] / "launch"
PATIENCE_S = 120.0


@pytest.fixture(autouse=True)
def package():
    """The executables, which launch looks up."""
    from ament_index_python.packages import PackageNotFoundError, get_package_prefix

    try:
        get_package_prefix(PACKAGE)
    except PackageNotFoundError:
        pytest.skip(f"{PACKAGE} is not installed: pip install ./hardware/ros2/{PACKAGE}")


@pytest.fixture
def domain():
    """A domain that no other tests use."""
    return claim_domain()


@pytest.mark.parametrize("name", PlanName)
def test_launch_reads_every_file_and_its_arguments(name):
    source = PythonLaunchDescriptionSource(str(FOLDER / f"{name.value}.launch.py"))
    description = source.get_launch_description(launch.LaunchContext())
    declared = {one.name: one for one in description.get_launch_arguments()}
    assert set(declared) == {one.name for one in arguments_of(name)}
    assert all(one.description for one in declared.values())


def test_sim_comes_up_and_ends_in_order(domain):
    started, ended = [], []

    def name_of(event):
        return event.process_name.rpartition("-")[0]

    def on_start(event, context):
        started.append(name_of(event))
        # The gate is the last one: let it settle, then end all.
        if started[-1] == "gate":
            return [TimerAction(period=5.0, actions=[EmitEvent(event=Shutdown(reason="done"))])]
        return None

    def on_exit(event, context):
        ended.append((name_of(event), event.returncode))

    service = launch.LaunchService(noninteractive=True)
    service.include_launch_description(
        launch.LaunchDescription(
            [
                RegisterEventHandler(OnProcessStart(on_start=on_start)),
                RegisterEventHandler(OnProcessExit(on_exit=on_exit)),
                TimerAction(
                    period=PATIENCE_S, actions=[EmitEvent(event=Shutdown(reason="too long"))]
                ),
                IncludeLaunchDescription(
                    PythonLaunchDescriptionSource(str(FOLDER / "sim.launch.py")),
                    launch_arguments=[("cell", "sim_panda"), ("domain", str(domain))],
                ),
            ]
        )
    )
    service.run()
    assert started[0] == "sim_robot"
    assert "gate" in started
    nodes = [one for one in ended if one[0] in ("gate", "sim_robot")]
    assert nodes == [("gate", 0), ("sim_robot", 0)]
