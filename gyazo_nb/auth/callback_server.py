"""Receives the redirect of a sign-in when the browser runs on this machine (RFC 8252 §7.3).

Guarantees:

- It listens on the literal loopback addresses only. A port that another program uses, on either of the
  two addresses, is refused.
- It replies with one of four static pages. No page repeats a part of the request.
- Only the registered path with the `state` of a waiting sign-in counts. Every other request gets a 4xx
  status, and the sign-in continues to wait.
- The port is released at the end of the lifetime of its last subscription, also if no code stops it. A
  forked child process does not keep the port.
- A connection ends `REQUEST_TIMEOUT` seconds after it begins. At most `MAX_CONNECTIONS` are open: a new
  one closes the oldest that has sent no complete request. So slow clients cannot block a browser.
"""

from __future__ import annotations

import contextlib
import os
import re
import selectors
import socket
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler
from io import BytesIO
from math import inf
from typing import Any
from urllib.parse import parse_qs, urlsplit
from weakref import WeakSet

from gyazo_nb.secret import Secret
from gyazo_nb.settings import LOOPBACK_HOSTS

from .oauth import LIFETIME
from .paste import normalized_path

HTTP_PORT = 80
REQUEST_TIMEOUT = 5.0  # seconds for a whole request: a browser sends it at once
DISCARD_TIMEOUT = 1.0  # seconds in which the client reads its reply and closes the connection
CONNECT_TIMEOUT = 0.5  # seconds, on this machine
ACCEPT_RETRY_INTERVAL = 0.05  # seconds to wait when the process has no free file descriptor
MAX_HEAD_BYTES = 65_536  # with the cookies of every program on this machine
MAX_CONNECTIONS = 64

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
_END_OF_HEAD = re.compile(rb"\r?\n\r?\n")


@dataclass(frozen=True, slots=True, eq=False)
class Subscriber:
    """A sign-in that waits for its redirect. Several can wait at the same redirect URI.

    `matches` tells whether an address has the `state` of this sign-in. `on_redirect` then receives the
    address, and returns whether the sign-in is finished. `on_timeout` is called when the lifetime of the
    subscription has ended. Both run on separate threads.
    """

    matches: Callable[[Secret], bool]
    on_redirect: Callable[[Secret], bool]
    on_timeout: Callable[[], None] = lambda: None


class CallbackSubscription:
    """The subscription of one sign-in. It can start and stop any number of times, from any thread.

    It ends after `lifetime` seconds, also if an interrupt prevents `stop`.
    """

    def __init__(
        self, redirect_uri: str, subscriber: Subscriber, *, lifetime: float = LIFETIME
    ) -> None:
        self.redirect_uri, self._subscriber, self._lifetime = redirect_uri, subscriber, lifetime
        self._is_wanted = False
        self._server: CallbackServer | None = None

    @property
    def is_active(self) -> bool:
        """Whether a redirect would be received."""
        server = self._server
        return server is not None and server.has(self._subscriber)

    def start(self) -> None:
        """Start listening, or begin the lifetime again.

        If that is impossible (another host, a port in use), the subscription stays inactive.
        """
        self._is_wanted = True
        self._apply_uninterrupted()

    def stop(self) -> None:
        """Stop listening. The port is free when this returns."""
        self._is_wanted = False
        self._apply_uninterrupted()

    def _apply(self) -> None:
        # The thread of an interrupted `start` may run after that of the `stop` that follows it. It must
        # then not listen, so each thread applies the latest call.
        with _lock:
            if self._is_wanted:
                with contextlib.suppress(OSError):
                    self._server = self._subscribe()
            else:
                self._unsubscribe()

    def _subscribe(self) -> CallbackServer:
        """Subscribe, or begin the lifetime again."""
        server = _servers.get(self.redirect_uri)
        if server is not None:
            if server.add(self._subscriber, self._lifetime):
                return server
            server.wait_until_closed()
        server = CallbackServer(self.redirect_uri, self._subscriber, self._lifetime)
        _servers[self.redirect_uri] = server
        return server

    def _unsubscribe(self) -> None:
        server, self._server = self._server, None
        if server is None or _servers.get(self.redirect_uri) is not server:
            return
        if server.remove(self._subscriber):  # it was the last subscription
            server.wait_until_closed()
            del _servers[self.redirect_uri]

    def _apply_uninterrupted(self) -> None:
        """Apply on a separate thread, which an interrupt does not reach."""
        thread = threading.Thread(target=self._apply, name="gyazo_nb callback", daemon=True)
        try:
            thread.start()
            thread.join()
        except RuntimeError as error:
            # An interrupt while `start` waits may leave a lock of the thread in the wrong state.
            if isinstance(error.__context__, KeyboardInterrupt):
                raise error.__context__ from None
            raise


