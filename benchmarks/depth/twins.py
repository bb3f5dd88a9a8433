"""A skill on twins: with exact depth, with what their cameras measure, and through the denoiser.

All else of a twin is known exactly, so that nothing but depth makes a difference.
"""

from dataclasses import asdict, replace
from typing import Any

from benchmarks.depth.skills import EYES
from robot_skills.app.sim2real.trial import Attempt, Equipment, twin_trial
from robot_skills.app.sim2real.truth import exactly
from robot_skills.app.trials import SetupFailed
from robot_skills.app.zoo import zoo_dir
from sim.twin import Hidden, draw_hidden, open_twin

DEPTHS = ("exact", "raw", EYES)
TWINS = 20
_FIRST_SEED = 3_000_000


def trial(skill: str, depth: str, index: int) -> dict[str, Any]:
    """One start of a skill on one of the twins, which take turns; the same for all depths."""
    seed = _FIRST_SEED + index % TWINS
    hidden = draw_hidden(seed) if depth != "exact" else _exact(draw_hidden(seed))
    line = {"part": "twins", "skill": skill, "camera": "twins", "depth": depth, "index": index}
    attempt = Attempt(skill=skill, zoo=zoo_dir(), seed=seed)
    equipment = Equipment(found=exactly(hidden), stereo=depth == EYES)
    robot, truth = open_twin(hidden, filters=False)
    with truth:
        try:
            done = twin_trial(attempt, robot, truth, equipment, index)
        except SetupFailed as failure:
            return {**line, "set_up": False, "success": False, "reason": str(failure)}
    return {**line, "set_up": True, **asdict(done)}


def _exact(hidden: Hidden) -> Hidden:
    """The same twin with cameras that measure depth without error."""
    cameras = {name: replace(one, stereo=None) for name, one in hidden.cameras.items()}
    return replace(hidden, cameras=cameras)
