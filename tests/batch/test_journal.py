"""The resume file: every upload is recorded, and no recorded picture is sent again."""

import contextlib
import hashlib
import io
import json
import os
import socket
import subprocess
import sys
import threading
import time
import tracemalloc
from pathlib import Path

import pytest
from support.batches import all_stored, pictures, stored_pictures, upload_requests
from support.helpers import PNG

from gyazo_nb import ArgumentError, Gyazo, Image, JournalError
from gyazo_nb.sandbox import Fault


@pytest.fixture
def journal(tmp_path):
    return tmp_path / "batch.jsonl"


def lines_of(journal):
    return [json.loads(line) for line in journal.read_text().splitlines()]


def test_another_kernel_sends_only_the_rest(call, gyazo, server, urls, journal):
    """Its report has the images of both runs."""
    items = pictures(20)
    call(gyazo, "upload_all", items[:12], resume=journal, progress=False)
    first = len(upload_requests(server))

    with Gyazo(server.sandbox.new_token(), **urls) as other:
        report = other.upload_all(items, resume=str(journal), progress=False)

    assert first == 12
    assert len(upload_requests(server)) == 20
    assert report.ok
    assert stored_pictures(server, report) == items
    assert all(isinstance(i, Image) and i.permalink_url and i.created_at for i in report)


def test_file_of_version_0_1_0_is_read(call, gyazo, server, journal):
    """These are its literal lines: the first two belong to this account, the others do not count."""
    account = f"{server.sandbox.accounts[0].uid} {server.url}"
    one, two, three, four = pictures(4)
    line = (
        '{"gyazo_nb": 1, "account": "%s", "sha256": "%s", "image": {"image_id": "%s", '
        '"permalink_url": "https://gyazo.com/%s", "thumb_url": "https://thumb.gyazo.com/%s", "url": '
        '"https://i.gyazo.com/%s.png", "type": "png", "created_at": "2026-11-20T10:00:00+00:00", '
        '"metadata": {"app": null, "title": "Höhe", "url": null, "desc": "#a"}}}\n'
    )
    owners = [(one, account, "a"), (two, account, "b"), (three, f"another {server.url}", "c")]
    content = "".join(
        line % (owner, hashlib.sha256(data).hexdigest(), *[letter * 32] * 4)
        for data, owner, letter in owners
    )
    incomplete = (line % (account, hashlib.sha256(four).hexdigest(), *["d" * 32] * 4))[:120]
    journal.write_text(content + incomplete, encoding="utf-8")

    report = call(gyazo, "upload_all", pictures(4), resume=journal, progress=False)

    assert [image.image_id for image in report[:2]] == ["a" * 32, "b" * 32]
    assert report[0].permalink_url == f"https://gyazo.com/{'a' * 32}"
    assert (report[0].title, report[0].metadata.desc) == ("Höhe", "#a")
    assert report[0].created_at.isoformat() == "2026-11-20T10:00:00+00:00"
    assert all_stored(server) == {three, four}
    assert journal.read_text("utf-8").startswith(content + incomplete + "\n")
    assert len(upload_requests(server)) == 2


def test_line_has_the_format_of_version_0_1_0(gyazo, server, journal):
    """So that version 0.1.0, too, can continue a batch. Its reader requires these first characters."""
    gyazo.upload_all([PNG], resume=journal, title="Höhe", progress=False)

    account = f"{server.sandbox.accounts[0].uid} {server.url}"
    digest = hashlib.sha256(PNG).hexdigest()
    start = (
        f'{{"gyazo_nb": 1, "account": "{account}", "sha256": "{digest}", "image": {{"image_id": '
    )
    assert journal.read_text("utf-8").startswith(start)
    assert lines_of(journal)[0]["image"]["metadata"]["title"] == "Höhe"


def test_file_holds_no_token_and_only_its_owner_can_read_it(gyazo, server, journal):
    """It holds addresses of images."""
    gyazo.upload_all(pictures(3), resume=journal, title="A", progress=False)

    assert gyazo.account.token.reveal() not in journal.read_text()
    assert journal.stat().st_mode & 0o77 == 0
    assert [line["gyazo_nb"] for line in lines_of(journal)] == [1, 1, 1]


