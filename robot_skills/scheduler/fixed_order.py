"""The first plan's calls in order, each tried once, whatever is seen: what feedback is worth."""

from typing import NoReturn

from robot_skills.scheduler.executive import Executive
from robot_skills.scheduler.runs import Ended, Run, end_for_good, summary


class FixedOrder:
    """The strategy that never tries again and never plans again.

    What became of a call decides nothing but whether the goal is seen to hold at the end. A call
    that cannot start, because one before it failed, moves nothing.
    """

    def carry_out(self, executive: Executive, run: Run) -> NoReturn:
        """Make every call once. Raises `Ended`."""
        for call in run.plan.calls:
            run.pass_milestones()
            result, _ = executive.attempt(run, call)
            run.skills.append(summary(call, [result]))
            end_for_good(run, call, result)
            if result.ok:
                run.made(call)
        raise Ended(executive.finish(run))
