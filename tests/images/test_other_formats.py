"""Data that Gyazo does not accept is converted without loss, or refused by a sentence that names the way."""

import base64
import codecs
import gzip
import io
import json
import struct
import sys
import zipfile

import IPython.display
import ipywidgets
import numpy as np
import pytest
from PIL import Image
from support.pictures import noise_images, open_part, picture_file

from gyazo_nb import PictureError
from gyazo_nb.images.convert import file_part, picture_url


def zip_file():
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        archive.writestr("a.png", b"a")
    return out.getvalue()


def numpy_file():
    out = io.BytesIO()
    np.save(out, np.eye(3))
    return out.getvalue()


REFUSED = {
    "PDF": (lambda: picture_file("PDF"), "is a PDF, which Gyazo does not accept: save its page as PNG"),
    "EPS": (lambda: picture_file("EPS"), "is a PostScript file.*save it as PNG"),
    "Photoshop": (lambda: b"8BPS\0\1" + bytes(99), r"Photoshop.*PIL.Image.open\(path\)"),
    "ICO": (lambda: picture_file("ICO"), r"icon \(ICO\).*PIL.Image.open"),
    "ICNS": (lambda: picture_file("ICNS"), r"icon \(ICNS\).*PIL.Image.open"),
    "DDS": (lambda: picture_file("DDS"), "DDS texture.*PIL.Image.open"),
    "SGI": (lambda: picture_file("SGI"), "SGI image.*PIL.Image.open"),
    "PCX": (lambda: picture_file("PCX"), "PCX image.*PIL.Image.open"),
    "DCX": (lambda: b"\xb1\x68\xde\x3a" + bytes(99), "PCX image.*PIL.Image.open"),
    "Photo CD": (lambda: bytes(2048) + b"PCD_OPA" + bytes(99), "Photo CD image.*PIL.Image.open"),
    "GRIB": (lambda: b"GRIB\0\0\1\1" + bytes(99), "format GRIB.*upload an array of its pixels"),
    "JPEG XL": (lambda: b"\xff\x0a" + bytes(99), "JPEG XL.*save it as PNG"),
    "ZIP": (zip_file, "ZIP archive.*unpack it"),
    "gzip": (lambda: gzip.compress(b"<svg/>"), "gzip file.*unpack it"),
    "numpy": (numpy_file, r"array of numpy.*gyazo.upload\(np.load\(path\)\)"),
    "WebM": (lambda: b"\x1a\x45\xdf\xa3" + bytes(99), "WebM video.*ffmpeg -i"),
    "AVI": (lambda: b"RIFF\x10\0\0\0AVI LIST" + bytes(99), "AVI video.*ffmpeg -i"),
    "WAV": (lambda: b"RIFF\x10\0\0\0WAVEfmt " + bytes(99), "sound"),
    "tar": (lambda: bytes(1) * 257 + b"ustar\0" + bytes(99), "tar archive.*unpack it"),
    "HTML": (lambda: b"\n<!DOCTYPE HTML>\n<p>a", r"is text, not a picture \(HTML\).*figure"),
    "JSON": (lambda: json.dumps({"a": [1]}).encode(), r"is text, not a picture \(JSON\)"),
    "JSON list": (lambda: b"[1, 2]", r"is text, not a picture \(JSON\)"),
    "XML": (lambda: b"<?xml version='1.0'?><a/>", r"is text, not a picture \(XML\)"),
    "Git LFS": (lambda: b"version https://git-lfs.github.com/spec/v1\noid", "run  git lfs pull  and"),
    "data: URL": (lambda: b"data:image/png;base64,AAAA", "text.*pass the bytes"),
    "CSV": (lambda: b"a,b\n1,2\n", "is text, not a picture: Gyazo accepts PNG, JPEG and GIF"),
    "Shift JIS": (lambda: "日付,値\n1,2".encode("shift_jis"), "is text, not a picture"),
    "ISO-2022-JP": (lambda: "日付,値\n1,2".encode("iso2022_jp"), "is text, not a picture"),
    "UTF-16": (lambda: codecs.BOM_UTF16_LE + "a,b\n".encode("utf-16-le"), "is text, not a picture"),
    "several pages": (
        lambda: picture_file("TIFF", *noise_images(3)),
        r"TIFF file with 3 pages.*image.seek\(0\); gyazo.upload\(image\)",
    ),
    "camera": (
        lambda: picture_file("TIFF", tiffinfo={254: 1}),
        r"camera file \(RAW\).*upload the JPEG",
    ),
    "damaged": (lambda: picture_file("TIFF")[:60], "TIFF file.*cannot be converted to PNG.*save it"),
    "damaged BMP": (lambda: picture_file("BMP")[:99], "BMP file.*cannot be converted to PNG.*save it"),
}  # fmt: skip


