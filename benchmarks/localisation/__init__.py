"""Whether the log names the layer and the skill at fault: faults injected into runs, and counted.

Run with ``python -m benchmarks.localisation``. Sixty runs of the simulated cell, twelve per layer,
in which something is made to go wrong at a drawn moment; and runs in which nothing is. Who judges
(`robot_skills.scheduler.attribution`) gets the events alone and knows of no injection. Faults that
are there from the start count as of the first call that they spoil, if they let one begin.
"""
