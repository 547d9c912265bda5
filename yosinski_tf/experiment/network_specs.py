"""What `--network` names: a network of this project, of Keras, or of the user.

mini | caffenet
resnet_mini | resnet_mini(blocks=3,width=16)
keras:NAME | keras:NAME(alpha=0.5)    a function of `keras.applications`
python:MODULE:FUNCTION                a function of the user
file:MODEL.keras                      a saved model
"""

import ast
import dataclasses
import difflib
import os
import re

from yosinski_tf.system.errors import UserError

# What an argument in a spec may be.
Literal = bool | int | float | str | None

_EIGHT_LAYERS = ("mini", "caffenet")
_FORMS = (
    "mini, caffenet, resnet_mini, keras:NAME, python:MODULE:FUNCTION or"
    " file:MODEL.keras"
)


@dataclasses.dataclass(frozen=True)
class NetworkSpec:
    """A network as named on the command line.

    Attributes:
      text: What the user wrote.
      kind: `mini`, `caffenet`, `resnet_mini`, `keras`, `python` or `file`.
      name: The function of `keras.applications`, the module, or the path of the file;
        for the other kinds the kind.
      function: Name of the function in the module; empty if not `python`.
      arguments: Names and values of the arguments, in their order.
    """

    text: str
    kind: str
    name: str
    function: str = ""
    arguments: tuple[tuple[str, Literal], ...] = ()

    def __str__(self) -> str:
        return self.text


def parse_spec(text: str) -> NetworkSpec:
    """Reads a spec; nothing is imported, opened or evaluated.

    Raises:
      UserError: If it has none of the forms above.
    """
    kind, colon, rest = text.partition(":")
    if colon and kind == "file":
        return _file(text, rest)
    if colon and kind == "python":
        return _python(text, rest)
    if colon and kind == "keras":
        name, arguments = _call(text, rest)
        return NetworkSpec(text, kind, name, arguments=arguments)
    if text in _EIGHT_LAYERS:
        return NetworkSpec(text, text, text)
    if re.match(r"resnet_mini\s*(\(|$)", text):
        name, arguments = _call(text, text)
        return NetworkSpec(text, name, name, arguments=arguments)
    raise UserError(
        f"--network needs {_FORMS}, found {text!r}{_advice(text, kind, colon)}"
    )


def _advice(text: str, kind: str, colon: str) -> str:
    word = re.split(r"[:(]", text)[0]
    known = ["keras", "python", "file"] if colon else [*_EIGHT_LAYERS, "resnet_mini"]
    if close := difflib.get_close_matches(word, known, 1):
        return f": did you mean {close[0]}{colon}?"
    if text.endswith((".keras", ".h5")):
        return f": write file:{text}"
    if word[:1].isupper() and not colon:
        return f": for a network of keras.applications write keras:{text}"
    if colon and "." not in kind and kind.isidentifier():
        return f": for a function of yours write python:{text}"
    return ""


def _file(text: str, path: str) -> NetworkSpec:
    if not path:
        raise UserError(
            f"--network needs the path of a model behind file:, found {text!r}: write"
            " file:MODEL.keras"
        )
    return NetworkSpec(text, "file", os.path.expanduser(path))


def _python(text: str, rest: str) -> NetworkSpec:
    module, _, function = rest.partition(":")
    dotted = all(part.isidentifier() for part in module.split("."))
    if not (dotted and function.isidentifier()) or module.endswith(".py"):
        advice = "write python:MODULE:FUNCTION"
        if module.endswith(".py") or "/" in module:
            name = os.path.basename(module).removesuffix(".py")
            advice = (
                f"write python:{name}:FUNCTION, without .py, and start the command in"
                " the folder of the file"
            )
        raise UserError(
            "--network needs a module and the name of a function of it behind python:,"
            f" found {text!r}: {advice}"
        )
    return NetworkSpec(text, "python", module, function)


def _call(text: str, call: str) -> tuple[str, tuple[tuple[str, Literal], ...]]:
    """The name, and the arguments if there are any, of `name(argument=literal)`."""
    try:
        # A name alone stands for a call without arguments.
        tree = ast.parse(call.strip(), mode="eval").body
        if isinstance(tree, ast.Name):
            return tree.id, ()
        if not (isinstance(tree, ast.Call) and isinstance(tree.func, ast.Name)):
            raise ValueError("no name, or more behind it than arguments")
        if tree.args or not all(keyword.arg for keyword in tree.keywords):
            raise ValueError("an argument without its name")
        if len({keyword.arg for keyword in tree.keywords}) < len(tree.keywords):
            raise ValueError("an argument twice")
        arguments = tuple((keyword.arg, _literal(keyword)) for keyword in tree.keywords)
        return tree.func.id, arguments
    except (MemoryError, RecursionError, SyntaxError, ValueError) as error:
        reason = error.msg if isinstance(error, SyntaxError) else error
        raise UserError(
            "--network needs a name and arguments with plain values, like"
            f" keras:MobileNetV2(alpha=0.5), found {text[:200]!r} ({reason})"
        ) from None


def _literal(keyword: ast.keyword) -> Literal:
    try:
        value = ast.literal_eval(keyword.value)
    except ValueError:
        value = ()
    if not isinstance(value, Literal):
        raise ValueError(
            f"{keyword.arg} is no number, text in quotation marks, True, False or None"
        )
    return value
