"""`%gyazo_info` and `python -m gyazo_nb`: what a bug report needs, and never a secret."""

import os
import subprocess
import sys

import pytest
from IPython.utils.capture import capture_output
from traitlets.config import Config

import gyazo_nb
from gyazo_nb import Gyazo, Secret, Site
from gyazo_nb.auth.profiles import Profiles
from gyazo_nb.auth.token_store import Profile
from gyazo_nb.notebook.info import info_text
from gyazo_nb.notebook.traits import GyazoTraits

TITLES = [
    "Versions",
    "Front end",
    "Ways to sign in",
    "Settings",
    "Network",
    "Session",
    "Optional packages",
]


@pytest.fixture(autouse=True)
def _own_folders(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    for name in list(os.environ):
        if name.upper().endswith("_PROXY"):
            monkeypatch.delenv(name)


def rows(text):
    """Return the value of each row."""
    lines = [line.split(None, 1) for line in text.splitlines() if line.startswith("  ")]
    return {name: value for name, value in lines if not name.startswith("--")} | {
        line[2:24].strip(): line[25:] for line in text.splitlines() if line.startswith("  ")
    }


def test_magic_and_command_print_the_same_parts(shell, monkeypatch):
    """The command needs no IPython shell, and nothing on standard error."""
    shell.run_line_magic("load_ext", "gyazo_nb")
    with capture_output() as captured:
        shell.run_line_magic("gyazo_info", "")
    done = subprocess.run(
        [sys.executable, "-W", "error", "-m", "gyazo_nb"],
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
        stdin=subprocess.DEVNULL,
    )

    assert done.stderr == ""
    for text in (captured.stdout, done.stdout):
        assert [line for line in text.splitlines() if not line.startswith("  ")] == TITLES
        assert rows(text)["gyazo_nb"] == gyazo_nb.__version__
    assert rows(done.stdout)["Kernel"] == "none: this is python -m gyazo_nb, or a script"


def test_no_secret_is_in_the_text_wherever_it_stands(shell, server, monkeypatch):
    """Each variable and each trait holds a secret, also those in which it does not belong."""
    names = [*GyazoTraits.class_own_traits(config=True), "access_token", "client_secret", "tokn"]
    for name in names:
        monkeypatch.setenv(f"GYAZO_{name.upper()}", f"s3cr3t-{name}")
    for name in ("auth_url", "api_url", "upload_url", "redirect_uri"):
        address = f"https://s3cr3t:s3cr3t@example.com:8443/s3cr3t?s3cr3t#s3cr3t-{name}"
        monkeypatch.setenv(f"GYAZO_{name.upper()}", address)
    for name in ("HTTP_PROXY", "https_proxy", "ALL_PROXY", "no_proxy"):
        monkeypatch.setenv(name, "http://s3cr3t:s3cr3t@s3cr3t.example:3128")
    Profiles().save("file", "s3cr3t-profile", Profile(Secret("s3cr3t-saved"), Site()))
    monkeypatch.delenv("GYAZO_ACCESS_POLICY")  # a wrong value of a word is an error of traitlets
    monkeypatch.setenv("GYAZO_SESSION_NAME", "s3cr3t")
    shell.run_line_magic("load_ext", "gyazo_nb")
    magics = shell.magics_manager.registry["GyazoMagics"]
    magics.client_secret_variable = "s3cr3t_in_the_wrong_place"
    magics.max_download_mb = "s3cr3t"
    session = Gyazo(
        "s3cr3t-token",
        token_in="header",
        **dict.fromkeys(("auth_url", "api_url", "upload_url"), server.url),
    )

    texts = [info_text(shell, session, magics.settings), info_text()]

    for text in texts:
        assert "s3cr3t" not in text
        assert "failed" not in text
        assert rows(text)["api_url"] == "https://example.com:8443 (environment)"
        assert rows(text)["Proxies"] == "HTTP_PROXY, https_proxy, ALL_PROXY, no_proxy"
        assert rows(text)["GYAZO_TOKN"].startswith("is not a setting")
        assert rows(text)["saved tokens"] == "1 saved"
    assert rows(texts[0])["Signed in"] == "yes, by a saved or given token"
    assert rows(texts[0])["max_download_mb"] == "set (ipython_config or %config)"
    assert server.sandbox.requests == []


def test_source_of_each_setting_is_shown(shell, monkeypatch):
    """The environment, the configuration of IPython, or the default."""
    shell.config.merge(Config({"GyazoMagics": {"token_in": "parameter"}}))
    monkeypatch.setenv("GYAZO_MAX_DOWNLOAD_MB", "20")
    monkeypatch.setenv("GYAZO_CLIENTID", "x")
    shell.run_line_magic("load_ext", "gyazo_nb")
    shell.run_line_magic("config", "GyazoMagics.api_url = 'http://localhost:9'")
    with capture_output() as captured:
        shell.run_line_magic("gyazo_info", "")

    found = rows(captured.stdout)
    assert found["token_in"] == "parameter (ipython_config or %config)"
    assert found["max_download_mb"] == "20 (environment)"
    assert found["api_url"] == "http://localhost:9 (ipython_config or %config)"
    assert found["auth_url"] == "default"
    assert found["client_id"] == "not set"
    assert found["GYAZO_CLIENTID"] == "is not a setting: did you mean GYAZO_CLIENT_ID?"


@pytest.mark.parametrize(
    ("address", "shown"),
    [
        ("http://127.0.0.1:8765/callback", "http://127.0.0.1:8765"),
        ("https://user:s3cr3t@Example.com/s3cr3t?s3cr3t", "https://example.com"),
        ("http://[::1]:8765/callback", "http://[::1]:8765"),
        ("http://user:s3cr3t/callback", "set, but it is not a web address"),
    ],
)
def test_address_is_shown_with_its_port(monkeypatch, address, shown):
    """Without its user, path and query."""
    monkeypatch.setenv("GYAZO_REDIRECT_URI", address)

    assert rows(info_text())["redirect_uri"] == f"{shown} (environment)"


def test_wrong_word_in_a_setting_is_reported_without_its_value(monkeypatch):
    """An upload fails with it, and the value may be a secret that is there by mistake."""
    monkeypatch.setenv("GYAZO_ACCESS_POLICY", "privat")

    assert rows(info_text())["access_policy"] == (
        "set, but it is not anyone or only_me (environment)"
    )


def test_reason_is_shown_where_a_way_to_sign_in_is_missing(shell, server, monkeypatch):
    """The first reason that applies."""
    assert rows(info_text())["--mode panel"] == (
        "no: GYAZO_CLIENT_ID, GYAZO_REDIRECT_URI, GYAZO_CLIENT_SECRET not set"
    )
    assert rows(info_text())["--mode env"] == "no: GYAZO_ACCESS_TOKEN is not set"
    for name, value in server.variables.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("GYAZO_ACCESS_TOKEN", "two words")
    shell.run_line_magic("load_ext", "gyazo_nb")
    text = info_text(shell)

    assert rows(text)["--mode panel"] == "no: there is no kernel"
    assert rows(text)["--mode env"] == (
        "no: GYAZO_ACCESS_TOKEN is set, but it is not an access token"
    )
    assert rows(text)["--wait"] == "no: there is no kernel"
    assert rows(text)["callback server"] == "yes"
    assert rows(text)["--sandbox"] == "yes"


@pytest.mark.parametrize(
    ("uri", "shown"),
    [
        ("http://localhost:8765/callback", "yes"),
        ("https://localhost:8765/callback", "no: the redirect URI does not begin with http://"),
        ("https://example.com/callback", "no: the redirect URI is not on this machine"),
        ("http://[::1/callback", "no: the redirect URI is not a URL"),
    ],
)
def test_row_of_the_callback_server_says_whether_it_can_listen(monkeypatch, uri, shown):
    """It listens only at plain http on this machine."""
    monkeypatch.setenv("GYAZO_REDIRECT_URI", uri)

    assert rows(info_text())["callback server"] == shown


def test_file_in_the_home_folder_of_an_unknown_user_is_not_readable(monkeypatch):
    """This is not an error, and the other settings are shown."""
    monkeypatch.setenv("GYAZO_CLIENT_SECRET_FILE", "~unknown-user/secret")

    assert rows(info_text())["client_secret_file"] == "set, but not readable (environment)"


def test_part_that_fails_does_not_hide_the_others():
    """It says which error occurred, without its text."""
    text = info_text(object())

    assert "  This part failed (AttributeError)." in text.splitlines()
    assert [line for line in text.splitlines() if not line.startswith("  ")] == TITLES


def test_command_starts_without_the_slow_modules():
    """It sends no request, so it needs no HTTP library."""
    code = "import sys, gyazo_nb.notebook.info as i; i.info_text(); print({'httpx'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert done.stdout == "set()\n"
