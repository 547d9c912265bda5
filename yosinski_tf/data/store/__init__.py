"""A prepared store of images: its format, and reading it.

Comes in: the folder of a store. Goes out: labels, encoded images by position, sums of
pixels, and a fingerprint of the content.
"""
