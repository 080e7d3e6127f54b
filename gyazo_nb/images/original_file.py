"""Finds the file that a PIL image was opened from, for an image that still shows the content of that file.

Guarantees: the file decodes to the pixels, frames and durations of the image. Metadata, such as EXIF data,
XMP and texts, is removed without decoding the pixels; the orientation and the color profile are kept.
"""

from __future__ import annotations

import importlib
import io
import os
import re
import struct
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from .png_encoder import PNG_SIGNATURE, png_chunk, png_chunks

# Formats whose pixels or frames would change if Pillow encoded them again.
_JPEG_FORMATS = {"JPEG", "MPO"}
_MOVING_FORMATS = {"GIF", "PNG", "WEBP"}
# What changes the picture, beside the pixels.
_INFO = ("duration", "loop", "icc_profile")
_RGBA_MODES = {"1", "L", "LA", "P", "PA", "RGB", "RGBA"}  # their transparency may be in `info`

_PNG_CHUNKS = {
    b"IHDR", b"PLTE", b"tRNS", b"IDAT", b"IEND", b"acTL", b"fcTL", b"fdAT", b"gAMA", b"cHRM", b"sRGB",
    b"iCCP", b"cICP", b"mDCV", b"cLLI", b"sBIT", b"bKGD", b"pHYs", b"hIST",
}  # fmt: skip
_WEBP_CHUNKS = {b"VP8X", b"VP8 ", b"VP8L", b"ALPH", b"ANIM", b"ANMF", b"ICCP"}
_WEBP_METADATA_FLAGS = 0x0C  # of EXIF and XMP
_JPEG_MARKER = re.compile(rb"\xff+([^\x00\xff])")
_JPEG_END, _JPEG_COMMENT = 0xD9, 0xFE
_JPEG_WITHOUT_LENGTH = {0x01, *range(0xD0, 0xD9)}
_JPEG_APPLICATION = range(0xE0, 0xF0)
_JPEG_KEPT = (b"JFIF\0", b"ICC_PROFILE\0", b"Adobe")


@dataclass(frozen=True, slots=True)
class OriginalFile:
    """The file of an image. If it was found only by its name, it may be another one by now."""

    file_format: str
    data: bytes = field(repr=False)
    by_name: bool

    def open(self) -> Any:
        """Open the file with Pillow."""
        return importlib.import_module("PIL.Image").open(io.BytesIO(self.data))

    def unchanged(self, image: Any, exif: Any) -> bytes | None:
        """Return the file without its metadata if it shows what the image shows, else None.

        `exif` is the part of the EXIF data to keep. The image is loaded, and stays at its frame.
        """
        with suppress(Exception):  # a damaged file, or one that was replaced
            data = _without_metadata(self.file_format, self.data, exif.tobytes() if exif else b"")
            opened = replace(self, data=data).open()
            # Pillow keeps the frames of a loaded WebP, but not its file.
            all_frames = self.by_name and self.file_format == "WEBP"
            if _is_same(image, opened, all_frames=all_frames):
                return data
        return None


def original_file(image: Any) -> OriginalFile | None:
    """Return the file that an image of a known format was opened from, if it can still be read.

    The image is not changed. (Pillow undoes an edit of a GIF when it counts the frames.)
    """
    if image.format not in _JPEG_FORMATS | _MOVING_FORMATS:
        return None
    start = getattr(image, "offset", 0) if image.format == "MPO" else 0  # the current view
    # Pillow replaces the file of a loaded WebP by its pixels.
    loaded_webp = image.format == "WEBP" and getattr(image, "_im", None) is not None
    file: Any = getattr(image, "_fp", None) or getattr(image, "fp", None)
    if file is not None and not loaded_webp:
        with suppress(Exception):  # closed: any attribute raises an error
            position = file.tell()
            try:
                file.seek(start)
                return OriginalFile(image.format, file.read(), by_name=False)
            finally:
                file.seek(position)
    with suppress(AttributeError, OSError, TypeError, ValueError):
        return OriginalFile(
            image.format, Path(os.fsdecode(image.filename)).read_bytes()[start:], by_name=True
        )
    return None


def _is_same(image: Any, opened: Any, *, all_frames: bool) -> bool:
    """Whether two images show the same. Only the current frame can have been edited."""
    if _content(image) != _content(opened):
        return False
    if not all_frames:
        return True
    if image.n_frames != opened.n_frames:
        return False
    try:
        for index in range(1, image.n_frames):
            image.seek(index)
            opened.seek(index)
            if _content(image) != _content(opened):
                return False
    finally:
        image.seek(0)
        image.load()
    return True


def _content(image: Any) -> tuple[Any, ...]:
    image.load()
    pixels = image.convert("RGBA") if image.mode in _RGBA_MODES else image
    return (image.mode, image.size, *map(image.info.get, _INFO), pixels.tobytes())


def _without_metadata(file_format: str, data: bytes, exif: bytes) -> bytes:
    """Return the file with no other metadata than `exif`. Raises `ValueError` if that is impossible."""
    if file_format in _JPEG_FORMATS:
        return _jpeg(data, exif)
    if file_format == "PNG":
        return _png(data, exif)
    if exif:
        raise ValueError(f"{file_format} cannot get an orientation")
    if file_format == "WEBP":
        return _webp(data)
    if b"XMP DataXMP" in data:
        raise ValueError("the XMP data of a GIF is not removed")
    return data


def _png(data: bytes, exif: bytes) -> bytes:
    parts = [PNG_SIGNATURE]
    for name, body in png_chunks(data):
        if name in _PNG_CHUNKS:
            parts.append(png_chunk(name, body))
        if name == b"IHDR" and exif:
            parts.append(png_chunk(b"eXIf", exif.removeprefix(b"Exif\0\0")))
        if name == b"IEND":
            break
    return b"".join(parts)


def _webp(data: bytes) -> bytes:
    parts, position = [], 12
    while position + 8 <= len(data):
        name, length = struct.unpack_from("<4sI", data, position)
        end = position + 8 + length + length % 2
        chunk = bytearray(data[position:end])
        if name == b"VP8X":
            chunk[8] &= ~_WEBP_METADATA_FLAGS
        if name in _WEBP_CHUNKS:
            parts.append(bytes(chunk))
        position = end
    body = b"WEBP" + b"".join(parts)
    return struct.pack("<4sI", b"RIFF", len(body)) + body


def _jpeg(data: bytes, exif: bytes) -> bytes:
    """Copy the segments of one JPEG up to its end. Other views of an MPO follow it."""
    parts, kept_from, position = [], 0, 2
    exif_at = None
    while match := _JPEG_MARKER.search(data, position):
        marker, start, position = match[1][0], match.start(), match.end()
        if marker in _JPEG_WITHOUT_LENGTH:
            continue
        if marker == _JPEG_END:
            parts.append(data[kept_from:position])
            kept_from = len(data)
            break
        body = position + 2
        position += int.from_bytes(data[position:body], "big")
        if marker == _JPEG_COMMENT or (
            marker in _JPEG_APPLICATION and not data[body:position].startswith(_JPEG_KEPT)
        ):
            parts.append(data[kept_from:start])
            kept_from = position
        elif exif_at is None and marker not in _JPEG_APPLICATION:
            parts.append(data[kept_from:start])
            exif_at, kept_from = len(parts), start
    parts.append(data[kept_from:])
    if exif:
        parts.insert(exif_at or 0, struct.pack(">2sH", b"\xff\xe1", len(exif) + 2) + exif)
    return b"".join(parts)
