"""The connections: one pool for blocking calls, and one for each event loop that awaits.

The law: they are opened by the first call and belong to the process that opened them. Redirects are not
followed unless it is asked for, no cookie is kept, certificates are verified, and whatever is opened is
closed: by hand, with the session, or by the loop's end.
"""

from __future__ import annotations

import asyncio
import os
import ssl
import threading
from collections.abc import AsyncGenerator
from functools import cache
from http.cookiejar import CookieJar
from typing import Any
from weakref import WeakSet, finalize

import httpx

from gyazo_nb.api.retry import Timeouts

_LOOPBACK: dict[str, None] = {  # a proxy cannot reach this machine's own servers
    f"all://{host}": None for host in ("127.0.0.1", "localhost", "[::1]")
}


class ClientPool:
    """Opens httpx's clients when they are needed, safe from any thread and any loop."""

    def __init__(self, timeouts: Timeouts) -> None:
        self._timeouts = timeouts
        self._lock = threading.Lock()
        self._client: httpx.Client | None = None
        self._closing: finalize[[], ClientPool] | None = None
        self._discarded: list[httpx.Client] = []
        self._leases: _Leases = {}
        finalize(self, _drop, self._leases).atexit = False  # a session that nobody closed
        _all.add(self)

    def sync_client(self) -> httpx.Client:
        """The one for blocking calls."""
        with self._lock:
            if self._client is None:
                self._client = httpx.Client(**self._options())
                self._closing = finalize(self, self._client.close)  # also if nobody closes
            return self._client

    async def async_client(self) -> httpx.AsyncClient:
        """The one of the running loop."""
        loop = asyncio.get_running_loop()
        with self._lock:
            client, _ = self._leases.get(loop, (None, None))
        if client is None:
            client = httpx.AsyncClient(**self._options())
            lease = _lease(client, self._leases, loop)
            _open_leases[client] = lease
            await anext(lease)  # it does not suspend: no other task of this loop comes between
            with self._lock:
                for closed in [other for other in self._leases if other.is_closed()]:
                    _open_leases.pop(self._leases.pop(closed)[0], None)
                self._leases[loop] = client, lease
        return client

    def discard_sync_client(self) -> None:
        """Open another client for the next call.

        An interrupt may strike httpcore between the taking of a lock of its pool and what gives it back,
        and then the next call would wait for ever. Calls of other threads go on with the old one.
        """
        with self._lock:
            if self._closing is not None and self._client is not None:
                self._closing.detach()  # else the end of Python would wait for that lock
                self._discarded.append(self._client)
            self._closing = self._client = None

    def close(self) -> None:
        """Close the connections. A later call opens new ones.

        Those of an event loop are closed by that loop: at once if it runs, else at its end.
        """
        with self._lock:
            closing, self._closing, self._client = self._closing, None, None
            discarded, self._discarded = self._discarded, []
            running = [loop for loop in tuple(self._leases) if loop.is_running()]
            leases = {loop: self._leases.pop(loop)[1] for loop in running}
        for loop, lease in leases.items():
            _end(loop, lease)
        if closing is not None:
            closing()
        for client in discarded:  # on a thread: it may wait for ever
            threading.Thread(target=client.close, name="gyazo_nb closes", daemon=True).start()

    async def aclose(self) -> None:
        """Close the connections of the running loop, and the rest as `close` does."""
        with self._lock:
            _, lease = self._leases.pop(asyncio.get_running_loop(), (None, None))
        if lease is not None:
            await lease.aclose()
        self.close()

    def reset_after_fork(self) -> None:
        """Begin anew in a process that was forked: two that share a socket read each other's answers."""
        self._lock = threading.Lock()
        if self._closing is not None:
            self._closing.detach()
        self._closing = self._client = None
        self._discarded, self._leases = [], {}

    def _options(self) -> dict[str, Any]:
        times = self._timeouts
        return {
            # Nobody waits for a place in the pool: it has no limit.
            "timeout": httpx.Timeout(
                connect=times.connect, read=times.read, write=times.write, pool=None
            ),
            "limits": httpx.Limits(max_connections=None, max_keepalive_connections=32),
            "follow_redirects": False,
            "verify": _certificates(
                os.environ.get("SSL_CERT_FILE"), os.environ.get("SSL_CERT_DIR")
            ),
            "mounts": _LOOPBACK,
            "cookies": _NoCookies(),
        }


class _NoCookies(CookieJar):
    """Keeps none: a cookie would be a second identity, kept beyond a sign-out."""

    def extract_cookies(self, *_: Any) -> None:
        """Leave the cookies where they are."""


# ── the life of an awaited client ───────────────────────────────────────────────────────────────────
# A connection can be closed by its own event loop only, and asyncio.run ends a loop without asking
# anybody. But it finishes the loop's asynchronous generators first (PEP 525), so the client lives in one.

_Lease = AsyncGenerator[None, None]
_Leases = dict[asyncio.AbstractEventLoop, tuple[httpx.AsyncClient, _Lease]]
# Whatever becomes of the session: a generator that nobody holds is not finished, but dropped.
_open_leases: dict[httpx.AsyncClient, _Lease] = {}


async def _lease(
    client: httpx.AsyncClient, leases: _Leases, loop: asyncio.AbstractEventLoop
) -> _Lease:
    try:
        yield
    finally:
        if leases.get(loop, (None, None))[0] is client:  # not one that was opened since
            del leases[loop]
        _open_leases.pop(client, None)
        await client.aclose()


def _end(loop: asyncio.AbstractEventLoop, lease: _Lease) -> None:
    """Have a loop close its connections now, if it runs; else it does so at its end."""
    if loop.is_running():
        closing = _closed(lease)
        try:
            asyncio.run_coroutine_threadsafe(closing, loop)
        except RuntimeError:  # it ended at this moment
            closing.close()


async def _closed(lease: _Lease) -> None:
    await lease.aclose()


def _drop(leases: _Leases) -> None:
    for loop, (_, lease) in tuple(leases.items()):
        _end(loop, lease)


@cache
def _certificates(*where: str | None) -> ssl.SSLContext:  # noqa: ARG001 -- the cache's key
    """Read the certificates to trust: once, since that takes longer than a request on this machine.

    The two variables are those that httpx looks at; with others there is something else to read.
    """
    return httpx.create_ssl_context()


_all: WeakSet[ClientPool] = WeakSet()


def _forked() -> None:
    for pool in _all:
        pool.reset_after_fork()


if hasattr(os, "register_at_fork"):  # not on Windows, where nothing forks
    os.register_at_fork(after_in_child=_forked)
