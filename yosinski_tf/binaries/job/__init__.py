"""From flags to a checked plan, and from the plan to finished runs.

Comes in: flags that several commands share. Goes out: a `Plan` that is checked before
anything is trained, and the messages at the end. Flags are read here and nowhere below.
"""
