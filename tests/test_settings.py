"""Every `Site` and `App` is usable: a wrong setting raises an error that names the setting."""

import os
import re
import threading

import pytest

from gyazo_nb import App, ConfigError, Gyazo, Secret, Site
from gyazo_nb.notebook.traits import GyazoTraits
from gyazo_nb.settings import Settings


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("https://api.gyazo.com", "https://api.gyazo.com"),
        ("https://api.gyazo.com/", "https://api.gyazo.com"),
        (" https://example.com/gyazo/ ", "https://example.com/gyazo"),
        ("http://127.0.0.1:8000", "http://127.0.0.1:8000"),
        ("http://localhost:8000/", "http://localhost:8000"),
        ("http://[::1]:8000", "http://[::1]:8000"),
    ],
)
def test_address_is_https_or_on_this_machine(url, expected):
    """Http is allowed only on a loopback host. A trailing slash is removed."""
    assert Site(api_url=url).api_url == expected


@pytest.mark.parametrize(
    "url",
    [
        "http://api.gyazo.com",
        "http://127.0.0.1.example.com",
        "http://localhost.example.com",
        "ftp://api.gyazo.com",
        "api.gyazo.com",
        "https://",
        "https://api.gyazo.com:port",
        "https://api.gyazo.com:99999",
        "https://api.gyazo.com:0",
        "https://api gyazo.com",
        "https://user:pw@api.gyazo.com",
        "https://api.gyazo.com/?a=1",
        "https://api.gyazo.com/#a",
        "http://[::1",
        "",
        "https://api.gyazo.com\nx",
    ],
)
def test_error_of_a_wrong_address_names_the_setting(url):
    """The variable and the trait, and no password."""
    with pytest.raises(ConfigError, match="GYAZO_API_URL .*c.GyazoMagics.api_url") as caught:
        Site(api_url=url)

    assert "pw" not in str(caught.value)


def test_default_addresses_are_those_of_gyazo():
    assert Site() == Site(
        "https://api.gyazo.com", "https://api.gyazo.com", "https://upload.gyazo.com"
    )


def test_app_without_a_client_id_raises_an_error():
    """The error says where to find the id."""
    with pytest.raises(ConfigError, match="GYAZO_CLIENT_ID .*gyazo.com/oauth/applications"):
        App("")


@pytest.mark.parametrize(
    "uri",
    [
        "callback",
        "localhost:8765",
        "localhost:8765/callback",
        "127.0.0.1:8765/callback",
        "//127.0.0.1:8765/callback",
        "htp://127.0.0.1:8765/callback",
        "ftp://127.0.0.1:8765/callback",
        "file:///callback",
        "javascript:alert(1)",
        "urn:other",
        "http://",
        "http://:8765/callback",
        "https:///x",
        "http://a/#b",
        "http://[",
        "http://a b/",
        "http://localhost/callback\u200b",
        "http://localhost/\udcff",
    ],
)
def test_redirect_uri_that_no_browser_can_open_raises_an_error(uri):
    """Without a scheme, or with the scheme of another protocol. The error names the setting."""
    with pytest.raises(ConfigError, match="GYAZO_REDIRECT_URI"):
        App("id", "secret", uri)


@pytest.mark.parametrize(
    "uri", ["http://localhost", "gyazocapture://oauth/callback", "urn:ietf:wg:oauth:2.0:oob"]
)
def test_redirect_uris_of_real_applications_are_accepted(uri):
    """Loopback without a port, the scheme of an application, and the out-of-band URN."""
    assert App("id", "secret", uri).redirect_uri == uri


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({}, ""),
        (dict.fromkeys(("auth_url", "api_url", "upload_url"), "http://localhost:1"), ""),
        ({"api_url": "https://api.gyazo.com", "upload_url": "https://upload.gyazo.com"}, ""),
        (
            {"api_url": "https://x.example"},
            "GYAZO_API_URL names .* GYAZO_AUTH_URL and GYAZO_UPLOAD_URL are",
        ),
        (
            {"auth_url": "https://x.example", "api_url": "https://x.example"},
            "GYAZO_AUTH_URL and GYAZO_API_URL name .* GYAZO_UPLOAD_URL is not set, so https://upload.gyazo.com",
        ),
    ],
)
def test_addresses_of_another_server_must_be_complete(given, words):
    """The sentence names the set ones, the missing ones, and the address that is used."""
    sentence = Settings(given.get).missing_addresses()

    assert re.search(words, sentence) if words else not sentence


def test_repr_of_an_app_hides_the_secret():
    assert "s3cr3t" not in repr(App("id", "s3cr3t", "http://localhost/"))


