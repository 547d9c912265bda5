"""Networks as Keras models: one network, or a cohort of them as one model.

Comes in: a network's description, its spec or its file, the members of a cohort and
their weights. Goes out: models with named layers, frozen and fresh, with losses and
solver. `surgery` holds the paper's verb: it copies the first n layers and draws the
others.
"""
