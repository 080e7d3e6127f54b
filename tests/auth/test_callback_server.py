"""The callback server: it listens on loopback only, and accepts only the redirect of a waiting sign-in."""

import contextlib
import http.client
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
from support.helpers import free_port

from gyazo_nb import Secret
from gyazo_nb.auth import callback_server
from gyazo_nb.auth.callback_server import (
    FAILED_PAGE,
    MAX_CONNECTIONS,
    MAX_HEAD_BYTES,
    NOT_FOUND_PAGE,
    SIGNED_IN_PAGE,
    WRONG_STATE_PAGE,
    CallbackSubscription,
    Subscriber,
    can_listen,
)
from gyazo_nb.auth.paste import is_redirect_of

STATE = Secret("the-state")


@pytest.fixture
def port():
    return free_port()


@pytest.fixture
def uri(port):
    return f"http://127.0.0.1:{port}/callback"


class WaitingSignIn:
    """A subscribed sign-in that records the addresses that it receives."""

    def __init__(self, uri, state=STATE, *, succeeds=True):
        self.received = []
        self.succeeds = succeeds
        self.state = state
        subscriber = Subscriber(
            lambda address: is_redirect_of(address, self.state), self.on_redirect
        )
        subscription = CallbackSubscription(uri, subscriber)
        subscription.start()
        self.is_active, self.stop = subscription.is_active, subscription.stop

    def on_redirect(self, address):
        self.received.append(address.reveal())
        if self.succeeds:
            self.stop()
        return self.succeeds


def request(port, path, *, host="127.0.0.1", method="GET", headers=None):
    connection = http.client.HTTPConnection(host, port, timeout=10)
    connection.request(method, path, headers=headers or {})
    reply = connection.getresponse()
    body = reply.read().decode()
    connection.close()
    return reply, body


def callback_threads():
    """The running threads of all servers. `enumerate` also returns a thread whose start was interrupted."""
    threads = [one for one in threading.enumerate() if one.name.startswith("gyazo_nb callback")]
    return [one for one in threads if one.is_alive()]


@pytest.fixture
def waiting(uri):
    sign_in = WaitingSignIn(uri)
    yield sign_in
    sign_in.stop()


GOOD = "/callback?code=abc&state=the-state"


def test_the_redirect_is_received(waiting, port, uri):
    """The sign-in gets the whole address, the browser gets a page, and the port is free again."""
    reply, body = request(port, GOOD)

    assert (reply.status, body) == (200, SIGNED_IN_PAGE)
    assert waiting.received == [uri + "?code=abc&state=the-state"]
    with pytest.raises(ConnectionRefusedError):
        request(port, GOOD)


def test_a_redirect_with_an_unreadable_other_parameter_is_received(waiting, port):
    """Only the code and the state count: a server may add a name in Latin-1."""
    assert request(port, f"{GOOD}&name=J%FCrgen")[0].status == 200
    assert waiting.received


@pytest.mark.parametrize(
    ("registered", "requested"),
    [
        ("コールバック", "%E3%82%B3%E3%83%BC%E3%83%AB%E3%83%90%E3%83%83%E3%82%AF"),
        ("%7euser", "~user"),
    ],
)
def test_the_path_is_compared_in_its_normal_form(port, registered, requested):
    """A browser sends a path with Japanese characters in percent-encoding."""
    waiting = WaitingSignIn(f"http://127.0.0.1:{port}/{registered}")

    assert request(port, f"/{requested}?code=abc&state=the-state")[0].status == 200
    waiting.stop()


def test_a_denied_access_is_received_too(uri, port):
    """The sign-in gets error=… and continues to wait."""
    waiting = WaitingSignIn(uri, succeeds=False)
    reply, body = request(port, "/callback?error=access_denied&state=the-state")

    assert (reply.status, body) == (200, FAILED_PAGE)
    assert request(port, GOOD)[0].status == 200
    assert len(waiting.received) == 2
    waiting.stop()


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
    """An attacker can make a name resolve to this machine (DNS rebinding)."""
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
    """The other program uses one loopback address or all addresses: it could receive the code.

    The sign-in continues without the redirect: the user can paste the address.
    """
    with socket.socket(family) as other:
        other.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        other.bind((host, port))
        other.listen()
        refused = WaitingSignIn(uri)

    assert not refused.is_active
    sign_in = WaitingSignIn(uri)  # the failed attempt left no server
    assert sign_in.is_active
    sign_in.stop()


