"""The service with a small stand-in for the hub: real processes and sockets, no JupyterHub."""

import base64
import hashlib
import json
import os
import secrets
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlencode, urlsplit

import httpx
import pytest
from support.helpers import BrowserUser
from support.jupyterlab_driver import free_port

from gyazo_nb.sandbox import Application, Sandbox, serve

SCOPE = "access:services!service=gyazo"
PREFIX = "/services/gyazo/"
# The service with short waits. It is the same code as `python -m gyazo_nb.hub`.
SERVICE = """
import asyncio, logging, os
from gyazo_nb.hub import log
from gyazo_nb.hub.__main__ import serve
from gyazo_nb.hub.configuration import Configuration
from gyazo_nb.hub.service import Service
from gyazo_nb.hub.sign_ins import Limits
log.start(logging.DEBUG)
configuration = Configuration.from_environment(os.environ)
asyncio.run(serve(Service(configuration, Limits(unknown_state=0.5))))
"""


class StandInHub(BaseHTTPRequestHandler):
    """Two routes of JupyterHub. A token is NAME-browser or NAME-kernel; some names are special."""

    def reply(self, status, body=b"", **headers):
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_GET(self):
        query = parse_qs(urlsplit(self.path).query)
        if self.path.startswith(
            "/hub/api/oauth2/authorize"
        ):  # the cookie names the user of the hub
            user = self.headers.get("X-Hub-User", "")
            if not user:
                self.reply(200, b"the login page of the hub")
                return
            back = urlencode({"code": f"hub-code-{user}", "state": query["state"][0]})
            self.reply(302, Location=f"{query['redirect_uri'][0]}?{back}")
        elif self.path == "/hub/api/user":
            token = self.headers["Authorization"].partition(" ")[2]
            name, _, kind = token.partition("-")
            if name == "broken":
                self.reply(500, b"{}")
                return
            if kind not in {"kernel", "browser", "service", "noscope"}:
                self.reply(403, b"{}")  # as JupyterHub does, also for the token of a stopped server
                return
            model = {
                "name": name,
                "kind": "service" if kind == "service" else "user",
                "admin": False,
                "groups": [],
                "scopes": [] if kind == "noscope" else [SCOPE],
            }
            self.reply(200, json.dumps(model).encode())
        else:
            self.reply(404)

    def do_POST(self):
        form = parse_qs(self.rfile.read(int(self.headers["Content-Length"])).decode())
        user = form["code"][0].removeprefix("hub-code-")
        self.reply(200, json.dumps({"access_token": f"{user}-browser"}).encode())

    def log_message(self, *_):
        """Keep the output of the tests short."""


@pytest.fixture(scope="session")
def stand_in_hub():
    with ThreadingHTTPServer(("127.0.0.1", 0), StandInHub) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


@pytest.fixture(scope="session")
def service_environment(stand_in_hub, tmp_path_factory):
    """Make the variables of a service on a new port, for the sandbox of these variables."""

    def service_environment(sandbox=None):
        port = free_port()
        secret = tmp_path_factory.mktemp("secret") / "secret"
        secret.write_text(sandbox.variables["GYAZO_CLIENT_SECRET"] if sandbox else "a-secret")
        secret.chmod(0o600)
        url = f"http://127.0.0.1:{port}"
        inherited = {k: v for k, v in os.environ.items() if not k.startswith(("GYAZO_", "JUPYTER"))}
        return inherited | {
            "JUPYTERHUB_API_TOKEN": "the-token-of-the-service",
            "JUPYTERHUB_API_URL": f"{stand_in_hub}/hub/api",
            "JUPYTERHUB_BASE_URL": "/",
            "JUPYTERHUB_HOST": stand_in_hub,
            "JUPYTERHUB_CLIENT_ID": "service-gyazo",
            "JUPYTERHUB_OAUTH_ACCESS_SCOPES": json.dumps([SCOPE]),
            "JUPYTERHUB_SERVICE_NAME": "gyazo",
            "JUPYTERHUB_SERVICE_PREFIX": PREFIX,
            "JUPYTERHUB_SERVICE_URL": url,
            "GYAZO_CLIENT_ID": sandbox.variables["GYAZO_CLIENT_ID"] if sandbox else "an-id",
            "GYAZO_CLIENT_SECRET_FILE": str(secret),
            "GYAZO_REDIRECT_URI": f"{url}{PREFIX}callback",
            "GYAZO_AUTH_URL": sandbox.url if sandbox else "http://127.0.0.1:1",
        }

    return service_environment


