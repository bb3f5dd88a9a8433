"""As much of ROS 2's `launch` and `launch_ros` as our launch files use, refusing everything else.

Constructors take the arguments of the real classes by name, so that a wrong one fails here too.
"""

import sys
from contextlib import contextmanager
from types import ModuleType


class Recorded:
    """An action or event: what it was made with."""

    takes: tuple[str, ...] = ()
    positional: tuple[str, ...] = ()

    def __init__(self, *values, **named):
        assert len(values) <= len(self.positional), (type(self).__name__, values)
        named.update(zip(self.positional, values, strict=False))
        unknown = set(named) - {*self.takes, *self.positional}
        assert not unknown, f"{type(self).__name__} takes no {sorted(unknown)}"
        self.given = named

    def __getattr__(self, name):
        try:
            return self.__dict__["given"][name]
        except KeyError:
            raise AttributeError(name) from None


class LaunchDescription(Recorded):
    positional = ("entities",)


class DeclareLaunchArgument(Recorded):
    positional = ("name",)
    takes = ("default_value", "description", "choices")


class OpaqueFunction(Recorded):
    takes = ("function", "args", "kwargs")


class RegisterEventHandler(Recorded):
    positional = ("event_handler",)


class EmitEvent(Recorded):
    takes = ("event",)


class LogInfo(Recorded):
    takes = ("msg",)


class TimerAction(Recorded):
    takes = ("period", "actions", "cancel_on_shutdown")


class OnProcessExit(Recorded):
    takes = ("target_action", "on_exit", "handle_once")


class OnStateTransition(Recorded):
    takes = ("target_lifecycle_node", "start_state", "goal_state", "transition", "entities")


class ChangeState(Recorded):
    takes = ("lifecycle_node_matcher", "transition_id")


class Shutdown(Recorded):
    takes = ("reason", "due_to_sigint")


class Node(Recorded):
    takes = (
        "executable", "package", "name", "namespace", "exec_name", "parameters", "remappings",
        "ros_arguments", "arguments", "output", "additional_env", "sigterm_timeout",
        "sigkill_timeout", "respawn", "respawn_delay", "on_exit",
    )  # fmt: skip

    def __init__(self, **named):
        super().__init__(**named)
        assert "executable" in named
        for name in ("arguments", "parameters", "remappings"):
            assert isinstance(named.get(name, []), list), name
        assert all(isinstance(text, str) for text in named.get("arguments", []))


class LifecycleNode(Node):
    def __init__(self, **named):
        super().__init__(**named)
        assert "name" in named
        assert "namespace" in named


class LaunchConfiguration:
    def __init__(self, name):
        self._name = name

    def perform(self, context):
        return context.launch_configurations[self._name]


class Context:
    """What launch hands to functions and handlers."""

    def __init__(self, **configurations):
        self.launch_configurations = configurations
        self.is_shutdown = False


class Exited:
    """A process has ended."""

    def __init__(self, returncode):
        self.returncode = returncode


_MODULES = {
    "launch": {"LaunchDescription": LaunchDescription},
    "launch.actions": {
        one.__name__: one
        for one in (
            DeclareLaunchArgument,
            EmitEvent,
            LogInfo,
            OpaqueFunction,
            RegisterEventHandler,
            TimerAction,
        )
    },
    "launch.event_handlers": {"OnProcessExit": OnProcessExit},
    "launch.events": {"Shutdown": Shutdown, "matches_action": lambda action: action},
    "launch.substitutions": {"LaunchConfiguration": LaunchConfiguration},
    "launch_ros": {},
    "launch_ros.actions": {"Node": Node, "LifecycleNode": LifecycleNode},
    "launch_ros.event_handlers": {"OnStateTransition": OnStateTransition},
    "launch_ros.events": {},
    "launch_ros.events.lifecycle": {"ChangeState": ChangeState},
}


@contextmanager
def fake_launch():
    """Let `import launch` find what is here, for as long as the block lasts."""
    before = {
        name: module
        for name, module in sys.modules.items()
        if name.partition(".")[0] in ("launch", "launch_ros")
    }
    for name in before:
        del sys.modules[name]
    for name, content in _MODULES.items():
        module = ModuleType(name)
        module.__dict__.update(content, __path__=[])
        sys.modules[name] = module
    try:
        yield
    finally:
        for name in _MODULES:
            del sys.modules[name]
        sys.modules.update(before)
