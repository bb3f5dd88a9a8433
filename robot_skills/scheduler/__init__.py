"""Words to plans to finished tasks."""

from robot_skills.scheduler.critic import Critic, Criticism
from robot_skills.scheduler.executive import (
    Executive,
    ExecutiveConfig,
    RunResult,
    SkillRun,
    context_runner,
)
from robot_skills.scheduler.language import LanguageConfig, LanguageParser, Understanding
from robot_skills.scheduler.plan_checker import CheckerConfig, PlanChecker, PlanVerdict
from robot_skills.scheduler.rules_planner import RulesPlanner
from robot_skills.scheduler.symbolic import SymbolicPlanner

__all__ = [
    "CheckerConfig",
    "Critic",
    "Criticism",
    "Executive",
    "ExecutiveConfig",
    "LanguageConfig",
    "LanguageParser",
    "PlanChecker",
    "PlanVerdict",
    "RulesPlanner",
    "RunResult",
    "SkillRun",
    "SymbolicPlanner",
    "Understanding",
    "context_runner",
]
