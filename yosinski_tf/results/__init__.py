"""Results from records: paired differences, decomposition, Table 1.

Comes in: the records of a study, or the published logs of the paper. Goes out:
estimates with 95% intervals, and tables.
"""
