"""The operator's console: a web page on the robot, its streams, episodes and plans."""
