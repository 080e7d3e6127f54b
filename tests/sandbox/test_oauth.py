"""The authorization server of the sandbox behaves like Doorkeeper."""

import base64
import hashlib
import re
from html import unescape
from types import SimpleNamespace
from urllib.parse import parse_qs, parse_qsl, urlsplit

import httpx
import pytest

from gyazo_nb.sandbox import Account, Application, Sandbox, serve

OOB = "urn:ietf:wg:oauth:2.0:oob"
LOCALHOST = "http://localhost:8765/callback"
LOOPBACK = "http://127.0.0.1:8765/callback"
APP = Application(
    client_id="-app_id",
    client_secret="-app_secret",
    redirect_uris=(
        LOCALHOST,
        LOOPBACK,
        "http://[::1]/six",
        "https://example.com/a?fixed=1",
        "capture://oauth/gyazo",
        OOB,
    ),
    name="<Note & book>",
)
OTHER = Application(redirect_uris=(LOCALHOST,))
VERIFIER = "v" * 50
CHALLENGE = (
    base64.urlsafe_b64encode(hashlib.sha256(VERIFIER.encode()).digest()).rstrip(b"=").decode()
)
INVALID_CLIENT = (
    "Client authentication failed due to unknown client, no client authentication included, "
    "or unsupported authentication method."
)
INVALID_GRANT = (
    "The provided authorization grant is invalid, expired, revoked, does not match the "
    "redirection URI used in the authorization request, or was issued to another client."
)
INVALID_REDIRECT_URI = (
    "The requested redirect uri is malformed or doesn&#39;t match client redirect URI."
)


@pytest.fixture
def clock():
    """A clock that a test sets."""
    return SimpleNamespace(now=1_795_459_857.25)


@pytest.fixture
def sandbox(clock):
    return Sandbox(
        [APP, OTHER], [Account("Sandy <Box>", "sandy@example.com")], clock=lambda: clock.now
    )


@pytest.fixture
def client(sandbox):
    with serve(sandbox) as server, httpx.Client(base_url=server.url, verify=False) as client:
        yield client


def authorization_request(**changes):
    parameters = {"client_id": APP.client_id, "redirect_uri": LOCALHOST, "response_type": "code"}
    return {name: text for name, text in (parameters | changes).items() if text is not None}


def hidden_fields(page):
    found = re.findall(r'<input type="hidden" name="([^"]+)" value="([^"]*)"', page.text)
    return {name: unescape(text) for name, text in found}


def allow(client, **changes):
    page = client.get("/oauth/authorize", params=authorization_request(**changes))
    return client.post("/oauth/authorize", data=hidden_fields(page))


def exchange(client, code, **changes):
    sent = {
        "grant_type": "authorization_code",
        "code": code,
        "redirect_uri": LOCALHOST,
        "client_id": APP.client_id,
        "client_secret": APP.client_secret,
    } | changes
    sent = {name: text for name, text in sent.items() if text is not None}
    return client.post("/oauth/token", data=sent)


def test_allow_redirects_with_code_then_state(client):
    """The state is unchanged; its spaces are encoded as plus signs."""
    reply = allow(client, state="a b+c/=")

    assert reply.status_code == 302
    address, _, query = reply.headers["location"].partition("?")
    assert address == LOCALHOST
    assert re.fullmatch(r"code=[\w-]{43}&state=a\+b%2Bc%2F%3D", query)


@pytest.mark.parametrize("state", [None, ""])
def test_redirect_has_no_state_when_none_was_sent(client, state):
    """The redirect does not even have an empty state."""
    query = urlsplit(allow(client, state=state).headers["location"]).query

    assert [name for name, _ in parse_qsl(query, keep_blank_values=True)] == ["code"]


def test_deny_redirects_with_error(client):
    """Deny is the same form with _method=delete; it returns error, description and state."""
    page = client.get("/oauth/authorize", params=authorization_request(state="st1"))
    reply = client.post("/oauth/authorize", data=hidden_fields(page) | {"_method": "delete"})

    assert reply.status_code == 302
    assert reply.headers["location"] == (
        f"{LOCALHOST}?error=access_denied&error_description=The+resource+owner+or+authorization"
        "+server+denied+the+request.&state=st1"
    )


