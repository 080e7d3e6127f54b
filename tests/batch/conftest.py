"""Fixtures for the tests of batches."""

import asyncio
import signal
import threading

import pytest


@pytest.fixture(autouse=True)
def _record_many_requests(monkeypatch):
    """Let the sandbox record all requests of a batch, not only the last thousand."""
    monkeypatch.setattr("gyazo_nb.sandbox.state.MAX_RECORDED_REQUESTS", 1_000_000)


@pytest.fixture(autouse=True)
def _sigint_is_not_ignored():
    """Set Python's own handler: a shell makes a process in the background ignore SIGINT (`make test &`)."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.fixture
def interrupt_after():
    """A function that sends SIGINT after some seconds, at any moment of the work; 0 cancels it.

    The timer belongs to the operating system, so no code of this process delays it.
    """
    before = signal.signal(signal.SIGALRM, lambda *_: signal.raise_signal(signal.SIGINT))
    yield lambda seconds: signal.setitimer(signal.ITIMER_REAL, seconds)
    signal.setitimer(signal.ITIMER_REAL, 0)
    signal.signal(signal.SIGALRM, before)


@pytest.fixture
def interrupt_when(interrupt_after):
    """A function that waits until a condition is true, and sends SIGINT `seconds` later."""
    ended, threads = threading.Event(), []

    def interrupt_when(condition, seconds=0.001):
        def wait():
            while not condition():
                if ended.wait(0.001):
                    return
            interrupt_after(seconds)

        threads.append(threading.Thread(target=wait))
        threads[-1].start()

    yield interrupt_when
    ended.set()
    for thread in threads:
        thread.join()


@pytest.fixture
def cancel_batch(gyazo):
    """A coroutine function that starts a batch, cancels it like a kernel, and returns the message."""

    async def cancel(items):
        task = asyncio.create_task(gyazo.aupload_all(items, concurrency=3, progress=False))
        await asyncio.sleep(0.4)
        task.cancel()
        with pytest.raises(asyncio.CancelledError) as caught:
            await task
        return str(caught.value)

    return cancel
