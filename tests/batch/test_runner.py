"""`Batch`: no image is lost, no picture is sent twice, and memory is freed."""

import asyncio
import io
import threading
import time
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from support.batches import (
    all_stored,
    delay_uploads,
    fail_uploads,
    pictures,
    stored_pictures,
    upload_requests,
)
from support.helpers import PNG

from gyazo_nb import (
    ArgumentError,
    BatchError,
    BatchInterruptedError,
    JournalError,
    NotLoggedInError,
    PictureError,
    UnauthorizedError,
)
from gyazo_nb.sandbox import Fault


def test_images_are_in_the_order_of_the_items(call, gyazo, server):
    """Also if a later upload ends first."""
    items = pictures(40)
    server.sandbox.faults.append(Fault(path="/api/upload", delay=0.3))

    report = call(gyazo, "upload_all", items, progress=False)

    assert report.ok
    assert stored_pictures(server, report) == items
    assert report[0] == report.results[0]
    assert len(report) == len(report.images) == 40
    assert gyazo.report is report


# ── failures ──────────────────────────────────────────────────────────────────────────────────


def test_failed_items_do_not_stop_the_others(call, gyazo, server):
    """One is not a picture, two are rejected by the server. A retry sends only the rejected ones."""
    items = [*pictures(5), b"text", *(p + b"x" for p in pictures(5))]
    fail_uploads(server, 2)

    report = call(gyazo, "upload_all", items, progress=False, concurrency=2)

    assert not report.ok
    assert len(report) == 8
    assert [f.index for f in report.failures][-1] == 5
    assert isinstance(report.failures[-1].error, PictureError)
    assert "5: a bytes: The data is text" in str(report)
    assert "The data is text" in report._repr_html_()
    with pytest.raises(BatchError, match="8 uploaded, 3 failed: gyazo.report.retry"):
        report.check()

    before = len(upload_requests(server))
    assert report.retry() is report

    assert len(upload_requests(server)) - before == 2
    assert len(report) == 10
    assert [f.index for f in report.failures] == [5]


def test_stored_error_holds_no_frames(gyazo):
    """Frames would keep the bytes of the picture in memory."""
    report = gyazo.upload_all([b"text" * 1000, object()], progress=False)

    for failure in report.failures:
        assert failure.error.__traceback__ is None


def test_retry_sends_the_picture_as_it_was_rendered(call, gyazo, server):
    """The buffer has changed since then, and the files are read or closed."""
    buffer = np.zeros((4, 4), np.uint8)

    def items():
        for shade in (0, 50, 100):
            buffer[:] = shade
            yield buffer
        yield io.BytesIO(PNG)
        with io.BytesIO(PNG + b"closed") as file:
            yield file

    fail_uploads(server, 5)
    titles = iter("abcde")
    report = call(gyazo, "upload_all", items(), title=lambda _: next(titles), progress=False)
    assert len(report.failures) == 5

    assert call(report, "retry").ok
    sent = stored_pictures(server, report)
    shades = [np.asarray(Image.open(io.BytesIO(data)))[0, 0] for data in sent[:3]]
    assert shades == [0, 50, 100]
    assert sent[3:] == [PNG, PNG + b"closed"]
    assert [image.title for image in report] == list("abcde")


def test_memory_of_rendered_pictures_that_failed_is_limited(gyazo, server, monkeypatch):
    """A retry renders the others again, also from an open file."""
    monkeypatch.setattr("gyazo_nb.batch.runner.MAX_RETAINED_BYTES", 3000)
    rendered = []

    class Figure:
        def __init__(self, data):
            self._repr_png_ = lambda: rendered.append(self) or data

    items = [*map(Figure, pictures(5, size=1000)), io.BytesIO(PNG + b"file" + b"\0" * 1000)]
    fail_uploads(server, 6)
    report = gyazo.upload_all(items, concurrency=1, progress=False)

    assert report.retry().ok
    assert len(rendered) == 5 + 3
    assert len(all_stored(server)) == 6


def test_revoked_token_ends_the_batch(gyazo, server):
    """All further uploads would fail, too. After a new sign-in, a retry uploads the rest."""
    server.sandbox.faults.append(Fault(status=401, times=100))

    with pytest.raises(UnauthorizedError, match="%gyazo_login"):
        gyazo.upload_all(pictures(50), concurrency=2, progress=False)

    assert len(server.sandbox.requests) <= 5
    read = len(gyazo.report.results)
    assert read <= 6
    server.sandbox.faults.clear()
    failed = gyazo.report.failures
    with pytest.raises(NotLoggedInError, match="%gyazo_login"):
        gyazo.report.retry()
    assert gyazo.report.failures == failed
    assert len(gyazo.report.results) == read
    gyazo.use_token(server.sandbox.new_token())
    assert len(gyazo.report.retry()) == 50


@pytest.mark.slow
def test_token_revoked_during_rendering_is_the_reported_reason(call, gyazo, server):
    """Not the missing sign-in, which is only its consequence."""

    def items():
        yield PNG
        time.sleep(0.5)
        yield PNG + b"late"

    server.sandbox.faults.append(Fault(status=401, times=100))
    with pytest.raises(UnauthorizedError, match="%gyazo_login"):
        call(gyazo, "upload_all", items(), progress=False)