def test_a_port_can_be_used_again_at_once(uri, port):
    """Thirty sign-ins one after the other on one port, each with a real connection."""
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


def test_a_stop_ends_every_thread_and_may_be_called_twice(uri):
    """No thread of the server remains."""
    sign_in = WaitingSignIn(uri)
    sign_in.stop()
    sign_in.stop()

    assert callback_threads() == []


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
        sign_in.stop()


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


# ── the lifetime of a subscription ───────────────────────────────────────────────────────────────


def wait_until(is_true, seconds=30):
    """Wait for a condition. The limit is only for a test that fails."""
    deadline = time.monotonic() + seconds
    while not is_true():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def is_free(port):
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
        return True


def test_a_subscription_that_no_code_stops_ends_and_releases_the_port(port, uri):
    """The server ends it, without any call. `on_timeout` reports it once, and a new start works."""
    timeouts = []
    subscriber = Subscriber(lambda _: False, lambda _: False, lambda: timeouts.append(1))
    subscription = CallbackSubscription(uri, subscriber, lifetime=60)
    subscription.start()
    assert subscription.is_active
    subscription._lifetime = 0.2
    subscription.start()  # begins the lifetime again

    wait_until(lambda: is_free(port))
    wait_until(lambda: timeouts)

    assert not subscription.is_active
    subscription._lifetime = 60  # a request can take long on a loaded machine
    subscription.start()
    assert request(port, GOOD)[0].status == 400
    subscription.stop()
    assert is_free(port)
    assert timeouts == [1]


def test_a_second_start_begins_the_lifetime_again(port, uri):
    """A panel starts again with each new link."""
    subscriber = Subscriber(lambda _: False, lambda _: False)
    for lifetime in (0.2, 60):
        subscription = CallbackSubscription(uri, subscriber, lifetime=lifetime)
        subscription.start()
    time.sleep(0.3)

    assert subscription.is_active
    assert request(port, GOOD)[0].status == 400
    subscription.stop()


def test_each_subscription_at_a_port_has_its_own_lifetime(port, uri):
    """The end of one does not end the other."""
    waiting = WaitingSignIn(uri)
    short = CallbackSubscription(uri, Subscriber(lambda _: False, lambda _: False), lifetime=0.1)
    short.start()

    wait_until(lambda: not short.is_active)

    assert request(port, GOOD)[0].status == 200
    assert waiting.received
    assert is_free(port)


