"""The resume file, with which another kernel can continue a batch: `upload_all(…, resume="batch.jsonl")`.

Guarantees:

- A line is written after the upload of its picture and before any other use of the result, in one
  appending write. A kernel that is killed leaves at most one incomplete line, which is skipped.
- A line describes the exact bytes that were sent.
- Only one batch at a time writes to the file.
- The file holds addresses of images, and no token.

A picture is recognized by the SHA-256 of its bytes, not by path and date. Gyazo does the same: a renamed
or copied file is the same picture, a changed file is another one, and a figure has no path. A line counts
only for the account and the site that it was written for.
"""

from __future__ import annotations

import codecs
import hashlib
import json
import os
import stat
import sys
import threading
from collections import defaultdict
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any, BinaryIO, Self
from weakref import WeakSet

from gyazo_nb.api.image import Image
from gyazo_nb.api.operation import FilePart
from gyazo_nb.errors import ArgumentError, JournalError, PictureError

_VERSION = 1
_PREFIX = b'{"gyazo_nb":'  # of each line

_open_files: WeakSet[BinaryIO] = WeakSet()


def _close_in_child() -> None:
    """Close the copies of the open files in a forked child, such as that of a process pool: they keep the lock."""
    for file in tuple(_open_files):
        file.close()


if hasattr(os, "register_at_fork"):  # Windows has no fork
    os.register_at_fork(after_in_child=_close_in_child)


def absolute_path(resume: str | os.PathLike[str]) -> Path:
    """Return the path of a resume file. The working directory may change before a retry."""
    try:
        path = Path(os.fsdecode(resume))
    except TypeError:
        raise ArgumentError(
            f"resume must be the path of a file, such as 'batch.jsonl', not {type(resume).__name__}."
        ) from None
    with suppress(OSError, RuntimeError, ValueError):  # "~name/x" where that user does not exist
        path = path.expanduser().absolute()
    return path


class Journal:
    """The uploaded images of a batch. Used in a `with`, from any number of threads."""

    def __init__(self, path: str | os.PathLike[str], account: str) -> None:
        self._path = Path(path)
        self._account = account
        self._known: dict[str, Image | bytes] = {}  # an image, or the line of an earlier batch
        self._digest_locks: dict[str, threading.Lock] = defaultdict(threading.Lock)
        self._lock = threading.Lock()
        self._file: BinaryIO | None = None
        self._separator = b""  # a newline if the last line is incomplete
        self.skipped = 0  # pictures that were not sent, because an earlier batch recorded them

    def __enter__(self) -> Self:
        try:
            self._open()
        except BaseException as error:
            self.__exit__()
            if not isinstance(error, OSError | ValueError):
                raise
            raise JournalError(
                f"The resume file {str(self._path)!r} cannot be used "
                f"({getattr(error, 'strerror', error)}): pass the path of a writable file as resume=."
            ) from None
        return self

    def __exit__(self, *_: object) -> None:
        with self._lock:
            file, self._file = self._file, None
            if file is not None:
                _open_files.discard(file)
                with suppress(OSError):  # a pipe, or a file system without fsync
                    # Only here: if the kernel is killed, the system still writes the lines.
                    os.fsync(file.fileno())
                file.close()

    def once(self, part: FilePart, send: Callable[[FilePart], Image]) -> Image:
        """Return the image of a picture that is uploaded already, else send it and write a line.

        Identical bytes in a batch are sent only once: the second item waits for the first.
        """
        try:
            before = _file_state(part)
            digest = _digest_of(part)
        except OSError as error:
            raise PictureError(
                f"{str(part.content)!r} can no longer be read ({error.strerror}): check the file."
            ) from None
        with self._lock:
            digest_lock = self._digest_locks[digest]
        with digest_lock:
            image = self._find(digest)
            if image is None:
                image = send(part)
                # If the file has changed, the sent bytes are unknown.
                if _file_state(part) == before:
                    self._write(digest, image)
            return image

    def _open(self) -> None:
        flags = os.O_RDWR | os.O_CREAT | os.O_APPEND
        flags |= getattr(os, "O_BINARY", 0) | getattr(os, "O_NONBLOCK", 0)
        number = os.open(self._path, flags, 0o600)
        self._file = os.fdopen(number, "rb")
        _open_files.add(self._file)
        found = os.fstat(number)
        if not stat.S_ISREG(found.st_mode):  # a pipe or a device: reading it may never end
            raise ValueError("not a regular file")  # see __enter__
        if hasattr(os, "fchmod") and found.st_mode & 0o077:
            with suppress(OSError):  # the file of another user, or a file system without modes
                os.fchmod(number, 0o600)  # it holds links to private images
        if not _lock_exclusively(number):
            raise JournalError(
                f"The resume file {str(self._path)!r} is in use by another batch: wait until that batch "
                f"has ended, or pass another path as resume=."
            )
        self._read(self._file)

    def _find(self, digest: str) -> Image | None:
        found = self._known.get(digest)
        if not isinstance(found, bytes):
            return found
        try:
            image = Image.from_json(json.loads(found)["image"])
        except (ValueError, KeyError, TypeError, RecursionError):
            return None  # a damaged line: the picture is sent again, and Gyazo returns its image
        with self._lock:
            self.skipped += 1
        return replace(image, was_there=True)

    def _write(self, digest: str, image: Image) -> None:
        entry = {
            "gyazo_nb": _VERSION,
            "account": self._account,
            "sha256": digest,
            "image": _image_as_json(image),
        }
        line = json.dumps(entry, ensure_ascii=False).encode() + b"\n"
        with self._lock:
            if self._file is None:
                return  # the batch was stopped and did not wait for this upload
            line, self._separator = self._separator + line, b"\n"
            try:
                while line:  # a full disk may end a write in the middle of a line
                    line = line[os.write(self._file.fileno(), line) :]
            except OSError as error:
                raise JournalError(
                    f"The resume file {str(self._path)!r} cannot be written ({error.strerror}): the "
                    f"batch was stopped, so that no further upload stays unrecorded. Free some space, then "
                    f"run it again."
                ) from None
            self._separator = b""
            self._known[digest] = image

    def _read(self, file: BinaryIO) -> None:
        if not _is_resume_file(file):
            raise JournalError(
                f"{str(self._path)!r} is not a resume file and was left unchanged: pass a new path as "
                f"resume=, such as 'batch.jsonl'."
            )
        size, line = 0, b"\n"
        file.seek(0)
        for line in file:
            size += len(line)
            if (digest := self._digest_in(line)) is not None:
                self._known[digest] = line
        if line.endswith(b"\n"):
            return
        # Empty a file that holds less than the prefix of a line: with a newline after it, the next run
        # would not recognize it as a resume file.
        if size < len(_PREFIX):
            os.ftruncate(file.fileno(), 0)
        else:
            self._separator = b"\n"

    def _digest_in(self, line: bytes) -> str | None:
        try:
            entry = json.loads(line)
            is_own = (entry["gyazo_nb"], entry["account"]) == (_VERSION, self._account)
            return str(entry["sha256"]) if is_own else None
        except (ValueError, KeyError, TypeError, RecursionError):
            return None  # an incomplete or damaged line


