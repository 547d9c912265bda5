"""The report of a study, and its comparison with the paper.

Comes in: a study folder. Goes out: Markdown, tables and figures in its `report`.
"""
