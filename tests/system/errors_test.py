"""What the user reads of errors."""

from yosinski_tf.system.errors import UserError, in_brief


def test_an_error_in_brief():
    assert in_brief(KeyError("so\n  bad")) == "KeyError: 'so\\n bad'"
    assert in_brief(ValueError("so\n  bad")) == "ValueError: so bad"
    assert in_brief(ValueError("0123456789"), most=15) == "ValueError: 012..."


def test_what_a_terminal_would_obey_is_escaped():
    assert str(UserError("a\x1b[2Jb")) == "a\\x1b[2Jb"
