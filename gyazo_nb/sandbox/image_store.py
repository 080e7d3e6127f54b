"""The images that the sandbox stores, and how it reads their type and size.

Guarantees: an account stores the same bytes once. A second upload returns the first image with its
first title and description, as on Gyazo. The type of a file comes from its bytes, never from the
name or type that the client sends; an image is not decoded to learn its type or size.
"""

from __future__ import annotations

import hashlib
import io
import secrets
import struct
import threading
from bisect import bisect_left
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from .accounts import Account

CONTENT_TYPES = {
    "png": "image/png",
    "jpg": "image/jpeg",
    "gif": "image/gif",
    "webp": "image/webp",
    "heic": "image/heic",
    "mp4": "video/mp4",
}

THUMBNAIL_SIZE = 200


@dataclass(eq=False)
class Image:
    """One image, with the form fields of its upload."""

    image_id: str
    data: bytes = field(repr=False)
    type: str
    account: Account
    created_at: float
    fields: dict[str, str] = field(default_factory=dict)
    alt_text: str = ""
    ocr: dict[str, Any] | None = None
    locked: bool = False
    # Random on purpose: a client must not read an image id from the name of a thumbnail.
    thumb_name: str = field(default_factory=lambda: secrets.token_urlsafe(24), repr=False)

    @property
    def access_policy(self) -> str:
        """Who can see the image: "anyone" or "only_me"."""
        return self.fields.get("access_policy") or "anyone"

    @property
    def metadata_is_public(self) -> bool:
        """Whether other accounts can read title, description, app and source address."""
        return self.fields.get("metadata_is_public") == "true"

    @cached_property
    def size(self) -> tuple[int, int]:
        """Width and height."""
        return image_size(self.data)

    @cached_property
    def thumb(self) -> tuple[bytes, str]:
        """The thumbnail's bytes and content type, made on first use."""
        return make_thumbnail(self.data, self.type)


class ImageStore:
    """The images of all accounts, newest first."""

    def __init__(self) -> None:
        self._lock = threading.RLock()
        self._images: list[Image] = []
        self._by_id: dict[str, Image] = {}
        self._by_thumb_name: dict[str, Image] = {}

    def all(self) -> list[Image]:
        """Return the images of all accounts, newest first."""
        with self._lock:
            return list(self._images)

    def owned_by(self, account: Account) -> list[Image]:
        """Return the images of *account*, newest first."""
        return [image for image in self.all() if image.account.uid == account.uid]

    def get(self, image_id: str) -> Image | None:
        """Return the image with this id."""
        return self._by_id.get(image_id)

    def by_thumb_name(self, name: str) -> Image | None:
        """Return the image whose thumbnail has this name."""
        return self._by_thumb_name.get(name)

    def add(
        self,
        data: bytes,
        image_type: str,
        account: Account,
        created_at: float,
        fields: Mapping[str, str],
    ) -> Image:
        """Store an image, or return the stored image with the same bytes."""
        with self._lock:
            image_id = self._id_for(data, account)
            if stored := self._by_id.get(image_id):
                return stored
            image = Image(image_id, data, image_type, account, created_at, dict(fields))
            self._by_id[image_id] = self._by_thumb_name[image.thumb_name] = image
            # Of two images with the same time, the later upload is the newer one.
            index = bisect_left(self._images, -created_at, key=lambda other: -other.created_at)
            self._images.insert(index, image)
            return image

    def remove(self, image: Image) -> None:
        """Delete an image."""
        with self._lock:
            self._images.remove(image)
            del self._by_id[image.image_id], self._by_thumb_name[image.thumb_name]

    def _id_for(self, data: bytes, account: Account) -> str:
        # The digest of the bytes, as on Gyazo. A second owner of the same bytes gets another id.
        digest = hashlib.md5(data, usedforsecurity=False).hexdigest()
        stored = self._by_id.get(digest)
        if stored is None or stored.account.uid == account.uid:
            return digest
        return hashlib.md5(account.uid.encode() + data, usedforsecurity=False).hexdigest()


