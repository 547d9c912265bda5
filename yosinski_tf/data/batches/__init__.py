"""From an image set to batches: order, crops, mirroring.

Comes in: the images of a half, a seed, a range of steps. Goes out: a `tf.data`
pipeline of uint8 batches [batch, height, width, 3]. The step alone decides the batch,
so training can continue from any step.
"""
