"""How fast the program is, in comparison with what is usual.

Comes in: what to measure. Goes out: JSON with medians and spread, and a table.
"""
