"""`robot-skills bringup`: the nodes of a cell, from pip alone."""

import math
import time
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

from robot_skills.app.bringup.cell import facts_of
from robot_skills.app.bringup.options import BringupOptions
from robot_skills.app.bringup.plan import BringupPlan
from robot_skills.app.bringup.plans import Demonstration, Instructions, PlanName, plan_of
from robot_skills.app.bringup.supervisor import SPARE_AFTER_S, NodeReport, NodeState, Supervisor
from robot_skills.app.outcome import CommandResult
from robot_skills.core.errors import RefusedError


def main(options: BringupOptions) -> CommandResult:
    """Bring up what the options say, until somebody asks for the end."""
    if options.seconds is not None and options.seconds <= 0.0:
        raise RefusedError(f"--seconds must be positive, got {options.seconds:g}.")
    facts = facts_of(options.cell, namespace=options.namespace, domain=options.domain)
    shown = Demonstration(
        devices=options.device,
        dataset=str(options.dataset.resolve()) if options.dataset else "",
        task=options.task,
    )
    told = Instructions(
        executive=options.executive,
        runs=str(options.runs.resolve()) if options.runs else "",
        planner=options.planner,
        model=options.model,
        base_url=options.base_url,
    )
    plan = plan_of(PlanName(options.plan), facts, shown, told).selected(
        options.only, options.without
    )
    if options.dry_run:
        print("\n".join(plan.lines()))
        return CommandResult(payload=plan.payload())
    plan.check()
    logs = options.logs or Path("outputs/bringup") / datetime.now().strftime("%Y%m%d-%H%M%S")
    return bring_up(plan, logs, options.seconds, spares=options.spares)


def bring_up(
    plan: BringupPlan, logs: Path, seconds: float | None = None, *, spares: bool = True
) -> CommandResult:
    """Start a plan and keep it up until this process is asked to end.

    Args:
        plan: What is started.
        logs: Folder for the nodes' output.
        seconds: End after this time; None for never.
        spares: Whether another process is ready for every node that is started again.
    """
    from hardware.ros2.runtime import ProcessEnd
    from robot_skills.app.bringup.graph import RosGraph

    show = _Lines([node.name for node in plan.nodes])
    end = ProcessEnd()
    until_s = math.inf if seconds is None else time.monotonic() + seconds
    print(f"{plan.name} of {plan.cell}; logs in {logs}; Ctrl-C ends it.", flush=True)
    with RosGraph(plan.domain, network=plan.network) as graph, end.watched():
        spare_after_s = SPARE_AFTER_S if spares else None
        supervisor = Supervisor(plan, graph, logs.resolve(), show, spare_after_s=spare_after_s)
        well = supervisor.run(lambda: end.asked or time.monotonic() > until_s)
    if not well:
        print(f"All ended: {supervisor.reason}", flush=True)
    payload = {
        "plan": plan.name,
        "cell": plan.cell,
        "ok": well,
        "reason": supervisor.reason,
        "logs": str(logs),
        "nodes": [_payload(report) for report in supervisor.reports],
    }
    return CommandResult(payload=payload, exit_code=0 if well else 1)


class _Lines:
    """Prints a line whenever a node's state changes.

    Args:
        names: Of the nodes.
    """

    def __init__(self, names: Sequence[str]) -> None:
        self._width = max(len(name) for name in names)

    def __call__(self, report: NodeReport) -> None:
        text = f"{report.name:<{self._width}}  {report.state.value:<8}"
        if report.pid is not None:
            text += f"  process {report.pid}"
        if report.restarts:
            text += f"  restarts {report.restarts}"
        trouble = report.state in (NodeState.PAUSING, NodeState.GIVEN_UP, NodeState.ENDED)
        if trouble and report.why:
            text += f"  {report.why}"
        if report.state in (NodeState.PAUSING, NodeState.GIVEN_UP) and report.last_words:
            text += f"; last words: {report.last_words}"
        print(text, flush=True)


def _payload(report: NodeReport) -> dict[str, object]:
    return {
        "name": report.name,
        "state": report.state.value,
        "restarts": report.restarts,
        "why": report.why,
        "last_words": report.last_words,
        "log": str(report.log),
    }
