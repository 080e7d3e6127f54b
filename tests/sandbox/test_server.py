"""The sandbox as a server: start and stop, recorded requests, faults."""

import gc
import re
import socket
import sys
import threading
import time
import warnings
from contextlib import ExitStack, suppress
from io import BytesIO

import httpx
import pytest
from PIL import Image

import gyazo_nb.sandbox
from gyazo_nb.sandbox import Account, Application, Fault, Sandbox, serve


def make_image():
    out = BytesIO()
    Image.new("RGB", (4, 3)).save(out, "PNG")
    return out.getvalue()


@pytest.fixture
def port(server):
    return int(server.url.rpartition(":")[2])


@pytest.fixture
def client(server):
    headers = {"authorization": f"Bearer {server.sandbox.new_token()}"}
    with httpx.Client(base_url=server.url, headers=headers) as client:
        yield client


def test_all_public_names_exist():
    """An unknown name is an AttributeError."""
    for name in gyazo_nb.sandbox.__all__:
        assert getattr(gyazo_nb.sandbox, name)
    with pytest.raises(AttributeError):
        _ = gyazo_nb.sandbox.nothing


def test_variables_describe_the_first_application(server):
    """All addresses are the same server."""
    variables = server.variables

    assert re.fullmatch(r"http://127\.0\.0\.1:\d+", server.url)
    for name in ("GYAZO_CLIENT_ID", "GYAZO_CLIENT_SECRET"):
        assert re.fullmatch(r"[\w-]{43}", variables.pop(name))
    assert variables == {
        "GYAZO_REDIRECT_URI": f"{server.url}/callback",
        "GYAZO_AUTH_URL": server.url,
        "GYAZO_API_URL": server.url,
        "GYAZO_UPLOAD_URL": server.url,
    }


def test_close_leaves_no_thread_and_no_socket():
    """It returns at once, even with an open connection and a delayed reply."""
    gc.collect()  # show the warnings of earlier tests now
    before = set(threading.enumerate())
    with warnings.catch_warnings(record=True) as seen:
        warnings.simplefilter("always")
        server = serve(Sandbox())
        idle = socket.create_connection(("127.0.0.1", int(server.url.rpartition(":")[2])))
        server.sandbox.faults.append(Fault(delay=60))

        def wait_for_reply():
            with pytest.raises(httpx.TransportError):
                httpx.get(server.url)

        waiting = threading.Thread(target=wait_for_reply)
        waiting.start()
        while server.sandbox.faults:
            time.sleep(0.005)
        began = time.monotonic()
        server.close()
        server.close()
        assert time.monotonic() - began < 30  # half of the delay
        waiting.join()
        with idle:
            assert idle.recv(1) == b""

    assert set(threading.enumerate()) <= before
    assert seen == []
    with pytest.raises(httpx.ConnectError):
        httpx.get(server.url)


@pytest.mark.slow
def test_close_leaves_no_socket_of_a_client_that_is_connecting():
    """A connection that asyncio has accepted, but not yet passed on, is closed too."""
    unclosed = []
    with pytest.MonkeyPatch.context() as patch, warnings.catch_warnings():
        warnings.simplefilter("error")
        patch.setattr(sys, "unraisablehook", lambda event: unclosed.append(str(event.exc_value)))
        for attempt in range(60):
            server = serve(Sandbox())
            address = ("127.0.0.1", int(server.url.rpartition(":")[2]))
            with ExitStack() as connections:
                connecting = threading.Thread(target=connect_often, args=[address, connections])
                connecting.start()
                time.sleep(attempt % 20 * 0.0003)
                server.close()
                connecting.join()
        gc.collect()

    assert unclosed == []


def connect_often(address, connections):
    with suppress(OSError):  # the server is closed
        for _ in range(40):
            connections.enter_context(socket.create_connection(address))


def test_sandbox_has_one_server_at_a_time(server):
    """After close it can be served again."""
    with pytest.raises(RuntimeError, match="served already"):
        serve(server.sandbox)
    server.close()
    with serve(server.sandbox) as second:
        assert httpx.get(second.url).status_code == 200


def test_port_in_use_raises_oserror(port):
    """The sandbox can be served on another port afterwards."""
    sandbox = Sandbox()
    with pytest.raises(OSError, match="in use"):
        serve(sandbox, port=port)
    serve(sandbox).close()


def test_listens_on_loopback_only(port):
    """Not even another loopback address reaches the server."""
    with pytest.raises(OSError), socket.create_connection(("127.0.0.2", port), 1):
        pass


def test_server_prints_and_logs_nothing(server, port, client, capfd, caplog):
    """In particular no authorization code, and no error about an unfinished request."""
    caplog.set_level("DEBUG", "uvicorn")
    httpx.get(f"{server.url}/callback?code=a-code")
    with socket.create_connection(("127.0.0.1", port)) as raw:
        raw.sendall(b"POST /api/upload HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\nhalf")
    client.get("/api/users/me")

    assert capfd.readouterr() == ("", "")
    assert [record for record in caplog.records if record.name.startswith("uvicorn")] == []


def test_replies_are_not_delayed_by_nagle(client):
    """With Nagle's algorithm a reply waits 40 ms for an acknowledgement."""
    fastest = 1.0
    for _ in range(300):  # a loaded machine needs several attempts
        began = time.monotonic()
        client.get("/api/users/me")
        fastest = min(fastest, time.monotonic() - began)
        if fastest < 0.03:
            break

    assert fastest < 0.03


