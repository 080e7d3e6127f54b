"""Many pictures at once: `upload_all`, its awaited twin, and how a batch runs.

The law: one implementation for both colours. Things are read and drawn one after the other in the
thread that asked, since neither a generator nor matplotlib may be used from several; only the sending
is parallel, and no more pictures are drawn than are being sent. What is done is never lost: not by
another thing's failure, not by Ctrl-C (see `Report`), not by the kernel's death (see `Journal`).
"""

from __future__ import annotations

import asyncio
import time
import traceback
from collections import deque
from collections.abc import AsyncIterable, Callable, Iterable, Iterator, Sized
from contextlib import nullcontext, suppress
from contextvars import copy_context
from typing import Any, Protocol

from .errors import (
    ArgumentError,
    BatchInterruptedError,
    GyazoError,
    JournalError,
    UnauthorizedError,
)
from .journal import Journal
from .models import Image
from .pool import Job, Pool
from .progress import Progress
from .report import Failure, Report
from .stop import Stop

Things = Iterable[Any] | AsyncIterable[Any]

GRACE = 5.0  # seconds that Ctrl-C waits for what is being sent
_TICK = 0.1  # seconds: Stop reaches an awaiting cell only when its loop wakes up


# Told after each thing that is settled, with the number that have failed so far.
Step = Callable[[int], object]


class Prepare(Protocol):
    """Draws a thing, and gives the job that sends it."""

    def __call__(self, thing: Any, noted: Journal | None) -> Job[Image]:
        """In the thread that asked; the job runs in another one, and is `noted` in the journal."""


