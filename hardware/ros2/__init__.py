"""Robots and cameras behind ROS 2. Imports nothing of ROS by itself."""
