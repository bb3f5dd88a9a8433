"""Planners behind any OpenAI-compatible endpoint, and what stands between them and the robot."""

from robot_skills.scheduler.models.accounts import Account, Ceiling, MeteredChat, Prices
from robot_skills.scheduler.models.chat import (
    ChatModel,
    ChatReply,
    ChatRequest,
    Message,
    Picture,
    Role,
)
from robot_skills.scheduler.models.errors import (
    ImpossibleError,
    ModelError,
    NeedsOperatorError,
    UnrepairedPlanError,
)
from robot_skills.scheduler.models.exchanges import ExchangeMode, RecordedChat
from robot_skills.scheduler.models.fallback_planner import FallbackPlanner
from robot_skills.scheduler.models.model_planner import ModelPlanner, ModelPlannerConfig
from robot_skills.scheduler.models.openai_chat import OpenAiChat, OpenAiConfig

__all__ = [
    "Account",
    "Ceiling",
    "ChatModel",
    "ChatReply",
    "ChatRequest",
    "ExchangeMode",
    "FallbackPlanner",
    "ImpossibleError",
    "Message",
    "MeteredChat",
    "ModelError",
    "ModelPlanner",
    "ModelPlannerConfig",
    "NeedsOperatorError",
    "OpenAiChat",
    "OpenAiConfig",
    "Picture",
    "Prices",
    "RecordedChat",
    "Role",
    "UnrepairedPlanError",
]
