"""The report of a study, and its comparison with the paper.

Comes in: a study folder. Goes out: in its `report`, a page (`page.py`), Markdown,
tables, figures and the recommendation.
"""
