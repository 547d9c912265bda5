"""Where images come from, and how they become batches; `decoding` reads any image.

Comes in: image files, data sets by name. Goes out: uint8 images of one size with
their labels, and batches of them. Knows nothing of networks.
"""
