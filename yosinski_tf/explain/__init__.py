"""What changed in the features: measures read from the networks of a study.

Comes in: filters, weights and features as arrays. Goes out: numbers for each layer, to
be set beside the accuracy of the copies.
"""
