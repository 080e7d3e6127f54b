"""`%load_ext`, `%unload_ext`, and the lines that the sign-in magics accept."""

import importlib.util
import logging
import subprocess
import sys
import threading
import time

import pytest
from IPython.core.error import UsageError
from IPython.utils.capture import capture_output
from ipywidgets.widgets import widget

from gyazo_nb import ConfigError, Gyazo, NotLoggedInError

SIGN_IN_MAGICS = ["gyazo_login", "gyazo_logout", "gyazo_whoami"]


def shell_state(shell, threads_before=()):
    """Everything that an extension can leave in a shell. Threads of earlier tests do not count."""
    return {
        "names": set(shell.user_ns) | set(shell.user_ns_hidden),
        "magics": {kind: set(names) for kind, names in shell.magics_manager.magics.items()},
        "registry": set(shell.magics_manager.registry),
        "configurables": [type(c).__name__ for c in shell.configurables],
        "widgets": len(widget._instances),
        "filters": len(logging.getLogger("Comm").filters),
        "threads": len(set(threading.enumerate()).difference(threads_before)),
        "matchers": len(shell.Completer.custom_matchers),
        "transformers": len(shell.input_transformers_cleanup),
        "callbacks": {name: len(found) for name, found in shell.events.callbacks.items()},
    }


def test_unload_ext_restores_the_shell(shell):
    """Also after loading, reloading and signing in."""
    threads = threading.enumerate()
    before = shell_state(shell, threads)

    shell.run_line_magic("load_ext", "gyazo_nb")
    assert shell_state(shell, threads) != before
    shell.run_line_magic("reload_ext", "gyazo_nb")
    shell.run_line_magic("gyazo_login", "--mode panel --sandbox")
    shell.run_line_magic("gyazo_login", "--mode panel --sandbox")
    assert shell_state(shell, threads)["threads"] > 0
    assert shell_state(shell, threads)["filters"] > before["filters"]
    shell.run_line_magic("unload_ext", "gyazo_nb")

    deadline = time.monotonic() + 60  # the thread of a cancelled timer ends a moment later
    while shell_state(shell, threads)["threads"] and time.monotonic() < deadline:
        time.sleep(0.01)
    assert shell_state(shell, threads) == before


def test_loading_again_replaces_the_first_session(shell):
    """One set of magics, one entry in %config, one session."""
    shell.run_line_magic("load_ext", "gyazo_nb")
    first = shell.user_ns["gyazo"]
    shell.extension_manager.load_extension("gyazo_nb")
    shell.run_line_magic("reload_ext", "gyazo_nb")

    assert [type(c).__name__ for c in shell.configurables].count("GyazoMagics") == 1
    assert shell.user_ns["gyazo"] is not first


def test_variable_of_the_user_is_not_changed(shell):
    """The session gets another name, and a line says so."""
    shell.user_ns["gyazo"] = mine = object()
    with capture_output() as captured:
        shell.run_line_magic("load_ext", "gyazo_nb")

    assert "was not changed: the session is gyazo_2" in captured.stdout
    assert shell.user_ns["gyazo"] is mine
    assert isinstance(shell.user_ns["gyazo_2"], Gyazo)
    shell.run_line_magic("unload_ext", "gyazo_nb")
    assert shell.user_ns["gyazo"] is mine
    assert "gyazo_2" not in shell.user_ns


@pytest.mark.parametrize(
    "removal", [pytest.param("%reset -f", marks=pytest.mark.slow), "del gyazo", "%xdel gyazo"]
)
@pytest.mark.parametrize("cell", ["%load_ext gyazo_nb", "%gyazo_login --mode panel", "gyazo"])
def test_session_is_put_back_under_its_name(shell, server, monkeypatch, removal, cell):
    """With its account. A cell `gyazo` runs `%gyazo` where the variable is missing, and uploads nothing."""
    for name, value in server.variables.items():
        monkeypatch.setenv(name, value)
    shell.run_line_magic("load_ext", "gyazo_nb")
    session = shell.user_ns["gyazo"]
    session.use_token(server.sandbox.new_token())

    shell.run_cell("0").raise_error()  # %xdel needs an earlier result
    shell.run_cell(removal).raise_error()
    with capture_output() as captured:
        shell.run_cell(cell).raise_error()

    assert shell.user_ns["gyazo"] is session
    assert shell.user_ns["gyazo"].account.user.name == "Sandy Box"
    assert server.sandbox.images == []
    if cell == "gyazo":
        assert "The variable gyazo was missing. It is the session again." in captured.stdout
        assert "signed in as Sandy Box" in captured.outputs[0].data["text/plain"]


def test_session_is_put_back_only_under_its_name(shell, monkeypatch):
    """Not under a name that the user has given to another object, and not for another extension."""
    shell.run_line_magic("load_ext", "gyazo_nb")
    shell.user_ns["gyazo"] = mine = object()
    shell.run_line_magic("load_ext", "gyazo_nb")
    assert shell.user_ns["gyazo"] is mine

    del shell.user_ns["gyazo"]
    shell.run_line_magic("load_ext", "autoreload")
    assert "gyazo" not in shell.user_ns


