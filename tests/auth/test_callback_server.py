"""The listener: loopback alone, the registered path and our state alone, and no trace afterwards."""

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
    Subscriber,
    is_catchable,
    subscribe,
)
from gyazo_nb.auth.paste import carries

STATE = Secret("the-state")


@pytest.fixture
def port():
    with socket.create_server(("127.0.0.1", 0)) as free:
        return free.getsockname()[1]


@pytest.fixture
def uri(port):
    return f"http://127.0.0.1:{port}/callback"


class Waiting:
    """A sign-in that notes what it is given."""

    def __init__(self, uri, state=STATE, *, succeeds=True):
        self.received = []
        self.succeeds = succeeds
        self.state = state
        self.leave = subscribe(
            uri, Subscriber(lambda address: carries(address, self.state), self.on_redirect)
        )

    def on_redirect(self, address):
        self.received.append(address.reveal())
        if self.succeeds:
            self.leave()
        return self.succeeds


def get(port, path, *, host="127.0.0.1", method="GET", headers=None):
    connection = http.client.HTTPConnection(host, port, timeout=10)
    connection.request(method, path, headers=headers or {})
    reply = connection.getresponse()
    body = reply.read().decode()
    connection.close()
    return reply, body


@pytest.fixture
def waiting(uri):
    sign_in = Waiting(uri)
    yield sign_in
    sign_in.leave()


GOOD = "/callback?code=abc&state=the-state"


def test_the_redirect_is_caught(waiting, port, uri):
    """The whole address arrives, the page says so, and the port is free again."""
    reply, body = get(port, GOOD)

    assert (reply.status, body) == (200, SIGNED_IN_PAGE)
    assert waiting.received == [uri + "?code=abc&state=the-state"]
    with pytest.raises(ConnectionRefusedError):
        get(port, GOOD)


def test_a_denial_is_an_answer_too(uri, port):
    """error=… with our state is handed over; the waiting goes on."""
    waiting = Waiting(uri, succeeds=False)
    reply, body = get(port, "/callback?error=access_denied&state=the-state")

    assert (reply.status, body) == (200, FAILED_PAGE)
    assert get(port, GOOD)[0].status == 200
    assert len(waiting.received) == 2
    waiting.leave()


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
def test_noise_is_answered_and_the_waiting_goes_on(waiting, port, path, status):
    """Only the registered path with our state counts; pages repeat nothing."""
    reply, body = get(port, path)

    assert (reply.status, body) == (
        status,
        WRONG_STATE_PAGE if path.startswith("/callback?code") else NOT_FOUND_PAGE,
    )
    assert waiting.received == []
    assert get(port, GOOD)[0].status == 200


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "HEAD", "OPTIONS", "BREW"])
def test_only_get_is_answered(waiting, port, method):
    """Another method is refused, with the same static page."""
    reply, _ = get(port, GOOD, method=method)

    assert reply.status in {405, 501}
    assert waiting.received == []


def test_another_name_for_this_machine_is_refused(waiting, port):
    """A name that somebody made to point here (DNS rebinding) is not answered."""
    reply, _ = get(port, GOOD, headers={"Host": f"evil.example:{port}"})

    assert reply.status == 421
    assert waiting.received == []


def test_every_page_keeps_its_secrets(waiting, port):
    """Nothing is stored, referred to, framed, sniffed or loaded."""
    for path in ("/favicon.ico", "/callback?code=x", GOOD):
        reply, _ = get(port, path)
        policy = reply.getheader("Content-Security-Policy")

        assert reply.getheader("Cache-Control") == "no-store"
        assert reply.getheader("Referrer-Policy") == "no-referrer"
        assert reply.getheader("X-Content-Type-Options") == "nosniff"
        assert "default-src 'none'" in policy
        assert "frame-ancestors 'none'" in policy


def test_it_listens_on_loopback_alone(waiting, port):
    """What the system says: 127.0.0.1 and ::1 listen on this port, and nothing else does."""
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
def test_a_port_that_somebody_holds_is_refused(port, uri, family, host):
    """On either address, and for every address: nobody else may get the code."""
    with socket.socket(family) as other:
        other.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        other.bind((host, port))
        other.listen()
        with pytest.raises(OSError, match=r"in use") as caught:
            Waiting(uri)

    assert caught.value.errno == errno.EADDRINUSE
    sign_in = Waiting(uri)  # and nothing was kept of the attempt
    sign_in.leave()


def test_starting_again_right_after_never_meets_address_in_use(uri, port):
    """Thirty sign-ins in a row on one port, each with a real connection."""
    for _ in range(30):
        sign_in = Waiting(uri)
        assert get(port, GOOD)[0].status == 200
        assert sign_in.received


def test_several_wait_at_one_port(uri, port):
    """Each address goes to the one whose state it carries."""
    one, two = Waiting(uri, Secret("one")), Waiting(uri, Secret("two"))

    assert get(port, "/callback?code=a&state=two")[0].status == 200
    assert get(port, "/callback?code=b&state=one")[0].status == 200
    assert [len(one.received), len(two.received)] == [1, 1]
    with pytest.raises(ConnectionRefusedError):
        get(port, GOOD)


def test_leaving_twice_is_harmless_and_ends_every_thread(uri):
    """No thread and no socket remains."""
    sign_in = Waiting(uri)
    sign_in.leave()
    sign_in.leave()

    assert not [t for t in threading.enumerate() if t.name.startswith("gyazo_nb listener")]


def test_whoever_says_nothing_does_not_stop_the_others(waiting, port):
    """A connection that sends nothing does not keep the browser's from being answered."""
    with socket.create_connection(("127.0.0.1", port)):
        assert get(port, GOOD)[0].status == 200


def test_localhost_is_caught_on_both_families(port):
    """A browser may take localhost for either address."""
    sign_in = Waiting(f"http://localhost:{port}/callback")
    try:
        assert get(port, "/callback", host="::1")[0].status == 400
        assert get(port, "/callback")[0].status == 400
    finally:
        sign_in.leave()


@pytest.mark.parametrize(
    ("uri", "catchable"),
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
def test_what_can_be_caught(uri, catchable):
    """Plain http on this machine, nothing else."""
    assert is_catchable(uri) is catchable