def test_identical_bytes_are_sent_once(gyazo, server, tmp_path, journal):
    """A copy, a file with another name, and the same bytes a second time."""
    (tmp_path / "a.png").write_bytes(PNG)
    items = [PNG, tmp_path / "a.png", io.BytesIO(PNG), PNG]

    report = gyazo.upload_all(items, resume=journal, progress=False)

    assert len(upload_requests(server)) == 1
    assert len({image.image_id for image in report}) == 1
    assert len(report) == 4


def test_changed_file_is_sent_again(gyazo, server, tmp_path, journal):
    """Its path does not count."""
    path = tmp_path / "a.png"
    for data in pictures(2):
        path.write_bytes(data)
        gyazo.upload_all([path], resume=journal, progress=False)

    assert all_stored(server) == set(pictures(2))


@pytest.mark.parametrize(
    ("part", "other"),
    [("{url}", "https://upload.gyazo.com"), ('"gyazo_nb": 1', '"gyazo_nb": 2')],
)
def test_line_of_another_site_or_format_does_not_count(gyazo, server, journal, part, other):
    """An image in the sandbox is not on Gyazo."""
    gyazo.upload_all(pictures(2), resume=journal, progress=False)
    journal.write_text(journal.read_text().replace(part.format(url=server.url), other))

    gyazo.upload_all(pictures(2), resume=journal, progress=False)

    assert len(upload_requests(server)) == 4


# ── damaged files ─────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("cut", [1, 9, 60, -3])
def test_incomplete_last_line_is_skipped(gyazo, server, journal, cut):
    """All complete lines count, and the next line is complete again."""
    gyazo.upload_all(pictures(3), resume=journal, progress=False)
    lines = journal.read_bytes().splitlines(keepends=True)
    journal.write_bytes(b"".join(lines[:2]) + lines[2][:cut])

    gyazo.upload_all(pictures(4), resume=journal, progress=False)
    assert len(upload_requests(server)) == 3 + 2
    gyazo.upload_all(pictures(4), resume=journal, progress=False)
    assert len(upload_requests(server)) == 3 + 2


@pytest.mark.parametrize(
    "start", [b"{", b'{"gyaz', b'{"gyazo_nb":', b'{"gyazo_nb": 1, "acc', b'{"gya\n']
)
def test_file_with_an_incomplete_first_line_is_still_a_resume_file(gyazo, server, journal, start):
    """The kernel was killed at the first line, or the disk was full. The next runs read the file."""
    journal.write_bytes(start)

    for _ in range(3):
        assert gyazo.upload_all(pictures(2), resume=journal, progress=False).ok
    assert len(upload_requests(server)) == 2


@pytest.mark.parametrize("start", [b"\xef\xbb\xbf", b"\n", b"\r\n\r\n", b"\xef\xbb\xbf\r\n"])
def test_file_that_an_editor_saved_is_read(gyazo, server, journal, start):
    """With a BOM, blank lines, and CRLF."""
    gyazo.upload_all(pictures(3), resume=journal, progress=False)
    journal.write_bytes(start + journal.read_bytes().replace(b"\n", b"\r\n"))

    assert gyazo.upload_all(pictures(3), resume=journal, progress=False).skipped == 3
    assert len(upload_requests(server)) == 3


@pytest.mark.parametrize(
    "line",
    [
        b"{",
        b"\xff\xfe",
        b"null",
        b"[1]",
        b'{"gyazo_nb": 1}',
        b"[" * 100_000,
        b"{owner}",
        b"{image}",
    ],
)
def test_damaged_line_is_skipped(gyazo, server, journal, line):
    """Also a line of this account without its image, or with one that is not an object."""
    gyazo.upload_all(pictures(1), resume=journal, progress=False)
    (first,) = lines_of(journal)
    if line == b"{owner}":
        del first["image"]
    elif line == b"{image}":
        first["image"] = "text"
    damaged = json.dumps(first).encode() if line in {b"{owner}", b"{image}"} else line
    journal.write_bytes(b'{"gyazo_nb": 1, "acc\n' + damaged + b"\n")

    report = gyazo.upload_all(pictures(1), resume=journal, progress=False)

    assert report[0].permalink_url
    assert len(upload_requests(server)) == 2


def test_line_describes_the_bytes_that_were_sent(gyazo, server, tmp_path, journal):
    """Although a generator overwrites one file with each picture."""
    path = tmp_path / "step.png"

    def steps():
        for data in pictures(100):
            path.write_bytes(data)
            yield path

    gyazo.upload_all(steps(), resume=journal, concurrency=2, progress=False)

    lines = lines_of(journal)
    assert len(lines) == 100
    for line in lines:
        sent = server.sandbox.image_store.get(line["image"]["image_id"]).data
        assert hashlib.sha256(sent).hexdigest() == line["sha256"]