class Batch:
    """One call of `upload_all`, from its start to its last retry."""

    def __init__(
        self,
        things: Any,  # a caller's: it is looked at below
        prepare: Prepare,
        *,
        concurrency: Any,
        progress: bool,
        journal: Callable[[], Journal] | None,
    ) -> None:
        if not isinstance(concurrency, int) or concurrency < 1:  # a float counts no threads
            raise ArgumentError("concurrency must be a whole number from 1.")
        if isinstance(things, str | bytes) or hasattr(things, "__fspath__"):
            raise ArgumentError(
                "upload_all takes many pictures: a list of them, Path('folder').glob('*.png') or "
                "anything else to loop over. One picture is for upload."
            )
        if not isinstance(things, Iterable | AsyncIterable):
            raise ArgumentError(
                f"upload_all takes many pictures, and a {type(things).__name__} is not a thing to loop "
                f"over: give it in a list."
            )
        self._total = len(things) if isinstance(things, Sized) else None
        self._source: Iterator[Any] | None = iter(things) if isinstance(things, Iterable) else None
        self._things = things
        self._prepare = prepare
        self._concurrency = concurrency
        self._progress = progress
        self._journal = journal
        self._pending: dict[int, Any] = {}  # read from the source, and not yet settled
        self._lost = False  # the source was interrupted at its own work and cannot go on
        self._stop = Stop()
        self._failed = 0
        self.report = Report(self.run, self.arun)

    def run(self) -> None:
        """Upload what is not uploaded yet."""
        if self._source is None:
            raise ArgumentError(
                "These things come from an async iterable: use await gyazo.aupload_all(…)."
            )
        self._stop = Stop()
        with self._bar() as bar:
            self._run(self._source, bar.step)

    async def arun(self) -> None:
        """Same as `run`, awaited: in a thread, so that the loop stays free."""
        self._stop = Stop()
        loop = asyncio.get_running_loop()
        source = self._source = self._source or self._pulled(loop)

        settled: deque[int] = deque()

        def work() -> None:
            # A KeyboardInterrupt that leaves a future would run through the whole loop.
            with suppress(BatchInterruptedError):
                self._run(source, settled.append)

        running = loop.run_in_executor(None, copy_context().run, work)
        with self._bar() as bar:  # here: a widget that another thread draws may not be shown
            try:
                while not running.done():
                    await asyncio.wait([running], timeout=_TICK)
                    while settled:
                        bar.step(settled.popleft())
            except asyncio.CancelledError:
                self._stop.ask()
                await asyncio.wait([running], timeout=GRACE + 1)
                raise
        running.result()

    def _run(self, source: Iterator[Any], step: Step) -> None:
        report = self.report
        again = {failure.index: failure.thing for failure in report.failures} | self._pending
        if self._lost:
            raise ArgumentError(
                "This batch was stopped while its things were being made, and they cannot be asked for "
                "again: call upload_all anew (with resume=, so that nothing is sent twice)."
            )
        report.interrupted = False
        self._failed = 0
        for index in again:
            report.results[index] = None
        self._pending = dict(sorted(again.items()))
        pool: Pool[Image] = Pool(self._concurrency)
        with (
            self._journal() if self._journal else nullcontext() as journal,
            self._stop as stop,
        ):
            try:
                for index, thing in self._each(source):
                    while pool.in_flight >= self._concurrency:
                        self._take(pool, step)
                    try:
                        with stop.at_once():
                            job = self._prepare(thing, journal)
                    except Exception as error:  # noqa: BLE001 -- one thing's failure is its own
                        self._settle(index, error, step)
                    else:
                        pool.put(index, job)
                        del job
                while pool.in_flight:
                    self._take(pool, step)
            except KeyboardInterrupt:
                report.interrupted = True
                self._drain(pool, step)
                raise self._interrupted() from None
            except BaseException:
                report.interrupted = True
                self._drain(pool, step)
                raise
            finally:
                pool.close()

    def _each(self, source: Iterator[Any]) -> Iterator[tuple[int, Any]]:
        """What is left from before, then the rest of the source."""
        yield from list(self._pending.items())
        while True:
            try:
                with self._stop.at_once():
                    thing = next(source)
            except StopIteration:
                return
            except BaseException:
                self._lost = getattr(source, "gi_frame", source) is None
                raise
            index = len(self.report.results)
            self._pending[index] = thing
            self.report.results.append(None)
            yield index, thing

    def _take(self, pool: Pool[Image], step: Step, timeout: float | None = None) -> None:
        """Settle one that is done."""
        done = pool.take(_TICK if timeout is None else timeout)
        if done is not None:
            index, outcome = done
            assert isinstance(index, int)  # noqa: S101 -- for mypy: it was put in by _run
            self._settle(index, outcome, step)
            if isinstance(outcome, UnauthorizedError | JournalError):
                raise outcome  # no token, or no journal: every further thing would fail alike
        if timeout is None:
            self._stop.check()

    def _settle(self, index: int, outcome: Image | BaseException, step: Step) -> None:
        thing = self._pending.pop(index)
        if isinstance(outcome, BaseException):
            _lighten(outcome)
            self.report.results[index] = Failure(index, thing, outcome)
            self._failed += 1
        else:
            self.report.results[index] = outcome
        step(self._failed)

    def _drain(self, pool: Pool[Image], step: Step) -> None:
        """Keep what is being sent, for a moment."""
        deadline = time.monotonic() + GRACE
        while pool.in_flight and (left := deadline - time.monotonic()) > 0:
            try:
                self._take(pool, step, left)
            except (UnauthorizedError, JournalError):
                continue  # settled, and said already

    def _interrupted(self) -> BatchInterruptedError:
        of = "" if self._total is None else f" of {self._total}"
        return BatchInterruptedError(
            f"Stopped: {len(self.report.images)}{of} are uploaded. They are in gyazo.report, and "
            f"gyazo.report.retry() takes up the rest.",
            self.report,
        )

    def _bar(self) -> Progress:
        return Progress(wanted=self._progress, total=self._total, done=len(self.report.images))

    def _pulled(self, loop: asyncio.AbstractEventLoop) -> Iterator[Any]:
        """Ask an async iterable for its things, from the thread of the batch."""
        assert isinstance(self._things, AsyncIterable)  # noqa: S101 -- for mypy: `arun` saw to it
        iterator = aiter(self._things)
        end = object()

        async def following() -> Any:
            return await anext(iterator, end)

        while True:
            future = asyncio.run_coroutine_threadsafe(following(), loop)
            while not future.done():
                if self._stop.asked:
                    future.cancel()
                    raise KeyboardInterrupt
                time.sleep(0.001)
            thing = future.result()
            if thing is end:
                return
            yield thing


def _lighten(error: BaseException) -> None:
    """Free what the frames of a kept error hold: the bytes of a picture."""
    if isinstance(error, GyazoError):
        error.__traceback__ = error.__context__ = error.__cause__ = None  # its sentence says it all
    elif error.__traceback__ is not None:
        traceback.clear_frames(error.__traceback__)
