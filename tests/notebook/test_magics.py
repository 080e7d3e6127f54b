"""Loading leaves nothing behind, the magics take no secret, and their sentences are one line."""

import logging
import subprocess
import sys
import threading
import time

import pytest
from IPython.core.error import UsageError
from IPython.utils.capture import capture_output
from ipywidgets.widgets import widget
from support.helpers import PNG

from gyazo_nb import ConfigError, Gyazo, NotLoggedInError, Secret
from gyazo_nb.sandbox import Fault

SHELL = """
import sys
from IPython.core.interactiveshell import InteractiveShell
shell = InteractiveShell.instance()
shell.run_line_magic("load_ext", "gyazo_nb")
"""


def state(shell):
    """Everything that an extension can leave in a shell."""
    return {
        "names": set(shell.user_ns) | set(shell.user_ns_hidden),
        "magics": {kind: set(names) for kind, names in shell.magics_manager.magics.items()},
        "registry": set(shell.magics_manager.registry),
        "configurables": [type(c).__name__ for c in shell.configurables],
        "widgets": len(widget._instances),
        "filters": len(logging.getLogger("Comm").filters),
        "threads": threading.active_count(),
        "matchers": len(shell.Completer.custom_matchers),
        "callbacks": {name: len(found) for name, found in shell.events.callbacks.items()},
    }


def test_unloading_leaves_nothing_behind(shell):
    """After %unload_ext the shell is as it was, also after loading, reloading and using it."""
    before = state(shell)

    shell.run_line_magic("load_ext", "gyazo_nb")
    assert state(shell) != before
    shell.run_line_magic("reload_ext", "gyazo_nb")
    shell.run_line_magic("gyazo_login", "--mode panel --sandbox")
    shell.run_line_magic("gyazo_login", "--mode panel --sandbox")
    assert state(shell)["threads"] > before["threads"]
    assert state(shell)["filters"] > before["filters"]
    shell.run_line_magic("unload_ext", "gyazo_nb")

    deadline = time.monotonic() + 5  # a timer that was cancelled ends a moment later
    while state(shell)["threads"] > before["threads"] and time.monotonic() < deadline:
        time.sleep(0.01)
    assert state(shell) == before


def test_loading_twice_leaves_one(shell):
    """One set of magics, one entry for %config, one session."""
    shell.run_line_magic("load_ext", "gyazo_nb")
    first = shell.user_ns["gyazo"]
    shell.extension_manager.load_extension("gyazo_nb")
    shell.run_line_magic("reload_ext", "gyazo_nb")

    assert [type(c).__name__ for c in shell.configurables].count("GyazoMagics") == 1
    assert shell.user_ns["gyazo"] is not first


def test_a_variable_of_the_users_is_left_alone(shell):
    """The name is taken: it stays what it is, and a sentence says so."""
    shell.user_ns["gyazo"] = mine = object()
    with capture_output() as captured:
        shell.run_line_magic("load_ext", "gyazo_nb")

    assert "left alone: the session is gyazo_2" in captured.stdout
    assert shell.user_ns["gyazo"] is mine
    assert isinstance(shell.user_ns["gyazo_2"], Gyazo)
    shell.run_line_magic("unload_ext", "gyazo_nb")
    assert shell.user_ns["gyazo"] is mine
    assert "gyazo_2" not in shell.user_ns


def test_the_name_can_be_chosen(shell, monkeypatch):
    """GYAZO_SESSION_NAME names the variable; what is no name is refused."""
    monkeypatch.setenv("GYAZO_SESSION_NAME", "g")
    shell.run_line_magic("load_ext", "gyazo_nb")
    assert isinstance(shell.user_ns["g"], Gyazo)


@pytest.mark.parametrize("name", ["not a name", "class", "1x"])
def test_what_is_no_name_is_refused_before_anything_is_loaded(shell, monkeypatch, name):
    """The sentence names the variable, and nothing is left behind."""
    before = state(shell)
    monkeypatch.setenv("GYAZO_SESSION_NAME", name)
    with pytest.raises(ConfigError, match="GYAZO_SESSION_NAME"):
        shell.run_line_magic("load_ext", "gyazo_nb")

    assert state(shell) == before


