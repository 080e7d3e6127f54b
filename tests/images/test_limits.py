"""A picture that needs too much memory is refused before it is decoded or copied. No test needs the memory."""

import io
import struct
import tracemalloc
import warnings
import zlib

import matplotlib as mpl
import numpy as np
import pytest
from matplotlib.figure import Figure
from PIL import Image
from support.helpers import PNG
from support.pictures import open_part, picture_file

from gyazo_nb import Image as GyazoImage
from gyazo_nb import PictureError
from gyazo_nb.images import limits
from gyazo_nb.images.convert import file_part
from gyazo_nb.images.render import from_mime_bundle

MILLION = 10**6


def view(value, *shape):
    """An array of any size that takes a few bytes."""
    return np.broadcast_to(np.array(value), shape)


class TensorWithAFalseShape:
    """A tensor that claims a huge shape, like one of Dask or of a file that is not read yet."""

    shape, dtype = (MILLION, MILLION, 3), "uint8"

    def __array__(self, *_, **__):
        raise AssertionError("it must not be read")


@pytest.mark.parametrize(
    "item",
    [
        view(np.uint8(1), MILLION, MILLION),
        view(np.float64(0.5), MILLION, MILLION),
        view(np.float16(0.5), MILLION, MILLION, 4),
        view(True, MILLION, MILLION, 3),
        view(np.uint8(1), 1, 2**60),
        view(np.uint8(1), 20_000, 20_000, 1),
        view(np.int64(1), MILLION, MILLION),
        TensorWithAFalseShape(),
    ],
    ids=["uint8", "float64", "float16", "bool", "one row", "channels", "int64", "tensor"],
)
def test_huge_array_is_refused_before_it_is_copied(item):
    tracemalloc.start()
    try:
        with pytest.raises(
            PictureError, match=r"This array has .* pixels, and the limit is .*smaller"
        ):
            file_part(item)
        assert tracemalloc.get_traced_memory()[1] < 2**20
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize(
    ("item", "words"),
    [
        (view(None, MILLION, MILLION), "This ndarray is not a picture|This array has"),
        (view(np.uint8(1), MILLION, MILLION, MILLION // 100), "This array has|is not a picture"),
        (view(np.uint8(1), MILLION, 1000, 1000, 3), "is not a picture"),
        (memoryview(view(np.uint8(1), MILLION, MILLION)), "bytes: pass a smaller one"),
    ],
    ids=["objects", "channels", "four dimensions", "memory"],
)
def test_other_huge_object_is_refused(item, words):
    """It is neither searched for figures nor copied."""
    with pytest.raises(PictureError, match=words):
        file_part(item)


def test_displayed_bytes_of_a_huge_view_are_refused():
    bundle = {"image/png": view(np.uint8(1), MILLION, MILLION)}

    with pytest.raises(PictureError, match="bytes: pass a smaller one"):
        from_mime_bundle(bundle)


def test_array_near_the_limit_is_encoded(monkeypatch):
    monkeypatch.setattr(limits, "MAX_PIXELS", 100)

    assert open_part(file_part(np.zeros((10, 10), np.uint8))).size == (10, 10)
    with pytest.raises(PictureError, match="11 x 10 pixels, and the limit is 100 in total"):
        file_part(np.zeros((10, 11), np.uint8))


class ArrayWithoutMemory:
    """As numpy raises it if the memory is exhausted."""

    shape, dtype = (2, 2), "uint8"

    def __array__(self, *_, **__):
        raise MemoryError


class PictureWithoutMemory:  # noqa: D101
    def _repr_png_(self):
        raise MemoryError


@pytest.mark.parametrize("item", [ArrayWithoutMemory(), PictureWithoutMemory()])
def test_exhausted_memory_raises_a_picture_error(item):
    with pytest.raises(PictureError, match="needs too much memory|cannot be read as an array"):
        file_part(item)


# ── files ────────────────────────────────────────────────────────────────────────────────────────


def chunk(name, data):
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))


def png_of(width, height, data=b""):
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    idat = chunk(b"IDAT", data or zlib.compress(b""))
    return PNG[:8] + chunk(b"IHDR", header) + idat + chunk(b"IEND", b"")


