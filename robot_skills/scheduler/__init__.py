"""Words to plans to finished tasks."""

from robot_skills.scheduler.attempts import context_runner
from robot_skills.scheduler.closed_loop import ClosedLoop
from robot_skills.scheduler.critic import Critic, Criticism
from robot_skills.scheduler.executive import Executive, ExecutiveConfig, Strategy
from robot_skills.scheduler.fixed_order import FixedOrder
from robot_skills.scheduler.plan_checker import CheckerConfig, PlanChecker, PlanVerdict
from robot_skills.scheduler.rules_planner import RulesPlanner
from robot_skills.scheduler.runs import RunResult, SkillRun
from robot_skills.scheduler.symbolic import SymbolicPlanner
from robot_skills.scheduler.words.language import LanguageConfig, LanguageParser, Understanding

__all__ = [
    "CheckerConfig",
    "ClosedLoop",
    "Critic",
    "Criticism",
    "Executive",
    "ExecutiveConfig",
    "FixedOrder",
    "LanguageConfig",
    "LanguageParser",
    "PlanChecker",
    "PlanVerdict",
    "RulesPlanner",
    "RunResult",
    "SkillRun",
    "Strategy",
    "SymbolicPlanner",
    "Understanding",
    "context_runner",
]