def test_invalid_arguments_of_sandbox():
    """A sandbox needs an application and an account; unknown ids and bytes are a ValueError."""
    with pytest.raises(ValueError):
        Sandbox(applications=[])
    with pytest.raises(ValueError):
        Sandbox(accounts=[])
    with pytest.raises(ValueError):
        Sandbox().new_token(client_id="unknown")
    with pytest.raises(ValueError, match="Serve the sandbox first"):
        Sandbox().new_code()
    with pytest.raises(ValueError):
        Sandbox().add_image(b"not an image")


def test_default_sandbox_has_one_application_and_one_account():
    """The default account, Sandy Box, has a paid plan."""
    sandbox = Sandbox()
    (account,) = sandbox.accounts

    assert (account.name, account.email, account.is_pro) == ("Sandy Box", "sandy@example.com", True)
    assert not Account().is_pro
    assert Application().client_id != Application().client_id


def test_requests_are_recorded(server, client):
    """Without their bodies, and only the last thousand."""
    client.post("/api/upload?x=1", files={"imagedata": ("x", make_image())})

    recorded = server.sandbox.requests[-1]
    assert (recorded.method, recorded.path, recorded.query, recorded.status) == (
        "POST",
        "/api/upload",
        "x=1",
        200,
    )
    assert recorded.content_length == int(recorded.headers["content-length"])
    assert recorded.headers["authorization"].startswith("Bearer ")
    assert "Bearer" not in repr(recorded)
    server.sandbox.requests *= 1000
    client.get("/api/images")
    assert len(server.sandbox.requests) == 1000
    assert server.sandbox.requests[-1].path == "/api/images"


def test_reprs_contain_no_secret():
    """No token, no code and no client secret."""
    sandbox = Sandbox()
    token, code = sandbox.new_token(), sandbox.new_code(redirect_uri="http://localhost/")
    text = repr([sandbox, sandbox.token(token), sandbox.grant(code)])

    for secret in (token, code, sandbox.applications[0].client_secret):
        assert secret not in text


def test_faults_apply_in_order_to_matching_requests(server, client):
    """Each fault is removed when it is used up."""
    server.sandbox.faults += [
        Fault(503, method="DELETE"),
        Fault(429, headers={"Retry-After": "1"}, path="/api/users", times=2),
        Fault(500, body="broken", path="/api/users"),
        Fault(502, body=b"", path="/api/users", headers={"Content-Type": "text/html"}),
        Fault(401, body={"error": "x"}, path="/api/users"),
    ]

    assert client.get("/api/images").status_code == 200
    for _ in range(2):
        reply = client.get("/api/users/me")
        assert (reply.status_code, reply.headers["retry-after"]) == (429, "1")
        assert reply.json()["message"] == "Too Many Requests"
    assert client.get("/api/users/me").text == "broken"
    reply = client.get("/api/users/me")
    assert (reply.content, reply.headers["content-type"]) == (b"", "text/html")
    assert client.get("/api/users/me").json() == {"error": "x"}
    assert client.get("/api/users/me").status_code == 200
    assert client.delete("/api/images/x").status_code == 503
    assert server.sandbox.faults == []


def test_failed_upload_is_read_completely(server, client):
    """Only then does the client see the error reply and not a reset connection."""
    server.sandbox.faults.append(Fault(599, path="/api/upload"))
    reply = client.post("/api/upload", files={"imagedata": ("x", bytes(5_000_000))})

    assert reply.status_code == 599
    assert reply.json()["message"] == "Something went wrong"
    assert server.sandbox.images == []


def test_delayed_reply(server, client):
    """A fault with only a delay does not change the reply."""
    server.sandbox.faults.append(Fault(delay=0.2))
    began = time.monotonic()

    assert client.get("/api/users/me").json()["user"]["name"] == "Sandy Box"
    assert time.monotonic() - began >= 0.2


def test_cut_reply_ends_in_the_middle(server, client):
    """The upload was stored before."""
    server.sandbox.faults.append(Fault(cut="reply"))

    with pytest.raises(httpx.RemoteProtocolError, match="without sending complete"):
        client.post("/api/upload", files={"imagedata": ("x", make_image())})
    assert len(server.sandbox.images) == 1
    assert server.sandbox.requests[-1].status == 200
    server.sandbox.faults.append(Fault(500, body="", cut="reply"))
    with pytest.raises(httpx.RemoteProtocolError):
        client.get("/")
    assert client.get("/api/users/me").status_code == 200


def test_cut_request_is_not_read_and_gets_no_reply(server, client):
    """With a small and with a large body."""
    for size in (10, 20_000_000):
        server.sandbox.faults.append(Fault(cut="request"))
        with pytest.raises(httpx.TransportError):
            client.post("/api/upload", files={"imagedata": ("x", bytes(size))})
        assert server.sandbox.requests[-1].status is None
    assert server.sandbox.images == []
    assert client.get("/api/users/me").status_code == 200


def test_cut_closes_the_tcp_connection(server, port):
    """The socket of the client reads the end of the stream."""
    server.sandbox.faults.append(Fault(cut="reply"))
    with socket.create_connection(("127.0.0.1", port), 5) as raw:
        raw.sendall(b"GET /api/users/me HTTP/1.1\r\nHost: x\r\n\r\n")
        received = b""
        while chunk := raw.recv(65536):
            received += chunk
    head, _, body = received.partition(b"\r\n\r\n")
    content_length = int(re.search(rb"content-length: (\d+)", head)[1])

    assert 0 < len(body) < content_length
