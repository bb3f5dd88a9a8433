"""ROS 2 nodes that combine layers. Each has a `main` that an executable calls."""
