"""Encodes an array of pixels as a PNG, with Pillow if it is installed, else with zlib.

Guarantees: every pixel keeps its value. If the shape or the range of the values is ambiguous, an error
says so; the encoder does not guess. An array with too many pixels is refused before it is read.
"""

from __future__ import annotations

import importlib
import io
import struct
import sys
import zlib
from collections.abc import Iterator
from typing import Any

from gyazo_nb.errors import PictureError, reason_of

from .limits import check_pixels

# The number of channels -> the color type of PNG: gray, gray with alpha, RGB, RGBA.
_COLOR_TYPES = {1: 0, 2: 4, 3: 2, 4: 6}
_TOLERANCE = 1e-6  # allowed excess over the range from 0 to 1, for rounding errors
PNG_SIGNATURE = b"\x89PNG\r\n\x1a\n"
JOIN_FRAMES = (
    "frames[0].save('a.png', save_all=True, append_images=frames[1:], duration=100, loop=0)  and upload "
    "'a.png' (duration: milliseconds of each frame)"
)
_BLOCK_SIZE = 2**17  # values that are converted at a time


def encode_array(item: Any) -> bytes:
    """Encode an array, or a tensor that numpy can read, as a PNG.

    The shape is (height, width), or (height, width, 1 to 4 channels): gray, gray with alpha, RGB, RGBA.
    The type is bool, uint8, or float with values from 0 to 1. Otherwise this raises `PictureError`.
    """
    numpy = sys.modules.get("numpy")
    if numpy is None:
        raise PictureError(
            "An array can be read only by numpy, which is not imported: run  import numpy  and try "
            "again, or save the array as PNG and upload the file."
        )
    shape = item.shape
    if isinstance(shape, tuple) and len(shape) in {2, 3} and all(isinstance(n, int) for n in shape):
        # Before the values are read: they may need much memory.
        check_pixels(shape[1], shape[0], "array")
    array = _to_array(numpy, item)
    if array.ndim == 2:  # noqa: PLR2004 -- height and width
        array = array[:, :, None]
    if array.ndim != 3 or array.shape[2] not in _COLOR_TYPES or 0 in array.shape:  # noqa: PLR2004
        raise PictureError(
            f"An array of shape {numpy.shape(item)} is not a picture: the shape must be (height, "
            f"width), or (height, width, 3) for RGB and (…, 4) for RGBA.{_way(array)}"
        )
    _check_values(numpy, array)
    pixels = _to_uint8(numpy, array)
    try:
        pillow = importlib.import_module("PIL.Image")
    except ImportError:
        return _encode_without_pillow(pixels)
    out = io.BytesIO()
    pillow.fromarray(pixels[:, :, 0] if pixels.shape[2] == 1 else pixels).save(out, "PNG")
    return out.getvalue()


def _way(array: Any) -> str:
    """Return what to do with an array of several pictures."""
    if array.ndim not in {3, 4} or 0 in array.shape:
        return ""
    return (
        f" To upload each picture of it, run  gyazo.upload_all(list(array)). For one animation, run  frames "
        f"= [PIL.Image.fromarray(frame) for frame in array]; {JOIN_FRAMES}."
    )


def _to_array(numpy: Any, item: Any) -> Any:
    try:
        array = numpy.asarray(item)
    except Exception as error:  # for example a tensor that requires grad or is on a GPU
        raise PictureError(
            f"This {type(item).__name__} cannot be read as an array ({reason_of(error)}): convert it to a "
            f"numpy array first."
        ) from error
    if numpy.ma.is_masked(item):
        raise PictureError(
            "This array has masked pixels, which have no color: pass array.filled(…) with one."
        )
    return array


def _check_values(numpy: Any, array: Any) -> None:
    """Refuse a type or a range of values whose brightness is ambiguous."""
    if array.dtype == numpy.uint8 or array.dtype.kind == "b":
        return
    if array.dtype.kind != "f":
        raise PictureError(
            f"The type {array.dtype} of this array does not define which value is white: pass "
            f"array.astype('uint8') for values from 0 to 255, or floats from 0 to 1."
        )
    low, high = float(array.min()), float(array.max())
    if numpy.isnan(low):
        raise PictureError(
            "This array holds NaN, which has no brightness: replace it, for example with "
            "numpy.nan_to_num."
        )
    if low < -_TOLERANCE or high > 1 + _TOLERANCE:
        raise PictureError(
            f"This array holds floats from {low:g} to {high:g}: scale them to 0 to 1, or pass uint8."
        )


def _to_uint8(numpy: Any, array: Any) -> Any:
    """Return the pixels as uint8. Floats are converted in blocks of rows, to save memory."""
    if array.dtype == numpy.uint8:
        return array
    if array.dtype.kind == "b":
        return array * numpy.uint8(255)
    pixels = numpy.empty(array.shape, numpy.uint8)
    rows = max(1, _BLOCK_SIZE // array[0].size)
    for start in range(0, len(array), rows):
        block = array[start : start + rows]
        pixels[start : start + rows] = block.clip(0, 1) * 255 + 0.5
    return pixels


def _encode_without_pillow(pixels: Any) -> bytes:
    """Write the rows without filters: the file is larger than Pillow's, but the code is short."""
    height, width, channels = pixels.shape
    header = struct.pack(">IIBBBBB", width, height, 8, _COLOR_TYPES[channels], 0, 0, 0)
    compressor = zlib.compressobj()
    # Each row begins with the number of its filter, and 0 is "None".
    data = [compressor.compress(b"\0" + row.tobytes()) for row in pixels]
    return b"".join(
        (
            PNG_SIGNATURE,
            png_chunk(b"IHDR", header),
            png_chunk(b"IDAT", b"".join((*data, compressor.flush()))),
            png_chunk(b"IEND", b""),
        )
    )


def png_chunk(name: bytes, data: bytes) -> bytes:
    """Return one chunk of a PNG file."""
    checksum = zlib.crc32(data, zlib.crc32(name))
    return b"".join((struct.pack(">I", len(data)), name, data, struct.pack(">I", checksum)))


def png_chunks(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Read the name and the data of each chunk of a PNG file."""
    position = len(PNG_SIGNATURE)
    while position + 8 <= len(data):
        length, name = struct.unpack_from(">I4s", data, position)
        yield name, data[position + 8 : position + 8 + length]
        position += 12 + length
