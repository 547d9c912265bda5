"""How fast the program is, compared with the usual ways to do the same.

Comes in: what to measure, and how often. Goes out: tables of medians with their range.
"""
