"""How fast the program is, compared with the usual ways to do the same.

In: what to measure, and how often. Out: tables of medians with their range.
"""
