"""The central table: every skill, every level and every factor, measured in one run.

``python -m benchmarks.table``, or ``make table``. `cells` declares what is measured and what is
required, `methods` who is measured, `trial_log` keeps what is finished, `growing` shares the time
among the cells, `backends` runs the trials, `rows` counts, `page` and `figure` show.
"""