@pytest.mark.slow
def test_large_file_that_changes_while_it_is_sent_is_not_recorded(gyazo, server, tmp_path, journal):
    """The sent bytes are unknown: the next run sends the file again."""
    path = tmp_path / "large.png"
    path.write_bytes(PNG + bytes(3 * 2**20))
    server.sandbox.faults.append(Fault(path="/api/upload", delay=0.5))
    gyazo.me()

    def change():
        while not server.sandbox.images:  # the sandbox stores it before it replies
            time.sleep(0.001)
        path.write_bytes(PNG + b"new" + bytes(3 * 2**20))

    thread = threading.Thread(target=change)
    thread.start()

    assert gyazo.upload_all([path], resume=journal, progress=False).ok
    thread.join()
    assert journal.read_bytes() == b""
    gyazo.upload_all([path], resume=journal, progress=False)
    gyazo.upload_all([path], resume=journal, progress=False)
    assert len(upload_requests(server)) == 2


# ── files that cannot be used ─────────────────────────────────────────────────────────────────


OPEN_JOURNAL = """
import sys
from gyazo_nb.batch.journal import Journal
with Journal(sys.argv[1], "an account"):
    print("open", flush=True)
    sys.stdin.read()
"""


def test_second_batch_cannot_use_the_same_file(call, gyazo, server, journal):
    """Each would send the items of the other. A killed process releases the file."""
    command = [sys.executable, "-c", OPEN_JOURNAL, str(journal)]
    other = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert other.stdout.readline() == "open\n"

    with pytest.raises(JournalError, match="in use by another batch: wait"):
        call(gyazo, "upload_all", pictures(2), resume=journal, progress=False)

    assert upload_requests(server) == []
    other.kill()
    other.communicate()
    assert call(gyazo, "upload_all", pictures(2), resume=journal, progress=False).ok
    assert call(gyazo, "upload_all", pictures(2), resume=journal, progress=False).ok
    assert len(upload_requests(server)) == 2


@pytest.mark.skipif(not hasattr(os, "fork"), reason="only POSIX copies a process")
def test_process_pool_does_not_lock_the_file(gyazo, journal):
    """Its processes are copies of the kernel, and continue when the kernel is killed."""
    fork = OPEN_JOURNAL.replace("    print", "    import os; os.fork() or print")
    command = [sys.executable, "-c", fork, str(journal)]
    other = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert other.stdout.readline() == "open\n"  # of the copy
    other.kill()
    other.wait()

    assert gyazo.upload_all(pictures(2), resume=journal, progress=False).ok
    other.communicate()  # ends the copy


@pytest.mark.slow
def test_file_of_50000_lines_needs_limited_memory(gyazo, server, journal):
    """The lines are kept as bytes, and an image is made only when it is needed."""
    gyazo.upload_all(pictures(1), resume=journal, progress=False)
    line = journal.read_bytes()
    known = hashlib.sha256(pictures(1)[0]).hexdigest().encode()
    with journal.open("ab") as file:
        for number in range(50_000):
            file.write(line.replace(known, b"%064x" % number))
    size = journal.stat().st_size

    tracemalloc.start()
    try:
        report = gyazo.upload_all(pictures(1), resume=journal, progress=False)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()

    assert len(upload_requests(server)) == 1
    assert report[0].permalink_url
    assert size > 15 * 2**20
    assert peak < 64 * 2**20


@pytest.mark.parametrize(
    "resume", ["~no-such-user-at-all/b.jsonl", "no/such/folder/b.jsonl", "a\0b", ""]
)
def test_path_that_cannot_be_opened_is_refused(gyazo, tmp_path, monkeypatch, resume):
    """The error says to pass another path."""
    monkeypatch.chdir(tmp_path)
    with pytest.raises(JournalError, match="cannot be used .*as resume="):
        gyazo.upload_all(pictures(1), resume=resume, progress=False)


@pytest.mark.parametrize("resume", [True, 3, ["b.jsonl"]])
def test_value_that_is_not_a_path_is_refused(call, gyazo, server, resume):
    """Before the first request."""
    with pytest.raises(ArgumentError, match="resume must be the path of a file, such as 'batch.j"):
        call(gyazo, "upload_all", pictures(1), resume=resume)

    assert server.sandbox.requests == []


