"""A finished run as a SavedModel or a `.keras` file.

Comes in: a finished run. Goes out: a model with its preprocessing inside that needs
only TensorFlow, or only Keras.
"""
