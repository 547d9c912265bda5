"""What the layers of a study's networks are, and why its curves look so.

Comes in: weights and features of networks that are trained already, as arrays. Goes
out: numbers per layer, to stand beside the curves. Pure functions of NumPy arrays;
each module says in `MEANING` what its numbers mean, with the source.
"""
