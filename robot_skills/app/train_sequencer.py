"""`robot-skills train-sequencer`: learn which skill comes next, from imagined runs."""

from robot_skills.app.options import TrainSequencerOptions
from robot_skills.app.outcome import CommandResult
from robot_skills.core.errors import RefusedError


def main(options: TrainSequencerOptions) -> CommandResult:
    """Imagine runs, train on them, measure on others."""
    if min(options.runs, options.held_out, options.steps) < 1:
        raise RefusedError("--runs, --held-out and --steps must be at least 1.")
    if not 0.0 <= options.failing < 1.0:
        raise RefusedError("--failing must be at least 0 and below 1.")
    from robot_skills.app.sequencer_training import train_on_imagined_runs

    config = train_on_imagined_runs(options)
    data, measured = config.data, config.measured
    print(f"{options.out}: sequencer of {data['choices']} choices in {data['runs']} runs,")
    print(f"  of which {data['recovered']} recovered from failures")
    print(f"  {100 * measured['choices_right']:.1f} % of the choices in other runs foretold")
    for tasks in ("training", "unseen"):
        row = measured[f"{tasks}_tasks"]
        print(f"  {row['completed']} of {row['n']} imagined runs of {tasks} tasks completed")
    return CommandResult(payload={"checkpoint": str(options.out), "sequencer": config.to_json()})
