"""The text that names a source of images, such as `folder:DIR` or `tfds:NAME`."""

from yosinski_tf.system.errors import UserError


def split_spec(spec: str) -> tuple[str, str]:
    """The kind of a source and what follows the colon, empty without one."""
    kind, _, rest = spec.partition(":")
    return kind, rest


def check_option(spec: str, flag: str, value: object, fits: bool, form: str) -> None:
    """Refuses an option that the source would ignore.

    Raises:
      UserError: If the option has a value, and the source does not use it (`fits`).
        The message names a `form` of source that does.
    """
    if value is not None and not fits:
        raise UserError(
            f"--{flag} needs a source {form}, found {spec!r} with --{flag}={value}:"
            " leave it out, or choose such a source"
        )