@pytest.mark.parametrize(
    ("items", "options", "message"),
    [
        ("plots/*.png", {}, "takes many pictures"),
        (Path("plots"), {}, "takes many pictures"),
        (3, {}, "but this int is not iterable"),
        (bytearray(PNG), {}, "takes many pictures"),
        (io.BytesIO(PNG), {}, "takes many pictures"),
        (np.zeros((4, 5)), {}, "takes many pictures"),
        (np.zeros((4, 5, 3)), {}, "takes many pictures"),
        ([], {"concurrency": 0}, "concurrency must be"),
        ([], {"concurrency": 2.5}, "concurrency must be"),
        ([], {"access_policy": "everyone"}, "access_policy must be"),
    ],
)
def test_wrong_arguments_are_refused_before_the_first_request(
    call, gyazo, server, items, options, message
):
    """With one error, not one for each item."""
    with pytest.raises(ArgumentError, match=message):
        call(gyazo, "upload_all", items, **options)

    assert server.sandbox.requests == []


def test_signed_out_session_raises_before_the_items_are_read(call, signed_out):
    """The function for the items is not called."""
    with pytest.raises(NotLoggedInError, match="%gyazo_login"):
        call(signed_out, "upload_all", pytest.fail)


def test_batch_that_cannot_start_leaves_the_last_report(gyazo, server, tmp_path):
    """It can still be retried. A retry without its resume file fails, and loses no item."""
    journal = tmp_path / "b.jsonl"
    fail_uploads(server, 2)
    report = gyazo.upload_all(pictures(5), resume=journal, progress=False)
    journal.rename(tmp_path / "away.jsonl")
    journal.mkdir()

    with pytest.raises(JournalError, match="cannot be used"):
        gyazo.upload_all(pictures(1), resume=tmp_path, progress=False)
    with pytest.raises(JournalError, match="cannot be used"):
        report.retry()

    assert gyazo.report is report
    assert len(report.failures) == 2
    assert not report.ok
    journal.rmdir()
    assert len(report.retry()) == 5


# ── Stop and cancellation ─────────────────────────────────────────────────────────────────────


@pytest.mark.slow
def test_stop_keeps_the_uploaded_images_and_retry_sends_the_rest(gyazo, server, interrupt_when):
    """The KeyboardInterrupt holds the report. It waits for the running uploads."""
    delay_uploads(server)
    items = pictures(100)
    interrupt_when(lambda: len(upload_requests(server)) >= 4)

    with pytest.raises(KeyboardInterrupt) as caught:
        gyazo.upload_all(items, concurrency=4, progress=False)

    report = caught.value.report
    done = len(report)
    assert isinstance(caught.value, BatchInterruptedError)
    assert str(caught.value).startswith(f"Stopped after {done} of 100 uploads")
    assert "gyazo.report.retry() uploads the rest" in str(caught.value)
    assert report is gyazo.report
    assert report.interrupted
    assert 4 <= done < 60
    assert len(all_stored(server)) == done
    # A worker can have an item that it has not begun to send.
    assert all("was stopped before this upload" in str(failure) for failure in report.failures)
    assert "stopped before the end" in repr(report)

    server.sandbox.faults.clear()
    report.retry()

    assert report.ok
    assert stored_pictures(server, report) == items
    assert len(upload_requests(server)) == 100


@pytest.mark.slow
def test_cancelled_batch_keeps_the_uploaded_images(gyazo, server):
    """Stop cancels an awaiting cell. The report is in the session, and can be retried."""
    delay_uploads(server)

    async def main():
        task = asyncio.create_task(gyazo.aupload_all(pictures(100), concurrency=4, progress=False))
        await asyncio.sleep(0.4)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert gyazo.report.interrupted
        assert 4 <= len(gyazo.report) < 60
        server.sandbox.faults.clear()
        return await gyazo.report.aretry()

    assert asyncio.run(main()).ok
    assert len(upload_requests(server)) == 100


def test_cancelled_batch_names_its_report_and_the_next_step(gyazo, server, cancel_batch):
    """In the message of the cancellation, which Jupyter shows under the cell."""
    delay_uploads(server)

    async def items():
        for data in pictures(60):
            yield data

    async def main():
        message = await cancel_batch(items())
        assert " of " not in message.partition(".")[0]  # the total is unknown
        assert message.startswith("Stopped after ")
        assert "await gyazo.report.aretry() uploads the rest" in message
        server.sandbox.faults.clear()
        # A blocking retry would wait for the event loop, which it blocks.
        with pytest.raises(ArgumentError, match=r"await gyazo.report.aretry\(\)"):
            gyazo.report.retry()
        return await gyazo.report.aretry()

    report = asyncio.run(main())
    assert report.ok
    assert len(report) == 60


@pytest.mark.slow
def test_running_batch_cannot_be_run_a_second_time(gyazo, server):
    """It would send every item twice. The error says to wait."""
    half_read, may_continue = threading.Event(), threading.Event()

    def items():
        yield from pictures(10)
        half_read.set()
        may_continue.wait(60)
        yield from pictures(20)[10:]

    thread = threading.Thread(target=gyazo.upload_all, args=[items()], kwargs={"progress": False})
    thread.start()
    half_read.wait(60)
    report = gyazo.report

    assert report.running
    assert "still running" in repr(report)
    assert not report.ok
    with pytest.raises(ArgumentError, match="still running: wait"):
        report.retry()
    with pytest.raises(ArgumentError, match="still running: wait"):
        asyncio.run(report.aretry())
    may_continue.set()
    thread.join()
    assert report.ok
    assert len(upload_requests(server)) == 20


# ── progress ──────────────────────────────────────────────────────────────────────────────────


def test_progress_bar_counts_items_and_failures(gyazo, capsys):
    """With `progress=False` it is not shown."""
    gyazo.upload_all([*pictures(3), b"text"])
    shown = capsys.readouterr().err
    assert "4/4" in shown
    assert "failed=1" in shown

    gyazo.upload_all(pictures(3), progress=False)
    assert capsys.readouterr().err == ""


def test_zero_items_show_no_progress_bar(gyazo, capsys):
    assert gyazo.upload_all([]).images == []
    assert capsys.readouterr() == ("", "")
