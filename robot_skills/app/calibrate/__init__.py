"""`robot-skills calibrate`: boards, lenses, mounts, rigs, and whether they still hold."""
