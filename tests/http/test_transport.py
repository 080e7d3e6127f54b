"""What can go wrong on the wire, over real sockets: the right error within the stated time."""

import dataclasses
import socket
import threading
import time

import pytest
from support.helpers import PNG

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
from gyazo_nb.sandbox import Fault, serve


@pytest.fixture
def once(gyazo, urls):
    """A session that asks once."""
    with Gyazo(gyazo.account.token, **urls, retries=0) as once:
        yield once


@pytest.mark.parametrize(
    ("fault", "kind", "words"),
    [
        (Fault(status=400, body="title is too long"), InvalidRequestError, "title is too long"),
        (Fault(status=400, body=""), InvalidRequestError, "400"),
        (Fault(status=402, body={"message": "Upgrade required"}), PlanError, "Upgrade required"),
        (Fault(status=429, headers={"Retry-After": "3"}), TooManyRequestsError, "429"),
        (Fault(status=502, body="<html>Bad gateway</html>"), ServerError, "502"),
        (Fault(status=200, body="<html>A proxy's page</html>"), UnreadableReplyError, "a web page"),
        (Fault(status=200, body=""), UnreadableReplyError, "nothing"),
        (Fault(status=200, body=[1, 2]), UnreadableReplyError, "another shape"),
        (Fault(status=302, headers={"Location": "/elsewhere"}), UnreadableReplyError, "elsewhere"),
        (Fault(cut="request"), ConnectionFailedError, "broke off"),
        (Fault(cut="reply"), ConnectionFailedError, "broke off"),
    ],
)
def test_every_fault_is_one_of_our_errors(call, once, server, fault, kind, words):
    """The class says who must act, the sentence what was asked, and nothing shows the token."""
    server.sandbox.faults.append(dataclasses.replace(fault))  # it counts its uses

    with pytest.raises(kind, match=words) as caught:
        call(once, "upload", PNG)

    assert "/api/upload" in str(caught.value)
    assert once.account.token.reveal() not in repr(caught.value)


def test_a_redirect_does_not_take_the_token_along(call, gyazo, server):
    """Wherever a redirect points, nothing is sent there."""
    with serve() as elsewhere:
        target = {"Location": f"{elsewhere.url}/api/users/me"}
        server.sandbox.faults.append(Fault(status=307, headers=target))

        with pytest.raises(UnreadableReplyError, match="points elsewhere"):
            call(gyazo, "me")

        assert elsewhere.sandbox.requests == []


def test_a_server_that_never_answers_is_given_up(call, server):
    """After the time-out there is a sentence that states it."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}"
        gyazo = Gyazo("a-token", api_url=url, timeout=0.3)
        began = time.monotonic()

        with pytest.raises(ConnectionFailedError, match="did not answer within 0.3 seconds"):
            call(gyazo, "me")

        assert time.monotonic() - began < 5
        gyazo.close()


@pytest.mark.parametrize("encoding", ["Content-Length: 1000", "Transfer-Encoding: chunked"])
def test_an_answer_that_trickles_is_given_up(call, encoding):
    """Each byte is in time, and the whole is not: no call lasts for ever."""
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def trickle():
            client, _ = listener.accept()
            with client:
                client.recv(10_000)
                try:
                    client.sendall(f"HTTP/1.1 200 OK\r\n{encoding}\r\n\r\n".encode())
                    while True:
                        client.sendall(b" " if "Length" in encoding else b"1\r\n \r\n")
                        time.sleep(0.05)
                except OSError:
                    return

        thread = threading.Thread(target=trickle)
        thread.start()
        url = f"http://127.0.0.1:{listener.getsockname()[1]}"
        times = Timeouts(read=30, answer=0.3)
        with Gyazo("a-token", api_url=url, timeout=times, retries=0) as gyazo:
            began = time.monotonic()

            with pytest.raises(ConnectionFailedError, match="end its answer within 0.3 seconds"):
                call(gyazo, "me")

            assert time.monotonic() - began < 5
        thread.join(10)
        assert not thread.is_alive()  # it was hung up on


def test_the_time_outs_are_the_stated_ones():
    """The README and Shift-Tab say 10, 30 and 120 seconds."""
    assert Timeouts() == Timeouts(connect=10, read=30, write=30, answer=120)
    assert "10 seconds" in Gyazo.__doc__
    assert "(30)" in Gyazo.__doc__


@pytest.mark.parametrize(
    ("name", "value"),
    [("HTTPS_PROXY", "gopher://x"), ("ALL_PROXY", "http://["), ("SSL_CERT_FILE", "/no/such/file")],
)
def test_wrong_proxy_and_certificate_settings_are_a_sentence(monkeypatch, name, value):
    """The variables that the network layer reads are named when they are wrong."""
    monkeypatch.setenv(name, value)

    with pytest.raises(ConnectionFailedError, match=r"was not asked|could not be reached"):
        Gyazo("a-token", api_url="https://127.0.0.1:1").me()


def test_a_proxy_is_not_used_for_this_machine(call, gyazo, monkeypatch):
    """The sandbox is reached even where a proxy is set for everything else."""
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")
    monkeypatch.setenv("ALL_PROXY", "http://127.0.0.1:1")

    assert call(gyazo, "me").name == "Sandy Box"


def test_tls_is_verified(call):
    """A server whose certificate nobody vouches for is not spoken to."""
    with socket.create_server(("127.0.0.1", 0)) as plain:

        def answer():
            client, _ = plain.accept()
            with client:
                client.recv(1000)
                client.sendall(b"HTTP/1.1 200 OK\r\n\r\n")

        thread = threading.Thread(target=answer)
        thread.start()
        gyazo = Gyazo("a-token", api_url=f"https://127.0.0.1:{plain.getsockname()[1]}", timeout=5)

        with pytest.raises(ConnectionFailedError):
            call(gyazo, "me")

        thread.join()
        gyazo.close()
