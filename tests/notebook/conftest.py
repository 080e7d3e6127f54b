"""Fixtures for the sign-in tests: run a login magic in a fresh extension, with or without a terminal."""

import os
import pty
import sys

import pytest
from IPython.utils.capture import capture_output


@pytest.fixture
def config_folder(tmp_path, monkeypatch):
    """The folder for saved tokens, empty at first."""
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "xdg"))
    return tmp_path / "xdg" / "gyazo_nb"


@pytest.fixture
def terminal(monkeypatch):
    """Standard input is a terminal, so prompts are possible."""
    user_end, program_end = pty.openpty()
    with os.fdopen(user_end, "wb"), os.fdopen(program_end) as stdin:
        monkeypatch.setattr(sys, "stdin", stdin)
        yield


@pytest.fixture
def run_magic(shell, server, config_folder, monkeypatch):
    """Return a function that runs one line, and returns the plain text of its outputs.

    With `fresh`, the extension is loaded again first, as in a new kernel. `token` is GYAZO_ACCESS_TOKEN.
    """
    for name, value in server.variables.items():
        monkeypatch.setenv(name, value)

    def run(line="%gyazo_login", token=None, *, fresh=True):
        if fresh:
            shell.run_line_magic("unload_ext", "gyazo_nb")
            shell.run_line_magic("load_ext", "gyazo_nb")
        if token is None:
            monkeypatch.delenv("GYAZO_ACCESS_TOKEN", raising=False)
        else:
            monkeypatch.setenv("GYAZO_ACCESS_TOKEN", token)
        magic, _, options = line[1:].partition(" ")
        with capture_output() as captured:
            shell.run_line_magic(magic, options)
        return "\n".join(output.data["text/plain"] for output in captured.outputs)

    return run


@pytest.fixture
def user_name(shell):
    """Return a function that asks Gyazo for the name of the signed-in user."""
    return lambda: shell.user_ns["gyazo"].me().name
