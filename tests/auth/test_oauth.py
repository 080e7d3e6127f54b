"""OAuth as Gyazo's authentication page and RFC 6749, 7636 and 9700 have it, without any I/O."""

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


def test_the_link_carries_what_the_page_documents():
    """client_id, redirect_uri, response_type=code, state; PKCE by S256; nothing else."""
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


def test_the_link_holds_no_secret():
    """Neither the client secret nor the verifier is in the link."""
    attempt = begin(Site(), APP)

    assert attempt.verifier.reveal() not in attempt.url
    assert "secret" not in attempt.url


def test_state_and_verifier_are_256_fresh_bits():
    """Every attempt has its own, 43 characters of base64url."""
    attempts = [begin(Site(), APP) for _ in range(50)]
    texts = {secret.reveal() for a in attempts for secret in (a.state, a.verifier)}

    assert len(texts) == 100
    assert {len(text) for text in texts} == {43}


def test_an_attempt_shows_no_secret():
    """Its repr has the client id and masks."""
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
def test_signing_in_needs_the_whole_application(app, setting):
    """What is missing is named before anybody opens a link."""
    with pytest.raises(ConfigError, match=setting):
        begin(Site(), app)


def test_the_exchange_is_a_form_with_the_secret_in_the_body():
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


def test_the_exchange_shows_no_secret():
    """An Operation can be printed: code, client secret and verifier are masked."""
    attempt = begin(Site(), APP)
    shown = repr(exchange(attempt, Secret("the code"), APP.secret))

    assert not [t for t in ("the code", "the secret", attempt.verifier.reveal()) if t in shown]


@pytest.mark.parametrize("token_type", ["bearer", "Bearer", "BEARER", None])
def test_a_token_is_read_whatever_comes_with_it(token_type):
    """token_type in any case or missing; expires_in, refresh_token and the unknown are ignored."""
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

    assert token.access_token == Secret("T0ken")
    assert token.scope == "public upload"
    assert "T0ken" not in repr(token)


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
def test_an_answer_that_is_no_token_says_so(body):
    """200 without a usable bearer token is an unreadable reply, in one sentence."""
    with pytest.raises(UnreadableReplyError, match="POST api.gyazo.com/oauth/token"):
        read(200, body)


@pytest.mark.parametrize("status", [400, 401])
@pytest.mark.parametrize(
    ("error", "kind", "words"),
    [
        ("invalid_grant", InvalidGrantError, "Open the link again"),
        ("invalid_client", InvalidClientError, "GYAZO_CLIENT_SECRET"),
        ("unsupported_grant_type", TokenRequestError, "unsupported_grant_type"),
    ],
)
def test_refusals_are_told_apart_by_their_error(status, error, kind, words):
    """Old servers answer 401 to everything: `error` decides, not the status."""
    with pytest.raises(kind, match=words) as caught:
        read(status, {"error": error, "error_description": "Because."})

    assert (caught.value.status, caught.value.error) == (status, error)


def test_a_refusal_without_an_error_follows_its_status():
    """A proxy's page with 502 is a server in trouble, not a refused code."""
    with pytest.raises(ServerError, match="502"):
        read(502, b"<html>Bad gateway</html>")


def test_a_server_that_repeats_what_it_got_leaks_nothing():
    """Secrets in the server's own message are masked."""
    body = {"error": "invalid_request", "error_description": "bad code the code and the secret"}
    with pytest.raises(TokenRequestError) as caught:
        read(400, body)

    assert "the secret" not in str(caught.value)
    assert "the code" not in caught.value.message
