"""Anything that a notebook calls a picture, as a file part that can be sent.

The law: nothing is encoded again without need, a path is not read before it is sent, and what a
picture is, its first bytes say. What is no picture yet is drawn by `drawing`.
"""

from __future__ import annotations

import base64
import codecs
import io
import os
import re
from pathlib import Path
from typing import Any, BinaryIO
from urllib.parse import urlsplit

from gyazo_nb.api.operation import FilePart
from gyazo_nb.errors import PictureError

from .render import render, render_svg

SUPPORTED = (
    "a figure (matplotlib, seaborn, plotly, altair), a PIL image, an array, an IPython Image, bytes, an "
    "open binary file, a path or a web address"
)
_HEAD = 512  # bytes that tell the kind
_AS_TEXT = "This file is open as text: open it with mode 'rb'."
_WEB = ("http://", "https://")

# An SVG, after any declarations and comments. Atomic: nothing is looked at twice.
_SVG = re.compile(
    rb"(?:\xef\xbb\xbf)?(?>\s+|<\?.*?\?>|<!--.*?-->|<!DOCTYPE[^>\[]*(?:\[.*?\]\s*)?>)*+"
    rb"<(?:\w+:)?svg[\s/>]",
    re.DOTALL,
)

# How each kind begins; `None` stands for any byte. What Gyazo lists: png, jpg, gif, webp, heic, mp4.
_KINDS: tuple[tuple[str, str, tuple[tuple[int, bytes], ...]], ...] = (
    ("png", "image/png", ((0, b"\x89PNG\r\n\x1a\n"),)),
    ("jpg", "image/jpeg", ((0, b"\xff\xd8\xff"),)),
    ("gif", "image/gif", ((0, b"GIF8"),)),
    ("webp", "image/webp", ((0, b"RIFF"), (8, b"WEBP"))),
    ("heic", "image/heic", ((4, b"ftyphei"),)),
    ("heic", "image/heic", ((4, b"ftyphev"),)),  # several in a row
    ("heic", "image/heic", ((4, b"ftypmif1"),)),
    ("heic", "image/heic", ((4, b"ftypmsf1"),)),
    ("avif", "image/avif", ((4, b"ftypavi"),)),
    ("mov", "video/quicktime", ((4, b"ftypqt  "),)),
    ("mp4", "video/mp4", ((4, b"ftyp"),)),
)
_TYPES = {kind: content_type for kind, content_type, _ in _KINDS} | {"jpeg": "image/jpeg"}


def file_part(thing: Any) -> FilePart:
    """Make the `imagedata` part of an upload from anything in `TAKES`, except a web address.

    The local file's name is not sent: Gyazo does not need it, and it may say more than its owner
    wants. `PictureError` says what is wrong with a thing that is no picture.
    """
    if isinstance(thing, str):
        return _from_path(_path(thing))
    if isinstance(thing, os.PathLike):
        return _from_path(_home(os.fsdecode(thing)))
    if isinstance(thing, bytes | bytearray | memoryview):
        return from_bytes(bytes(thing))
    if (data := render(thing)) is not None:
        return from_bytes(data, f"This {type(thing).__name__}")
    if callable(getattr(thing, "read", None)):
        return _from_file(thing)
    raise PictureError(f"This {type(thing).__name__} is not a picture: give {SUPPORTED}.")


def picture_url(thing: Any) -> str | None:
    """The web address of a picture that has to be fetched first; None for anything else.

    >>> address("https://example.com/a.png")
    'https://example.com/a.png'
    """
    if not isinstance(thing, str):
        # An IPython Image that only points somewhere.
        url, data = getattr(thing, "url", None), getattr(thing, "data", b"")
        thing = url if data is None and hasattr(thing, "_repr_mimebundle_") else None
    if not isinstance(thing, str) or not thing[:99].lstrip().lower().startswith(_WEB):
        return None
    try:
        urlsplit(thing.strip())
    except ValueError:  # brackets around what is no number of a host
        raise PictureError("This web address is none: copy it once more.") from None
    return thing.strip()


