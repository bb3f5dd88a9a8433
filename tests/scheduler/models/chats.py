"""Models without an endpoint, and their answers."""

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from robot_skills.core.plan import SkillCall
from robot_skills.scheduler.models.chat import ChatReply, ChatRequest
from robot_skills.skills.card import parse_literal

Reply = str | Exception | Callable[[ChatRequest], str]


@dataclass
class ScriptedChat:
    """Gives these answers one after the other, and the last for ever.

    Attributes:
        script: Answers, errors, or what makes an answer of a request.
        requests: That were made.
    """

    script: list[Reply]
    requests: list[ChatRequest] = field(default_factory=list)

    def ask(self, request: ChatRequest) -> ChatReply:
        self.requests.append(request)
        reply = self.script.pop(0) if len(self.script) > 1 else self.script[0]
        if isinstance(reply, Exception):
            raise reply
        text = reply if isinstance(reply, str) else reply(request)
        return ChatReply(text=text, prompt_tokens=100, completion_tokens=10, model="scripted")


def call(skill: str, **args: str) -> SkillCall:
    return SkillCall(skill=skill, args=args)


NOTHING: dict[str, Any] = {
    "answer": "",
    "say": "",
    "goal": [],
    "on_the_way": [],
    "never": [],
    "untouched": [],
    "steps": [],
}
"""Every key of an answer."""
GRASP = call("grasp", object="red_cube")
PUT_IN_BOX = call("place", object="red_cube", relation="in", target="box")
IN_BOX = "in(red_cube, box)"


def literal(text: str) -> dict[str, Any]:
    """A literal as a model says it."""
    one = parse_literal(text)
    return {"predicate": one.predicate, "args": list(one.args), "not": one.negated}


def step(one: SkillCall, *expects: str) -> dict[str, Any]:
    """A step as a model says it."""
    told = [literal(text) for text in expects]
    return {"skill": one.skill, "args": dict(one.args), "expects": told}


def content(*calls: SkillCall, goal: tuple[str, ...] = (IN_BOX,)) -> dict[str, Any]:
    """An answer with a plan, before it is text."""
    steps = [step(one) for one in calls]
    return {**NOTHING, "answer": "plan", "goal": [literal(one) for one in goal], "steps": steps}


def plan(*calls: SkillCall, goal: tuple[str, ...] = (IN_BOX,)) -> str:
    """An answer with a plan."""
    return json.dumps(content(*calls, goal=goal))


def plans(*ways: tuple[SkillCall, ...], goal: tuple[str, ...] = (IN_BOX,)) -> str:
    """An answer with several plans."""
    told = content(goal=goal)
    del told["steps"]
    return json.dumps({**told, "plans": [{"steps": [step(one) for one in way]} for way in ways]})


def says(answer: str, text: str) -> str:
    """An answer with words alone."""
    return json.dumps({**NOTHING, "answer": answer, "say": text})


RIGHT = plan(GRASP, PUT_IN_BOX)
