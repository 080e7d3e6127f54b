"""Bytes, files, paths and web addresses become the file part of an upload."""

import codecs
import contextlib
import io
import os
import socket
import struct
import subprocess
import sys
import zlib
from pathlib import Path

import IPython.display
import pytest
from support.helpers import PNG
from support.pictures import picture_file

from gyazo_nb import PictureError
from gyazo_nb.images.convert import detect_format, file_part, picture_url


@pytest.mark.parametrize(
    ("head", "name"),
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
        (b"\x00\x00\x00\x0aftypmsf1", "heic"),
        (b"\x00\x00\x00\x18ftypavif", "avif"),
        (b"\x00\x00\x00\x18ftypqt  ", "mov"),
        (b"\x00\x00\x00\x18ftypisom", "mp4"),
        (b"hello", None),
        (b"", None),
    ],
)
def test_format_is_detected_from_the_first_bytes(head, name):
    """Not from the name of the file."""
    assert detect_format(head) == name


def test_unknown_binary_data_is_accepted():
    """Gyazo decides about it; only text is refused here."""
    assert file_part(bytes(range(256))).filename == "image.bin"


@pytest.mark.parametrize("data", [b"hello", "größer".encode(), b"<html></html>", b'{"a": 1}'])
def test_text_is_refused(data):
    with pytest.raises(PictureError, match="is text, not a picture"):
        file_part(data)


def test_text_is_detected_if_the_head_ends_inside_a_character():
    """Only the first bytes are checked."""
    with pytest.raises(PictureError, match="is text, not a picture"):
        file_part(("a" + "é" * 600).encode())


def test_html_with_an_svg_inside_is_refused_in_linear_time():
    """Also with many comments, or with comments that never end."""
    for page in (f"<html><svg>{'a' * 600}", "<!-- a -->" * 10_000 + "<html>", "<!--" * 10_000):
        with pytest.raises(PictureError, match="is text, not a picture"):
            file_part(page.encode())


@pytest.mark.parametrize(
    ("make_path", "words"),
    [
        (lambda folder: folder / ("x" * 300), "cannot be read: File name too long"),
        (lambda folder: folder / "a\0b", "cannot be read"),
        (lambda folder: str(folder / ("x" * 300)), "cannot be read: File name too long"),
        (lambda _: "~unknown-user/a.png", "'~unknown-user/a.png' does not exist: check the path"),
        (lambda _: Path("~unknown-user"), "does not exist"),
        (lambda folder: folder, "is a folder"),
        (lambda _: "iVBORw0KGgo" * 999, "^This text is not the path of a picture"),
    ],
)
def test_unreadable_path_is_refused(tmp_path, make_path, words):
    """The error contains the reason of the operating system."""
    with pytest.raises(PictureError, match=words):
        file_part(make_path(tmp_path))


def closed_file(path):
    with path.open("rb") as file:
        return file


@pytest.mark.parametrize(
    ("open_file", "words"),
    [
        (lambda path: path.open(), "open as text: open it with mode 'rb'"),
        (lambda path: path.open(encoding="latin-1"), "open as text"),
        (lambda _: io.StringIO("plots/a.png"), "open as text"),
        (lambda path: codecs.getreader("utf-8")(path.open("rb")), "mode 'rb'"),
        (closed_file, "cannot be read .*closed file.*: open it with mode 'rb'"),
        (lambda path: path.with_name("new").open("wb"), "cannot be read .*mode 'rb'"),
    ],
)
def test_file_that_is_not_open_for_reading_bytes_is_refused(tmp_path, open_file, words):
    """Open as text, open for writing, or closed."""
    path = tmp_path / "a.png"
    path.write_bytes(PNG + b"\xff")
    file = open_file(path)

    with pytest.raises(PictureError, match=words):
        file_part(file)
    file.close()


def test_path_is_not_read_before_it_is_sent(tmp_path):
    """So a large file can be streamed."""
    path = tmp_path / "a.png"
    path.write_bytes(PNG)

    assert file_part(path).content == path


