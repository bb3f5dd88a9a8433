"""Installs our LeRobot plugin as a user would get it: from its wheel, into a folder."""

import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PLUGIN = "lerobot_policy_robot_skills"

_BUILD = "import setuptools.build_meta as b, sys; print(b.build_wheel(sys.argv[1]))"


def install(folder: Path) -> Path:
    """Build the wheel and unpack it; the folder then belongs on the module search path."""
    source = shutil.copytree(ROOT / "plugins" / PLUGIN, folder / "source")
    wheels, site = folder / "wheels", folder / "site"
    wheels.mkdir()
    subprocess.run(
        [sys.executable, "-c", _BUILD, str(wheels)], cwd=source, check=True, capture_output=True
    )
    (wheel,) = wheels.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(site)
    return site


def run(site: Path, *command: str) -> str:
    """Run a Python command line that finds the plugin, and return what it printed.

    Raises:
        AssertionError: It failed.
    """
    environment = os.environ | {
        "PYTHONPATH": f"{site}{os.pathsep}{ROOT}",
        "OMP_NUM_THREADS": "1",
        "HF_HUB_OFFLINE": "1",
        "WANDB_MODE": "disabled",
        "TOKENIZERS_PARALLELISM": "false",
    }
    done = subprocess.run(
        [sys.executable, *command], env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, f"{done.stdout[-2000:]}\n{done.stderr[-4000:]}"
    return done.stdout