def test_token_in_is_set_by_argument_variable_or_trait(server, monkeypatch):
    """An argument wins over the variable. Another value than the two raises an error."""
    monkeypatch.setenv("GYAZO_ACCESS_TOKEN", server.sandbox.new_token())
    monkeypatch.setenv("GYAZO_API_URL", server.url)
    monkeypatch.setenv("GYAZO_TOKEN_IN", "parameter")
    with Gyazo() as gyazo:
        gyazo.me()
        assert "access_token" in server.sandbox.requests[-1].query

        monkeypatch.setenv("GYAZO_TOKEN_IN", "cookie")
        with pytest.raises(ConfigError, match="GYAZO_TOKEN_IN .*'header' or 'parameter'"):
            gyazo.me()
    with Gyazo(token_in="header") as gyazo:
        gyazo.me()
        assert "access_token" not in server.sandbox.requests[-1].query
    assert GyazoTraits(token_in="parameter").settings.site().token_in == "parameter"
    with pytest.raises(ConfigError, match="token_in"):
        Site(token_in="cookie")


def test_default_access_policy_is_checked_where_it_was_set(monkeypatch):
    """The error names the variable, or the trait, and the two values."""
    assert Settings().access_policy() is None
    monkeypatch.setenv("GYAZO_ACCESS_POLICY", " only_me ")
    assert Settings().access_policy() == "only_me"
    assert Settings({"access_policy": "anyone"}.get).access_policy() == "anyone"

    with pytest.raises(
        ConfigError, match=r"^c\.GyazoMagics\.access_policy must be anyone or only_me"
    ):
        Settings({"access_policy": "private"}.get).access_policy()
    monkeypatch.setenv("GYAZO_ACCESS_POLICY", "onlyme")
    with pytest.raises(ConfigError, match=r"^GYAZO_ACCESS_POLICY must be .*it is 'onlyme'"):
        Settings().access_policy()


def test_quotes_and_blanks_around_a_variable_are_removed(monkeypatch):
    """`docker --env-file` and `set` of Windows keep the quotes of a line such as NAME="value"."""
    values = ('"the-id" ', "'the-secret'\n", ' "http://127.0.0.1:8765/callback"', '"the-token"')
    names = ("CLIENT_ID", "CLIENT_SECRET", "REDIRECT_URI", "ACCESS_TOKEN")
    for name, value in zip(names, values, strict=True):
        monkeypatch.setenv(f"GYAZO_{name}", value)

    app = Settings().app()

    assert (app.client_id, app.redirect_uri) == ("the-id", "http://127.0.0.1:8765/callback")
    assert app.secret == Secret("the-secret")
    assert Settings().token() == Secret("the-token")


@pytest.mark.parametrize("client_id", ["the-id\u200b", "the\nid", "クライアント", "id\udcff"])
def test_client_id_with_unusual_characters_raises_an_error(client_id):
    """A character without a width that was copied with it, or bytes in another encoding."""
    with pytest.raises(ConfigError, match=r"GYAZO_CLIENT_ID .*unusual characters: copy"):
        App(client_id)


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: Site(api_url=None), "GYAZO_API_URL .*must be a text, not NoneType"),
        (lambda: Site(token_in=[]), "GYAZO_TOKEN_IN .*must be 'header' or 'parameter'"),
        (lambda: App(5), "GYAZO_CLIENT_ID .*must be a text, not int"),
        (lambda: App("id", "secret", b"http://localhost/"), "GYAZO_REDIRECT_URI .*not bytes"),
    ],
)
def test_argument_that_is_not_a_text_raises_an_error(make, words):
    with pytest.raises(ConfigError, match=words):
        make()


def test_pipe_in_place_of_the_file_of_the_client_secret_raises_an_error(tmp_path):
    """It is not read: that could wait for ever."""
    os.mkfifo(tmp_path / "pipe")
    settings = Settings({"client_id": "a", "client_secret_file": str(tmp_path / "pipe")}.get)
    errors = []

    def read():
        try:
            settings.app()
        except ConfigError as error:
            errors.append(str(error))

    thread = threading.Thread(target=read, daemon=True)
    thread.start()
    thread.join(10)

    assert "cannot be read from the file in GYAZO_CLIENT_SECRET_FILE" in errors[0]


@pytest.mark.parametrize("content", [b"", b" \n", b"a\nb", "s3cr3t".encode("utf-16"), b"s\xff"])
def test_file_that_is_not_only_a_client_secret_raises_an_error(tmp_path, content):
    """An empty file, several lines, another encoding. The sentence names the setting of the file."""
    file = tmp_path / "secret"
    file.write_bytes(content)
    settings = Settings({"client_id": "the-id", "client_secret_file": str(file)}.get)

    with pytest.raises(ConfigError, match=r"GYAZO_CLIENT_SECRET_FILE .*only the secret.*UTF-8"):
        settings.app()
