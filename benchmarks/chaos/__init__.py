"""Half an hour of work in which something goes wrong every 10 to 30 seconds.

Run with ``python -m benchmarks.chaos``. A simulated cell is brought up as users bring it up, with
perception, skills, scheduler and recorder; it carries out one instruction after another and records
each. Meanwhile processes are killed or made to hang, the arm and the cameras say nonsense or fall
silent, somebody presses the emergency stop, and somebody else wants to command. Counted are
setpoints outside a limit, faults that nobody named, the time until work could go on, and episodes
that were acknowledged and are not whole.
"""