def test_file_is_read_from_its_current_position():
    """An error about an empty rest says so."""
    file = io.BytesIO(PNG)
    file.read()

    with pytest.raises(PictureError, match="from its current position.*is empty"):
        file_part(file)


def test_repr_of_a_file_part_hides_the_bytes():
    assert len(repr(file_part(PNG + bytes(10000)))) < 200


def test_invalid_web_address_is_refused():
    """It is neither downloaded nor taken for a path."""
    assert picture_url(" HTTPS://example.com/a.png ") == "HTTPS://example.com/a.png"
    assert picture_url("//[bad/x.png") is None
    with pytest.raises(PictureError, match="not a valid web address"):
        picture_url("http://[bad/x.png")


@pytest.mark.slow
def test_picture_at_a_web_address_is_downloaded_without_the_token(call, gyazo, server):
    """Redirects are followed. An error does not show the query of the address."""
    image = gyazo.upload(picture_file("JPEG"))
    server.sandbox.requests.clear()

    from_url = call(gyazo, "upload", image.url.replace("https://i.gyazo.com", server.url))
    from_display = call(gyazo, "upload", IPython.display.Image(url=image.url, embed=False))

    assert from_url.image_id == from_display.image_id == image.image_id
    gets = [r for r in server.sandbox.requests if r.method == "GET"]
    downloads = [r for r in gets if not r.path.startswith("/api/")]
    assert downloads
    assert not any("authorization" in r.headers for r in downloads)
    for address, words in (
        (f"{server.url}/no/such", "127.0.0.1 returned 404 instead of a picture"),
        (f"{server.url}/", "The content of this address is text"),
        ("http://127.0.0.1:1/a.png?key=s3cr3t", "could not be fetched from 127.0.0.1"),
    ):
        with pytest.raises(PictureError, match=words) as caught:
            call(gyazo, "upload", address)
        assert "s3cr3t" not in str(caught.value)


def test_picture_over_the_limit_of_pillow_is_not_opened(gyazo):
    """Pillow refuses it as a decompression bomb; the error names another way."""
    header = b"IHDR" + struct.pack(">IIBBBBB", 100_000, 100_000, 8, 2, 0, 0, 0)
    bomb = PNG[:8] + struct.pack(">I", 13) + header + struct.pack(">I", zlib.crc32(header))
    image = gyazo.upload(bomb + PNG[33:])

    with pytest.raises(PictureError, match=r"larger than the limit of Pillow.*download\(\)"):
        image.open()


CONVERT_WITHOUT_LIBRARIES = """
import io, sys
from gyazo_nb import Gyazo, PictureError
from gyazo_nb.images.convert import file_part
for item in (b"GIF89a", io.BytesIO(b"GIF89a"), sys.argv[0], object(), 5):
    try:
        file_part(item)
    except PictureError:
        pass
print(*{"PIL", "numpy", "matplotlib", "pandas", "plotly", "altair", "kaleido", "vl_convert", "cairosvg",
    "IPython", "tqdm", "httpx"} & set(sys.modules))
"""


def test_converting_bytes_and_files_imports_no_picture_library():
    """Also for an object that is not recognized."""
    done = subprocess.run(
        [sys.executable, "-c", CONVERT_WITHOUT_LIBRARIES],
        capture_output=True,
        text=True,
        check=True,
    )

    assert done.stdout.strip() == ""


@pytest.mark.parametrize("kind", ["pipe", "device", "link to a device", "socket"])
def test_path_of_a_pipe_or_a_device_is_refused(tmp_path, kind):
    """Reading it might never end."""
    path = tmp_path / "a.png"
    with contextlib.ExitStack() as stack:
        if kind == "pipe":
            os.mkfifo(path)
        elif kind == "device":
            path = Path("/dev/zero")
        elif kind == "link to a device":
            path.symlink_to("/dev/zero")
        else:
            listener = stack.enter_context(socket.socket(socket.AF_UNIX))
            listener.bind(str(path))
        with pytest.raises(PictureError, match="is a pipe or a device: pass the path of a file"):
            file_part(path)
