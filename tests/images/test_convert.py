"""What people have in notebooks becomes the bytes of a picture, with nothing lost."""

import codecs
import io
import struct
import zlib
from pathlib import Path

import matplotlib as mpl
import numpy as np
import pytest
from PIL import Image as Pillow
from PIL import ImageSequence
from support.helpers import PNG

from gyazo_nb import PictureError
from gyazo_nb.images.convert import detect_format, file_part, picture_url

mpl.use("agg")


def opened(part):
    return Pillow.open(io.BytesIO(part.content))


@pytest.fixture
def figure():
    from matplotlib.figure import Figure  # noqa: PLC0415 -- after the backend was chosen

    figure = Figure(figsize=(2, 1))
    figure.subplots().plot([0, 1, 4])
    return figure


def test_a_figure_is_drawn(figure):
    """A matplotlib figure becomes a PNG with something on it."""
    part = file_part(figure)

    assert part.content_type == "image/png"
    assert len(opened(part).convert("L").getcolors()) > 2


def test_a_figure_that_cannot_be_drawn_is_a_sentence(figure):
    """The library's own reason stands in it."""
    figure.axes[0].set_title(r"$\frac{$")

    with pytest.raises(PictureError, match="could not be drawn .ValueError"):
        file_part(figure)


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


@pytest.mark.parametrize("mode", MODES)
def test_an_image_of_any_mode_arrives(mode):
    """What PNG can hold is kept as it is, the rest becomes RGB."""
    image = Pillow.new(mode, (3, 2))

    sent = opened(file_part(image))

    assert sent.format == "PNG"
    assert sent.size == (3, 2)


def test_large_numbers_arrive_to_the_last_bit():
    """Sixteen bits of either order, whole numbers that fit into them, and floats that are bytes."""
    values = np.array([[0, 1, 255, 256, 40_000, 65_535]])
    for kind, mode in (("<u2", "I;16"), (">u2", "I;16B"), ("<i4", "I")):
        image = Pillow.fromarray(values.astype(kind))
        assert image.mode == mode
        assert np.asarray(opened(file_part(image))).tolist() == values.tolist()
    grey = Pillow.effect_noise((20, 20), 50)
    assert opened(file_part(grey.convert("F"))).tobytes() == grey.tobytes()


@pytest.mark.parametrize(
    "numbers",
    [np.linspace(0, 1, 6, dtype="f4"), np.array([300.5], "f4"), np.array([-1, 70_000], "i4")],
)
def test_numbers_that_would_be_cut_are_a_sentence(numbers):
    """How bright they are is not guessed."""
    with pytest.raises(PictureError, match="does not say how bright"):
        file_part(Pillow.fromarray(numbers[None]))


def test_what_can_be_seen_through_stays_so():
    """A palette with alpha keeps the alpha."""
    clear = Pillow.new("RGBA", (2, 2), (10, 20, 30, 40)).convert("PA")

    sent = opened(file_part(clear)).convert("RGBA")

    assert sent.getpixel((0, 0)) == clear.convert("RGBA").getpixel((0, 0))
    assert sent.getpixel((0, 0))[3] == 40


def test_a_png_loses_nothing():
    """Every pixel of an image in memory comes out again."""
    image = Pillow.effect_noise((20, 20), 50)

    assert opened(file_part(image)).tobytes() == image.tobytes()


def noise(count):
    return [Pillow.effect_noise((16, 16), 10 + 20 * n) for n in range(count)]


def encoded(kind, *images, **options):
    """The bytes of images as one file: frames, pages or views."""
    first, *rest = images or [image.convert("RGB") for image in noise(1)]
    if rest:
        options |= {"save_all": True, "append_images": rest}
    out = io.BytesIO()
    first.save(out, kind, **options)
    return out.getvalue()


def frames(image):
    return [np.asarray(one.convert("RGB")).tolist() for one in ImageSequence.all_frames(image)]


@pytest.mark.parametrize(("kind", "sent_as"), [("GIF", "GIF"), ("PNG", "PNG"), ("WEBP", "PNG")])
def test_a_moving_image_arrives_whole_and_stays_where_it_was(kind, sent_as):
    """Every frame of it, to the last pixel; the user's image still stands at its first."""
    image = Pillow.open(io.BytesIO(encoded(kind, *noise(4), duration=100)))

    sent = opened(file_part(image))

    assert image.tell() == 0
    assert (sent.format, sent.n_frames) == (sent_as, 4)
    assert frames(sent) == frames(image)


