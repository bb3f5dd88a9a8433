"""How many corrections people need the first, the second and the third time.

Run with ``python -m benchmarks.corrections``.
"""