@dataclass(frozen=True, slots=True)
class _Redirect:
    """An address that belongs to the sign-in of `subscriber`."""

    subscriber: Subscriber
    address: Secret


@dataclass(slots=True, eq=False)
class _Connection:
    """A connection whose request is not complete, or which has its reply and is closed soon."""

    socket: socket.socket
    deadline: float
    head: bytearray = field(default_factory=bytearray)
    has_reply: bool = False


class CallbackServer:
    """Listens on the loopback addresses at one redirect URI. Raises `OSError` if that is impossible.

    One thread reads all requests, closes expired connections and ends expired subscriptions. Without a
    subscription, it releases the port and ends.
    """

    def __init__(self, redirect_uri: str, subscriber: Subscriber, lifetime: float) -> None:
        if not can_listen(redirect_uri):
            raise OSError("only an http redirect URI on this machine can be received")
        parts = urlsplit(redirect_uri)
        self._port = parts.port or HTTP_PORT
        self._path = normalized_path(parts.path or "/")
        self._origin = f"http://{parts.netloc}"
        names = ("127.0.0.1", "localhost", "[::1]")
        self._hosts = {f"{name}:{self._port}" for name in names}
        if self._port == HTTP_PORT:  # browsers omit it
            self._hosts.update(names)
        # Guards the deadlines. No other lock is taken while it is held.
        # If no deadline is left, the server is closed.
        self._lock = threading.Lock()
        self._deadlines = {subscriber: time.monotonic() + lifetime}
        # Only the thread uses these.
        self._connections: dict[socket.socket, _Connection] = {}  # the oldest first
        self._redirect_threads: list[threading.Thread] = []
        # Without a file descriptor, which a forked child process would share with this one.
        self._selector: selectors.BaseSelector = getattr(
            selectors, "PollSelector", selectors.SelectSelector
        )()
        self._listeners = self._bind()
        self._wake_reader, self._wake_writer = _wake_pair()
        self._thread = threading.Thread(
            target=self._run, name=f"gyazo_nb callback server {self._port}", daemon=True
        )
        self._thread.start()

    # ── the subscriptions: called from any thread ────────────────────────────────────────────────

    def add(self, subscriber: Subscriber, lifetime: float) -> bool:
        """Add a subscription, or set its end. Return False if the server is closed."""
        with self._lock:
            if not self._deadlines:
                return False
            self._deadlines[subscriber] = time.monotonic() + lifetime
            self._wake()
            return True

    def remove(self, subscriber: Subscriber) -> bool:
        """Remove a subscription, and return whether the server is closed then."""
        with self._lock:
            if self._deadlines.pop(subscriber, None) is not None and not self._deadlines:
                self._wake()
            return not self._deadlines

    def has(self, subscriber: Subscriber) -> bool:
        """Whether this subscription has neither ended nor been removed."""
        return subscriber in self._deadlines

    def wait_until_closed(self) -> None:
        """Wait until the thread of a closed server has released the port."""
        self._thread.join()

    def forget(self) -> None:
        """End all subscriptions in a forked child process, which does not have the server's thread."""
        self._lock, self._deadlines = threading.Lock(), {}

    def _wake(self) -> None:
        with contextlib.suppress(BlockingIOError):  # full, so the thread wakes up anyway
            self._wake_writer.send(b"\0")

    # ── the thread ───────────────────────────────────────────────────────────────────────────────

    def _run(self) -> None:
        try:
            for waiting in (*self._listeners, self._wake_reader):
                self._selector.register(waiting, selectors.EVENT_READ)
            while (deadline := self._end_expired_subscriptions()) is not None:
                deadline = min(deadline, self._close_expired_connections())
                for key, _ in self._selector.select(max(0.0, deadline - time.monotonic())):
                    self._handle_readable(key.fileobj)
        finally:
            with self._lock:
                self._deadlines = {}
            _close_sockets(
                *self._listeners, *self._connections, self._wake_reader, self._wake_writer
            )

    def _end_expired_subscriptions(self) -> float | None:
        """End the expired subscriptions. Return the next deadline, or None if the server is closed."""
        now = time.monotonic()
        with self._lock:
            late = [one for one, deadline in self._deadlines.items() if deadline <= now]
            for subscriber in late:
                del self._deadlines[subscriber]
            next_deadline = min(self._deadlines.values(), default=None)
        for subscriber in late:
            threading.Thread(
                target=subscriber.on_timeout, name="gyazo_nb callback timeout", daemon=True
            ).start()
        return next_deadline

    def _close_expired_connections(self) -> float:
        """Close the expired connections, and return the next deadline."""
        now = time.monotonic()
        for connection in tuple(self._connections.values()):
            if connection.deadline <= now:
                self._close(connection)
        return min((one.deadline for one in self._connections.values()), default=inf)

    def _handle_readable(self, readable: Any) -> None:
        if readable is self._wake_reader:
            self._wake_reader.recv(4096)
        elif readable in self._listeners:
            self._accept(readable)
        elif readable in self._connections:  # not closed a moment ago to make room
            self._read(self._connections[readable])

    def _accept(self, listener: socket.socket) -> None:
        try:
            accepted = _opened(lambda: listener.accept()[0])
        except BlockingIOError:
            return  # the client has closed the connection
        except OSError:
            time.sleep(ACCEPT_RETRY_INTERVAL)
            return
        self._redirect_threads = [one for one in self._redirect_threads if one.is_alive()]
        if len(self._connections) + len(self._redirect_threads) >= MAX_CONNECTIONS:
            if not self._connections:  # all of them wait for the result of their sign-in
                _close_sockets(accepted)
                return
            self._close(next(iter(self._connections.values())))
        accepted.setblocking(False)
        connection = _Connection(accepted, time.monotonic() + REQUEST_TIMEOUT)
        self._connections[accepted] = connection
        self._selector.register(accepted, selectors.EVENT_READ)
        self._read(connection)  # a browser has sent its request already

    def _read(self, connection: _Connection) -> None:
        head = connection.head
        try:
            received = connection.socket.recv(MAX_HEAD_BYTES)
        except BlockingIOError:
            return
        except OSError:
            received = b""
        if not received:  # an incomplete request does not count: its code may be incomplete
            self._close(connection)
        elif not connection.has_reply:
            searched = max(0, len(head) - 3)
            head += received
            end = _END_OF_HEAD.search(head, searched)
            if end is None and len(head) <= MAX_HEAD_BYTES:
                return
            try:
                self._reply(connection, bytes(head[: end.end()] if end else head))
            except Exception:  # noqa: BLE001 -- ends this connection only; a traceback would show the code
                self._close(connection)

    def _reply(self, connection: _Connection, head: bytes) -> None:
        """Reply to a request, or let another thread finish the sign-in and reply."""
        request = _Request(head, self._find)
        if request.redirect is not None:
            self._release(connection)
            thread = threading.Thread(
                target=_finish,
                args=(connection.socket, request, request.redirect),
                name="gyazo_nb redirect",
                daemon=True,
            )
            thread.start()
            self._redirect_threads.append(thread)
            return
        # Unread bytes at the close would make the system discard the reply, so they are read first.
        connection.has_reply = True
        connection.deadline = time.monotonic() + DISCARD_TIMEOUT
        connection.socket.send(request.reply)  # about 1 KB, which fits into the send buffer
        connection.socket.shutdown(socket.SHUT_WR)

    def _release(self, connection: _Connection) -> None:
        """Stop waiting for bytes of a connection."""
        if self._connections.pop(connection.socket, None) is not None:
            self._selector.unregister(connection.socket)

    def _close(self, connection: _Connection) -> None:
        self._release(connection)
        _close_sockets(connection.socket)

    def _find(self, target: str, host: str) -> _Redirect | tuple[HTTPStatus, str]:
        """Find the sign-in of one GET request, or return the status and the page."""
        if host.lower() not in self._hosts:
            # Another host name resolves to this machine (DNS rebinding).
            return HTTPStatus.MISDIRECTED_REQUEST, NOT_FOUND_PAGE
        if normalized_path(target.partition("?")[0]) != self._path:
            return HTTPStatus.NOT_FOUND, NOT_FOUND_PAGE  # favicon.ico, for example
        address = Secret(self._origin + target)
        for subscriber in tuple(self._deadlines):
            if subscriber.matches(address):
                return _Redirect(subscriber, address)
        has_result = parse_qs(urlsplit(target).query).keys() & _RESULT_PARAMETERS
        return HTTPStatus.BAD_REQUEST, WRONG_STATE_PAGE if has_result else NOT_FOUND_PAGE

    def _bind(self) -> list[socket.socket]:
        """Bind 127.0.0.1, and ::1 if IPv6 is available. Both or none: no other program gets the code."""
        addresses = [(socket.AF_INET, "127.0.0.1")]
        if _has_ipv6():
            addresses.append((socket.AF_INET6, "::1"))
        if any(_accepts_connections(family, host, self._port) for family, host in addresses):
            raise OSError("another program uses the port")
        listeners: list[socket.socket] = []
        try:
            for family, host in addresses:
                listeners.append(_opened(partial(socket.socket, family)))
                _listen(listeners[-1], host, self._port)
        except OSError:
            _close_sockets(*listeners)
            raise
        return listeners


