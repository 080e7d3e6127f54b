"""OAuth as Gyazo's authentication page and RFC 6749, 7636 and 9700 define it, without any I/O."""

import base64
import hashlib
import json
from urllib.parse import parse_qs, urlsplit

import pytest

from gyazo_nb import (
    App,
    ConfigError,
    InvalidClientError,
    InvalidGrantError,
    Secret,
    ServerError,
    Site,
    TokenRequestError,
    UnreadableReplyError,
)
from gyazo_nb.api.operation import Reply
from gyazo_nb.auth.oauth import begin, exchange

APP = App("the id", "the secret", "http://127.0.0.1:8765/callback?a=b")


def reply(status, body):
    body = body if isinstance(body, bytes) else json.dumps(body).encode()
    return Reply(status, {}, body)


def read(status, body):
    return exchange(begin(Site(), APP), Secret("the code"), APP.secret).read(reply(status, body))


def test_the_link_has_only_the_documented_parameters():
    """client_id, redirect_uri, response_type=code and state, and PKCE with S256."""
    attempt = begin(Site(), APP)
    parts = urlsplit(attempt.url)
    query = parse_qs(parts.query, strict_parsing=True)
    challenge = base64.urlsafe_b64encode(
        hashlib.sha256(attempt.verifier.reveal().encode()).digest()
    ).decode()

    assert (parts.scheme, parts.netloc, parts.path) == (
        "https",
        "api.gyazo.com",
        "/oauth/authorize",
    )
    assert query == {
        "client_id": ["the id"],
        "redirect_uri": ["http://127.0.0.1:8765/callback?a=b"],
        "response_type": ["code"],
        "state": [attempt.state.reveal()],
        "code_challenge": [challenge.rstrip("=")],
        "code_challenge_method": ["S256"],
    }


def test_the_link_contains_no_secret():
    """Neither the client secret nor the verifier is in the link."""
    attempt = begin(Site(), APP)

    assert attempt.verifier.reveal() not in attempt.url
    assert "secret" not in attempt.url


def test_each_attempt_has_a_new_state_and_verifier():
    """256 random bits each: 43 characters of base64url."""
    attempts = [begin(Site(), APP) for _ in range(50)]
    texts = {secret.reveal() for a in attempts for secret in (a.state, a.verifier)}

    assert len(texts) == 100
    assert {len(text) for text in texts} == {43}


def test_the_repr_of_an_attempt_shows_no_secret():
    """The state and the verifier are masked."""
    attempt = begin(Site(), APP)

    assert attempt.state.reveal() not in repr(attempt)
    assert attempt.verifier.reveal() not in repr(attempt)


@pytest.mark.parametrize(
    ("app", "setting"),
    [
        (App("id", "", "http://localhost/"), "GYAZO_CLIENT_SECRET"),
        (App("id", "secret"), "GYAZO_REDIRECT_URI"),
    ],
)
def test_a_missing_setting_of_the_application_is_named(app, setting):
    """Before the user opens a link."""
    with pytest.raises(ConfigError, match=setting):
        begin(Site(), app)


def test_the_token_request_has_the_secret_in_its_form():
    """The five documented fields and the verifier; no query, no Basic, no Bearer."""
    attempt = begin(Site(auth_url="https://example.com/g"), APP)
    request = exchange(attempt, Secret("the code"), APP.secret).request

    assert (request.method, request.url) == ("POST", "https://example.com/g/oauth/token")
    assert request.form == {
        "grant_type": "authorization_code",
        "code": Secret("the code"),
        "redirect_uri": APP.redirect_uri,
        "client_id": "the id",
        "client_secret": Secret("the secret"),
        "code_verifier": attempt.verifier,
    }
    assert (request.params, request.file, request.token) == ({}, None, None)


