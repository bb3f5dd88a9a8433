"""Walks a tree of plans by what is seen, and asks a model again only when the tree is used up."""

from collections.abc import Callable
from dataclasses import replace
from typing import NoReturn

from robot_skills.core.errors import RefusedError
from robot_skills.core.events import EventKind
from robot_skills.core.plan import Plan
from robot_skills.core.scene import Scene
from robot_skills.scheduler.closed_loop import attempts_at
from robot_skills.scheduler.critic import goal_unmet
from robot_skills.scheduler.executive import Executive
from robot_skills.scheduler.models.plan_tree import Branch, merged
from robot_skills.scheduler.runs import Ended, Run, end_for_good, summary, unmet_text

Sampler = Callable[[str, Scene, Plan | None], list[Plan]]
"""Ways to do what an instruction says in a scene, or what is left of a plan; at least one."""


class TreeWalk:
    """A `Planner` that samples several plans at one go, and a `Strategy` that walks their tree.

    Of what can come next, the call that most plans want is tried first. Where none can be made in
    the scene as it is seen, or all have failed, it goes back to the nearest fork at which another
    one can; what was done meanwhile stays done.

    Args:
        name: Of the planner.
        sample: Makes plans.
    """

    def __init__(self, name: str, sample: Sampler) -> None:
        self.name = name
        self._sample = sample
        self._root = Branch()

    def plan(self, instruction: str, scene: Scene) -> Plan:
        """Sample plans for an instruction; the one that most of them begin with.

        Raises:
            RefusedError: There is none.
        """
        return self._grown(instruction, scene, None)

    def replan(self, plan: Plan, scene: Scene) -> Plan:
        """Sample plans for the same goal from another scene. Raises as `plan` does."""
        return self._grown(plan.instruction, scene, plan)

    def carry_out(self, executive: Executive, run: Run) -> NoReturn:
        """Make calls until the run is over. Raises `Ended`."""
        _Walk(self, executive, run).go()

    def root(self, plan: Plan) -> Branch:
        """The tree that a plan was taken from, or the plan as a tree."""
        return self._root if self._root.likeliest() == plan.calls else merged([plan.calls])

    def _grown(self, instruction: str, scene: Scene, rest: Plan | None) -> Plan:
        plans = self._sample(instruction, scene, rest)
        first = plans[0]
        aims = (first.goal, first.milestones)
        same = [plan for plan in plans if (plan.goal, plan.milestones) == aims]
        self._root = merged(plan.calls for plan in same)
        return replace(first, calls=self._root.likeliest())


class _Walk:
    """One run."""

    def __init__(self, trees: TreeWalk, executive: Executive, run: Run) -> None:
        self._trees, self._executive, self._run = trees, executive, run
        self._path = [trees.root(run.plan)]
        self._tried: set[Branch] = set()
        self._grown = 0
        self._problem = ""

    def go(self) -> NoReturn:
        executive, run = self._executive, self._run
        while True:
            executive.end_when_stopped()
            run.pass_milestones()
            if not self._missing() or not self._path[-1].children:
                # Raises where the goal is seen to hold.
                self._problem = executive.finish(run)
            branch = self._next()
            if branch is None:
                self._grow()
            else:
                self._take(branch)

    def _missing(self) -> str:
        """What is not yet as it is wanted, in words."""
        run = self._run
        unmet = goal_unmet(run.scene, run.plan.goal)
        return unmet_text(unmet, run.milestones, run.monitor.progress.pending)

    def _next(self) -> Branch | None:
        """The next branch to take, here or at the nearest fork before; None where there is none."""
        for depth in range(len(self._path), 0, -1):
            for child in self._path[depth - 1].by_support():
                if child not in self._tried and not self._refusal(child):
                    del self._path[depth:]
                    return child
        return None

    def _refusal(self, branch: Branch) -> str:
        """Why a call cannot be made now; empty when it can."""
        run, call = self._run, branch.call
        assert call is not None
        try:
            alone = replace(run.plan, calls=(call,), goal=(), milestones=(), specification=None)
            self._executive.accept(alone, run.scene)
        except RefusedError as error:
            return str(error)
        return run.monitor.refusal(call, run.scene)

    def _take(self, branch: Branch) -> None:
        """Make the call of a branch, and go there when it goes well."""
        run, call = self._run, branch.call
        assert call is not None
        self._tried.add(branch)
        self._follow(branch)
        results = attempts_at(self._executive, run, call)
        run.skills.append(summary(call, results))
        end_for_good(run, call, results[-1])
        if results[-1].ok:
            run.made(call)
            self._path.append(branch)
            return
        self._problem = f"{call} failed: {results[-1].reason}"

    def _follow(self, branch: Branch) -> None:
        """Tell everybody when another branch is taken than the one that was announced."""
        executive, run, call = self._executive, self._run, branch.call
        assert call is not None
        if run.calls[:1] == [call]:
            return
        number = len(run.plans)
        executive.emit(
            EventKind.REPLAN,
            reason=f"another branch, {call}: {self._problem or self._missing()}",
            number=number,
        )
        run.follow(replace(run.rest(), calls=(call, *branch.likeliest())))
        executive.announce(run, number)

    def _grow(self) -> None:
        """Sample a new tree from what is seen now, or end the run."""
        executive, run = self._executive, self._run
        reason = self._problem or self._missing()
        if self._grown >= executive.config.max_replans:
            raise Ended(f"gave up after {self._grown} new trees of plans: {reason}")
        self._grown += 1
        executive.plan_anew(run, reason)
        self._path = [self._trees.root(run.plan)]
        self._tried.clear()
