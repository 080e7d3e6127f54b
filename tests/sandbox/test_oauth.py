"""The sandbox's authorization server, held to Doorkeeper's behaviour row by row."""

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
NO_CLIENT = (
    "Client authentication failed due to unknown client, no client authentication included, "
    "or unsupported authentication method."
)
NO_GRANT = (
    "The provided authorization grant is invalid, expired, revoked, does not match the "
    "redirection URI used in the authorization request, or was issued to another client."
)
WRONG_URI = "The requested redirect uri is malformed or doesn&#39;t match client redirect URI."


@pytest.fixture
def clock():
    """Time that passes when told to."""
    return SimpleNamespace(now=1_795_459_857.25)


@pytest.fixture
def sandbox(clock):
    return Sandbox(
        [APP, OTHER], [Account("Sandy <Box>", "sandy@example.com")], clock=lambda: clock.now
    )


@pytest.fixture
def client(sandbox):
    with serve(sandbox) as server, httpx.Client(base_url=server.url) as client:
        yield client


def question(**changes):
    asked = {"client_id": APP.client_id, "redirect_uri": LOCALHOST, "response_type": "code"}
    return {name: text for name, text in (asked | changes).items() if text is not None}


def hidden(page):
    found = re.findall(r'<input type="hidden" name="([^"]+)" value="([^"]*)"', page.text)
    return {name: unescape(text) for name, text in found}


def allow(client, **changes):
    page = client.get("/oauth/authorize", params=question(**changes))
    return client.post("/oauth/authorize", data=hidden(page))


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


def test_allow_sends_code_then_state(client):
    """Allow answers with the code, then the state as it was, spaces as plus signs."""
    answer = allow(client, state="a b+c/=")

    assert answer.status_code == 302
    where, _, query = answer.headers["location"].partition("?")
    assert where == LOCALHOST
    assert re.fullmatch(r"code=[\w-]{43}&state=a\+b%2Bc%2F%3D", query)


@pytest.mark.parametrize("state", [None, ""])
def test_state_absent_when_not_sent(client, state):
    """Where no state was sent none comes back, not even an empty one."""
    query = urlsplit(allow(client, state=state).headers["location"]).query

    assert [name for name, _ in parse_qsl(query, keep_blank_values=True)] == ["code"]


def test_deny(client):
    """Deny is the same form with _method=delete, and tells error, description, state."""
    page = client.get("/oauth/authorize", params=question(state="st1"))
    answer = client.post("/oauth/authorize", data=hidden(page) | {"_method": "delete"})

    assert answer.status_code == 302
    assert answer.headers["location"] == (
        f"{LOCALHOST}?error=access_denied&error_description=The+resource+owner+or+authorization"
        "+server+denied+the+request.&state=st1"
    )


def test_consent_page(client):
    """The consent page escapes what it shows, carries the question, and may not be framed."""
    page = client.get("/oauth/authorize", params=question(state='"><b>', scope="public upload"))

    assert page.status_code == 200
    assert page.headers["cache-control"] == "no-store"
    assert page.headers["referrer-policy"] == "no-referrer"
    assert "frame-ancestors 'none'" in page.headers["content-security-policy"]
    assert "Authorize &lt;Note &amp; book&gt; to use your account?" in page.text
    assert "Sandy &lt;Box&gt;" in page.text
    assert "<b>" not in page.text.replace("<b>Sandy", "")
    fields = hidden(page)
    assert fields.pop("authenticity_token")
    assert fields == question(state='"><b>', scope="public upload")
    assert re.search(r'<button type="submit"[^>]*>Allow</button>', page.text)
    assert '<button type="submit" class="second" name="_method" value="delete">Deny' in page.text


