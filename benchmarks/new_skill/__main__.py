"""``python -m benchmarks.new_skill``: a skill that nobody has, taught by ten demonstrations.

A script shows how a milk carton is tipped over, ten times. `robot-skills skills add` makes a skill
of that in a library of its own. Then instructions are carried out that nobody demonstrated: other
things are tipped over, and something else is done after it. Prints one line of JSON. An interrupted
run goes on where it stopped.
"""

import argparse
import hashlib
import json
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from benchmarks.new_skill.composed import NAME, composed, rates
from benchmarks.new_skill.demonstrator import CARD, record
from robot_skills.app.skills_add.staging import Staging
from robot_skills.app.zoo import COMPARED, zoo_dir

OUT = Path("outputs/new_skill")
DEMONSTRATIONS, TRIALS = 10, 40


def main() -> None:
    """Teach the skill and use it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=OUT, help="folder for everything")
    parser.add_argument("--trials", type=int, default=TRIALS, help="composed instructions")
    parser.add_argument("--workers", type=int, default=2)
    args = parser.parse_args()
    args.out.mkdir(parents=True, exist_ok=True)
    zoo = args.out / "zoo"
    added = _added(args.out, zoo, args.workers)
    before, after = _hashes(zoo_dir()), _hashes(zoo)
    trials = composed(zoo, args.trials, args.workers)
    row = {
        "skill": NAME,
        "demonstrations": DEMONSTRATIONS,
        "multiplied": added["multiplied"],
        "cpu_minutes": round(added["cpu_minutes"], 2),
        "alone": added["measured"],
        "composed": rates(trials),
        "failures": [f"{t.task}: {t.reason}" for t in trials if not t.success],
        "others_changed": sorted(name for name in before if after.get(name) != before[name]),
    }
    print(json.dumps(row))


def _added(out: Path, zoo: Path, workers: int) -> Mapping[str, Any]:
    """What `robot-skills skills add --json` says, of this run or of the one that it goes on with.

    It is one process with nothing to go on with, so its processor time is all that it took.
    """
    said, demonstrations = out / "added.json", out / "demonstrations"
    if not said.exists():
        if not demonstrations.exists():
            record(demonstrations, DEMONSTRATIONS, seed=0)
        for left in (zoo, Staging(zoo=zoo, name=NAME).root):
            shutil.rmtree(left, ignore_errors=True)
        command = [sys.executable, "-m", "robot_skills.app.cli", "skills", "add", NAME, "--json"]
        command += ["--dataset", str(demonstrations), "--card", str(CARD), "--zoo", str(zoo)]
        command += ["--workers", str(workers)]
        line = subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout
        said.write_bytes(line)
    return json.loads(said.read_bytes())


def _hashes(zoo: Path) -> dict[str, str]:
    """SHA-256 of every file of a library, by its name there."""
    return {
        str(path.relative_to(zoo)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(zoo.rglob("*"))
        if path.is_file() and path.relative_to(zoo).parts[0] not in COMPARED
    }


if __name__ == "__main__":
    main()
