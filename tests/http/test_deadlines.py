"""Every exchange ends at its deadline, also if a server never ends its reply: blocking and async."""

import asyncio
import gzip
import itertools
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import httpcore
import httpx
import pytest
from support.helpers import PNG
from support.raw_server import PNG_REPLY, http_proxy, raw_server, read_head, socks_proxy

from gyazo_nb import ConnectionFailedError, Gyazo, Image, PictureError, Retry, Timeouts
from gyazo_nb.http import connection_pool

DEADLINE = 0.3
TIMEOUTS = Timeouts(connect=30, read=30, write=30, answer=DEADLINE)
LATE = f"within {DEADLINE:g} seconds"
PAUSE = 0.02

HEAD = b"HTTP/1.1 200 OK\r\n"
CHUNKED = HEAD + b"Transfer-Encoding: chunked\r\n\r\n"
GZIP = HEAD + b"Content-Encoding: gzip\r\n\r\n" + gzip.compress(b"")[:10]
EMPTY_BLOCK = b"\x00\x00\x00\xff\xff"  # of deflate, without content

# What a server sends: the first part at once, then the second part again and again.
ENDLESS_REPLIES = {
    "silence": (b"", b""),
    "status line": (b"HTTP/1.1 200 O", b"K"),
    "header": (HEAD + b"X-Header: ", b"x"),
    "headers": (HEAD, b"X: y\r\n"),
    "informational replies": (b"", b"HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n"),
    "silence after the headers": (HEAD + b"Content-Length: 100\r\n\r\n", b""),
    "body with a length": (HEAD + b"Content-Length: 10000\r\n\r\n", b" "),
    "body without a length": (HEAD + b"\r\n", b" "),
    "chunks": (CHUNKED, b"1\r\n \r\n"),
    "chunk size": (CHUNKED, b"0"),
    "chunk extension": (CHUNKED + b"1;", b"x"),
    "trailers": (CHUNKED + b"1\r\n \r\n0\r\n", b"X: y\r\n"),
    "empty blocks of gzip": (GZIP, EMPTY_BLOCK),
}
# Replies that are sent as fast as possible. They add no bytes to the body.
FLOODS = {
    "informational replies": (b"", b"HTTP/1.1 103 Early Hints\r\n\r\n" * 1000),
    "empty blocks of gzip": (GZIP, EMPTY_BLOCK * 20_000),
}


@pytest.fixture(scope="module", autouse=True)
def _imports():
    """Import everything that a request needs: the deadlines are too short for that.

    The certificates are those without variables, as in the tests.
    """
    with (
        pytest.MonkeyPatch.context() as patch,
        session("http://127.0.0.1:1", retries=0) as gyazo,
    ):
        for name in ("SSL_CERT_FILE", "SSL_CERT_DIR"):
            patch.delenv(name, raising=False)
        for kind in ("blocking", "async"):
            assert "could not be reached" in run(kind, calls(gyazo, "")[kind, "me"])


def send_endlessly(first, again, pause=PAUSE):
    """The behavior of a server that reads a request, and never ends its reply."""

    def behave(client):
        read_head(client)
        client.sendall(first)
        while True:
            client.sendall(again)
            time.sleep(pause)

    return behave


def run(kind, function):
    """Call a function, or run the coroutine that it returns. Returns its error."""
    began = time.monotonic()
    with pytest.raises((ConnectionFailedError, PictureError)) as caught:
        asyncio.run(function()) if kind == "async" else function()
    # The guarantee is DEADLINE; a loaded machine gets much more.
    assert time.monotonic() - began < 10 * DEADLINE + 5
    return str(caught.value)


def calls(gyazo, url):
    """Each kind of exchange: an API call, an upload, and the two ways to fetch a file, also async."""
    image = Image("a", url=f"{url}/x.png", source=gyazo._connection.transport)

    return {
        ("blocking", "me"): gyazo.me,
        ("blocking", "upload"): lambda: gyazo.upload(PNG),
        ("blocking", "download"): image.download,
        ("blocking", "address"): lambda: gyazo.upload(f"{url}/x.png"),
        ("async", "me"): gyazo.ame,
        ("async", "upload"): lambda: gyazo.aupload(PNG),
        ("async", "download"): image.adownload,
        ("async", "address"): lambda: gyazo.aupload(f"{url}/x.png"),
    }


