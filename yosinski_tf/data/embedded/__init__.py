"""The 40 classes of images that the program draws itself.

Comes in: a seed. Goes out: uint8 images [count, 32, 32, 3], labels and class names.
"""