@pytest.mark.parametrize("source", ["path", "bytes", "file"])
@pytest.mark.parametrize(("make", "words"), REFUSED.values(), ids=REFUSED)
def test_format_is_recognized_and_refused(gyazo, server, tmp_path, make, words, source):
    """And nothing is sent. The name of the file plays no part."""
    data = make()
    (path := tmp_path / "a.png").write_bytes(data)
    item = {"path": path, "bytes": data, "file": io.BytesIO(data)}[source]

    with pytest.raises(PictureError, match=words) as caught:
        gyazo.upload(item)

    assert ("'a.png'" in str(caught.value)) == (source == "path")
    assert not [request for request in server.sandbox.requests if request.method == "POST"]


def test_large_file_is_refused_from_its_first_bytes(tmp_path):
    """It is not read."""
    path = tmp_path / "a.pdf"
    with path.open("wb") as file:
        file.write(b"%PDF-1.7\n")
        file.truncate(2**36)

    with pytest.raises(PictureError, match="The file 'a.pdf' is a PDF"):
        file_part(path)


def bmp(mode):
    return lambda: picture_file("BMP", Image.effect_noise((9, 7), 90).convert(mode))


def tiff(image, **options):
    return lambda: picture_file("TIFF", image(), **options)


def noise(mode="L"):
    return Image.merge("RGBA", [*noise_images(3), noise_images(1)[0]]).convert(mode)


CONVERTED = {
    "BMP": bmp("RGB"),
    "BMP, gray": bmp("L"),
    "BMP, palette": bmp("P"),
    "BMP, black and white": bmp("1"),
    "BMP, alpha": lambda: picture_file("BMP", noise("RGBA")),
    "TIFF": tiff(lambda: noise("RGB")),
    "TIFF, alpha": tiff(lambda: noise("RGBA")),
    "TIFF, compressed": tiff(lambda: noise("RGB"), compression="tiff_lzw"),
    "TIFF, big": tiff(lambda: noise("RGB"), big_tiff=True),
    "TIFF, big endian": lambda: picture_file(
        "TIFF", Image.fromarray(np.arange(99, dtype=">u2").reshape(9, 11))
    ),
    "TIFF, 16 bits": tiff(lambda: Image.fromarray(np.arange(99, dtype="<u2").reshape(9, 11) * 600)),
    "TIFF, black and white": tiff(lambda: noise("1"), compression="group4"),
    "TIFF, palette": tiff(lambda: noise("RGB").quantize(9)),
    "PNM": lambda: picture_file("PPM", noise("RGB")),
    "PGM": lambda: picture_file("PPM", noise("L")),
    "PBM with a comment": lambda: b"P4\n# a comment\n16 2\n\xaa\x55\xff\x00",
    "JPEG 2000": lambda: picture_file("JPEG2000", noise("RGB")),
    "QOI": lambda: picture_file("QOI", noise("RGBA")),
}


@pytest.mark.parametrize("source", ["path", "bytes", "file"])
@pytest.mark.parametrize("make", CONVERTED.values(), ids=CONVERTED)
def test_format_is_converted_without_loss(upload, tmp_path, make, source):
    data = make()
    (path := tmp_path / "a").write_bytes(data)
    file = io.BytesIO(b"before" + data)
    file.seek(6)
    expected = Image.open(io.BytesIO(data))

    sent = upload({"path": path, "bytes": data, "file": file}[source])

    assert sent.format == "PNG"
    assert sent.size == expected.size
    if expected.mode.startswith("I"):
        assert np.asarray(sent).tolist() == np.asarray(expected).tolist()
    else:
        assert sent.convert("RGBA").tobytes() == expected.convert("RGBA").tobytes()


