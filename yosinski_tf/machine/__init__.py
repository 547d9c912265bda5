"""What the computer has, and what follows from it.

Comes in: what the operating system and the GPU driver say, and the network to train.
Goes out: number format, threads, and how many networks fit into one cohort.
"""
