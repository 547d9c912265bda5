"""Files, processes, locks, signals, errors, versions, and Ray's clusters.

Comes in: paths, process numbers, messages. Goes out: files written whole or not at
all, locks, one-sentence errors. Nothing here is about the paper; it imports no room.
"""
