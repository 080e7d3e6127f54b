"""Sends operations over the network. With `wire`, the only module that knows httpx.

The law: `send` and `asend` are line-for-line twins, and every decision they take is made elsewhere.
Redirects are not followed, since a token must not travel to wherever they point. Whatever fails
becomes one of our errors, and the frames of the HTTP library, which hold the body and the token as
plain text, never reach a traceback.
"""

from __future__ import annotations

import asyncio
import itertools
import logging
import os
import random
import ssl
import threading
import time
from collections.abc import AsyncGenerator
from contextlib import AsyncExitStack, ExitStack
from email.utils import formatdate
from functools import cache
from http.cookiejar import CookieJar
from typing import Any, TypeVar
from weakref import finalize

import httpx

from . import anything, wire
from .operation import Failure, Operation, Reply, Request, where
from .patience import Retry, Timeouts, is_unsure

T = TypeVar("T")

_LOOPBACK: dict[str, None] = {  # a proxy cannot reach this machine's own servers
    f"all://{host}": None for host in ("127.0.0.1", "localhost", "[::1]")
}
_LONG = 5.0  # seconds that nobody waits without asking why

_log = logging.getLogger(__name__)


class Transport:
    """One pool of connections for blocking calls, and one for each event loop that awaits."""

    def __init__(self, timeouts: Timeouts | None = None, retry: Retry | None = None) -> None:
        self._timeouts = timeouts or Timeouts()
        self._retry = retry or Retry()
        self._lock = threading.Lock()
        self._client: httpx.Client | None = None
        self._closing: finalize[[], Transport] | None = None
        self._given_up: list[finalize[[], Transport]] = []
        self._leases: _Leases = {}
        self._ending: set[_Lease] = (
            set()
        )  # an object that nobody holds is not finished, but dropped

    def send(self, operation: Operation[T], retry: Retry | None = None) -> T:
        """Send, wait, and read the reply. Raises `ConnectionFailedError` or a `ResponseError`."""
        request, unsure, began = operation.request, False, time.monotonic()
        for attempt in itertools.count(1):
            outcome = self._ask(request)
            wait = self._wait(request, outcome, attempt, began, retry)
            if wait is None:
                break
            unsure = unsure or is_unsure(outcome)
            time.sleep(wait)
        return _read(operation, outcome, again=unsure)

    async def asend(self, operation: Operation[T], retry: Retry | None = None) -> T:
        """Same as `send`, awaited."""
        request, unsure, began = operation.request, False, time.monotonic()
        for attempt in itertools.count(1):
            outcome = await self._aask(request)
            wait = self._wait(request, outcome, attempt, began, retry)
            if wait is None:
                break
            unsure = unsure or is_unsure(outcome)
            await asyncio.sleep(wait)
        return _read(operation, outcome, again=unsure)

    def fetch(self, url: str) -> bytes:
        """Bring a file that Gyazo named, without any token."""
        return self.send(anything.download(url))

    async def afetch(self, url: str) -> bytes:
        """Same as `fetch`, awaited."""
        return await self.asend(anything.download(url))

    def close(self) -> None:
        """Close the connections. A later call opens new ones.

        Those of an event loop are closed by that loop: at once if it runs, else at its end.
        """
        with self._lock:
            closing, self._closing, self._client = self._closing, None, None
            given_up, self._given_up = self._given_up, []
            running = [loop for loop in self._leases if loop.is_running()]
            leases = {loop: self._leases.pop(loop)[1] for loop in running}
            self._ending.update(leases.values())
        for loop, lease in leases.items():
            asyncio.run_coroutine_threadsafe(self._end(lease), loop)
        if closing is not None:
            closing()
        for closing in given_up:  # on a thread: it may wait for ever
            threading.Thread(target=closing, name="gyazo_nb closes", daemon=True).start()

    async def aclose(self) -> None:
        """Close the connections of the running loop, and the rest as `close` does."""
        with self._lock:
            _, lease = self._leases.pop(asyncio.get_running_loop(), (None, None))
        if lease is not None:
            await self._end(lease)
        self.close()

    def _ask(self, request: Request) -> Reply | Failure:
        """One attempt: what came of it."""
        interrupt: BaseException
        try:
            with ExitStack() as files:
                response = self._blocking().send(
                    wire.outgoing(request, files),
                    stream=True,
                    follow_redirects=wire.follows(request),
                )
                files.callback(response.close)
                late, pieces = time.monotonic() + self._timeouts.answer, []
                for piece in response.iter_bytes():
                    pieces.append(piece)
                    self._check(late)
        except Exception as error:  # noqa: BLE001 -- all of them: its frames hold the token as text
            return wire.failure(request, error, self._timeouts)
        except KeyboardInterrupt:
            interrupt = KeyboardInterrupt()
            self._give_up()
        else:
            return self._reply(response, b"".join(pieces))
        raise interrupt  # outside of `except`: nothing of the HTTP library's hangs on to it

    async def _aask(self, request: Request) -> Reply | Failure:
        """Same as `_ask`, awaited."""
        interrupt: BaseException
        try:
            async with AsyncExitStack() as files:
                response = await (await self._awaited()).send(
                    wire.outgoing(request, files),
                    stream=True,
                    follow_redirects=wire.follows(request),
                )
                files.push_async_callback(response.aclose)
                late, pieces = time.monotonic() + self._timeouts.answer, []
                async for piece in response.aiter_bytes():
                    pieces.append(piece)
                    self._check(late)
        except Exception as error:  # noqa: BLE001 -- all of them: its frames hold the token as text
            return wire.failure(request, error, self._timeouts)
        except (KeyboardInterrupt, asyncio.CancelledError) as error:
            interrupt = error.with_traceback(None)
        else:
            return self._reply(response, b"".join(pieces))
        raise interrupt

    def _wait(
        self,
        request: Request,
        outcome: Reply | Failure,
        attempt: int,
        began: float,
        retry: Retry | None,
    ) -> float | None:
        """Ask the policy, with the clock and the die that it does not have, and say what it decided."""
        wait = (retry or self._retry).wait(
            request.repeatable,
            outcome,
            attempt=attempt,
            spent=time.monotonic() - began,
            chance=random.random(),  # noqa: S311 -- spreads waits, guards nothing
        )
        if wait is not None:
            why = outcome.status if isinstance(outcome, Reply) else "no answer"
            level = logging.WARNING if wait > _LONG else logging.INFO
            _log.log(level, "%s: %s, asked again in %.1f seconds", where(request), why, wait)
        return wait

    @staticmethod
    def _check(late: float) -> None:
        """Give up an answer that trickles: each of its bytes would be in time."""
        if time.monotonic() > late:
            raise wire.LateError

    def _reply(self, response: httpx.Response, body: bytes) -> Reply:
        headers = dict(response.headers)
        if "retry-after" in headers and "date" not in headers:
            # RFC 9110 §6.6.1: the recipient adds it. Only a date to wait for is compared with it.
            headers["date"] = formatdate(usegmt=True)
        return Reply(response.status_code, headers, body, self)

    def _blocking(self) -> httpx.Client:
        with self._lock:
            if self._client is None:
                self._client = httpx.Client(**self._options())
                self._closing = finalize(self, self._client.close)  # also if nobody closes
            return self._client

    def _give_up(self) -> None:
        """Open another client for the next call.

        An interrupt may strike httpcore between the taking of a lock of its pool and what gives it back,
        and then the next call would wait for ever. Calls of other threads go on with the old one.
        """
        with self._lock:
            if self._closing is not None:
                self._given_up.append(self._closing)
            self._closing = self._client = None

    async def _awaited(self) -> httpx.AsyncClient:
        loop = asyncio.get_running_loop()
        with self._lock:
            client, _ = self._leases.get(loop, (None, None))
        if client is None:
            client = httpx.AsyncClient(**self._options())
            lease = _lease(client, self._leases, loop)
            await anext(lease)  # it does not suspend: no other task of this loop comes between
            with self._lock:
                for closed in [other for other in self._leases if other.is_closed()]:
                    del self._leases[closed]
                self._leases[loop] = client, lease
        return client

    async def _end(self, lease: _Lease) -> None:
        await lease.aclose()
        self._ending.discard(lease)

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


async def _lease(
    client: httpx.AsyncClient, leases: _Leases, loop: asyncio.AbstractEventLoop
) -> _Lease:
    try:
        yield
    finally:
        if leases.get(loop, (None, None))[0] is client:  # not one that was opened since
            del leases[loop]
        await client.aclose()


@cache
def _certificates(*where: str | None) -> ssl.SSLContext:  # noqa: ARG001 -- the cache's key
    """Read the certificates to trust: once, since that takes longer than a request on this machine.

    The two variables are those that httpx looks at; with others there is something else to read.
    """
    return httpx.create_ssl_context()


def _read(operation: Operation[T], outcome: Reply | Failure, *, again: bool) -> T:
    if isinstance(outcome, Failure):
        raise outcome.error
    return operation.read(outcome, again=again)
