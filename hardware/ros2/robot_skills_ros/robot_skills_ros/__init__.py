"""Executables, launch files and cells of robot-skills for ROS 2. The code is `robot_skills`."""
