"""Episodes that somebody should look at before they are trained on, each with the reason."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from robot_skills.app.dataset.survey import EpisodeSummary
from robot_skills.data.measures import outliers

_TINY_M = 0.02
_MOSTLY = 0.8
"""What so many episodes of a subset do, the others should do too."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Oddity:
    """An episode to look at.

    Attributes:
        number: Its number.
        reasons: Why, in words.
    """

    number: int
    reasons: tuple[str, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class _Check:
    """A number in which an episode may differ from those of its subset.

    Attributes:
        value: The number; None where it is not known.
        high: What is said when it is far above the others; None where that is fine.
        low: What is said when it is far below; None where that is fine.
    """

    value: Callable[[EpisodeSummary], float | None]
    high: str | None = None
    low: str | None = None


def oddities(episodes: Sequence[EpisodeSummary], period_s: float) -> list[Oddity]:
    """Odd episodes, in order.

    An episode is compared with the others of its subset by modified z-scores, see
    `robot_skills.data.measures.outliers`.

    Args:
        episodes: All of a dataset.
        period_s: Of its control loop.
    """
    reasons: dict[int, list[str]] = {e.number: list(e.flags) for e in episodes}
    for episode in episodes:
        reasons[episode.number] += _by_itself(episode, period_s)
    for name in dict.fromkeys(episode.subset for episode in episodes):
        alike = [episode for episode in episodes if episode.subset == name]
        for check in _CHECKS:
            _compare(alike, check, reasons)
        _compare_grasps(alike, reasons)
    return [Oddity(number=n, reasons=tuple(found)) for n, found in sorted(reasons.items()) if found]


def _by_itself(episode: EpisodeSummary, period_s: float) -> list[str]:
    found = []
    if episode.tool is not None and episode.tool.motion.path_m < _TINY_M:
        found.append(f"the tool moved only {100 * episode.tool.motion.path_m:.1f} cm")
    for camera, one in episode.alignment.items():
        if one.p95_s > period_s:
            found.append(
                f"pictures of {camera} are {1e3 * one.worst_s:.0f} ms from their rows at worst"
            )
    return found


def _compare(alike: Sequence[EpisodeSummary], check: _Check, reasons: dict[int, list[str]]) -> None:
    values = [check.value(episode) for episode in alike]
    for episode, value, score in zip(alike, values, outliers(values), strict=True):
        said = check.high if score > 0.0 else check.low
        if score and said is not None and value is not None:
            reasons[episode.number].append(said.format(value))


def _compare_grasps(alike: Sequence[EpisodeSummary], reasons: dict[int, list[str]]) -> None:
    """Name the few that never grasp where the others do."""
    known = [episode for episode in alike if episode.tool is not None]
    never = [e for e in known if e.tool is not None and e.tool.grasp is None]
    if len(known) >= 5 and len(never) <= (1.0 - _MOSTLY) * len(known):
        for episode in never:
            reasons[episode.number].append("the gripper never closed, unlike in most others")


def _ldlj(episode: EpisodeSummary) -> float | None:
    return None if episode.tool is None else episode.tool.motion.ldlj


def _sparc(episode: EpisodeSummary) -> float | None:
    return None if episode.tool is None else episode.tool.motion.sparc


def _path(episode: EpisodeSummary) -> float | None:
    return None if episode.tool is None else episode.tool.motion.path_m


def _idle(episode: EpisodeSummary) -> float | None:
    if episode.tool is None or episode.duration_s <= 0.0:
        return None
    return 100.0 * episode.tool.motion.idle_s / episode.duration_s


_CHECKS = (
    _Check(
        value=lambda e: e.duration_s,
        high="unusually long, {:.1f} s",
        low="unusually short, {:.1f} s",
    ),
    _Check(value=_ldlj, low="unusually jerky, LDLJ {:.1f}"),
    _Check(value=_sparc, low="unusually many starts and stops, SPARC {:.1f}"),
    _Check(value=_path, high="an unusually long way, {:.2f} m", low="hardly a way, {:.2f} m"),
    _Check(value=_idle, high="idle for {:.0f} % of its time"),
)
