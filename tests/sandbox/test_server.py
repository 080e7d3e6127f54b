"""The sandbox as a server: its life, its memory, its faults, its pages, and its command."""

import io
import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
import warnings
from pathlib import Path

import httpx
import pytest
from PIL import Image as Picture

import gyazo_nb.sandbox
from gyazo_nb.sandbox import Account, Application, Fault, Sandbox, serve

COMMAND = [sys.executable, "-m", "gyazo_nb.sandbox"]


def drawn():
    out = io.BytesIO()
    Picture.new("RGB", (4, 3)).save(out, "PNG")
    return out.getvalue()


@pytest.fixture
def server():
    with serve(Sandbox()) as server:
        yield server


@pytest.fixture
def client(server):
    headers = {"authorization": f"Bearer {server.sandbox.new_token()}"}
    with httpx.Client(base_url=server.url, headers=headers) as client:
        yield client


def test_public_names():
    """The package has the names that it promises, and no other."""
    for name in gyazo_nb.sandbox.__all__:
        assert getattr(gyazo_nb.sandbox, name)
    with pytest.raises(AttributeError):
        _ = gyazo_nb.sandbox.nothing


def test_variables(server):
    """The variables name the first application and one address for everything."""
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


def test_nothing_is_left_behind():
    """Closing ends at once with a connection open and an answer due, and leaves no thread."""
    before = set(threading.enumerate())
    with warnings.catch_warnings(record=True) as seen:
        warnings.simplefilter("always")
        server = serve(Sandbox())
        idle = socket.create_connection(("127.0.0.1", int(server.url.rpartition(":")[2])))
        server.sandbox.faults.append(Fault(delay=60))

        def wait_for_an_answer():
            with pytest.raises(httpx.TransportError):
                httpx.get(server.url)

        waiting = threading.Thread(target=wait_for_an_answer)
        waiting.start()
        while server.sandbox.faults:
            time.sleep(0.005)
        began = time.monotonic()
        server.close()
        server.close()
        assert time.monotonic() - began < 1
        waiting.join()
        with idle:
            assert idle.recv(1) == b""

    assert set(threading.enumerate()) == before
    assert seen == []
    with pytest.raises(httpx.ConnectError):
        httpx.get(server.url)


def test_one_place_at_a_time(server):
    """A sandbox is served in one place at a time, and in another one afterwards."""
    with pytest.raises(RuntimeError, match="served already"):
        serve(server.sandbox)
    server.close()
    with serve(server.sandbox) as again:
        assert httpx.get(again.url).status_code == 200


def test_busy_port(server):
    """A taken port is an OSError, and leaves the sandbox free to be served elsewhere."""
    sandbox = Sandbox()
    with pytest.raises(OSError, match="in use"):
        serve(sandbox, port=int(server.url.rpartition(":")[2]))
    serve(sandbox).close()


def test_listens_on_loopback_only(server):
    """The sandbox cannot be reached at another address of the machine, not even of loopback."""
    port = int(server.url.rpartition(":")[2])
    with pytest.raises(OSError), socket.create_connection(("127.0.0.2", port), 1):
        pass


def test_it_prints_nothing(server, client, capfd, caplog):
    """Neither a code nor anything else is printed or logged."""
    caplog.set_level("DEBUG", "uvicorn")
    httpx.get(f"{server.url}/callback?code=a-code")
    with socket.create_connection(("127.0.0.1", int(server.url.rpartition(":")[2]))) as raw:
        raw.sendall(b"POST /api/upload HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\nhalf")
    client.get("/api/users/me")

    assert capfd.readouterr() == ("", "")
    assert [record for record in caplog.records if record.name.startswith("uvicorn")] == []


def test_answers_are_not_held_back(client):
    """No answer waits 40 ms for an acknowledgement, as one does where Nagle's delay is on."""
    took = []
    for _ in range(20):
        began = time.monotonic()
        client.get("/api/users/me")
        took.append(time.monotonic() - began)

    assert min(took[5:]) < 0.03


def test_a_sandbox_needs_people():
    """A sandbox without an application or an account is refused when it is made."""
    with pytest.raises(ValueError):
        Sandbox(applications=[])
    with pytest.raises(ValueError):
        Sandbox(accounts=[])
    with pytest.raises(ValueError):
        Sandbox().new_token(client_id="nobody")
    with pytest.raises(ValueError, match="Serve the sandbox first"):
        Sandbox().new_code()
    with pytest.raises(ValueError):
        Sandbox().add_image(b"no picture")


def test_requests_are_noted(server, client):
    """What was asked is noted without its body, and only the last thousand."""
    client.post("/api/upload?x=1", files={"imagedata": ("x", drawn())})

    asked = server.sandbox.requests[-1]
    assert (asked.method, asked.path, asked.query, asked.status) == (
        "POST",
        "/api/upload",
        "x=1",
        200,
    )
    assert asked.content_length == int(asked.headers["content-length"])
    assert asked.headers["authorization"].startswith("Bearer ")
    assert "Bearer" not in repr(asked)
    server.sandbox.requests *= 1000
    client.get("/api/images")
    assert len(server.sandbox.requests) == 1000
    assert server.sandbox.requests[-1].path == "/api/images"


