"""The text that names a source of images, such as `folder:DIR` or `tfds:NAME`."""

from yosinski_tf.system.errors import UserError


def split_spec(spec: str) -> tuple[str, str]:
    """The kind of a source and what follows the colon, empty without one."""
    kind, _, rest = spec.partition(":")
    return kind, rest


def check_option(spec: str, flag: str, value: object, fits: bool, form: str) -> None:
    """Refuses an option that the source would ignore.

    Args:
      spec: The source.
      flag: The option's name.
      value: Its value, None if it was not given.
      fits: Whether the source uses the option.
      form: A source that uses it, for the message.

    Raises:
      UserError: If the option was given and does not fit.
    """
    if value is not None and not fits:
        raise UserError(
            f"--{flag} needs a source {form}, found {spec!r} with --{flag}={value}:"
            " leave it out, or choose such a source"
        )
