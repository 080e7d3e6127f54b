"""Stop, Ctrl-C and cancellation at any moment: nothing is lost by them, and the sentence says what next."""

import asyncio
import random
import signal
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress

import pytest
from support.helpers import PNG

from gyazo_nb import ArgumentError, BatchInterruptedError
from gyazo_nb.sandbox import Fault


def pictures(number):
    return [PNG + b"%0*d" % (index + 1, index) for index in range(number)]


def slow(server, seconds=0.05):
    server.sandbox.faults.append(Fault(path="/api/upload", delay=seconds, times=100_000))


@pytest.fixture
def strike():
    """Interrupt by a timer of the system's, which waits for nothing: at any moment of the work."""
    before = signal.signal(signal.SIGALRM, lambda *_: signal.raise_signal(signal.SIGINT))
    yield lambda seconds: signal.setitimer(signal.ITIMER_REAL, seconds)
    signal.setitimer(signal.ITIMER_REAL, 0)
    signal.signal(signal.SIGALRM, before)


SOURCES = {
    "list": list,
    "iterator": iter,
    "generator": lambda things: (thing for thing in things),
    "map": lambda things: map(bytes, things),
    "dict": lambda things: dict.fromkeys(things).keys(),
}


# A strike in the midst of somebody's __del__, outside of the batch, is swallowed by Python with a warning.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.parametrize("source", SOURCES)
def test_nothing_is_lost_at_whatever_moment_a_stop_comes(gyazo, server, strike, source):
    """All that was not lost in the user's own code is taken up; what was, is said."""
    seed = random.randrange(10**6)
    print("seed", seed)  # noqa: T201 -- to repeat a failure
    moments, stopped, lost = random.Random(seed), 0, 0
    things = pictures(12)
    gyazo.upload_all(things, progress=False)  # so that the connections are there
    handler = signal.getsignal(signal.SIGINT)
    for _ in range(400):
        if stopped == 20:
            break
        with suppress(KeyboardInterrupt):
            strike(moments.uniform(0.0005, 0.025))
            gyazo.upload_all(SOURCES[source](things), concurrency=3, progress=False)
            strike(0)
            continue
        strike(0)
        assert signal.getsignal(signal.SIGINT) is handler
        report = gyazo.report
        if not report.interrupted and report.ok:
            continue
        stopped += 1
        try:
            report.retry()
        except ArgumentError as error:
            assert "call upload_all anew" in str(error)  # noqa: PT017 -- one of two ways to end
            assert not report.ok
            lost += 1
            continue
        assert report.ok, report
        assert [server.sandbox.album.get(i.image_id).data for i in report] == things

    assert stopped == 20
    assert source == "generator" or lost == 0


def test_a_second_stop_ends_it_at_once_and_leaves_the_report_whole(gyazo, server, strike):
    """Nobody has to wait for what is being sent; it is sent again."""
    slow(server, 2)
    signal.signal(signal.SIGALRM, lambda *_: (strike(0.2), signal.raise_signal(signal.SIGINT)))
    began = time.monotonic()
    strike(0.3)
    try:
        with pytest.raises(BatchInterruptedError, match="takes up the rest"):
            gyazo.upload_all(pictures(9), concurrency=3, progress=False)
    finally:
        with suppress(KeyboardInterrupt):
            strike(0)

    assert time.monotonic() - began < 1.5
    server.sandbox.faults.clear()
    assert gyazo.report.retry().ok
    assert len(gyazo.report) == 9


def test_a_stop_that_the_users_code_swallows_stops_all_the_same(gyazo, strike):
    """Behind the thing that was being made."""

    def things():
        for data in pictures(50):
            with suppress(KeyboardInterrupt):
                time.sleep(0.05)
            yield data

    strike(0.4)
    with pytest.raises(BatchInterruptedError, match=r"gyazo.report.retry\(\) takes up the rest"):
        gyazo.upload_all(things(), progress=False)

    assert gyazo.report.retry().ok
    assert len(gyazo.report) == 50


def test_what_can_never_be_had_again_is_said_where_the_stop_is_shown(gyazo, strike):
    """Not to retry, but to call anew."""

    def things():
        yield PNG
        time.sleep(5)

    strike(0.4)
    with pytest.raises(BatchInterruptedError, match="for the rest call upload_all anew"):
        gyazo.upload_all(things(), progress=False)


# ── two at once ───────────────────────────────────────────────────────────────────────────────


