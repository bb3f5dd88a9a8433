"""The first plan's calls in order, on the scene of the first look: what looking is worth."""

from dataclasses import replace
from typing import NoReturn

from robot_skills.core.scene import Scene
from robot_skills.scheduler.executive import Executive
from robot_skills.scheduler.runs import Ended, Run, end_for_good, summary


class OpenLoop:
    """The strategy that believes what the first look showed, and its own calls.

    Every call is bound to the first look, but for what an earlier call of the plan was about: that
    the call itself has moved, and it is taken as seen since. Nobody else is thought to move
    anything, nothing is compared with what was promised, tried again or planned again. At the end
    there is one more look, so that the run does not claim what plainly is not so. A call that
    cannot start, because one before it failed, moves nothing.
    """

    def carry_out(self, executive: Executive, run: Run) -> NoReturn:
        """Make every call once. Raises `Ended`."""
        first, touched = run.scene, set[str]()
        for call in run.plan.calls:
            run.pass_milestones()
            run.scene = believed(first, run.scene, touched)
            result, _ = executive.attempt(run, call)
            run.skills.append(summary(call, [result]))
            end_for_good(run, call, result)
            if result.ok:
                run.made(call)
            touched |= set(call.args.values())
        raise Ended(executive.finish(run))


def believed(first: Scene, latest: Scene, touched: set[str]) -> Scene:
    """The first look, with what was touched since as in the latest one.

    Args:
        first: The look before anything moved.
        latest: The look after the call before.
        touched: Names of things that calls were about.
    """
    entities = {
        name: latest.entities.get(name, entity) if name in touched else entity
        for name, entity in first.entities.items()
    }
    return replace(latest, entities=entities)
