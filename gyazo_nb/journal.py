"""The file that takes up an interrupted batch in another kernel: `upload_all(…, resume="batch.jsonl")`.

The law: a line is written after its picture has arrived and before anything else is done with it, in
one appending write; a kernel that dies at any moment leaves at most one torn line, which is passed
over. It tells of the very bytes that were sent. One batch writes at a time. The file holds addresses
of images and no token, and memory no more than where each line begins.

A picture is known by the SHA-256 of its bytes, not by its path and date: Gyazo itself goes by the
bytes, a renamed or copied file stays the same picture, a changed one is another, and a figure has no
path at all. A line counts only for the account and the site that it was written for.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import sys
import threading
from collections import defaultdict
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Any, BinaryIO, Self

from .errors import JournalError, PictureError
from .models import Image
from .operation import FilePart

_MARK = b'{"gyazo_nb":'
# How a line begins; the rest is read when its image is asked for.
_LINE = re.compile(rb'\{"gyazo_nb": 1, "account": ("(?:[^"\\]|\\.)*"), "sha256": "([0-9a-f]{64})"')


class Journal:
    """What has arrived of a batch. Used in a `with`, from any number of threads."""

    def __init__(self, path: str | os.PathLike[str], account: str) -> None:
        try:
            self._path = Path(path).expanduser()
        except (RuntimeError, ValueError):  # of "~nobody/x"
            self._path = Path(path)
        self._account = account
        self._images: dict[bytes, Image] = {}
        self._lines: dict[bytes, int] = {}
        self._locks: dict[bytes, threading.Lock] = defaultdict(threading.Lock)
        self._lock = threading.Lock()
        self._file: BinaryIO | None = None

    def __enter__(self) -> Self:
        try:
            self._open()
        except (OSError, ValueError) as error:
            self.close()
            raise JournalError(
                f"The journal {str(self._path)!r} cannot be used ({getattr(error, 'strerror', error)}): "
                f"give resume= the path of a file that can be written."
            ) from None
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """See that the last line is on the disk, and close the file."""
        with self._lock:
            file, self._file = self._file, None
            if file is not None:
                with suppress(OSError):  # a pipe, or a file system without it
                    os.fsync(file.fileno())  # once: a kernel's death loses no written line
                file.close()

    def once(self, part: FilePart, send: Callable[[], Image]) -> Image:
        """Give the image of a picture that has arrived before, else send it and write that down.

        The same bytes twice in one batch are sent once: the second waits for the first.
        """
        try:
            before = _state(part)
            digest = digest_of(part)
        except OSError as error:
            raise PictureError(
                f"{str(part.content)!r} can no longer be read ({error.strerror}): look at the file again."
            ) from None
        with self._lock:
            lock = self._locks[digest]
        with lock:
            image = self._known(digest)
            if image is None:
                image = send()
                if _state(part) == before:  # else nobody knows which bytes were sent
                    self._write(digest, image)
            return image

    def _open(self) -> None:
        flags = os.O_RDWR | os.O_CREAT | os.O_APPEND | getattr(os, "O_BINARY", 0)
        number = os.open(self._path, flags, 0o600)  # links to private images are in it
        self._file = os.fdopen(number, "rb")
        if not _alone(number):
            raise JournalError(
                f"The journal {str(self._path)!r} is in use by another batch: wait until that one has "
                f"ended, or give resume= another name."
            )
        self._read(self._file)

    def _known(self, digest: bytes) -> Image | None:
        with self._lock:
            image, at = self._images.get(digest), self._lines.get(digest)
            if image is not None or at is None or self._file is None:
                return image
            self._file.seek(at)
            line = self._file.readline()
        try:
            return Image.from_json(json.loads(line)["image"])
        except (ValueError, KeyError, TypeError, RecursionError):
            return None  # torn by a kernel's death: its picture is sent again, to the same image

    def _write(self, digest: bytes, image: Image) -> None:
        account = {"gyazo_nb": 1, "account": self._account}
        entry = {**account, "sha256": digest.hex(), "image": _json(image)}
        line = json.dumps(entry, ensure_ascii=False).encode() + b"\n"
        with self._lock:
            if self._file is None:
                return  # the batch was stopped, and did not wait for this one
            # A write may end in the middle of a line, where the disk is full.
            try:
                while line:
                    line = line[os.write(self._file.fileno(), line) :]
            except OSError as error:
                raise JournalError(
                    f"The journal {str(self._path)!r} cannot be written ({error.strerror}): the batch "
                    f"was stopped, so that nothing goes unnoted. Make room, then run it again."
                ) from None
            self._images[digest] = image

    def _read(self, file: BinaryIO) -> None:
        """Note where each line of this account begins."""
        head = file.readline(len(_MARK))
        if head and not (head.startswith(_MARK) or _MARK.startswith(head.rstrip(b"\n") or b"?")):
            raise JournalError(
                f"{str(self._path)!r} is no journal of a batch and was left alone: give resume= a new "
                f"name, such as 'batch.jsonl'."
            )
        account = json.dumps(self._account, ensure_ascii=False).encode()
        at, line = 0, b"\n"
        file.seek(0)
        for line in file:
            if (found := _LINE.match(line)) and found[1] == account:
                self._lines[bytes.fromhex(found[2].decode())] = at
            at += len(line)
        if at < len(_MARK) and not line.endswith(b"\n"):
            os.ftruncate(
                file.fileno(), 0
            )  # torn so early that it could not be told from another file
        elif not line.endswith(b"\n"):
            os.write(file.fileno(), b"\n")


def _alone(file: int) -> bool:
    """Lock a file against every other batch, of this kernel and of others; it ends with the file."""
    try:
        if sys.platform == "win32":
            import msvcrt  # noqa: PLC0415 -- there is none elsewhere

            os.lseek(
                file, 2**31 - 2, os.SEEK_SET
            )  # a byte that is not there: others may read the rest
            msvcrt.locking(file, msvcrt.LK_NBLCK, 1)
            os.lseek(file, 0, os.SEEK_SET)
        else:
            import fcntl  # noqa: PLC0415 -- nor this on Windows

            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except (BlockingIOError, PermissionError):
        return False
    except OSError:
        return True  # a file system that knows no locks
    return True


def _state(part: FilePart) -> object:
    """What tells that a file is the one that it was."""
    if not isinstance(part.content, Path):
        return None
    try:
        stat = part.content.stat()
    except OSError:
        return object()
    return stat.st_ino, stat.st_size, stat.st_mtime_ns


def digest_of(part: FilePart) -> bytes:
    """The SHA-256 of what would be sent. A file is read in pieces."""
    content = part.content
    if isinstance(content, bytes):
        return hashlib.sha256(content).digest()
    if isinstance(content, Path):
        with content.open("rb") as file:
            return hashlib.file_digest(file, "sha256").digest()
    start = content.tell()
    digest = hashlib.sha256(content.read()).digest()
    content.seek(start)
    return digest


def _json(image: Image) -> dict[str, Any]:
    """An image as Gyazo writes it, so that `Image.from_json` reads it again."""
    metadata = image.metadata
    data = {
        "image_id": image.image_id,
        "permalink_url": image.permalink_url,
        "thumb_url": image.thumb_url,
        "url": image.url,
        "type": image.type,
        "created_at": image.created_at and image.created_at.isoformat(),
        "access_policy": image.access_policy,
        "metadata": {
            "app": metadata.app,
            "title": metadata.title,
            "url": metadata.url,
            "desc": metadata.desc,
        },
    }
    return {name: value for name, value in data.items() if value is not None}
