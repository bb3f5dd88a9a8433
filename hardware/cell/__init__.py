"""Cells: one file says which arm, cameras and limits a workplace has, and is checked twice.

`read_cell` checks what is written, against what makers publish; `self_test` checks what is really
there, before anything may move.
"""
