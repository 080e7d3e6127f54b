"""Encodes a PIL image without loss: as the file that it was opened from, or as PNG.

Guarantees: pixels, frames, durations and the color profile are kept; the image object stays unchanged.
Of the EXIF data only the orientation is sent. An image with too many pixels is refused before it is
decoded.
"""

from __future__ import annotations

import io
from contextlib import suppress
from typing import Any

from gyazo_nb.errors import PictureError

from .animation import Animation, duration_of, plays_of
from .limits import check_pixels
from .original_file import original_file

# The frames of a TIFF are pages, and those of an MPO are views: there, only the current one is sent.
_MOVING_FORMATS = {"GIF", "PNG", "WEBP", "AVIF", "FLI"}
_ORIENTATION = 0x0112  # an EXIF tag
_PNG_MODES = {"1", "L", "LA", "P", "RGB", "RGBA", "I;16"}  # modes that PNG can store
_EQUIVALENT_MODES = {"PA": "RGBA", "La": "LA", "RGBa": "RGBA"}
_NUMBER_MODES = {"I": "I;16", "F": "L"}  # lossless only if the values fit


def encode(image: Any) -> bytes:
    """Return the file of an unchanged JPEG, GIF or animation, or encode the image without loss.

    >>> encode(PIL.Image.open("animation.gif"))[:6]
    b'GIF89a'

    An animation at its first frame is encoded completely; at a later frame, only that frame is.
    """
    file = original_file(image)
    source = image
    if file is not None:
        with suppress(Exception):  # a damaged file; the image itself raises the error
            source = file.open()
    at_start = image.format not in _MOVING_FORMATS or image.tell() == 0
    moving = (
        image.format in _MOVING_FORMATS
        and at_start
        and getattr(source, "is_animated", False)
        and source.size == image.size
    )
    width, height = image.size
    check_pixels(width, height, "image", frames=source.n_frames if moving else 1)
    image.load()
    exif = _orientation(image)
    if (
        file is not None
        and at_start
        and (moving or image.format in {"JPEG", "MPO", "GIF"})
        and (data := file.unchanged(image, exif))
    ):
        return data
    # Only Pillow's decoder of WebP still reads a closed image.
    if moving and (file is None or not file.by_name or image.format == "WEBP"):
        animation = _read_frames(image, image if image.format == "WEBP" else source)
        options = {"exif": exif, "icc_profile": image.info.get("icc_profile")}
        options = {name: value for name, value in options.items() if value}
        return animation.encode(options, prefer_gif=image.format == "GIF")
    out = io.BytesIO()
    _to_png_mode(image).save(out, "PNG", exif=exif)
    return out.getvalue()


def encode_all_frames(image: Any) -> bytes:
    """Encode an opened animation completely, whichever frame is the current one."""
    if image.format not in _MOVING_FORMATS and getattr(image, "n_frames", 1) > 1:
        raise PictureError(
            f"The pages of this {image.format} are not the frames of an animation: run  "
            f"gyazo.upload_all(page.copy() for page in PIL.ImageSequence.Iterator(image))."
        )
    position = image.tell()
    try:
        image.seek(0)
        return encode(image)
    finally:
        image.seek(position)


def _read_frames(image: Any, source: Any) -> Animation:
    """Read the first frame of an animation as it stands, and the others from `source`."""
    first = image.copy()
    animation = Animation(
        plays=plays_of(image), has_default_image=bool(image.info.get("default_image"))
    )
    animation.add(first, duration_of(image))
    try:
        for index in range(1, source.n_frames):
            source.seek(index)
            source.load()
            animation.add(source, duration_of(source))
    finally:
        if source is image:
            image.seek(0)
            image.load()
            if image.tobytes() != first.tobytes():  # the user edited the frame
                image.paste(first)
    return animation


def _orientation(image: Any) -> Any:
    """The orientation and no other EXIF data, which may contain the location of the camera."""
    with suppress(Exception):  # unreadable EXIF data cannot rotate the image
        exif = image.getexif()
        if exif.get(_ORIENTATION, 1) != 1:
            orientation = type(exif)()
            orientation[_ORIENTATION] = exif[_ORIENTATION]
            return orientation
    return None


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