@pytest.mark.parametrize("key", [None, "wrong", "é"])
def test_form_key(client, key):
    """A form without the page's own key is refused with 422."""
    sent = hidden(client.get("/oauth/authorize", params=question()))
    sent["authenticity_token"] = key
    sent = {name: text for name, text in sent.items() if text is not None}

    assert client.post("/oauth/authorize", data=sent).status_code == 422


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"redirect_uri": None}, WRONG_URI),
        ({"redirect_uri": "http://evil.example/"}, WRONG_URI),
        ({"redirect_uri": LOCALHOST + "?x=1"}, WRONG_URI),
        ({"redirect_uri": LOCALHOST + "/"}, WRONG_URI),
        ({"redirect_uri": "http://localhost:9999/callback"}, WRONG_URI),
        ({"redirect_uri": "http://127.0.0.1:9999/other"}, WRONG_URI),
        ({"redirect_uri": "http://127.0.0.1:x/callback"}, WRONG_URI),
        ({"redirect_uri": "http://me@127.0.0.1:9999/callback"}, WRONG_URI),
        ({"redirect_uri": "https://127.0.0.1:9999/callback"}, WRONG_URI),
        ({"client_id": "nobody"}, NO_CLIENT),
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
def test_wrong_question(client, changes, message):
    """What is wrong with a question is told to the person with status 200, to nobody else."""
    answer = client.get("/oauth/authorize", params=question(**changes))

    assert answer.status_code == 200
    assert "<h1>An error has occurred</h1>" in answer.text
    assert f"<pre>{message}" in answer.text


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
def test_redirect_uris(client, uri, start):
    """A registered address is answered at, and a loopback IP at any port."""
    assert allow(client, redirect_uri=uri).headers["location"].startswith(start)


def test_out_of_band(client):
    """The out-of-band address shows the code and drops the state."""
    answer = allow(client, redirect_uri=OOB, state="s")

    assert re.fullmatch(r"/oauth/authorize/native\?code=[\w-]{43}", answer.headers["location"])
    page = client.get(answer.headers["location"])
    assert page.status_code == 200
    code = re.search(r'<code class="block" id="authorization_code">([\w-]{43})</code>', page.text)
    assert exchange(client, code[1], redirect_uri=OOB).status_code == 200


def test_consent_is_asked_once(client, sandbox):
    """Who holds a live token for the same scopes is not asked again."""
    token = sandbox.new_token(scope="public")

    assert client.get("/oauth/authorize", params=question()).status_code == 302
    assert client.get("/oauth/authorize", params=question(scope="upload")).status_code == 200
    other = question(client_id=OTHER.client_id)
    assert client.get("/oauth/authorize", params=other).status_code == 200
    sandbox.revoke(token)
    assert client.get("/oauth/authorize", params=question()).status_code == 200


def test_account_chooser():
    """With several accounts the person chooses, the first one being ready to be chosen."""
    first, second = Account("First", "1@example.com"), Account("Second", "2@example.com")
    sandbox = Sandbox([APP], [first, second])
    with serve(sandbox) as server, httpx.Client(base_url=server.url) as client:
        page = client.get("/oauth/authorize", params=question())
        radios = re.findall(
            r'<input type="radio" name="account" value="(\w+)"( checked)?', page.text
        )
        assert radios == [(first.uid, " checked"), (second.uid, "")]

        chosen = hidden(page) | {"account": second.uid}
        answer = client.post("/oauth/authorize", data=chosen)
        code = parse_qs(urlsplit(answer.headers["location"]).query)["code"][0]
        token = exchange(client, code).json()["access_token"]
        me = client.get("/api/users/me", params={"access_token": token}).json()
        assert me["user"]["name"] == "Second"


def test_exchange(client, sandbox, clock):
    """A code gives a token that neither expires nor refreshes, and nobody caches it."""
    answer = exchange(client, sandbox.new_code(scope="public upload"))

    assert answer.status_code == 200
    assert answer.headers["content-type"] == "application/json; charset=utf-8"
    assert answer.headers["cache-control"] == "no-store"
    assert answer.headers["pragma"] == "no-cache"
    body = answer.json()
    assert re.fullmatch(r"[\w-]{43}", body.pop("access_token"))
    assert body == {"token_type": "Bearer", "scope": "public upload", "created_at": int(clock.now)}