def _is_resume_file(file: BinaryIO) -> bool:
    """Whether a file is empty, or begins like a resume file. An editor may add a BOM or blank lines."""
    head = file.readline(len(_PREFIX) + 3).removeprefix(codecs.BOM_UTF8)
    while head.isspace():
        head = file.readline(len(_PREFIX))
    if head in {b"", b"{"} or head.startswith(_PREFIX):
        return True
    # An incomplete line. A line with only a brace begins another JSON file.
    return head.startswith(b'{"') and _PREFIX.startswith(head.rstrip())


def _lock_exclusively(file: int) -> bool:
    """Lock a file against all other batches, in any process, until it is closed. False if it is locked."""
    try:
        if sys.platform == "win32":
            import msvcrt  # noqa: PLC0415 -- exists on Windows only

            # Lock a byte beyond the end: others can read the file.
            os.lseek(file, 2**31 - 2, os.SEEK_SET)
            msvcrt.locking(file, msvcrt.LK_NBLCK, 1)
            os.lseek(file, 0, os.SEEK_SET)
        else:
            import fcntl  # noqa: PLC0415 -- does not exist on Windows

            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except (BlockingIOError, PermissionError):
        return False
    except OSError:
        return True  # a file system without locks
    return True


def _file_state(part: FilePart) -> object:
    """Return a value that changes when the file is replaced or written to."""
    if not isinstance(part.content, Path):
        return None
    try:
        stat = part.content.stat()
    except OSError:
        return object()
    return stat.st_ino, stat.st_size, stat.st_mtime_ns


def _digest_of(part: FilePart) -> str:
    """The SHA-256 of the bytes to be sent, in hexadecimal. A file is read in chunks."""
    content = part.content
    if isinstance(content, Path):
        with content.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    assert isinstance(content, bytes)  # noqa: S101 -- an open file was read by `read_open_file`
    return hashlib.sha256(content).hexdigest()


def _image_as_json(image: Image) -> dict[str, Any]:
    """An image in the format of Gyazo, so that `Image.from_json` can read it."""
    names = ("image_id", "permalink_url", "thumb_url", "url", "type", "access_policy", "alt_text")
    data: dict[str, Any] = {name: getattr(image, name) for name in names}
    data["created_at"] = image.created_at and image.created_at.isoformat()
    data["metadata"] = {
        name: getattr(image.metadata, name) for name in ("app", "title", "url", "desc")
    }
    return {name: value for name, value in data.items() if value is not None}
