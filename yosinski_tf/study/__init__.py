"""The study folder: its settings, its images, the records of its runs.

Comes in: what a command asks for. Goes out: settings that hold for all runs, records
of finished runs and of failures, and how long the rest will take.
"""
