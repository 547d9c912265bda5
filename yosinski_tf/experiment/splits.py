"""How the classes of a data set fall into two halves, A and B.

The paper draws the halves at random and, for the harder case, separates
natural from man-made classes (sections 3.1 and 3.2). A half is a list of class
indices; no image is copied.
"""

import dataclasses
import hashlib
import json
import os
import pathlib
import re
import unicodedata
from collections.abc import Mapping, Sequence

import numpy as np

from yosinski_tf.experiment import ilsvrc
from yosinski_tf.system.errors import UserError
from yosinski_tf.system.user_text import read_lines, same_name

_RANDOM = re.compile(r"random:([0-9]{1,10})")
_FIRST = re.compile(r"first:([0-9]{1,9})")
_MAX_SEED = 2**32 - 1
_COMMENT = re.compile(r"(?:^|\s)#")
_QUOTED = re.compile(r'"(.+?)"(?:\s+#.*)?')


@dataclasses.dataclass(frozen=True)
class Split:
    """The classes of a data set in two halves.

    Attributes:
      name: As given, for example `random:0`.
      half_a: Class indices of half A, ascending.
      half_b: Class indices of half B, ascending.
      digest: SHA-256, in hexadecimal, of the class names of both halves, in the
        order of the class index, and of `examples_per_class`.
      undivided: Class indices that belong to no half, ascending: all of them for
        the splits `whole` and `first:N`, none for others.
      examples_per_class: Number of training images of each class that are used,
        the first in list order; None for all. Validation uses all images.
    """

    name: str
    half_a: tuple[int, ...]
    half_b: tuple[int, ...]
    digest: str
    undivided: tuple[int, ...] = ()
    examples_per_class: int | None = None

    def classes(self, half: str) -> tuple[int, ...]:
        """Class indices of half `A` or `B`, or of the whole set, `W`, ascending.

        Raises:
          UserError: If the half is not one of these, or the split has no halves.
        """
        if half == "W":
            return tuple(sorted(self.half_a + self.half_b + self.undivided))
        if half not in ("A", "B"):
            raise UserError(f"a half needs to be A, B or W, found {half!r}")
        if self.undivided:
            raise UserError(
                f"split {self.name} has no half {half}: choose another split, or"
                " treatments of the whole set such as baseW"
            )
        return self.half_a if half == "A" else self.half_b

    @property
    def slug(self) -> str:
        """The name as part of a folder's name: `random-0`, `file-pets-1a2b3c`."""
        if self.name.startswith("file:"):
            stem = pathlib.PurePath(self.name.removeprefix("file:")).stem
            stem = re.sub(r"[^A-Za-z0-9._-]+", "-", stem)[:40]
            return f"file-{stem}-{self.digest[:6]}"
        return re.sub(r"[:_]", "-", self.name)


def is_undivided(spec: str) -> bool:
    """Whether a split of this name keeps all classes together."""
    return spec == "whole" or _FIRST.fullmatch(spec) is not None


