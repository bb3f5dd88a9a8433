"""`robot-skills train-success`: foresee whether a skill will succeed, from rollouts."""

from robot_skills.app.options import TrainSuccessOptions
from robot_skills.app.outcome import CommandResult


def main(options: TrainSuccessOptions) -> CommandResult:
    """Train on the rollouts that the options name, and measure on others."""
    from policies.success_training import SuccessTraining, train_success

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
    return CommandResult(
        payload={"checkpoint": str(options.checkpoint), "predictor": config.to_json()}
    )
