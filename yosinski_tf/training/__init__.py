"""Trains one cohort: from its first weights, or a checkpoint, to its records.

Comes in: a `Job`. Goes out: weights, records, TensorBoard logs and checkpoints in the
study folder. One trainer for one network or dozens, on one device or several.
"""
