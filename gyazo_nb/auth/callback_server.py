"""Receives the redirect of a sign-in when the browser runs on this machine (RFC 8252 §7.3).

Guarantees:

- It listens on the literal loopback addresses only. A port that another program uses, on either of the
  two addresses, is refused.
- It replies with one of four static pages. No page repeats a part of the request.
- Only the registered path with the `state` of a waiting sign-in counts. Every other request gets a 4xx
  status, and the sign-in continues to wait.
"""

from __future__ import annotations

import contextlib
import errno
import os
import socket
import threading
from collections.abc import Callable
from dataclasses import dataclass
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

from gyazo_nb.secret import Secret
from gyazo_nb.settings import LOOPBACK_HOSTS

HTTP_PORT = 80
REQUEST_TIMEOUT = 5.0  # seconds: a browser sends its request at once
POLL_INTERVAL = 0.05  # seconds between two checks whether a server must stop
CONNECT_TIMEOUT = 0.5  # seconds, on this machine

_PAGE = (
    '<!doctype html><html lang="en"><meta charset="utf-8">'
    '<meta name="viewport" content="width=device-width,initial-scale=1"><title>gyazo_nb</title>'
    "<style>body{{font:17px/1.6 system-ui,sans-serif;max-width:30em;margin:18vh auto;padding:0 1.5em;"
    "color-scheme:light dark}}</style><h1>{title}</h1><p>{text}</p></html>"
)
SIGNED_IN_PAGE = _PAGE.format(
    title="Signed in", text="You can close this tab and go back to your notebook."
)
FAILED_PAGE = _PAGE.format(
    title="Not signed in", text="Your notebook shows the reason and the next step."
)
NOT_FOUND_PAGE = _PAGE.format(title="Not found", text="This address does not belong to a sign-in.")
WRONG_STATE_PAGE = _PAGE.format(
    title="Another sign-in",
    text="The notebook that waits here did not start this sign-in. If a panel in another notebook "
    "waits for it, copy the whole address of this page from the address bar, and paste it there.",
)

_HEADERS = {
    "Content-Type": "text/html; charset=utf-8",
    "Cache-Control": "no-store",
    "Referrer-Policy": "no-referrer",
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Connection": "close",
}
_RESULT_PARAMETERS = {"code", "error"}


@dataclass(frozen=True, slots=True, eq=False)
class Subscriber:
    """A sign-in that waits for its redirect. Several can wait at the same redirect URI.

    `matches` tells whether an address has the `state` of this sign-in. `on_redirect` then receives the
    address, on a thread of the server, and returns whether the sign-in is finished.
    """

    matches: Callable[[Secret], bool]
    on_redirect: Callable[[Secret], bool]


def subscribe(redirect_uri: str, subscriber: Subscriber) -> Callable[[], None]:
    """Start listening for a sign-in, and return the function that stops it. It may be called twice.

    Raises `OSError` if it is impossible to listen at the redirect URI.
    """
    with _lock:
        server = _servers.get(redirect_uri)
        if server is None:
            server = _servers[redirect_uri] = CallbackServer(redirect_uri)
        server.subscribers.append(subscriber)

    def unsubscribe() -> None:
        with _lock:
            if subscriber in server.subscribers:
                server.subscribers.remove(subscriber)
            if not server.subscribers and _servers.get(redirect_uri) is server:
                server.close()
                del _servers[redirect_uri]

    return unsubscribe


class CallbackSubscription:
    """The subscription of one sign-in. It can start and stop any number of times, from any thread.

    Both run on a separate thread, which an interrupt does not reach. An interrupt in the middle would
    leave the port in use until the kernel ends.
    """

    def __init__(self, redirect_uri: str, subscriber: Subscriber) -> None:
        self.redirect_uri, self._subscriber = redirect_uri, subscriber
        self._unsubscribe: Callable[[], None] | None = None
        self._lock = threading.Lock()

    @property
    def is_active(self) -> bool:
        """Whether a redirect would be received."""
        return self._unsubscribe is not None

    def start(self) -> None:
        """Start listening. If that is impossible (another host, a port in use), it stays inactive."""
        self._run_uninterrupted(self._start)

    def stop(self) -> None:
        """Stop listening. The port is free when this returns."""
        self._run_uninterrupted(self._stop)

    def _start(self) -> None:
        with self._lock, contextlib.suppress(OSError):
            if self._unsubscribe is None:
                self._unsubscribe = subscribe(self.redirect_uri, self._subscriber)

    def _stop(self) -> None:
        with self._lock:
            if self._unsubscribe is not None:
                self._unsubscribe()
                self._unsubscribe = None

    @staticmethod
    def _run_uninterrupted(function: Callable[[], None]) -> None:
        thread = threading.Thread(target=function, name="gyazo_nb callback", daemon=True)
        thread.start()
        thread.join()


