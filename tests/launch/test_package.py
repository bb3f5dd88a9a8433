"""The ROS package as pip builds and installs it: what ROS looks for is where ROS looks for it."""

import json
import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from robot_skills.app.bringup.plan import PACKAGE
from robot_skills.app.bringup.plans import CellFacts, PlanName, plan_of

pytest.importorskip("setuptools", reason="the package is built with setuptools")

ROOT = Path(__file__).resolve().parents[2]
SOURCE = ROOT / "hardware/ros2/robot_skills_ros"
# What the wheels of ROS put into the environment of one virtual environment breaks another's.
ENVIRONMENT = {
    name: value
    for name, value in os.environ.items()
    if name not in ("LD_LIBRARY_PATH", "_ROS_WHEELS_BOOTSTRAP_COMPLETE", "VIRTUAL_ENV")
}


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    folder = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "setup.py", "-q", "egg_info", "--egg-base", str(folder), "build"]
    command += ["--build-base", str(folder / "build"), "bdist_wheel", "--dist-dir", str(folder)]
    command += ["--bdist-dir", str(folder / "bdist")]
    done = subprocess.run(
        command, cwd=SOURCE, capture_output=True, text=True, check=False, timeout=200
    )
    assert done.returncode == 0, done.stderr
    (path,) = folder.glob("*.whl")
    return path


def data_of(wheel):
    """Installed files, relative to the prefix, and whether they are executable."""
    with zipfile.ZipFile(wheel) as archive:
        mark = ".data/data/"
        return {
            entry.filename.partition(mark)[2]: bool((entry.external_attr >> 16) & 0o111)
            for entry in archive.infolist()
            if mark in entry.filename
        }


def test_ros_finds_the_package_its_launch_files_and_cells(wheel):
    data = data_of(wheel)
    assert f"share/ament_index/resource_index/packages/{PACKAGE}" in data
    assert f"share/{PACKAGE}/package.xml" in data
    for pattern, place in (("*.launch.py", "launch"), ("config/*.yaml", "launch/config")):
        here = sorted(path.name for path in (ROOT / "launch").glob(pattern))
        there = [
            name.rpartition("/")[2]
            for name in data
            if name.rpartition("/")[0] == f"share/{PACKAGE}/{place}"
        ]
        assert sorted(there) == here


@pytest.mark.parametrize("simulated", [False, True])
@pytest.mark.parametrize("name", PlanName)
def test_every_node_of_a_plan_that_there_is_has_its_executable(wheel, name, simulated):
    if name is PlanName.SIM and not simulated:
        pytest.skip("a real arm is not simulated")
    facts = CellFacts(cell="x.yaml", name="x", cameras=("front",), simulated=simulated)
    data = data_of(wheel)
    for node in plan_of(name, facts).nodes:
        assert node.module == f"robot_skills.app.nodes.{node.executable}"
        assert all(path.is_file() for path in node.parameters)
        assert (f"lib/{PACKAGE}/{node.executable}" in data) == node.there
        assert data.get(f"lib/{PACKAGE}/{node.executable}", True)
    # What launch waits with is no node of a plan.
    assert data[f"lib/{PACKAGE}/wait_for"]


def test_nothing_goes_into_bin_where_names_would_clash(wheel):
    with zipfile.ZipFile(wheel) as archive:
        assert not any(name.endswith("entry_points.txt") for name in archive.namelist())


def test_an_installed_executable_runs_with_the_python_beside_it(wheel, tmp_path):
    prefix = tmp_path / "venv"
    make = [sys.executable, "-m", "venv", str(prefix)]
    subprocess.run(make, check=True, env=ENVIRONMENT, timeout=200, capture_output=True)
    install = [str(prefix / "bin/python"), "-m", "pip", "install", "--no-index", "--no-deps"]
    done = subprocess.run(
        [*install, str(wheel)],
        capture_output=True, text=True, check=False, env=ENVIRONMENT, timeout=200,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    # The nodes themselves are robot_skills, which a real environment has beside the package.
    helped = subprocess.run(
        [str(prefix / f"lib/{PACKAGE}/gate"), "--help"],
        capture_output=True, text=True, check=False, timeout=100,
        env={**ENVIRONMENT, "PYTHONPATH": str(ROOT)},
    )  # fmt: skip
    assert helped.returncode == 0, helped.stderr
    assert "--cell" in helped.stdout
    index = pytest.importorskip("ament_index_python", reason="ROS 2 is not installed")
    before = os.environ.get("AMENT_PREFIX_PATH")
    os.environ["AMENT_PREFIX_PATH"] = str(prefix)
    try:
        share = Path(index.get_package_share_directory(PACKAGE))
    finally:
        del os.environ["AMENT_PREFIX_PATH"]
        if before is not None:
            os.environ["AMENT_PREFIX_PATH"] = before
    assert (share / "launch/sim.launch.py").is_file()


READ = """
import json, sys
import setuptools
from distutils.core import run_setup
read = run_setup("setup.py", stop_after="init")
print(json.dumps([read.entry_points, read.data_files]))
"""


def test_colcon_gets_entry_points_and_no_file_from_outside():
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", READ],
        cwd=SOURCE, capture_output=True, text=True, check=False, timeout=200,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    entry_points, data_files = json.loads(done.stdout)
    assert "gate = robot_skills.app.nodes.gate:main" in entry_points["console_scripts"]
    # With --symlink-install colcon links each of them at the same place below its build folder.
    sources = [Path(path) for _, paths in data_files for path in paths]
    assert Path("launch/sim.launch.py") in sources
    assert not any(path.is_absolute() or ".." in path.parts for path in sources)
    assert all((SOURCE / path).is_file() for path in sources)