def test_credentials_stay_out_of_reprs():
    """No secret is in a repr."""
    sandbox = Sandbox()
    token, code = sandbox.new_token(), sandbox.new_code(redirect_uri="http://localhost/")
    seen = repr([sandbox, sandbox.token(token), sandbox.grant(code)])

    for secret in (token, code, sandbox.applications[0].client_secret):
        assert secret not in seen


def test_faults_in_order(server, client):
    """Faults are used up in order, each by the requests that fit it."""
    server.sandbox.faults += [
        Fault(503, method="DELETE"),
        Fault(429, headers={"Retry-After": "1"}, path="/api/users", times=2),
        Fault(500, body="broken", path="/api/users"),
        Fault(502, body=b"", path="/api/users", headers={"Content-Type": "text/html"}),
        Fault(401, body={"error": "x"}, path="/api/users"),
    ]

    assert client.get("/api/images").status_code == 200
    for _ in range(2):
        answer = client.get("/api/users/me")
        assert (answer.status_code, answer.headers["retry-after"]) == (429, "1")
        assert answer.json()["message"] == "Too Many Requests"
    assert client.get("/api/users/me").text == "broken"
    answer = client.get("/api/users/me")
    assert (answer.content, answer.headers["content-type"]) == (b"", "text/html")
    assert client.get("/api/users/me").json() == {"error": "x"}
    assert client.get("/api/users/me").status_code == 200
    assert client.delete("/api/images/x").status_code == 503
    assert server.sandbox.faults == []


def test_failed_upload_is_read_to_the_end(server, client):
    """A fault answers an upload after reading it, so that the client sees the answer."""
    server.sandbox.faults.append(Fault(599, path="/api/upload"))
    answer = client.post("/api/upload", files={"imagedata": ("x", bytes(5_000_000))})

    assert answer.status_code == 599
    assert answer.json()["message"] == "Something went wrong"
    assert server.sandbox.images == []


def test_slow_answer(server, client):
    """A fault with a delay alone gives the true answer, later."""
    server.sandbox.faults.append(Fault(delay=0.2))
    began = time.monotonic()

    assert client.get("/api/users/me").json()["user"]["name"] == "Sandy Box"
    assert time.monotonic() - began >= 0.2


def test_cut_reply(server, client):
    """A cut reply breaks off in the middle, after the upload was carried out."""
    server.sandbox.faults.append(Fault(cut="reply"))

    with pytest.raises(httpx.RemoteProtocolError, match="without sending complete"):
        client.post("/api/upload", files={"imagedata": ("x", drawn())})
    assert len(server.sandbox.images) == 1
    assert server.sandbox.requests[-1].status == 200
    server.sandbox.faults.append(Fault(500, body="", cut="reply"))
    with pytest.raises(httpx.RemoteProtocolError):
        client.get("/")
    assert client.get("/api/users/me").status_code == 200


def test_cut_request(server, client):
    """A cut request is dropped unread and unanswered, large or small."""
    for size in (10, 20_000_000):
        server.sandbox.faults.append(Fault(cut="request"))
        with pytest.raises(httpx.TransportError):
            client.post("/api/upload", files={"imagedata": ("x", bytes(size))})
        assert server.sandbox.requests[-1].status is None
    assert server.sandbox.images == []
    assert client.get("/api/users/me").status_code == 200


def test_cut_really_closes_the_connection(server):
    """The cut is of the TCP connection: the socket reads its end."""
    server.sandbox.faults.append(Fault(cut="reply"))
    with socket.create_connection(("127.0.0.1", int(server.url.rpartition(":")[2])), 5) as raw:
        raw.sendall(b"GET /api/users/me HTTP/1.1\r\nHost: x\r\n\r\n")
        seen = b""
        while more := raw.recv(65536):
            seen += more
    head, _, body = seen.partition(b"\r\n\r\n")
    promised = int(re.search(rb"content-length: (\d+)", head)[1])

    assert 0 < len(body) < promised


def test_landing_page(server):
    """The landing page shows its whole address, to be selected, and the code alone."""
    address = f"{server.url}/callback?code=-a_b%3C&state=s+t"
    page = httpx.get(address)

    assert page.status_code == 200
    assert page.headers["cache-control"] == "no-store"
    assert page.headers["referrer-policy"] == "no-referrer"
    assert page.headers["content-security-policy"].startswith("default-src 'none'")
    assert "Copy this whole address and paste it into the notebook" in page.text
    assert (
        f'readonly\naria-label="Address of this page" value="{address.replace("&", "&amp;")}"'
        in page.text
    )
    assert "-a_b&lt;</code>" in page.text
    assert "A pretend Gyazo on your own machine" in page.text


