"""A finished run as a SavedModel.

Comes in: a run of a study folder. Goes out: a model that takes pixels or image files
and needs nothing of this package.
"""