@pytest.mark.parametrize("way", ["form", "multipart", "json", "query", "basic"])
def test_ways_to_send_the_exchange(client, sandbox, way):
    """Form, multipart, JSON, query and HTTP Basic all carry an exchange."""
    sent = {
        "grant_type": "authorization_code",
        "code": sandbox.new_code(),
        "redirect_uri": LOCALHOST,
        "client_id": APP.client_id,
        "client_secret": APP.client_secret,
    }
    match way:
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
        ({"client_secret": "wrong"}, (401, "invalid_client", NO_CLIENT)),
        ({"client_secret": None}, (401, "invalid_client", NO_CLIENT)),
        ({"client_id": "nobody"}, (401, "invalid_client", NO_CLIENT)),
        ({"client_id": None, "client_secret": None}, (401, "invalid_client", NO_CLIENT)),
        ({"code": "unknown"}, (400, "invalid_grant", NO_GRANT)),
        ({"redirect_uri": LOOPBACK}, (400, "invalid_grant", NO_GRANT)),
        (
            {"client_id": OTHER.client_id, "client_secret": OTHER.client_secret},
            (400, "invalid_grant", NO_GRANT),
        ),
        ({"code_verifier": "w" * 50}, (400, "invalid_grant", NO_GRANT)),
        ({"code_verifier": "é"}, (400, "invalid_grant", NO_GRANT)),
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
def test_failed_exchange(client, sandbox, changes, expected):
    """A failed exchange answers as Doorkeeper does and leaves the code good."""
    status, error, description = expected
    code = sandbox.new_code(code_challenge=CHALLENGE)
    answer = exchange(client, **({"code": code, "code_verifier": VERIFIER} | changes))

    assert answer.status_code == status
    assert answer.json() == {"error": error, "error_description": description}
    assert answer.headers["www-authenticate"] == (
        f'Bearer realm="Doorkeeper", error="{error}", error_description="{description}"'
    )
    assert answer.headers["cache-control"] == "no-store"
    assert exchange(client, code, code_verifier=VERIFIER).status_code == 200


def test_code_is_good_once(client, sandbox):
    """A used code is no longer good, and its token stays so."""
    code = sandbox.new_code()
    token = exchange(client, code).json()["access_token"]

    assert exchange(client, code).json()["error"] == "invalid_grant"
    assert sandbox.is_live(sandbox.token(token))


def test_code_is_good_for_ten_minutes(client, sandbox, clock):
    """A code lives ten minutes, to the second."""
    early, late = sandbox.new_code(), sandbox.new_code()

    clock.now += 599
    assert exchange(client, early).status_code == 200
    clock.now += 1
    assert exchange(client, late).json()["error"] == "invalid_grant"


def test_pkce_travels_through_the_browser(client):
    """A challenge sent with the question is checked at the exchange."""
    answer = allow(client, code_challenge=CHALLENGE, code_challenge_method="S256")
    code = parse_qs(urlsplit(answer.headers["location"]).query)["code"][0]

    assert exchange(client, code).json()["error"] == "invalid_request"
    assert exchange(client, code, code_verifier=VERIFIER).status_code == 200


def test_plain_pkce_and_needless_verifier(client, sandbox):
    """A plain challenge is compared as it is; a verifier nobody announced is ignored."""
    plain = sandbox.new_code(code_challenge="abc", code_challenge_method="plain")

    assert exchange(client, plain, code_verifier="abd").status_code == 400
    assert exchange(client, plain, code_verifier="abc").status_code == 200
    assert exchange(client, sandbox.new_code(), code_verifier=VERIFIER).status_code == 200


def test_unreadable_body(client):
    """A body that is not what it says is refused without a word."""
    json = {"content-type": "application/json"}
    for content, headers in (
        (b"{", json),
        (b"[]", json),
        (b"x", {"content-type": "multipart/form-data"}),
    ):
        answer = client.post("/oauth/token", content=content, headers=headers)
        assert (answer.status_code, answer.content) == (400, b"")


def test_get_token_is_not_found(client):
    """There is no GET /oauth/token."""
    assert client.get("/oauth/token").status_code == 404


def test_revoke(client, sandbox):
    """Revoking answers 200 whether the token existed or not, and 403 to strangers."""
    mine, others = sandbox.new_token(), sandbox.new_token(client_id=OTHER.client_id)
    credentials = {"client_id": APP.client_id, "client_secret": APP.client_secret}

    for token in (mine, mine, "unknown"):
        answer = client.post("/oauth/revoke", data={"token": token, **credentials})
        assert (answer.status_code, answer.json()) == (200, {})
    assert not sandbox.is_live(sandbox.token(mine))
    for sent in (
        {"token": others, **credentials},
        {"token": others},
        {"token": others, **credentials, "client_secret": "wrong"},
    ):
        answer = client.post("/oauth/revoke", data=sent)
        assert answer.status_code == 403
        assert answer.json() == {
            "error": "unauthorized_client",
            "error_description": "You are not authorized to revoke this token",
        }
    assert sandbox.is_live(sandbox.token(others))


def test_token_info(client, sandbox, clock):
    """Token info tells a list of scopes, and nothing about a dead token."""
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
    answer = client.get("/oauth/token/info", headers=bearer)
    assert answer.status_code == 401
    assert "is invalid" in answer.headers["www-authenticate"]
    assert answer.json() == {
        "error": "invalid_token",
        "error_description": "The access token is invalid",
        "state": "unauthorized",
    }