def _finish(connection: socket.socket, request: _Request, redirect: _Redirect) -> None:
    """Finish the sign-in of a redirect, and reply. Runs on a thread for each redirect."""
    is_finished = False
    try:
        with contextlib.suppress(Exception):  # a traceback would show the code
            is_finished = redirect.subscriber.on_redirect(redirect.address)
        request.respond(HTTPStatus.OK, SIGNED_IN_PAGE if is_finished else FAILED_PAGE)
        with contextlib.suppress(OSError):
            connection.settimeout(REQUEST_TIMEOUT)
            connection.sendall(request.reply)
            connection.shutdown(socket.SHUT_WR)
    finally:
        _close_sockets(connection)


class _Request(BaseHTTPRequestHandler):
    """One request in memory, read with the parser of the standard library, and its reply."""

    server_version, sys_version = "gyazo_nb", ""

    def __init__(
        self, head: bytes, find: Callable[[str, str], _Redirect | tuple[HTTPStatus, str]]
    ) -> None:
        self._find = find
        self.redirect: _Redirect | None = None
        self._output = BytesIO()
        self.rfile, self.wfile = BytesIO(head), self._output
        self.handle_one_request()

    @property
    def reply(self) -> bytes:
        """The bytes to send."""
        return self._output.getvalue()

    def do_GET(self) -> None:
        found = self._find(self.path, self.headers.get("Host", ""))
        if isinstance(found, _Redirect):
            self.redirect = found
        else:
            self.respond(*found)

    def respond(self, status: int, page: str) -> None:
        """Make the reply."""
        body = page.encode()
        self.send_response(status)
        for name, value in _HEADERS.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def send_error(self, code: int, *_: Any, **__: Any) -> None:
        self.respond(code, NOT_FOUND_PAGE)  # the page of http.server repeats the request

    def log_message(self, *_: Any) -> None:
        """Log nothing: the request line contains the code."""


