"""The commands, each a short main function.

Comes in: flags. Goes out: what the command prints, and its exit code.
"""
