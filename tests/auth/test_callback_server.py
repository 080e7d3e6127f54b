"""The callback server: it listens on loopback only, and accepts only the redirect of a waiting sign-in."""

import errno
import http.client
import socket
import threading
from pathlib import Path

import pytest

from gyazo_nb import Secret
from gyazo_nb.auth.callback_server import (
    FAILED_PAGE,
    NOT_FOUND_PAGE,
    SIGNED_IN_PAGE,
    WRONG_STATE_PAGE,
    CallbackSubscription,
    Subscriber,
    can_listen,
    subscribe,
)
from gyazo_nb.auth.paste import is_redirect_of

STATE = Secret("the-state")


@pytest.fixture
def port():
    with socket.create_server(("127.0.0.1", 0)) as free:
        return free.getsockname()[1]


@pytest.fixture
def uri(port):
    return f"http://127.0.0.1:{port}/callback"


class WaitingSignIn:
    """A subscribed sign-in that records the addresses that it receives."""

    def __init__(self, uri, state=STATE, *, succeeds=True):
        self.received = []
        self.succeeds = succeeds
        self.state = state
        self.unsubscribe = subscribe(
            uri, Subscriber(lambda address: is_redirect_of(address, self.state), self.on_redirect)
        )

    def on_redirect(self, address):
        self.received.append(address.reveal())
        if self.succeeds:
            self.unsubscribe()
        return self.succeeds


def request(port, path, *, host="127.0.0.1", method="GET", headers=None):
    connection = http.client.HTTPConnection(host, port, timeout=10)
    connection.request(method, path, headers=headers or {})
    reply = connection.getresponse()
    body = reply.read().decode()
    connection.close()
    return reply, body


@pytest.fixture
def waiting(uri):
    sign_in = WaitingSignIn(uri)
    yield sign_in
    sign_in.unsubscribe()


GOOD = "/callback?code=abc&state=the-state"


def test_the_redirect_is_received(waiting, port, uri):
    """The sign-in gets the whole address, the browser gets a page, and the port is free again."""
    reply, body = request(port, GOOD)

    assert (reply.status, body) == (200, SIGNED_IN_PAGE)
    assert waiting.received == [uri + "?code=abc&state=the-state"]
    with pytest.raises(ConnectionRefusedError):
        request(port, GOOD)


def test_a_denied_access_is_received_too(uri, port):
    """The sign-in gets error=… and continues to wait."""
    waiting = WaitingSignIn(uri, succeeds=False)
    reply, body = request(port, "/callback?error=access_denied&state=the-state")

    assert (reply.status, body) == (200, FAILED_PAGE)
    assert request(port, GOOD)[0].status == 200
    assert len(waiting.received) == 2
    waiting.unsubscribe()


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/callback", 400),
        ("/callback?", 400),
        ("/callback?code=abc", 400),
        ("/callback?state=the-state", 400),
        ("/callback?code=abc&state=wrong", 400),
        ("/callback?code=abc&state=the-state&state=the-state", 400),
        ("/callback?code=%FF&state=the-state%FF", 400),
        ("/favicon.ico", 404),
        ("/", 404),
        ("/callback/?code=abc&state=the-state", 404),
        ("/other?code=abc&state=the-state", 404),
        ("/<script>", 404),
    ],
)
def test_other_requests_are_refused_and_the_sign_in_continues_to_wait(waiting, port, path, status):
    """Only the registered path with the right state counts. The pages are static."""
    reply, body = request(port, path)

    assert (reply.status, body) == (
        status,
        WRONG_STATE_PAGE if path.startswith("/callback?code") else NOT_FOUND_PAGE,
    )
    assert waiting.received == []
    assert request(port, GOOD)[0].status == 200


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "HEAD", "OPTIONS", "BREW"])
def test_other_methods_than_get_are_refused(waiting, port, method):
    """The redirect of a browser is a GET request."""
    reply, _ = request(port, GOOD, method=method)

    assert reply.status in {405, 501}
    assert waiting.received == []


def test_another_host_name_is_refused(waiting, port):
    """An attacker can let a name resolve to this machine (DNS rebinding)."""
    reply, _ = request(port, GOOD, headers={"Host": f"evil.example:{port}"})

    assert reply.status == 421
    assert waiting.received == []


def test_every_page_has_the_headers_that_protect_its_address(waiting, port):
    """No caching, no referrer, no frames, no sniffing and no resources."""
    for path in ("/favicon.ico", "/callback?code=x", GOOD):
        reply, _ = request(port, path)
        policy = reply.getheader("Content-Security-Policy")

        assert reply.getheader("Cache-Control") == "no-store"
        assert reply.getheader("Referrer-Policy") == "no-referrer"
        assert reply.getheader("X-Content-Type-Options") == "nosniff"
        assert "default-src 'none'" in policy
        assert "frame-ancestors 'none'" in policy