def test_a_batch_that_runs_is_not_run_a_second_time(gyazo, server):
    """Nothing is sent twice; the sentence says to wait."""
    slow(server)
    thread = threading.Thread(
        target=gyazo.upload_all, args=[pictures(20)], kwargs={"concurrency": 2, "progress": False}
    )
    thread.start()
    time.sleep(0.2)
    report = gyazo.report

    assert report.running
    assert "still running" in repr(report)
    assert not report.ok
    with pytest.raises(ArgumentError, match="still running: wait"):
        report.retry()
    with pytest.raises(ArgumentError, match="still running: wait"):
        asyncio.run(report.aretry())
    thread.join()
    assert report.ok
    assert sum(r.path == "/api/upload" for r in server.sandbox.requests) == 20


def test_batches_need_nobody_elses_threads(gyazo):
    """Where all threads of the loop's executor are the user's, every batch goes on."""

    async def things(batch):
        for number in range(3):
            yield await asyncio.to_thread(lambda: PNG + b"%d-%d" % (batch, number))  # noqa: B023

    async def main():
        asyncio.get_running_loop().set_default_executor(ThreadPoolExecutor(1))
        batches = [gyazo.aupload_all(things(number), progress=False) for number in range(6)]
        return await asyncio.wait_for(asyncio.gather(*batches), 20)

    assert [len(report) for report in asyncio.run(main())] == [3] * 6


# ── awaited ───────────────────────────────────────────────────────────────────────────────────


async def agen(number=60):
    for data in pictures(number):
        yield data


async def cancelled(gyazo, things):
    """Stop a batch as a kernel does, and give what is shown of it."""
    task = asyncio.create_task(gyazo.aupload_all(things, concurrency=3, progress=False))
    await asyncio.sleep(0.4)
    task.cancel()
    with pytest.raises(asyncio.CancelledError) as caught:
        await task
    return str(caught.value)


def test_a_cancelled_batch_says_where_its_report_is(gyazo, server):
    """Under the cell stands what to do next, which then works."""
    slow(server)

    async def main():
        said = await cancelled(gyazo, agen())
        assert "of gyazo" not in said
        assert "Stopped: " in said
        assert "await gyazo.report.aretry() takes up the rest" in said
        server.sandbox.faults.clear()
        with pytest.raises(ArgumentError, match=r"await gyazo.report.aretry\(\)"):
            gyazo.report.retry()  # would wait for the loop that it keeps from going on
        return await gyazo.report.aretry()

    report = asyncio.run(main())
    assert report.ok
    assert len(report) == 60


def test_a_cancellations_own_message_is_kept(gyazo, server):
    """Whoever gave it recognises it by that."""
    slow(server)

    async def main():
        task = asyncio.create_task(gyazo.aupload_all(pictures(9), concurrency=1, progress=False))
        await asyncio.sleep(0.2)
        task.cancel("mine")
        with pytest.raises(asyncio.CancelledError, match="^mine$"):
            await task
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.2):
                await gyazo.report.aretry()

    asyncio.run(main())


def test_the_end_of_a_loop_closes_its_generator_and_that_is_said(gyazo, server):
    """asyncio.run closes the async generators of its loop: the rest is out of reach, not uploaded."""
    slow(server)
    asyncio.run(cancelled(gyazo, agen()))

    with pytest.raises(ArgumentError, match="call upload_all anew"):
        asyncio.run(gyazo.report.aretry())

    assert not gyazo.report.ok


def test_an_async_iterable_may_go_on_in_another_loop(gyazo, server):
    """If it belongs to none."""

    class Things:
        def __init__(self):
            self.rest = iter(pictures(30))

        def __aiter__(self):
            return self

        async def __anext__(self):
            try:
                return next(self.rest)
            except StopIteration:
                raise StopAsyncIteration from None

    slow(server)
    asyncio.run(cancelled(gyazo, Things()))
    server.sandbox.faults.clear()

    assert len(asyncio.run(gyazo.report.aretry())) == 30
    assert gyazo.report.ok


def test_a_cancelled_batch_waits_for_no_thread_of_its_own(gyazo, server):
    """The loop can end while a thing is still being sent: no thread keeps it, or Python, from that."""
    slow(server, 4)

    async def main():
        task = asyncio.create_task(gyazo.aupload_all(pictures(3), progress=False))
        await asyncio.sleep(0.3)
        for _ in range(2):  # the second one: at once
            task.cancel()
            await asyncio.sleep(0.05)
        with pytest.raises(asyncio.CancelledError):
            await task

    began = time.monotonic()
    asyncio.run(main())
    assert time.monotonic() - began < 2
