"""The routes of the service: who gets a code, and for whom it is exchanged."""

import asyncio
import hashlib
import logging
import socket
import ssl
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import replace
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest
from support.hub_service import API_TOKEN
from support.raw_server import raw_server

from gyazo_nb.hub import log
from gyazo_nb.hub import service as service_module
from gyazo_nb.hub.gyazo import exchange
from gyazo_nb.sandbox import Fault


def code_of(address):
    return parse_qs(urlsplit(address).query)["code"][0]


def announce(kernel, sign_in, **options):
    """Let a kernel wait, and return when the service knows the sign-in."""
    waiting = kernel.wait(sign_in, **options)
    wait_until(lambda: kernel.service.knows(kernel.user, sign_in.state_hash))
    return waiting


def wait_until(condition):
    while not condition():
        time.sleep(0.001)


@pytest.fixture
def arrived(kernel, browser):
    """A code that arrived in the browser of alice."""
    alice = kernel("alice-kernel")
    sign_in = alice.begin()
    waiting = announce(alice, sign_in)
    address = sign_in.redirect()
    browser("alice").get(address)
    waiting.result()
    return sign_in, code_of(address)


def test_kernel_gets_the_redirect_and_a_token(service, kernel, browser):
    """The whole path of one user."""
    alice = kernel("alice-kernel")
    sign_in = alice.begin()
    waiting = announce(alice, sign_in)
    address = sign_in.redirect()

    page = browser("alice").get(address)

    assert "Back to your notebook" in page.text
    assert "code=" not in str(page.url)
    query = waiting.result().json()["query"]
    assert query == urlsplit(address).query
    token = alice.exchange(code_of(address), sign_in.verifier).json()["access_token"]
    assert token in service.gyazo.sandbox._tokens


def test_redirect_is_returned_again_until_the_kernel_has_seen_it(kernel, arrived):
    """The reply to a poll may be lost. A kernel that saw the query waits for the next one."""
    sign_in, _ = arrived
    alice = kernel("alice-kernel")
    query = alice.wait(sign_in).result().json()["query"]

    seen = hashlib.sha256(query.encode()).hexdigest()

    assert alice.wait(sign_in, seen, seconds=0.1).result().status_code == 204


def test_second_redirect_after_a_denial_arrives(kernel, browser):
    """The user presses Deny, and then opens the same link again."""
    alice = kernel("alice-kernel")
    sign_in = alice.begin()
    waiting = announce(alice, sign_in)
    browser("alice").get(f"{alice.service.url}/callback?error=access_denied&state={sign_in.state}")
    denied = waiting.result().json()["query"]
    waiting = alice.wait(sign_in, hashlib.sha256(denied.encode()).hexdigest())

    browser("alice").get(sign_in.redirect())

    assert "error=access_denied" in denied
    assert "code=" in waiting.result().json()["query"]


def test_wait_without_a_redirect_ends_with_204(kernel):
    """After the timeout the kernel waits again."""
    alice = kernel("alice-kernel")

    assert alice.wait(alice.begin(), seconds=0.1).result().status_code == 204


@pytest.mark.slow
def test_redirect_in_the_browser_of_another_user_reaches_no_kernel(kernel, browser):
    """Alice sends bob her link, and he opens it."""
    alice = kernel("alice-kernel")
    sign_in = alice.begin()
    waiting = announce(alice, sign_in, seconds=2)

    page = browser("bob").get(sign_in.redirect())

    assert page.status_code == 404
    assert "Another sign-in" in page.text
    assert "bob" in page.text
    assert waiting.result().status_code == 204


@pytest.mark.slow
def test_kernel_of_another_user_does_not_get_the_redirect(kernel, browser):
    """Bob saw the state in alice's notebook, and waits for it."""
    alice, bob = kernel("alice-kernel"), kernel("bob-kernel")
    sign_in = alice.begin()
    waiting, spying = announce(alice, sign_in), announce(bob, sign_in, seconds=1)

    browser("alice").get(sign_in.redirect())

    assert waiting.result().status_code == 200
    assert spying.result().status_code == 204


