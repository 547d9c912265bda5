"""Image sets by name: the embedded images, a folder, a TFDS data set or a store.

Comes in: a name such as `folder:DIR`. Goes out: an `ImageSet` with labels, class
names and a fingerprint, and the copy of it that a study keeps.
"""
