"""Collecting demonstrations: a robot, a hand, a recorder, and the loop that holds them together."""
