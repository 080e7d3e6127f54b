"""Many pictures at once: how a batch runs, and what it remembers from one run to the next.

The law: one implementation for both colours, see `waiting`. Things are read and drawn one after the
other in the thread that asked, since neither a generator nor matplotlib may be used from several; only
the sending is parallel, and no more pictures are drawn than are being sent. What is done is never lost:
not by another thing's failure, not by Ctrl-C (see `Report`), not by the kernel's death (see `Journal`).
What failed is sent again as it was drawn: a figure or a buffer may hold something else by then.
"""

from __future__ import annotations

import asyncio
import threading
import time
import traceback
from collections.abc import Awaitable, Callable, Iterator
from contextlib import AbstractContextManager, closing, contextmanager, suppress
from dataclasses import dataclass
from typing import Any

from .errors import (
    ArgumentError,
    BatchInterruptedError,
    GyazoError,
    JournalError,
    NotLoggedInError,
    UnauthorizedError,
)
from .journal import Journal
from .models import Image
from .pool import Job, Pool
from .progress import Progress
from .report import Failure, Report
from .supply import Supply
from .waiting import TICK, Awaiting, Blocking, Waiting, finish

GRACE = 5.0  # seconds that Ctrl-C waits for what is being sent
KEPT = 32 * 2**20  # bytes of drawn pictures that failed; of more, the things are drawn again

Notes = AbstractContextManager[Journal | None]


@dataclass(frozen=True, slots=True)
class Drawn:
    """A thing as it will be sent: how many bytes of memory it takes, and how to make a job of it."""

    size: int
    job: Callable[[Journal | None], Job[Image]]


@dataclass(slots=True)
class _Todo:
    """A thing that was read and has not arrived."""

    thing: Any
    drawn: Drawn | None = None
    is_kept: bool = False


