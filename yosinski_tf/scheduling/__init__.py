"""Which cohort trains next, in which process, and what the user sees meanwhile.

Comes in: the cohorts of a plan. Goes out: processes that train them, bases first, and
events that say what happens to each cohort.
"""
