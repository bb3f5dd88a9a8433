"""Our LeRobot plugins for hardware: importable here, and installed from their wheels elsewhere."""

import json
import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import numpy as np

from tests.plugins.installing import ROOT
from tests.realsense_sdk import usb_for_others

NAMES = tuple(f"lerobot_{kind}_robot_skills" for kind in ("robot", "camera", "teleoperator"))
_BUILD = "import setuptools.build_meta as b, sys; print(b.build_wheel(sys.argv[1]))"
_LIMIT_S = 240.0

for _name in NAMES:
    _source = str(ROOT / "plugins" / _name)
    if _source not in sys.path:
        sys.path.insert(0, _source)


def install_all(folder: Path) -> Path:
    """Build all wheels and unpack them; the folder then belongs on the module search path."""
    site = folder / "site"
    for name in NAMES:
        skipped = shutil.ignore_patterns("*.egg-info", "build", "__pycache__")
        source = shutil.copytree(ROOT / "plugins" / name, folder / name, ignore=skipped)
        wheels = folder / f"{name}_wheel"
        wheels.mkdir()
        subprocess.run(
            [sys.executable, "-c", _BUILD, str(wheels)],
            cwd=source,
            check=True,
            capture_output=True,
            timeout=_LIMIT_S,
        )
        (wheel,) = wheels.glob("*.whl")
        with zipfile.ZipFile(wheel) as archive:
            archive.extractall(site)
    return site


def lerobot(site: Path, home: Path, command: str, settings: dict, ros: bool = False):
    """Run one of LeRobot's commands as a user does, offline, with the plugins installed."""
    environment = os.environ | {
        "PYTHONPATH": f"{site}{os.pathsep}{ROOT}",
        "HF_HOME": str(home),
        "HF_LEROBOT_HOME": str(home / "lerobot"),
        "OMP_NUM_THREADS": "1",
        "HF_HUB_OFFLINE": "1",
        "PYTHONFAULTHANDLER": "1",
        "WANDB_MODE": "disabled",
        "TOKENIZERS_PARALLELISM": "false",
        **usb_for_others(),
    }
    script = [str(Path(sys.executable).parent / command)]
    if ros:
        script = [sys.executable, "-m", "lerobot_robot_robot_skills", command]
    done = subprocess.run(
        [*script, *(f"--{key}={value}" for key, value in settings.items())],
        env=environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
        timeout=_LIMIT_S,
    )
    said = f"{done.stdout[-2000:]}\n{done.stderr[-6000:]}"
    assert done.returncode == 0, f"{command} ended with {done.returncode}: {said}"
    return done


def write_hand(
    path: Path, duration_s: float, held=lambda t: True, y=lambda t: 0.05 * np.sin(t), width_m=None
) -> Path:
    """A recorded hand that moves sideways."""
    with path.open("w") as lines:
        for t in np.arange(0.0, duration_s, 0.02):
            hand = {
                "t": round(float(t), 3),
                "p": [0.0, float(y(t)), 0.0],
                "wxyz": [1, 0, 0, 0],
                "held": bool(held(t)),
            }
            if width_m is not None:
                hand["width_m"] = float(width_m(t))
            lines.write(json.dumps(hand) + "\n")
    return path
