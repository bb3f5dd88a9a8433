"""``python -m benchmarks.faults``: print one line of JSON per fault."""

import argparse
import json
import os
import sys
from contextlib import ExitStack
from dataclasses import asdict
from pathlib import Path

from benchmarks.canary import canary
from benchmarks.faults.cell import fault_cell
from benchmarks.faults.measure import Trial, measure
from benchmarks.faults.table import FAULTS

REPEATS = 50


def main() -> None:
    """Inject faults, one kind after another."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeats", type=int, default=REPEATS)
    parser.add_argument("--only", nargs="+", default=(), help="faults with these numbers")
    parser.add_argument("--events", type=Path, help="file that gets a line of JSON per injection")
    args = parser.parse_args()
    os.environ.setdefault("ROS_DOMAIN_ID", "89")
    chosen = [fault for fault in FAULTS if not args.only or fault.number in args.only]
    if not chosen:
        known = ", ".join(sorted({fault.number for fault in FAULTS}))
        sys.exit(f"There are no such faults; there are {known}.")

    def note(trial: Trial) -> None:
        if args.events is not None:
            with args.events.open("a", encoding="utf-8") as file:
                file.write(json.dumps(asdict(trial)) + "\n")

    with canary() as bird:
        # Faults of cameras need some; the others are measured without.
        for cameras in sorted({fault.cameras for fault in chosen}):
            with ExitStack() as stack:
                cell = stack.enter_context(fault_cell(cameras))
                for fault in chosen:
                    if fault.cameras == cameras:
                        row = measure(cell, fault, args.repeats, bird, note)
                        print(json.dumps(asdict(row)), flush=True)


if __name__ == "__main__":
    main()
