"""A finished run as a SavedModel.

Comes in: a finished run. Goes out: a model that takes pixels or image files and needs
only TensorFlow.
"""