def test_landing_page_without_a_code(server):
    """A denial may be pasted too; without either there is nothing to copy."""
    denied = httpx.get(f"{server.url}/callback?error=access_denied&state=x")

    assert "Access was denied" in denied.text
    assert 'value="' + f"{server.url}/callback?error=access_denied&amp;state=x" in denied.text
    assert "This is where a sign-in ends" in httpx.get(f"{server.url}/callback").text


def test_image_page(server):
    """The image page shows what is known, escaped, and links nowhere but to the web."""
    image = server.sandbox.add_image(
        drawn(), title="<i>T</i>", desc="a & b", referer_url="javascript:alert(1)"
    )
    page = httpx.get(f"{server.url}/{image.image_id}")

    assert f'<img src="/{image.image_id}.png"' in page.text
    assert "&lt;i&gt;T&lt;/i&gt;" in page.text
    assert "a &amp; b" in page.text
    assert 'href="javascript' not in page.text
    image.fields["referer_url"] = "https://example.com/?a=1&b=2"
    linked = httpx.get(f"{server.url}/{image.image_id}").text
    assert '<a href="https://example.com/?a=1&amp;b=2" rel="noreferrer">' in linked
    assert image.thumb_name in httpx.get(server.url).text


def test_video_page(server):
    """A film is shown as one."""
    image = server.sandbox.add_image(b"\0\0\0\x18ftypisom")

    assert "<video controls" in httpx.get(f"{server.url}/{image.image_id}").text


def read_lines(process, count):
    return [process.stdout.readline().rstrip("\n") for _ in range(count)]


@pytest.mark.skipif(os.name != "posix", reason="signals of POSIX")
@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM])
def test_command(how):
    """The command prints lines for a shell, serves, and ends in peace when told to."""
    with subprocess.Popen(
        COMMAND, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        first, *lines = read_lines(process, 7)
        url = first.removeprefix("# A pretend Gyazo is at ")
        variables = dict(line.split("=", 1) for line in lines)
        assert httpx.get(url).status_code == 200
        assert variables["GYAZO_API_URL"] == url
        assert variables["GYAZO_REDIRECT_URI"] == f"{url}/callback"

        process.send_signal(how)
        rest = process.communicate(timeout=5)
        assert (process.returncode, rest) == (0, ("", ""))


def test_command_runs_a_command():
    """A command gets the variables, no real token, and gives its exit code."""
    script = (
        "import os, sys; print(os.environ['GYAZO_REDIRECT_URI'],"
        "os.environ.get('GYAZO_ACCESS_TOKEN')); sys.exit(7)"
    )
    uri = "http://localhost:8765/?a=1&b=2"
    ran = subprocess.run(
        [*COMMAND, "--redirect-uri", uri, "--", sys.executable, "-c", script],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "GYAZO_ACCESS_TOKEN": "real"},
    )

    assert ran.returncode == 7
    assert f"GYAZO_REDIRECT_URI='{uri}'\n" in ran.stdout
    assert ran.stdout.endswith(f"{uri} None\n")
    assert ran.stderr == ""


def test_command_that_is_not_there():
    """A command that cannot be run is one sentence and 127, as in a shell."""
    ran = subprocess.run(
        [*COMMAND, "no-such-command-here"], capture_output=True, text=True, check=False
    )

    assert ran.returncode == 127
    assert ran.stderr == "no-such-command-here cannot be run: No such file or directory.\n"


def test_command_on_a_busy_port(server):
    """A taken port is one sentence and exit code 1."""
    port = server.url.rpartition(":")[2]
    ran = subprocess.run([*COMMAND, "--port", port], capture_output=True, text=True, check=False)

    assert ran.returncode == 1
    assert re.fullmatch(
        rf"Port {port} cannot be used \(.*\)\. Try another --port, or 0\.\n", ran.stderr
    )
    assert ran.stdout == ""


def test_missing_packages(tmp_path):
    """Without the extra, one sentence says what to install: from the command and from Python."""
    # A package that cannot be found stands before the real one.
    (tmp_path / "uvicorn.py").write_text("raise ModuleNotFoundError('no uvicorn', name='uvicorn')")
    path = os.pathsep.join([str(tmp_path), *filter(None, [str(Path.cwd()), *sys.path])])
    environment = {**os.environ, "PYTHONPATH": path}
    sentence = 'The sandbox needs three more packages: pip install "gyazo-nb[sandbox]"'

    ran = subprocess.run(COMMAND, capture_output=True, text=True, check=False, env=environment)
    assert (ran.returncode, ran.stderr, ran.stdout) == (1, sentence + "\n", "")
    ran = subprocess.run(
        [sys.executable, "-c", "from gyazo_nb.sandbox import Sandbox, serve"],
        capture_output=True,
        text=True,
        check=False,
        env=environment,
    )
    assert ran.stderr.endswith(f"ImportError: {sentence}\n")


def test_default_people():
    """Made without arguments, a sandbox has one application and Sandy Box, who may do everything."""
    sandbox = Sandbox()
    (account,) = sandbox.accounts

    assert (account.name, account.email, account.is_pro) == ("Sandy Box", "sandy@example.com", True)
    assert not Account().is_pro
    assert Application().client_id != Application().client_id