def test_code_of_another_user_is_not_exchanged(kernel, arrived):
    """Bob has alice's code, and even her verifier."""
    sign_in, code = arrived

    reply = kernel("bob-kernel").exchange(code, sign_in.verifier)

    assert (reply.status_code, reply.json()["error"]) == (400, "invalid_grant")
    assert "access_token" in kernel("alice-kernel").exchange(code, sign_in.verifier).json()


def test_code_that_arrived_in_no_browser_is_not_exchanged(service, kernel):
    """A code that a user got in another way."""
    code = service.gyazo.sandbox.new_code()

    reply = kernel("alice-kernel").exchange(code, "a-verifier")

    assert (reply.status_code, reply.json()["error"]) == (400, "invalid_grant")


def test_wrong_verifier_is_refused_by_gyazo_and_keeps_the_code(kernel, arrived):
    """The reply of Gyazo is passed on."""
    sign_in, code = arrived
    alice = kernel("alice-kernel")

    assert alice.exchange(code, "x" * 43).json()["error"] == "invalid_grant"
    assert "access_token" in alice.exchange(code, sign_in.verifier).json()


@pytest.mark.slow
def test_used_code_and_state_are_forgotten(kernel, browser, arrived):
    """A second exchange, and a second redirect with the same state."""
    sign_in, code = arrived
    alice = kernel("alice-kernel")
    alice.exchange(code, sign_in.verifier)

    assert alice.exchange(code, sign_in.verifier).json()["error"] == "invalid_grant"
    assert "Another sign-in" in browser("alice").get(sign_in.redirect()).text


def test_fields_that_a_caller_adds_to_an_exchange_are_ignored(service, kernel, arrived):
    """Client id, secret and redirect URI are those of the service."""
    sign_in, code = arrived
    more = {
        "client_id": "x",
        "client_secret": "y",
        "redirect_uri": "http://evil.test/",
        "grant_type": "z",
    }

    assert "access_token" in kernel("alice-kernel").exchange(code, sign_in.verifier, **more).json()


@pytest.mark.parametrize(
    ("token", "status"),
    [
        ("-", 401),
        ("unknown", 401),
        ("broken-kernel", 503),
        ("garbled-kernel", 503),
        ("prometheus-service", 403),
        ("alice-noscope", 403),
    ],
)
@pytest.mark.parametrize("route", ["application", "code", "token"])
def test_api_refuses_a_token_that_may_not_use_it(kernel, token, status, route):
    """It is unknown, it belongs to a service, it lacks the scope, or the hub does not reply."""
    client = kernel(token).client
    form = {"state_hash": "0" * 64, "code": "x", "code_verifier": "y"}

    reply = client.get(route) if route == "application" else client.post(route, data=form)

    assert reply.status_code == status
    assert set(reply.json()) == {"message"}


def test_cookie_opens_no_api_route(service, browser):
    """A page that a user visits cannot use the api with the cookie of the browser."""
    alice = browser("alice")
    alice.get(f"{service.url}/done")

    assert alice.cookies
    assert alice.get(f"{service.url}/api/application").status_code == 401
    assert alice.post(f"{service.url}/api/code", data={"state_hash": "0" * 64}).status_code == 401


def test_token_opens_no_page(service):
    """The token of a server in the header, or in the address."""
    header = {"Authorization": "token alice-kernel"}

    assert httpx.get(f"{service.url}/callback?state=x&code=y", headers=header).status_code == 403
    reply = httpx.get(f"{service.url}/callback?state=x&code=y&token=alice-kernel")
    assert reply.status_code == 302
    assert "/hub/api/oauth2/authorize" in reply.headers["location"]


def test_browser_of_a_user_without_access_is_refused(service, browser):
    """The hub knows the user, who has no scope for this service."""
    page = browser("guest").get(f"{service.url}/callback?state=x&code=y")

    assert page.status_code == 403
    assert "ask the administrator" in page.text


def test_script_of_the_same_origin_cannot_fetch_the_callback(service, browser):
    """JupyterHub refuses its cookie to a fetch without a token against forged requests."""
    alice = browser("alice")
    alice.get(f"{service.url}/done")

    reply = alice.get(
        f"{service.url}/done", headers={"Sec-Fetch-Mode": "cors"}, follow_redirects=False
    )

    assert reply.status_code == 302


