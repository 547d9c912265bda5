"""Where images come from, and how they become batches.

Comes in: image files and the names of data sets. Goes out: uint8 images of one size
with their labels, and batches of them. Knows nothing about networks. `decoding` reads
any image file, `counting` reports progress.
"""
