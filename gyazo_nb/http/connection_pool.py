"""The connections of a session: one httpx client for blocking calls, and one for each event loop.

Guarantees:

- A client is opened by the first call that needs it. It is never shared with a forked process.
- Redirects are not followed by default, cookies are not stored, and certificates are verified.
- Every client is closed: by `close`, with the session, or at the end of its event loop.
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

# Requests to this machine use no proxy, since a proxy cannot reach it.
_NO_PROXY: dict[str, None] = {f"all://{host}": None for host in ("127.0.0.1", "localhost", "[::1]")}


class ClientPool:
    """Opens httpx clients on demand. Safe to use from any thread and any event loop."""

    def __init__(self, timeouts: Timeouts) -> None:
        self._timeouts = timeouts
        self._lock = threading.Lock()
        self._client: httpx.Client | None = None
        self._close_client: finalize[[], ClientPool] | None = None
        self._discarded: list[httpx.Client] = []
        self._leases: _Leases = {}
        # For a session that is dropped without `close`.
        finalize(self, _close_leases, self._leases).atexit = False
        _pools.add(self)

    def sync_client(self) -> httpx.Client:
        """Return the client for blocking calls."""
        with self._lock:
            if self._client is None:
                self._client = httpx.Client(**self._options())
                # Closes the client also when the session is dropped without `close`.
                self._close_client = finalize(self, self._client.close)
            return self._client

    async def async_client(self) -> httpx.AsyncClient:
        """Return the client of the running event loop."""
        loop = asyncio.get_running_loop()
        with self._lock:
            client, _ = self._leases.get(loop, (None, None))
        if client is None:
            client = httpx.AsyncClient(**self._options())
            lease = _hold_open(client, self._leases, loop)
            _open_leases[client] = lease
            await anext(lease)  # this does not suspend, so no other task of this loop can run here
            with self._lock:
                for closed in [other for other in self._leases if other.is_closed()]:
                    _open_leases.pop(self._leases.pop(closed)[0], None)
                self._leases[loop] = client, lease
        return client

    def discard_sync_client(self) -> None:
        """Make the next call open another client.

        An interrupt may stop httpcore after it acquired the lock of its pool and before it releases the
        lock; then the next call would wait forever. Calls in other threads continue with the old client.
        """
        with self._lock:
            if self._close_client is not None and self._client is not None:
                self._close_client.detach()  # otherwise the exit of Python could wait for that lock
                self._discarded.append(self._client)
            self._close_client = self._client = None

    def close(self) -> None:
        """Close the connections. A later call opens new ones.

        An event loop closes its own connections: immediately if it is running, otherwise at its end.
        """
        with self._lock:
            close_client, self._close_client, self._client = self._close_client, None, None
            discarded, self._discarded = self._discarded, []
            running = [loop for loop in tuple(self._leases) if loop.is_running()]
            leases = {loop: self._leases.pop(loop)[1] for loop in running}
        for loop, lease in leases.items():
            _close_in_loop(loop, lease)
        if close_client is not None:
            close_client()
        for client in discarded:  # in a thread, because this may wait forever
            threading.Thread(target=client.close, name="gyazo_nb close", daemon=True).start()

    async def aclose(self) -> None:
        """Close the connections of the running event loop, and the others as `close` does."""
        with self._lock:
            _, lease = self._leases.pop(asyncio.get_running_loop(), (None, None))
        if lease is not None:
            await lease.aclose()
        self.close()

    def reset_after_fork(self) -> None:
        """Forget all clients in a forked process: with a shared socket, it could read foreign replies."""
        self._lock = threading.Lock()
        if self._close_client is not None:
            self._close_client.detach()
        self._close_client = self._client = None
        self._discarded, self._leases = [], {}

    def _options(self) -> dict[str, Any]:
        limits = self._timeouts
        return {
            # The pool has no limit, so a call never waits for a free connection.
            "timeout": httpx.Timeout(
                connect=limits.connect, read=limits.read, write=limits.write, pool=None
            ),
            "limits": httpx.Limits(max_connections=None, max_keepalive_connections=32),
            "follow_redirects": False,
            "verify": _ssl_context(os.environ.get("SSL_CERT_FILE"), os.environ.get("SSL_CERT_DIR")),
            "mounts": _NO_PROXY,
            "cookies": _NoCookies(),
        }


class _NoCookies(CookieJar):
    """Stores no cookies: a cookie would identify the account even after a sign-out."""

    def extract_cookies(self, *_: Any) -> None:
        """Ignore the cookies of a reply."""


# ── closing the client of an event loop ─────────────────────────────────────────────────────────────
# A connection must be closed in its own event loop, and asyncio.run has no hook for the end of a loop.
# But it closes the asynchronous generators of the loop first (PEP 525). So each async client has a lease:
# a generator that closes the client at its end.

_Lease = AsyncGenerator[None, None]
_Leases = dict[asyncio.AbstractEventLoop, tuple[httpx.AsyncClient, _Lease]]
# A reference to each open lease, independent of its session: a generator without a reference is
# garbage-collected without running its `finally`.
_open_leases: dict[httpx.AsyncClient, _Lease] = {}


async def _hold_open(
    client: httpx.AsyncClient, leases: _Leases, loop: asyncio.AbstractEventLoop
) -> _Lease:
    try:
        yield
    finally:
        if leases.get(loop, (None, None))[0] is client:  # not a client that was opened later
            del leases[loop]
        _open_leases.pop(client, None)
        await client.aclose()


def _close_in_loop(loop: asyncio.AbstractEventLoop, lease: _Lease) -> None:
    """Close the connections of a running loop now. A loop that does not run closes them at its end."""
    if loop.is_running():
        closing = _close(lease)
        try:
            asyncio.run_coroutine_threadsafe(closing, loop)
        except RuntimeError:  # the loop was closed at this moment
            closing.close()


async def _close(lease: _Lease) -> None:
    await lease.aclose()


def _close_leases(leases: _Leases) -> None:
    for loop, (_, lease) in tuple(leases.items()):
        _close_in_loop(loop, lease)


@cache
def _ssl_context(*variables: str | None) -> ssl.SSLContext:  # noqa: ARG001 -- the key of the cache
    """Read the trusted certificates once, since this takes longer than a request to a local server.

    `variables` are the values of the environment variables that httpx reads: a change reads them again.
    """
    return httpx.create_ssl_context()


_pools: WeakSet[ClientPool] = WeakSet()


def _reset_pools() -> None:
    for pool in _pools:
        pool.reset_after_fork()


if hasattr(os, "register_at_fork"):  # Windows has no fork
    os.register_at_fork(after_in_child=_reset_pools)
