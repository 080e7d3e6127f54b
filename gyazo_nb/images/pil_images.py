"""A PIL image as a file, in the format that loses nothing.

The law: no pixel, frame or colour profile is changed without need, and the image itself stays as it
was. Pillow is not imported: whoever has an image of it has it already.
"""

from __future__ import annotations

import contextlib
import importlib
import io
from typing import Any

from gyazo_nb.errors import PictureError

_MOVING = {"GIF", "PNG", "WEBP"}  # a TIFF has pages, and a phone's MPO views: only one is meant
_ORIENTATION = 0x0112  # the tag of EXIF that says which side is up
_HELD = {"1", "L", "LA", "P", "RGB", "RGBA", "I;16"}  # modes that PNG holds as they are
_SAME = {"PA": "RGBA", "La": "LA", "RGBa": "RGBA"}  # modes that another holds as well
_NUMBERS = {"I": "I;16", "F": "L"}  # modes whose numbers may fit into another, or not


def encode(image: Any) -> bytes:
    """Write an image in its own format if that loses nothing, as PNG otherwise.

    >>> encoded(PIL.Image.open("moving.gif"))[:6]      # doctest: +SKIP
    b'GIF89a'

    All of a moving image that stands at its first frame; at a later one, that frame is meant.
    """
    moves = image.format in _MOVING and getattr(image, "is_animated", False) and image.tell() == 0
    out = io.BytesIO()
    try:
        if image.format == "GIF" and image.mode in {"1", "L", "P"}:
            image.save(out, "GIF", save_all=moves)
        elif image.format in {"JPEG", "MPO"} and image.mode in {"L", "RGB", "CMYK"}:
            image.save(out, "JPEG", **_as_read(image), **_upright(image))
        else:
            _as_png(image).save(out, "PNG", save_all=moves, **_upright(image))
    finally:
        if moves:
            image.seek(0)
    return out.getvalue()


def _as_read(image: Any) -> dict[str, Any]:
    """The tables that a JPEG was read with: written by the same, it is not made worse."""
    plugin = importlib.import_module("PIL.JpegImagePlugin")  # which has read it
    return {
        "qtables": image.quantization,
        "subsampling": plugin.get_sampling(image),
        "icc_profile": image.info.get("icc_profile"),
    }


def _upright(image: Any) -> dict[str, Any]:
    """Which side is up, and nothing else of EXIF: that may say where the picture was taken."""
    with contextlib.suppress(Exception):  # what nobody can read turns nothing
        exif = image.getexif()
        if exif.get(_ORIENTATION, 1) != 1:
            kept = type(exif)()
            kept[_ORIENTATION] = exif[_ORIENTATION]
            return {"exif": kept}
    return {}


def _as_png(image: Any) -> Any:
    """The image in a mode that PNG holds."""
    if image.mode in _HELD:
        return image
    if image.mode in _SAME:
        return image.convert(_SAME[image.mode])
    if image.mode.startswith("I;16"):  # another order of the bytes; straight, Pillow would cut them
        image = image.convert("I")
    if image.mode in _NUMBERS:
        held = image.convert(_NUMBERS[image.mode])
        if held.convert(image.mode).tobytes() == image.tobytes():
            return held
        raise PictureError(
            f"An image of mode {image.mode} does not say how bright its values are: give "
            f"image.convert('L') for values of 0 to 255, or an array of floats from 0 to 1."
        )
    colours = image.convert("RGB")  # PNG knows no CMYK, LAB or HSV
    colours.info.pop("icc_profile", None)  # it told of the other colours
    return colours
