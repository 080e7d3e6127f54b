"""The limits of the size of a picture, checked before its pixels are decoded or copied."""

from __future__ import annotations

from typing import Any

from gyazo_nb.errors import PictureError

# Pillow, by default, refuses to open a larger picture as a decompression bomb.
MAX_PIXELS = 178_956_970
# Of all frames together: an encoder keeps the frames of an animation in memory.
MAX_FRAME_PIXELS = 3 * MAX_PIXELS
_MAX_COPY_BYTES = 2**30


def check_pixels(width: float, height: float, what: str, frames: int = 1) -> None:
    """Refuse a picture whose pixels would need too much memory. `what` names it in the error.

    >>> check_pixels(640, 480, "image")
    """
    if width * height > MAX_PIXELS:
        raise PictureError(
            f"This {what} has {width:,.0f} x {height:,.0f} pixels, and the limit is {MAX_PIXELS:,} in "
            f"total: make it smaller."
        )
    if width * height * frames > MAX_FRAME_PIXELS:
        raise PictureError(
            f"This {what} has {frames:,} frames of {width:,.0f} x {height:,.0f} pixels, and the limit is "
            f"{MAX_FRAME_PIXELS:,} pixels in total: save it as a file, and upload the file."
        )


def to_bytes(data: Any) -> bytes:
    """Copy the bytes of an object. With a number, `bytes` would return that many zeros."""
    view = memoryview(data)
    # A view with repeated parts claims more bytes than exist.
    if not view.contiguous and view.nbytes > _MAX_COPY_BYTES:
        raise PictureError(f"This picture has {view.nbytes:,} bytes: pass a smaller one.")
    return bytes(view)
