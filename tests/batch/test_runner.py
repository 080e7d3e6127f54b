"""Many at once: nothing is lost, nothing is sent twice, nothing is held that is done."""

import asyncio
import hashlib
import io
import json
import os
import signal
import sqlite3
import subprocess
import sys
import threading
import time
import tracemalloc
from itertools import islice
from pathlib import Path

import numpy as np
import pytest
from PIL import Image as Pillow
from support.helpers import PNG

from gyazo_nb import (
    ArgumentError,
    BatchError,
    BatchInterruptedError,
    Gyazo,
    Image,
    JournalError,
    NotLoggedInError,
    PictureError,
    UnauthorizedError,
)
from gyazo_nb.sandbox import Fault


def pictures(number, size=0):
    """Pictures that differ, each of its own length: behind IEND a PNG may hold anything."""
    return [PNG + b"\0" * size + b"%0*d" % (index + 1, index) for index in range(number)]


def stored(server):
    return {image.data for image in server.sandbox.images}


def uploads(server, status=200):
    return [r for r in server.sandbox.requests if r.path == "/api/upload" and r.status == status]


@pytest.fixture(autouse=True)
def _many_requests(monkeypatch):
    """The sandbox remembers more than its usual thousand."""
    monkeypatch.setattr("gyazo_nb.sandbox.state.REQUESTS_KEPT", 100_000)


def test_all_arrive_in_order(call, gyazo, server):
    """The images stand in the order of the things, whichever was faster."""
    things = pictures(40)
    server.sandbox.faults.append(Fault(path="/api/upload", delay=0.3))

    report = call(gyazo, "upload_all", things, progress=False)

    assert report.ok
    assert [server.sandbox.album.get(i.image_id).data for i in report] == things
    assert report[0] == report.results[0]
    assert len(report) == len(report.images) == 40
    assert gyazo.report is report


def test_a_field_is_a_value_or_a_function_of_the_thing(gyazo, server, tmp_path):
    """`title=lambda path: path.stem` names each picture."""
    for name, data in zip("abc", pictures(3), strict=True):
        (tmp_path / f"{name}.png").write_bytes(data)

    report = gyazo.upload_all(
        sorted(tmp_path.glob("*.png")),
        title=lambda path: path.stem,
        desc="#batch",
        app=lambda _: None,
        progress=False,
    )

    assert [image.title for image in report] == ["a", "b", "c"]
    assert sorted(i.fields["title"] for i in server.sandbox.images) == ["a", "b", "c"]
    assert {tuple(i.fields) for i in server.sandbox.images} == {("title", "desc")}


def test_things_are_read_when_they_are_needed(call, gyazo, server):
    """No more are drawn than are under way, and one is read at a time, in the calling thread."""
    alive, most, threads = 0, 0, set()
    lock = threading.Lock()
    send = gyazo._send

    def sending(operation):
        nonlocal alive
        try:
            time.sleep(0.005)
            return send(operation)
        finally:
            with lock:
                alive -= 1

    def things():
        nonlocal alive, most
        for data in pictures(60):
            threads.add(threading.current_thread())
            with lock:
                alive += 1
                most = max(most, alive)
            yield data

    gyazo._send = sending

    assert len(call(gyazo, "upload_all", things(), concurrency=4, progress=False)) == 60
    assert most <= 5
    assert threads == {threading.main_thread()}


def test_what_belongs_to_a_thread_can_be_looped_over(call, gyazo):
    """A cursor of sqlite3, which refuses every other thread; and `title` is called there, too."""
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


def test_one_failure_does_not_lose_the_others(call, gyazo, server):
    """What is no picture, what the service refuses and a wrong field fail alone; a retry repeats them."""
    things = [*pictures(5), b"text", *(p + b"x" for p in pictures(5))]
    server.sandbox.faults.append(Fault(status=422, path="/api/upload", times=2))

    report = call(gyazo, "upload_all", things, progress=False, concurrency=2)

    assert not report.ok
    assert len(report) == 8
    assert [f.index for f in report.failures][-1] == 5
    assert isinstance(report.failures[-1].error, PictureError)
    assert "5: a bytes: These bytes held text" in str(report)
    assert "held text" in report._repr_html_()
    with pytest.raises(BatchError, match="8 uploaded, 3 failed: gyazo.report.retry"):
        report.check()

    before = len(uploads(server))
    assert report.retry() is report

    assert len(uploads(server)) - before == 2
    assert len(report) == 10
    assert [f.index for f in report.failures] == [5]


