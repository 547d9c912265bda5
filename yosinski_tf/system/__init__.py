"""Files, processes, locks, signals, errors and versions.

Comes in: paths, process numbers, messages. Goes out: files written whole or not at
all, locks, one-sentence errors. Nothing here is about the paper; it imports no room.
"""
