"""`robot-skills train-success`: foresee whether a skill will succeed, from rollouts."""

from dataclasses import asdict

from robot_skills.app.options import TrainSuccessOptions
from robot_skills.app.outcome import CommandResult


def main(options: TrainSuccessOptions) -> CommandResult:
    """Train on the rollouts that the options name, measure on others, and say when to give up."""
    from policies.rollouts import read_rollouts
    from policies.success_training import SuccessTraining, train_success
    from robot_skills.app.giving_up import UNDISTURBED, decide_giving_up

    config = train_success(
        options.rollouts, options.test, options.checkpoint, SuccessTraining(seed=options.seed)
    )
    found = config.measured
    assert found is not None
    low, high = found.auroc_ci95
    ece_low, ece_high = found.ece_ci95
    print(f"{options.checkpoint}: success predictor of {config.rollouts} rollouts")
    print(f"measured on {found.n} others, {found.successes} of them successes:")
    print(f"  AUROC at the end {found.auroc:.3f} ({low:.3f}-{high:.3f})")
    print(f"  AUROC half way {found.auroc_half:.3f}")
    print(f"  calibration error {found.ece:.3f} ({ece_low:.3f}-{ece_high:.3f})")
    print(f"  Brier score {found.brier:.3f}, {found.brier_base:.3f} without looking")
    print(
        f"  {100 * found.foreseen:.0f} % of the failures foreseen, {found.warning_s:.1f} s before "
        f"the end; {100 * found.false_alarms:.0f} % of the successes doubted"
    )
    if options.figure is not None:
        from robot_skills.app.reliability_figure import reliability_figure

        reliability_figure(config.calibration, options.figure)
        print(f"figure  {options.figure}")
    _, attempts = read_rollouts(options.attempts or options.test)
    if options.attempts is None:
        attempts = [attempt for attempt in attempts if attempt.mishap == UNDISTURBED]
    choice = decide_giving_up(options.checkpoint, attempts, options.again_s)
    told = "never" if choice.rule is None else str(choice.rule)
    print(
        f"gives up: {told}, by {choice.attempts} attempts, {choice.successes} of them successes; "
        f"{100.0 * choice.saved:.0f} % of the time to success would surely be saved"
    )
    return CommandResult(
        payload={
            "checkpoint": str(options.checkpoint),
            "predictor": config.to_json(),
            "giving_up": None if choice.rule is None else asdict(choice.rule),
        }
    )
