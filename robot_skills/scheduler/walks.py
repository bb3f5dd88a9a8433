"""Foreseeing with a learned scheduler: call after call, each doing what its card says."""

from collections.abc import Iterator
from itertools import islice

import numpy as np

from robot_skills.core.errors import InstructionError, PlanningError
from robot_skills.core.next_call import NextCallPredictor, with_attempt
from robot_skills.scheduler.aims import Aim
from robot_skills.scheduler.moments import Moments
from robot_skills.scheduler.relevance import without_detours
from robot_skills.scheduler.stepping import History
from robot_skills.scheduler.temporal.progress import Progress
from robot_skills.scheduler.words.tokens import shown
from robot_skills.scheduler.world_model import GroundCall, State

_LISTED = 2
"""Candidates that a refusal names."""
_SEEN = 200
"""States in which a way to the end is looked for."""


class FreeWalk:
    """Goes where the network takes it, and ends where the network says so.

    Args:
        moments: Of the scene.
        predictor: Predicts what comes next.
        sure_from: Probability of what comes next below which it does not go on.
    """

    def __init__(self, moments: Moments, predictor: NextCallPredictor, sure_from: float) -> None:
        self._moments, self._predictor, self._sure_from = moments, predictor, sure_from
        self._state, self._history = moments.start, ()

    def to_the_end(self, most: int) -> Iterator[GroundCall]:
        """Make what is likeliest of what is possible, again and again, until it is the end.

        Args:
            most: Calls that may be made.

        Raises:
            InstructionError: Nothing is likely enough, or not knowing is likelier than anything.
            PlanningError: There is no end.
        """
        model = self._moments.model
        for _ in range(most):
            ranking = self._ranked()
            possible = (
                (call, share)
                for call, share in ranking
                if call is None or not model.unmet(self._state, call.preconditions)
            )
            call, share = next(possible, (None, 0.0))
            if share < self._sure_from:
                listed = ", ".join(
                    f"{call.call if call else 'the end'} {share:.2f}"
                    for call, share in islice(ranking, _LISTED)
                )
                raise self._not_known(f"likeliest are {listed}")
            if call is None:
                return
            yield call
            self._state = model.apply(self._state, call.effects)
            self._history = with_attempt(self._history, call.call, ok=True)
        raise PlanningError(f"No plan: the learned scheduler comes to no end within {most} calls.")

    def _ranked(self) -> list[tuple[GroundCall | None, float]]:
        """What could come next and how likely it is, likeliest first; None stands for the end."""
        scores = self._predictor.scores(self._moments.at(self._state, self._history))
        *known, unknown = np.exp(scores)
        choices = [*self._moments.calls.values(), None]
        order = np.argsort(-np.asarray(known), kind="stable")
        if unknown > known[order[0]]:
            raise self._not_known(f"not knowing it has the probability {unknown:.2f}")
        return [(choices[i], float(known[i])) for i in order]

    def _not_known(self, why: str) -> InstructionError:
        text = shown(self._moments.instruction)
        return InstructionError(
            f"The learned scheduler does not know what comes next for {text}: {why}."
        )


class HeldWalk:
    """Goes where an aim allows, as the network likes it best, and ends where the aim is reached.

    Where that leads no further, it goes back to the last choice that was left.

    Args:
        moments: Of the scene.
        predictor: Predicts what comes next.
        considered_from: Probability, among what the aim allows, below which a call is not made.
    """

    def __init__(
        self, moments: Moments, predictor: NextCallPredictor, considered_from: float
    ) -> None:
        self._moments, self._predictor = moments, predictor
        self._considered_from = considered_from

    def ranked(self, aim: Aim, history: History) -> list[GroundCall]:
        """What may come next and is likely enough, likeliest first.

        Args:
            aim: What is wanted.
            history: What was done before.
        """
        calls = list(self._moments.calls.values())
        admitted = {str(call.call) for call in aim.admitted(calls)}
        places = [i for i, call in enumerate(calls) if str(call.call) in admitted]
        if not places:
            return []
        scores = self._predictor.scores(self._moments.at(aim.state, history))[places]
        shares = np.exp(scores - scores.max())
        shares /= shares.sum()
        order = np.argsort(-shares, kind="stable")
        return [calls[places[i]] for i in order if shares[i] >= self._considered_from]

    def to_the_end(self, aim: Aim, history: History, most: int) -> tuple[GroundCall, ...]:
        """Calls after which the aim is reached, less what that does not need.

        Args:
            aim: What is wanted.
            history: What was done before.
            most: Calls that may be made.

        Raises:
            PlanningError: None are found.
        """
        found = self._onwards(aim, history, most, {(aim.state, aim.progress)})
        if found is None:
            wanted = "; ".join([*map(str, aim.goal), *aim.progress.pending])
            raise PlanningError(
                f"No plan: the learned scheduler finds no way to {wanted}, which is what is asked "
                "for."
            )
        return without_detours(found, aim.is_reached_by)

    def _onwards(
        self, aim: Aim, history: History, most: int, seen: set[tuple[State, Progress]]
    ) -> tuple[GroundCall, ...] | None:
        """Calls to the end; None where there are none but through what was seen before."""
        if aim.reached:
            return ()
        if not most or len(seen) > _SEEN:
            return None
        for call in self.ranked(aim, history):
            behind = aim.behind(call)
            if (behind.state, behind.progress) in seen:
                continue
            seen.add((behind.state, behind.progress))
            more = self._onwards(behind, with_attempt(history, call.call, ok=True), most - 1, seen)
            if more is not None:
                return (call, *more)
        return None
