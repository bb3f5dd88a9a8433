"""`robot-skills`: the command line.

Only the standard library is imported before a command is known, so `robot-skills --help` costs
little more than starting Python; each command imports what it needs when it runs. Errors become
one line on stderr and an exit code: 0 done, 1 the job failed, 2 the input was refused, 130
interrupted.
"""

import contextlib
import json
import os
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, TextIO

from robot_skills.app.outcome import CommandResult
from robot_skills.core.errors import RobotSkillsError, unknown_name

INTERRUPTED = 130
"""Exit code after Ctrl-C, as shells expect it (128 + SIGINT)."""

Entry = tuple[Any, Callable[[Any], CommandResult]]
"""The type that `tyro` fills from the arguments, and the function that takes it."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Command:
    """One command: what the overview says, and how to get at it without loading the others."""

    name: str
    summary: str
    load: Callable[[], Entry]


def _run() -> Entry:
    from robot_skills.app import options, run

    return options.RunOptions, run.main


def _generate() -> Entry:
    from robot_skills.app import generate, options

    return options.GenerateOptions, generate.main


def _train() -> Entry:
    from robot_skills.app import options, train

    return options.TrainOptions, train.main


def _export() -> Entry:
    from robot_skills.app import export, options

    return options.ExportOptions, export.main


def _compress() -> Entry:
    from robot_skills.app import compress, options

    return options.CompressOptions, compress.main


def _eval() -> Entry:
    from robot_skills.app import evaluate, options

    return options.EvalOptions, evaluate.main


def _rollouts() -> Entry:
    from robot_skills.app import options, rollouts

    return options.RolloutsOptions, rollouts.main


def _train_success() -> Entry:
    from robot_skills.app import options, train_success

    return options.TrainSuccessOptions, train_success.main


def _train_sequencer() -> Entry:
    from robot_skills.app import options, train_sequencer

    return options.TrainSequencerOptions, train_sequencer.main


def _train_scheduler() -> Entry:
    from robot_skills.app import train_scheduler

    return train_scheduler.TrainSchedulerOptions, train_scheduler.main


def _train_depth() -> Entry:
    from robot_skills.app import train_depth

    return train_depth.TrainDepthOptions, train_depth.main


def _skills() -> Entry:
    from robot_skills.app import options, skills

    return options.SkillsOptions, skills.main


def _serve() -> Entry:
    from robot_skills.app import options, serve

    return options.ServeOptions, serve.main


def _teleop() -> Entry:
    from robot_skills.app.collect import entry, options

    return options.TeleopOptions, entry.teleop


def _record() -> Entry:
    from robot_skills.app.collect import entry, options

    return options.RecordOptions, entry.record


def _console() -> Entry:
    from robot_skills.app.collect import entry, options

    return options.ConsoleOptions, entry.console


def _replay() -> Entry:
    from robot_skills.app.replay import command, options

    return options.ReplayOptions, command.main


def _dataset() -> Entry:
    from robot_skills.app.dataset import command, options

    return options.DatasetOptions, command.main


def _bringup() -> Entry:
    from robot_skills.app.bringup import command, options

    return options.BringupOptions, command.main


def _tell() -> Entry:
    from robot_skills.app import tell

    return tell.TellOptions, tell.main


def _calibrate() -> Entry:
    from robot_skills.app.calibrate import command, options

    return options.CalibrateOptions, command.main


def _sim2real() -> Entry:
    from robot_skills.app.sim2real import command, options

    return options.Sim2RealOptions, command.main


def _bench() -> Entry:
    from robot_skills.app import bench, options

    return options.BenchOptions, bench.main


def _blame() -> Entry:
    from robot_skills.app import blame

    return blame.BlameOptions, blame.main


def _explain() -> Entry:
    from robot_skills.app.explain import command

    return command.ExplainOptions, command.main


def _memory() -> Entry:
    from robot_skills.app.memory import command

    return command.MemoryOptions, command.main


def _corrections() -> Entry:
    from robot_skills.app.corrections import command, options

    return options.CorrectionsOptions, command.main


def _correct() -> Entry:
    from robot_skills.app.corrections import correct, options

    return options.CorrectOptions, correct.main


def _doctor() -> Entry:
    from robot_skills.app import doctor, options

    return options.DoctorOptions, doctor.main


COMMANDS: tuple[Command, ...] = (
    Command(name="run", summary="carry out an instruction in words", load=_run),
    Command(name="teleop", summary="move a robot by hand", load=_teleop),
    Command(name="record", summary="record demonstrations by hand", load=_record),
    Command(name="console", summary="the operator's web page: drive, record, look", load=_console),
    Command(name="replay", summary="repeat a recorded episode, and how well", load=_replay),
    Command(
        name="dataset",
        summary="verify, repair, export, import, report on, merge and split recordings",
        load=_dataset,
    ),
    Command(
        name="generate", summary="make demonstrations of a skill or a suite's task", load=_generate
    ),
    Command(name="train", summary="learn a policy from demonstrations", load=_train),
    Command(name="export", summary="make a checkpoint run without torch", load=_export),
    Command(name="compress", summary="store a checkpoint in fewer bits", load=_compress),
    Command(
        name="eval", summary="measure a skill, a suite or a policy over unseen seeds", load=_eval
    ),
    Command(name="rollouts", summary="let a skill try, with mishaps, and keep how", load=_rollouts),
    Command(name="train-success", summary="learn to foresee success", load=_train_success),
    Command(name="train-sequencer", summary="learn which skill comes next", load=_train_sequencer),
    Command(
        name="train-scheduler",
        summary="learn what comes next from the words themselves",
        load=_train_scheduler,
    ),
    Command(
        name="train-depth",
        summary="learn to clean the depth of a stereo camera",
        load=_train_depth,
    ),
    Command(name="skills", summary="list the skills, show one, teach another", load=_skills),
    Command(name="serve", summary="serve a policy to other machines (openpi)", load=_serve),
    Command(name="bringup", summary="start a cell's processes, keep them up", load=_bringup),
    Command(name="tell", summary="have a cell that is up carry out an instruction", load=_tell),
    Command(
        name="calibrate", summary="lenses, and where cameras are; print a board", load=_calibrate
    ),
    Command(name="sim2real", summary="a skill from the simulation to a robot", load=_sim2real),
    Command(name="bench", summary="time us and a peer side by side", load=_bench),
    Command(name="blame", summary="whose fault it was that a run went wrong", load=_blame),
    Command(name="explain", summary="why a run did what it did, step by step", load=_explain),
    Command(name="memory", summary="what was done and seen before; forget it", load=_memory),
    Command(name="correct", summary="say what was wrong with a run", load=_correct),
    Command(name="corrections", summary="what was said to be wanted otherwise", load=_corrections),
    Command(name="doctor", summary="what this machine can do, and what is missing", load=_doctor),
)

_EPILOGUE = """
Every command explains itself: robot-skills COMMAND --help
Every command takes --json: one line on stdout, everything else on stderr.
Exit codes: 0 done, 1 the job failed, 2 the input was refused, 130 interrupted.

