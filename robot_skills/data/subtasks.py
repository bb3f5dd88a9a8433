"""What was being done while an episode was recorded, from what was said meanwhile."""

from collections.abc import Sequence

from robot_skills.core.annotation import Subtask


def spans(said: Sequence[tuple[float, str]], start_s: float, end_s: float) -> tuple[Subtask, ...]:
    """Each subtask lasts until the next one; empty words end it.

    Args:
        said: Times on the project clock and words, in order.
        start_s: Beginning of the episode.
        end_s: Its end.
    """
    ends = [*(at_s for at_s, _ in said[1:]), end_s][: len(said)]
    return tuple(
        Subtask(
            start_s=max(at_s - start_s, 0.0),
            end_s=max(until_s - start_s, at_s - start_s, 0.0),
            words=words,
        )
        for (at_s, words), until_s in zip(said, ends, strict=True)
        if words
    )