def test_a_frame_of_a_moving_image_is_one_picture():
    """Who went to a frame, or loops over them, means that one."""
    image = Pillow.open(io.BytesIO(encoded("GIF", *noise(4), duration=100)))
    for at, frame in list(enumerate(frames(image)))[1:]:
        image.seek(at)
        sent = opened(file_part(image))
        assert frames(sent) == [frame]
        assert image.tell() == at


@pytest.mark.parametrize(("kind", "sent_as"), [("TIFF", "PNG"), ("MPO", "JPEG")])
def test_pages_and_views_do_not_move(kind, sent_as):
    """Of a scan the page that is shown arrives, of a phone's picture the view that is."""
    image = Pillow.open(io.BytesIO(encoded(kind, *[i.convert("RGB") for i in noise(2)])))

    sent = opened(file_part(image))

    assert (sent.format, getattr(sent, "n_frames", 1)) == (sent_as, 1)
    assert np.abs(np.asarray(sent, int) - np.asarray(image, int)).max() <= 8


def test_a_jpeg_stays_a_jpeg():
    """A JPEG that Pillow opened is written with the tables it was read with."""
    image = Pillow.open(io.BytesIO(encoded("JPEG", quality=31)))
    sent = opened(file_part(image))

    assert sent.format == "JPEG"
    assert sent.quantization == image.quantization


@pytest.mark.parametrize("kind", ["JPEG", "PNG"])
def test_a_photo_keeps_its_colours_and_its_upper_side_and_no_more(kind):
    """The colour profile and the orientation go along; where and by what it was taken does not."""
    exif = Pillow.Exif()
    exif.update({0x0112: 6, 0x0110: "camera", 0x8825: {1: "N", 2: (35.0, 0.0, 0.0)}})
    image = Pillow.open(io.BytesIO(encoded(kind, exif=exif, icc_profile=b"profile" * 9)))

    part = file_part(image)
    sent = opened(part)

    assert sent.info["icc_profile"] == b"profile" * 9
    assert dict(sent.getexif()) == {0x0112: 6}
    assert b"camera" not in part.content
    assert image.getexif()[0x0110] == "camera"


def test_a_jpeg_that_became_something_else_is_sent_as_it_is_now():
    """With an alpha channel, it is a PNG."""
    image = Pillow.open(io.BytesIO(encoded("JPEG")))
    image.putalpha(128)

    sent = opened(file_part(image))

    assert (sent.format, sent.mode) == ("PNG", "RGBA")
    assert sent.tobytes() == image.tobytes()


@pytest.mark.parametrize("kind", ["GIF", "PNG", "JPEG"])
def test_a_closed_image_is_a_sentence(tmp_path, kind):
    """Pillow's own reason stands in it."""
    path = tmp_path / "a"
    path.write_bytes(encoded(kind, *noise(1)))
    with Pillow.open(path) as image:
        pass

    with pytest.raises(PictureError, match="This image could not be drawn"):
        file_part(image)


@pytest.mark.parametrize(
    ("head", "kind"),
    [
        (PNG, "png"),
        (b"\xff\xd8\xff\xe0", "jpg"),
        (b"GIF87a", "gif"),
        (b"GIF89a", "gif"),
        (b"RIFF\x10\x00\x00\x00WEBPVP8 ", "webp"),
        (b"RIFF\x10\x00\x00\x00WAVEfmt ", None),
        (b"\x00\x00\x00\x18ftypheic", "heic"),
        (b"\x00\x00\x00\x18ftyphevc", "heic"),
        (b"\x00\x00\x00\x18ftypmif1", "heic"),
        (b"\x00\x00\x00\x18ftypavif", "avif"),
        (b"\x00\x00\x00\x18ftypqt  ", "mov"),
        (b"\x00\x00\x00\x18ftypisom", "mp4"),
        (b"hello", None),
        (b"", None),
    ],
)
def test_kinds_are_told_by_their_first_bytes(head, kind):
    """The name of a file says nothing about what is in it."""
    assert detect_format(head) == kind


