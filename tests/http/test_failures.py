"""Every failure of the network becomes one error of this package, within the stated time."""

import dataclasses
import re
import socket
import threading
import time

import pytest
from support.helpers import PNG
from support.raw_server import raw_server, read_head
from support.scripted_server import scripted_session

from gyazo_nb import (
    ConnectionFailedError,
    Gyazo,
    InvalidRequestError,
    PlanError,
    ServerError,
    Timeouts,
    TooManyRequestsError,
    UnreadableReplyError,
)
from gyazo_nb.sandbox import Fault, Sandbox, serve


@pytest.fixture
def without_retries(gyazo, urls):
    """A session that makes one attempt."""
    with Gyazo(gyazo.account.token, **urls, retries=0) as session:
        yield session


@pytest.fixture
def silent_server():
    """The URL of a server that accepts connections and never replies."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"


@pytest.mark.parametrize(
    ("fault", "kind", "words"),
    [
        (Fault(status=400, body="title is too long"), InvalidRequestError, "title is too long"),
        (Fault(status=400, body=""), InvalidRequestError, "400"),
        (Fault(status=402, body={"message": "Upgrade required"}), PlanError, "Upgrade required"),
        (Fault(status=429, headers={"Retry-After": "3"}), TooManyRequestsError, "429"),
        (Fault(status=502, body="<html>Bad gateway</html>"), ServerError, "502"),
        (Fault(status=200, body="<html>A proxy's page</html>"), UnreadableReplyError, "a web page"),
        (Fault(status=200, body=""), UnreadableReplyError, "empty"),
        (Fault(status=200, body=[1, 2]), UnreadableReplyError, "another shape"),
        (Fault(status=302, headers={"Location": "/elsewhere"}), UnreadableReplyError, "a redirect"),
        (Fault(cut="request"), ConnectionFailedError, "closed the connection early"),
        (Fault(cut="reply"), ConnectionFailedError, "closed the connection early"),
    ],
)
def test_every_fault_raises_an_error_that_names_the_request(
    call, without_retries, server, fault, kind, words
):
    """The error does not show the token."""
    server.sandbox.faults.append(dataclasses.replace(fault))  # a fault counts its uses

    with pytest.raises(kind, match=words) as caught:
        call(without_retries, "upload", PNG)

    assert "/api/upload" in str(caught.value)
    assert without_retries.account.token.reveal() not in repr(caught.value)


@pytest.mark.parametrize(
    "rest",
    [
        b"Content-Length: 900\r\n\r\n<html>",
        b"Content-Encoding: br\r\nContent-Length: 3\r\n\r\nabc",
        b"Transfer-Encoding: chunked\r\n\r\nff\r\n<html>",
    ],
    ids=["cut", "encoding", "cut chunk"],
)
def test_status_of_an_error_counts_if_its_body_cannot_be_read(call, rest):
    """A server that refuses a large picture can close the connection before it sent its whole page."""

    def refuse(client):
        read_head(client)
        client.recv(2**16)
        client.sendall(b"HTTP/1.1 413 Payload Too Large\r\n" + rest)

    with (
        raw_server(refuse) as server,
        Gyazo("a-token", upload_url=server.url, retries=0) as gyazo,
        pytest.raises(InvalidRequestError, match="returned 413: the picture is too large"),
    ):
        call(gyazo, "upload", PNG)


@pytest.mark.slow  # the server waits, so that the reply arrives before the end of the connection
@pytest.mark.parametrize("tls", [False, True], ids=["http", "https"])
@pytest.mark.parametrize("is_file", [False, True], ids=["bytes", "file"])
def test_early_reply_to_a_large_upload_is_read(
    call, tls, is_file, server_tls, authority_file, monkeypatch, tmp_path
):
    """The server refuses the upload after its head, and closes the connection while the body is sent.

    A file is sent in smaller parts than bytes.
    """
    monkeypatch.setenv("SSL_CERT_FILE", authority_file)
    picture = PNG + bytes(20_000_000)
    file = tmp_path / "large.png"
    file.write_bytes(picture)

    def refuse(client):
        read_head(client)
        client.sendall(b"HTTP/1.1 413 Payload Too Large\r\nContent-Length: 0\r\n\r\n")
        time.sleep(0.2)

    with (
        raw_server(refuse, tls=server_tls if tls else None) as server,
        Gyazo("a-token", upload_url=server.url, retries=0) as gyazo,
        pytest.raises(InvalidRequestError, match="returned 413"),
    ):
        call(gyazo, "upload", file if is_file else picture)


@pytest.mark.slow  # the server reads for several timeouts
def test_timeout_of_a_write_is_for_a_part_of_the_body(call):
    """An upload on a slow line takes longer than one timeout."""
    image = b'{"image_id": "8980c52421e452ac3355ca3e5cfe7a0c"}'

    def read_slowly(client):
        head = read_head(client)
        left = int(re.search("(?i)content-length: ([0-9]+)", head)[1])
        while left:
            left -= len(client.recv(min(left, 2**17)))
            time.sleep(0.015)
        client.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(image), image))

    with (
        raw_server(read_slowly, receive_buffer=2**16) as server,
        Gyazo("a-token", upload_url=server.url, timeout=Timeouts(5, 10, 0.5), retries=0) as gyazo,
    ):
        assert call(gyazo, "upload", PNG + bytes(10_000_000)).image_id.startswith("8980")


@pytest.mark.slow  # the timeout includes the connection, which takes some time on a loaded machine
def test_server_that_never_replies_raises_an_error_after_the_timeout(call, silent_server):
    """With `timeout` as one number."""
    gyazo = Gyazo("a-token", api_url=silent_server, timeout=0.6, retries=0)
    with gyazo, pytest.raises(ConnectionFailedError, match="did not reply within 0.6 seconds"):
        call(gyazo, "me")


def test_single_timeout_can_be_set(call, silent_server):
    """With `timeout` as `Timeouts`."""
    gyazo = Gyazo("a-token", api_url=silent_server, timeout=Timeouts(read=0.1), retries=0)
    with gyazo, pytest.raises(ConnectionFailedError, match="did not reply within 0.1 sec"):
        call(gyazo, "me")


@pytest.mark.slow  # as above
def test_connection_is_closed_at_the_deadline(call):
    """Each byte arrives within the read timeout, but the whole reply takes too long."""
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def send_byte_by_byte():
            client, _ = listener.accept()
            with client:
                client.recv(10_000)
                try:
                    client.sendall(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
                    while True:
                        client.sendall(b"1\r\n \r\n")
                        time.sleep(0.02)
                except OSError:
                    return

        thread = threading.Thread(target=send_byte_by_byte)
        thread.start()
        url = f"http://127.0.0.1:{listener.getsockname()[1]}"
        timeouts = Timeouts(read=30, answer=0.6)
        with Gyazo("a-token", api_url=url, timeout=timeouts, retries=0) as gyazo:
            with pytest.raises(ConnectionFailedError, match="finish its reply within 0.6 seconds"):
                call(gyazo, "me")
            thread.join(10)
            assert not thread.is_alive()


def test_reply_that_is_too_large_raises_an_error(call, monkeypatch):
    """No reply of Gyazo in JSON is that large."""
    monkeypatch.setattr("gyazo_nb.http.failures.MAX_JSON_BYTES", 1000)
    with (
        scripted_session(lambda *_: (200, {}, b" " * 5000)) as (gyazo, _),
        pytest.raises(ConnectionFailedError, match="sent a reply of more than"),
    ):
        call(gyazo, "me")


@pytest.mark.parametrize(
    ("name", "value"),
    [("HTTPS_PROXY", "gopher://x"), ("ALL_PROXY", "http://["), ("SSL_CERT_FILE", "/no/such/file")],
)
def test_wrong_proxy_or_certificate_variable_raises_an_error(monkeypatch, name, value):
    """These variables are read by httpx. The error names them."""
    monkeypatch.setenv(name, value)

    with pytest.raises(ConnectionFailedError, match=r"was not sent|could not be reached"):
        Gyazo("a-token", api_url="https://127.0.0.1:1", retries=0).me()


def test_reason_of_the_system_is_the_same_for_blocking_and_async(call):
    """The event loop of Python says: Connect call failed ('127.0.0.1', 1)."""
    with (
        Gyazo("a-token", api_url="http://127.0.0.1:1", retries=0) as gyazo,
        pytest.raises(ConnectionFailedError, match=r"could not be reached \(Connection refused\)"),
    ):
        call(gyazo, "me")


def test_reason_is_named_for_a_host_with_several_addresses(call, monkeypatch):
    """An async call tries them at the same time: "multiple connection attempts failed"."""
    resolve = socket.getaddrinfo

    def resolve_twice(host, *arguments, **options):
        name = "127.0.0.1" if host in {"two.test", b"two.test"} else host
        return resolve(name, *arguments, **options) * 2

    monkeypatch.setattr(socket, "getaddrinfo", resolve_twice)
    with (
        Gyazo("a-token", api_url="https://two.test:1", retries=0) as gyazo,
        pytest.raises(ConnectionFailedError, match=r"could not be reached \(Connection refused\)"),
    ):
        call(gyazo, "me")


@pytest.mark.slow  # the timeout of a connection
def test_timeout_of_a_connection_is_for_all_addresses_together(call, monkeypatch):
    """A firewall may drop packets. Before, a call to 30 addresses waited 30 times as long."""
    resolve = socket.getaddrinfo

    def resolve_often(host, *arguments, **options):
        if host in {"many.test", b"many.test"}:
            return resolve("127.0.0.1", *arguments, **options) * 30
        return resolve(host, *arguments, **options)

    monkeypatch.setattr(socket, "getaddrinfo", resolve_often)
    with socket.create_server(("127.0.0.1", 0), backlog=0) as full:
        waiting = [socket.socket() for _ in range(4)]  # more than the queue of the server takes
        for client in waiting:
            client.setblocking(False)
            client.connect_ex(full.getsockname())
        url = f"https://many.test:{full.getsockname()[1]}"
        began = time.monotonic()
        with (
            Gyazo("a-token", api_url=url, timeout=Timeouts(connect=0.3), retries=0) as gyazo,
            pytest.raises(ConnectionFailedError, match="did not accept a connection within 0.3"),
        ):
            call(gyazo, "me")
        assert time.monotonic() - began < 15 * 0.3  # also on a slow machine
        for client in waiting:
            client.close()


def test_error_of_an_unreachable_server_shows_no_token(call):
    """Not even with the token as a parameter: the error has no query."""
    with serve(Sandbox()) as server:
        token, url = server.sandbox.new_token(), server.url
    with Gyazo(token, api_url=url, token_in="parameter", retries=0) as gyazo:
        with pytest.raises(ConnectionFailedError, match="could not be reached") as caught:
            call(gyazo, "me")

        assert token not in str(caught.value)


def test_error_names_the_reason_also_while_the_caller_handles_another_error(call):
    """That error becomes the context of the errors of the network."""
    with Gyazo("a-token", api_url="http://127.0.0.1:1", retries=0) as gyazo:
        try:
            int("not a number")
        except ValueError:
            with pytest.raises(ConnectionFailedError, match="refused"):
                call(gyazo, "me")
