"""A prepared store of images: its format, and reading it.

Comes in: the folder of a store. Goes out: records by position, images of a class, and
the fingerprint that says which images these are.
"""
