"""The study folder: its settings, its images, the records of its runs.

Comes in: what a command asks for. Goes out: settings that all runs share, records of
finished runs, notes of failed ones, and a forecast of the time that the rest takes.
"""
