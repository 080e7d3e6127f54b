"""Runs a batch of uploads, and keeps its state from one run to the next.

Guarantees:

- Items are read and rendered one after the other in the caller's thread, since neither a generator nor
  matplotlib works in several threads. Only the uploads are parallel. (In an event loop, another thread
  converts files and data, such as SVG.) The number of rendered items is limited to the number of
  simultaneous uploads.
- No uploaded image is lost: not if another item fails, not at Ctrl-C (see `Report`), not if the kernel is
  killed (see `Journal`).
- A retry sends a failed item as it was rendered: a figure or a buffer may have changed since then.
- A future is waited for when its turn comes, and a Stop ends the wait. Its error is the failure of this
  item only, of whatever class it is.
"""

from __future__ import annotations

import asyncio
import sys
import threading
import time
import traceback
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, closing, contextmanager, nullcontext, suppress
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any, TextIO

from gyazo_nb.api.endpoints import UploadFields
from gyazo_nb.api.image import Image, warn_about_access
from gyazo_nb.errors import (
    ArgumentError,
    BatchInterruptedError,
    GyazoError,
    JournalError,
    NotLoggedInError,
    UnauthorizedError,
)
from gyazo_nb.images.convert import is_encoded

from .drivers import AsyncioDriver, BlockingDriver, Driver, WorkerPool, run_to_completion
from .journal import Journal
from .report import Failure, Report
from .source import ItemSource, is_future, needs_event_loop, outcome_of
from .upload import RenderedItem, Uploader, read_open_file

if TYPE_CHECKING:
    from tqdm import tqdm

STOP_TIMEOUT = 5.0  # seconds that a Stop waits for the running uploads
MAX_RETAINED_BYTES = 32 * 2**20  # of failed pictures; a retry renders further ones again


@dataclass(slots=True)
class _Pending:
    """An item that was read and is not uploaded yet."""

    item: Any
    # Made once: a function of the user may return another value at the next call.
    fields: UploadFields | None = None
    rendered: RenderedItem | None = None
    is_retained: bool = False


@dataclass(slots=True)
class _Run:
    """The objects of one run of a batch, and its results."""

    driver: Driver
    pool: WorkerPool[Image]
    journal: Journal | None
    bar: tqdm[Any] | None = None
    images: list[Image] = field(default_factory=list)
    failed: int = 0


