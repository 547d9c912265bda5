"""What the layers of finished networks hold, beside the curves that they gave.

Comes in: records and weights of a study, and its images.
Goes out: one value for each layer, measure and pair of halves, as rows of a table.
"""