def test_16_bit_colors_that_pillow_would_cut_are_refused():
    """Pillow reads 8 bits of them. It writes no such file, so this one is made here."""
    tags = [(256, 2), (257, 1), (259, 1), (262, 2), (273, 200), (277, 3), (278, 1), (279, 12)]
    entries = [struct.pack("<HHII", tag, 4, 1, value) for tag, value in tags]
    entries.insert(2, struct.pack("<HHII", 258, 3, 3, 180))  # BitsPerSample: three values at 180
    data = b"II*\0\x08\0\0\0" + struct.pack("<H", len(entries)) + b"".join(entries) + bytes(4)
    data = data.ljust(180, b"\0") + struct.pack("<3H", 16, 16, 16)
    data = data.ljust(200, b"\0") + struct.pack("<6H", 1, 256, 65535, 4, 5, 6)
    assert Image.open(io.BytesIO(data)).mode == "RGB"

    with pytest.raises(PictureError, match="16 bits per color, which would be cut to 8"):
        file_part(data)


def test_conversion_without_pillow_says_what_to_install(monkeypatch):
    data = picture_file("TIFF")
    monkeypatch.setitem(sys.modules, "PIL.Image", None)

    with pytest.raises(PictureError, match="is a TIFF file.*run  %pip install pillow"):
        file_part(data)


# ── objects ──────────────────────────────────────────────────────────────────────────────────────


class TakesOnlyAPath:
    """The figure of another library, which renders to a file."""

    def savefig(self, path):
        assert isinstance(path, str)
        Image.new("L", (5, 4), 70).save(path)


class TakesOnlyAFile:
    """The figure of another library, which renders into an open file."""

    def savefig(self, file, **_):
        Image.new("L", (5, 4), 70).save(file, "PNG")


class FormatsThePath(TakesOnlyAPath):
    """Would write a file that is named after the repr of another object."""

    def savefig(self, path):
        super().savefig(f"{path}")


class WritesNothing:  # noqa: D101
    def savefig(self, path):
        pass


def test_figure_that_takes_only_a_path_is_rendered(upload, tmp_path, monkeypatch):
    """And no file stays."""
    monkeypatch.chdir(tmp_path)

    for figure in (TakesOnlyAPath(), FormatsThePath()):
        sent = upload(figure)
        assert (sent.size, sent.getpixel((0, 0))) == ((5, 4), 70)
    assert list(tmp_path.iterdir()) == []
    with pytest.raises(PictureError, match="This figure could not be rendered .FileNotFoundError"):
        file_part(WritesNothing())


def test_figure_that_takes_only_a_file_is_rendered(upload):
    sent = upload(TakesOnlyAFile())

    assert (sent.size, sent.getpixel((0, 0))) == ((5, 4), 70)


@pytest.mark.parametrize("file_format", ["PNG", "JPEG", "GIF"])
def test_image_of_ipywidgets_is_sent_unchanged(stored, file_format):
    """The sandbox stores its bytes."""
    data = picture_file(file_format)

    assert stored(ipywidgets.Image(value=data)) == data
    tiff_image = ipywidgets.Image(value=picture_file("TIFF"))
    assert open_part(file_part(tiff_image)).format == "PNG"


def test_empty_or_other_widget_is_refused():
    with pytest.raises(PictureError, match="Image is empty|is not a picture"):
        file_part(ipywidgets.Image())
    with pytest.raises(PictureError, match="is not a picture"):
        file_part(ipywidgets.Text(value="a"))


def test_picture_in_a_data_url_is_sent_unchanged():
    png = picture_file("PNG")
    url = "data:image/png;base64," + base64.b64encode(png).decode()
    svg = "data:image/svg+xml,%3Csvg xmlns='http://www.w3.org/2000/svg' width='3' height='4'/%3E"

    assert file_part(IPython.display.Image(url=url)).content == png
    assert file_part(ipywidgets.Image(value=url.encode(), format="url")).content == png
    assert open_part(file_part(IPython.display.Image(url=svg))).size == (3, 4)


def test_picture_with_a_web_address_is_downloaded():
    url = "https://example.com/a.png"

    assert picture_url(IPython.display.Image(url=url)) == url
    assert picture_url(ipywidgets.Image(value=url.encode(), format="url")) == url


@pytest.mark.parametrize(
    "url", ["plots/a.png", "/files/a.png", "file:///etc/passwd", "//host/a.png"]
)
def test_picture_with_an_address_of_the_page_is_refused(url):
    """Only the page knows it; the error does not show it."""
    for item in (
        IPython.display.Image(url=url),
        ipywidgets.Image(value=url.encode(), format="url"),
    ):
        with pytest.raises(
            PictureError, match="only the page of the notebook can load.*path"
        ) as caught:
            file_part(item)
        assert url not in str(caught.value)
