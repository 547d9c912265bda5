"""An image set by name: embedded images, a folder, TFDS, or a store.

Comes in: a name such as `folder:DIR`. Goes out: an `ImageSet` with labels, class
names and fingerprint, and the copy of it that a study keeps.
"""
