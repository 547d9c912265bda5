"""Makes and verifies a store: images prepared once, for every half and every study.

Comes in: a folder, a file list, a TFDS data set, ImageNet's tar files. Goes out: a
complete store folder, or none. README.md describes stores and how to make them.
"""
