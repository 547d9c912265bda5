"""The paper's figures 2 and 3, and accuracy on reduced data.

Comes in: the networks of a study, and those of the paper to compare with. Goes out:
PNG files.
"""
