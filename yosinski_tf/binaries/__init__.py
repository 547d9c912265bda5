"""The commands, each a thin main.

Comes in: flags. Goes out: what the command prints, and its exit code.
"""