def test_consent_page_is_escaped_and_not_framed(client):
    """Its form contains the whole authorization request."""
    page = client.get(
        "/oauth/authorize", params=authorization_request(state='"><b>', scope="public upload")
    )

    assert page.status_code == 200
    assert page.headers["cache-control"] == "no-store"
    assert page.headers["referrer-policy"] == "no-referrer"
    assert "frame-ancestors 'none'" in page.headers["content-security-policy"]
    assert "Authorize &lt;Note &amp; book&gt; to use your account?" in page.text
    assert "Sandy &lt;Box&gt;" in page.text
    assert "<b>" not in page.text.replace("<b>Sandy", "")
    fields = hidden_fields(page)
    assert fields.pop("authenticity_token")
    assert fields == authorization_request(state='"><b>', scope="public upload")
    assert re.search(r'<button type="submit"[^>]*>Allow</button>', page.text)
    assert '<button type="submit" class="second" name="_method" value="delete">Deny' in page.text


@pytest.mark.parametrize("token", [None, "wrong", "é"])
def test_form_without_authenticity_token_is_rejected(client, token):
    """The status is 422."""
    sent = hidden_fields(client.get("/oauth/authorize", params=authorization_request()))
    sent["authenticity_token"] = token
    sent = {name: text for name, text in sent.items() if text is not None}

    assert client.post("/oauth/authorize", data=sent).status_code == 422


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"redirect_uri": None}, INVALID_REDIRECT_URI),
        ({"redirect_uri": "http://evil.example/"}, INVALID_REDIRECT_URI),
        ({"redirect_uri": LOCALHOST + "?x=1"}, INVALID_REDIRECT_URI),
        ({"redirect_uri": LOCALHOST + "/"}, INVALID_REDIRECT_URI),
        ({"redirect_uri": "http://localhost:9999/callback"}, INVALID_REDIRECT_URI),
        ({"redirect_uri": "http://127.0.0.1:9999/other"}, INVALID_REDIRECT_URI),
        ({"redirect_uri": "http://127.0.0.1:x/callback"}, INVALID_REDIRECT_URI),
        ({"redirect_uri": "http://me@127.0.0.1:9999/callback"}, INVALID_REDIRECT_URI),
        ({"redirect_uri": "https://127.0.0.1:9999/callback"}, INVALID_REDIRECT_URI),
        ({"client_id": "unknown"}, INVALID_CLIENT),
        ({"client_id": None}, "Missing required parameter: client_id."),
        ({"client_id": " "}, "Missing required parameter: client_id."),
        ({"response_type": None}, "Missing required parameter: response_type."),
        (
            {"response_type": "token"},
            "The authorization server does not support this response type.",
        ),
        ({"scope": "public rule_the_world"}, "The requested scope is invalid, unknown, or"),
        ({"code_challenge": "x"}, "The code challenge method must be plain or S256."),
        (
            {"code_challenge": "x", "code_challenge_method": "S512"},
            "The code challenge method must be plain or S256.",
        ),
    ],
)
def test_invalid_authorization_request_is_shown_to_the_user(client, changes, message):
    """The status is 200, and the application receives no redirect."""
    reply = client.get("/oauth/authorize", params=authorization_request(**changes))

    assert reply.status_code == 200
    assert "<h1>An error has occurred</h1>" in reply.text
    assert f"<pre>{message}" in reply.text


@pytest.mark.parametrize(
    ("uri", "start"),
    [
        (LOOPBACK.replace("8765", "1"), "http://127.0.0.1:1/callback?code="),
        ("http://127.0.0.1/callback", "http://127.0.0.1/callback?code="),
        ("http://[::1]:4567/six", "http://[::1]:4567/six?code="),
        ("https://example.com/a?fixed=1", "https://example.com/a?fixed=1&code="),
        ("capture://oauth/gyazo", "capture://oauth/gyazo?code="),
    ],
)
def test_redirect_to_registered_uris(client, uri, start):
    """A loopback IP address matches with any port."""
    assert allow(client, redirect_uri=uri).headers["location"].startswith(start)


def test_out_of_band_shows_the_code(client):
    """The address of the page has no state."""
    reply = allow(client, redirect_uri=OOB, state="s")

    assert re.fullmatch(r"/oauth/authorize/native\?code=[\w-]{43}", reply.headers["location"])
    page = client.get(reply.headers["location"])
    assert page.status_code == 200
    code = re.search(r'<code class="block" id="authorization_code">([\w-]{43})</code>', page.text)
    assert exchange(client, code[1], redirect_uri=OOB).status_code == 200


