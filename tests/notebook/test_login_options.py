"""The options of `%gyazo_login`: contradictions are errors, before any sign-in starts."""

import pytest

from gyazo_nb import ArgumentError


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("--sandbox --token", "--sandbox cannot be combined with --token"),
        ("--sandbox --save file", "--sandbox cannot be combined with --save"),
        ("--sandbox --mode env", "--sandbox cannot be combined with --mode env"),
        ("--token --mode panel", "--token uses a prompt: leave out --mode panel"),
    ],
)
def test_contradicting_options_raise_an_error(run_magic, line, message):
    """The error names both options."""
    with pytest.raises(ArgumentError, match=message):
        run_magic(f"%gyazo_login {line}")
