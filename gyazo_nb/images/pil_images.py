"""Encodes a PIL image without loss: in its own format where that is lossless, else as PNG.

Guarantees: pixels, frames and the color profile are kept; the image object stays unchanged. Of the EXIF
data only the orientation is sent. An image with too many pixels is refused before it is decoded.
Importing this module does not import Pillow.
"""

from __future__ import annotations

import importlib
import io
from contextlib import suppress
from typing import Any

from gyazo_nb.errors import PictureError

from .limits import check_pixels

# The frames of a TIFF are pages, and those of an MPO are views: there, only the current one is sent.
_ANIMATED_FORMATS = {"GIF", "PNG", "WEBP"}
_ORIENTATION = 0x0112  # an EXIF tag
_PNG_MODES = {"1", "L", "LA", "P", "RGB", "RGBA", "I;16"}  # modes that PNG can store
_EQUIVALENT_MODES = {"PA": "RGBA", "La": "LA", "RGBa": "RGBA"}
_NUMBER_MODES = {"I": "I;16", "F": "L"}  # lossless only if the values fit


def encode(image: Any) -> bytes:
    """Encode an image in its own format if that is lossless, as PNG otherwise.

    >>> encode(PIL.Image.open("animation.gif"))[:6]      # doctest: +SKIP
    b'GIF89a'

    An animation at its first frame is encoded completely; at a later frame, only that frame is.
    """
    animated = (
        image.format in _ANIMATED_FORMATS
        and getattr(image, "is_animated", False)
        and image.tell() == 0
    )
    width, height = image.size
    check_pixels(width, height, "image", frames=image.n_frames if animated else 1)
    out = io.BytesIO()
    try:
        if image.format == "GIF" and image.mode in {"1", "L", "P"}:
            image.save(out, "GIF", save_all=animated)
        elif image.format in {"JPEG", "MPO"} and image.mode in {"L", "RGB", "CMYK"}:
            image.save(out, "JPEG", **_original_jpeg_options(image), **_orientation(image))
        else:
            _to_png_mode(image).save(out, "PNG", save_all=animated, **_orientation(image))
    finally:
        if animated:
            image.seek(0)
    return out.getvalue()


def _original_jpeg_options(image: Any) -> dict[str, Any]:
    """The options that the JPEG was written with: they add the least loss."""
    plugin = importlib.import_module("PIL.JpegImagePlugin")
    return {
        "qtables": image.quantization,
        "subsampling": plugin.get_sampling(image),
        "icc_profile": image.info.get("icc_profile"),
    }


def _orientation(image: Any) -> dict[str, Any]:
    """The orientation and no other EXIF data, which may contain the location of the camera."""
    with suppress(Exception):  # unreadable EXIF data cannot rotate the image
        exif = image.getexif()
        if exif.get(_ORIENTATION, 1) != 1:
            orientation = type(exif)()
            orientation[_ORIENTATION] = exif[_ORIENTATION]
            return {"exif": orientation}
    return {}


def _to_png_mode(image: Any) -> Any:
    """Return the image in a mode that PNG can store."""
    if image.mode in _PNG_MODES:
        return image
    if image.mode in _EQUIVALENT_MODES:
        return image.convert(_EQUIVALENT_MODES[image.mode])
    if image.mode.startswith("I;16"):
        # Another byte order. First to "I", because a direct conversion cuts the values.
        image = image.convert("I")
    if image.mode in _NUMBER_MODES:
        converted = image.convert(_NUMBER_MODES[image.mode])
        if converted.convert(image.mode).tobytes() == image.tobytes():
            return converted
        raise PictureError(
            f"The mode {image.mode} of this image does not define which value is white: pass "
            f"image.convert('L') for values from 0 to 255, or an array of floats from 0 to 1."
        )
    rgb = image.convert("RGB")  # from CMYK, LAB or HSV, which PNG cannot store
    rgb.info.pop("icc_profile", None)  # it describes the colors of the other mode
    return rgb
