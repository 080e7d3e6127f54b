"""Catches the redirect when the browser runs on this machine (RFC 8252 §7.3).

The law: it listens on the literal loopback addresses and nothing else, refuses a port that somebody
else holds on either of them, and answers with one of four static pages that repeat nothing of what
was asked. Only the registered path with our `state` counts; everything else is answered 4xx and the
waiting goes on.
"""

from __future__ import annotations

import contextlib
import errno
import os
import socket
import threading
from collections.abc import Callable
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

from gyazo_nb.secret import Secret
from gyazo_nb.settings import LOOPBACK_HOSTS

HTTP_PORT = 80
REQUEST_TIMEOUT = 5.0  # a browser sends its request at once; whoever does not is cut off

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
    title="Not signed in", text="Your notebook says why, and what to do next."
)
NOT_FOUND_PAGE = _PAGE.format(title="Nothing here", text="This address is not part of a sign-in.")
WRONG_STATE_PAGE = _PAGE.format(
    title="Another sign-in",
    text="The notebook that waits here did not begin this one. If a panel in another notebook waits "
    "for it, copy this page's whole address from the address bar, and paste it there.",
)


@dataclass(frozen=True, slots=True, eq=False)
class Subscriber:
    """One sign-in that waits at a listener; several may wait at the same one.

    `ours` tells whether an address carries the `state` that is waited for. `receive` is then called
    with it, on a thread of the listener's, and says whether that ended the sign-in.
    """

    matches: Callable[[Secret], bool]
    on_redirect: Callable[[Secret], bool]


def subscribe(redirect_uri: str, door: Subscriber) -> Callable[[], None]:
    """Begin to listen for a sign-in, and give the function that ends it. It may be called twice.

    Raises `OSError` where the redirect URI cannot be listened on.
    """
    with _lock:
        listener = _listeners.get(redirect_uri)
        if listener is None:
            listener = _listeners[redirect_uri] = Listener(redirect_uri)
        listener.subscribers.append(door)

    def leave() -> None:
        with _lock:
            if door in listener.subscribers:
                listener.subscribers.remove(door)
            if not listener.subscribers and _listeners.get(redirect_uri) is listener:
                listener.close()
                del _listeners[redirect_uri]

    return leave


class CallbackSubscription:
    """A sign-in that waits for its redirect: begun and ended as often as wanted, from any thread.

    Both are done on a thread of their own, which no interrupt reaches: broken off in the middle, they
    would keep the port until the kernel ends.
    """

    def __init__(self, redirect_uri: str, door: Subscriber) -> None:
        self.redirect_uri, self._door = redirect_uri, door
        self._leave: Callable[[], None] | None = None
        self._one_at_a_time = threading.Lock()

    @property
    def is_on(self) -> bool:
        """Whether a redirect would be caught."""
        return self._leave is not None

    def begin(self) -> None:
        """Begin, where that can be: not on this machine, or somebody else has the port, it is not on."""
        self._apart(self._begin)

    def end(self) -> None:
        """Let go of the port, before this returns."""
        self._apart(self._end)

    def _begin(self) -> None:
        if self._leave is None:
            with contextlib.suppress(OSError):
                self._leave = subscribe(self.redirect_uri, self._door)

    def _end(self) -> None:
        if self._leave is not None:
            self._leave()
            self._leave = None

    def _apart(self, function: Callable[[], None]) -> None:
        def locked() -> None:
            with self._one_at_a_time:
                function()

        thread = threading.Thread(target=locked, name="gyazo_nb port", daemon=True)
        thread.start()
        thread.join()


_lock = threading.RLock()