def make_split(
    spec: str,
    class_names: Sequence[str],
    families: Sequence[str] | None = None,
    train_per_class: int | None = None,
) -> Split:
    """Divides the classes of a data set.

    Args:
      spec: One of
        `random:SEED`: half A is
          `numpy.random.RandomState([SEED]).choice(C, C // 2, replace=False)`
          for C classes, B the rest. For 1000 classes and SEED 0..3 these are
          the authors' own halves;
        `natural_manmade`: A natural, B man-made, as in the authors' files;
        `manmade_natural`: A man-made, B natural, as in the paper's text;
        `file:PATH`: class names of A and B, see `read_halves`;
        `whole`: all classes together, no halves (treatments baseW and RnW);
        `first:N`: as `whole`, with the first N training images of each class in
          list order (the authors' reduced data sets, not in the paper).
      class_names: Names in the order of the class index.
      families: `natural` or `manmade` for each class; None to look them up in
        the ILSVRC lists, by WordNet id.
      train_per_class: Training images of each class that are used, the first in
        list order; None for all. As `first:N`, but for halves (not in the paper).

    Raises:
      UserError: If the spec has none of these forms, or the classes cannot be
        divided in this way.
    """
    names = list(class_names)
    first = _FIRST.fullmatch(spec)
    undivided = is_undivided(spec)
    _check_names(names, smallest=2 if undivided else 4)
    if first and train_per_class:
        raise UserError(
            f"split {spec} takes a number of training images by itself: leave out"
            " --train_per_class, or give the split whole"
        )
    if undivided:
        return _undivided(spec, names, int(first[1]) if first else train_per_class)
    if match := _RANDOM.fullmatch(spec):
        seed = int(match[1])
        name, half_a = f"random:{seed}", _random_half(seed, len(names))
    elif spec in ("natural_manmade", "manmade_natural"):
        name, half_a = spec, _family_half(spec.split("_")[0], names, families)
    elif spec.startswith("file:"):
        name, half_a = spec, _file_half(spec.removeprefix("file:"), names)
    else:
        raise UserError(
            f"unknown split {spec!r}: give random:SEED, natural_manmade,"
            " manmade_natural, file:PATH, whole or first:N"
        )
    in_a = set(half_a)
    a = tuple(sorted(in_a))
    b = tuple(index for index in range(len(names)) if index not in in_a)
    for half, members in (("A", a), ("B", b)):
        if len(members) < 2:
            raise UserError(
                f"split {spec} needs at least 2 classes in each half, found"
                f" {len(members)} of {len(names)} in half {half}: choose another"
                " split or add classes"
            )
    halves = {"A": [names[i] for i in a], "B": [names[i] for i in b]}
    return Split(
        name=name,
        half_a=a,
        half_b=b,
        digest=_digest(halves, train_per_class),
        examples_per_class=train_per_class,
    )


def read_halves(path: pathlib.Path) -> dict[str, list[str]]:
    """Reads the class names of two halves from a text file.

    The form: a line `[A]`, the class names of half A one per line, a line
    `[B]`, the class names of half B. Space around names, blank lines, and
    comments after `#` at the start of a line or ` #` in it are ignored. In
    quotation marks a name may be anything: `"#1"`, `"[A]"`, `"a #b"`, `"a "`.

    Returns:
      The names under `A` and `B` in the order of the file.

    Raises:
      UserError: If the file is missing, is not text, or has another form.
    """
    remedy = "give file:PATH of a text file with the class names of both halves"
    halves: dict[str, list[str]] = {}
    members = None
    for number, line in enumerate(read_lines(path, "split file", remedy), start=1):
        quoted = _QUOTED.fullmatch(line)
        name = quoted[1] if quoted else _COMMENT.split(line, maxsplit=1)[0].strip()
        if not name:
            continue
        if not quoted and name.startswith("[") and name.endswith("]"):
            half = name[1:-1].strip()
            if half not in ("A", "B") or half in halves:
                raise _malformed(path, f"has {name!r} in line {number}")
            members = halves[half] = []
        elif members is None:
            raise _malformed(path, f"has {name!r} in line {number} before any half")
        else:
            members.append(name)
    for half in ("A", "B"):
        if not halves.get(half):
            raise _malformed(path, f"has no class in half {half}")
    return halves


def _malformed(path: pathlib.Path, problem: str) -> UserError:
    return UserError(
        f"split file {path} {problem}: give a line [A], its class names one per line,"
        ' then [B] and its names, and put names such as "#1" and "[A]" in quotation'
        " marks"
    )


def _undivided(spec: str, names: Sequence[str], examples: int | None) -> Split:
    if examples == 0:
        raise UserError(
            "split first:N needs at least 1 training image of each class, found first:0"
        )
    return Split(
        name=spec if spec == "whole" else f"first:{examples}",
        half_a=(),
        half_b=(),
        digest=_digest({"W": names}, examples),
        undivided=tuple(range(len(names))),
        examples_per_class=examples,
    )


