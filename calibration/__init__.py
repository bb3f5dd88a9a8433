"""Cameras: lenses, where they are on an arm or beside it, and whether they still are; and physics.

=================  ==========================================================
`board`            a ChArUco board as data; `printing` puts it on paper
`detection`        its corners in a picture, to hundredths of a pixel
`intrinsics`       lens and distortion; `coverage` and `guidance` say what is missing
`hand_eye`         camera on the tool or beside the arm; `motion` has the closed forms
`rig`              several cameras in one frame
`chain`            the bundle adjustment below both
`next_poses`       from where an arm should look next
`depth_noise`      how noisy a stereo camera's depth is
`latency`          how late cameras, states, arm and gripper are; `latency_motion` tells it
`checking`         one look: was the camera moved?
`record`           files
`identification`   friction, masses and joints, from motions
=================  ==========================================================
"""
