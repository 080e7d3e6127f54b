"""Worker threads, Stop in a blocking batch, and cancellation of an async one."""

import asyncio
import signal
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from urllib.parse import urlsplit

import pytest
from support.batches import delay_uploads, pictures, upload_requests
from support.helpers import PNG

from gyazo_nb import BatchInterruptedError
from gyazo_nb.batch import drivers, runner
from gyazo_nb.batch.drivers import AsyncioDriver, BlockingDriver, WorkerPool, run_to_completion
from gyazo_nb.sandbox import Fault


def test_worker_pool_returns_each_outcome_once():
    """A result or an error, with the index of its item."""
    pool = WorkerPool(3, lambda: None)
    for index in range(20):
        pool.put(index, lambda index=index: 10 // (index - 7))

    outcomes = dict(pool.next_result(5) for _ in range(20))

    assert (pool.in_flight, pool.next_result(0)) == (0, None)
    assert sorted(outcomes) == list(range(20))
    assert outcomes[8] == 10
    assert isinstance(outcomes[7], ZeroDivisionError)
    pool.close()


def test_slow_signal_handler_does_not_extend_the_wait_for_a_result(interrupt_after):
    """Before Python 3.13, `SimpleQueue.get(timeout=…)` then waits forever, and a Stop has no effect."""
    pool = WorkerPool(1, lambda: None)
    watchdog = threading.Timer(60, pool.wake)
    watchdog.start()
    handler = signal.signal(signal.SIGINT, lambda *_: time.sleep(0.2))
    try:
        interrupt_after(0.05)
        result = pool.next_result(0.1)
    finally:
        signal.signal(signal.SIGINT, handler)
    ended_in_time = watchdog.is_alive()
    watchdog.cancel()

    assert result is None
    assert ended_in_time


def test_interrupted_guard_restores_the_handler():
    """The flag is set, and nothing is raised, until the batch checks it."""
    handler = signal.getsignal(signal.SIGINT)
    with BlockingDriver() as driver:
        signal.raise_signal(signal.SIGINT)
        assert driver.requested
        with pytest.raises(KeyboardInterrupt):
            run_to_completion(driver.checkpoint())

    assert signal.getsignal(signal.SIGINT) is handler


def test_sigints_raise_only_in_user_code(monkeypatch):
    """Anywhere else, the second one would lose the item that the batch has just received."""
    monkeypatch.setattr(drivers, "SAME_STOP_SECONDS", 0)
    with BlockingDriver() as driver:
        for _ in range(3):
            signal.raise_signal(signal.SIGINT)
        assert driver.requested_twice
    with BlockingDriver() as driver, suppress(KeyboardInterrupt), driver.interruptible():
        for _ in range(2):
            with pytest.raises(KeyboardInterrupt):
                signal.raise_signal(signal.SIGINT)


def test_sigint_that_comes_twice_counts_once(monkeypatch):
    """Some programs pass it on. The second one does not interrupt the code that runs after the first."""
    monkeypatch.setattr(drivers, "SAME_STOP_SECONDS", 60)  # even on a loaded machine
    with BlockingDriver() as driver, suppress(KeyboardInterrupt), driver.interruptible():
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(signal.SIGINT)
        signal.raise_signal(signal.SIGINT)

    assert driver.requested
    assert not driver.requested_twice


def test_ignored_sigint_stays_ignored(gyazo):
    """A shell makes a process in the background ignore SIGINT. A batch keeps this setting."""

    def items():
        signal.raise_signal(signal.SIGINT)
        yield from pictures(3)

    handler = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        assert gyazo.upload_all(items(), progress=False).ok
    finally:
        signal.signal(signal.SIGINT, handler)


# ── Stop ──────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.slow
def test_second_stop_does_not_wait_for_running_uploads(
    gyazo, server, interrupt_after, interrupt_when, monkeypatch
):
    """The report stays complete: a retry sends their items again."""
    monkeypatch.setattr(runner, "STOP_TIMEOUT", 60)
    delay_uploads(server, 120)

    def interrupt_twice(*_):
        interrupt_after(0.2)
        signal.raise_signal(signal.SIGINT)

    signal.signal(signal.SIGALRM, interrupt_twice)
    began = time.monotonic()
    interrupt_when(lambda: server.sandbox.faults[0].times == 100_000 - 3)
    try:
        with pytest.raises(BatchInterruptedError, match="uploads the rest"):
            gyazo.upload_all(pictures(9), concurrency=3, progress=False)
    finally:
        with suppress(KeyboardInterrupt):
            interrupt_after(0)

    assert time.monotonic() - began < 30  # half of the wait after the first Stop
    server.sandbox.faults.clear()
    assert gyazo.report.retry().ok
    assert len(gyazo.report) == 9


@pytest.mark.slow
def test_stop_ends_the_wait_for_a_retry(call, gyazo, server, interrupt_when, monkeypatch):
    """No picture is sent after the Stop: the user may have seen that it is the wrong one."""
    monkeypatch.setattr(runner, "STOP_TIMEOUT", 60)
    wait = Fault(status=429, headers={"Retry-After": "25"}, path="/api/upload", times=3)
    server.sandbox.faults.append(wait)
    others = set(threading.enumerate())  # of earlier tests
    interrupt_when(lambda: not server.sandbox.faults, 0.3)
    with pytest.raises(KeyboardInterrupt):
        call(gyazo, "upload_all", pictures(9), concurrency=3, progress=False)

    started = set(threading.enumerate()) - others
    workers = [thread for thread in started if thread.name == "gyazo-upload"]
    for worker in workers:
        worker.join(10)
    assert not any(worker.is_alive() for worker in workers)
    assert upload_requests(server) == []
    assert "429" in str(gyazo.report.failures)
    server.sandbox.faults.clear()
    assert len(call(gyazo.report, "retry")) == 9


@pytest.mark.slow
def test_stop_during_a_download_ends_before_the_upload(gyazo, server, interrupt_when):
    """The item fails, and a retry uploads it."""
    image = gyazo.upload(PNG)
    server.sandbox.faults.append(Fault(path=urlsplit(image.url).path, delay=0.6))
    sent = len(upload_requests(server))
    interrupt_when(lambda: not server.sandbox.faults)
    with pytest.raises(BatchInterruptedError):
        gyazo.upload_all([image.url], progress=False)

    assert len(upload_requests(server)) == sent
    assert "was stopped before this upload" in str(gyazo.report.failures[0])
    assert gyazo.report.retry().ok


@pytest.mark.slow
def test_stop_that_user_code_suppresses_still_stops_the_batch(gyazo, server, interrupt_when):
    """After the item that the user code was making."""

    def items():
        for data in pictures(50):
            with suppress(KeyboardInterrupt):
                time.sleep(0.05)
            yield data

    interrupt_when(lambda: len(upload_requests(server)) >= 3)
    with pytest.raises(BatchInterruptedError, match=r"gyazo.report.retry\(\) uploads the rest"):
        gyazo.upload_all(items(), progress=False)

    assert gyazo.report.retry().ok
    assert len(gyazo.report) == 50


@pytest.mark.slow
def test_stop_during_the_last_uploads_is_raised_after_them(gyazo, server, interrupt_when):
    """The cells that follow must not run."""
    delay_uploads(server, 0.5)
    interrupt_when(lambda: server.sandbox.faults[0].times == 100_000 - 2)
    with pytest.raises(BatchInterruptedError, match="All items are uploaded"):
        gyazo.upload_all(pictures(2), progress=False)

    assert len(gyazo.report) == 2


# ── async ─────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.slow
def test_event_loop_stays_free_during_a_batch(gyazo, server):
    """Another task runs while pictures are sent."""
    server.sandbox.faults.append(Fault(path="/api/upload", delay=0.5))
    ticks = 0

    async def tick():
        nonlocal ticks
        while True:
            await asyncio.sleep(0.001)
            ticks += 1

    async def main():
        ticking = asyncio.create_task(tick())
        await gyazo.aupload_all(pictures(2), progress=False)
        ticking.cancel()

    asyncio.run(main())

    assert ticks > 10


def test_batches_use_no_thread_of_the_default_executor(gyazo):
    """Six batches end, although the user's code occupies its only thread."""

    async def items(batch):
        for number in range(3):
            yield await asyncio.to_thread(lambda: PNG + b"%d-%d" % (batch, number))  # noqa: B023

    async def main():
        asyncio.get_running_loop().set_default_executor(ThreadPoolExecutor(1))
        batches = [gyazo.aupload_all(items(number), progress=False) for number in range(6)]
        return await asyncio.wait_for(asyncio.gather(*batches), 20)

    assert [len(report) for report in asyncio.run(main())] == [3] * 6


@pytest.mark.slow
@pytest.mark.parametrize("source", ["list", "waits for ever"])
def test_stop_in_a_loop_without_handler_stops_the_batch(gyazo, server, interrupt_when, source):
    """IPython in a terminal has such a loop. Before, the batch continued at the next `await`."""

    async def wait_for_ever():
        yield PNG
        await asyncio.sleep(3600)

    delay_uploads(server, 0.1)
    handler = signal.getsignal(signal.SIGINT)
    items = pictures(50) if source == "list" else wait_for_ever()
    loop = asyncio.new_event_loop()
    interrupt_when(lambda: upload_requests(server))
    with pytest.raises(BatchInterruptedError, match="Stopped after"):
        loop.run_until_complete(gyazo.aupload_all(items, concurrency=2, progress=False))

    assert signal.getsignal(signal.SIGINT) is handler
    assert not gyazo.report.running
    server.sandbox.faults.clear()
    if source == "list":
        assert loop.run_until_complete(gyazo.report.aretry()).ok
    loop.close()


def test_stop_cancels_the_task_only_while_it_waits_for_the_batch():
    """Not while it waits for the running uploads after a Stop, and not after the batch."""

    async def wait_and_stop():
        with AsyncioDriver():
            signal.raise_signal(signal.SIGINT)
            await asyncio.Event().wait()

    async def main():
        with AsyncioDriver() as driver:
            signal.raise_signal(signal.SIGINT)
            with pytest.raises(KeyboardInterrupt), driver.interruptible():
                pass
            await asyncio.sleep(0)
        with AsyncioDriver():
            signal.raise_signal(signal.SIGINT)
        await asyncio.sleep(0)
        with pytest.raises(KeyboardInterrupt):
            await wait_and_stop()

    loop = asyncio.new_event_loop()  # asyncio.run would handle the signal itself
    loop.run_until_complete(main())
    loop.close()


def test_message_of_a_cancellation_is_kept(gyazo, server):
    """Code that cancels recognizes its own cancellation by the message: so does `asyncio.timeout`."""
    delay_uploads(server)

    async def main():
        task = asyncio.create_task(gyazo.aupload_all(pictures(40), concurrency=1, progress=False))
        await asyncio.sleep(0.2)
        task.cancel("mine")
        with pytest.raises(asyncio.CancelledError, match="^mine$"):
            await task
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.2):
                await gyazo.report.aretry()

    asyncio.run(main())


def test_second_cancellation_does_not_wait_for_running_uploads(gyazo, server, monkeypatch):
    """The event loop can end while a picture is still being sent: its thread is a daemon."""
    monkeypatch.setattr(runner, "STOP_TIMEOUT", 60)
    delay_uploads(server, 120)

    async def main():
        task = asyncio.create_task(gyazo.aupload_all(pictures(3), progress=False))
        await asyncio.sleep(0.3)
        for _ in range(2):
            task.cancel()
            await asyncio.sleep(0.05)
        with pytest.raises(asyncio.CancelledError):
            await task

    began = time.monotonic()
    asyncio.run(main())
    assert time.monotonic() - began < 30  # half of the wait after the first cancellation
