"""How a batch runs: its worker threads, and a driver for blocking or async calls.

A batch is one coroutine, for both kinds of call. It awaits only its driver and async items. With the
`BlockingDriver` no await ever suspends, so `run_to_completion` finishes the coroutine in one step,
without an event loop. With the `AsyncioDriver` it runs in the caller's event loop.

Guarantees:

- User code (the source of the items, the rendering) runs in the caller's thread, in both cases.
- Each job of a `WorkerPool` has exactly one outcome: a result or an error.
- SIGINT sets a flag that the batch checks. It raises `KeyboardInterrupt` immediately only while user code
  runs: in our own code, this could lose an item. A second SIGINT ends the wait for the running uploads. The
  former handler is restored at the end.
"""

from __future__ import annotations

import asyncio
import queue
import signal
import threading
import time
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager, suppress
from types import FrameType
from typing import Any, Generic, Self, TypeAlias, TypeVar

T = TypeVar("T")
# The index of an item, and the outcome of its job.
Result: TypeAlias = "tuple[int, T | BaseException]"

POLL_INTERVAL = 0.1  # seconds between two checks whether the user wants to stop
# Within these seconds, a second SIGINT belongs to the same Ctrl-C: `uv run` or a container can pass it on. It
# must not interrupt the code that runs after the first one.
SAME_STOP_SECONDS = 0.1


# ── worker threads ─────────────────────────────────────────────────────────────────────────────────
# Threads and not coroutines: the blocking client in threads was measured at 0.96 of `curl --parallel`,
# async clients between 0.86 and 0.93.


class WorkerPool(Generic[T]):
    """Up to `size` daemon threads. `put` and `next_result` are for one thread only.

    `on_result` is called in a worker thread after each result.
    """

    def __init__(self, size: int, on_result: Callable[[], object]) -> None:
        self.in_flight = 0
        # A plain flag: an interrupt inside `threading.Event.set` would block all threads that wait.
        self.is_stopped = False
        self._on_result = on_result
        self._size = size
        self._threads = 0
        self._jobs: queue.SimpleQueue[tuple[int, Callable[[], T]] | None] = queue.SimpleQueue()
        self._results: queue.SimpleQueue[Result[T] | None] = queue.SimpleQueue()
        self._no_results = threading.Lock()
        self._no_results.acquire()  # each result releases it

    def put(self, index: int, job: Callable[[], T]) -> None:
        """Run the job of an item in a worker thread."""
        self.in_flight += 1
        self._jobs.put((index, job))
        if self._threads < min(self._size, self.in_flight):
            self._threads += 1
            threading.Thread(target=self._work, name="gyazo-upload", daemon=True).start()

    def next_result(self, timeout: float) -> Result[T] | None:
        """Wait for the next result and return it; None after `timeout` seconds, or after `wake`."""
        # Not `get(timeout=…)`: before Python 3.13, it waits forever if a signal handler, such as ours for
        # SIGINT, still runs at the end of the timeout. Then a Stop has no effect.
        while self._results.empty():
            if not self._no_results.acquire(timeout=timeout):
                return None
        result = self._results.get_nowait()
        if result is not None:
            self.in_flight -= 1
        return result

    def wake(self) -> None:
        """End the wait in `next_result`. May be called in any thread."""
        self._add_result(None)

    def stop(self) -> None:
        """Prevent further requests of the jobs."""
        self.is_stopped = True

    def sleep(self, seconds: float) -> bool:
        """Wait, in a job. Return True as soon as the pool is stopped."""
        end = time.monotonic() + seconds
        while not self.is_stopped and (left := end - time.monotonic()) > 0:
            time.sleep(min(left, POLL_INTERVAL))
        return self.is_stopped

    def close(self) -> None:
        """Let each thread end after its current job."""
        self.stop()
        for _ in range(self._threads):
            self._jobs.put(None)

    def _work(self) -> None:
        while (item := self._jobs.get()) is not None:
            index, job = item
            outcome: T | BaseException
            try:
                outcome = job()
            except BaseException as error:  # noqa: BLE001 -- raised where the result is taken
                outcome = error
            self._add_result((index, outcome))
            self._on_result()
            del item, job, outcome  # a picture is large, and the next job may come late

    def _add_result(self, result: Result[T] | None) -> None:
        self._results.put(result)
        with suppress(RuntimeError):  # the lock is already released
            self._no_results.release()


# ── drivers ────────────────────────────────────────────────────────────────────────────────────────