class Batch:
    """One call of `upload_all`, with its retries. `on_start` gets the report at the start of each run."""

    def __init__(
        self,
        items: Any,
        uploader: Uploader,
        *,
        concurrency: Any,
        progress: bool,
        on_start: Callable[[Report], object],
    ) -> None:
        if not isinstance(concurrency, int) or concurrency < 1:
            raise ArgumentError("concurrency must be a whole number from 1.")
        self._source = ItemSource(items)
        self._uploader = uploader
        self._concurrency = concurrency
        self._progress = progress
        self._on_start = on_start
        self._pending: dict[int, _Pending] = {}
        self._retained = 0
        self._lock = threading.Lock()
        self.report = Report(self, left_out=self._source.left_out)

    def run(self) -> None:
        """Upload the items that are not uploaded yet."""
        if self._source.is_async:
            raise ArgumentError(
                "These items come from an async iterable: use await gyazo.aupload_all(…), and "
                "await gyazo.report.aretry()."
            )
        with BlockingDriver() as driver, self._exclusive():
            run_to_completion(self._run(driver))
        # The Stop came after the last upload. It must also stop the cells that follow.
        if driver.requested:
            raise self._interrupted(driver)

    async def arun(self) -> None:
        """Same as `run`, async."""
        with AsyncioDriver() as driver, self._exclusive():
            await self._run(driver)
        if driver.requested:  # as in `run`
            raise self._interrupted(driver)

    async def _run(self, driver: Driver) -> None:
        with (
            await self._uploader.open_journal(driver) as journal,
            closing(WorkerPool[Image](self._concurrency, driver.on_result)) as pool,
        ):
            self._on_start(self.report)
            self.report.interrupted = False
            run = _Run(driver, pool, journal)
            try:
                with self._progress_bar() as run.bar:
                    await self._upload_items(run)
            finally:
                self.report.skipped += journal.skipped if journal else 0
                warn_about_access(run.images)

    async def _upload_items(self, run: _Run) -> None:
        report = self.report
        can_continue = self._source.can_continue()
        try:
            for index in sorted(self._pending):
                await self._start(index, run)
            while can_continue and (item := await self._source.next_item(run.driver)):
                index = len(report.results)
                self._pending[index] = _Pending(*item)
                report.results.append(None)
                del item
                await self._start(index, run)
            while run.pool.in_flight:
                await run.driver.checkpoint()
                await self._settle_next(run)
        except GeneratorExit:  # the coroutine is closed and cannot await
            report.interrupted = True
            raise
        except BaseException as error:
            report.interrupted = True
            run.pool.stop()
            refused: UnauthorizedError | None = None
            with suppress(KeyboardInterrupt, asyncio.CancelledError):  # a second Stop ends the wait
                refused = await self._drain(run)
            is_cancelled = isinstance(error, asyncio.CancelledError)
            if isinstance(error, KeyboardInterrupt) or (is_cancelled and run.driver.requested):
                raise self._interrupted(run.driver) from None
            if is_cancelled and not error.args:
                error.args = self._interrupted(run.driver).args  # Jupyter shows it under the cell
            if isinstance(error, NotLoggedInError) and refused is not None:
                raise refused from None  # the reason why the account is missing
            raise
        if not can_continue:
            report.interrupted = True
            raise ArgumentError(
                f"The iterator of this batch was interrupted or raised an error, and cannot continue. Of the "
                f"{len(report.results)} items that it returned, {len(report.images)} are uploaded. Call "
                f"upload_all again for the rest; use resume= to skip items that are already uploaded."
            )

    async def _start(self, index: int, run: _Run) -> None:
        """Render an item and start its upload, as soon as a worker is free."""
        await run.driver.checkpoint()
        while run.pool.in_flight >= self._concurrency:
            await self._settle_next(run)
            await run.driver.checkpoint()
        pending = self._pending[index]
        item = pending.item
        if pending.rendered is None and is_future(item):
            item, failed = await self._wait_for(item, run)
            if failed is not None:
                self._settle(index, failed, run)
                return
        try:
            if pending.rendered is None:
                pending.rendered = await self._render(pending, item, run.driver)
            job = self._uploader.job(pending.rendered, run.journal, run.pool)
        except NotLoggedInError:
            raise  # every further item would fail in the same way
        except Exception as error:  # noqa: BLE001 -- recorded as the failure of this item
            self._settle(index, error, run)
        else:
            run.pool.put(index, job.run)

    async def _render(self, pending: _Pending, item: Any, driver: Driver) -> RenderedItem:
        """Render an item. A file is converted in another thread if there is an event loop to block."""
        with driver.interruptible():
            if pending.fields is None:
                pending.fields = self._uploader.fields_of(item)
            item = read_open_file(item)
        render = partial(self._uploader.render, item, pending.fields)
        if is_encoded(item):
            return await driver.call(render)
        with driver.interruptible():
            return render()

    async def _wait_for(self, future: Any, run: _Run) -> tuple[Any, BaseException | None]:
        """Wait for a future, and return its result and its error. Uploads that end are recorded."""
        if not future.done():
            if needs_event_loop(future) and not run.driver.runs_event_loop:
                return None, ArgumentError(
                    f"This {type(future).__name__} needs the event loop, which a blocking call stops: "
                    f"use await gyazo.aupload_all(…), or now await gyazo.report.aretry()."
                )
            future.add_done_callback(lambda _: run.driver.wake(run.pool))
        while not future.done():
            await self._settle_next(run)
            await run.driver.checkpoint()
        outcome = await run.driver.call(partial(outcome_of, future))
        await run.driver.checkpoint()  # a Stop, and not an error of the future
        return outcome

    async def _settle_next(self, run: _Run) -> None:
        """Record the next result, if there is one in time."""
        result = await run.driver.next_result(run.pool)
        if result is not None:
            index, outcome = result
            self._settle(index, outcome, run)
            if isinstance(outcome, UnauthorizedError | NotLoggedInError | JournalError):
                raise outcome  # every further item would fail in the same way

    def _settle(self, index: int, outcome: Image | BaseException, run: _Run) -> None:
        pending = self._pending[index]
        if isinstance(outcome, BaseException):
            _release_frames(outcome)
            self._retain(pending)
            self.report.results[index] = Failure(index, pending.item, outcome)
            run.failed += 1
        else:
            self.report.results[index] = outcome
            run.images.append(outcome)
            del self._pending[index]
            if pending.rendered is not None and pending.is_retained:
                self._retained -= pending.rendered.size
        if run.bar is not None:
            if run.failed:
                run.bar.set_postfix(failed=run.failed, refresh=False)
            run.bar.update()

    def _retain(self, pending: _Pending) -> None:
        """Keep the rendered picture for a retry, if there is room."""
        if pending.rendered is None or pending.is_retained:
            return
        if self._retained + pending.rendered.size <= MAX_RETAINED_BYTES:
            self._retained += pending.rendered.size
            pending.is_retained = True
        else:
            pending.rendered = None

    async def _drain(self, run: _Run) -> UnauthorizedError | None:
        """Wait a moment for the running uploads. Return an error that says that the token is refused."""
        deadline, refused = time.monotonic() + STOP_TIMEOUT, None
        while run.pool.in_flight and time.monotonic() < deadline and not run.driver.requested_twice:
            try:
                await self._settle_next(run)
            except UnauthorizedError as error:
                refused = error
            except (NotLoggedInError, JournalError):
                continue  # recorded in the report; the first error was raised before
        return refused

    def _interrupted(self, driver: Driver) -> BatchInterruptedError:
        done, total = len(self.report.images), self._source.total
        of = "" if total is None else f" of {total}"
        if self._source.is_broken:
            waiting = len(self._pending)
            items = "1 item that was" if waiting == 1 else f"{waiting} items that were"
            own = f"{driver.retry_call} uploads the {items} read. " if waiting else ""
            rest = (
                f"{own}To upload the rest, call upload_all again: the iterator of this batch was interrupted "
                f"and cannot continue. With resume=, the second call sends only the rest."
            )
        elif done == total:
            rest = "All items are uploaded."
        else:
            rest = f"{driver.retry_call} uploads the rest."
        return BatchInterruptedError(
            f"Stopped after {done}{of} uploads. The results are in gyazo.report. {rest}",
            self.report,
        )

    @contextmanager
    def _exclusive(self) -> Iterator[None]:
        """Allow one run at a time: a second one would upload each item twice."""
        if not self._lock.acquire(blocking=False):
            raise ArgumentError(
                "This batch is still running: wait until it has ended, or stop it, and then retry."
            )
        self.report.running = True
        try:
            yield
        finally:
            self.report.running = False
            self._lock.release()

    def _progress_bar(self) -> AbstractContextManager[tqdm[Any] | None]:
        if not self._progress:
            return nullcontext()
        if self._source.note:
            print(self._source.note, file=_progress_stream())
            self._source.note = ""
        if self._source.total == 0:
            return nullcontext()
        return progress_bar(
            "Uploading", "image", total=self._source.total, initial=len(self.report.images)
        )


def progress_bar(what: str, unit: str, **options: Any) -> tqdm[Any]:
    """Make a progress bar of tqdm, with its options.

    It is text, and not a widget: a notebook that is opened again shows the last line of it.
    """
    from tqdm import tqdm  # noqa: PLC0415 -- takes 20 ms, starts a thread

    return tqdm(file=_progress_stream(), desc=what, unit=unit, **options)


def _progress_stream() -> TextIO:
    """Return where progress is shown: a notebook shows stderr as an error."""
    return sys.stdout if type(sys.stdout).__module__.startswith("ipykernel.") else sys.stderr


def _release_frames(error: BaseException) -> None:
    """Free the memory that the frames of a stored error hold, such as the bytes of a picture."""
    if isinstance(error, GyazoError):
        error.__traceback__ = error.__context__ = error.__cause__ = None  # its message is enough
    elif error.__traceback__ is not None:
        traceback.clear_frames(error.__traceback__)
