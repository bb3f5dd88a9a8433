"""Several plans as one tree of calls: what they have in common is done once.

After *Tree-Planner: Efficient Close-loop Task Planning with Large Language Models* (Hu et al.,
2024): plans are sampled at one go and merged by what they begin with; then the tree is walked by
what is seen, without another word of the model.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from robot_skills.core.plan import SkillCall


@dataclass(kw_only=True, slots=True, eq=False)
class Branch:
    """A place in the tree.

    Attributes:
        call: That leads here; None at the root.
        support: How many plans come by here.
        children: What can come next, in the order of the plans.
    """

    call: SkillCall | None = None
    support: int = 0
    children: list["Branch"] = field(default_factory=list)

    def by_support(self) -> list["Branch"]:
        """What can come next; what most plans want is first."""
        return sorted(self.children, key=lambda child: -child.support)

    def likeliest(self) -> tuple[SkillCall, ...]:
        """The calls from here on that most plans want at each fork."""
        calls = []
        branch = self
        while branch.children:
            branch = branch.by_support()[0]
            if branch.call is not None:
                calls.append(branch.call)
        return tuple(calls)


def merged(plans: Iterable[Sequence[SkillCall]]) -> Branch:
    """The tree of some plans."""
    root = Branch()
    for calls in plans:
        branch = root
        branch.support += 1
        for call in calls:
            child = next((one for one in branch.children if one.call == call), None)
            if child is None:
                child = Branch(call=call)
                branch.children.append(child)
            child.support += 1
            branch = child
    return root
