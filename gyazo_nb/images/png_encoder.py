"""An array of pixels as a PNG, by the standard library's zlib alone.

The law: every pixel arrives as it was. What would have to be guessed (a scale, an order of the axes)
is a sentence instead. numpy is not imported: whoever has an array has it already.
"""

from __future__ import annotations

import struct
import sys
import zlib
from typing import Any

from gyazo_nb.errors import PictureError

_COLOURS = {1: 0, 2: 4, 3: 2, 4: 6}  # channels to PNG's colour type: grey, with alpha, RGB, RGBA
_SLACK = 1e-6  # of a float's 0 to 1: what rounding leaves over
_LEVEL = 6
_BLOCK = 2**17  # bytes that are filtered at a time: they fit into a processor's cache


def encode_array(thing: Any) -> bytes:
    """Write an array (or a tensor that can become one) as a PNG.

    Grey, RGB or RGBA: height x width, with 1 to 4 channels at the end; bool, uint8, or floats from 0
    to 1. Raises `PictureError` for another shape, type or range.
    """
    numpy = sys.modules.get("numpy")
    if numpy is None:
        raise PictureError(
            "This array cannot be read without numpy: import it, or save a PNG first."
        )
    array = _read(numpy, thing)
    if array.ndim == 2:  # noqa: PLR2004 -- height and width
        array = array[:, :, None]
    if array.ndim != 3 or array.shape[2] not in _COLOURS or 0 in array.shape:  # noqa: PLR2004
        raise PictureError(
            f"An array of shape {numpy.shape(thing)} is not a picture: its shape is to be (height, "
            f"width), or (height, width, 3) for RGB and (…, 4) for RGBA."
        )
    _check(numpy, array)
    height, width, channels = array.shape
    header = struct.pack(">IIBBBBB", width, height, 8, _COLOURS[channels], 0, 0, 0)
    return b"".join(
        (
            b"\x89PNG\r\n\x1a\n",
            _chunk(b"IHDR", header),
            _chunk(b"IDAT", _compressed(numpy, array)),
            _chunk(b"IEND", b""),
        )
    )


def _read(numpy: Any, thing: Any) -> Any:
    try:
        array = numpy.asarray(thing)
    except Exception as error:  # a tensor that requires grad, or is on another device
        reason = str(error).strip().split("\n")[0].rstrip(".")[:200]
        raise PictureError(
            f"This {type(thing).__name__} cannot be read as an array ({reason}): give one that can."
        ) from error
    if numpy.ma.is_masked(thing):
        raise PictureError(
            "This array has masked pixels, which have no colour: give array.filled(…) with one."
        )
    return array


def _check(numpy: Any, array: Any) -> None:
    """Refuse values that do not say how bright they are."""
    if array.dtype == numpy.uint8 or array.dtype.kind == "b":
        return
    if array.dtype.kind != "f":
        raise PictureError(
            f"An array of {array.dtype} does not say how bright its values are: give "
            f"array.astype('uint8') for values of 0 to 255, or floats from 0 to 1."
        )
    low, high = float(array.min()), float(array.max())
    if not (low >= -_SLACK and high <= 1 + _SLACK):  # NaN is neither
        if low != low:  # noqa: PLR0124 -- NaN is what is not itself
            raise PictureError(
                "This array holds NaN, which has no brightness: fill it, as by numpy.nan_to_num."
            )
        raise PictureError(
            f"This array holds floats from {low:g} to {high:g}: scale them to 0 to 1 (or give uint8)."
        )


def _bytes(numpy: Any, array: Any) -> Any:
    """The same pixels as uint8."""
    if array.dtype == numpy.uint8:
        return array
    if array.dtype.kind == "b":
        return array.astype(numpy.uint8) * 255
    return (array.clip(0, 1) * 255 + 0.5).astype(numpy.uint8)


def _chunk(name: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))


def _compressed(numpy: Any, array: Any) -> bytes:
    """A few rows at a time: the filters need several times the memory of what they filter."""
    row = array[:1].size
    step = max(1, _BLOCK // row)
    squeeze = zlib.compressobj(_LEVEL)
    above = numpy.zeros((1, row), numpy.uint8)
    data = []
    for at in range(0, len(array), step):
        pixels = _bytes(numpy, array[at : at + step])
        data.append(squeeze.compress(_filtered(numpy, pixels, above)))
        above = pixels[-1:].reshape(1, row)
    return b"".join((*data, squeeze.flush()))


def _filtered(numpy: Any, pixels: Any, above: Any) -> Any:
    """Each row by the filter that leaves the smallest numbers, as the PNG specification advises."""
    height = len(pixels)
    rows = pixels.reshape(height, -1)
    left = numpy.zeros_like(pixels)
    left[:, 1:] = pixels[:, :-1]
    up = numpy.concatenate([above, rows[:-1]])
    choices = numpy.stack([rows, rows - left.reshape(height, -1), rows - up])  # none, sub, up
    sizes = numpy.minimum(choices, -choices).sum(axis=2, dtype=numpy.int64)  # 255 is a step of -1
    best = sizes.argmin(axis=0)
    out = numpy.empty((height, rows.shape[1] + 1), numpy.uint8)
    out[:, 0] = best
    out[:, 1:] = choices[best, numpy.arange(height)]
    return out
