"""What a file is and how big its picture is, read from its first bytes.

The law: a picture is never decoded to learn about it. Whoever uploads may say what he likes about
the type: as on Gyazo, the bytes decide.
"""

from __future__ import annotations

import io
import struct
from collections.abc import Iterator

CONTENT_TYPES = {
    "png": "image/png",
    "jpg": "image/jpeg",
    "gif": "image/gif",
    "webp": "image/webp",
    "heic": "image/heic",
    "mp4": "video/mp4",
}

THUMBNAIL_SIDE = 200

# JPEG: what begins a marker, and the markers that tell the size (three of their row are tables).
_MARK = 0xFF
_FRAME_HEADERS = set(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}

_HEIC_BRANDS = {b"heic", b"heix", b"heim", b"heis", b"hevc", b"mif1", b"msf1"}
_MP4_BRANDS = {b"isom", b"iso2", b"iso4", b"iso5", b"iso6", b"mp41", b"mp42", b"avc1", b"M4V "}


def kind_of(data: bytes) -> str | None:
    """Return the type by Gyazo's word for it, or None for what is no picture."""
    if data.startswith(b"\x89PNG\r\n\x1a\n"):
        return "png"
    if data.startswith(b"\xff\xd8\xff"):
        return "jpg"
    if data.startswith((b"GIF87a", b"GIF89a")):
        return "gif"
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return "webp"
    if data[4:8] == b"ftyp":
        brand = data[8:12]
        return "heic" if brand in _HEIC_BRANDS else "mp4" if brand in _MP4_BRANDS else None
    return None


def size_of(data: bytes) -> tuple[int, int]:
    """Return width and height, or zeros when the header is cut short."""
    try:
        return _SIZES[kind_of(data) or ""](data)
    except (KeyError, struct.error, ValueError):
        return 0, 0


def _png(data: bytes) -> tuple[int, int]:
    width, height = struct.unpack_from(">II", data, 16)
    return width, height


def _gif(data: bytes) -> tuple[int, int]:
    width, height = struct.unpack_from("<HH", data, 6)
    return width, height


def _jpg(data: bytes) -> tuple[int, int]:
    for marker, at in _segments(data):
        if marker in _FRAME_HEADERS:
            height, width = struct.unpack_from(">HH", data, at + 3)
            return width, height
    return 0, 0


def _segments(data: bytes) -> Iterator[tuple[int, int]]:
    at = 2
    while at + 4 <= len(data):
        if data[at] != _MARK or data[at + 1] == _MARK:  # fill bytes may stand before a marker
            at += 1
            continue
        yield data[at + 1], at + 2
        at += 2 + int(struct.unpack_from(">H", data, at + 2)[0])


def _webp(data: bytes) -> tuple[int, int]:
    match data[12:16]:
        case b"VP8X":
            return (
                1 + int.from_bytes(data[24:27], "little"),
                1 + int.from_bytes(data[27:30], "little"),
            )
        case b"VP8L":
            bits = int(struct.unpack_from("<I", data, 21)[0])
            return 1 + (bits & 0x3FFF), 1 + (bits >> 14 & 0x3FFF)
        case _:
            width, height = struct.unpack_from("<HH", data, 26)
            return width & 0x3FFF, height & 0x3FFF


def _heic(data: bytes) -> tuple[int, int]:
    width, height = struct.unpack_from(">II", data, data.index(b"ispe") + 8)
    return width, height


def _mp4(data: bytes) -> tuple[int, int]:
    at = data.index(b"tkhd")
    # 16.16 fixed-point numbers at the end of the box, whose length stands before its name.
    end = at - 4 + int(struct.unpack_from(">I", data, at - 4)[0])
    width, height = struct.unpack_from(">II", data, end - 8)
    return width >> 16, height >> 16


_SIZES = {"png": _png, "gif": _gif, "jpg": _jpg, "webp": _webp, "heic": _heic, "mp4": _mp4}


def thumbnail(data: bytes, kind: str) -> tuple[bytes, str]:
    """Return a small JPEG and its content type.

    Pillow is no dependency of the sandbox: it makes the thumbnails when it is there, and without
    it, or for a picture that it cannot read, the original stands in. A front end shows both alike.
    """
    try:
        from PIL import Image  # noqa: PLC0415 (see above)
    except ImportError:
        return data, CONTENT_TYPES[kind]
    try:
        with Image.open(io.BytesIO(data)) as picture:
            small = picture.convert("RGBA")
            small.thumbnail((THUMBNAIL_SIDE, THUMBNAIL_SIDE))
            paper = Image.new("RGB", small.size, "white")
            paper.paste(small, mask=small.getchannel("A"))
            out = io.BytesIO()
            paper.save(out, "JPEG", quality=85)
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError):
        return data, CONTENT_TYPES[kind]
    return out.getvalue(), "image/jpeg"