def test_unknown_bytes_are_for_the_service_to_judge():
    """Only what is plainly text is refused here."""
    assert file_part(bytes(range(256))).filename == "image.bin"


@pytest.mark.parametrize("data", [b"hello", "größer".encode(), b"<html></html>", b'{"a": 1}'])
def test_text_is_refused(data):
    """A page, a JSON: one sentence."""
    with pytest.raises(PictureError, match="held text"):
        file_part(data)


def test_text_cut_within_a_character_is_still_text():
    """Only the beginning is looked at, and it may end inside of a character."""
    with pytest.raises(PictureError, match="held text"):
        file_part(("a" + "é" * 600).encode())


def test_a_page_with_a_drawing_in_it_is_no_drawing():
    """An SVG begins as one; comments without end cost no time."""
    for page in (f"<html><svg>{'a' * 600}", "<!-- a -->" * 10_000 + "<html>", "<!--" * 10_000):
        with pytest.raises(PictureError, match="held text"):
            file_part(page.encode())


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda at: at / ("x" * 300), "cannot be read: File name too long"),
        (lambda at: at / "a\0b", "cannot be read"),
        (lambda at: str(at / ("x" * 300)), "cannot be read: File name too long"),
        (lambda _: "~nobody-of-this-name/a.png", "There is no file '~nobody-of-this-name/a.png'"),
        (lambda _: Path("~nobody-of-this-name"), "There is no file"),
        (lambda at: at, "is a folder"),
    ],
)
def test_a_path_that_leads_nowhere_is_a_sentence(tmp_path, make, words):
    """The system's reason stands in it."""
    with pytest.raises(PictureError, match=words):
        file_part(make(tmp_path))


def closed(path):
    with path.open("rb") as file:
        return file


@pytest.mark.parametrize(
    ("opened_as", "words"),
    [
        (lambda path: path.open(), "open as text: open it with mode 'rb'"),
        (lambda path: path.open(encoding="latin-1"), "open as text"),
        (lambda _: io.StringIO("plots/a.png"), "open as text"),
        (lambda path: codecs.getreader("utf-8")(path.open("rb")), "mode 'rb'"),
        (closed, "cannot be read .*closed file.*: open it with mode 'rb'"),
        (lambda path: path.with_name("new").open("wb"), "cannot be read .*mode 'rb'"),
    ],
)
def test_a_file_that_is_not_open_for_its_bytes_is_a_sentence(tmp_path, opened_as, words):
    """As text, closed already, or for writing."""
    path = tmp_path / "a.png"
    path.write_bytes(PNG + b"\xff")
    file = opened_as(path)

    with pytest.raises(PictureError, match=words):
        file_part(file)
    file.close()


def test_an_address_that_is_none_is_a_sentence():
    """It is named neither a path nor fetched."""
    assert picture_url(" HTTPS://example.com/a.png ") == "HTTPS://example.com/a.png"
    assert picture_url("//[bad/x.png") is None
    with pytest.raises(PictureError, match="This web address is none"):
        picture_url("http://[bad/x.png")


def test_a_path_is_not_read_before_it_is_sent(tmp_path):
    """A large file is streamed from the disk."""
    path = tmp_path / "a.png"
    path.write_bytes(PNG)

    assert file_part(path).content == path


def test_a_file_is_read_from_where_it_stands():
    """What was read before is not sent; the sentence about an empty rest says so."""
    file = io.BytesIO(PNG)
    file.read()

    with pytest.raises(PictureError, match="from where it stood.*held nothing"):
        file_part(file)


def test_bytes_are_hidden_from_a_repr():
    """A repr of a megabyte helps nobody."""
    assert len(repr(file_part(PNG + bytes(10000)))) < 200


def test_a_picture_that_pillow_finds_too_large_is_a_sentence(gyazo):
    """Its refusal to open a bomb names the way around it."""
    header = b"IHDR" + struct.pack(">IIBBBBB", 100_000, 100_000, 8, 2, 0, 0, 0)
    bomb = PNG[:8] + struct.pack(">I", 13) + header + struct.pack(">I", zlib.crc32(header))
    image = gyazo.upload(bomb + PNG[33:])

    with pytest.raises(PictureError, match=r"larger than Pillow opens.*download\(\)"):
        image.open()
