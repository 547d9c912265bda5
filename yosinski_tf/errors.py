"""The one exception that stands for a mistake of the user, not of the code."""


class UserError(ValueError):
    """Bad input, told in one sentence: what was wanted, what came, what to do.

    The binaries print its message without a stack trace and exit with 2.
    """
