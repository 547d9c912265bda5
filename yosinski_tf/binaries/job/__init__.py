"""From flags to a checked plan, and from the plan to finished runs.

Comes in: flags that several commands share, read once into `JobOptions`. Goes out: a
`Plan`, checked before anything is trained, and what the command prints.
"""
