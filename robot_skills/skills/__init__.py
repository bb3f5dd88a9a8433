"""Skills: cards, their library, and one attempt at a call."""

from robot_skills.skills.binding import bind_case, bind_tokens
from robot_skills.skills.card import SkillCard, SkillKind, parse_literal
from robot_skills.skills.conditions import Check, check_effects, check_literals, check_preconditions
from robot_skills.skills.library import PolicyLoader, SkillLibrary
from robot_skills.skills.policy_skill import PolicySkillConfig
from robot_skills.skills.runner import SkillContext, run_skill
from robot_skills.skills.stitching import stitch

__all__ = [
    "Check",
    "PolicyLoader",
    "PolicySkillConfig",
    "SkillCard",
    "SkillContext",
    "SkillKind",
    "SkillLibrary",
    "bind_case",
    "bind_tokens",
    "check_effects",
    "check_literals",
    "check_preconditions",
    "parse_literal",
    "run_skill",
    "stitch",
]
