"""Whether cameras can be rendered here, and what to install when they cannot.

Run as ``python -m robot_skills.app.gl`` it says nothing and exits 0 when they can.
"""

import os
import subprocess
import sys

from robot_skills.core.errors import MissingDependencyError

DEBIAN_PACKAGES = "libegl1 libgl1 libgl1-mesa-dri"
"""What software rendering through EGL needs on Debian and Ubuntu."""

_PROBE = """
import mujoco
context = mujoco.GLContext(64, 64)
context.make_current()
mujoco.MjrContext(mujoco.MjModel.from_xml_string("<mujoco/>"), mujoco.mjtFontScale.mjFONTSCALE_100)
"""


def use_egl_by_default() -> None:
    """Let MuJoCo render without a display, unless the user chose otherwise by MUJOCO_GL."""
    os.environ.setdefault("MUJOCO_GL", "egl")


def require() -> None:
    """Check in a process of its own: some broken GL libraries kill whoever loads them.

    Raises:
        MissingDependencyError: No GL context can be made; says what to install.
    """
    use_egl_by_default()
    probe = subprocess.run(
        [sys.executable, "-c", _PROBE], capture_output=True, text=True, check=False
    )
    if probe.returncode == 0:
        return
    lines = probe.stderr.strip().splitlines()
    detail = lines[-1] if lines else f"the probe ended with status {probe.returncode}"
    raise MissingDependencyError(
        f"The simulated cameras cannot render: no GL context with MUJOCO_GL="
        f"{os.environ['MUJOCO_GL']} ({detail}). On Debian or Ubuntu: apt-get install -y "
        f"{DEBIAN_PACKAGES}; then leave MUJOCO_GL unset or set it to egl."
    )


def main() -> int:
    try:
        require()
    except MissingDependencyError as error:
        print(f"robot-skills: {error}", file=sys.stderr)
        return error.exit_code
    return 0


if __name__ == "__main__":
    sys.exit(main())
