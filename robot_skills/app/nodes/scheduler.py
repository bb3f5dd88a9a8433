"""Plans instructions and has them carried out, as an executable: ``scheduler``.

It needs neither the arm nor its cameras, and may run on another machine than they do. What the arm
can get to, it knows from the cell file.
"""

from collections.abc import Sequence

from robot_skills.app.executives import CLOSED_LOOP, EXECUTIVES, checked_executive
from robot_skills.app.nodes.arguments import (
    await_turn,
    no_ros_arguments,
    node_parser,
    obey,
    parse_cell,
    run_node,
    settled,
)
from robot_skills.app.nodes.stages import add_unconfigured, run_stages

_NAME = "scheduler"


def main(argv: Sequence[str] | None = None) -> int:
    """Take instructions until the process is asked to end."""
    return run_node(_NAME, _run, argv)


def _run(argv: Sequence[str]) -> None:
    parser = node_parser(_NAME, "Instructions as an action: plans them, and has the skills done.")
    parser.add_argument("--zoo", help="folder of the skills; the shipped ones when left out")
    parser.add_argument(
        "--planner",
        help="who plans: rules when left out, or llm, a language model (docs/planning.md)",
    )
    parser.add_argument("--model", help="of llm: name of the model, as the endpoint knows it")
    parser.add_argument("--base-url", help="of llm: endpoint; OpenAI's when left out")
    parser.add_argument(
        "--key-variable", help="of llm: environment variable that holds the endpoint's key"
    )
    parser.add_argument(
        "--executive",
        default=CLOSED_LOOP,
        help=f"what comes after the plan, and after every skill: {', '.join(EXECUTIVES)}; "
        f"{CLOSED_LOOP} when left out",
    )
    parser.add_argument(
        "--runs",
        metavar="FOLDER",
        help="keep every run there, in a folder of its own that `robot-skills blame` reads",
    )
    add_unconfigured(parser)
    arguments, told = parse_cell(parser, argv)
    no_ros_arguments(_NAME, arguments)
    executive = checked_executive(told.executive)
    obey(arguments.keeper)
    from dataclasses import replace
    from pathlib import Path

    from robot_skills.app.cells import load_cell, scheduler_setup
    from robot_skills.app.nodes.scheduler_server import SchedulerServer, load_parts
    from robot_skills.app.options import ModelOptions

    setup = replace(
        settled(scheduler_setup(load_cell(arguments.cell)), arguments),
        executive=executive,
        runs=None if told.runs is None else Path(told.runs),
    )
    if told.zoo is not None:
        setup = replace(setup, zoo=Path(told.zoo))
    if told.planner is not None:
        setup = replace(setup, planner=told.planner)
    model = {
        name: value
        for name in ("model", "base_url", "key_variable")
        if (value := getattr(told, name)) is not None
    }
    setup = replace(setup, models=ModelOptions(**model))
    loaded = load_parts(setup) if arguments.spare else None
    await_turn(arguments)
    run_stages(
        _NAME,
        lambda node: SchedulerServer(node, setup, loaded),
        namespace=setup.namespace,
        reach=setup.reach,
        domain=setup.domain,
        by_itself=not told.unconfigured,
    )


if __name__ == "__main__":
    raise SystemExit(main())