def test_consent_page_is_skipped_after_the_first_consent(client, sandbox):
    """A valid token for the same application and scopes counts as consent."""
    token = sandbox.new_token(scope="public")

    assert client.get("/oauth/authorize", params=authorization_request()).status_code == 302
    assert (
        client.get("/oauth/authorize", params=authorization_request(scope="upload")).status_code
        == 200
    )
    other = authorization_request(client_id=OTHER.client_id)
    assert client.get("/oauth/authorize", params=other).status_code == 200
    sandbox.revoke(token)
    assert client.get("/oauth/authorize", params=authorization_request()).status_code == 200


def test_user_chooses_among_several_accounts():
    """The first account is preselected."""
    first, second = Account("First", "1@example.com"), Account("Second", "2@example.com")
    sandbox = Sandbox([APP], [first, second])
    with serve(sandbox) as server, httpx.Client(base_url=server.url) as client:
        page = client.get("/oauth/authorize", params=authorization_request())
        radios = re.findall(
            r'<input type="radio" name="account" value="(\w+)"( checked)?', page.text
        )
        assert radios == [(first.uid, " checked"), (second.uid, "")]

        chosen = hidden_fields(page) | {"account": second.uid}
        reply = client.post("/oauth/authorize", data=chosen)
        code = parse_qs(urlsplit(reply.headers["location"]).query)["code"][0]
        token = exchange(client, code).json()["access_token"]
        me = client.get("/api/users/me", params={"access_token": token}).json()
        assert me["user"]["name"] == "Second"


def test_exchange_returns_a_token(client, sandbox, clock):
    """The token has neither an expiry date nor a refresh token; caches must not store the reply."""
    reply = exchange(client, sandbox.new_code(scope="public upload"))

    assert reply.status_code == 200
    assert reply.headers["content-type"] == "application/json; charset=utf-8"
    assert reply.headers["cache-control"] == "no-store"
    assert reply.headers["pragma"] == "no-cache"
    body = reply.json()
    assert re.fullmatch(r"[\w-]{43}", body.pop("access_token"))
    assert body == {"token_type": "Bearer", "scope": "public upload", "created_at": int(clock.now)}


@pytest.mark.parametrize("encoding", ["form", "multipart", "json", "query", "basic"])
def test_exchange_is_accepted_in_every_encoding(client, sandbox, encoding):
    """HTTP Basic carries only the client id and secret."""
    sent = {
        "grant_type": "authorization_code",
        "code": sandbox.new_code(),
        "redirect_uri": LOCALHOST,
        "client_id": APP.client_id,
        "client_secret": APP.client_secret,
    }
    match encoding:
        case "form":
            options = {"data": sent}
        case "multipart":
            options = {"files": {name: (None, text) for name, text in sent.items()}}
        case "json":
            options = {"json": sent}
        case "query":
            options = {"params": sent}
        case "basic":
            auth = sent.pop("client_id"), sent.pop("client_secret")
            options = {"data": sent, "auth": auth}

    assert client.post("/oauth/token", **options).status_code == 200


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"client_secret": "wrong"}, (401, "invalid_client", INVALID_CLIENT)),
        ({"client_secret": None}, (401, "invalid_client", INVALID_CLIENT)),
        ({"client_id": "unknown"}, (401, "invalid_client", INVALID_CLIENT)),
        ({"client_id": None, "client_secret": None}, (401, "invalid_client", INVALID_CLIENT)),
        ({"code": "unknown"}, (400, "invalid_grant", INVALID_GRANT)),
        ({"redirect_uri": LOOPBACK}, (400, "invalid_grant", INVALID_GRANT)),
        (
            {"client_id": OTHER.client_id, "client_secret": OTHER.client_secret},
            (400, "invalid_grant", INVALID_GRANT),
        ),
        ({"code_verifier": "w" * 50}, (400, "invalid_grant", INVALID_GRANT)),
        ({"code_verifier": "é"}, (400, "invalid_grant", INVALID_GRANT)),
        ({"code": None}, (400, "invalid_request", "Missing required parameter: code.")),
        (
            {"redirect_uri": None},
            (400, "invalid_request", "Missing required parameter: redirect_uri."),
        ),
        (
            {"code_verifier": None},
            (400, "invalid_request", "Missing required parameter: code_verifier."),
        ),
        ({"grant_type": None}, (400, "invalid_request", "Missing required parameter: grant_type.")),
        (
            {"grant_type": "client_credentials"},
            (
                400,
                "unsupported_grant_type",
                "The authorization grant type is not supported by the authorization server.",
            ),
        ),
    ],
)
def test_failed_exchange_leaves_the_code_valid(client, sandbox, changes, expected):
    """The error reply is Doorkeeper's."""
    status, error, description = expected
    code = sandbox.new_code(code_challenge=CHALLENGE)
    reply = exchange(client, **({"code": code, "code_verifier": VERIFIER} | changes))

    assert reply.status_code == status
    assert reply.json() == {"error": error, "error_description": description}
    assert reply.headers["www-authenticate"] == (
        f'Bearer realm="Doorkeeper", error="{error}", error_description="{description}"'
    )
    assert reply.headers["cache-control"] == "no-store"
    assert exchange(client, code, code_verifier=VERIFIER).status_code == 200