class Service:
    """A running service, and the sandbox that it uses."""

    def __init__(self, environment, log, sandbox):
        self.environment, self.log, self.sandbox = environment, log, sandbox
        self.url = environment["JUPYTERHUB_SERVICE_URL"] + PREFIX
        self.secret = sandbox.variables["GYAZO_CLIENT_SECRET"]
        self.start()

    def start(self):
        self.process = subprocess.Popen(
            [sys.executable, "-c", SERVICE], env=self.environment, stderr=self.log, stdout=self.log
        )
        for _ in range(600):
            assert self.process.poll() is None, self.log_text()
            try:
                httpx.get(self.url)
            except httpx.TransportError:
                continue
            return
        raise AssertionError("the service does not listen")

    def kill(self):
        self.process.kill()
        self.process.wait()

    def log_text(self):
        self.log.flush()
        self.log.seek(0)
        return self.log.read()


@pytest.fixture(scope="session")
def service(service_environment, tmp_path_factory):
    """A service whose application is registered with the sandbox."""
    port = free_port()
    uri = f"http://127.0.0.1:{port}{PREFIX}callback"
    with serve(Sandbox([Application(redirect_uris=(uri,))])) as sandbox:
        environment = service_environment(sandbox)
        environment |= {
            "JUPYTERHUB_SERVICE_URL": f"http://127.0.0.1:{port}",
            "JUPYTERHUB_OAUTH_CALLBACK_URL": f"http://127.0.0.1:{port}{PREFIX}oauth_callback",
            "GYAZO_REDIRECT_URI": uri,
        }
        with (tmp_path_factory.mktemp("service") / "log").open("w+") as log:
            service = Service(environment, log, sandbox)
            yield service
            service.kill()


class Kernel:
    """A kernel of a user of the hub, request by request."""

    def __init__(self, service, token):
        self.service = service
        self.client = httpx.Client(
            base_url=f"{service.url}api/", headers={"Authorization": f"token {token}"}, timeout=20
        )
        self.pool = ThreadPoolExecutor(64)

    def begin(self):
        """Announce a new sign-in. Returns the sign-in."""
        return SignIn(self.client.get("application").raise_for_status().json())

    def wait(self, sign_in, seen="", seconds=10):
        """Wait for the redirect in a thread."""
        form = {"state_hash": sign_in.state_hash, "seen": seen, "seconds": seconds}
        return self.pool.submit(self.client.post, "code", data=form)

    def exchange(self, code, verifier, **more):
        return self.client.post("token", data={"code": code, "code_verifier": verifier, **more})

    def close(self):
        self.pool.shutdown(cancel_futures=True)
        self.client.close()


class SignIn:
    """One attempt to sign in, as a kernel makes it."""

    def __init__(self, application):
        self.state, self.verifier = secrets.token_urlsafe(32), secrets.token_urlsafe(32)
        self.state_hash = hashlib.sha256(self.state.encode()).hexdigest()
        digest = hashlib.sha256(self.verifier.encode()).digest()
        query = {
            "client_id": application["client_id"],
            "redirect_uri": application["redirect_uri"],
            "response_type": "code",
            "state": self.state,
            "code_challenge": base64.urlsafe_b64encode(digest).rstrip(b"=").decode(),
            "code_challenge_method": "S256",
        }
        self.link = f"{application['auth_url']}/oauth/authorize?{urlencode(query)}"
        self.gyazo = application["auth_url"]

    def redirect(self, button="Allow"):
        """Allow access at Gyazo. Returns the address to which the browser is sent."""
        return BrowserUser(self.gyazo).authorize(self.link, button)


@pytest.fixture
def kernel(service):
    kernels = []

    def kernel(token):
        kernels.append(Kernel(service, token))
        return kernels[-1]

    yield kernel
    for one in kernels:
        one.close()


@pytest.fixture
def browser(service):
    """A browser that is signed in to the hub as a user."""
    browsers = []

    def browser(user):
        browsers.append(
            httpx.Client(headers={"X-Hub-User": user}, follow_redirects=True, timeout=20)
        )
        return browsers[-1]

    yield browser
    for one in browsers:
        one.close()
