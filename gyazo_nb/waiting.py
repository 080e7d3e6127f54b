"""How a batch waits: in its thread, or in its event loop. All that its two colours do differently.

The law: a batch is one coroutine, which runs in the thread that asked, whatever the colour; whatever
it waits for, it awaits here. In the blocking colour nothing ever gives way, so one step is all of it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Hashable
from contextlib import AbstractContextManager, nullcontext, suppress
from types import TracebackType
from typing import Any, Protocol, Self, TypeVar

from .pool import Pool
from .stop import Stop

T = TypeVar("T")

TICK = 0.1  # seconds between two looks at whether somebody asked to stop


class Waiting(Protocol):
    """What a batch asks of its colour."""

    retry: str
    """How a person takes up the rest in this colour."""

    def at_once(self) -> AbstractContextManager[None]:
        """Around the user's own code: a Stop may strike within."""

    def wake(self) -> None:
        """Something came out of the pool. Called in any thread."""

    async def turn(self) -> None:
        """Let others go on where there are any, and stop here if somebody asked for it."""

    async def take(
        self, pool: Pool[T], seconds: float = TICK
    ) -> tuple[Hashable, T | BaseException] | None:
        """Wait for what comes out of the pool next; None if nothing did in time."""


class Blocking(Stop):
    """Waits in the thread, and holds back what interrupts it. Used in a `with`."""

    retry = "gyazo.report.retry()"

    def wake(self) -> None:
        """Nobody sleeps: the pool's own queue is waited at."""

    async def turn(self) -> None:
        """Stop here if somebody asked for it."""
        self.check()

    async def take(
        self, pool: Pool[T], seconds: float = TICK
    ) -> tuple[Hashable, T | BaseException] | None:
        """Wait for what comes out of the pool next; None if nothing did in time."""
        return pool.take(seconds)


class Awaiting:
    """Waits in the running loop, where a Stop is a cancellation. Used in a `with`."""

    retry = "await gyazo.report.aretry()"

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._came = asyncio.Event()

    def __enter__(self) -> Self:
        self._tick()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._ticking.cancel()

    def at_once(self) -> AbstractContextManager[None]:
        """A cancellation comes where something is awaited, and nowhere else."""
        return nullcontext()

    def wake(self) -> None:
        """Something came out of the pool. Called in any thread."""
        with suppress(RuntimeError):  # the loop is over, and the batch with it
            self._loop.call_soon_threadsafe(self._came.set)

    async def turn(self) -> None:
        """Let the loop go on: drawing keeps it from everything else."""
        await asyncio.sleep(0)

    async def take(
        self,
        pool: Pool[T],
        seconds: float = TICK,
    ) -> tuple[Hashable, T | BaseException] | None:
        """Wait for what comes out of the pool next; None if nothing did in time."""
        self._came.clear()
        done = pool.take(0)
        if done is None:
            with suppress(TimeoutError):
                async with asyncio.timeout(seconds):
                    await self._came.wait()
            done = pool.take(0)
        return done

    def _tick(self) -> None:
        """Wake the loop now and then: it notices no Stop of a kernel's while it sleeps."""
        self._ticking = self._loop.call_later(TICK, self._tick)


def finish(coroutine: Coroutine[Any, Any, None]) -> None:
    """Carry out a coroutine in which nothing ever gives way: it needs no loop."""
    try:
        coroutine.send(None)
    except StopIteration:
        return
    finally:
        coroutine.close()
    raise AssertionError("what blocks does not give way")
