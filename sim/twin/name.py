"""What a twin is called on the command line."""

from robot_skills.core.errors import RefusedError

TWIN = "twin"


def twin_seed(robot: str) -> int | None:
    """The seed of a twin's name, `twin` or `twin:SEED`; None where it is another robot's.

    Raises:
        RefusedError: The seed is no number.
    """
    word, _, seed = robot.partition(":")
    if word != TWIN:
        return None
    if seed and not seed.isdecimal():
        raise RefusedError(f"A twin is twin or twin:SEED, a whole number, not {robot!r}.")
    return int(seed or 0)