def data_url(part: FilePart) -> str:
    """Write a whole picture into an address, as the upload without a token wants it (RFC 2397)."""
    content = part.content
    if isinstance(content, Path):
        content = content.read_bytes()
    data = content if isinstance(content, bytes) else content.read()
    return f"data:{part.content_type};base64,{base64.b64encode(data).decode()}"


def detect_format(head: bytes) -> str | None:
    """Tell the kind of a picture by its first bytes.

    >>> kind_of(b"GIF89a...")
    'gif'
    """
    for kind, _, marks in _KINDS:
        for position, mark in marks:
            if not head.startswith(mark, position):
                break
        else:
            return kind
    return None


def from_bytes(data: bytes, what: str = "These bytes") -> FilePart:
    """Make the part from the bytes of a picture."""
    if _SVG.match(data):
        data = render_svg(data)
    return _part(data, _kind(data[:_HEAD], what))


def _path(text: str) -> Path:
    if "\0" in text or "\n" in text or not text.strip() or text.startswith("data:"):
        raise PictureError(f"This text is not the path of a picture: give {SUPPORTED}.")
    return _home(text)


def _home(text: str) -> Path:
    # Path's own raises for a user whom nobody knows; this leaves the name as it is.
    return Path(os.path.expanduser(text))  # noqa: PTH111


def _from_path(path: Path) -> FilePart:
    try:
        with path.open("rb") as file:
            head = file.read(_HEAD)
            if _is_markup(head):
                return from_bytes(head + file.read(), f"The file {path.name!r}")
    except FileNotFoundError:
        raise PictureError(f"There is no file {str(path)!r}: look at the path again.") from None
    except IsADirectoryError:
        raise PictureError(f"{str(path)!r} is a folder: name a file in it.") from None
    except (OSError, ValueError) as error:  # ValueError: a zero in the name
        reason = getattr(error, "strerror", None) or error
        raise PictureError(f"{str(path)!r} cannot be read: {reason}.") from None
    kind = _kind(head, f"The file {path.name!r}")
    return _part(path, kind)


def _from_file(file: Any) -> FilePart:
    """Leave a file that can be read twice where it is, to be streamed; read any other whole."""
    if isinstance(file, io.TextIOBase):  # before it stumbles over what is no text
        raise PictureError(_AS_TEXT)
    try:
        again = callable(getattr(file, "seekable", None)) and file.seekable()
        start = file.tell() if again else 0
        data = file.read(_HEAD) if again else file.read()
        if again and isinstance(data, bytes) and _is_markup(data):
            again, data = False, data + file.read()
        if again:
            file.seek(start)
    except (OSError, ValueError) as error:  # closed, or open for writing
        reason = str(error).rstrip(".")
        raise PictureError(
            f"This file cannot be read ({reason}): open it with mode 'rb'."
        ) from None
    if isinstance(data, str):
        raise PictureError(_AS_TEXT)
    if not isinstance(data, bytes | bytearray | memoryview):
        raise PictureError(f"This {type(file).__name__} is not a picture: give {SUPPORTED}.")
    what = "This file (read from where it stood)"
    if not again:
        return from_bytes(bytes(data), what)
    return _part(file, _kind(bytes(data), what))


def _kind(head: bytes, what: str) -> str:
    """Tell the kind, refusing what is empty or plainly text. Of the rest the service is the judge."""
    if not head:
        raise PictureError(f"{what} held nothing: give {SUPPORTED}.")
    kind = detect_format(head)
    if kind is None and b"\0" not in head and _is_text(head):
        raise PictureError(f"{what} held text, not a picture: Gyazo takes PNG, JPEG and GIF.")
    return kind or "bin"


def _is_markup(head: bytes) -> bool:
    """Whether this may be an SVG: how long its comments are, only the whole says."""
    return head.removeprefix(codecs.BOM_UTF8).lstrip().startswith(b"<")


def _is_text(head: bytes) -> bool:
    try:
        codecs.getincrementaldecoder("utf-8")().decode(head)  # forgives a character cut at the end
    except UnicodeDecodeError:
        return False
    return True


def _part(content: bytes | Path | BinaryIO, kind: str) -> FilePart:
    # Gyazo requires a file name and takes any.
    return FilePart(
        name="imagedata",
        filename=f"image.{kind}",
        content=content,
        content_type=_TYPES.get(kind, "application/octet-stream"),
    )