class CallbackServer:
    """Listens on the loopback addresses at one redirect URI. Raises `OSError` if that is impossible."""

    def __init__(self, redirect_uri: str) -> None:
        if not can_listen(redirect_uri):
            raise OSError("only an http redirect URI on this machine can be received")
        parts = urlsplit(redirect_uri)
        self.subscribers: list[Subscriber] = []
        self._port = parts.port or HTTP_PORT
        self._path = parts.path or "/"
        self._origin = f"http://{parts.netloc}"
        names = ("127.0.0.1", "localhost", "[::1]")
        self._hosts = {f"{name}:{self._port}" for name in names}
        if self._port == HTTP_PORT:  # browsers omit it
            self._hosts.update(names)
        self._servers = self._bind()
        for server in self._servers:
            threading.Thread(
                target=server.serve_forever,
                kwargs={"poll_interval": POLL_INTERVAL},
                name=f"gyazo_nb callback server {self._port}",
                daemon=True,
            ).start()

    def close(self) -> None:
        """Stop the servers. The port is free when this returns."""
        for server in self._servers:
            server.shutdown()
            server.server_close()

    def reply(self, target: str, host: str) -> tuple[HTTPStatus, str]:
        """Return the status and the page for one GET request."""
        if host.lower() not in self._hosts:
            # Another host name resolves to this machine (DNS rebinding).
            return HTTPStatus.MISDIRECTED_REQUEST, NOT_FOUND_PAGE
        if target.partition("?")[0] != self._path:
            return HTTPStatus.NOT_FOUND, NOT_FOUND_PAGE  # favicon.ico, for example
        address = Secret(self._origin + target)
        for subscriber in tuple(self.subscribers):
            if subscriber.matches(address):
                is_finished = subscriber.on_redirect(address)
                return HTTPStatus.OK, SIGNED_IN_PAGE if is_finished else FAILED_PAGE
        has_result = parse_qs(urlsplit(target).query).keys() & _RESULT_PARAMETERS
        return HTTPStatus.BAD_REQUEST, WRONG_STATE_PAGE if has_result else NOT_FOUND_PAGE

    def _bind(self) -> list[_IPv4Server]:
        """Bind 127.0.0.1, and ::1 if IPv6 is available. Both or none: no other program gets the code."""
        kinds: list[type[_IPv4Server]] = (
            [_IPv4Server, _IPv6Server] if _has_ipv6() else [_IPv4Server]
        )
        if any(_accepts_connections(kind.host, self._port) for kind in kinds):
            raise OSError(errno.EADDRINUSE, os.strerror(errno.EADDRINUSE))
        servers: list[_IPv4Server] = []
        try:
            for kind in kinds:
                servers.append(kind((kind.host, self._port), self._handler()))  # noqa: PERF401
        except OSError:
            for server in servers:
                server.server_close()
            raise
        return servers

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        callback_server = self

        class Handler(BaseHTTPRequestHandler):
            timeout = REQUEST_TIMEOUT
            server_version, sys_version = "gyazo_nb", ""

            def do_GET(self) -> None:
                self._send(*callback_server.reply(self.path, self.headers.get("Host", "")))

            def _send(self, status: int, page: str) -> None:
                body = page.encode()
                self.send_response(status)
                for name, value in _HEADERS.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def send_error(self, code: int, *_: Any, **__: Any) -> None:
                self._send(code, NOT_FOUND_PAGE)  # the page of http.server repeats the request

            def log_message(self, *_: Any) -> None:
                """Log nothing: the request line contains the code."""

        return Handler


_lock = threading.RLock()
_servers: dict[str, CallbackServer] = {}


def can_listen(redirect_uri: str) -> bool:
    """Whether a redirect URI is an http address on this machine."""
    parts = urlsplit(redirect_uri)
    return parts.scheme == "http" and parts.hostname in LOOPBACK_HOSTS


class _IPv4Server(ThreadingHTTPServer):
    host = "127.0.0.1"
    daemon_threads = True
    block_on_close = False

    def server_bind(self) -> None:
        if hasattr(
            socket, "SO_EXCLUSIVEADDRUSE"
        ):  # Windows: other programs could bind the same port
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_EXCLUSIVEADDRUSE, 1)
        else:  # allows connections of an earlier server that are not fully closed
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if self.address_family == socket.AF_INET6:
            self.socket.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        # HTTPServer.server_bind looks up the host name, which may take seconds.
        self.socket.bind(self.server_address)
        self.server_name, self.server_port = str(self.server_address[0]), self.server_address[1]

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Ignore a broken connection: a traceback would show the code."""


class _IPv6Server(_IPv4Server):
    host = "::1"
    address_family = socket.AF_INET6


def _accepts_connections(host: str, port: int) -> bool:
    """Whether a program listens on this port. It may use all addresses, and `bind` may not notice it."""
    try:
        with socket.create_connection((host, port), timeout=CONNECT_TIMEOUT):
            return True
    except OSError:
        return False


def _has_ipv6() -> bool:
    try:
        with socket.socket(socket.AF_INET6) as probe:
            probe.bind(("::1", 0))
    except OSError:
        return False
    return True