def test_retry_in_another_working_directory_uses_the_same_file(gyazo, tmp_path, monkeypatch):
    """A relative path belongs to the directory of the first run."""
    monkeypatch.chdir(tmp_path)
    report = gyazo.upload_all([*pictures(1), None], resume=b"b.jsonl", progress=False)
    (tmp_path / "other").mkdir()
    monkeypatch.chdir(tmp_path / "other")

    report.retry()

    assert [path.name for path in tmp_path.rglob("*.jsonl")] == ["b.jsonl"]
    assert len(lines_of(tmp_path / "b.jsonl")) == 1


@pytest.mark.parametrize("kind", ["pipe", "device", "link to a device", "socket"])
def test_path_that_is_not_a_regular_file_is_refused(gyazo, server, tmp_path, kind):
    """Reading it might never end. No picture is sent."""
    path = tmp_path / "b.jsonl"
    with contextlib.ExitStack() as stack:
        if kind == "pipe":
            os.mkfifo(path)
        elif kind == "device":
            path = Path("/dev/zero")
        elif kind == "link to a device":
            path.symlink_to("/dev/full")
        else:
            listener = stack.enter_context(socket.socket(socket.AF_UNIX))
            listener.bind(str(path))
        with pytest.raises(JournalError, match="cannot be used .*as resume="):
            gyazo.upload_all(pictures(1), resume=path, progress=False)

    assert upload_requests(server) == []


@pytest.mark.parametrize("mode", [0o666, 0o644, 0o660, 0o777])
def test_existing_file_becomes_readable_for_its_owner_only(gyazo, journal, mode):
    """It holds links to private images."""
    journal.touch()
    journal.chmod(mode)

    gyazo.upload_all(pictures(1), resume=journal, progress=False)

    assert journal.stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("content", [PNG, b'{\n  "a": 1\n}\n', b'{"a": 1}', b"\n\na,b\n"])
def test_other_file_is_left_unchanged(gyazo, server, tmp_path, content):
    """It was given as `resume` by mistake. No picture is sent."""
    path = tmp_path / "a.png"
    path.write_bytes(content)
    for wrong, message in ((path, "is not a resume file"), (tmp_path, "cannot be used")):
        with pytest.raises(JournalError, match=message):
            gyazo.upload_all(pictures(2), resume=wrong, progress=False)

    assert path.read_bytes() == content
    assert upload_requests(server) == []


def test_full_disk_does_not_prevent_reading_the_file(gyazo, journal):
    """Also if its last line is incomplete. The first new upload stops the batch."""
    resource = pytest.importorskip(
        "resource", reason="only POSIX limits the resources of a process"
    )
    gyazo.upload_all(pictures(3), resume=journal, progress=False)
    journal.write_bytes(journal.read_bytes()[:-60])
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (journal.stat().st_size, limits[1]))
    try:
        complete = [json.loads(line) for line in journal.read_bytes().splitlines()[:2]]
        known = {entry["sha256"] for entry in complete}
        items = [i for i in pictures(3) if hashlib.sha256(i).hexdigest() in known]
        assert gyazo.upload_all(items, resume=journal, progress=False).skipped == 2
        with pytest.raises(JournalError, match="cannot be written .*Free some space"):
            gyazo.upload_all(pictures(4), resume=journal, progress=False)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)

    assert gyazo.report.retry().ok
    assert gyazo.upload_all(pictures(4), resume=journal, progress=False).skipped == 4


def test_full_disk_stops_the_batch(gyazo, server, journal):
    """No upload stays unrecorded. The next run sends the rest."""
    resource = pytest.importorskip(
        "resource", reason="only POSIX limits the resources of a process"
    )
    journal.write_text('{"gyazo_nb": 1, "account": "another"}\n' * 20_000)
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (journal.stat().st_size + 1000, limits[1]))
    try:
        with pytest.raises(JournalError, match="cannot be written"):
            gyazo.upload_all(pictures(50), resume=journal, concurrency=2, progress=False)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)

    assert len(upload_requests(server)) <= 8
    assert len(gyazo.upload_all(pictures(50), resume=journal, progress=False)) == 50
    assert len(upload_requests(server)) <= 52 + 8