def test_browser_without_a_sign_in_to_the_hub_goes_there_first(service, kernel):
    """The address of the hub's page holds neither the code nor the state."""
    sign_in = kernel("alice-kernel").begin()
    address = sign_in.redirect()

    location = httpx.get(address).headers["location"]

    assert "/hub/api/oauth2/authorize" in location
    assert code_of(address) not in location
    assert sign_in.state not in location


def test_pages_cannot_be_framed_cached_or_leak_their_address(service, browser):
    """The headers of each page."""
    headers = browser("alice").get(f"{service.url}/done").headers

    assert "frame-ancestors 'none'" in headers["content-security-policy"]
    assert headers["referrer-policy"] == "no-referrer"
    assert headers["cache-control"] == "no-store"


def test_user_name_is_shown_as_text(service, browser):
    """A name with markup."""
    page = browser("<b>eve").get(f"{service.url}/done?how=unknown").text

    assert "<b>eve" not in page
    assert "&lt;b&gt;eve" in page


def test_many_waits_of_one_user_do_not_disturb_another(own_service, new_kernel):
    """Bob waits for 20 sign-ins. Only his newest 16 are kept, and the sign-in of alice stays."""
    alice, bob = new_kernel(own_service, "alice-kernel"), new_kernel(own_service, "bob-kernel")
    sign_in = alice.begin()
    waiting = announce(alice, sign_in)
    of_bob = [bob.begin() for _ in range(20)]

    waits = [announce(bob, one, seconds=19) for one in of_bob]

    assert [wait.result().status_code for wait in waits[:4]] == [429] * 4
    assert all(own_service.knows("bob", one.state_hash) for one in of_bob[4:])
    with own_service.browser("alice") as browser:
        browser.get(sign_in.redirect())
    assert waiting.result().status_code == 200
    own_service.stop()  # ends the requests of bob


def test_only_the_newest_request_of_a_sign_in_waits(kernel, browser):
    """Otherwise the requests of one user could take all connections of the service."""
    alice = kernel("alice-kernel")
    sign_in = alice.begin()
    newest = announce(alice, sign_in)
    for _ in range(4):
        earlier, newest = newest, alice.wait(sign_in)
        assert earlier.result().status_code == 204

    browser("alice").get(sign_in.redirect())

    assert newest.result().status_code == 200


def test_exchanges_of_one_user_do_not_delay_those_of_another(own_service, new_kernel):
    """Gyazo does not reply to bob, who sends many requests."""
    alice, bob = new_kernel(own_service, "alice-kernel"), new_kernel(own_service, "bob-kernel")
    of_alice, of_bob = bring_code(alice, "alice"), bring_code(bob, "bob")
    delay_exchanges(own_service, times=4)
    for _ in range(4):
        bob.pool.submit(bob.exchange, *of_bob)
    wait_until(lambda: not own_service.gyazo.sandbox.faults)

    assert bob.exchange(*of_bob).status_code == 429
    assert "access_token" in alice.exchange(*of_alice).json()
    own_service.stop()  # ends the requests of bob


def bring_code(kernel, user):
    """Bring a code to the browser of the user. Return the code and its verifier."""
    sign_in = kernel.begin()
    waiting = announce(kernel, sign_in)
    address = sign_in.redirect()
    with kernel.service.browser(user) as browser:
        browser.get(address)
    waiting.result()
    return code_of(address), sign_in.verifier


def delay_exchanges(service, times=1):
    """Delay Gyazo's replies to the next exchanges. The service does not wait for them at its end."""
    service.gyazo.sandbox.faults.append(Fault(path="/oauth/token", delay=60, times=times))


@pytest.mark.parametrize("state_hash", ["", "x" * 63, "x" * 65, "../" * 30])
def test_wrong_digest_is_refused(kernel, state_hash):
    """A digest has 64 characters."""
    assert (
        kernel("alice-kernel").client.post("code", data={"state_hash": state_hash}).status_code
        == 400
    )


def test_service_that_was_restarted_continues_a_sign_in(own_service, new_kernel):
    """The kernel sends its request again, so the new process knows it, also if the browser comes first."""
    alice = new_kernel(own_service, "alice-kernel")
    sign_in = alice.begin()
    waiting = announce(alice, sign_in)
    own_service.stop()
    assert waiting.exception() or waiting.result().status_code == 503
    own_service.start()
    address = sign_in.redirect()

    with own_service.browser("alice") as browser, ThreadPoolExecutor() as pool:
        page = pool.submit(browser.get, address)
        waiting = announce(alice, sign_in)

        assert "Back to your notebook" in page.result().text
    assert waiting.result().status_code == 200
    assert "access_token" in alice.exchange(code_of(address), sign_in.verifier).json()


