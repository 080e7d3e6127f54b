"""Futures as items: pictures rendered by other processes, and uploaded from here."""

import asyncio
import io
import multiprocessing
import os
import signal
import threading
import time
from concurrent.futures import Future, ProcessPoolExecutor, ThreadPoolExecutor

import pytest
from PIL import Image
from support import rendering
from support.batches import all_stored, fail_uploads, pictures, stored_pictures, upload_requests
from support.helpers import PNG, skip_missing

from gyazo_nb import ArgumentError, BatchInterruptedError, PictureError


@pytest.fixture(scope="module")
def pool():
    """Two other processes, started as on every system."""
    with ProcessPoolExecutor(2, mp_context=multiprocessing.get_context("spawn")) as pool:
        yield pool


def finished(data):
    future = Future()
    future.set_result(data)
    return future


def comments(server, report):
    return [
        Image.open(io.BytesIO(data)).text["Comment"] for data in stored_pictures(server, report)
    ]


@pytest.mark.slow
def test_figures_rendered_in_other_processes_arrive_in_order(call, gyazo, server, pool):
    """Byte for byte, from a list of futures or from a generator of them."""
    futures = [pool.submit(rendering.render_figure, seed) for seed in range(8)]

    report = call(gyazo, "upload_all", futures, progress=False)

    assert report.ok
    assert stored_pictures(server, report) == [future.result() for future in futures]
    assert str(os.getpid()) not in comments(server, report)
    more = (pool.submit(rendering.render_figure, seed) for seed in range(8, 12))
    assert len(call(gyazo, "upload_all", more, progress=False).check()) == 4


def test_results_of_executor_map_are_items(gyazo, server, pool):
    """An iterator of results."""
    report = gyazo.upload_all(pool.map(rendering.render_figure, range(20, 24)), progress=False)

    assert len(report.check()) == len(all_stored(server)) == 4


def test_field_function_gets_the_result_of_a_future(call, gyazo, tmp_path):
    """Such as the path of a file that another process wrote."""
    paths = []
    for name, data in zip("abc", pictures(3), strict=True):
        paths.append(tmp_path / f"{name}.png")
        paths[-1].write_bytes(data)

    report = call(
        gyazo,
        "upload_all",
        map(finished, paths),
        title=lambda path: path.stem,
        progress=False,
    )

    assert [image.title for image in report] == ["a", "b", "c"]


# ── failures ──────────────────────────────────────────────────────────────────────────────────


def test_each_failed_future_is_one_failure_with_its_own_sentence(call, gyazo, server, pool):
    """Also an error that would end a batch in this process. A retry takes the results that exist."""
    cancelled = Future()
    cancelled.cancel()
    futures = [
        finished(PNG),
        pool.submit(rendering.fail, "no data for seed 3"),
        pool.submit(rendering.fail_signed_out),
        pool.submit(rendering.interrupt),
        cancelled,
        finished(None),
        finished(PNG + b"last"),
    ]

    report = call(gyazo, "upload_all", futures, progress=False)

    lines = list(map(str, report.failures))
    assert [failure.index for failure in report.failures] == [1, 2, 3, 4, 5]
    assert lines[0] == "1: a Future: no data for seed 3"
    assert lines[1] == "2: a Future: the worker is signed out"
    assert "stopped by a KeyboardInterrupt: submit it again" in lines[2]
    assert "was cancelled, so it has no picture: submit the work again" in lines[3]
    assert "This NoneType is not a picture" in lines[4]
    assert isinstance(report.failures[0].error, LookupError)
    assert len(report) == 2
    assert len(call(report, "retry").failures) == 5
    assert len(upload_requests(server)) == 2


def test_killed_worker_fails_only_the_futures_of_its_pool(call, gyazo):
    """Their error names the reason."""
    with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as broken:
        futures = [broken.submit(rendering.die), broken.submit(rendering.render_figure, 1)]
        report = call(gyazo, "upload_all", [*futures, finished(PNG)], progress=False)

    assert [failure.index for failure in report.failures] == [0, 1]
    assert all("terminated abruptly" in str(failure) for failure in report.failures)
    assert len(report) == 1