def gif_with_a_false_size():
    """Its header and its frame declare 65,535 x 65,535 pixels."""
    data = bytearray(picture_file("GIF"))
    data[6:10] = b"\xff" * 4
    at = data.index(b",\0\0\0\0") + 5
    data[at : at + 4] = b"\xff" * 4
    return bytes(data)


def bmp_with_a_false_size():
    data = bytearray(picture_file("BMP"))
    data[18:26] = struct.pack("<ii", MILLION, MILLION)
    return bytes(data)


BOMBS = {
    "png": lambda: png_of(60_000, 60_000),
    "png of one row": lambda: png_of(2**31 - 1, 1),
    "gif": gif_with_a_false_size,
    "bmp": bmp_with_a_false_size,
}


@pytest.mark.parametrize("make", BOMBS.values(), ids=BOMBS)
def test_image_with_a_huge_header_is_refused_before_it_is_decoded(monkeypatch, make):
    """Also if the user has switched off the limit of Pillow."""
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", None)
    with Image.open(io.BytesIO(make())) as image:
        tracemalloc.start()
        try:
            with pytest.raises(PictureError, match="This image has .* pixels, and the limit is"):
                file_part(image)
            assert tracemalloc.get_traced_memory()[1] < 2**20
        finally:
            tracemalloc.stop()


def test_animation_with_too_many_frames_is_refused(monkeypatch):
    """Pillow keeps all frames in memory. One frame of it is uploaded."""
    frames = [Image.new("L", (10, 10), n) for n in range(5)]
    animation = Image.open(io.BytesIO(picture_file("GIF", *frames)))
    monkeypatch.setattr(limits, "MAX_FRAME_PIXELS", 499)

    with pytest.raises(PictureError, match="has 5 frames of 10 x 10 pixels.*upload the file"):
        file_part(animation)
    animation.seek(1)
    assert open_part(file_part(animation)).size == (10, 10)


@pytest.mark.parametrize("file_format", ["PNG", "JPEG", "GIF", "WEBP", "TIFF", "BMP"])
@pytest.mark.parametrize("kept", [0.5, 0.9])
def test_truncated_image_raises_a_picture_error(file_format, kept):
    """It is opened from its header, and fails when it is decoded."""
    data = picture_file(file_format)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            image = Image.open(io.BytesIO(data[: int(len(data) * kept)]))
        except OSError:
            return  # Pillow itself refuses it
        try:
            assert open_part(file_part(image)).size == image.size
        except PictureError as error:
            assert "This image could not be rendered" in str(error)  # noqa: PT017 -- either is right


@pytest.mark.parametrize(
    "data",
    [
        png_of(100_000, 100_000),
        png_of(0, 5),
        PNG[:20],
        b"\xff\xd8\xff",
        b"GIF89a",
        b"RIFF\x10\x00\x00\x00WEBPVP8 ",
        b"\0" * 99,
    ],
    ids=["bomb", "no pixels", "png", "jpeg", "gif", "webp", "zeros"],
)
@pytest.mark.parametrize("filters", ["default", "error"])
def test_damaged_or_huge_image_is_not_opened(data, filters):
    """The error says how to get the bytes. Pillow may warn only, and the warning may be an error."""

    class Source:
        def fetch(self, _):
            return data

    image = GyazoImage("a" * 32, url="https://i.gyazo.com/a.png", source=Source())
    with warnings.catch_warnings():
        warnings.simplefilter(filters)
        with pytest.raises(PictureError, match=r"download\(\)"):
            image.open()


def test_huge_figure_is_refused_before_it_is_rendered():
    for size in ((600, 600), (10_000, 2000)):
        with pytest.raises(PictureError, match="This figure has .* pixels, and the limit is"):
            file_part(Figure(figsize=size, dpi=100))
    with pytest.raises(PictureError, match="This figure has"):
        file_part(Figure(figsize=(6, 6), dpi=10_000))
    figure = Figure(figsize=(2, 1), dpi=mpl.rcParams["figure.dpi"])
    figure.text(0, 0, "a")
    assert open_part(file_part(figure))
