"""Sends operations over the network.

The law: `send` and `asend` are line-for-line twins, and every decision they take is made elsewhere.
Whatever fails
becomes one of our errors, and the frames of the HTTP library, which hold the body and the token as
plain text, never reach a traceback.
"""

from __future__ import annotations

import asyncio
import itertools
import logging
import math
import random
import sys
import time
from contextlib import AsyncExitStack, ExitStack
from email.utils import formatdate
from typing import Self, TypeVar

import httpx

from . import anything, wire
from .clients import Clients
from .operation import JSON, Failure, Operation, Reply, Request, where
from .patience import Retry, Timeouts, is_unsure

T = TypeVar("T")

_LONG = 5.0  # seconds that nobody waits without asking why

_log = logging.getLogger(__name__)


class Transport:
    """Sends, waits, and asks again where that does no harm."""

    def __init__(self, timeouts: Timeouts | None = None, retry: Retry | None = None) -> None:
        self._timeouts = timeouts or Timeouts()
        self._retry = retry or Retry()
        self._clients = Clients(self._timeouts)

    def __reduce__(self) -> tuple[type[None], tuple[()]]:
        """Leave nothing of a connection in what is pickled: an image is a value without it."""
        return type(None), ()

    def __deepcopy__(self, memo: dict[int, object]) -> Self:
        return self

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
        """Close the connections. A later call opens new ones."""
        self._clients.close()

    async def aclose(self) -> None:
        """Close the connections of the running loop, and the rest as `close` does."""
        await self._clients.aclose()

    def _ask(self, request: Request) -> Reply | Failure:
        """One attempt: what came of it."""
        interrupt: BaseException
        context = wire.under_way.set(request)
        try:
            with ExitStack() as files:
                response = self._clients.blocking().send(
                    wire.outgoing(request, files),
                    stream=True,
                    follow_redirects=wire.follows(request),
                )
                files.callback(response.close)
                answer = _Answer(request, self._timeouts)
                for piece in response.iter_bytes():
                    answer.add(piece)
        except Exception as error:  # noqa: BLE001 -- all of them: its frames hold the token as text
            return wire.failure(request, error, self._timeouts)
        except KeyboardInterrupt:
            interrupt = KeyboardInterrupt()
            self._clients.give_up()
        else:
            return self._reply(response, answer.body)
        finally:
            wire.under_way.reset(context)
        raise interrupt  # outside of `except`: nothing of the HTTP library's hangs on to it

    async def _aask(self, request: Request) -> Reply | Failure:
        """Same as `_ask`, awaited."""
        interrupt: BaseException
        context = wire.under_way.set(request)
        try:
            async with AsyncExitStack() as files:
                response = await (await self._clients.awaited()).send(
                    wire.outgoing(request, files),
                    stream=True,
                    follow_redirects=wire.follows(request),
                )
                files.push_async_callback(response.aclose)
                answer = _Answer(request, self._timeouts)
                async for piece in response.aiter_bytes():
                    answer.add(piece)
        except Exception as error:  # noqa: BLE001 -- all of them: its frames hold the token as text
            return wire.failure(request, error, self._timeouts)
        except (KeyboardInterrupt, asyncio.CancelledError) as error:
            interrupt = error.with_traceback(None)
        else:
            return self._reply(response, answer.body)
        finally:
            wire.under_way.reset(context)
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

    def _reply(self, response: httpx.Response, body: bytes) -> Reply:
        headers = dict(response.headers)
        if "retry-after" in headers and "date" not in headers:
            # RFC 9110 §6.6.1: the recipient adds it. Only a date to wait for is compared with it.
            headers["date"] = formatdate(usegmt=True)
        return Reply(response.status_code, headers, body, self)


class _Answer:
    """The body of an answer, while it comes: in time as a whole, and no larger than can be."""

    def __init__(self, request: Request, timeouts: Timeouts) -> None:
        # A picture may be of any size, and a line as slow as it is: it is for a person to stop it.
        is_picture = request.accept != JSON
        self._late = math.inf if is_picture else time.monotonic() + timeouts.answer
        self._room = sys.maxsize if is_picture else wire.LARGEST
        self._pieces: list[bytes] = []

    def add(self, piece: bytes) -> None:
        """Take the next piece. Of an answer that trickles, each would be in time by itself."""
        self._pieces.append(piece)
        self._room -= len(piece)
        if self._room < 0:
            raise wire.TooLargeError
        if time.monotonic() > self._late:
            raise wire.LateError

    @property
    def body(self) -> bytes:
        """All of it."""
        return b"".join(self._pieces)


def _read(operation: Operation[T], outcome: Reply | Failure, *, again: bool) -> T:
    if isinstance(outcome, Failure):
        raise outcome.error
    return operation.read(outcome, again=again)
