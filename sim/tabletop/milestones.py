"""What has to hold on the way to a goal, one after the other."""

from collections.abc import Callable, Sequence

from robot_skills.core.plan import Literal
from robot_skills.core.predicates import unmet
from robot_skills.core.scene import Scene

_EVERY = 4
"""Control steps between two looks at what holds."""


class Milestones:
    """Literals that have to hold one after the other, each at some time.

    Args:
        literals: In their order.

    Attributes:
        ahead: Those that have not held yet.
    """

    def __init__(self, literals: Sequence[Literal]) -> None:
        self.ahead = tuple(literals)
        self._looks = 0

    def look(self, truth: Callable[[], Scene]) -> None:
        """Take note of what holds now; every few calls only, since nothing passes in between."""
        self._looks += 1
        if self.ahead and self._looks % _EVERY == 0:
            scene = truth()
            while self.ahead and not unmet(scene, self.ahead[:1]):
                self.ahead = self.ahead[1:]
