"""Contracts of the whole stack: numpy only, no I/O."""
