"""`robot-skills bench`: us and a peer, side by side in one run."""

from dataclasses import asdict
from importlib.util import find_spec

from robot_skills.app.options import BenchOptions
from robot_skills.app.outcome import CommandResult
from robot_skills.core.errors import MissingDependencyError


def main(options: BenchOptions) -> CommandResult:
    """Run one benchmark; its table goes to the terminal, its figures to `--json`."""
    if find_spec("benchmarks") is None:
        raise MissingDependencyError(
            "Benchmarks are not part of an installed package. Run from a checkout of the project."
        )
    from benchmarks.result import table

    match options.what:
        case "sim":
            from benchmarks.sim import run
        case "policy":
            from benchmarks.policy import run
        case "train":
            from benchmarks.train import run
        case "read":
            from benchmarks.read import run
        case "record":
            from benchmarks.record import run
        case "control":
            from benchmarks.control import run
        case "startup":
            from benchmarks.startup import run
    results = run()
    print(table(results))
    lines = [asdict(result) for result in results]
    # The first result is the benchmark's own; the others say more about it.
    return CommandResult(payload={**lines[0], "results": lines})