def test_it_listens_on_the_loopback_addresses_only(waiting, port):
    """The tables of the system list 127.0.0.1 and perhaps ::1 for this port."""
    listening = set()
    for table in ("/proc/net/tcp", "/proc/net/tcp6"):
        for line in Path(table).read_text().splitlines()[1:]:
            address, state = line.split()[1], line.split()[3]
            if state == "0A" and address.endswith(f":{port:04X}"):
                listening.add(address.partition(":")[0])

    assert "0100007F" in listening
    assert listening <= {"0100007F", "00000000000000000000000001000000"}


@pytest.mark.parametrize(
    ("family", "host"),
    [
        (socket.AF_INET, "127.0.0.1"),
        (socket.AF_INET, "0.0.0.0"),
        (socket.AF_INET6, "::1"),
        (socket.AF_INET6, "::"),
    ],
)
def test_a_port_in_use_is_refused(port, uri, family, host):
    """On one loopback address or on all addresses: another program could receive the code."""
    with socket.socket(family) as other:
        other.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        other.bind((host, port))
        other.listen()
        with pytest.raises(OSError, match=r"in use") as caught:
            WaitingSignIn(uri)

    assert caught.value.errno == errno.EADDRINUSE
    sign_in = WaitingSignIn(uri)  # the failed attempt left no server
    sign_in.unsubscribe()


def test_a_port_can_be_used_again_at_once(uri, port):
    """Thirty sign-ins in a row on one port, each with a real connection."""
    for _ in range(30):
        sign_in = WaitingSignIn(uri)
        assert request(port, GOOD)[0].status == 200
        assert sign_in.received


def test_several_sign_ins_wait_at_one_port(uri, port):
    """Each address goes to the sign-in whose state it has."""
    one, two = WaitingSignIn(uri, Secret("one")), WaitingSignIn(uri, Secret("two"))

    assert request(port, "/callback?code=a&state=two")[0].status == 200
    assert request(port, "/callback?code=b&state=one")[0].status == 200
    assert [len(one.received), len(two.received)] == [1, 1]
    with pytest.raises(ConnectionRefusedError):
        request(port, GOOD)


def test_unsubscribe_ends_every_thread_and_may_be_called_twice(uri):
    """No thread of the server remains."""
    sign_in = WaitingSignIn(uri)
    sign_in.unsubscribe()
    sign_in.unsubscribe()

    assert not [t for t in threading.enumerate() if t.name.startswith("gyazo_nb callback")]


def test_a_silent_connection_does_not_block_the_browser(waiting, port):
    """Each connection has its own thread."""
    with socket.create_connection(("127.0.0.1", port)):
        assert request(port, GOOD)[0].status == 200


def test_localhost_is_received_on_ipv4_and_ipv6(port):
    """A browser may use either address for localhost."""
    sign_in = WaitingSignIn(f"http://localhost:{port}/callback")
    try:
        assert request(port, "/callback", host="::1")[0].status == 400
        assert request(port, "/callback")[0].status == 400
    finally:
        sign_in.unsubscribe()


@pytest.mark.parametrize(
    ("uri", "possible"),
    [
        ("http://127.0.0.1:8765/callback", True),
        ("http://localhost/", True),
        ("http://[::1]:1/x", True),
        ("https://127.0.0.1/x", False),
        ("http://example.com/x", False),
        ("gyazocapture://oauth/callback", False),
        ("urn:ietf:wg:oauth:2.0:oob", False),
    ],
)
def test_it_can_listen_only_at_plain_http_on_this_machine(uri, possible):
    """Other redirect URIs end elsewhere."""
    assert can_listen(uri) is possible


def test_a_subscription_can_start_and_stop_repeatedly(port, uri):
    """A second start or stop has no effect, and the port is free after each stop."""
    subscription = CallbackSubscription(uri, Subscriber(lambda _: False, lambda _: False))
    for _ in range(3):
        subscription.start()
        subscription.start()
        assert subscription.is_active
        assert request(port, GOOD)[0].status == 400

        subscription.stop()
        subscription.stop()
        assert not subscription.is_active
        with pytest.raises(ConnectionRefusedError):
            request(port, GOOD)


def test_a_subscription_to_a_port_in_use_stays_inactive(port, uri):
    """The sign-in continues without the redirect: the user can paste the address."""
    subscription = CallbackSubscription(uri, Subscriber(lambda _: False, lambda _: False))
    with socket.create_server(("127.0.0.1", port)):
        subscription.start()

    assert not subscription.is_active
