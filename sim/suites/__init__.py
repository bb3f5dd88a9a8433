"""Tasks of external suites behind one protocol; `find_task` opens one by name.

`robosuite:TASK` and `metaworld:TASK` are other people's benchmarks; `words:TASK` and
`detour:TASK` are our own small worlds for language and for choosing between two ways, and
`tabletop:training` is the skills' world for policies of whole tasks.
"""

from collections.abc import Callable, Mapping

from robot_skills.core.errors import RefusedError, unknown_name
from sim.suites.suite import Recording, Sensed, SuiteTask, TaskSpec

__all__ = ["SUITES", "Recording", "Sensed", "SuiteTask", "TaskSpec", "find_task"]


def _robosuite() -> Mapping[str, TaskSpec]:
    from sim.suites.robosuite import TASKS

    return TASKS


def _metaworld() -> Mapping[str, TaskSpec]:
    from sim.suites.metaworld import TASKS

    return TASKS


def _words() -> Mapping[str, TaskSpec]:
    from sim.suites.words import TASKS

    return TASKS


def _detour() -> Mapping[str, TaskSpec]:
    from sim.suites.detour import TASKS

    return TASKS


def _tabletop() -> Mapping[str, TaskSpec]:
    from sim.suites.tabletop import TASKS

    return TASKS


SUITES: Mapping[str, Callable[[], Mapping[str, TaskSpec]]] = {
    "robosuite": _robosuite,
    "metaworld": _metaworld,
    "words": _words,
    "detour": _detour,
    "tabletop": _tabletop,
}
"""Tables of tasks, each loaded when it is asked for."""


def find_task(name: str) -> TaskSpec:
    """The task called ``suite:task``.

    Raises:
        RefusedError: The name is not of that form.
        UnknownNameError: There is no such suite, or no such task in it.
    """
    suite, colon, task = name.partition(":")
    if not colon or not suite or not task:
        raise RefusedError(f"A task is named SUITE:TASK (robosuite:lift), got {name!r}.")
    if suite not in SUITES:
        raise unknown_name("suite", suite, SUITES)
    tasks = SUITES[suite]()
    if task not in tasks:
        raise unknown_name(f"task in {suite}", task, tasks)
    return tasks[task]