@pytest.mark.parametrize("magic", ["gyazo_login", "gyazo_logout", "gyazo_whoami"])
@pytest.mark.parametrize(
    "line", ["--token s3cr3t", "s3cr3t", "--code=s3cr3t", "--client-secret s3cr3t"]
)
def test_a_secret_on_the_line_is_refused_and_not_repeated(shell, magic, line):
    """The line is kept in the history and in the file: the sentence says where secrets go."""
    shell.run_line_magic("load_ext", "gyazo_nb")

    with pytest.raises(UsageError, match="never given on the line") as caught:
        shell.run_line_magic(magic, line)

    assert "s3cr3t" not in str(caught.value)


def test_without_an_app_there_is_a_guide(shell):
    """Where to register, which redirect URI, which variables, and the ways that need no app."""
    shell.run_line_magic("load_ext", "gyazo_nb")
    with capture_output() as captured:
        shell.run_line_magic("gyazo_login", "--mode panel")
    (guide,) = captured.outputs

    for kind in ("text/plain", "text/html"):
        for words in (
            "gyazo.com/oauth/applications",
            "http://127.0.0.1:8765/callback",
            "GYAZO_CLIENT_ID",
            "GYAZO_CLIENT_SECRET",
            "GYAZO_REDIRECT_URI",
            "GYAZO_ACCESS_TOKEN",
            "--sandbox",
        ):
            assert words in guide.data[kind]


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("GYAZO_AUTH_URL", "http://gyazo.com"),
        ("GYAZO_AUTH_URL", "https://gyazo.com:port"),
        ("GYAZO_API_URL", "gyazo.com"),
        ("GYAZO_REDIRECT_URI", "callback"),
        ("GYAZO_CLIENT_SECRET", ""),
    ],
)
def test_a_wrong_setting_fails_the_cell_with_one_line(shell, server, monkeypatch, variable, value):
    """The cell fails, so that Run All stops; the sentence names the variable; no traceback."""
    for name, text in {**server.variables, variable: value}.items():
        monkeypatch.setenv(name, text)
    shell.run_line_magic("load_ext", "gyazo_nb")
    with capture_output() as captured:
        result = shell.run_cell("%gyazo_login --mode panel")

    assert isinstance(result.error_in_exec, ConfigError)
    assert captured.stdout.strip().count("\n") == 0
    assert variable in captured.stdout


def test_a_verbose_traceback_shows_no_secret(shell, server, monkeypatch, tmp_path):
    """%xmode Verbose prints arguments and locals; ours are masked, and the frames are not shown."""
    token = server.sandbox.new_token()
    monkeypatch.setenv("GYAZO_ACCESS_TOKEN", token)
    monkeypatch.setenv("GYAZO_API_URL", "http://127.0.0.1:1")
    monkeypatch.setenv("GYAZO_UPLOAD_URL", server.url)
    shell.run_line_magic("load_ext", "gyazo_nb")
    shell.run_line_magic("xmode", "Verbose")
    (tmp_path / "a.png").write_bytes(PNG)
    with capture_output() as captured:
        shell.run_cell("gyazo.me()")
        shell.run_cell("gyazo.upload(5)")
        shell.run_cell(f"gyazo.upload({str(tmp_path / 'a.png')!r}, title=5)")
        shell.run_cell(
            "gyazo.upload('/proc/self/cmdline')"
        )  # a file whose length is not its length
        shell.run_cell(
            "try:\n    gyazo.me()\nexcept Exception as error:\n    raise ValueError('x') from error"
        )

    assert "ConnectionFailedError" in captured.stdout
    assert "PictureError" in captured.stdout
    assert token not in captured.stdout
    assert "ArgumentError" in captured.stdout
    assert captured.stdout.rstrip().endswith(": x")


def test_a_verbose_traceback_around_a_sign_in_shows_no_secret(
    shell, server, app, user, monkeypatch
):
    """Somebody's own error, raised from one of ours, prints our frames too: with masks in them."""
    for name, value in server.variables.items():
        monkeypatch.setenv(name, value)
    shell.run_line_magic("load_ext", "gyazo_nb")
    shell.run_line_magic("xmode", "Verbose")
    login = shell.user_ns["login"] = shell.user_ns["gyazo"].login()
    shell.user_ns["address"] = Secret(user.authorize(login.url))
    attempt = login._authorization
    server.sandbox.faults += [
        Fault(status=200, body={"access_token": "t0ken", "token_type": "mac"}, path="/oauth/token"),
        Fault(status=400, body={"error": "invalid_request"}, path="/oauth/token"),
    ]
    code = "try:\n    login.finish({})\nexcept Exception as error:\n    raise ValueError('x') from error"
    with capture_output() as captured:
        shell.run_cell(code.format("address"))
        shell.run_cell(code.format("address"))
        shell.run_cell(code.format("gyazo.__class__ and address"))
    found = shell.user_ns["address"].reveal().partition("code=")[2].partition("&")[0]
    secrets = [
        found,
        "t0ken",
        attempt.state.reveal(),
        attempt.verifier.reveal(),
        app.secret.reveal(),
    ]

    assert "UnreadableReplyError" in captured.stdout
    assert "TokenRequestError" in captured.stdout
    assert not [secret for secret in secrets if secret in captured.stdout]