# How the type and the size are read from the bytes.

# The first byte of a JPEG marker, and the markers of the segments that contain the size.
# C4, C8 and CC lie in the same range but mark other segments.
_JPEG_MARKER = 0xFF
_JPEG_FRAME_HEADERS = set(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}

_HEIC_BRANDS = {b"heic", b"heix", b"heim", b"heis", b"hevc", b"mif1", b"msf1"}
_MP4_BRANDS = {b"isom", b"iso2", b"iso4", b"iso5", b"iso6", b"mp41", b"mp42", b"avc1", b"M4V "}


def detect_type(data: bytes) -> str | None:
    """Return Gyazo's name of the type, or None when the bytes are not an image or a video."""
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


def image_size(data: bytes) -> tuple[int, int]:
    """Return width and height, or zeros when the header is incomplete."""
    try:
        return _SIZE_READERS[detect_type(data) or ""](data)
    except (KeyError, struct.error, ValueError):
        return 0, 0


def _png_size(data: bytes) -> tuple[int, int]:
    width, height = struct.unpack_from(">II", data, 16)
    return width, height


def _gif_size(data: bytes) -> tuple[int, int]:
    width, height = struct.unpack_from("<HH", data, 6)
    return width, height


def _jpeg_size(data: bytes) -> tuple[int, int]:
    for marker, offset in _jpeg_segments(data):
        if marker in _JPEG_FRAME_HEADERS:
            height, width = struct.unpack_from(">HH", data, offset + 3)
            return width, height
    return 0, 0


def _jpeg_segments(data: bytes) -> Iterator[tuple[int, int]]:
    offset = 2
    while offset + 4 <= len(data):
        # Fill bytes can precede a marker.
        if data[offset] != _JPEG_MARKER or data[offset + 1] == _JPEG_MARKER:
            offset += 1
            continue
        yield data[offset + 1], offset + 2
        offset += 2 + int(struct.unpack_from(">H", data, offset + 2)[0])


def _webp_size(data: bytes) -> tuple[int, int]:
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


def _heic_size(data: bytes) -> tuple[int, int]:
    width, height = struct.unpack_from(">II", data, data.index(b"ispe") + 8)
    return width, height


def _mp4_size(data: bytes) -> tuple[int, int]:
    name = data.index(b"tkhd")
    # The size is the end of the box, in 16.16 fixed point. The box starts with its length.
    end = name - 4 + int(struct.unpack_from(">I", data, name - 4)[0])
    width, height = struct.unpack_from(">II", data, end - 8)
    return width >> 16, height >> 16


_SIZE_READERS = {
    "png": _png_size,
    "gif": _gif_size,
    "jpg": _jpeg_size,
    "webp": _webp_size,
    "heic": _heic_size,
    "mp4": _mp4_size,
}


def make_thumbnail(data: bytes, image_type: str) -> tuple[bytes, str]:
    """Return a small JPEG and its content type.

    Pillow is optional. Without it, or when it cannot read the image, the original bytes are the
    thumbnail; a front end shows them in the same size.
    """
    try:
        from PIL import Image as PillowImage  # noqa: PLC0415 (optional)
    except ImportError:
        return data, CONTENT_TYPES[image_type]
    try:
        with PillowImage.open(io.BytesIO(data)) as original:
            small = original.convert("RGBA")
            small.thumbnail((THUMBNAIL_SIZE, THUMBNAIL_SIZE))
            background = PillowImage.new("RGB", small.size, "white")
            background.paste(small, mask=small.getchannel("A"))
            out = io.BytesIO()
            background.save(out, "JPEG", quality=85)
    except (OSError, ValueError, SyntaxError, PillowImage.DecompressionBombError):
        return data, CONTENT_TYPES[image_type]
    return out.getvalue(), "image/jpeg"