def test_a_failure_holds_no_picture(gyazo, server):
    """The error that is kept does not keep the frames, and they the bytes."""
    report = gyazo.upload_all([b"text" * 1000, object()], progress=False)

    for failure in report.failures:
        assert failure.error.__traceback__ is None


def test_what_failed_is_sent_again_as_it_was(call, gyazo, server):
    """A buffer that is used again, a file that was read: the retry sends the picture that failed."""
    buffer = np.zeros((4, 4), np.uint8)

    def things():
        for shade in (0, 50, 100):
            buffer[:] = shade
            yield buffer
        yield io.BytesIO(PNG)
        with io.BytesIO(PNG + b"closed") as file:
            yield file

    server.sandbox.faults.append(Fault(status=422, path="/api/upload", times=5))
    titles = iter("abcde")
    report = call(gyazo, "upload_all", things(), title=lambda _: next(titles), progress=False)
    assert len(report.failures) == 5

    assert call(report, "retry").ok
    sent = [server.sandbox.album.get(image.image_id).data for image in report]
    shades = [np.asarray(Pillow.open(io.BytesIO(data)))[0, 0] for data in sent[:3]]
    assert shades == [0, 50, 100]
    assert sent[3:] == [PNG, PNG + b"closed"]
    assert [image.title for image in report] == list("abcde")


def test_a_small_file_is_read_when_it_is_its_turn(call, gyazo, server, tmp_path):
    """A generator may write each picture over the last one, and take the file away."""
    path = tmp_path / "step.png"

    def steps():
        for data in pictures(30):
            path.write_bytes(data)
            yield path
        path.unlink()

    server.sandbox.faults.append(Fault(status=422, path="/api/upload", times=3))
    report = call(gyazo, "upload_all", steps(), progress=False)
    assert len(report.failures) == 3
    assert call(report, "retry").ok
    assert [server.sandbox.album.get(i.image_id).data for i in report] == pictures(30)


def test_failures_hold_no_more_than_their_share_of_memory(gyazo, server, monkeypatch):
    """What is beyond it is drawn again, also from an open file."""
    monkeypatch.setattr("gyazo_nb.batch.runner.RETAINED_BYTES", 3000)
    things = [*pictures(5, size=1000), io.BytesIO(PNG + b"file" + b"\0" * 1000)]
    server.sandbox.faults.append(Fault(status=422, path="/api/upload", times=6))
    drawn = []
    report = gyazo.upload_all(things, title=drawn.append, progress=False)

    assert report.retry().ok
    assert len(drawn) == 6 + 4
    assert len(stored(server)) == 6


def test_a_file_that_cannot_be_read_is_a_sentence(gyazo, server, tmp_path):
    """Closed, open as text, open for writing: never taken for the path that it holds."""
    path = tmp_path / "a.png"
    path.write_bytes(PNG)
    with path.open() as text, (tmp_path / "b.png").open("wb") as writing:
        things = [open(path, "rb"), text, io.StringIO(str(path)), writing]  # noqa: SIM115, PTH123
        things[0].close()
        report = gyazo.upload_all(things, progress=False)

    assert [type(failure.error) for failure in report.failures] == [PictureError] * 4
    assert all("open it with mode 'rb'" in str(failure) for failure in report.failures)


def test_a_failure_is_named_in_a_line(gyazo):
    """An address without what may be a key in it, a long text by its ends."""
    things = ["http://127.0.0.1:1/a.png?signature=s3cr3t", "data:image/png;base64," + "A" * 10_000]
    report = gyazo.upload_all(things, progress=False)

    assert "s3cr3t" not in repr(report) + report._repr_html_() + str(report.failures)
    assert "0: 127.0.0.1/a.png: " in repr(report)
    assert max(map(len, repr(report).splitlines())) < 400


def test_an_error_of_the_users_function_fails_that_thing_only(gyazo):
    """A title that cannot be made is that picture's failure."""
    report = gyazo.upload_all(
        pictures(3), title=lambda data: 1 / 0 if data == pictures(3)[1] else "a", progress=False
    )

    assert [f.index for f in report.failures] == [1]
    assert isinstance(report.failures[0].error, ZeroDivisionError)


