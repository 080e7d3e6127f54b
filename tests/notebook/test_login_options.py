"""The options of `%gyazo_login`: contradictions are errors, before any sign-in starts."""

import pytest

from gyazo_nb import ArgumentError
from gyazo_nb.notebook.login_options import LoginOptions


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


@pytest.mark.parametrize(
    ("options", "line"),
    [
        (LoginOptions(), "%gyazo_login"),
        (LoginOptions(sandbox=True, mode="prompt"), "%gyazo_login --sandbox --mode prompt"),
        (
            LoginOptions(profile="work", save="file", switch=True, wait=60.0),
            "%gyazo_login --profile work --save file --switch --wait 60",
        ),
        (LoginOptions(token=True, save="keyring"), "%gyazo_login --save keyring --token"),
    ],
)
def test_command_repeats_the_options(options, line):
    """A hint with it can be run as it is."""
    assert options.command() == line


def test_command_with_a_change_keeps_the_other_options():
    """As in the hint of a panel that names the prompt."""
    options = LoginOptions(profile="work", wait=60.0)

    assert options.command(mode="prompt", wait=None) == "%gyazo_login --profile work --mode prompt"
