"""Corrections in words on the command line, and in a simulated cell."""
