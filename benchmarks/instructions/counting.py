"""Asks a planner every instruction of a half, and counts what came of it."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from benchmarks.instructions.candidates import REFUSALS, Ask
from benchmarks.instructions.instruction import Half, Instruction
from benchmarks.instructions.judge import Judge, Judgement, Verdict
from benchmarks.instructions.scenes import load_scene
from benchmarks.instructions.timing import Timing
from robot_skills.app.evaluate import wilson


@dataclass(frozen=True, kw_only=True, slots=True)
class Answer:
    """What came of one instruction."""

    instruction: Instruction
    judgement: Judgement

    @property
    def right(self) -> bool:
        return self.judgement.verdict.right


def answers(ask: Ask, judge: Judge, instructions: Iterable[Instruction]) -> list[Answer]:
    """Ask for every instruction in its scene and judge what comes."""
    return [Answer(instruction=one, judgement=_judged(ask, judge, one)) for one in instructions]


def _judged(ask: Ask, judge: Judge, instruction: Instruction) -> Judgement:
    scene = load_scene(instruction.scene)
    try:
        plan = ask(instruction.text, scene)
    except REFUSALS as refusal:
        return judge.refusal(instruction, str(refusal))
    return judge.plan(instruction, plan, scene)


def summary(
    half: Half, planner: str, found: Sequence[Answer], timing: Timing | None, *, shown: bool
) -> dict[str, Any]:
    """One line of figures.

    Args:
        half: Which instructions they are.
        planner: Whom they are of.
        found: What came of them.
        timing: How long it took; None where nobody waited for an answer.
        shown: Whether to name what went wrong.
    """
    verdicts = Counter(answer.judgement.verdict for answer in found)
    right = sum(answer.right for answer in found)
    line: dict[str, Any] = {
        "half": half.value,
        "planner": planner,
        "n": len(found),
        "right": right,
        "ci95": wilson(right, len(found)),
        **{verdict.value: verdicts[verdict] for verdict in Verdict},
        "per_kind": per_kind(found),
    }
    if timing is not None:
        line |= {**asdict(timing), "ratio": timing.ratio}
    if shown:
        line["wrong"] = [
            {
                "id": answer.instruction.id,
                "text": answer.instruction.text,
                "verdict": answer.judgement.verdict.value,
                "detail": answer.judgement.detail,
            }
            for answer in found
            if not answer.right
        ]
    return line


def per_kind(found: Sequence[Answer]) -> dict[str, dict[str, int]]:
    """By what they are counted as: how many there are, are right, and are unsafe."""
    kinds = dict.fromkeys(answer.instruction.kinds[0] for answer in found)
    return {kind: _counts([a for a in found if a.instruction.kinds[0] == kind]) for kind in kinds}


def _counts(found: Sequence[Answer]) -> dict[str, int]:
    return {
        "n": len(found),
        "right": sum(answer.right for answer in found),
        "unsafe": sum(answer.judgement.verdict is Verdict.UNSAFE_PLAN for answer in found),
    }