def _random_half(seed: int, num_classes: int) -> Sequence[int]:
    if seed > _MAX_SEED:
        raise UserError(
            f"split random:SEED needs a seed from 0 to {_MAX_SEED}, found {seed}"
        )
    # A list of one number, as in the authors' code: a number draws other halves.
    random = np.random.RandomState([seed])
    return random.choice(num_classes, num_classes // 2, replace=False).tolist()


def _family_half(
    first: str, names: Sequence[str], families: Sequence[str] | None
) -> Sequence[int]:
    if families is None:
        families = ilsvrc.families(names)
    if families is None:
        raise UserError(
            "the natural and man-made split needs ILSVRC WordNet ids such as n01440764"
            f" as class names, found {_some(names)}: list the halves in a file and"
            " give file:PATH"
        )
    if len(families) != len(names) or set(families) - {"natural", "manmade"}:
        raise UserError(
            f"the data set needs natural or manmade for each of {len(names)} classes,"
            f" found {', '.join(families)!r:.80}: prepare it again"
        )
    return [index for index, family in enumerate(families) if family == first]


def _file_half(path: str, names: Sequence[str]) -> Sequence[int]:
    halves = read_halves(pathlib.Path(os.path.expanduser(path)))
    form = same_name
    if len(set(map(form, names))) < len(names):
        form = str  # Earlier versions took classes that differ in the form alone.
    index = {form(name): i for i, name in enumerate(names)}
    seen: dict[str, tuple[str, str]] = {}
    for half, members in halves.items():
        for name in members:
            key = form(name)
            if key in seen:
                places = f"half {half}" if seen[key][0] == half else "A and B"
                raise UserError(
                    f"split file {path} names class {name!r} twice, in {places}:"
                    " name every class once"
                )
            seen[key] = (half, name)
    unnamed = [name for name in names if form(name) not in seen]
    if unknown := [name for key, (_, name) in seen.items() if key not in index]:
        raise UserError(
            f"split file {path} names {len(unknown)} classes that the data set does"
            f" not have, {_some(unknown)}: its classes are"
            f" {_some(names)}{_hint(unknown[0], unnamed)}"
        )
    if unnamed:
        raise UserError(
            f"split file {path} puts {len(unnamed)} classes of the data set into"
            f" neither half, {_some(unnamed)}: name every class"
            f" once{_hint('', unnamed)}"
        )
    return [index[form(name)] for name in halves["A"]]


def _hint(found: str, unnamed: Sequence[str]) -> str:
    """What may be wrong with a split file that leaves out some classes."""
    for name in unnamed:
        bare = _COMMENT.split(name, maxsplit=1)[0].strip()
        if name.startswith(("[", '"')) or name != bare:
            return f' (write "{name}" with the quotation marks)'
    for name in unnamed:
        if _roughly(name) == _roughly(found):
            return f" ({found!r} may be {name!r})"
    return ""


def _roughly(name: str) -> str:
    """A name without case, spaces and typographic forms of letters."""
    return "".join(unicodedata.normalize("NFKC", name).casefold().split())


def _check_names(names: Sequence[str], smallest: int) -> None:
    if len(names) < smallest:
        raise UserError(
            f"the data set needs at least {smallest} classes"
            + (", two for each half" if smallest > 2 else "")
            + f", found {len(names)}: choose a larger data set"
        )
    if len(set(names)) < len(names):
        double = next(name for name in names if names.count(name) > 1)
        raise UserError(
            "the data set needs a different name for each class, found two named"
            f" {double!r}: rename one"
        )


def _digest(halves: Mapping[str, Sequence[str]], examples: int | None) -> str:
    parts = {**halves, "first": examples} if examples else halves
    text = json.dumps(parts, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


def _some(names: Sequence[str], count: int = 3) -> str:
    more = ", ..." if len(names) > count else ""
    return ", ".join(repr(name) for name in names[:count]) + more
