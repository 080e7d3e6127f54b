"""The service of a hub in this process, with a small stand-in for the hub and the sandbox."""

import asyncio
import json
import os
import threading
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, unquote, urlencode, urlsplit

import httpx
from support.helpers import free_port

from gyazo_nb.hub.configuration import Configuration
from gyazo_nb.hub.service import Service
from gyazo_nb.hub.sign_ins import Limits
from gyazo_nb.sandbox import Application, Sandbox, serve

SCOPE = "access:services!service=gyazo"
PREFIX = "/services/gyazo/"
API_TOKEN = "the-token-of-the-service"


class StandInHub(ThreadingHTTPServer):
    """Two routes of JupyterHub. A token is NAME-browser or NAME-kernel; some names are special."""

    request_queue_size = 128  # with the default of 5, a connection can take a second

    def __init__(self):
        super().__init__(("127.0.0.1", 0), _HubRequest)
        self.url = f"http://127.0.0.1:{self.server_port}"
        self.stopped_servers = set()  # tokens that the hub no longer knows
        threading.Thread(target=self.serve_forever, args=[0.01], daemon=True).start()

    def __exit__(self, *_):
        self.shutdown()
        self.server_close()


class _HubRequest(BaseHTTPRequestHandler):
    def reply(self, status, body=b"", **headers):
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_GET(self):
        query = parse_qs(urlsplit(self.path).query)
        if self.path.startswith("/hub/api/oauth2/authorize"):
            user = self.headers.get("X-Hub-User", "")  # instead of the cookie of the hub
            if not user:
                self.reply(200, b"the login page of the hub")
                return
            back = urlencode({"code": f"hub-code-{user}", "state": query["state"][0]})
            self.reply(302, Location=f"{query['redirect_uri'][0]}?{back}")
        elif self.path == "/hub/api/user":
            self.reply_user(self.headers["Authorization"].partition(" ")[2])
        else:
            self.reply(404)

    def reply_user(self, token):
        name, _, kind = token.partition("-")
        if name == "broken":
            self.reply(500, b"{}")
        elif name == "garbled":  # another server than the hub
            self.reply(200, b"<html>")
        elif token in self.server.stopped_servers or kind not in {
            "kernel",
            "browser",
            "service",
            "noscope",
        }:
            self.reply(403, b"{}")
        else:
            model = {
                "name": unquote(name),
                "kind": "service" if kind == "service" else "user",
                "admin": False,
                "groups": [],
                "scopes": [] if kind == "noscope" or name == "guest" else [SCOPE],
            }
            self.reply(200, json.dumps(model).encode())

    def do_POST(self):
        form = parse_qs(self.rfile.read(int(self.headers["Content-Length"])).decode())
        if form["client_secret"] != [API_TOKEN]:
            self.reply(401, b'{"error": "invalid_client"}')
            return
        user = form["code"][0].removeprefix("hub-code-")
        self.reply(200, json.dumps({"access_token": f"{user}-browser"}).encode())

    def log_message(self, *_):
        """Keep the output of the tests short."""


def service_variables(hub_url, secret_file, port=10101, gyazo="http://127.0.0.1:1"):
    """The variables of a service on this port."""
    url = f"http://127.0.0.1:{port}"
    return {
        "JUPYTERHUB_API_TOKEN": API_TOKEN,
        "JUPYTERHUB_API_URL": f"{hub_url}/hub/api",
        "JUPYTERHUB_BASE_URL": "/",
        "JUPYTERHUB_HOST": hub_url,
        "JUPYTERHUB_CLIENT_ID": "service-gyazo",
        "JUPYTERHUB_OAUTH_ACCESS_SCOPES": json.dumps([SCOPE]),
        "JUPYTERHUB_SERVICE_NAME": "gyazo",
        "JUPYTERHUB_SERVICE_PREFIX": PREFIX,
        "JUPYTERHUB_SERVICE_URL": url,
        "GYAZO_CLIENT_ID": "an-id",
        "GYAZO_CLIENT_SECRET_FILE": str(secret_file),
        "GYAZO_REDIRECT_URI": f"{url}{PREFIX}callback",
        "GYAZO_AUTH_URL": gyazo,
    }


class RunningService:
    """A service in a thread, whose application is registered with a sandbox."""

    def __init__(self, hub, folder, limits=None):
        self.hub, self._limits = hub, limits or Limits(unknown_state=0.5)
        port = free_port()
        self.url = f"http://127.0.0.1:{port}{PREFIX}".rstrip("/")
        self.gyazo = serve(Sandbox([Application(redirect_uris=(f"{self.url}/callback",))]))
        self.client_secret = self.gyazo.variables["GYAZO_CLIENT_SECRET"]
        self.secret_file = folder / "secret"
        self.secret_file.touch(0o600)
        self.secret_file.write_text(self.client_secret)
        variables = service_variables(hub.url, self.secret_file, port, self.gyazo.url)
        variables["GYAZO_CLIENT_ID"] = self.gyazo.variables["GYAZO_CLIENT_ID"]
        # The stand-in is on another port, so the browser needs whole addresses.
        self._callback = f"{self.url}/oauth_callback"
        self.configuration = Configuration.from_environment(variables)
        self.start()

    def start(self):
        """Start a new service at the same address, which knows nothing of the one before."""
        self._loop = asyncio.new_event_loop()
        self._service = Service(self.configuration, self._limits)
        self.auth = self._service.auth
        self.auth.oauth_redirect_uri = self._callback
        self._stop = asyncio.Event()
        is_ready = threading.Event()
        self._thread = threading.Thread(target=self._run, args=[is_ready])
        self._thread.start()
        assert is_ready.wait(10)

    def _run(self, is_ready):
        async def main():
            await self._service.listen()
            is_ready.set()
            await self._stop.wait()
            await self._service.close()

        with asyncio.Runner(loop_factory=lambda: self._loop) as runner:
            runner.run(main())

    def stop(self):
        """End the service, unless it has ended."""
        with suppress(RuntimeError):  # the loop is closed
            self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join()

    def close(self):
        self.stop()
        self.gyazo.close()

    def knows(self, user, state_hash):
        """Whether the service knows this sign-in of the user."""
        return state_hash in self._service.sign_ins._of_users.get(user, {})

    def browser(self, user):
        """A browser that is signed in to the hub as a user."""
        headers = {"X-Hub-User": user}
        return httpx.Client(headers=headers, follow_redirects=True, timeout=20, verify=False)


def without_settings():
    """The variables of this process, without those of Gyazo and of a hub."""
    return {k: v for k, v in os.environ.items() if not k.startswith(("GYAZO_", "JUPYTER"))}
