"""Each picture that Pillow opens arrives identical, by path, bytes and PIL image, or is refused by a sentence.

The pictures are those that are installed with Python and the libraries of the tests, and those that Pillow
writes here, in every format and mode. Set GYAZO_NB_TEST_PICTURES to a folder to check the pictures in it, too:
for example, `Tests/images` of the sources of Pillow.
"""

import contextlib
import io
import os
import re
import sysconfig
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from support.pictures import noise_images

from gyazo_nb import PictureError
from gyazo_nb.images.convert import file_part

Image.init()
MOVING = {"GIF", "PNG", "WEBP", "AVIF", "FLI"}
SUFFIX = re.compile(
    r"\.(png|jpe?g|gif|webp|bmp|tiff?|ico|icns|ppm|pgm|pbm|sgi|ras|xbm|exr|pcx|tga)$", re.IGNORECASE
)
# Deprecated by Pillow, or they need a program, a file of another size, or a picture of another kind.
NOT_WRITTEN = {"IM", "PDF", "GRIB", "HDF5", "WMF", "BUFR", "FITS", "SPIDER", "PALM", "MPO"}
WRITTEN = sorted(set(Image.SAVE) - NOT_WRITTEN)
MODES = ("1", "L", "LA", "P", "PA", "RGB", "RGBA", "CMYK", "YCbCr", "I;16", "I", "F", "HSV", "LAB")


def installed_pictures():
    """The pictures of Python's own tests, of IDLE and of Matplotlib, or those of the given folder."""
    if folder := os.environ.get("GYAZO_NB_TEST_PICTURES"):
        return sorted(path for path in Path(folder).rglob("*") if path.is_file())
    stdlib, platlib = (Path(sysconfig.get_path(name)) for name in ("stdlib", "platlib"))
    folders = [stdlib / "test", stdlib / "idlelib" / "Icons", platlib / "matplotlib" / "mpl-data"]
    found = [path for folder in folders for path in sorted(folder.rglob("*.*"))]
    return [path for path in found if SUFFIX.search(path.name)]


def written_pictures(file_format):
    """One file of each mode that Pillow writes in this format."""
    colors = Image.merge("RGBA", [*noise_images(3), noise_images(1)[0]])
    # An ICNS file contains an icon of 1024 x 1024 pixels, and is always read as RGBA.
    for mode in ("L", "RGBA") if file_format == "ICNS" else MODES:
        image = (
            colors.convert("RGB").convert("L").convert(mode) if mode in {"I;16", "I", "F"} else None
        )
        try:
            image = image or colors.convert("RGB" if mode in {"HSV", "LAB"} else mode)
            out = io.BytesIO()
            image.save(out, file_format)
        except (OSError, ValueError, KeyError, TypeError, SystemError):
            continue
        yield mode, out.getvalue()


def frames(image):
    """What Pillow shows: the frames of a moving picture, or else the first one."""
    count = getattr(image, "n_frames", 1) if image.format in MOVING else 1
    shown = []
    for index in range(count):
        if count > 1:
            image.seek(index)
        image.load()
        if image.mode in {"I", "F"} or image.mode.startswith("I;16"):
            pixels = np.asarray(image).astype(float)
        else:
            convertible = image.mode in {"1", "L", "LA", "P", "PA", "RGB", "RGBA"}
            pixels = np.asarray(
                (image if convertible else image.convert("RGB")).convert("RGBA")
            ).copy()
            pixels[pixels[..., 3] == 0] = 0
        shown.append((pixels, round(image.info.get("duration") or 0, 2) if count > 1 else 0))
    return shown


def is_same(sent, expected):
    return len(sent) == len(expected) and all(
        a.shape == b.shape and (a == b).all() and duration == other
        for (a, duration), (b, other) in zip(sent, expected, strict=True)
    )


def check(data, tmp_path, name=""):
    """Convert the path, the bytes and the PIL image, and compare what would be sent."""
    (path := tmp_path / "a").write_bytes(data)
    try:
        with Image.open(io.BytesIO(data)) as opened:
            expected = frames(opened)
    except Exception:  # noqa: BLE001 -- Pillow does not open it, so there is nothing to compare
        with contextlib.suppress(PictureError):
            file_part(path)
        return
    refused = []
    with Image.open(path) as image:
        for source, item in (("path", path), ("bytes", data), ("image", image)):
            try:
                part = file_part(item)
            except PictureError as error:
                refused.append(str(error))
                continue
            content = part.content if isinstance(part.content, bytes) else part.content.read_bytes()
            with Image.open(io.BytesIO(content)) as sent:
                assert sent.format in {"PNG", "JPEG", "GIF", "WEBP", "AVIF", "MPO"}, name + source
                if expected[0][0].ndim == 2 and sent.mode == "L":  # numbers that fit into 8 bits
                    assert (np.asarray(sent) == expected[0][0]).all(), name + source
                else:
                    assert is_same(frames(sent), expected), name + source
    for sentence in refused:
        assert re.search(
            r"(not a picture|does not accept|cannot be|could not be|does not define|would be|upload each)",
            sentence,
        )
        assert " object at 0x" not in sentence


@pytest.mark.filterwarnings("ignore")  # of Pillow, about damaged files
@pytest.mark.parametrize(
    "path", installed_pictures(), ids=lambda path: f"{path.parent.name}/{path.name}"
)
def test_installed_picture_arrives_identical_or_is_refused(tmp_path, path):
    check(path.read_bytes(), tmp_path)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("file_format", WRITTEN)
def test_written_picture_arrives_identical_or_is_refused(tmp_path, file_format):
    """In each mode that the format has."""
    pictures = dict(written_pictures(file_format))

    assert pictures
    for mode, data in pictures.items():
        check(data, tmp_path, f"{mode}, ")


def test_enough_pictures_are_checked():
    """The tests above are not empty."""
    assert len(WRITTEN) > 20
    assert len({path.suffix for path in installed_pictures()}) > 2
