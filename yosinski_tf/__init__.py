"""How transferable are the features of a network, layer by layer?

A reproduction, in TensorFlow and Keras 3, of Yosinski, Clune, Bengio and
Lipson, "How transferable are features in deep neural networks?" (NIPS 2014,
arXiv:1411.1792).
"""

__version__ = "0.1.0"
