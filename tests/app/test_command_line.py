"""What every command line sees: help, exit codes, one-line errors, one line of JSON."""

import json
import subprocess
import sys

import pytest

from robot_skills.app import cli
from robot_skills.app.cli import COMMANDS, Command, main, overview
from robot_skills.app.options import DoctorOptions
from robot_skills.app.outcome import CommandResult
from robot_skills.core.errors import RobotSkillsError, StorageError

HEAVY = ("numpy", "tyro", "torch", "mujoco", "open3d", "yaml", "matplotlib")


def _command(function) -> tuple[Command, ...]:
    """A table with one command that takes the doctor's options."""
    return (Command(name="act", summary="act", load=lambda: (DoctorOptions, function)),)


def _one_line(text: str) -> str:
    lines = text.strip().splitlines()
    assert len(lines) == 1, text
    return lines[0]


def test_help_lists_every_command(capsys):
    assert main(["--help"]) == 0
    out = capsys.readouterr().out
    assert all(command.name in out and command.summary in out for command in COMMANDS)


def test_no_command_shows_help_and_is_refused(capsys):
    assert main([]) == 2
    assert overview() == capsys.readouterr().out


def test_help_imports_nothing_heavy():
    code = (
        "import sys; from robot_skills.app.cli import main; main(['--help']);"
        f"print([name for name in {HEAVY!r} if name in sys.modules], file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stderr.strip() == "[]"


@pytest.mark.parametrize("command", [command.name for command in COMMANDS])
def test_every_command_explains_itself(command, capsys):
    assert main([command, "--help"]) == 0
    assert f"robot-skills {command}" in capsys.readouterr().out


def test_help_of_a_command_loads_no_vendor_library():
    code = (
        "import sys; from robot_skills.app.cli import COMMANDS, main\n"
        "for command in COMMANDS:\n"
        "    main([command.name, '--help'])\n"
        "    loaded = {'torch', 'mujoco', 'open3d', 'av'} & set(sys.modules)\n"
        "    assert not loaded, (command.name, loaded)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_unknown_command_names_the_nearest(capsys):
    assert main(["rum", "x"]) == 2
    line = _one_line(capsys.readouterr().err)
    assert "Unknown command 'rum'" in line
    assert "Did you mean 'run'?" in line


def test_unknown_option_suggests_the_right_one(capsys):
    assert main(["run", "close the drawer", "--sceen", "truth"]) == 2
    captured = capsys.readouterr()
    assert "--scene" in captured.out + captured.err


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (RobotSkillsError("the cup\nbroke"), 1),
        (StorageError("Cannot write x: No space left on device."), 1),
        (OSError(28, "No space left on device", "/out/x"), 1),
        (KeyboardInterrupt(), cli.INTERRUPTED),
    ],
)
def test_errors_become_one_line_and_an_exit_code(error, code, monkeypatch, capsys):
    def fail(_) -> CommandResult:
        raise error

    monkeypatch.setattr(cli, "COMMANDS", _command(fail))
    assert main(["act"]) == code
    captured = capsys.readouterr()
    assert captured.out == ""
    assert _one_line(captured.err).startswith("robot-skills: ")


def test_json_is_one_line_whatever_the_command_prints(monkeypatch, capfd):
    def chatty(_) -> CommandResult:
        print("progress")
        subprocess.run(["echo", "from a child process"], check=True)
        return CommandResult(payload={"answer": 42}, exit_code=1)

    monkeypatch.setattr(cli, "COMMANDS", _command(chatty))
    assert main(["act", "--json"]) == 1
    captured = capfd.readouterr()
    assert json.loads(_one_line(captured.out)) == {"answer": 42}
    assert "progress" in captured.err
    assert "from a child process" in captured.err


def test_json_reports_errors_too(monkeypatch, capfd):
    def fail(_) -> CommandResult:
        raise StorageError("Cannot write x: No space left on device.")

    monkeypatch.setattr(cli, "COMMANDS", _command(fail))
    assert main(["act", "--json"]) == 1
    answer = json.loads(_one_line(capfd.readouterr().out))
    assert answer == {"error": "Cannot write x: No space left on device.", "exit_code": 1}


def test_a_reader_that_leaves_early_is_no_traceback():
    command = f"{sys.executable} -m robot_skills.app.cli --help | true"
    done = subprocess.run(command, shell=True, capture_output=True, text=True, check=False)
    assert "Traceback" not in done.stderr
