"""How torch's threads wait for each other."""

import os


def sleep_while_waiting() -> None:
    """Have threads sleep instead of spin; to be called before torch is imported.

    Threads that spin while they wait make training several times slower where anything else runs;
    asleep they cost a tenth where nothing does.
    """
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
