"""Anything that a notebook calls a picture, as a file part that can be sent.

The law: nothing is encoded again without need, a path is not read before it is sent, and no picture
library is imported here: an object is recognised by what it can do.
"""

from __future__ import annotations

import base64
import codecs
import io
from collections.abc import Callable
from pathlib import Path
from typing import Any, BinaryIO
from urllib.parse import urlsplit

from .errors import PictureError
from .operation import FilePart

TAKES = "a path, bytes, an open binary file, a matplotlib figure or a PIL image"

# How each kind begins; `None` stands for any byte. What Gyazo lists: png, jpg, gif, webp, heic, mp4.
_KINDS: tuple[tuple[str, str, tuple[tuple[int, bytes], ...]], ...] = (
    ("png", "image/png", ((0, b"\x89PNG\r\n\x1a\n"),)),
    ("jpg", "image/jpeg", ((0, b"\xff\xd8\xff"),)),
    ("gif", "image/gif", ((0, b"GIF8"),)),
    ("webp", "image/webp", ((0, b"RIFF"), (8, b"WEBP"))),
    ("heic", "image/heic", ((4, b"ftyphei"),)),
    ("mp4", "video/mp4", ((4, b"ftyp"),)),
)
_TYPES = {kind: content_type for kind, content_type, _ in _KINDS} | {"jpeg": "image/jpeg"}


def file_part(thing: Any) -> FilePart:
    """Make the `imagedata` part of an upload from anything in `TAKES`.

    The local file's name is not sent: Gyazo does not need it, and it may say more than its owner
    wants. `PictureError` says what is wrong with a thing that is no picture.
    """
    if isinstance(thing, str):
        return _from_path(_path(thing))
    if isinstance(thing, Path):
        return _from_path(thing.expanduser())
    if isinstance(thing, bytes | bytearray | memoryview):
        return _from_bytes(bytes(thing))
    if callable(getattr(thing, "savefig", None)):
        return _from_matplotlib(thing)
    if callable(getattr(thing, "save", None)) and hasattr(thing, "mode"):
        return _from_pil(thing)
    if callable(getattr(thing, "read", None)):
        return _from_file(thing)
    raise PictureError(f"A {type(thing).__name__} is not a picture: give {TAKES}.")


def data_url(part: FilePart) -> str:
    """Write a whole picture into an address, as the upload without a token wants it (RFC 2397)."""
    content = part.content
    if isinstance(content, Path):
        content = content.read_bytes()
    data = content if isinstance(content, bytes) else content.read()
    return f"data:{part.content_type};base64,{base64.b64encode(data).decode()}"


def kind_of(head: bytes) -> str | None:
    """Tell the kind of a picture by its first bytes.

    >>> kind_of(b"GIF89a...")
    'gif'
    """
    for kind, _, marks in _KINDS:
        if all(head[at : at + len(mark)] == mark for at, mark in marks):
            return kind
    return None


def _path(text: str) -> Path:
    if urlsplit(text[:200].strip()).scheme in {"http", "https", "data"}:
        raise PictureError(f"A web address is not a picture: fetch it first, then give {TAKES}.")
    if "\0" in text or "\n" in text or not text.strip():
        raise PictureError(f"This text is not the path of a picture: give {TAKES}.")
    return Path(text).expanduser()


def _from_path(path: Path) -> FilePart:
    try:
        with path.open("rb") as file:
            head = file.read(512)
    except FileNotFoundError:
        raise PictureError(f"There is no file {str(path)!r}: look at the path again.") from None
    except IsADirectoryError:
        raise PictureError(f"{str(path)!r} is a folder: name a file in it.") from None
    except OSError as error:
        raise PictureError(f"{str(path)!r} cannot be read: {error.strerror or error}.") from None
    kind = _kind(head, f"The file {path.name!r}")
    return _part(path, kind)


def _from_bytes(data: bytes, what: str = "These bytes") -> FilePart:
    return _part(data, _kind(data[:512], what))


def _from_file(file: Any) -> FilePart:
    """Leave a file that can be read twice where it is, to be streamed; read any other whole."""
    again = callable(getattr(file, "seekable", None)) and file.seekable()
    start = file.tell() if again else 0
    data = file.read(512) if again else file.read()
    if again:
        file.seek(start)
    if isinstance(data, str):
        raise PictureError("This file is open as text: open it with mode 'rb'.")
    if not isinstance(data, bytes | bytearray | memoryview):
        raise PictureError(f"A {type(file).__name__} is not a picture: give {TAKES}.")
    kind = _kind(bytes(data[:512]), "This file (read from where it stood)")
    return _part(file if again else bytes(data), kind)


def _from_matplotlib(figure: Any) -> FilePart:
    """Draw a figure as the notebook shows it: tight, on its own ground."""
    return _encoded(
        lambda out: figure.savefig(out, format="png", bbox_inches="tight"), "png", "figure"
    )


def _from_pil(image: Any) -> FilePart:
    """Write a PIL image in its own format if that loses nothing, as PNG otherwise."""
    if image.format == "GIF":
        return _encoded(lambda out: image.save(out, format="GIF", save_all=True), "gif", "image")
    if image.format == "JPEG":
        # "keep" writes the tables it was read with, so a JPEG is not made worse.
        return _encoded(lambda out: image.save(out, format="JPEG", quality="keep"), "jpg", "image")
    if image.mode not in {"1", "L", "LA", "P", "RGB", "RGBA", "I", "I;16"}:
        image = image.convert("RGB")  # PNG knows no CMYK, HSV or floating point
    return _encoded(lambda out: image.save(out, format="PNG"), "png", "image")


def _encoded(write: Callable[[io.BytesIO], object], kind: str, what: str) -> FilePart:
    out = io.BytesIO()
    try:
        write(out)
    except Exception as error:  # another library's: any of its errors means the same here
        raise PictureError(
            f"This {what} could not be drawn ({type(error).__name__}: {error}): "
            f"see that it shows in the notebook, then upload it again."
        ) from error
    return _part(out.getvalue(), kind)


def _kind(head: bytes, what: str) -> str:
    """Tell the kind, refusing what is empty or plainly text. Of the rest the service is the judge."""
    if not head:
        raise PictureError(f"{what} held nothing: give {TAKES}.")
    kind = kind_of(head)
    if kind is None and b"\0" not in head and _is_text(head):
        raise PictureError(f"{what} held text, not a picture: Gyazo takes PNG, JPEG and GIF.")
    return kind or "bin"


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
