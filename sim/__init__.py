"""MuJoCo worlds, the robots and cameras in them, experts and demonstrations."""

from sim.gl import check_library

# MuJoCo loads the library that MUJOCO_GL names while it is imported, and fails obscurely.
check_library()
