"""The one exception that stands for a mistake of the user, not of the code."""


class UserError(ValueError):
    """Bad input, told in one sentence: what was wanted, what came, what to do.

    The binaries print its message without a stack trace and exit with 2.
    """

    def __init__(self, message: str):
        super().__init__(one_line(message))


def one_line(text: str) -> str:
    """A text with line ends and other unprintable letters written as escapes.

    Names of files may hold any of them, some of which a terminal would obey.
    """
    return "".join(
        letter if letter.isprintable() else ascii(letter)[1:-1] for letter in text
    )
