"""What a wheel of the project carries, and that it is found where only the wheel is installed."""

import importlib.util
import os
import shutil
import subprocess
import sys
import types
import zipfile
from pathlib import Path

import pytest

from robot_skills.core.shipped import shipped

ROOT = Path(__file__).resolve().parents[2]
ONLY_MEASURED = ("zoo/seeds/", "zoo/task_centric/")
NO_NETWORK = ("Failed to fetch", "Network", "network", "dns error", "not found in the cache")


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    """Built as a user would build it."""
    local = ROOT / ".uv" / "bin" / "uv"
    uv = shutil.which("uv") or (str(local) if local.is_file() else None)
    if uv is None:
        pytest.skip("uv is not installed")
    folder = tmp_path_factory.mktemp("wheel")
    command = [uv, "build", "--wheel", "--out-dir", str(folder), str(ROOT)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=200.0)
    if done.returncode and any(word in done.stderr for word in NO_NETWORK):
        pytest.skip("what builds wheels cannot be fetched here")
    assert done.returncode == 0, done.stderr
    return next(folder.glob("*.whl"))


def _shipped(name):
    return f"robot_skills/shipped/{name}"


def tracked(folder, pattern):
    """Files of the repository that are to be in the wheel."""
    found = {path.relative_to(ROOT).as_posix() for path in (ROOT / folder).rglob(pattern)}
    assert found
    return found


def test_the_wheel_has_cells_launch_files_skills_and_profiles(wheel):
    names = set(zipfile.ZipFile(wheel).namelist())
    wanted = tracked("launch", "*.yaml") | tracked("launch", "*.launch.py")
    zoo = tracked("zoo", "card.yaml") | tracked("zoo", "*.safetensors")
    wanted |= {name for name in zoo if not name.startswith(ONLY_MEASURED)}
    assert set(map(_shipped, wanted)) <= names
    assert not [name for name in names if name.startswith(tuple(map(_shipped, ONLY_MEASURED)))]
    assert tracked("hardware/ros2/profiles", "*.xml") <= names
    assert tracked("robot_skills/app/templates", "*.j2") <= names
    assert not [name for name in names if name.startswith(("tests/", "benchmarks/", "plugins/"))]
    assert not [name for name in names if "robot_skills_interfaces" in name]


def test_an_installed_wheel_finds_what_it_carries(wheel, tmp_path):
    zipfile.ZipFile(wheel).extractall(tmp_path / "site")
    code = (
        "from robot_skills.app.cells import load_cell, shipped_cells;"
        "from robot_skills.app.zoo import zoo_dir;"
        "from robot_skills.perception.labels import load_labels;"
        "from hardware.ros2.transport import PROFILES;"
        "load_labels();"
        "print(load_cell('so101').path, zoo_dir(), PROFILES, len(shipped_cells()), sep='\\n')"
    )
    environment = os.environ | {"PYTHONPATH": str(tmp_path / "site")}
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
        timeout=100.0,
    )
    assert done.returncode == 0, done.stderr
    *places, cells = done.stdout.split()
    assert all(Path(place).is_relative_to(tmp_path / "site") for place in places), places
    assert int(cells) == len(list((ROOT / "launch" / "config").glob("*.yaml")))


def test_an_editable_installation_copies_nothing(monkeypatch):
    hook = types.ModuleType("hatchling.builders.hooks.plugin.interface")
    hook.BuildHookInterface = object
    monkeypatch.setitem(sys.modules, hook.__name__, hook)
    spec = importlib.util.spec_from_file_location("hatch_build", ROOT / "hatch_build.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    added: dict = {"force_include": {}}
    module.ShippedFiles().initialize("editable", added)
    assert added == {"force_include": {}}
    module.ShippedFiles().initialize("standard", added)
    assert all((ROOT / name).exists() for name in added["force_include"])
    assert "zoo/grasp" in added["force_include"]
    assert not {"zoo", "zoo/seeds", "zoo/task_centric"} & set(added["force_include"])


def test_a_checkout_is_used_where_nothing_is_installed(tmp_path):
    package = tmp_path / "robot_skills"
    assert shipped("zoo", package) == tmp_path / "zoo"
    (package / "shipped" / "zoo").mkdir(parents=True)
    assert shipped("zoo", package) == package / "shipped" / "zoo"
