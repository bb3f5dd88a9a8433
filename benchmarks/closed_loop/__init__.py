"""What looking is worth when somebody moves or takes away things while the robot works."""