def test_an_error_of_the_source_is_the_calls_error(gyazo):
    """What the generator itself raises is raised; what was read before it is done and reported."""

    def things():
        yield from pictures(3)
        raise LookupError("mine")

    with pytest.raises(LookupError, match="mine"):
        gyazo.upload_all(things(), progress=False)

    assert len(gyazo.report) == 3
    assert gyazo.report.interrupted
    with pytest.raises(ArgumentError, match="call upload_all anew"):
        gyazo.report.retry()


@pytest.mark.parametrize("make", [map, lambda *of: islice((of[0](n) for n in of[1]), 6)])
def test_what_was_lost_in_the_source_is_never_called_uploaded(gyazo, server, make):
    """Other iterators than generators go on after an error, without what they were at."""
    error = LookupError("mine")

    def load(number):
        nonlocal error
        if number == 3 and error:
            now, error = error, None
            raise now
        return pictures(6)[number]

    server.sandbox.faults.append(Fault(status=422, path="/api/upload"))
    with pytest.raises(LookupError, match="mine"):
        gyazo.upload_all(make(load, range(6)), progress=False)

    assert len(gyazo.report) == 2
    for _ in range(2):
        with pytest.raises(ArgumentError, match="call upload_all anew"):
            gyazo.report.retry()
        assert len(gyazo.report) == 3  # what failed on its way is repeated all the same
        assert not gyazo.report.ok


def test_a_token_that_dies_while_a_thing_is_drawn_is_the_reason(call, gyazo, server):
    """And not that nobody is signed in any more, which follows from it."""

    def things():
        yield PNG
        time.sleep(0.5)
        yield PNG + b"late"

    server.sandbox.faults.append(Fault(status=401, times=100))
    with pytest.raises(UnauthorizedError, match="%gyazo_login"):
        call(gyazo, "upload_all", things(), progress=False)


def test_a_token_that_dies_ends_the_batch(gyazo, server):
    """Every further upload would fail alike: the sentence says to sign in, and nothing is lost."""
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


@pytest.mark.parametrize(
    ("things", "options", "sentence"),
    [
        ("plots/*.png", {}, "takes many pictures"),
        (Path("plots"), {}, "takes many pictures"),
        (3, {}, "a int is not a thing to loop over"),
        (bytearray(PNG), {}, "takes many pictures"),
        (io.BytesIO(PNG), {}, "takes many pictures"),
        (np.zeros((4, 5)), {}, "takes many pictures"),
        (np.zeros((4, 5, 3)), {}, "takes many pictures"),
        ([], {"concurrency": 0}, "concurrency must be"),
        ([], {"concurrency": 2.5}, "concurrency must be"),
        ([], {"access_policy": "everyone"}, "access_policy must be"),
    ],
)
def test_a_wrong_call_is_a_sentence_before_anything_is_sent(
    call, gyazo, server, things, options, sentence
):
    """What is wrong for every thing is said once."""
    with pytest.raises(ArgumentError, match=sentence):
        call(gyazo, "upload_all", things, **options)

    assert server.sandbox.requests == []


def test_a_batch_that_never_began_leaves_the_last_report(gyazo, server, tmp_path):
    """What was interrupted can still be taken up, and a retry without its journal loses nothing."""
    journal = tmp_path / "b.jsonl"
    server.sandbox.faults.append(Fault(status=422, path="/api/upload", times=2))
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


def test_an_unknown_field_is_pythons_own_error(gyazo):
    """As with any other keyword."""
    with pytest.raises(TypeError, match="unexpected keyword argument 'titel'"):
        gyazo.upload_all([], titel="a")


def test_nobody_signed_in_is_said_before_anything_is_read(call, signed_out):
    """The next step stands in the sentence."""
    with pytest.raises(NotLoggedInError, match="%gyazo_login"):
        call(signed_out, "upload_all", pytest.fail)


def test_an_async_iterable_is_read_as_it_comes(gyazo):
    """`aupload_all` takes an async generator; its blocking twin says to await."""

    async def things():
        for data in pictures(5):
            await asyncio.sleep(0)
            yield data

    async def main():
        return await gyazo.aupload_all(things(), progress=False)

    assert len(asyncio.run(main())) == 5
    with pytest.raises(ArgumentError, match="await gyazo.aupload_all"):
        gyazo.upload_all(things(), progress=False)