_lock = threading.RLock()  # guards _servers, and lets one subscription at a time start or stop
_servers: dict[str, CallbackServer] = {}


# ── sockets, and forked child processes ──────────────────────────────────────────────────────────

_fork_lock = threading.RLock()  # held during a fork, and while a socket is opened or closed
_sockets: WeakSet[socket.socket] = WeakSet()


def _opened(open_socket: Callable[[], socket.socket]) -> socket.socket:
    """Open a socket, and remember it for a forked child process, which closes it."""
    with _fork_lock:
        opened = open_socket()
        _sockets.add(opened)
    return opened


def _close_sockets(*sockets: socket.socket) -> None:
    # During a close, a socket has no file descriptor any more that a child could close.
    with _fork_lock:
        for opened in sockets:
            opened.close()


def _acquire_fork_lock() -> None:
    _fork_lock.acquire()


def _release_fork_lock() -> None:
    with contextlib.suppress(RuntimeError):  # an interrupt prevented the acquisition
        _fork_lock.release()


def _close_in_child() -> None:
    """Release the ports and the connections of the parent process, which keeps them."""
    global _lock, _fork_lock
    # New ones: a thread of the parent may hold the old ones, and does not run here.
    _lock, _fork_lock = threading.RLock(), threading.RLock()
    for server in _servers.values():
        server.forget()
    _servers.clear()
    for opened in tuple(_sockets):
        opened.close()
    _sockets.clear()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(
        before=_acquire_fork_lock,
        after_in_parent=_release_fork_lock,
        after_in_child=_close_in_child,
    )


