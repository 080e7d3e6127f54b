"""What people have in notebooks becomes the bytes of a picture, with nothing lost."""

import io

import matplotlib as mpl
import pytest
from harness import PNG
from PIL import Image as Pillow

from gyazo_nb import PictureError
from gyazo_nb.picture import file_part, kind_of

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


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGB", "RGBA", "CMYK", "F", "HSV", "I;16"])
def test_an_image_of_any_mode_arrives(mode):
    """What PNG can hold is kept as it is, the rest becomes RGB."""
    image = Pillow.new(mode, (3, 2))

    sent = opened(file_part(image))

    assert sent.format == "PNG"
    assert sent.size == (3, 2)


def test_a_png_loses_nothing():
    """Every pixel of an image in memory comes out again."""
    image = Pillow.effect_noise((20, 20), 50)

    assert opened(file_part(image)).tobytes() == image.tobytes()


def encoded(kind, **options):
    out = io.BytesIO()
    frames = [Pillow.effect_noise((16, 16), sigma).convert("P") for sigma in (10, 90)]
    if kind == "GIF":
        frames[0].save(out, kind, save_all=True, append_images=frames[1:], **options)
    else:
        frames[0].convert("RGB").save(out, kind, **options)
    return out.getvalue()


def test_a_gif_keeps_its_frames():
    """GIF stays GIF, moving."""
    sent = opened(file_part(Pillow.open(io.BytesIO(encoded("GIF")))))

    assert (sent.format, sent.n_frames) == ("GIF", 2)


def test_a_jpeg_stays_a_jpeg():
    """A JPEG that Pillow opened is written with the tables it was read with."""
    image = Pillow.open(io.BytesIO(encoded("JPEG", quality=31)))
    sent = opened(file_part(image))

    assert sent.format == "JPEG"
    assert sent.quantization == image.quantization


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
        (b"\x00\x00\x00\x18ftypisom", "mp4"),
        (b"hello", None),
        (b"", None),
    ],
)
def test_kinds_are_told_by_their_first_bytes(head, kind):
    """The name of a file says nothing about what is in it."""
    assert kind_of(head) == kind


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


def test_a_file_that_may_not_be_read_is_a_sentence(tmp_path):
    """The system's reason stands in it."""
    with pytest.raises(PictureError, match=r"cannot be read|is a folder"):
        file_part(tmp_path / ("x" * 300))


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