def test_the_loop_stays_free_while_a_batch_is_awaited(gyazo, server):
    """Another task runs on while pictures are sent."""
    server.sandbox.faults.append(Fault(path="/api/upload", delay=0.5))
    ticks = 0

    async def tick():
        nonlocal ticks
        while True:
            await asyncio.sleep(0.01)
            ticks += 1

    async def main():
        ticking = asyncio.create_task(tick())
        await gyazo.aupload_all(pictures(2), progress=False)
        ticking.cancel()

    asyncio.run(main())

    assert ticks > 10


def stop_after(seconds):
    threading.Timer(seconds, os.kill, [os.getpid(), signal.SIGINT]).start()


def test_stop_keeps_what_is_done_and_the_rest_is_taken_up(gyazo, server):
    """Ctrl-C raises a KeyboardInterrupt that holds the report; a retry sends only the rest."""
    server.sandbox.faults.append(Fault(path="/api/upload", delay=0.05, times=1000))
    things = pictures(100)
    stop_after(0.4)

    with pytest.raises(KeyboardInterrupt) as caught:
        gyazo.upload_all(things, concurrency=4, progress=False)

    report = caught.value.report
    assert isinstance(caught.value, BatchInterruptedError)
    assert "gyazo.report.retry() takes up the rest" in str(caught.value)
    assert report is gyazo.report
    assert report.interrupted
    done = len(report)
    assert 4 <= done < 60
    assert len(stored(server)) == done  # what was under way was waited for
    assert report.failures == []
    assert "stopped before the end" in repr(report)

    server.sandbox.faults.clear()
    report.retry()

    assert report.ok
    assert [server.sandbox.album.get(i.image_id).data for i in report] == things
    assert len(uploads(server)) == 100


def test_stop_in_the_midst_of_drawing_says_that_the_rest_is_out_of_reach(gyazo):
    """A generator that was interrupted cannot go on, and nothing pretends that it could."""

    def things():
        yield from pictures(3)
        time.sleep(5)
        yield PNG

    stop_after(0.5)
    with pytest.raises(BatchInterruptedError):
        gyazo.upload_all(things(), progress=False)

    assert len(gyazo.report) == 3
    with pytest.raises(ArgumentError, match="call upload_all anew"):
        gyazo.report.retry()


def test_a_cancelled_batch_keeps_what_is_done(gyazo, server):
    """Stop cancels an awaiting cell: the report is in the session, and can be taken up."""
    server.sandbox.faults.append(Fault(path="/api/upload", delay=0.05, times=1000))

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
    assert len(uploads(server)) == 100


def test_progress_is_shown_and_can_be_left_out(gyazo, capsys):
    """A bar that counts, with the failures; or nothing at all."""
    gyazo.upload_all([*pictures(3), b"text"])
    shown = capsys.readouterr().err
    assert "4/4" in shown
    assert "failed=1" in shown

    gyazo.upload_all(pictures(3), progress=False)
    assert capsys.readouterr().err == ""


def test_a_report_shows_a_bounded_gallery(gyazo):
    """A thousand pictures do not make a page of a thousand thumbnails."""
    report = gyazo.upload_all(pictures(70), progress=False)

    assert report._repr_html_().count("<img") == 60
    assert "the first 60 are shown" in report._repr_html_()
    assert repr(report) == "<70 uploaded>"
    assert report[1:3] == report.images[1:3]


# ── the journal ───────────────────────────────────────────────────────────────────────────────


def test_another_kernel_sends_only_the_rest(call, gyazo, server, urls, tmp_path):
    """The second run, in another session, sends what the first did not; its images are all there."""
    journal = tmp_path / "batch.jsonl"
    things = pictures(20)
    call(gyazo, "upload_all", things[:12], resume=journal, progress=False)
    first = len(uploads(server))

    with Gyazo(server.sandbox.new_token(), **urls) as other:
        report = other.upload_all(things, resume=str(journal), progress=False)

    assert first == 12
    assert len(uploads(server)) == 20
    assert report.ok
    assert [server.sandbox.album.get(i.image_id).data for i in report] == things
    assert all(isinstance(i, Image) and i.permalink_url and i.created_at for i in report)


