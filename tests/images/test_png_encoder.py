"""Arrays become PNG files with the same pixels, with and without Pillow."""

import sys
import tracemalloc

import numpy as np
import pandas as pd
import pytest

from gyazo_nb import PictureError
from gyazo_nb.images.convert import file_part

RANDOM = np.random.default_rng(0)


def encode_without_pillow(array):
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(sys.modules, "PIL.Image", None)
        return file_part(array).content


def encode_with_pillow(array):
    return file_part(array).content


@pytest.fixture(
    params=[encode_with_pillow, encode_without_pillow], ids=["with Pillow", "without Pillow"]
)
def encode(request):
    return request.param


@pytest.mark.parametrize("channels", [(), (1,), (2,), (3,), (4,)])
@pytest.mark.parametrize("size", [(1, 1), (7, 5), (64, 200)])
def test_uint8_array_keeps_its_pixels(encode, upload, size, channels):
    """Gray, gray with alpha, RGB and RGBA."""
    array = RANDOM.integers(0, 256, (*size, *channels), dtype=np.uint8)

    sent = upload(encode(array))

    assert sent.format == "PNG"
    assert (np.asarray(sent).reshape(array.shape) == array).all()


def test_pillow_filters_the_rows(upload):
    """So a smooth picture becomes a smaller file than without Pillow, with the same pixels."""
    y, x = np.mgrid[:300, :300]
    array = (np.sin(x / 30) * np.cos(y / 40) * 127 + 128).astype(np.uint8)

    filtered, unfiltered = encode_with_pillow(array), encode_without_pillow(array)

    assert (np.asarray(upload(filtered)) == array).all()
    assert (np.asarray(upload(unfiltered)) == array).all()
    assert len(filtered) < 0.7 * len(unfiltered)


def test_gradient_becomes_a_small_file(encode, upload):
    gradient = np.broadcast_to(np.arange(256, dtype=np.uint8), (256, 256))

    content = encode(gradient)

    assert (np.asarray(upload(content)) == gradient).all()
    assert len(content) < 2000


@pytest.mark.parametrize("scale", [1, 255], ids=["uint8", "float"])
def test_large_array_is_encoded_in_little_memory(encode, upload, scale):
    """Floats are converted in blocks of rows, and every pixel is kept where two blocks meet."""
    y, x = np.mgrid[:900, :700]
    pixels = np.stack([x + y, x * y, RANDOM.integers(0, 256, x.shape)], axis=2).astype(np.uint8)
    array = pixels if scale == 1 else pixels / scale
    content = encode(array)  # also imports everything

    tracemalloc.start()
    encode(array)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()

    assert (np.asarray(upload(content)) == pixels).all()
    # The block of floats is 1 MB at a time, and needs three copies.
    assert peak < pixels.nbytes + 3 * len(content) + (scale != 1) * 4 * 2**20


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_float_array_is_scaled_from_0_to_1(encode, upload, dtype):
    """As `imshow` does. A rounding error above 1 is accepted."""
    array = np.array([[0, 0.5, 1, 1 + 1e-7]], dtype)

    assert np.asarray(upload(encode(array))).tolist() == [[0, 128, 255, 255]]


def test_bool_array_becomes_black_and_white(encode, upload):
    mask = np.array([[True, False], [False, True]])

    assert np.asarray(upload(encode(mask))).tolist() == [[255, 0], [0, 255]]


def test_array_that_is_not_contiguous_keeps_its_pixels(encode, upload):
    """A transposed, reversed and sliced view."""
    view = RANDOM.integers(0, 256, (8, 6, 3), dtype=np.uint8).transpose(1, 0, 2)[::-1, ::2]

    assert (np.asarray(upload(encode(view))) == view).all()


@pytest.mark.parametrize(
    ("array", "words"),
    [
        (np.zeros((2, 2), int), "type int64 .*does not define which value is white.*astype"),
        (np.zeros((2, 2), np.uint16), "uint16"),
        (np.full((2, 2), 7.5), "floats from 7.5 to 7.5: scale them"),
        (np.array([[-0.1, 0.5]]), "floats from -0.1 to 0.5: scale them"),
        (np.array([[0.0, np.nan]]), "holds NaN"),
        (np.zeros((3, 20, 20)), r"shape \(3, 20, 20\)"),
        (np.zeros(5), r"shape \(5,\)"),
        (np.zeros((0, 5)), r"shape \(0, 5\)"),
        (np.array([object()]), r"not a picture"),
        (np.ma.masked_array(np.zeros((2, 2)), [[1, 0], [0, 0]]), r"masked pixels.*filled"),
        (np.rec.array(np.zeros((2, 2), [("figure", "u1")])), "does not define"),
        (pd.Series([1.0, 2.0]), "not a picture"),
    ],
)
def test_ambiguous_array_is_refused(array, words):
    """The encoder guesses neither a scale nor an order of the axes."""
    with pytest.raises(PictureError, match=words):
        file_part(array)


class TensorThatRequiresGrad:
    """Looks like a tensor of PyTorch that numpy cannot read."""

    shape, dtype = (2, 2), "float32"

    def __array__(self, *_, **__):
        raise RuntimeError("Use tensor.detach().numpy() instead.")


def test_unreadable_tensor_error_contains_the_advice_of_its_library():
    with pytest.raises(PictureError, match=r"Tensor.* cannot be read .*Use tensor.detach"):
        file_part(TensorThatRequiresGrad())


def test_tensor_without_numpy_is_refused(monkeypatch):
    """The error says what to import."""
    monkeypatch.setitem(sys.modules, "numpy", None)

    with pytest.raises(PictureError, match="run  import numpy  and"):
        file_part(TensorThatRequiresGrad())