def test_replaced_secret_takes_effect_at_once(own_service, new_kernel):
    """An administrator rotates the secret. An unsafe file is refused then, too."""
    alice = new_kernel(own_service, "alice-kernel")
    code, verifier = bring_code(alice, "alice")
    own_service.secret_file.write_text("wrong")
    assert alice.exchange(code, verifier).json()["error"] == "invalid_client"
    own_service.secret_file.write_text(own_service.client_secret)
    own_service.secret_file.chmod(0o644)
    assert alice.exchange(code, verifier).status_code == 500
    own_service.secret_file.chmod(0o600)

    assert "access_token" in alice.exchange(code, verifier).json()


def test_service_says_that_gyazo_does_not_reply(own_service, new_kernel):
    """The code stays valid."""
    alice = new_kernel(own_service, "alice-kernel")
    code, verifier = bring_code(alice, "alice")
    own_service.gyazo.sandbox.faults.append(Fault(path="/oauth/token", cut="request"))

    assert alice.exchange(code, verifier).status_code == 504
    assert "access_token" in alice.exchange(code, verifier).json()


def test_reply_that_does_not_end_is_an_error(own_service, new_kernel, monkeypatch):
    """Gyazo, or a proxy, sends a byte from time to time."""

    def send_slowly(client):
        client.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 60000\r\n\r\n")
        while not server.closed.wait(0.01):
            client.sendall(b"x")

    monkeypatch.setattr("gyazo_nb.hub.gyazo.TIMEOUT", 0.1)
    with raw_server(send_slowly) as server:
        own_service.stop()
        own_service.configuration = replace(own_service.configuration, auth_url=server.url)
        own_service.start()
        alice = new_kernel(own_service, "alice-kernel")
        sign_in = alice.begin()
        waiting = announce(alice, sign_in)
        with own_service.browser("alice") as browser:
            browser.get(f"{own_service.url}/callback?code=a-code&state={sign_in.state}")
        waiting.result()

        reply = alice.exchange("a-code", sign_in.verifier)

    assert (reply.status_code, reply.json()) == (504, {"message": "Gyazo did not reply."})


def test_certificates_are_loaded_once(service, monkeypatch):
    """Loading takes 20 ms or more. All exchanges use the same certificates."""
    loaded = []
    load = ssl.create_default_context
    monkeypatch.setattr(ssl, "create_default_context", lambda: loaded.append(1) or load())

    for _ in range(3):
        asyncio.run(exchange(service.configuration, "a-code", "a-verifier"))

    assert len(loaded) <= 1


def test_stopped_server_is_refused_at_once(stand_in_hub, kernel):
    """The answer of the hub is not cached."""
    client = kernel("carol-kernel").client
    assert client.get("application").status_code == 200

    stand_in_hub.stopped_servers.add("carol-kernel")

    assert client.get("application").status_code == 401


def test_kernel_that_goes_away_leaves_a_redirect_for_its_return(
    service, service_log, kernel, browser
):
    """A connection between kernel and service breaks, and the browser comes back meanwhile."""
    alice = kernel("alice-kernel")
    sign_in = alice.begin()
    with pytest.raises(httpx.ReadTimeout):
        alice.client.post("code", data={"state_hash": sign_in.state_hash}, timeout=0.2)
    wait_until(lambda: service.knows("alice", sign_in.state_hash))

    browser("alice").get(sign_in.redirect())

    assert "code=" in alice.wait(sign_in).result().json()["query"]
    assert "CodeApi 503" not in service_log.getvalue()  # it is not an error of the service


