"""The paper's terms as values: treatment, split, network, recipe, run, cohort.

Comes in: text as users write it (`A3B+`, `random:0`) and class names. Goes out:
frozen values that say what is trained on what, in which order, at which cost. No
image and no tensor library.
"""