def errors_of(functions):
    """Run all calls at the same time, and return their errors."""
    with ThreadPoolExecutor(len(functions)) as pool:
        futures = {key: pool.submit(run, key[0], call) for key, call in functions.items()}
        return {key: future.result() for key, future in futures.items()}


def without(words, errors):
    """The errors that do not contain these words."""
    return {key: error for key, error in errors.items() if words not in error}


def session(url, timeout=TIMEOUTS, **options):
    return Gyazo(
        "a-token", **dict.fromkeys(("api_url", "upload_url"), url), timeout=timeout, **options
    )


@pytest.mark.parametrize("part", ENDLESS_REPLIES)
def test_reply_that_never_ends_fails_at_the_deadline(part):
    """The server sends any part of the reply slowly; each single read is fast enough."""
    with (
        raw_server(send_endlessly(*ENDLESS_REPLIES[part])) as server,
        session(server.url, retries=0) as gyazo,
    ):
        errors = errors_of(calls(gyazo, server.url))

    assert len(errors) == 8
    assert without(f"did not finish its reply {LATE}", errors) == {}


@pytest.mark.parametrize("part", FLOODS)
@pytest.mark.parametrize("kind", ["blocking", "async"])
@pytest.mark.slow
def test_flood_that_adds_nothing_to_the_body_fails_at_the_deadline(kind, part):
    """A downloaded file extends the deadline by its own size only."""
    with (
        raw_server(send_endlessly(*FLOODS[part], pause=0)) as server,
        session(server.url, retries=0) as gyazo,
    ):
        for name in ("me", "download", "address"):
            error = run(kind, calls(gyazo, server.url)[kind, name])
            assert f"did not finish its reply {LATE}" in error


def test_bytes_after_the_end_of_gzip_are_an_error(call):
    """Python's zlib would keep all of them in memory, until the deadline."""
    garbage = GZIP[:-10] + gzip.compress(b"{}"), bytes(10_000)
    with (
        raw_server(send_endlessly(*garbage, pause=0)) as server,
        session(server.url, retries=0) as gyazo,
        pytest.raises(ConnectionFailedError, match="cannot be decompressed"),
    ):
        call(gyazo, "me")


@pytest.mark.parametrize("kind", ["blocking", "async"])
@pytest.mark.parametrize("secure", [False, True], ids=["http", "https"])
def test_upload_to_a_server_that_reads_slowly_fails_at_the_deadline(
    kind, secure, monkeypatch, server_tls, authority_file
):
    """It reads single bytes, so that each single write is fast enough."""
    monkeypatch.setattr(connection_pool, "MIN_BYTES_PER_SECOND", 2**40)  # no time for the size
    monkeypatch.setenv("SSL_CERT_FILE", authority_file)

    def read_slowly(client):
        while client.recv(1):
            time.sleep(PAUSE)

    with (
        raw_server(read_slowly, receive_buffer=4096, tls=server_tls if secure else None) as server,
        session(server.url, retries=0) as gyazo,
    ):
        upload = gyazo.aupload if kind == "async" else gyazo.upload
        error = run(kind, lambda: upload(PNG + bytes(20_000_000)))

    assert f"did not finish its reply {LATE}" in error


@pytest.mark.slow
def test_deadline_is_extended_for_a_slow_line(monkeypatch):
    """A body that arrives in time for its size is read to its end, after the deadline."""
    monkeypatch.setattr(connection_pool, "MIN_BYTES_PER_SECOND", 1000)
    data = PNG + bytes(2000)

    def send_slowly(client):
        read_head(client)
        client.sendall(HEAD + b"Content-Length: %d\r\n\r\n" % len(data))
        for start in range(0, len(data), 100):
            client.sendall(data[start : start + 100])
            time.sleep(PAUSE)

    with raw_server(send_slowly) as server, session(server.url, retries=0) as gyazo:
        fetched = calls(gyazo, server.url)["blocking", "download"]
        began = time.monotonic()
        assert fetched() == data
        assert (
            asyncio.run(Image("a", url=server.url, source=gyazo._connection.transport).adownload())
            == data
        )
        assert gyazo._connection.download(server.url) == data
        assert time.monotonic() - began > 3 * DEADLINE


