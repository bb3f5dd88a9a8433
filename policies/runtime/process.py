"""A policy in a process of its own: it never holds up, nor takes down, the loop that moves an arm.

The owner sees a `Policy`; besides, `submit` and `poll` ask without waiting. The process starts
warm: it has loaded its policy and made chunks before it says that it is ready. It ends with its
owner, however that one ends, because the pipe between them then ends.
"""

import math
import multiprocessing
import signal
import time
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from types import TracebackType
from typing import Any, Self

import numpy as np

from policies.runtime.wire import (
    Kind,
    Message,
    pack_output,
    pack_question,
    unpack_output,
    unpack_question,
)
from robot_skills.core.errors import CheckpointError, RefusedError, RobotFault, RobotSkillsError
from robot_skills.core.policy import (
    TOKEN_SLOTS,
    EntityToken,
    Policy,
    PolicyInput,
    PolicyOutput,
)
from robot_skills.core.se3 import SE3

_KEPT_LATENCIES = 200
_USUAL = 0.95
"""Share of the answers that come within `expected_latency_s`."""


class PolicyProcessDied(RobotFault):
    """A policy's process has ended; `restart` starts another one."""


class PolicyProcessLate(RobotFault):
    """A policy's process did not answer in time; it goes on, and the late answer is dropped."""


@dataclass(frozen=True, kw_only=True, slots=True)
class _Facts:
    """What a policy says of itself."""

    period_s: float
    horizon: int
    observation_steps: int
    can_continue: bool


class PolicyProcess:
    """Runs a policy elsewhere. Implements `Policy`, and `AskedPolicy` of the skills.

    Args:
        load: Makes the policy, in the other process; a function of a module, or a `partial` of one,
            for example ``partial(DiffusionPolicy.load, "zoo/grasp")``.
        start_timeout_s: Longest wait for the process to be ready.
        deadline_s: Longest wait of `infer`.
    """

    def __init__(
        self, load: Callable[[], Policy], start_timeout_s: float = 60.0, deadline_s: float = 2.0
    ) -> None:
        self._load = load
        self._start_timeout_s, self._deadline_s = start_timeout_s, deadline_s
        self._process: BaseProcess | None = None
        self._pipe: Connection | None = None
        self._facts: _Facts | None = None
        self._number = 0
        self._asked_s: float | None = None
        self._latencies_s: deque[float] = deque(maxlen=_KEPT_LATENCIES)

    def start(self) -> None:
        """Start the process and wait until it is warm.

        Raises:
            CheckpointError: Its policy cannot be loaded.
            PolicyProcessDied: It ended instead.
            PolicyProcessLate: It was not ready in time; it is ended.
        """
        if self._process is not None:
            raise RobotSkillsError("This policy's process runs already.")
        context = multiprocessing.get_context("spawn")
        self._pipe, theirs = context.Pipe()
        self._process = context.Process(
            target=_serve, args=(theirs, self._load), daemon=True, name="policy"
        )
        self._process.start()
        # Only the other process may hold its end, or nobody would notice when it has gone.
        theirs.close()
        try:
            ready = self._receive(self._start_timeout_s)
        except RobotFault:
            self.close()
            raise
        if ready.kind is Kind.REFUSED:
            self.close()
            raise CheckpointError(ready.body.decode())
        period_s, horizon, steps, can_continue, warm_s = np.frombuffer(ready.body)
        self._facts = _Facts(
            period_s=float(period_s),
            horizon=int(horizon),
            observation_steps=int(steps),
            can_continue=bool(can_continue),
        )
        self._latencies_s.append(float(warm_s))

    def close(self) -> None:
        """End the process; it may be closed twice, and started anew."""
        process, pipe = self._process, self._pipe
        self._process = self._pipe = self._asked_s = None
        if pipe is not None:
            pipe.close()
        if process is None:
            return
        process.join(timeout=1.0)
        if process.is_alive():
            process.kill()
            process.join()
        process.close()

    def restart(self) -> None:
        """End what is left of the process and start another one. Raises as `start` does."""
        self.close()
        self.start()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    @property
    def period_s(self) -> float:
        return self._known().period_s

    @property
    def horizon(self) -> int:
        return self._known().horizon

    @property
    def observation_steps(self) -> int:
        return self._known().observation_steps

    @property
    def can_continue(self) -> bool:
        """Whether a prefix is heeded."""
        return self._known().can_continue

    @property
    def expected_latency_s(self) -> float:
        """Time within which 95 of 100 answers came lately, from question to answer."""
        ordered = sorted(self._latencies_s)
        return ordered[min(math.ceil(_USUAL * len(ordered)), len(ordered)) - 1] if ordered else 0.0

    def reset(self, seed: int) -> None:
        """Start a new episode; what is still owed is dropped.

        Raises:
            PolicyProcessDied: The process has ended.
        """
        self._asked_s = None
        self._send(Kind.RESET, np.array([seed], dtype=np.int64).tobytes())

    def infer(self, inputs: PolicyInput, prefix: PolicyOutput | None = None) -> PolicyOutput:
        """One chunk; waits for it.

        Raises:
            PolicyProcessDied: The process has ended.
            PolicyProcessLate: The chunk did not come before the deadline.
            RobotFault: The policy refused the input.
        """
        self.submit(inputs, prefix)
        output = self._answer(self._deadline_s)
        if output is None:
            self._asked_s = None
            raise PolicyProcessLate(
                f"The policy's process took longer than {self._deadline_s:g} s for a chunk."
            )
        return output

    def submit(self, inputs: PolicyInput, prefix: PolicyOutput | None = None) -> None:
        """Ask for a chunk and return at once; an answer that is still owed is dropped.

        Raises:
            PolicyProcessDied: The process has ended.
        """
        self._asked_s = time.monotonic()
        self._send(Kind.INFER, pack_question(inputs, prefix))

    def poll(self) -> PolicyOutput | None:
        """The chunk that was asked for, once, when it is there.

        Raises:
            PolicyProcessDied: The process has ended.
            RobotFault: The policy refused the input.
        """
        return None if self._asked_s is None else self._answer(0.0)

    def _answer(self, timeout_s: float) -> PolicyOutput | None:
        """The answer to the newest question; None when it does not come in time."""
        until_s = time.monotonic() + timeout_s
        while True:
            try:
                message = self._receive(max(0.0, until_s - time.monotonic()))
            except PolicyProcessLate:
                return None
            if message.number != self._number:
                continue  # To a question that is no longer of interest.
            asked_s, self._asked_s = self._asked_s, None
            if message.kind is Kind.REFUSED:
                raise RobotFault(message.body.decode())
            output, finished_s = unpack_output(message.body)
            if asked_s is not None:
                self._latencies_s.append(finished_s - asked_s)
            return output

    def _send(self, kind: Kind, body: bytes) -> None:
        if self._pipe is None:
            raise PolicyProcessDied("The policy's process has not been started.")
        self._number += 1
        try:
            self._pipe.send_bytes(Message(kind=kind, number=self._number, body=body).pack())
        except OSError:
            raise self._died() from None

    def _receive(self, timeout_s: float) -> Message:
        if self._pipe is None:
            raise PolicyProcessDied("The policy's process has not been started.")
        try:
            if not self._pipe.poll(timeout_s):
                raise PolicyProcessLate(f"The policy's process said nothing for {timeout_s:g} s.")
            return Message.unpack(self._pipe.recv_bytes())
        except (EOFError, OSError):
            raise self._died() from None

    def _died(self) -> PolicyProcessDied:
        code = None
        if self._process is not None:
            self._process.join(timeout=1.0)
            code = self._process.exitcode
        return PolicyProcessDied(f"The policy's process has ended (exit code {code}).")

    def _known(self) -> _Facts:
        if self._facts is None:
            raise PolicyProcessDied("The policy's process has not been started.")
        return self._facts


