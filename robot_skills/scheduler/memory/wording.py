"""Words that ask for what is remembered: to go on with a task, and to put a thing back."""

import re

from robot_skills.core.scene import TABLE, Entity, Scene

_GO_ON = re.compile(
    r"(?:please )?(?:now )?(?:"
    r"go on|carry on|continue|resume|keep going|proceed"
    r"|(?:go on|carry on|continue|proceed) with (?:it|that|the (?:task|job|work|rest))"
    r"|(?:go on|carry on|continue|proceed) (?:from )?where you (?:stopped|left off|were)"
    r"|(?:continue|resume) (?:it|that|the (?:task|job|work)|what you were doing)"
    r"|(?:do|finish|complete) (?:the (?:rest|remainder|task|job|work)|it|what is left"
    r"|what you (?:began|started|were doing))(?: of (?:it|the (?:task|job|work)))?"
    r")(?: now)?(?: please)?"
)
_BACK = re.compile(
    r"(?:please )?(?:put|place|set|lay|bring|move|return) (?:"
    r"back (?P<behind>the [a-z0-9 ]+?)|(?P<before>the [a-z0-9 ]+?) back"
    r")(?: (?:again|where it (?:was|came from|belongs)|to (?:its|where it) (?:place|was)))?"
)
_LEFT_OUT = frozenset({"the", "a", "an"})


def asks_to_go_on(instruction: str) -> bool:
    """Whether the words ask for the rest of a task, and for nothing else."""
    return _GO_ON.fullmatch(_plain(instruction)) is not None


def thing_put_back(instruction: str, scene: Scene) -> str | None:
    """The thing that the words ask to put back to where it was.

    Args:
        instruction: The words.
        scene: What there is.

    Returns:
        None when they ask for anything else, name another place, or fit no single thing.
    """
    match = _BACK.fullmatch(_plain(instruction))
    if match is None:
        return None
    words = set((match["behind"] or match["before"]).split()) - _LEFT_OUT
    fitting = [e.name for e in scene if e.movable and e.name != TABLE and words <= _said_of(e)]
    return fitting[0] if len(fitting) == 1 else None


def _said_of(entity: Entity) -> set[str]:
    """Words that a thing is called by."""
    return {entity.label, entity.colour, *entity.name.split("_")}


def _plain(instruction: str) -> str:
    """Words in small letters, without punctuation at the ends."""
    return " ".join(re.sub(r"[.,!;]", " ", instruction.lower()).split())
