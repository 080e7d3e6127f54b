"""Converts any object that contains a picture to the file part of an upload.

Guarantees: an encoded picture (bytes, a file, a path) is sent unchanged if Gyazo accepts its format;
other pictures become a PNG with the same pixels, or are refused. A path and a seekable file are streamed
when they are sent; only their first bytes are read here. The format is detected from these bytes, not
from the name of the file.
"""

from __future__ import annotations

import base64
import codecs
import io
import os
import re
import stat
from collections.abc import Collection, Mapping
from contextlib import nullcontext
from pathlib import Path
from typing import Any, BinaryIO
from urllib.parse import urlsplit

from gyazo_nb.api.operation import FilePart
from gyazo_nb.errors import PictureError

from .animation import ProgressBar
from .limits import to_bytes
from .other_formats import UTF16_MARKS, convert_or_refuse, is_convertible
from .page import picture_of_page
from .png_encoder import JOIN_FRAMES
from .render import Formatter, address_of, picture_errors, render
from .svg import render_svg
from .svg_sanitizer import MAX_BYTES as MAX_SVG_BYTES

SUPPORTED = (
    "a figure (matplotlib, seaborn, plotly, altair), a PIL image, an array, an IPython Image, bytes, an "
    "open binary file, a path or a web address"
)
_HEAD_BYTES = 4096  # enough to detect each format: a Photo CD is named after 2,048 bytes
_MAX_PATH_LENGTH = 4096  # a longer text is data, for example in base64
_TEXT_FILE_MESSAGE = "This file is open as text: open it with mode 'rb'."

# An SVG, possibly after declarations and comments. The atomic groups keep the time linear.
_SVG = re.compile(
    rb"(?:\xef\xbb\xbf)?(?>\s+|<\?.*?\?>|<!--.*?-->|<!DOCTYPE[^>\[]*(?:\[.*?\]\s*)?>)*+"
    rb"<(?:\w+:)?svg[\s/>]",
    re.DOTALL,
)

# Format, content type, and a pattern of the first bytes. Gyazo lists png, jpg, gif, webp, heic and mp4.
# The order matters: HEIC, AVIF and QuickTime files are variants of the container of MP4.
_FORMATS = (
    ("png", "image/png", rb"\x89PNG\r\n\x1a\n"),
    ("jpg", "image/jpeg", rb"\xff\xd8\xff"),
    ("gif", "image/gif", rb"GIF8"),
    ("webp", "image/webp", rb"RIFF.{4}WEBP"),
    ("heic", "image/heic", rb".{4}ftyp(?:hei|hev|mif1|msf1)"),
    ("avif", "image/avif", rb".{4}ftypavi"),
    ("mov", "video/quicktime", rb".{4}ftypqt  "),
    ("mp4", "video/mp4", rb".{4}ftyp"),
)
_CONTENT_TYPES = {name: content_type for name, content_type, _ in _FORMATS}
_SUFFIXES = {f".{name}" for name in (*_CONTENT_TYPES, "jpeg", "heif", "svg", "bmp", "tif", "tiff")}


def file_part(
    item: Any, formatter: Formatter | None = None, progress_bar: ProgressBar = nullcontext
) -> FilePart:
    """Make the file part of an upload from any item in `SUPPORTED`, except a web address.

    `formatter` is that of the notebook, if there is one. `progress_bar` shows the frames of an animation.
    The name of a local file is not sent: Gyazo does not need it, and it may be private. For an item that is
    not a picture this raises `PictureError`.
    """
    if isinstance(item, str):
        return _from_text(item)
    if isinstance(item, os.PathLike):
        return _from_path(_expand_home(os.fsdecode(item)))
    if isinstance(item, bytes):
        return from_bytes(item)
    if isinstance(item, bytearray | memoryview):
        return from_bytes(to_bytes(item))
    with picture_errors(type(item).__name__):  # reading an attribute may raise any error
        data = render(item, formatter, progress_bar)
        if data is None:
            data = picture_of_page(item)
        if data is not None:
            return from_bytes(data, f"This {type(item).__name__}")
        if callable(getattr(item, "read", None)):
            return _from_file(item)
        raise _not_a_picture(item)