class Batch:
    """One call of `upload_all`, from its start to its last retry.

    `draw` is called in the thread that asked; `notes` opens the journal, `anotes` is its twin, and
    `begun` is told the report when the batch is under way.
    """

    def __init__(
        self,
        things: Any,
        draw: Callable[[Any], Drawn],
        *,
        notes: Callable[[], Notes],
        anotes: Callable[[], Awaitable[Notes]],
        begun: Callable[[Report], object],
        concurrency: Any,  # a caller's, as the things are
        progress: bool,
    ) -> None:
        if not isinstance(concurrency, int) or concurrency < 1:  # a float counts no threads
            raise ArgumentError("concurrency must be a whole number from 1.")
        self._supply = Supply(things)
        self._draw = draw
        self._notes = notes
        self._anotes = anotes
        self._begun = begun
        self._concurrency = concurrency
        self._progress = progress
        self._todo: dict[int, _Todo] = {}
        self._kept = 0
        self._failed = 0  # in this run
        self._runs = threading.Lock()
        self.report = Report(self.run, self.arun)

    def run(self) -> None:
        """Upload what is not uploaded yet."""
        if self._supply.is_async:
            raise ArgumentError(
                "These things come from an async iterable: use await gyazo.aupload_all(…), and "
                "await gyazo.report.aretry()."
            )
        with Blocking() as waiting, self._alone():
            with waiting.at_once():
                notes = self._notes()
            with notes as journal:
                finish(self._run(waiting, journal))
        if (
            waiting.asked
        ):  # when all was done already; but whoever asked wants what follows to stop, too
            raise self._stopped(waiting)

    async def arun(self) -> None:
        """Same as `run`, awaited."""
        with self._alone(), Awaiting() as waiting, await self._anotes() as journal:
            await self._run(waiting, journal)

    async def _run(self, waiting: Waiting, journal: Journal | None) -> None:
        report, todo = self.report, self._todo
        self._begun(report)
        self._failed = 0
        report.interrupted = False
        with self._bar() as bar, closing(Pool[Image](self._concurrency, waiting.wake)) as pool:
            try:
                for index in sorted(todo):
                    await self._start(index, waiting, pool, bar, journal)
                while taken := await self._supply.take(waiting):
                    index = len(report.results)
                    todo[index] = _Todo(*taken)
                    report.results.append(None)
                    del taken
                    await self._start(index, waiting, pool, bar, journal)
                while pool.in_flight:
                    await waiting.turn()
                    await self._take(waiting, pool, bar)
            except GeneratorExit:  # nothing can be awaited any more
                report.interrupted = True
                raise
            except BaseException as error:
                report.interrupted = True
                refused: UnauthorizedError | None = None
                with suppress(KeyboardInterrupt, asyncio.CancelledError):  # a second one: at once
                    refused = await self._drain(waiting, pool, bar)
                if isinstance(error, KeyboardInterrupt):
                    raise self._stopped(waiting) from None
                if isinstance(error, asyncio.CancelledError) and not error.args:
                    error.args = self._stopped(waiting).args  # it is shown under the cell
                if isinstance(error, NotLoggedInError) and refused is not None:
                    raise refused from None  # which is why nobody is signed in any more
                raise

    async def _start(
        self,
        index: int,
        waiting: Waiting,
        pool: Pool[Image],
        bar: Progress,
        journal: Journal | None,
    ) -> None:
        """Draw a thing, and have it sent, as soon as there is room."""
        await waiting.turn()
        while pool.in_flight >= self._concurrency:
            await self._take(waiting, pool, bar)
            await waiting.turn()
        todo = self._todo[index]
        try:
            if todo.drawn is None:
                with waiting.at_once():
                    todo.drawn = self._draw(todo.thing)
            job = todo.drawn.job(journal)
        except NotLoggedInError:
            raise  # every further thing would fail alike
        except Exception as error:  # noqa: BLE001 -- one thing's failure is its own
            self._settle(index, error, bar)
        else:
            pool.put(index, job)

    async def _take(
        self, waiting: Waiting, pool: Pool[Image], bar: Progress, seconds: float = TICK
    ) -> None:
        """Settle one that is done."""
        done = await waiting.take(pool, seconds)
        if done is not None:
            index, outcome = done
            assert isinstance(index, int)  # noqa: S101 -- for mypy: it was put in by _start
            self._settle(index, outcome, bar)
            if isinstance(outcome, UnauthorizedError | NotLoggedInError | JournalError):
                raise outcome  # no token, or no journal: every further thing would fail alike

    def _settle(self, index: int, outcome: Image | BaseException, bar: Progress) -> None:
        todo = self._todo[index]
        if isinstance(outcome, BaseException):
            _lighten(outcome)
            self._keep(todo)
            self.report.results[index] = Failure(index, todo.thing, outcome)
            self._failed += 1
        else:
            self.report.results[index] = outcome
            del self._todo[index]
            if todo.drawn is not None and todo.is_kept:
                self._kept -= todo.drawn.size
        bar.step(self._failed)

    def _keep(self, todo: _Todo) -> None:
        """Keep what was drawn for a retry, if there is room."""
        if todo.drawn is None or todo.is_kept:
            return
        if self._kept + todo.drawn.size <= KEPT:
            self._kept += todo.drawn.size
            todo.is_kept = True
        else:
            todo.drawn = None

    async def _drain(
        self, waiting: Waiting, pool: Pool[Image], bar: Progress
    ) -> UnauthorizedError | None:
        """Keep what is being sent, for a moment; give the refusal of the token that came meanwhile."""
        deadline, refused = time.monotonic() + GRACE, None
        while pool.in_flight and (left := deadline - time.monotonic()) > 0:
            try:
                await self._take(waiting, pool, bar, left)
            except UnauthorizedError as error:
                refused = error
            except (NotLoggedInError, JournalError):
                continue  # settled, and said already
        return refused

    def _stopped(self, waiting: Waiting) -> BatchInterruptedError:
        of = "" if self._supply.total is None else f" of {self._supply.total}"
        rest = f", and {waiting.retry} takes up the rest"
        if self._supply.is_lost:
            rest = (
                "; for the rest call upload_all anew: what was being made cannot be asked for again"
            )
        elif len(self.report.images) == self._supply.total:
            rest = ", and nothing is left to do"
        return BatchInterruptedError(
            f"Stopped: {len(self.report.images)}{of} are uploaded. They are in gyazo.report{rest}.",
            self.report,
        )

    @contextmanager
    def _alone(self) -> Iterator[None]:
        """Let no second run of the same things begin: each would be sent twice."""
        if not self._runs.acquire(blocking=False):
            raise ArgumentError(
                "This batch is still running: wait until it has ended, or stop it, and then retry."
            )
        self.report.running = True
        try:
            yield
        finally:
            self.report.running = False
            self._runs.release()

    def _bar(self) -> Progress:
        done = len(self.report.images)
        return Progress(wanted=self._progress, total=self._supply.total, done=done)


def _lighten(error: BaseException) -> None:
    """Free what the frames of a kept error hold: the bytes of a picture."""
    if isinstance(error, GyazoError):
        error.__traceback__ = error.__context__ = error.__cause__ = None  # its sentence says it all
    elif error.__traceback__ is not None:
        traceback.clear_frames(error.__traceback__)
