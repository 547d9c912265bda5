"""The exception for a mistake of the user, as opposed to one in the code."""

from collections.abc import Iterable


class UserError(ValueError):
    """Bad input, explained in one sentence: what is needed, what was found, what to do.

    The binaries print the message without a stack trace and exit with 2.

    Attributes:
      details: Lines to print before the message.
    """

    def __init__(self, message: str, details: Iterable[str] = ()):
        super().__init__(one_line(message))
        self.details = tuple(one_line(line) for line in details)


def in_brief(error: BaseException, most: int = 300) -> str:
    """The kind and the text of an error of other software, in one line.

    Of a longer text than `most` characters the beginning is left.
    """
    text = " ".join(f"{type(error).__name__}: {error}".split())
    return text if len(text) <= most else f"{text[:most]}..."


def why_unreadable(error: Exception) -> str:
    """Why arrays of a file cannot be read: what the system says, or that it is damaged.

    What NumPy says of a damaged file tells programmers how to trust it.
    """
    return getattr(error, "strerror", None) or "it is damaged"


def one_line(text: str) -> str:
    """A text with line ends and other unprintable characters written as escapes.

    File names may hold such characters, and a terminal obeys some of them.
    """
    return "".join(each if each.isprintable() else ascii(each)[1:-1] for each in text)
