"""`ItemSource`: items are read when they are needed, and none is lost."""

import asyncio
import io
import sqlite3
import threading
import time
from collections import OrderedDict, UserDict
from itertools import islice
from types import MappingProxyType

import pytest
from PIL import Image, ImageSequence
from support.batches import (
    all_stored,
    delay_uploads,
    fail_uploads,
    pictures,
    stored_pictures,
    upload_requests,
)
from support.helpers import PNG

from gyazo_nb import ArgumentError, BatchInterruptedError


def test_item_is_read_when_it_is_needed(call, gyazo, server):
    """At most one more than are sent at the same time, and in the caller's thread."""
    delay_uploads(server, 0.01)
    read, most, threads = 0, 0, set()

    def items():
        nonlocal read, most
        for data in pictures(60):
            threads.add(threading.current_thread())
            read += 1
            # The sandbox records a request before it replies.
            most = max(most, read - len(upload_requests(server)))
            yield data

    assert len(call(gyazo, "upload_all", items(), concurrency=4, progress=False)) == 60
    assert 4 <= most <= 5
    assert threads == {threading.main_thread()}


def test_items_may_belong_to_the_thread_of_the_caller(call, gyazo):
    """Such as a cursor of sqlite3, which refuses other threads. Field functions run there, too."""
    database = sqlite3.connect(":memory:")
    database.execute("create table plots (data blob)")
    database.executemany("insert into plots values (?)", [(data,) for data in pictures(5)])
    rows = (data for (data,) in database.execute("select data from plots"))
    threads = set()

    def title(data):
        threads.add(threading.current_thread())
        return database.execute("select 'A title'").fetchone()[0]

    report = call(gyazo, "upload_all", rows, title=title, progress=False)

    assert [image.title for image in report] == ["A title"] * 5
    assert threads == {threading.main_thread()}
    database.close()


def test_items_may_come_from_an_async_iterable(gyazo):
    """Only in `aupload_all`: the error of `upload_all` names it."""

    async def items():
        for data in pictures(5):
            await asyncio.sleep(0)
            yield data

    async def main():
        return await gyazo.aupload_all(items(), progress=False)

    assert len(asyncio.run(main())) == 5
    with pytest.raises(ArgumentError, match="await gyazo.aupload_all"):
        gyazo.upload_all(items(), progress=False)


@pytest.mark.parametrize("kind", [dict, OrderedDict, MappingProxyType, UserDict])
def test_values_of_a_mapping_are_the_items(call, gyazo, server, kind):
    """As in `%gyazo`. The keys are names, and not paths."""
    items = dict(zip(["loss", "roc", "c.png"], pictures(3), strict=True))

    report = call(gyazo, "upload_all", kind(items), progress=False)

    assert stored_pictures(server, report) == pictures(3)
    assert report.ok


def gif(frames):
    out = io.BytesIO()
    first, *rest = [Image.new("RGB", (4, 3), (90 * n, 0, 0)) for n in range(frames)]
    first.save(out, "GIF", save_all=True, append_images=rest, duration=100)
    return out.getvalue()


def test_frames_of_a_moving_picture_are_refused_with_both_ways(gyazo, server):
    """Pillow yields the whole moving picture for each frame. Both ways of the sentence work."""
    image = Image.open(io.BytesIO(gif(3)))
    frames = ImageSequence.Iterator(image)

    with pytest.raises(ArgumentError, match="the frames of one moving picture") as caught:
        gyazo.upload_all(frames, progress=False)

    assert "gyazo.upload(image)" in str(caught.value)
    assert "gyazo.upload_all(frame.copy() for frame in frames)" in str(caught.value)
    report = gyazo.upload_all((frame.copy() for frame in frames), progress=False)
    assert len(all_stored(server)) == len(report.check()) == 3
    image.seek(0)
    stored = server.sandbox.image_store.get(gyazo.upload(image).image_id).data
    assert Image.open(io.BytesIO(stored)).n_frames == 3


# ── a source that cannot continue ─────────────────────────────────────────────────────────────