def picture_url(item: Any) -> str | None:
    """Return the web address of a picture that has to be downloaded first, or None for other items.

    >>> picture_url("https://example.com/a.png")
    'https://example.com/a.png'
    """
    if isinstance(item, bytes | os.PathLike):
        return None
    url = item if isinstance(item, str) else address_of(item)
    if url is None or not url[:99].lstrip().lower().startswith(("http://", "https://")):
        return None
    try:
        urlsplit(url.strip())
    except ValueError:  # for example an unclosed bracket around the host
        raise PictureError("This is not a valid web address. Copy it again.") from None
    return url.strip()


def data_url(part: FilePart) -> str:
    """Encode a picture as a data URL (RFC 2397), the format of an upload without a token."""
    content = part.content
    if isinstance(content, Path):
        content = content.read_bytes()
    data = content if isinstance(content, bytes) else content.read()
    return f"data:{part.content_type};base64,{base64.b64encode(data).decode()}"


def detect_format(head: bytes) -> str | None:
    """Detect the format of a picture from its first bytes.

    >>> detect_format(b"GIF89a...")
    'gif'
    """
    for name, _, pattern in _FORMATS:
        if re.match(pattern, head, re.DOTALL):
            return name
    return None


def is_encoded(item: Any) -> bool:
    """Whether an item is a file, the path of one, or data: any thread can convert it."""
    if type(item).__name__ == "SVG" and type(item).__module__.startswith("IPython."):
        return True
    return isinstance(item, str | bytes | os.PathLike | io.IOBase)


def is_picture_file(path: Path) -> bool:
    """Whether a file is a picture, by its suffix or its first bytes.

    So an empty or damaged picture is found too: its upload fails with an error that names it.
    """
    if path.suffix.lower() in _SUFFIXES:
        return True
    try:
        with path.open("rb") as file:
            head = file.read(_HEAD_BYTES)
    except OSError:
        return False
    return detect_format(head) is not None or _is_svg(head) or is_convertible(head)


def from_bytes(data: bytes, what: str = "The data") -> FilePart:
    """Make the file part from the bytes of a picture. `what` names the bytes in an error."""
    if _is_svg(data):
        data = render_svg(data)
    return _checked_part(data, data[:_HEAD_BYTES], what)


def _from_text(text: str) -> FilePart:
    if _is_svg(text.encode("utf-8", "replace")):  # many libraries return an SVG as a string
        return from_bytes(render_svg(text))
    is_path = text.strip() and len(text) <= _MAX_PATH_LENGTH and not text.startswith("data:")
    if not is_path or "\0" in text or "\n" in text:
        raise PictureError(f"This text is not the path of a picture: pass {SUPPORTED}.")
    return _from_path(_expand_home(text))


def _expand_home(text: str) -> Path:
    return Path(os.path.expanduser(text))  # noqa: PTH111 -- Path's raises for an unknown user


def _from_path(path: Path) -> FilePart:
    what = f"The file {path.name!r}"
    try:
        mode = path.stat().st_mode
        if not stat.S_ISREG(mode) and not stat.S_ISDIR(mode):  # reading it may never end
            raise PictureError(f"{str(path)!r} is a pipe or a device: pass the path of a file.")
        with path.open("rb") as file:
            head = file.read(_HEAD_BYTES)
            if _may_be_svg(head):
                return from_bytes(head + file.read(MAX_SVG_BYTES), what)
    except FileNotFoundError:
        raise PictureError(f"The file {str(path)!r} does not exist: check the path.") from None
    except IsADirectoryError:
        raise PictureError(
            f"{str(path)!r} is a folder: pass the path of a file in it. gyazo.upload_all(folder) uploads "
            f"all pictures in a folder."
        ) from None
    except (OSError, ValueError) as error:  # ValueError: a zero byte in the path
        reason = getattr(error, "strerror", None) or error
        raise PictureError(f"{str(path)!r} cannot be read: {reason}.") from None
    return _checked_part(path, head, what)