def test_retry_takes_the_result_of_a_future_again(call, gyazo, server, monkeypatch):
    """Without room for rendered pictures. The uploads failed, and not the futures."""
    monkeypatch.setattr("gyazo_nb.batch.runner.MAX_RETAINED_BYTES", 0)
    items = pictures(4)
    fail_uploads(server, 2)
    report = call(gyazo, "upload_all", map(finished, items), progress=False)
    assert len(report.failures) == 2

    assert call(report, "retry").ok
    assert stored_pictures(server, report) == items


def test_resume_file_skips_results_that_are_uploaded(call, gyazo, server, tmp_path):
    """By their bytes: another kernel submits the work again."""
    options = {"resume": tmp_path / "batch.jsonl", "progress": False}
    call(gyazo, "upload_all", map(finished, pictures(3)), **options)

    report = call(gyazo, "upload_all", map(finished, pictures(5)), **options)

    assert stored_pictures(server, report) == pictures(5)
    assert len(upload_requests(server)) == 5


# ── waiting ───────────────────────────────────────────────────────────────────────────────────


def wait_for_uploads(server, number):
    deadline = time.monotonic() + 60
    while len(upload_requests(server)) < number and time.monotonic() < deadline:
        time.sleep(0.01)
    time.sleep(0.2)  # the reply arrives


@pytest.mark.slow
def test_stop_ends_the_wait_and_retry_waits_again(gyazo, server):
    """The future stays usable, and the uploaded images are kept."""
    items = pictures(3)
    late = Future()

    def stop():
        wait_for_uploads(server, 2)
        os.kill(os.getpid(), signal.SIGINT)

    threading.Thread(target=stop).start()
    watchdog = threading.Timer(60, late.set_result, [PNG])  # a Stop that is lost fails this test
    watchdog.start()
    with pytest.raises(BatchInterruptedError, match="Stopped after 2 of 4 uploads") as caught:
        gyazo.upload_all([*map(finished, items[:2]), late, finished(items[2])], progress=False)
    watchdog.cancel()
    assert not late.done(), "the Stop had no effect until the future was finished"

    report = caught.value.report
    assert report.failures == []
    assert not late.cancelled()
    timer = threading.Timer(0.2, late.set_result, [PNG + b"late"])
    timer.start()
    assert report.retry().ok
    assert stored_pictures(server, report) == [*items[:2], PNG + b"late", items[2]]
    assert len(upload_requests(server)) == 4
    timer.join()


def test_cancelled_async_batch_cancels_no_future(gyazo, server):
    """Stop cancels the batch. `aretry` waits for the futures again."""

    async def main():
        late = asyncio.get_running_loop().create_future()
        batch = asyncio.create_task(gyazo.aupload_all([finished(PNG), late], progress=False))
        await asyncio.to_thread(wait_for_uploads, server, 1)
        batch.cancel()
        with pytest.raises(asyncio.CancelledError, match="Stopped after 1 of 2 uploads"):
            await batch
        assert not late.cancelled()
        late.set_result(PNG + b"late")
        return await gyazo.report.aretry()

    assert asyncio.run(main()).ok
    assert len(upload_requests(server)) == 2


def test_uploads_go_on_while_a_future_is_waited_for(call, gyazo, server):
    """The late future is finished by the arrival of the pictures before it."""
    late = Future()

    def finish():
        wait_for_uploads(server, 3)
        late.set_result(PNG + b"late")

    thread = threading.Thread(target=finish)
    thread.start()
    report = call(gyazo, "upload_all", [*map(finished, pictures(3)), late], progress=False)
    thread.join()

    assert report.ok
    assert stored_pictures(server, report)[-1] == PNG + b"late"


def test_results_are_taken_when_they_are_needed(call, gyazo, server):
    """At most as many results as can be sent at the same time are in memory."""
    taken, most = 0, 0

    class Remote(Future):
        def result(self, timeout=None):
            nonlocal taken, most
            taken += 1
            most = max(most, taken - len(upload_requests(server)))
            return super().result(timeout)

    futures = [Remote() for _ in range(40)]
    for future, data in zip(futures, pictures(40), strict=True):
        future.set_result(data)

    assert call(gyazo, "upload_all", futures, concurrency=3, progress=False).ok
    assert taken == 40
    assert most <= 3