def test_config_shows_no_secret(shell, monkeypatch):
    """%config lists the traits: none of them is a secret."""
    monkeypatch.setenv("GYAZO_CLIENT_SECRET", "s3cr3t")
    monkeypatch.setenv("GYAZO_ACCESS_TOKEN", "t0ken")
    shell.run_line_magic("load_ext", "gyazo_nb")
    with capture_output() as captured:
        shell.run_line_magic("config", "GyazoMagics")

    assert "client_secret_variable" in captured.stdout
    assert "s3cr3t" not in captured.stdout
    assert "t0ken" not in captured.stdout


def test_traits_win_over_the_environment(shell, monkeypatch):
    """c.GyazoMagics.… in a profile, or %config, before GYAZO_…."""
    monkeypatch.setenv("GYAZO_CLIENT_ID", "from the environment")
    monkeypatch.setenv("MY_SECRET", "s3cr3t")
    monkeypatch.setenv("GYAZO_REDIRECT_URI", "http://127.0.0.1:8765/callback")
    shell.run_line_magic("load_ext", "gyazo_nb")
    shell.run_line_magic("config", "GyazoMagics.client_id = 'from a trait'")
    shell.run_line_magic("config", "GyazoMagics.client_secret_variable = 'MY_SECRET'")

    app = shell.magics_manager.registry["GyazoMagics"].settings.app()

    assert (app.client_id, app.secret.reveal()) == ("from a trait", "s3cr3t")


def test_logout_forgets_and_says_what_it_could_not_do(shell, server, app, user, monkeypatch):
    """The token is forgotten; a variable that still signs in and Gyazo's own page are named."""
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

    assert "Forgot the token of Sandy Box" in text
    assert "GYAZO_ACCESS_TOKEN is still set" in text
    assert "authorized_applications" not in text  # a pretend Gyazo's token is not to be found there

    monkeypatch.delenv("GYAZO_ACCESS_TOKEN")
    with pytest.raises(NotLoggedInError):
        gyazo.me()


def test_whoami_names_account_place_and_source(shell, server, monkeypatch):
    """Who is signed in, where, and where the token came from."""
    monkeypatch.setenv("GYAZO_ACCESS_TOKEN", server.sandbox.new_token())
    monkeypatch.setenv("GYAZO_API_URL", server.url)
    shell.run_line_magic("load_ext", "gyazo_nb")
    with capture_output() as captured:
        shell.run_line_magic("gyazo_whoami", "")

    text = captured.outputs[0].data["text/plain"]
    assert text == f"Signed in as Sandy Box at {server.url}, by GYAZO_ACCESS_TOKEN."


def run(code, **variables):
    """Run code in a Python of its own, and give what it printed."""
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", code],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_loading_imports_neither_httpx_nor_ipywidgets():
    """%load_ext costs next to nothing: what is heavy is loaded when it is used."""
    heavy = (
        "httpx",
        "httpcore",
        "ipywidgets",
        "starlette",
        "uvicorn",
        "matplotlib",
        "PIL",
        "nest_asyncio2",
        "gyazo_nb.models",
        "gyazo_nb.batch",
        "gyazo_nb.doors",
    )
    code = SHELL + f"print(sorted(set(sys.modules) & set({heavy})), shell.user_ns['gyazo'])"

    assert run(code) == "[] <Gyazo: nobody is signed in, run %gyazo_login>\n"


def test_importing_the_package_needs_no_ipython():
    """A script can use `Gyazo` alone."""
    code = (
        "import sys, gyazo_nb; print(sorted({'IPython', 'traitlets', 'httpx'} & set(sys.modules)))"
    )

    assert run(code) == "[]\n"
