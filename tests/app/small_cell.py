"""A simulated cell with small pictures, for tests that bring one up."""

SMALL_CELL = """
name: small
robot:
  driver: sim
  arm: panda
  joints: [joint1, joint2, joint3, joint4, joint5, joint6, joint7]
  joint_states: joint_states
  controller: {kind: forward_position, topic: forward_position_controller/commands}
  gripper:
    kind: position
    name: gripper_position_controller/commands
    joint: gripper
    open_q: 1.0
    closed_q: 0.0
  protective_stop: {topic: robot_program_running, good: true}
cameras:
  front: {driver: sim, size_px: [64, 48], rate_hz: 10, stale_s: 2.0, mount: base}
  wrist: {driver: sim, size_px: [64, 48], rate_hz: 10, stale_s: 2.0, mount: tool}
network:
  reach: machine
safety:
  # Tests share their processors.
  state_hold_s: 0.5
  state_fault_s: 2.0
"""