def run_script(script, *arguments):
    """Run a script in a separate process, and return its output."""
    finished = subprocess.run(
        [sys.executable, "-W", "ignore::DeprecationWarning", "-c", script, *map(str, arguments)],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert finished.returncode == 0, finished.stderr
    return finished.stdout


SCRIPT = """
import os, random, signal, socket, sys, threading, time
from gyazo_nb.auth.callback_server import CallbackSubscription, Subscriber

def free_port():
    port = random.randrange(10_000, 30_000)
    return port if is_free(port) else free_port()

def is_free(port):
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
        return True

def becomes_free(port):
    # A child closes its sockets when the system runs it first, which may be after the fork.
    deadline = time.monotonic() + 30
    while not is_free(port) and time.monotonic() < deadline:
        time.sleep(0.01)
    return is_free(port)

def subscription(port, lifetime=600.0, on_redirect=lambda address: False):
    subscriber = Subscriber(lambda address: True, on_redirect)
    return CallbackSubscription(f"http://127.0.0.1:{port}/callback", subscriber, lifetime=lifetime)
"""


@pytest.mark.slow
def test_after_an_interrupt_at_any_moment_the_port_is_free_again():
    """60 real interrupts: while it starts and waits, while it stops, and in code that never stops it."""
    output = run_script(
        SCRIPT
        + """
def wait():
    # Briefly: a signal that another thread of the process gets does not end a sleep.
    while True:
        time.sleep(0.01)

def interrupt_at(moment, cell):
    port = free_port()
    waiting = subscription(port, lifetime=0.3)
    interrupt = threading.Timer(moment / 60 * 0.01, os.kill, (os.getpid(), signal.SIGINT))
    try:
        interrupt.start()
        try:
            waiting.start()
            if cell == "start_and_stop":
                time.sleep(0.003)
            else:
                wait()
        finally:
            if cell != "start_without_stop":
                waiting.stop()
        wait()
    except KeyboardInterrupt:
        return port

for cell in ("start", "start_and_stop", "start_without_stop"):
    ports = [interrupt_at(moment, cell) for moment in range(60)]
    print(cell, all(map(becomes_free, ports)))
"""
    )

    assert output.split() == [
        "start",
        "True",
        "start_and_stop",
        "True",
        "start_without_stop",
        "True",
    ]


# ── forked child processes ───────────────────────────────────────────────────────────────────────


def test_a_forked_child_does_not_keep_the_port():
    """Forked directly, by multiprocessing, and with a pseudo terminal. The parent goes on listening."""
    output = run_script(
        SCRIPT
        + """
import multiprocessing, pty
from urllib.error import HTTPError
from urllib.request import urlopen

def wait_for_end():
    os.read(end, 1)

port = free_port()
waiting = subscription(port)
waiting.start()
end, end_writer = os.pipe()
children = []
for fork in (os.fork, lambda: pty.fork()[0]):
    pid = fork()
    if pid == 0:
        assert not waiting.is_active
        wait_for_end()
        os._exit(0)
    children.append(pid)
process = multiprocessing.get_context("fork").Process(target=wait_for_end)
process.start()

print(urlopen(f"http://127.0.0.1:{port}/callback?code=a&state=b", timeout=20).status)
print(waiting.is_active, is_free(port))
waiting.stop()
print(becomes_free(port), process.is_alive(), [os.waitpid(pid, os.WNOHANG)[0] for pid in children])
os.write(end_writer, b"...")
process.join()
"""
    )

    assert output.split("\n")[:3] == ["200", "True False", "True True [0, 0]"]


def test_a_browser_gets_the_whole_reply_while_a_child_lives():
    """A child that is forked during the exchange does not keep the connection open."""
    output = run_script(
        SCRIPT
        + """
forked = []
def on_redirect(address):
    pid = os.fork()
    if pid == 0:
        signal.pause()
    forked.append(pid)
    return True

port = free_port()
waiting = subscription(port, on_redirect=on_redirect)
waiting.start()
with socket.create_connection(("127.0.0.1", port), timeout=20) as browser:
    browser.sendall(f"GET /callback?code=a&state=b HTTP/1.1\\r\\nHost: 127.0.0.1:{port}\\r\\n\\r\\n".encode())
    reply = b""
    while received := browser.recv(65536):
        reply += received
print(b"Signed in" in reply, os.waitpid(forked[0], os.WNOHANG)[0])
os.kill(forked[0], signal.SIGKILL)
"""
    )

    assert output == "True 0\n"


def test_a_child_can_listen_itself():
    """Also at the port of its parent, when the parent has stopped."""
    output = run_script(
        SCRIPT
        + """
port = free_port()
waiting = subscription(port)
waiting.start()
go, go_writer = os.pipe()
pid = os.fork()
if pid == 0:
    os.read(go, 1)
    waiting.stop()
    waiting.start()
    print(waiting.is_active, is_free(port), flush=True)
    waiting.stop()
    print(is_free(port), flush=True)
    os._exit(0)
waiting.stop()
os.write(go_writer, b".")
os.waitpid(pid, 0)
"""
    )

    assert output.split() == ["True", "False", "True"]


def test_a_fork_at_any_moment_keeps_no_port_and_no_lock():
    """100 forks while another thread starts and stops. Each child can start and stop, too."""
    output = run_script(
        SCRIPT
        + """
ports = [free_port() for _ in range(3)]
stop = threading.Event()

def churn():
    while not stop.is_set():
        for port in ports:
            waiting = subscription(port)
            waiting.start()
            waiting.stop()

churning = threading.Thread(target=churn)
churning.start()
end, end_writer = os.pipe()
children = []
for _ in range(100):
    pid = os.fork()
    if pid == 0:
        signal.alarm(60)  # ends a child that waits for a lock
        own = subscription(free_port())
        own.start()
        own.stop()
        os.read(end, 1)
        os._exit(0)
    children.append(pid)
    time.sleep(0.002)
stop.set()
churning.join()
print([port for port in ports if not becomes_free(port)])
os.write(end_writer, b"." * 100)
print(sum(os.waitpid(pid, 0)[1] for pid in children))
"""
    )

    assert output.split() == ["[]", "0"]


# ── slow and hostile clients ─────────────────────────────────────────────────────────────────────


def drip(port, start, byte, ended, *, interval=0.02):
    """Send the start of a request, then one byte at a time, until the server closes the connection."""
    with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port)) as client:
        client.settimeout(interval)
        client.sendall(start)
        while True:
            with contextlib.suppress(TimeoutError):
                if not client.recv(65_536):
                    break
            client.sendall(byte)
    ended.append(start)


