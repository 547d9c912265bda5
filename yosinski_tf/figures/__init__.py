"""The paper's figures 2 and 3, accuracy on reduced data, and what layers hold.

Comes in: the networks of a study, those of the paper to compare with, and measures of
layers. Goes out: PNG files.
"""