# ── kinds of futures ──────────────────────────────────────────────────────────────────────────


def test_async_batch_awaits_tasks(gyazo, server):
    """A cancelled or failed task is one failure, and does not cancel the batch."""

    async def render(data):
        await asyncio.sleep(0.05)
        if not data:
            raise LookupError("no data")
        return data

    async def main():
        tasks = [asyncio.create_task(render(data)) for data in (PNG, b"", PNG + b"2", PNG + b"3")]
        asyncio.get_running_loop().call_later(0.01, tasks[2].cancel)
        return await gyazo.aupload_all(tasks, progress=False)

    report = asyncio.run(main())

    assert stored_pictures(server, report) == [PNG, PNG + b"3"]
    assert [failure.index for failure in report.failures] == [1, 2]
    assert str(report.failures[0]) == "1: a Task: no data"
    assert "This Task was cancelled" in str(report.failures[1])


def test_failure_of_a_coroutine_names_the_ways_to_await_it(gyazo):
    """Such as one of `asyncio.as_completed`."""

    async def render():
        return PNG

    async def main():
        item = render()
        report = await gyazo.aupload_all([item], progress=False)
        return report, await item

    report, _ = asyncio.run(main())

    assert (
        "This coroutine has no picture yet: await it and pass the result, or pass a list of"
        in repr(report)
    )


def test_blocking_batch_refuses_a_running_task(gyazo):
    """It would stop the event loop that the task needs. `aretry` waits for the task."""

    async def main():
        task = asyncio.create_task(asyncio.sleep(0, PNG))
        done = asyncio.get_running_loop().create_future()
        done.set_result(PNG + b"done")
        report = gyazo.upload_all([task, done], progress=False)
        assert len(report) == 1
        assert isinstance(report.failures[0].error, ArgumentError)
        assert "await gyazo.aupload_all(…)" in str(report.failures[0])
        return await report.aretry()

    assert asyncio.run(main()).ok


@pytest.mark.parametrize("make", [Future, lambda: asyncio.Future(loop=asyncio.new_event_loop())])
def test_one_future_is_not_many_pictures(gyazo, make):
    """A list of it is. `upload` names `result()`."""
    future = make()
    with pytest.raises(ArgumentError, match="upload_all takes many pictures"):
        gyazo.upload_all(future, progress=False)
    with pytest.raises(
        PictureError, match=r"pass future.result\(\), or a list of futures to upload_all"
    ):
        gyazo.upload(future)
    if asyncio.isfuture(future):
        future.get_loop().close()


def test_threads_of_the_kernel_may_make_the_pictures(call, gyazo):
    """ThreadPoolExecutor: for pictures that are downloaded or read."""
    with ThreadPoolExecutor(4) as threads:
        futures = [threads.submit(bytes, data) for data in pictures(30)]
        assert len(call(gyazo, "upload_all", futures, progress=False).check()) == 30


# Dask starts and ends its own processes and loops, with warnings of its own.
@pytest.mark.filterwarnings("ignore")
@pytest.mark.slow
def test_figures_rendered_by_a_dask_cluster_arrive_in_order(call, gyazo, server):
    """Futures of `client.map`: a failed one, and a cancelled one, are failures."""
    try:
        from distributed import Client, LocalCluster  # noqa: PLC0415 -- not installed everywhere
    except ImportError:
        skip_missing("Dask's distributed is not installed: make .venv/dev installs it")
    with (
        LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=None) as cluster,
        Client(cluster) as client,
    ):
        futures = client.map(rendering.render_figure, range(6))
        failed = client.submit(rendering.fail, "no data for seed 6")
        cancelled = client.submit(time.sleep, 60)
        cancelled.cancel()

        report = call(gyazo, "upload_all", [*futures, failed, cancelled], progress=False)

        assert stored_pictures(server, report) == client.gather(futures)
        assert str(os.getpid()) not in comments(server, report)
        assert str(report.failures[0]) == "6: a Future: no data for seed 6"
        assert "This Future was cancelled" in str(report.failures[1])
        assert len(call(report, "retry").failures) == 2