@pytest.fixture
def drip_clients(port):
    """Return a function that starts a number of clients, and returns the list of those that ended."""
    threads = []

    def start(number, start=b"GET /callback?code=", byte=b"x"):
        ended = []
        for _ in range(number):
            threads.append(threading.Thread(target=drip, args=(port, start, byte, ended)))
            threads[-1].start()
        return ended

    yield start
    for thread in threads:
        thread.join(60)
        assert not thread.is_alive()


@pytest.mark.parametrize(
    ("start", "byte"),
    [
        (b"", b"x"),
        (b"GET /callback?code=", b"x"),
        (b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nX: ", b"x"),
        (b"GET / HTTP/1.1\r\n", b"X: y\r\n"),
        (b"", b"\r\n"),
        (b"POST / HTTP/1.1\r\nContent-Length: 1000000\r\n\r\n", b"x"),
    ],
    ids=["nothing", "request line", "header", "headers", "empty lines", "body"],
)
def test_a_slow_client_is_disconnected(waiting, port, drip_clients, monkeypatch, start, byte):
    """35 clients send bytes again and again. The time limit is for the whole connection."""
    with monkeypatch.context() as patch:
        patch.setattr(callback_server, "REQUEST_TIMEOUT", 0.1)
        patch.setattr(callback_server, "DISCARD_TIMEOUT", 0.1)

        ended = drip_clients(35, start, byte)

        wait_until(lambda: len(ended) == 35)
    assert request(port, GOOD)[0].status == 200


def test_a_client_that_sends_no_byte_is_disconnected(waiting, port, monkeypatch):
    """35 clients connect and wait."""
    monkeypatch.setattr(callback_server, "REQUEST_TIMEOUT", 0.1)
    with contextlib.ExitStack() as stack:
        clients = [
            stack.enter_context(socket.create_connection(("127.0.0.1", port), timeout=30))
            for _ in range(35)
        ]

        assert [client.recv(1) for client in clients] == [b""] * 35


@pytest.mark.parametrize("start", [b"", b"GET /callback?code=", b"GET / HTTP/1.1\r\nHost: "])
def test_a_browser_gets_its_reply_while_100_slow_clients_wait(waiting, port, start):
    """They cost no thread, and no more than `MAX_CONNECTIONS` stay connected."""
    threads = threading.active_count()
    with contextlib.ExitStack() as stack:
        clients = [
            stack.enter_context(socket.create_connection(("127.0.0.1", port), timeout=30))
            for _ in range(100)
        ]
        for client in clients:
            with contextlib.suppress(ConnectionError):  # closed, because it was the oldest
                client.sendall(start)

        assert request(port, "/callback")[0].status == 400
        assert threading.active_count() <= threads
        assert sum(is_closed(client) for client in clients) >= 100 - MAX_CONNECTIONS
        assert request(port, GOOD)[0].status == 200

    assert waiting.received


def is_closed(client):
    client.setblocking(False)
    try:
        return client.recv(1) == b""
    except BlockingIOError:
        return False
    except ConnectionError:
        return True


def test_slow_clients_do_not_delay_the_stop(uri, port):
    """The port is free and the thread has ended, although clients are connected."""
    waiting = WaitingSignIn(uri)
    with contextlib.ExitStack() as stack:
        for _ in range(100):
            stack.enter_context(socket.create_connection(("127.0.0.1", port)))
        waiting.stop()

        assert is_free(port)
        assert callback_threads() == []


def test_redirects_that_wait_for_their_result_are_bounded(uri, port):
    """A page that is reloaded during the exchange waits. Other requests still get a reply afterwards."""
    gate = threading.Event()
    subscriber = Subscriber(lambda _: True, lambda _: gate.wait(60) and False)
    subscription = CallbackSubscription(uri, subscriber)
    subscription.start()
    try:
        with contextlib.ExitStack() as stack:
            for _ in range(MAX_CONNECTIONS + 20):
                client = socket.create_connection(("127.0.0.1", port), timeout=30)
                stack.enter_context(client).sendall(
                    f"GET {GOOD} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n\r\n".encode()
                )

            wait_until(lambda: is_closed(client))
            assert names().count("gyazo_nb redirect") == MAX_CONNECTIONS
            gate.set()
            wait_until(lambda: "gyazo_nb redirect" not in names())
        assert request(port, "/other")[0].status == 404
    finally:
        gate.set()
        subscription.stop()


def names():
    return [thread.name for thread in threading.enumerate()]


@pytest.mark.parametrize(
    ("head", "status"),
    [
        (b"GET /callback?" + b"x" * 70_000 + b" HTTP/1.1\r\n\r\n", 414),
        (b"GET / HTTP/1.1\r\nX: " + b"x" * 70_000 + b"\r\n\r\n", 431),
        (b"GET / HTTP/1.1\r\n" + b"X: y\r\n" * 101 + b"\r\n", 431),
        (b"GET / HTTP/1.1\r\nX: " + b"x" * MAX_HEAD_BYTES, 431),
        (b"GET / HTTP/x.y\r\n\r\n", 400),
        (b"\0\xff\xfe\r\n\r\n", 400),
    ],
)
def test_a_request_that_is_too_large_or_malformed_is_refused(waiting, port, head, status):
    """With a static page, and the sign-in continues to wait."""
    with socket.create_connection(("127.0.0.1", port), timeout=30) as client:
        client.sendall(head)
        reply = b""
        while received := client.recv(65_536):
            reply += received

    assert (f" {status} ".encode() in reply.split(b"\r\n")[0]) or reply == NOT_FOUND_PAGE.encode()
    assert NOT_FOUND_PAGE.encode() in reply
    assert request(port, GOOD)[0].status == 200


def test_an_incomplete_request_does_not_count(waiting, port):
    """The connection ends in the middle of the address, whose code is then incomplete."""
    for end in range(5, 40):
        with socket.create_connection(("127.0.0.1", port), timeout=30) as client:
            client.sendall(f"GET {GOOD} HTTP/1.1\r\n"[:end].encode())
            client.shutdown(socket.SHUT_WR)
            assert client.recv(1) == b""

    assert waiting.received == []
    assert request(port, GOOD)[0].status == 200


def test_a_request_in_many_pieces_is_received(waiting, port):
    """One byte at a time, within the time limit."""
    with socket.create_connection(("127.0.0.1", port), timeout=30) as client:
        client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for byte in f"GET {GOOD} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n\r\n".encode():
            client.sendall(bytes([byte]))
        assert client.recv(12).endswith(b"200")