def test_the_repr_of_the_token_request_shows_no_secret():
    """Code, client secret and verifier are masked in the repr of an `Operation`."""
    attempt = begin(Site(), APP)
    shown = repr(exchange(attempt, Secret("the code"), APP.secret))

    assert not [t for t in ("the code", "the secret", attempt.verifier.reveal()) if t in shown]


@pytest.mark.parametrize("token_type", ["bearer", "Bearer", "BEARER", None])
def test_a_token_is_read_from_a_reply_with_other_fields(token_type):
    """`token_type` may be missing, in lower or upper case; unknown fields are ignored."""
    body = {
        "access_token": "T0ken",
        "token_type": token_type,
        "scope": "public upload",
        "created_at": 1795459857,
        "expires_in": 3600,
        "refresh_token": "no",
        "surprise": [1],
    }
    token = read(200, body)

    assert token == Secret("T0ken")


def read_form(status, body):
    headers = {"content-type": "application/x-www-form-urlencoded; charset=utf-8"}
    operation = exchange(begin(Site(), APP), Secret("the code"), APP.secret)
    return operation.read(Reply(status, headers, body))


def test_a_reply_may_be_a_form():
    """Some servers send the token or an error as a form, which RFC 6749 does not allow."""
    assert read_form(200, b"access_token=T0ken&expires=3600&token_type=bearer") == Secret("T0ken")
    for status in (200, 400):
        with pytest.raises(InvalidGrantError):
            read_form(status, b"error=invalid_grant&error_description=used")
    for body in (b"access_token=two+words", b"access_token=T0ken" + b"&a=b" * 100, b"a=\xff"):
        with pytest.raises(UnreadableReplyError):
            read_form(200, body)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"<html>login</html>",
        b"null",
        b"[]",
        b'"T0ken"',
        {},
        {"access_token": ""},
        {"access_token": None},
        {"access_token": 5},
        {"access_token": "two words"},
        {"access_token": "line\nbreak"},
        {"access_token": "T0ken", "token_type": "mac"},
    ],
)
def test_a_reply_without_a_bearer_token_is_unreadable(body):
    """Although its status is 200."""
    with pytest.raises(UnreadableReplyError, match="POST api.gyazo.com/oauth/token"):
        read(200, body)


@pytest.mark.parametrize("status", [400, 401])
@pytest.mark.parametrize(
    ("error", "kind", "words"),
    [
        ("invalid_grant", InvalidGrantError, "Open the link again"),
        ("INVALID_GRANT", InvalidGrantError, "Open the link again"),
        ("invalid_client", InvalidClientError, "GYAZO_CLIENT_SECRET.*restart Jupyter"),
        ("unsupported_grant_type", TokenRequestError, "unsupported_grant_type"),
    ],
)
def test_the_error_field_decides_the_error_class(status, error, kind, words):
    """The status does not: old servers reply 401 to everything."""
    with pytest.raises(kind, match=words) as caught:
        read(status, {"error": error, "error_description": "Because."})

    assert (caught.value.status, caught.value.error) == (status, error.lower())


def test_without_an_error_field_the_status_decides():
    """A proxy's page with 502 is a server error, not a refused code."""
    with pytest.raises(ServerError, match="502"):
        read(502, b"<html>Bad gateway</html>")


@pytest.mark.parametrize(("status", "body"), [(401, b""), (404, b"<html>"), (400, b"Bad request")])
def test_a_refusal_without_an_error_field_names_all_settings_to_check(status, body):
    """The address, or the client id and secret: some servers refuse them with an empty reply."""
    with pytest.raises(TokenRequestError, match="GYAZO_AUTH_URL .*client id and secret") as caught:
        read(status, body)

    assert caught.value.status == status


def test_secrets_in_the_message_of_a_server_are_masked():
    """A server may repeat the request in its error_description."""
    body = {"error": "invalid_request", "error_description": "bad code the code and the secret"}
    with pytest.raises(TokenRequestError) as caught:
        read(400, body)

    assert "the secret" not in str(caught.value)
    assert "the code" not in caught.value.message