@pytest.mark.parametrize("name", ["download", "address"])
@pytest.mark.parametrize("kind", ["blocking", "async"])
def test_deadline_includes_all_redirects(kind, name):
    """Each single redirect is fast enough."""
    hops = itertools.count()

    def redirect(client):
        read_head(client)
        time.sleep(DEADLINE / 4)
        client.sendall(
            b"HTTP/1.1 302 Found\r\nLocation: /%d.png\r\nContent-Length: 0\r\n\r\n" % next(hops)
        )

    with raw_server(redirect) as server, session(server.url, retries=0) as gyazo:
        error = run(kind, calls(gyazo, server.url)[kind, name])

    assert LATE in error
    assert next(hops) <= 10


@pytest.mark.parametrize("name", ["download", "address"])
@pytest.mark.parametrize("kind", ["blocking", "async"])
def test_redirects_in_a_circle_end(kind, name):
    """After ten of them, before the deadline."""

    def redirect(client):
        read_head(client)
        client.sendall(b"HTTP/1.1 307 Again\r\nLocation: /x.png\r\nContent-Length: 0\r\n\r\n")

    with raw_server(redirect) as server, Gyazo("t", api_url=server.url, retries=0) as gyazo:
        error = run(kind, calls(gyazo, server.url)[kind, name])
        assert "redirected too often" in error
        assert len(server.connections) <= 11


@pytest.mark.parametrize("kind", ["blocking", "async"])
def test_redirect_closes_its_connection_before_the_next_request(kind):
    """A server that handles one connection at a time would never reply to the next one."""
    one_at_a_time = threading.Lock()

    def behave(client):
        with one_at_a_time:
            while b"/to.png" not in read_head(client).encode():  # until the client closes
                client.sendall(b"HTTP/1.1 302 Go\r\nLocation: /to.png\r\nContent-Length: 0\r\n\r\n")
            client.sendall(PNG_REPLY % len(PNG) + PNG)

    with raw_server(behave) as server, session(server.url, retries=0) as gyazo:
        download = calls(gyazo, server.url)[kind, "download"]
        assert (asyncio.run(download()) if kind == "async" else download()) == PNG


@pytest.mark.parametrize("part", ["status line", "headers", "chunks", "trailers", "silence"])
def test_deadline_holds_over_tls(part, monkeypatch, server_tls, authority_file):
    monkeypatch.setenv("SSL_CERT_FILE", authority_file)
    with (
        raw_server(send_endlessly(*ENDLESS_REPLIES[part]), tls=server_tls) as server,
        session(server.url, retries=0) as gyazo,
    ):
        errors = errors_of(calls(gyazo, server.url))

    assert without(f"did not finish its reply {LATE}", errors) == {}


def test_tls_handshake_that_never_ends_fails_at_the_deadline():
    """The server sends a TLS record of 16 KB byte by byte."""

    def shake_hands(client):
        client.recv(10_000)
        client.sendall(b"\x16\x03\x03\x40\x00")
        while True:
            client.sendall(b"\x02")
            time.sleep(PAUSE)

    with raw_server(shake_hands) as server:
        url = server.url.replace("http", "https")
        with session(url, retries=0) as gyazo:
            errors = errors_of(calls(gyazo, url))

    assert without(LATE, errors) == {}


@pytest.mark.parametrize("part", ["silence", "status line", "headers", "informational replies"])
def test_proxy_that_never_ends_its_reply_fails_at_the_deadline(part, monkeypatch):
    """The reply to CONNECT. The error names the variable."""
    with (
        raw_server(send_endlessly(*ENDLESS_REPLIES[part])) as proxy,
        session("https://gyazo.test", retries=0) as gyazo,
    ):
        monkeypatch.setenv("HTTPS_PROXY", proxy.url)
        errors = errors_of(calls(gyazo, "https://gyazo.test"))

    assert without(LATE, errors) == without("HTTPS_PROXY", errors) == {}


