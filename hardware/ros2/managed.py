"""A node with the states of ROS's managed nodes: unconfigured, inactive, active, finalized.

Who manages it asks ``~/change_state``; where nobody does, it goes to active by itself. Transitions
are made in the thread that carries the node's messages: nothing that they wait for may come through
the node itself.
"""

from collections.abc import Callable
from typing import Any, Protocol

from hardware.ros2.runtime import RosNode
from hardware.ros2.transport import Reach
from robot_skills.core.errors import RobotFault, RobotSkillsError

_UNCONFIGURED, _INACTIVE, _ACTIVE = "unconfigured", "inactive", "active"


class Stages(Protocol):
    """What a managed node does on its way."""

    def configure(self) -> None:
        """Load what is needed. Raises `RobotSkillsError`; nothing is left behind then."""
        ...

    def activate(self) -> None:
        """Begin to serve. Raises `RobotSkillsError`; nothing is left behind then."""
        ...

    def deactivate(self) -> None:
        """Bring what runs to an end, and serve nobody. Does not fail."""
        ...

    def cleanup(self) -> None:
        """Drop what was loaded. Does not fail."""
        ...


class ManagedNode(RosNode):
    """A `RosNode` whose work has stages.

    Args:
        name: Of the node.
        stages: What it does on its way.
        namespace: Of the node; empty is the root.
        reach: Who can hear it.
        domain: Of ROS; None is what the environment says.
        pictures: Whether this process sends or hears pictures.

    Raises:
        MissingDependencyError: ROS 2 is not installed, or does not work.
        RefusedError: There is no such domain or namespace.
    """

    def __init__(
        self,
        name: str,
        *,
        namespace: str = "",
        reach: Reach = Reach.MACHINE,
        domain: int | None = None,
        pictures: bool = True,
    ) -> None:
        self._stages: Stages | None = None
        self._trouble: RobotSkillsError | None = None
        super().__init__(name, namespace=namespace, reach=reach, domain=domain, pictures=pictures)

    def _make_node(self, name: str, namespace: str) -> Any:
        from rclpy.lifecycle import LifecycleNode, TransitionCallbackReturn

        go = self._go

        class Managed(LifecycleNode):
            def on_configure(self, state: Any) -> TransitionCallbackReturn:
                return go("configured", lambda stages: stages.configure())

            def on_activate(self, state: Any) -> TransitionCallbackReturn:
                return go("activated", lambda stages: stages.activate())

            def on_deactivate(self, state: Any) -> TransitionCallbackReturn:
                return go("deactivated", lambda stages: stages.deactivate())

            def on_cleanup(self, state: Any) -> TransitionCallbackReturn:
                return go("cleaned up", lambda stages: stages.cleanup())

            def on_shutdown(self, state: Any) -> TransitionCallbackReturn:
                def shut_down(stages: Stages) -> None:
                    if state.label == _ACTIVE:
                        stages.deactivate()
                    if state.label in (_ACTIVE, _INACTIVE):
                        stages.cleanup()

                return go("shut down", shut_down)

        return Managed(name, namespace=namespace or None, context=self._context)

    def _go(self, word: str, step: Callable[[Stages], None]) -> Any:
        """Make a transition, as ROS's state machine asks for it."""
        from rclpy.lifecycle import TransitionCallbackReturn

        try:
            if self._stages is None:
                raise RobotFault("nobody has said what this node does")
            step(self._stages)
        except RobotSkillsError as trouble:
            self._trouble = trouble
            self.node.get_logger().error(f"could not be {word}: {trouble}")
            return TransitionCallbackReturn.FAILURE
        self.node.get_logger().info(word)
        return TransitionCallbackReturn.SUCCESS

    def manage(self, stages: Stages) -> None:
        """Say what the node does; before the first transition."""
        self._stages = stages

    @property
    def state(self) -> str:
        """unconfigured, inactive, active or finalized."""
        return str(self.node._state_machine.current_state[1])

    def bring_up(self) -> None:
        """Configure and activate. Raises what its stages raise."""
        for before, transition in (
            (_UNCONFIGURED, self.node.trigger_configure),
            (_INACTIVE, self.node.trigger_activate),
        ):
            if self.state == before:
                self._trouble = None
                transition()
                if self._trouble is not None:
                    raise self._trouble

    def close(self) -> None:
        """End what runs, and then the node. Safe to call twice."""
        if not self._closed and self.state in (_UNCONFIGURED, _INACTIVE, _ACTIVE):
            self.node.trigger_shutdown()
        super().close()
