"""The exception for a mistake of the user, as opposed to one in the code."""


class UserError(ValueError):
    """Bad input, explained in one sentence: what is needed, what was found, what to do.

    The binaries print the message without a stack trace and exit with 2.
    """

    def __init__(self, message: str):
        super().__init__(one_line(message))


def one_line(text: str) -> str:
    """A text with line ends and other unprintable characters written as escapes.

    File names may hold such characters, and a terminal obeys some of them.
    """
    return "".join(each if each.isprintable() else ascii(each)[1:-1] for each in text)