class _SigintGuard:
    """Holds back SIGINT (Ctrl-C, or Stop in Jupyter) until the batch checks for it. Used in a `with`.

    SIGINT reaches the main thread only: in any other thread `requested` stays False.
    """

    def __init__(self) -> None:
        self.requested = False
        self.requested_twice = False  # then the batch waits for no upload
        self._is_stopped = False  # a Stop was raised, or the batch has ended: cancel no task
        self._signaled_at = -SAME_STOP_SECONDS
        self._raise_immediately = False
        self._former_handler: Any = None

    def __enter__(self) -> Self:
        if threading.current_thread() is threading.main_thread():
            handler = signal.getsignal(signal.SIGINT)
            if self._replaces(handler):
                self._former_handler = handler
                signal.signal(signal.SIGINT, self._on_signal)
        return self

    def __exit__(self, *_: object) -> None:
        if self._former_handler is not None and signal.getsignal(signal.SIGINT) == self._on_signal:
            signal.signal(signal.SIGINT, self._former_handler)

    def _replaces(self, handler: Any) -> bool:
        """Whether to replace the handler of SIGINT.

        None is a handler that Python did not set and cannot restore. SIG_IGN: a shell makes a process in the
        background ignore SIGINT, because Ctrl-C is for the process in the foreground.
        """
        return handler is not None and handler is not signal.SIG_IGN

    def _on_signal(self, _number: int, _frame: FrameType | None) -> None:
        former, self._signaled_at = self._signaled_at, time.monotonic()
        if self._signaled_at - former < SAME_STOP_SECONDS:
            return
        self.requested_twice = self.requested
        self.requested = True  # user code may swallow the exception
        if self._raise_immediately:
            raise KeyboardInterrupt
        self._end_wait()

    def _end_wait(self) -> None:
        """Do nothing: the batch checks `requested` soon."""

    def _check(self) -> None:
        if self.requested:
            self._is_stopped = True
            raise KeyboardInterrupt

    @contextmanager
    def interruptible(self) -> Iterator[None]:
        """Let SIGINT raise `KeyboardInterrupt` at any moment: user code may take long."""
        try:
            self._raise_immediately = True
            self._check()  # for a SIGINT before the line above
            yield
        finally:
            self._raise_immediately = False


class BlockingDriver(_SigintGuard):
    """Drives a batch in the thread of the caller."""

    retry_call = "gyazo.report.retry()"
    runs_event_loop = False

    def on_result(self) -> None:
        """Do nothing: `next_result` waits at the queue of the pool."""

    def wake(self, pool: WorkerPool[T]) -> None:
        """End the wait in `next_result`. May be called in any thread."""
        pool.wake()

    async def checkpoint(self) -> None:
        """Raise if the user wants to stop."""
        self._check()

    async def call(self, function: Callable[[], T]) -> T:
        """Call a function that may take long, and return its result."""
        with self.interruptible():
            return function()

    async def next_result(self, pool: WorkerPool[T]) -> Result[T] | None:
        """Wait for the next result of the pool; None if there is none in time."""
        return pool.next_result(POLL_INTERVAL)


class AsyncioDriver(_SigintGuard):
    """Drives a batch in the running event loop, where a Stop is a cancellation.

    `asyncio.run` and kernels turn SIGINT into one. IPython in a terminal does not: there,
    `KeyboardInterrupt` would stop the loop, and not the batch.
    """

    retry_call = "await gyazo.report.aretry()"
    runs_event_loop = True

    def __init__(self) -> None:
        super().__init__()
        self._loop = asyncio.get_running_loop()
        self._task: Any = asyncio.current_task()
        self._cancellations = 0
        self._has_result = asyncio.Event()

    def __enter__(self) -> Self:
        self._wake_loop()
        return super().__enter__()

    def __exit__(self, *error: object) -> None:
        super().__exit__()
        self._is_stopped = True
        self._timer.cancel()
        for _ in range(self._cancellations):
            self._task.uncancel()
        if self._cancellations and error[0] is asyncio.CancelledError:
            raise KeyboardInterrupt from None

    def _replaces(self, handler: Any) -> bool:
        """Whether to replace the handler of SIGINT: only Python's own. Other handlers cancel the task."""
        return handler is signal.default_int_handler

    def _end_wait(self) -> None:
        """Cancel the task, which may wait for an item of the user.

        The event loop cancels it, and not the signal handler. A running task would be cancelled at its next
        `await`: this could be the wait for the running uploads, or an `await` after the batch.
        """
        self._loop.call_soon_threadsafe(self._cancel)

    def _cancel(self) -> None:
        if not self._is_stopped:
            self._cancellations += 1
            self._task.cancel()

    def on_result(self) -> None:
        """Wake the batch. Called in a worker thread."""
        with suppress(RuntimeError):  # the loop is closed, and the batch ended with it
            self._loop.call_soon_threadsafe(self._has_result.set)

    def wake(self, _pool: WorkerPool[T]) -> None:
        """End the wait in `next_result`. May be called in any thread."""
        self.on_result()

    async def checkpoint(self) -> None:
        """Let the loop run: rendering blocks it."""
        await asyncio.sleep(0)

    async def call(self, function: Callable[[], T]) -> T:
        """Call a function that may take long in a thread, and return its result."""
        return await asyncio.to_thread(function)

    async def next_result(self, pool: WorkerPool[T]) -> Result[T] | None:
        """Wait for the next result of the pool; None if there is none in time."""
        self._has_result.clear()
        result = pool.next_result(0)
        if result is None:
            with suppress(TimeoutError):
                async with asyncio.timeout(POLL_INTERVAL):
                    await self._has_result.wait()
            result = pool.next_result(0)
        return result

    def _wake_loop(self) -> None:
        """Wake the loop regularly: a sleeping loop does not notice that the kernel is interrupted."""
        self._timer = self._loop.call_later(POLL_INTERVAL, self._wake_loop)


Driver = BlockingDriver | AsyncioDriver


def run_to_completion(coroutine: Coroutine[Any, Any, None]) -> None:
    """Run a coroutine that never suspends, without an event loop."""
    try:
        coroutine.send(None)
    except StopIteration:
        return
    finally:
        coroutine.close()
    raise AssertionError("a coroutine with a blocking driver must not suspend")
