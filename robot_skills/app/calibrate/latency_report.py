"""What the page about latencies says and shows."""

from collections.abc import Mapping, Sequence

from matplotlib.figure import Figure

from calibration.latency import Anchor, Found, Latency
from calibration.latency_response import Delay
from robot_skills.app.drawing import COLOURS, INK, styled, svg


def latency_facts(found: Latency) -> Sequence[tuple[str, str]]:
    """Name and value of each number."""
    facts = [
        ("arm", _words(found.action)),
        ("gripper", "not found" if found.gripper is None else _words(found.gripper)),
        ("age of the states", _words(found.state)),
        *((f"camera {name}", _words(one)) for name, one in found.cameras.items()),
        ("states and arm told apart", apart(found)),
        ("lag of the servos, no delay", f"{1e3 * found.arm_after_told.lag_s:.1f} ms"),
    ]
    for what, delay in _delays(found).items():
        facts.append(
            (
                what,
                f"{1e3 * delay.delay_s:.1f} ± {1e3 * delay.sigma_s:.1f} ms, likeness "
                f"{delay.likeness:.3f}, {delay.samples} samples, parts "
                + ", ".join(f"{1e3 * one:.1f}" for one in delay.segments_s),
            )
        )
    return facts


def apart(found: Latency) -> str:
    """Whether states and arm could be told apart."""
    if found.anchor is Anchor.CLOCK:
        return "yes, a camera saw a clock"
    return (
        f"no: the states were said to be {1e3 * found.state.latency_s:.1f} ms old, and all other "
        "latencies are as good as that"
    )


def latency_figures(found: Latency) -> Mapping[str, str]:
    """How alike the series are at each delay."""
    return {what: _curve(delay, what) for what, delay in _delays(found).items()}


def _delays(found: Latency) -> dict[str, Delay]:
    delays = {"States of the arm after its commands": found.arm_after_told}
    if found.gripper_after_told is not None:
        delays["Openings of the gripper after its commands"] = found.gripper_after_told
    for name, delay in found.pictures_after_states.items():
        delays[f"Pictures of {name} after the states"] = delay
    for name, delay in found.pictures_of_clock.items():
        delays[f"The clock as {name} sees it"] = delay
    return delays


def _words(found: Found) -> str:
    return f"{1e3 * found.latency_s:.1f} ± {1e3 * found.sigma_s:.1f} ms"


def _curve(delay: Delay, salt: str) -> str:
    with styled():
        figure = Figure(figsize=(10.8, 2.8), layout="constrained")
        axes = figure.add_subplot()
        axes.plot(1e3 * delay.tried_s, delay.curve, color=COLOURS[0])
        axes.axvline(1e3 * delay.delay_s, color=INK, linewidth=1.0)
        axes.set(xlabel="delay [ms]", ylabel="likeness")
        return svg(figure, salt)