def test_the_journal_holds_no_token_and_is_the_owners_alone(gyazo, server, tmp_path):
    """Addresses of images, and nothing that opens an account."""
    journal = tmp_path / "batch.jsonl"
    gyazo.upload_all(pictures(3), resume=journal, title="A", progress=False)

    assert not any(token in journal.read_text() for token in server.sandbox._tokens)
    assert journal.stat().st_mode & 0o77 == 0
    lines = [json.loads(line) for line in journal.read_text().splitlines()]
    assert [line["gyazo_nb"] for line in lines] == [1, 1, 1]


def test_the_same_bytes_are_sent_once_in_a_journaled_batch(gyazo, server, tmp_path):
    """By their content: a copy, another name, the same bytes side by side."""
    (tmp_path / "a.png").write_bytes(PNG)
    things = [PNG, tmp_path / "a.png", io.BytesIO(PNG), PNG]

    report = gyazo.upload_all(things, resume=tmp_path / "b.jsonl", progress=False)

    assert len(uploads(server)) == 1
    assert len({image.image_id for image in report}) == 1
    assert len(report) == 4


def test_a_changed_file_is_sent_again(gyazo, server, tmp_path):
    """Its path and name say nothing."""
    path = tmp_path / "a.png"
    for data in pictures(2):
        path.write_bytes(data)
        gyazo.upload_all([path], resume=tmp_path / "b.jsonl", progress=False)

    assert stored(server) == set(pictures(2))


def test_a_journal_of_another_account_says_nothing(gyazo, server, tmp_path):
    """What the sandbox has is not on Gyazo, and the other way round."""
    journal = tmp_path / "b.jsonl"
    gyazo.upload_all(pictures(2), resume=journal, progress=False)
    journal.write_text(journal.read_text().replace(server.url, "https://upload.gyazo.com"))

    gyazo.upload_all(pictures(2), resume=journal, progress=False)

    assert len(uploads(server)) == 4


@pytest.mark.parametrize("cut", [1, 9, 60, -3])
def test_a_torn_line_is_passed_over(gyazo, server, tmp_path, cut):
    """Of a journal that ends within a line, every whole line counts, and the next is whole again."""
    journal = tmp_path / "b.jsonl"
    gyazo.upload_all(pictures(3), resume=journal, progress=False)
    lines = journal.read_bytes().splitlines(keepends=True)
    journal.write_bytes(b"".join(lines[:2]) + lines[2][:cut])

    gyazo.upload_all(pictures(4), resume=journal, progress=False)
    assert len(uploads(server)) == 3 + 2
    gyazo.upload_all(pictures(4), resume=journal, progress=False)
    assert len(uploads(server)) == 3 + 2


@pytest.mark.parametrize(
    "torn", [b"{", b'{"gyaz', b'{"gyazo_nb":', b'{"gyazo_nb": 1, "acc', b'{"gya\n']
)
def test_a_journal_torn_in_its_first_line_is_one_still(gyazo, server, tmp_path, torn):
    """Killed at the very first line, by a full disk too: the next run begins it, and those after read it."""
    journal = tmp_path / "b.jsonl"
    journal.write_bytes(torn)

    for _ in range(3):
        assert gyazo.upload_all(pictures(2), resume=journal, progress=False).ok
    assert len(uploads(server)) == 2


def test_a_line_tells_of_the_bytes_that_were_sent(gyazo, server, tmp_path):
    """A generator that writes over one file at each step: no line names another picture's bytes."""
    journal, path = tmp_path / "b.jsonl", tmp_path / "step.png"

    def steps():
        for data in pictures(100):
            path.write_bytes(data)
            yield path

    gyazo.upload_all(steps(), resume=journal, concurrency=2, progress=False)

    lines = [json.loads(line) for line in journal.read_text().splitlines()]
    assert lines
    for line in lines:
        sent = server.sandbox.album.get(line["image"]["image_id"]).data
        assert hashlib.sha256(sent).hexdigest() == line["sha256"]


