"""What an arm does when something goes wrong: faults, injected again and again, over real DDS.

Run with ``python -m benchmarks.faults``. A simulated arm, its safety gate and the gate's judge are
processes of their own, and so is who commands, where that one is to die. The arm moves; then one
thing is made to go wrong. Counted are the state that the gate ends in, how long it takes until the
arm's setpoint rests, and every setpoint that was sent outside the limits of position, velocity,
acceleration and jerk, judged by differences alone.
"""