def test_session_name_can_be_set(shell, monkeypatch):
    """With GYAZO_SESSION_NAME."""
    monkeypatch.setenv("GYAZO_SESSION_NAME", "g")
    shell.run_line_magic("load_ext", "gyazo_nb")
    assert isinstance(shell.user_ns["g"], Gyazo)


@pytest.mark.parametrize("name", ["not a name", "class", "1x"])
def test_invalid_session_name_is_an_error_and_leaves_the_shell_unchanged(shell, monkeypatch, name):
    """The error names the variable to correct."""
    before = shell_state(shell)
    monkeypatch.setenv("GYAZO_SESSION_NAME", name)
    with pytest.raises(ConfigError, match="GYAZO_SESSION_NAME"):
        shell.run_line_magic("load_ext", "gyazo_nb")

    assert shell_state(shell) == before


@pytest.mark.parametrize("magic", SIGN_IN_MAGICS)
@pytest.mark.parametrize(
    "line",
    ["--token s3cr3t", "s3cr3t", "--code=s3cr3t", "--client-secret s3cr3t", '"s3cr3t'],
)
def test_secret_on_the_line_is_refused_and_not_repeated(shell, magic, line):
    """The history and the notebook file store the line. The error says where to enter a secret."""
    shell.run_line_magic("load_ext", "gyazo_nb")

    with pytest.raises(UsageError, match="Never write a code, token or secret") as caught:
        shell.run_line_magic(magic, line)

    assert "s3cr3t" not in str(caught.value)


@pytest.mark.parametrize("line", ["--mode bogus", "--wait abc", "--save cloud", "--profile"])
def test_wrong_option_shows_the_valid_options(shell, line):
    """The error does not repeat the wrong value, which may be a secret."""
    shell.run_line_magic("load_ext", "gyazo_nb")

    with pytest.raises(
        UsageError, match=r"\[--mode \{auto,panel,prompt,env\}\] \[--wait"
    ) as caught:
        shell.run_line_magic("gyazo_login", line)

    assert "bogus" not in str(caught.value)
    assert "cloud" not in str(caught.value)


def test_logout_says_which_token_remains(shell, server, user, monkeypatch):
    """A variable that still signs in is named. Tokens of a sandbox cannot be revoked on gyazo.com."""
    for name, text in server.variables.items():
        monkeypatch.setenv(name, text)
    shell.run_line_magic("load_ext", "gyazo_nb")
    gyazo = shell.user_ns["gyazo"]
    login = gyazo.login()
    login.finish(user.authorize(login.url))
    monkeypatch.setenv("GYAZO_ACCESS_TOKEN", "another")
    with capture_output() as captured:
        shell.run_line_magic("gyazo_logout", "")
    text = captured.outputs[0].data["text/plain"]

    assert "Signed out Sandy Box" in text
    assert "GYAZO_ACCESS_TOKEN is still set" in text
    assert "authorized_applications" not in text

    monkeypatch.delenv("GYAZO_ACCESS_TOKEN")
    with pytest.raises(NotLoggedInError):
        gyazo.me()


def test_whoami_shows_account_server_and_source(shell, server, monkeypatch):
    """In one line."""
    monkeypatch.setenv("GYAZO_ACCESS_TOKEN", server.sandbox.new_token())
    monkeypatch.setenv("GYAZO_API_URL", server.url)
    shell.run_line_magic("load_ext", "gyazo_nb")
    with capture_output() as captured:
        shell.run_line_magic("gyazo_whoami", "")

    text = captured.outputs[0].data["text/plain"]
    assert text == f"Signed in as Sandy Box at {server.url}, by GYAZO_ACCESS_TOKEN."


def run_python(code):
    """Run code in a new Python process, and return the printed text."""
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", code],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_load_ext_imports_no_slow_module():
    """The first call or magic imports them."""
    slow = {
        "httpx",
        "httpcore",
        "ipywidgets",
        "tqdm",
        "starlette",
        "uvicorn",
        "matplotlib",
        "PIL",
        "nest_asyncio2",
        "gyazo_nb.client.connection",
        "gyazo_nb.batch.runner",
        "gyazo_nb.notebook.sign_in",
    }
    code = f"""
import sys
from IPython.core.interactiveshell import InteractiveShell
shell = InteractiveShell.instance()
shell.run_line_magic("load_ext", "gyazo_nb")
print(sorted(set(sys.modules) & {slow!r}), shell.user_ns["gyazo"])
"""

    assert run_python(code) == "[] <Gyazo: not signed in, run %gyazo_login>\n"


def test_names_of_slow_modules_are_right():
    """Else the test above would pass with a module that was renamed."""
    for name in (
        "gyazo_nb.client.connection",
        "gyazo_nb.batch.runner",
        "gyazo_nb.notebook.sign_in",
    ):
        assert importlib.util.find_spec(name) is not None


def test_import_gyazo_nb_does_not_import_ipython():
    """A script can use `Gyazo` without it."""
    code = (
        "import sys, gyazo_nb; print(sorted({'IPython', 'traitlets', 'httpx'} & set(sys.modules)))"
    )

    assert run_python(code) == "[]\n"
