"""Files, processes, locks, signals, errors and versions.

Comes in: paths, process numbers, messages. Goes out: files that are whole or not
there, locks, one-sentence errors. Knows nothing of the paper, and imports no room.
"""