def test_silent_socks_proxy_fails_at_the_deadline(monkeypatch):
    with (
        raw_server(lambda client: client.recv(1000) and proxy.closed.wait(60)) as proxy,
        session("https://gyazo.test", retries=0) as gyazo,
    ):
        monkeypatch.setenv("ALL_PROXY", f"socks5://127.0.0.1:{proxy.port}")
        errors = errors_of(calls(gyazo, "https://gyazo.test"))

    assert without(LATE, errors) == without("ALL_PROXY", errors) == {}


@pytest.mark.parametrize("kind", ["http", "https", "socks5"])
@pytest.mark.slow
def test_deadline_holds_through_a_proxy(kind, monkeypatch, server_tls, authority_file):
    """The server behind the proxy is the slow one. With https, TLS is nested in TLS."""
    timeouts = replace(TIMEOUTS, answer=1.5)  # on a loaded machine, the handshakes take most of it
    monkeypatch.setenv("SSL_CERT_FILE", authority_file)
    behave = send_endlessly(*ENDLESS_REPLIES["headers"])
    with raw_server(behave, tls=server_tls) as server:
        ports = {"gyazo.test": server.port}
        proxy = {
            "http": lambda: http_proxy(ports),
            "https": lambda: http_proxy(ports, tls=server_tls),
            "socks5": lambda: socks_proxy(ports),
        }[kind]
        with (
            proxy() as (proxy_server, seen),
            session("https://gyazo.test", timeouts, retries=0) as gyazo,
        ):
            monkeypatch.setenv("HTTPS_PROXY", f"{kind}://127.0.0.1:{proxy_server.port}")
            errors = errors_of(calls(gyazo, "https://gyazo.test"))

    assert len(seen) == 8
    assert without("did not finish its reply within 1.5 seconds", errors) == {}


@pytest.mark.parametrize("kind", ["blocking", "async"])
@pytest.mark.slow
def test_retries_do_not_multiply_the_deadline(kind):
    """No attempt begins after the total time of the retries."""
    retry = Retry(times=100, first=0.01, longest=0.01, total=2.5 * DEADLINE)
    with (
        raw_server(send_endlessly(*ENDLESS_REPLIES["status line"])) as server,
        session(server.url, retries=retry) as gyazo,
    ):
        error = run(kind, calls(gyazo, server.url)[kind, "me"])
        assert LATE in error
        assert 2 <= len(server.connections) <= 4


def test_slow_server_gets_no_retry_by_default():
    """The deadline of a call is longer than the total time of its retries."""
    assert Timeouts().answer > Retry().total


@pytest.mark.parametrize(
    "proxy", [None, "http://127.0.0.1:1", "https://127.0.0.1:1", "socks5://127.0.0.1:1"]
)
def test_httpx_has_the_attribute_that_sets_the_deadline(proxy, monkeypatch):
    """`connection_pool` sets `_pool._network_backend` of httpx's transport, which is private.

    If this fails after an update of httpx or httpcore, blocking exchanges may have no deadline: find the
    new way to pass a network backend.
    """
    transport = httpx.HTTPTransport(proxy=proxy)
    assert isinstance(transport._pool, httpcore.ConnectionPool)
    assert isinstance(transport._pool._network_backend, httpcore.NetworkBackend)
    transport.close()

    if proxy is not None:
        monkeypatch.setenv("ALL_PROXY", proxy)
    origin = httpcore.Origin(b"https", b"gyazo.test", 443)
    for kind, backend in (
        (httpx.HTTPTransport, connection_pool._GuardedBackend),
        (httpx.AsyncHTTPTransport, connection_pool._TrackedBackend),
    ):
        routes = connection_pool._Routes(kind, backend(TIMEOUTS.read))
        transport = routes.transport_for(httpx.URL("https://gyazo.test"))
        connection = transport._pool.create_connection(origin)
        assert reachable_backends(connection) == {backend}


def reachable_backends(connection):
    """The classes of the network backends of a connection and of the connections inside it."""
    backends = {
        type(value) for name, value in vars(connection).items() if name == "_network_backend"
    }
    inner = getattr(connection, "_connection", None)
    return backends | (reachable_backends(inner) if inner is not None else set())