def _from_file(file: Any) -> FilePart:
    """Leave a seekable file at its position, to be streamed later; read any other file completely."""
    if isinstance(file, io.TextIOBase):  # checked first: reading a picture as text may fail
        raise PictureError(_TEXT_FILE_MESSAGE)
    try:
        data, complete = _read_file(file)
    except (OSError, ValueError) as error:  # closed, or open for writing
        reason = str(error).rstrip(".")
        raise PictureError(
            f"This file cannot be read ({reason}): open it with mode 'rb'."
        ) from None
    if isinstance(data, str):
        raise PictureError(_TEXT_FILE_MESSAGE)
    if not isinstance(data, bytes | bytearray | memoryview):
        raise _not_a_picture(file)
    what = "This file (read from its current position)"
    if complete:
        return from_bytes(bytes(data), what)
    return _checked_part(file, bytes(data), what)


def _read_file(file: Any) -> tuple[Any, bool]:
    """Return the whole content and True, or the first bytes and False if the file can be streamed."""
    if not callable(getattr(file, "seekable", None)) or not file.seekable():
        return file.read(), True
    start = file.tell()
    head = file.read(_HEAD_BYTES)
    if isinstance(head, bytes) and _may_be_svg(head):
        return head + file.read(MAX_SVG_BYTES), True
    file.seek(start)
    return head, False


def _checked_part(content: bytes | Path | BinaryIO, head: bytes, what: str) -> FilePart:
    """Detect the format, and refuse or convert the data that Gyazo does not accept."""
    if not head:
        raise PictureError(f"{what} is empty: pass {SUPPORTED}.")
    name = detect_format(head)
    if name is None and (png := convert_or_refuse(content, head, what)):
        content, name = png, "png"
    return FilePart(
        name="imagedata",
        filename=f"image.{name or 'bin'}",  # Gyazo requires a name, and accepts any name
        content=content,
        content_type=_CONTENT_TYPES[name] if name else "application/octet-stream",
    )


def _is_svg(data: bytes) -> bool:
    if data.startswith(UTF16_MARKS):
        data = data.decode("utf-16", "replace").encode("utf-8", "replace")
    return _SVG.match(data) is not None


def _may_be_svg(head: bytes) -> bool:
    """Whether the whole data must be read to detect an SVG: comments before it can be long."""
    return head.removeprefix(codecs.BOM_UTF8).lstrip().startswith((b"<", *UTF16_MARKS))


def _not_a_picture(item: Any) -> PictureError:
    if hasattr(type(item), "add_done_callback"):
        return PictureError(
            f"This {type(item).__name__} has no picture yet: pass future.result(), or a list of futures "
            f"to upload_all."
        )
    if hasattr(type(item), "__await__"):
        return PictureError(
            f"This {type(item).__name__} has no picture yet: await it and pass the result, or pass a list of  "
            f"asyncio.create_task(…)  to aupload_all."
        )
    if callable(getattr(item, "_repr_html_", None)):  # for example a chart of lets-plot
        return PictureError(
            f"This {type(item).__name__} is not a picture: it is displayed as a page (HTML). Save it as PNG with "
            f"the library that made it, or take a screenshot, and upload the file."
        )
    if hasattr(item, "__next__") or _has_pictures(item):
        return PictureError(
            f"This {type(item).__name__} is not a picture, but may contain some. To upload each of them, "
            f"run  gyazo.upload_all(…). For one animation, make a list  frames  of PIL images, run  "
            f"{JOIN_FRAMES}."
        )
    return PictureError(f"This {type(item).__name__} is not a picture: pass {SUPPORTED}.")


def _has_pictures(item: Any) -> bool:
    """Whether a collection begins with an image, an array or a path."""
    if isinstance(item, Mapping):
        item = item.values()
    first = next(iter(item), None) if isinstance(item, Collection) else None
    is_path = isinstance(first, str | Path)
    return is_path or hasattr(first, "mode") or hasattr(first, "__array__")
