"""PIL images become files with the same pixels and frames."""

import numpy as np
import pytest
from PIL import Image, ImageSequence
from support.pictures import image_from_file, noise_images, open_part, picture_file

from gyazo_nb import PictureError
from gyazo_nb.images.convert import file_part

MODES = [
    "1",
    "L",
    "LA",
    "P",
    "RGB",
    "RGBA",
    "CMYK",
    "F",
    "HSV",
    "I",
    "I;16",
    "I;16B",
    "I;16L",
    "I;16N",
    "LAB",
    "PA",
    "La",
    "RGBX",
    "RGBa",
    "YCbCr",
]


def frames(image):
    return [np.asarray(frame.convert("RGB")).tolist() for frame in ImageSequence.all_frames(image)]


@pytest.mark.parametrize("mode", MODES)
def test_image_of_every_mode_is_encoded(mode):
    """A mode that PNG can store stays; other modes become RGB."""
    image = Image.new(mode, (3, 2))

    sent = open_part(file_part(image))

    assert sent.format == "PNG"
    assert sent.size == (3, 2)


def test_image_in_memory_keeps_its_pixels():
    image = Image.effect_noise((20, 20), 50)

    assert open_part(file_part(image)).tobytes() == image.tobytes()


def test_16_bit_values_are_kept():
    """In both byte orders, as 32-bit integers that fit into 16 bits, and as floats that fit into 8."""
    values = np.array([[0, 1, 255, 256, 40_000, 65_535]])
    for dtype, mode in (("<u2", "I;16"), (">u2", "I;16B"), ("<i4", "I")):
        image = Image.fromarray(values.astype(dtype))
        assert image.mode == mode
        assert np.asarray(open_part(file_part(image))).tolist() == values.tolist()
    gray = Image.effect_noise((20, 20), 50)
    assert open_part(file_part(gray.convert("F"))).tobytes() == gray.tobytes()


@pytest.mark.parametrize(
    "values",
    [np.linspace(0, 1, 6, dtype="f4"), np.array([300.5], "f4"), np.array([-1, 70_000], "i4")],
)
def test_values_that_png_would_cut_are_refused(values):
    """Their scale is not guessed."""
    with pytest.raises(PictureError, match="does not define which value is white"):
        file_part(Image.fromarray(values[None]))


def test_palette_with_alpha_keeps_its_alpha():
    transparent = Image.new("RGBA", (2, 2), (10, 20, 30, 40)).convert("PA")

    sent = open_part(file_part(transparent)).convert("RGBA")

    assert sent.getpixel((0, 0)) == transparent.convert("RGBA").getpixel((0, 0))
    assert sent.getpixel((0, 0))[3] == 40


@pytest.mark.parametrize(
    ("file_format", "sent_as"), [("GIF", "GIF"), ("PNG", "PNG"), ("WEBP", "WEBP")]
)
def test_animation_keeps_all_frames(file_format, sent_as):
    """And the image object stays at its first frame."""
    image = image_from_file(file_format, *noise_images(4), duration=100)

    sent = open_part(file_part(image))

    assert image.tell() == 0
    assert (sent.format, sent.n_frames) == (sent_as, 4)
    assert frames(sent) == frames(image)


def test_later_frame_of_an_animation_is_sent_as_one_picture():
    """A user who calls `seek`, or loops over the frames, means the current one."""
    image = image_from_file("GIF", *noise_images(4), duration=100)
    for index, frame in list(enumerate(frames(image)))[1:]:
        image.seek(index)
        sent = open_part(file_part(image))
        assert frames(sent) == [frame]
        assert image.tell() == index


@pytest.mark.parametrize(("file_format", "sent_as"), [("TIFF", "PNG"), ("MPO", "JPEG")])
def test_only_the_current_page_or_view_is_sent(file_format, sent_as):
    """The frames of a TIFF are pages of a scan, and those of an MPO are views of one scene."""
    pages = [image.convert("RGB") for image in noise_images(2)]
    image = image_from_file(file_format, *pages)

    sent = open_part(file_part(image))

    assert (sent.format, getattr(sent, "n_frames", 1)) == (sent_as, 1)
    assert np.abs(np.asarray(sent, int) - np.asarray(image, int)).max() <= 8


def test_jpeg_is_encoded_with_its_original_tables():
    image = image_from_file("JPEG", quality=31)
    sent = open_part(file_part(image))

    assert sent.format == "JPEG"
    assert sent.quantization == image.quantization


@pytest.mark.parametrize("file_format", ["JPEG", "PNG"])
def test_photo_keeps_only_profile_and_orientation(file_format):
    """The camera and the location are not sent; the image object keeps them."""
    exif = Image.Exif()
    exif.update({0x0112: 6, 0x0110: "camera", 0x8825: {1: "N", 2: (35.0, 0.0, 0.0)}})
    image = image_from_file(file_format, exif=exif, icc_profile=b"profile" * 9)

    part = file_part(image)
    sent = open_part(part)

    assert sent.info["icc_profile"] == b"profile" * 9
    assert dict(sent.getexif()) == {0x0112: 6}
    assert b"camera" not in part.content
    assert image.getexif()[0x0110] == "camera"


def test_jpeg_with_an_added_alpha_channel_becomes_png():
    image = image_from_file("JPEG")
    image.putalpha(128)

    sent = open_part(file_part(image))

    assert (sent.format, sent.mode) == ("PNG", "RGBA")
    assert sent.tobytes() == image.tobytes()


@pytest.mark.parametrize("file_format", ["GIF", "PNG", "JPEG"])
def test_closed_image_is_refused(tmp_path, file_format):
    path = tmp_path / "a"
    path.write_bytes(picture_file(file_format, *noise_images(1)))
    with Image.open(path) as image:
        pass

    with pytest.raises(PictureError, match="This image could not be rendered"):
        file_part(image)
