"""What a robot and things are like beyond their models, from recorded motions.

=================  ==========================================================
`parameters`       what is unknown, and what is known of it before
`motions`          a library of pushes, lifts and swings to explore with
`exploration`      those of them that say most
`sensitivity`      how far predictions are from what was sensed
`fitting`          parameters from rollouts, and whether they are determined
`payload`          what is fixed to the tool, from static poses
`delta_action`     what parameters cannot explain
`recording`        recorded rollouts as a file; `record`: what was found in them
=================  ==========================================================

The simulator is passed in as a function: nothing here knows which one.
"""