def test_code_is_valid_once(client, sandbox):
    """A second exchange fails and does not revoke the token of the first."""
    code = sandbox.new_code()
    token = exchange(client, code).json()["access_token"]

    assert exchange(client, code).json()["error"] == "invalid_grant"
    assert sandbox.is_live(sandbox.token(token))


def test_code_is_valid_for_ten_minutes(client, sandbox, clock):
    """It works after 599 seconds and fails after 600."""
    early, late = sandbox.new_code(), sandbox.new_code()

    clock.now += 599
    assert exchange(client, early).status_code == 200
    clock.now += 1
    assert exchange(client, late).json()["error"] == "invalid_grant"


def test_exchange_checks_the_challenge_of_the_authorization_request(client):
    """The consent page sends the challenge back."""
    reply = allow(client, code_challenge=CHALLENGE, code_challenge_method="S256")
    code = parse_qs(urlsplit(reply.headers["location"]).query)["code"][0]

    assert exchange(client, code).json()["error"] == "invalid_request"
    assert exchange(client, code, code_verifier=VERIFIER).status_code == 200


def test_plain_challenge_and_verifier_without_challenge(client, sandbox):
    """A plain challenge is compared unhashed; a verifier without a challenge is ignored."""
    plain = sandbox.new_code(code_challenge="abc", code_challenge_method="plain")

    assert exchange(client, plain, code_verifier="abd").status_code == 400
    assert exchange(client, plain, code_verifier="abc").status_code == 200
    assert exchange(client, sandbox.new_code(), code_verifier=VERIFIER).status_code == 200


def test_malformed_body_is_an_empty_400(client):
    """The body does not have the format of its Content-Type."""
    json = {"content-type": "application/json"}
    for content, headers in (
        (b"{", json),
        (b"[]", json),
        (b"[" * 100_000, json),
        (b'{"grant_type": "authorization_code", "client_secret": "\\ud800"}', json),
        (b"x", {"content-type": "multipart/form-data"}),
    ):
        reply = client.post("/oauth/token", content=content, headers=headers)
        assert (reply.status_code, reply.content) == (400, b"")


def test_get_token_is_404(client):
    """The endpoint accepts only POST."""
    assert client.get("/oauth/token").status_code == 404


def test_revoke_own_tokens_only(client, sandbox):
    """The status is 200 for an unknown token too, and 403 for another application's token."""
    mine, others = sandbox.new_token(), sandbox.new_token(client_id=OTHER.client_id)
    credentials = {"client_id": APP.client_id, "client_secret": APP.client_secret}

    for token in (mine, mine, "unknown"):
        reply = client.post("/oauth/revoke", data={"token": token, **credentials})
        assert (reply.status_code, reply.json()) == (200, {})
    assert not sandbox.is_live(sandbox.token(mine))
    for sent in (
        {"token": others, **credentials},
        {"token": others},
        {"token": others, **credentials, "client_secret": "wrong"},
    ):
        reply = client.post("/oauth/revoke", data=sent)
        assert reply.status_code == 403
        assert reply.json() == {
            "error": "unauthorized_client",
            "error_description": "You are not authorized to revoke this token",
        }
    assert sandbox.is_live(sandbox.token(others))


def test_token_info_of_valid_and_revoked_token(client, sandbox, clock):
    """The scopes are a list. A revoked token is a 401."""
    token = sandbox.new_token(scope="public upload", expires_in=60)
    bearer = {"authorization": f"Bearer {token}"}

    assert client.get("/oauth/token/info", headers=bearer).json() == {
        "resource_owner_id": 1,
        "scope": ["public", "upload"],
        "expires_in": 60,
        "application": {"uid": APP.client_id},
        "created_at": int(clock.now),
    }
    sandbox.revoke(token)
    reply = client.get("/oauth/token/info", headers=bearer)
    assert reply.status_code == 401
    assert "is invalid" in reply.headers["www-authenticate"]
    assert reply.json() == {
        "error": "invalid_token",
        "error_description": "The access token is invalid",
        "state": "unauthorized",
    }