def _serve(pipe: Connection, load: Callable[[], Policy]) -> None:
    """What the other process does: load, warm up, answer until the owner has gone."""
    # Ctrl-C in a terminal reaches both; the owner decides what comes of it.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    with suppress(EOFError, OSError):
        policy = _loaded(pipe, load)
        while policy is not None:
            question = Message.unpack(pipe.recv_bytes())
            if question.kind is Kind.RESET:
                policy.reset(int(np.frombuffer(question.body, dtype=np.int64)[0]))
            else:
                pipe.send_bytes(_answered(policy, question).pack())


def _loaded(pipe: Connection, load: Callable[[], Policy]) -> Policy | None:
    """The policy, warm; None when it cannot be loaded, which the owner is told."""
    try:
        policy = load()
        _refuse_cameras(policy)
        warm_s = _warm_up(policy)
    except RobotSkillsError as error:
        pipe.send_bytes(_refusal(0, error).pack())
        return None
    can_continue = bool(getattr(policy, "can_continue", False))
    facts = [policy.period_s, policy.horizon, policy.observation_steps, can_continue, warm_s]
    pipe.send_bytes(
        Message(kind=Kind.READY, number=0, body=np.array(facts, dtype=np.float64).tobytes()).pack()
    )
    return policy


def _refuse_cameras(policy: Policy) -> None:
    """Questions hold numbers only. Raises `RefusedError`."""
    cameras = getattr(policy, "cameras", ())
    if cameras:
        raise RefusedError(
            f"A policy that looks through cameras ({', '.join(cameras)}) runs in the robot's own "
            "process."
        )


def _warm_up(policy: Policy) -> float:
    """Make two chunks, since the first one pays for everything that is lazy; time of the second."""
    steps = policy.observation_steps
    thing = EntityToken(T_base_anchor=SE3.identity(), extents_m=np.full(3, 0.05))
    inputs = PolicyInput(
        T_base_tool=np.stack([np.eye(4)] * steps),
        opening=np.ones(steps),
        tokens=(thing,) * TOKEN_SLOTS,
        table_height_m=0.0,
    )
    started_s = 0.0
    for _ in range(2):
        policy.reset(0)
        started_s = time.monotonic()
        policy.infer(inputs)
    policy.reset(0)
    return time.monotonic() - started_s


def _answered(policy: Any, question: Message) -> Message:
    inputs, prefix = unpack_question(question.body)
    try:
        output = policy.infer(inputs) if prefix is None else policy.infer(inputs, prefix)
    except (RobotSkillsError, ValueError) as error:
        return _refusal(question.number, error)
    body = pack_output(output, time.monotonic())
    return Message(kind=Kind.OUTPUT, number=question.number, body=body)


def _refusal(number: int, error: Exception) -> Message:
    reason = " ".join(str(error).split()) or type(error).__name__
    return Message(kind=Kind.REFUSED, number=number, body=reason.encode())
