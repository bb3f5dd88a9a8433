"""``python -m benchmarks.instructions.recorded``: has a language model plan, and takes it all down.

Every instruction of both halves goes to an endpoint, as the planner ``llm`` asks it; what was
asked and answered, repairs among it, becomes the recording that ``--planner recorded`` replays. A
recording answers exactly what was asked: after a change of prompt, cards or scenes it is to be made
anew. Instructions that are on record already are not asked again, so that a recording that was
broken off goes on.
"""

import argparse
import sys
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from benchmarks.instructions.instruction import Half, Instruction, load
from benchmarks.instructions.scenes import load_scene
from robot_skills.app.zoo import zoo_dir
from robot_skills.core.errors import PlanningError, RefusedError
from robot_skills.scheduler.models.chat import ChatModel
from robot_skills.scheduler.models.errors import ExchangeError
from robot_skills.scheduler.models.exchange_file import ExchangeFile
from robot_skills.scheduler.models.exchanges import ExchangeMode, RecordedChat
from robot_skills.scheduler.models.model_planner import ModelPlanner, ModelPlannerConfig
from robot_skills.scheduler.models.openai_chat import OpenAiChat, OpenAiConfig
from robot_skills.skills.card import SkillCard
from robot_skills.skills.library import SkillLibrary

RECORDING = Path(__file__).with_name("recorded.jsonl")


def recorded_planner(cards: Iterable[SkillCard], path: Path = RECORDING) -> ModelPlanner:
    """A planner whose model answers as it did when it was recorded.

    Raises:
        ExchangeError: There is no recording, or it was changed, or is of several models.
    """
    models = {exchange.model for exchange in ExchangeFile(path).read()}
    if len(models) != 1:
        raise ExchangeError(
            f"{path} holds answers of {len(models)} models, which is not one. Record it anew, into "
            "a file that is not there yet."
        )
    return ModelPlanner(
        RecordedChat(None, path, ExchangeMode.REPLAY), cards, ModelPlannerConfig(model=models.pop())
    )


def record(
    chat: ChatModel,
    model: str,
    cards: Sequence[SkillCard],
    instructions: Iterable[Instruction],
    at_once: int,
) -> int:
    """Have a model plan for instructions; how many there were.

    Args:
        chat: Answers, and takes it down.
        model: Which model is asked.
        cards: The skills.
        instructions: What is asked.
        at_once: How many are asked at the same time.

    Raises:
        ModelError: The model gave no usable answer to some of them.
    """

    config = ModelPlannerConfig(model=model)

    def ask(instruction: Instruction) -> str:
        try:
            planner = ModelPlanner(chat, cards, config)
            plan = planner.plan(instruction.text, load_scene(instruction.scene))
        except PlanningError as refusal:
            return f"refused: {refusal}"
        return ", ".join(map(str, plan.calls)) or "nothing to do"

    count = 0
    with ThreadPoolExecutor(at_once) as pool:
        for count, came in enumerate(pool.map(ask, instructions), start=1):
            print(f"{count}: {came}", file=sys.stderr, flush=True)
    return count


def main() -> None:
    """Ask an endpoint every instruction, and keep what it says."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--base-url", required=True, help="of an OpenAI-compatible endpoint")
    parser.add_argument("--model", required=True, help="its name there")
    parser.add_argument("--out", type=Path, default=RECORDING)
    parser.add_argument("--at-once", type=int, default=4, help="requests at the same time")
    parser.add_argument("--deadline-s", type=float, default=120.0, help="longest wait for one")
    args = parser.parse_args()
    config = OpenAiConfig(base_url=args.base_url, deadline_s=args.deadline_s)
    chat = RecordedChat(OpenAiChat(config), args.out, ExchangeMode.CACHE)
    cards = list(SkillLibrary.load(zoo_dir()))
    instructions = [one for half in Half for one in load(half)]
    try:
        count = record(chat, args.model, cards, instructions, args.at_once)
    except RefusedError as error:
        sys.exit(f"{error}")
    print(f"{count} instructions, {chat.replayed} answers were on record already: {args.out}")


if __name__ == "__main__":
    main()
