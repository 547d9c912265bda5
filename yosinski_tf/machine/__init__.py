"""What the computer has, and what follows from it.

Comes in: what the operating system and the GPU driver say, and the network to train.
Goes out: the number format, processes and threads, the size of cohorts.
"""