class Listener:
    """Answers on the loopback addresses of one redirect URI. Raises `OSError` if it cannot."""

    def __init__(self, redirect_uri: str) -> None:
        if not is_catchable(redirect_uri):
            raise OSError("only an http redirect URI on this machine can be caught")
        parts = urlsplit(redirect_uri)
        self.subscribers: list[Subscriber] = []
        self._port = parts.port or HTTP_PORT
        self._path = parts.path or "/"
        self._origin = f"http://{parts.netloc}"
        names = ("127.0.0.1", "localhost", "[::1]")
        self._hosts = {f"{name}:{self._port}" for name in names}
        if self._port == HTTP_PORT:  # browsers leave it away
            self._hosts.update(names)
        self._servers = self._bind()
        for server in self._servers:
            threading.Thread(
                target=server.serve_forever,
                kwargs={"poll_interval": 0.05},
                name=f"gyazo_nb listener {self._port}",
                daemon=True,
            ).start()

    def close(self) -> None:
        """Let go of the port, before this returns."""
        for server in self._servers:
            server.shutdown()
            server.server_close()

    def answer(self, target: str, host: str) -> tuple[int, str]:
        """Decide about one GET: its status and its page."""
        if host.lower() not in self._hosts:
            return 421, NOT_FOUND_PAGE  # another name that was made to point here
        if target.partition("?")[0] != self._path:
            return 404, NOT_FOUND_PAGE  # favicon.ico and other noise
        address = Secret(self._origin + target)
        for door in tuple(self.subscribers):
            if door.matches(address):
                return 200, (SIGNED_IN_PAGE if door.on_redirect(address) else FAILED_PAGE)
        return 400, WRONG_STATE_PAGE if parse_qs(
            urlsplit(target).query
        ).keys() & _ANSWER else NOT_FOUND_PAGE

    def _bind(self) -> list[_Server]:
        """Bind 127.0.0.1, and ::1 where there is one: both or none, so nobody else gets the code."""
        families: list[type[_Server]] = [_Server, _Server6] if _has_ipv6() else [_Server]
        if any(_somebody_answers(kind.host, self._port) for kind in families):
            raise OSError(errno.EADDRINUSE, os.strerror(errno.EADDRINUSE))
        servers: list[_Server] = []
        try:
            for kind in families:
                servers.append(kind((kind.host, self._port), self._handler()))  # noqa: PERF401
        except OSError:
            for server in servers:
                server.server_close()
            raise
        return servers

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        listener = self

        class Handler(BaseHTTPRequestHandler):
            timeout = REQUEST_TIMEOUT
            server_version, sys_version = "gyazo_nb", ""

            def do_GET(self) -> None:
                self._answer(*listener.answer(self.path, self.headers.get("Host", "")))

            def _answer(self, status: int, page: str) -> None:
                body = page.encode()
                self.send_response(status)
                for name, value in _HEADERS.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def send_error(self, code: int, *_: Any, **__: Any) -> None:
                self._answer(code, NOT_FOUND_PAGE)  # http.server's own page repeats the request

            def log_message(self, *_: Any) -> None:
                """Stay silent: the request line holds the code."""

        return Handler


_listeners: dict[str, Listener] = {}
_ANSWER = {"code", "error"}


def is_catchable(redirect_uri: str) -> bool:
    """Whether a redirect URI is http on this machine."""
    parts = urlsplit(redirect_uri)
    return parts.scheme == "http" and parts.hostname in LOOPBACK_HOSTS


_HEADERS = {
    "Content-Type": "text/html; charset=utf-8",
    "Cache-Control": "no-store",
    "Referrer-Policy": "no-referrer",
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Connection": "close",
}


class _Server(ThreadingHTTPServer):
    host = "127.0.0.1"
    daemon_threads = True
    block_on_close = False

    def server_bind(self) -> None:
        if hasattr(socket, "SO_EXCLUSIVEADDRUSE"):  # Windows: else others may bind the same port
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_EXCLUSIVEADDRUSE, 1)
        else:  # forgives the connections that a former listener left behind
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if self.address_family == socket.AF_INET6:
            self.socket.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        # Not HTTPServer's: it looks up the host's name, which may take seconds.
        self.socket.bind(self.server_address)
        self.server_name, self.server_port = str(self.server_address[0]), self.server_address[1]

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing: a broken connection is the browser's business, and a traceback shows the code."""


class _Server6(_Server):
    host = "::1"
    address_family = socket.AF_INET6


def _somebody_answers(host: str, port: int) -> bool:
    """Somebody may hold the port for every address, which a bind of ours need not notice."""
    try:
        with socket.create_connection((host, port), timeout=0.5):
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
