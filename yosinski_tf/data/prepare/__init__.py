"""Makes a store of images once, for every half and every study, and verifies it.

Comes in: a folder, a file list, a TFDS data set, ImageNet's tar files. Goes out: a
store folder, whole or not there.
"""