def test_a_large_file_that_changes_while_it_is_sent_is_not_noted(gyazo, server, tmp_path):
    """Nobody knows which of its bytes arrived: the next run sends it again."""
    journal, path = tmp_path / "b.jsonl", tmp_path / "large.png"
    path.write_bytes(PNG + bytes(3 * 2**20))
    server.sandbox.faults.append(Fault(path="/api/upload", delay=0.5))
    gyazo.me()
    threading.Timer(0.3, lambda: path.write_bytes(PNG + b"new" + bytes(3 * 2**20))).start()

    assert gyazo.upload_all([path], resume=journal, progress=False).ok
    assert journal.read_bytes() == b""
    gyazo.upload_all([path], resume=journal, progress=False)
    gyazo.upload_all([path], resume=journal, progress=False)
    assert len(uploads(server)) == 2


HOLD = """
import sys
from gyazo_nb.batch.journal import Journal
with Journal(sys.argv[1], "somebody"):
    print("held", flush=True)
    sys.stdin.read()
"""


def test_two_batches_do_not_write_to_one_journal(call, gyazo, server, tmp_path):
    """Each would send what the other sends; a kernel that ends, however it does, lets go of it."""
    journal = tmp_path / "b.jsonl"
    command = [sys.executable, "-c", HOLD, str(journal)]
    other = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert other.stdout.readline() == "held\n"

    with pytest.raises(JournalError, match="in use by another batch: wait"):
        call(gyazo, "upload_all", pictures(2), resume=journal, progress=False)

    assert uploads(server) == []
    other.kill()
    other.communicate()
    assert call(gyazo, "upload_all", pictures(2), resume=journal, progress=False).ok
    assert call(gyazo, "upload_all", pictures(2), resume=journal, progress=False).ok
    assert len(uploads(server)) == 2


def test_a_long_journal_is_not_held_in_memory(gyazo, server, tmp_path):
    """Of each line, where it begins; its image is made when it is asked for."""
    journal = tmp_path / "b.jsonl"
    gyazo.upload_all(pictures(1), resume=journal, progress=False)
    line = journal.read_bytes()
    known = hashlib.sha256(pictures(1)[0]).hexdigest().encode()
    with journal.open("ab") as file:
        for number in range(50_000):
            file.write(line.replace(known, b"%064x" % number))
    size, began = journal.stat().st_size, time.monotonic()

    tracemalloc.start()
    try:
        report = gyazo.upload_all(pictures(1), resume=journal, progress=False)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()

    assert len(uploads(server)) == 1
    assert report[0].permalink_url
    assert size > 15 * 2**20
    assert peak < 64 * 2**20


@pytest.mark.parametrize("resume", ["~nobody-at-all/b.jsonl", "no/such/folder/b.jsonl", "a\0b", ""])
def test_a_journal_that_cannot_be_is_a_sentence(gyazo, tmp_path, monkeypatch, resume):
    """It says to give another path."""
    monkeypatch.chdir(tmp_path)
    with pytest.raises(JournalError, match="cannot be used .*give resume="):
        gyazo.upload_all(pictures(1), resume=resume, progress=False)


def test_what_is_no_journal_is_left_alone(gyazo, tmp_path):
    """A picture given as `resume` by mistake is not written to; nor is anything sent."""
    path = tmp_path / "a.png"
    path.write_bytes(PNG)
    for wrong, sentence in ((path, "is no journal"), (tmp_path, "cannot be used")):
        with pytest.raises(JournalError, match=sentence):
            gyazo.upload_all(pictures(2), resume=wrong, progress=False)

    assert path.read_bytes() == PNG


def test_a_full_disk_stops_the_batch(gyazo, server, tmp_path):
    """Nothing goes unnoted: the sentence says to make room."""
    resource = pytest.importorskip("resource", reason="limits on a process are of POSIX")
    journal = tmp_path / "b.jsonl"
    journal.write_text('{"gyazo_nb": 1, "account": "another"}\n' * 20_000)
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (journal.stat().st_size + 1000, limits[1]))
    try:
        with pytest.raises(JournalError, match="cannot be written"):
            gyazo.upload_all(pictures(50), resume=journal, concurrency=2, progress=False)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)

    assert len(uploads(server)) <= 8
    assert len(gyazo.upload_all(pictures(50), resume=journal, progress=False)) == 50
    assert len(uploads(server)) <= 52 + 8


def test_what_was_there_already_is_counted(gyazo, server):
    """A batch that is sent once more says so."""
    gyazo.upload_all([PNG], progress=False)

    report = gyazo.upload_all([PNG, PNG + b"new"], progress=False)

    assert "2 uploaded (1 there already)" in repr(report)