Try:
  robot-skills run "put the red cube in the drawer and close it" --out outputs/first
"""


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command line and return its exit code.

    Args:
        argv: Arguments without the program's name; `sys.argv` when None.
    """
    args = list(sys.argv[1:] if argv is None else argv)
    try:
        return _dispatch(args)
    except RobotSkillsError as error:
        return _complain(str(error), error.exit_code, as_json="--json" in args)
    except KeyboardInterrupt:
        return _complain("Interrupted.", INTERRUPTED, as_json="--json" in args)
    except BrokenPipeError:
        # Whoever read our output has gone; Python would complain once more while it exits.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except OSError as error:
        return _complain(_describe(error), 1, as_json="--json" in args)


def _dispatch(args: list[str]) -> int:
    if not args or args[0] in ("-h", "--help"):
        sys.stdout.write(overview())
        return 0 if args else 2
    if args[0] == "--version":
        from importlib.metadata import version

        print(f"robot-skills {version('robot-skills')}")
        return 0
    command = next((command for command in COMMANDS if command.name == args[0]), None)
    if command is None:
        raise unknown_name("command", args[0], [command.name for command in COMMANDS])
    return _execute(command, args[1:])


def _execute(command: Command, args: list[str]) -> int:
    options_type, function = command.load()
    import tyro

    try:
        options = tyro.cli(
            options_type,
            args=args,
            prog=f"robot-skills {command.name}",
            config=(tyro.conf.FlagCreatePairsOff, tyro.conf.CascadeSubcommandArgs),
        )
    except SystemExit as stop:
        return stop.code if isinstance(stop.code, int) else 2
    if not options.json:
        return function(options).exit_code
    with _stdout_kept_for_result() as stdout:
        result = function(options)
    print(json.dumps(result.payload, allow_nan=False), file=stdout, flush=True)
    return result.exit_code


def overview() -> str:
    """The text of `robot-skills --help`."""
    width = max(len(command.name) for command in COMMANDS)
    rows = [f"  {command.name:<{width}}  {command.summary}" for command in COMMANDS]
    return "\n".join(
        [
            "usage: robot-skills COMMAND [OPTIONS]",
            "",
            "Words become a checked plan, learned skills and safe motion of a robot arm.",
            "",
            "commands:",
            *rows,
            _EPILOGUE,
        ]
    )


@contextlib.contextmanager
def _stdout_kept_for_result() -> Iterator[TextIO]:
    """Send everything that is printed meanwhile to stderr, from C libraries too."""
    stdout = sys.stdout
    stdout.flush()
    kept = os.dup(1)
    os.dup2(2, 1)
    try:
        with contextlib.redirect_stdout(sys.stderr):
            yield stdout
    finally:
        os.dup2(kept, 1)
        os.close(kept)


def _describe(error: OSError) -> str:
    reason = error.strerror or str(error) or type(error).__name__
    return f"{reason}: {error.filename}" if error.filename else reason


def _complain(message: str, exit_code: int, as_json: bool) -> int:
    line = " ".join(message.split())
    print(f"robot-skills: {line}", file=sys.stderr, flush=True)
    if as_json:
        print(json.dumps({"error": line, "exit_code": exit_code}), flush=True)
    return exit_code


if __name__ == "__main__":
    sys.exit(main())