def test_error_of_the_source_is_raised(gyazo):
    """The items before it are uploaded. A generator cannot continue after an error."""

    def items():
        yield from pictures(3)
        raise LookupError("mine")

    with pytest.raises(LookupError, match="mine"):
        gyazo.upload_all(items(), progress=False)

    assert len(gyazo.report) == 3
    assert gyazo.report.interrupted
    with pytest.raises(ArgumentError, match="Call upload_all again"):
        gyazo.report.retry()


@pytest.mark.parametrize("make", [map, lambda *of: islice((of[0](n) for n in of[1]), 6)])
def test_batch_whose_source_lost_an_item_is_never_ok(gyazo, server, make):
    """Other iterators than generators continue after an error, without the item that failed."""
    error = LookupError("mine")

    def load(number):
        nonlocal error
        if number == 3 and error:
            now, error = error, None
            raise now
        return pictures(6)[number]

    fail_uploads(server, 1)
    with pytest.raises(LookupError, match="mine"):
        gyazo.upload_all(make(load, range(6)), progress=False)

    assert len(gyazo.report) == 2
    for _ in range(2):
        with pytest.raises(ArgumentError, match="Call upload_all again"):
            gyazo.report.retry()
        assert len(gyazo.report) == 3  # the item whose upload failed is sent again
        assert not gyazo.report.ok


@pytest.mark.slow
def test_retry_uploads_all_items_that_an_interrupted_generator_returned(
    gyazo, server, interrupt_when
):
    """It waits for them, and then says that there are no further items. The sentence of the Stop agrees."""
    read = []

    def items():
        for data in pictures(3):
            yield data
            read.append(data)
        time.sleep(5)

    fail_uploads(server, 2)
    interrupt_when(lambda: len(read) == 3)
    with pytest.raises(BatchInterruptedError) as caught:
        gyazo.upload_all(items(), progress=False)
    assert "gyazo.report.retry() uploads the 2 items that were read." in str(caught.value)
    assert "To upload the rest, call upload_all again" in str(caught.value)
    delay_uploads(server, 0.2)

    with pytest.raises(ArgumentError, match="Of the 3 items that it returned, 3 are uploaded"):
        gyazo.report.retry()

    assert all_stored(server) == set(pictures(3))
    assert not gyazo.report.ok


@pytest.mark.slow
def test_stop_inside_a_generator_says_to_call_upload_all_again(gyazo, interrupt_when):
    """An interrupted generator cannot continue, and a retry says so, too."""
    read = []

    def items():
        for data in pictures(3):
            yield data
            read.append(data)
        time.sleep(5)
        yield PNG

    interrupt_when(lambda: len(read) == 3)
    with pytest.raises(BatchInterruptedError, match="To upload the rest, call upload_all again"):
        gyazo.upload_all(items(), progress=False)

    assert len(gyazo.report) == 3
    with pytest.raises(ArgumentError, match="Call upload_all again"):
        gyazo.report.retry()


@pytest.mark.slow
def test_generator_that_a_loop_closed_says_to_call_upload_all_again(gyazo, server, cancel_batch):
    """At its end, `asyncio.run` closes the async generators of its loop."""
    delay_uploads(server)

    async def items():
        for data in pictures(60):
            yield data

    asyncio.run(cancel_batch(items()))

    with pytest.raises(ArgumentError, match="Call upload_all again"):
        asyncio.run(gyazo.report.aretry())

    assert not gyazo.report.ok


def test_async_iterable_may_continue_in_another_loop(gyazo, server, cancel_batch):
    """If it belongs to no event loop."""

    class Items:
        def __init__(self):
            self.rest = iter(pictures(30))

        def __aiter__(self):
            return self

        async def __anext__(self):
            try:
                return next(self.rest)
            except StopIteration:
                raise StopAsyncIteration from None

    delay_uploads(server)
    asyncio.run(cancel_batch(Items()))
    server.sandbox.faults.clear()

    assert len(asyncio.run(gyazo.report.aretry())) == 30
    assert gyazo.report.ok