def can_listen(redirect_uri: str) -> bool:
    """Whether a redirect URI is an http address on this machine."""
    parts = urlsplit(redirect_uri)
    return parts.scheme == "http" and parts.hostname in LOOPBACK_HOSTS


def _listen(listener: socket.socket, host: str, port: int) -> None:
    if hasattr(socket, "SO_EXCLUSIVEADDRUSE"):
        # Windows: other programs could bind the same port.
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_EXCLUSIVEADDRUSE, 1)
    else:
        # Allows connections of an earlier server that are not fully closed.
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    if listener.family == socket.AF_INET6:
        listener.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
    listener.setblocking(False)
    listener.bind((host, port))
    listener.listen(128)


def _wake_pair() -> tuple[socket.socket, socket.socket]:
    """Open two connected sockets. A byte in the second one wakes up a thread that waits at the first."""
    with _fork_lock:
        pair = socket.socketpair()
        _sockets.update(pair)
    for end in pair:
        end.setblocking(False)
    return pair


def _accepts_connections(family: socket.AddressFamily, host: str, port: int) -> bool:
    """Whether a program listens on this port. It may use all addresses, and `bind` may not notice it."""
    # Not create_connection: it looks up the host name, which may import a codec. In a child that is
    # forked during that import, the codec is unknown.
    probe = _opened(partial(socket.socket, family))
    try:
        probe.settimeout(CONNECT_TIMEOUT)
        return probe.connect_ex((host, port)) == 0
    finally:
        _close_sockets(probe)


def _has_ipv6() -> bool:
    with contextlib.suppress(OSError):
        probe = _opened(partial(socket.socket, socket.AF_INET6))
        try:
            probe.bind(("::1", 0))
            return True
        finally:
            _close_sockets(probe)
    return False
