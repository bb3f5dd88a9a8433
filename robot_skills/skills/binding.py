"""From a case of a skill card to the tokens that its policy sees."""

from collections.abc import Mapping

from robot_skills.core.binding import AnchorSpec, TokenBinding, bind
from robot_skills.core.free_spots import DEFAULT_FREE_SPOT, FreeSpotConfig
from robot_skills.core.policy import EntityToken
from robot_skills.core.scene import Scene
from robot_skills.core.se3 import SE3
from robot_skills.skills.card import SkillCase


def bind_case(
    case: SkillCase,
    args: Mapping[str, str],
    scene: Scene,
    T_base_tool: SE3,
    free_spot: FreeSpotConfig = DEFAULT_FREE_SPOT,
) -> TokenBinding:
    """Bind what a call is about, at the start of its skill.

    Args:
        case: The case that applies to the call.
        args: Arguments of the call.
        scene: Latest scene.
        T_base_tool: Tool pose now.
        free_spot: How a spot on the table is chosen.

    Raises:
        UnknownNameError: An entity is not in the scene.
        RefusedError: An entity has not the frame that the card wants.
        PlanningError: The table has no free spot.
    """
    specs = [AnchorSpec(entity=args[t.argument], anchor=t.anchor) for t in case.tokens]
    return bind(specs, scene, T_base_tool, free_spot)


def bind_tokens(
    case: SkillCase, args: Mapping[str, str], scene: Scene, T_base_tool: SE3
) -> tuple[EntityToken, ...]:
    """The tokens of a call as bound at its start; raises as `bind_case` does."""
    return bind_case(case, args, scene, T_base_tool).tokens
