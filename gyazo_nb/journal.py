"""The file that takes up an interrupted batch in another kernel: `upload_all(…, resume="batch.jsonl")`.

The law: a line is written after its picture has arrived and before anything else is done with it, in
one appending write; a kernel that dies at any moment leaves at most one torn line, which is passed
over. The file holds addresses of images and no token.

A picture is known by the SHA-256 of its bytes, not by its path and date: Gyazo itself goes by the
bytes, a renamed or copied file stays the same picture, a changed one is another, and a figure has no
path at all. A line counts only for the account and the site that it was written for.
"""

from __future__ import annotations

import hashlib
import json
import os
import threading
from collections import defaultdict
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from .errors import JournalError, PictureError
from .models import Image
from .operation import FilePart

_MARK = '{"gyazo_nb":'


class Journal:
    """What has arrived of a batch. Used in a `with`, from any number of threads."""

    def __init__(self, path: str | os.PathLike[str], account: str) -> None:
        self._path = Path(path).expanduser()
        self._account = account
        self._images: dict[str, Image] = {}
        self._locks: dict[str, threading.Lock] = defaultdict(threading.Lock)
        self._lock = threading.Lock()
        self._file = -1

    def __enter__(self) -> Self:
        try:
            flags = os.O_RDWR | os.O_CREAT | os.O_APPEND | getattr(os, "O_BINARY", 0)
            self._file = os.open(self._path, flags, 0o600)  # links to private images are in it
            with os.fdopen(os.dup(self._file), "rb") as file:
                self._read(file.read())
        except OSError as error:
            self.close()
            raise JournalError(
                f"The journal {str(self._path)!r} cannot be used ({error.strerror}): give resume= the "
                f"path of a file that can be written."
            ) from None
        except JournalError:
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
        if self._file >= 0:
            with suppress(OSError):  # a pipe, or a file system without it
                os.fsync(self._file)  # once: a kernel's death loses no written line
            os.close(self._file)
            self._file = -1

    def once(self, part: FilePart, send: Callable[[], Image]) -> Image:
        """Give the image of a picture that has arrived before, else send it and write that down.

        The same bytes twice in one batch are sent once: the second waits for the first.
        """
        try:
            digest = digest_of(part)
        except OSError as error:
            raise PictureError(
                f"{str(part.content)!r} can no longer be read ({error.strerror}): look at the file again."
            ) from None
        with self._lock:
            lock = self._locks[digest]
        with lock:
            image = self._images.get(digest)
            if image is None:
                image = send()
                self._write(digest, image)
            return image

    def _write(self, digest: str, image: Image) -> None:
        entry = {"gyazo_nb": 1, "account": self._account, "sha256": digest, "image": _json(image)}
        line = json.dumps(entry, ensure_ascii=False).encode() + b"\n"
        with self._lock:
            # A write may end in the middle of a line, where the disk is full.
            try:
                while line:
                    line = line[os.write(self._file, line) :]
            except OSError as error:
                raise JournalError(
                    f"The journal {str(self._path)!r} cannot be written ({error.strerror}): the batch "
                    f"was stopped, so that nothing goes unnoted. Make room, then run it again."
                ) from None
            self._images[digest] = image

    def _read(self, text: bytes) -> None:
        beginning = _MARK.encode()
        if text and not text.startswith(beginning[: len(text)]):
            raise JournalError(
                f"{str(self._path)!r} is no journal of a batch and was left alone: give resume= a new "
                f"name, such as 'batch.jsonl'."
            )
        for line in text.splitlines():
            try:
                entry = json.loads(line)
                if entry["account"] == self._account:
                    self._images[entry["sha256"]] = Image.from_json(entry["image"])
            except (ValueError, KeyError, TypeError):
                continue  # torn by a kernel's death: its picture is sent again, to the same image
        if text and not text.endswith(b"\n"):
            os.write(self._file, b"\n")


def digest_of(part: FilePart) -> str:
    """The SHA-256 of what would be sent. A file is read in pieces."""
    content = part.content
    if isinstance(content, bytes):
        return hashlib.sha256(content).hexdigest()
    if isinstance(content, Path):
        with content.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    start = content.tell()
    digest = hashlib.sha256(content.read()).hexdigest()
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
