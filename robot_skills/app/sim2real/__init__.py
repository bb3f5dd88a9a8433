"""From a simulation to a robot: calibrate, identify, randomise, learn, and measure on the robot."""