def test_log_contains_no_secret(service, service_log, kernel, arrived):
    """Client secret, code, verifier, state, and the tokens of the hub and of Gyazo, at any level."""
    sign_in, code = arrived
    token = kernel("alice-kernel").exchange(code, sign_in.verifier).json()["access_token"]
    httpx.get(f"{service.url}/a-path-{code}?code={code}")
    httpx.request("PATCH", f"{service.url}/callback?code={code}")
    httpx.get(f"{service.url}/oauth_callback?code=hub-code-alice&state=a-state-of-the-hub")

    text = service_log.getvalue()

    assert "POST TokenApi 200 alice" in text
    secrets = [service.client_secret, code, sign_in.verifier, sign_in.state, token, API_TOKEN]
    secrets += ["alice-kernel", "alice-browser", "hub-code-alice", "a-state-of-the-hub"]
    assert [secret for secret in secrets if secret in text] == []


def test_log_shows_an_ellipsis_for_a_value_of_a_library():
    log.start(logging.DEBUG)
    logger = logging.getLogger("tornado.application")
    record = logger.makeRecord(logger.name, logging.DEBUG, "", 1, "Hub user %s", ("alice",), None)

    assert logger.filter(record)
    assert record.getMessage() == "Hub user …"


def test_user_name_cannot_forge_a_line_of_the_log(service_log, kernel):
    """Some authenticators of JupyterHub accept a line break in a name."""
    kernel("eve%0A%1Bforged-kernel").client.get("application")

    wait_until(lambda: "ApplicationApi" in service_log.getvalue())  # written after the reply
    assert r"'eve\n\x1bforged'" in service_log.getvalue()
    assert "\x1b" not in service_log.getvalue()


# ── limits ───────────────────────────────────────────────────────────────────────────────────────


def test_long_query_is_refused_before_the_login_of_the_hub(service):
    """The service would keep it until the login ends, and every browser can send it."""
    reply = httpx.get(f"{service.url}/callback?code={'x' * 5000}&state=y")

    assert reply.status_code == 404


def test_number_of_browsers_at_the_login_of_the_hub_is_limited(own_service, monkeypatch):
    """The newest ones are kept."""
    monkeypatch.setattr(service_module, "MAX_HUB_SIGN_INS", 3)

    with httpx.Client(verify=False) as client:
        for _ in range(5):
            assert client.get(f"{own_service.url}/done").status_code == 302

    assert len(own_service.auth._oauth_states) == 3
    with own_service.browser("alice") as browser:
        assert browser.get(f"{own_service.url}/done?how=ok").status_code == 200


def test_client_that_does_not_send_its_request_is_disconnected(
    stand_in_hub, own_service, monkeypatch
):
    """With headers or a body that does not end."""
    monkeypatch.setattr(service_module, "REQUEST_TIMEOUT", 0.05)
    own_service.stop()
    own_service.start()
    address = (own_service.configuration.host, own_service.configuration.port)
    for sent in (b"POST ", b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\nx"):
        with (
            socket.create_connection(address, timeout=10) as client,
            suppress(ConnectionError),  # on a loaded machine, the timeout can end before `sendall`
        ):
            client.sendall(sent)

            assert client.recv(1) == b""


def test_service_ends_while_gyazo_does_not_reply(own_service, new_kernel):
    """It does not wait for the thread of the exchange."""
    alice = new_kernel(own_service, "alice-kernel")
    code, verifier = bring_code(alice, "alice")
    delay_exchanges(own_service)
    waiting = alice.pool.submit(alice.exchange, code, verifier)
    wait_until(lambda: not own_service.gyazo.sandbox.faults)

    own_service.stop()

    assert any(one.name == "exchange" for one in threading.enumerate())
    assert isinstance(waiting.exception(), httpx.TransportError)


# ── settings that only the hub can check ─────────────────────────────────────────────────────────


def test_wrong_token_of_the_service_is_named_in_its_log(own_service, service_log):
    """The hub refuses it when a browser comes. The page names the administrator."""
    own_service.auth.api_token = "another-token"

    with own_service.browser("alice") as browser:
        page = browser.get(f"{own_service.url}/done?how=ok")

    assert page.status_code == 502
    assert "ask the administrator" in page.text
    assert "JUPYTERHUB_API_TOKEN and JUPYTERHUB_CLIENT_ID" in service_log.getvalue()
    assert "another-token" not in service_log.getvalue()


def test_wrong_address_of_the_hub_is_named_in_the_log(service_log, kernel):
    assert kernel("garbled-kernel").client.get("application").status_code == 503

    assert "JUPYTERHUB_API_URL" in service_log.getvalue()
