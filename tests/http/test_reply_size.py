"""A small reply never becomes large: decompression, downloads, lists, JSON and headers are bounded."""

import functools
import gzip
import json
import os
import subprocess
import sys
import time
import zlib
from pathlib import Path

import pytest
from support.helpers import PNG
from support.raw_server import raw_server, read_head
from support.scripted_server import scripted_server, scripted_session

from gyazo_nb import (
    ConnectionFailedError,
    Gyazo,
    GyazoError,
    Image,
    InvalidRequestError,
    PictureError,
    UnreadableReplyError,
)

MB = 2**20
USER = {"user": {"uid": "u1", "name": "Sandy Box", "email": "sandy@box.example"}}


def session(headers, body, status=200):
    """A session with a server that sends one reply to each request."""
    return scripted_session(lambda *_: (status, headers, body))


@functools.cache
def zeros(megabytes, nested=1):
    """Zeros, compressed several times."""
    if nested > 1:
        return gzip.compress(zeros(megabytes, nested - 1))
    packer = zlib.compressobj(9, wbits=16 + zlib.MAX_WBITS)
    block = bytes(MB)
    return b"".join(packer.compress(block) for _ in range(megabytes)) + packer.flush()


@pytest.mark.parametrize("encoding", ["none", "UTF-8", "binary", "aws-chunked"])
def test_encoding_that_names_no_compression_is_ignored(call, encoding):
    """Some servers send these, and browsers ignore them. Servers like S3 send the last one."""
    with session({"Content-Encoding": encoding}, PNG) as (gyazo, _):
        picture = Image("a", url=gyazo.account.site.api_url, source=gyazo._connection.transport)
        assert call(picture, "download") == PNG


@pytest.mark.parametrize("encoding", ["gzip", "GZIP", " x-gzip ", "deflate", "identity", ""])
def test_reply_with_one_known_encoding_is_read(call, encoding):
    """Gzip is the one that is requested."""
    body = json.dumps(USER).encode()
    if encoding.strip().lower() == "deflate":
        body = zlib.compress(body)
    elif "gzip" in encoding.lower():
        body = gzip.compress(body)
    with session({"Content-Encoding": encoding}, body) as (gyazo, received):
        assert call(gyazo, "me").uid == "u1"
        assert received[0][2]["Accept-Encoding"] == "gzip"


@pytest.mark.parametrize(
    "encoding",
    ["gzip, gzip", "gzip, gzip, gzip", "gzip,identity", "deflate, gzip", "br", "zstd", "compress"],
)
def test_reply_with_several_or_unknown_encodings_is_an_error(call, encoding):
    """It was not requested. httpx would decode any number of them."""
    body = gzip.compress(gzip.compress(gzip.compress(json.dumps(USER).encode())))
    with (
        session({"Content-Encoding": encoding}, body) as (gyazo, _),
        pytest.raises(ConnectionFailedError, match="cannot be decompressed: check the URL"),
    ):
        call(gyazo, "me")


def test_encodings_in_several_headers_are_an_error(call):
    """They count as one list."""

    def reply(client):
        read_head(client)
        body = zeros(1, nested=3)
        client.sendall(b"HTTP/1.1 200 OK\r\n" + b"Content-Encoding: gzip\r\n" * 3)
        client.sendall(b"Content-Length: %d\r\n\r\n" % len(body) + body)

    with (
        raw_server(reply) as server,
        Gyazo("a-token", api_url=server.url, retries=0) as gyazo,
        pytest.raises(ConnectionFailedError, match="cannot be decompressed"),
    ):
        call(gyazo, "me")


GOOD = gzip.compress(json.dumps(USER).encode())


@pytest.mark.parametrize(
    "body",
    [
        GOOD[:-1],
        GOOD[:12],
        GOOD[:5],
        GOOD[:-8] + b"wrong!!!",
        b"not gzip",
        GOOD + b"more",
        GOOD * 2,
    ],
    ids=["1 byte less", "only its head", "half its head", "checksum", "text", "more", "twice"],
)
def test_damaged_gzip_is_an_error(call, body):
    """A part of a reply is never taken for the whole."""
    with session({"Content-Encoding": "gzip"}, body) as (gyazo, _):
        picture = Image("a", url=gyazo.account.site.api_url, source=gyazo._connection.transport)
        with pytest.raises(ConnectionFailedError, match="cannot be decompressed"):
            call(gyazo, "me")
        with pytest.raises(ConnectionFailedError, match="cannot be decompressed"):
            call(picture, "download")
        with pytest.raises(PictureError, match="cannot be decompressed"):
            call(gyazo, "upload", picture.url)


@pytest.mark.parametrize("headers", [{}, {"Content-Encoding": "gzip"}], ids=["plain", "gzip"])
def test_json_reply_of_more_than_8_mb_is_an_error(call, headers):
    body = zeros(9) if headers else b" " * 9 * MB
    with (
        session(headers, body) as (gyazo, _),
        pytest.raises(ConnectionFailedError, match="sent a reply of more than 8 MB"),
    ):
        call(gyazo, "me")


@pytest.mark.parametrize("headers", [{}, {"Content-Encoding": "gzip"}], ids=["plain", "gzip"])
def test_file_larger_than_the_setting_is_an_error(call, monkeypatch, headers):
    """Both ways to fetch a file name the setting."""
    monkeypatch.setenv("GYAZO_MAX_DOWNLOAD_MB", "1")
    body = zeros(2) if headers else PNG + bytes(MB)
    with session(headers, body) as (gyazo, _):
        picture = Image("a", url=gyazo.account.site.api_url, source=gyazo._connection.transport)
        with pytest.raises(ConnectionFailedError, match="more than 1 MB.*GYAZO_MAX_DOWNLOAD_MB"):
            call(picture, "download")
        with pytest.raises(PictureError, match="more than 1 MB.*GYAZO_MAX_DOWNLOAD_MB"):
            call(gyazo, "upload", picture.url)


def test_file_of_exactly_the_limit_is_fetched(call, monkeypatch):
    monkeypatch.setenv("GYAZO_MAX_DOWNLOAD_MB", "1")
    for headers, body in (({}, bytes(MB)), ({"Content-Encoding": "gzip"}, zeros(1))):
        with session(headers, body) as (gyazo, _):
            url = gyazo.account.site.api_url
            picture = Image("a", url=url, source=gyazo._connection.transport)
            assert call(picture, "download") == bytes(MB)
            assert gyazo._connection.download(url) == bytes(MB)


def test_wrong_limit_of_downloads_is_named(call, monkeypatch):
    monkeypatch.setenv("GYAZO_MAX_DOWNLOAD_MB", "plenty")
    with session({}, PNG) as (gyazo, received):
        picture = Image("a", url=gyazo.account.site.api_url, source=gyazo._connection.transport)
        for fetch in (
            lambda: call(picture, "download"),
            lambda: call(gyazo, "upload", picture.url),
        ):
            with pytest.raises(GyazoError, match="GYAZO_MAX_DOWNLOAD_MB .* must be a whole number"):
                fetch()
        assert received == []


def test_body_of_a_redirect_is_not_read(call):
    """Its decompression has no limit in httpx."""
    body = zeros(20, nested=2)
    redirect = {"Location": "/picture.png", "Content-Encoding": "gzip, gzip"}

    def reply(_, path):
        return (302, redirect, body) if path == "/" else (200, {}, PNG)

    with scripted_session(reply) as (gyazo, _):
        url = gyazo.account.site.api_url
        assert call(Image("a", url=url, source=gyazo._connection.transport), "download") == PNG
        assert gyazo._connection.download(url) == PNG


BODIES = {
    "a million images": b"[" + b"{}," * 999_999 + b"{}]",
    "1001 images": json.dumps([{"image_id": "a"}] * 1001).encode(),
    "a million lists": b"[" + b"[]," * 999_999 + b"[]]",
    "a million objects in an object": b'{"images":[' + b"{}," * 999_999 + b"{}]}",
    "nested lists": b"[" * 100_000 + b"]" * 100_000,
    "lists without an end": b"[" * 8_000_000,
    "nested objects": b'{"user":' * 50_000 + b"1" + b"}" * 50_000,
    "a number of a million digits": b"9" * 1_000_000,
    "a list of numbers": b"[" + b"0," * 1_000_000 + b"0]",
    "an infinite number": b"1e999999999",
}


@functools.cache
def packed(name):
    return gzip.compress(BODIES[name], 1)


@pytest.mark.parametrize("name", BODIES)
@pytest.mark.parametrize("status", [200, 400])
def test_unreasonable_json_is_an_error(call, name, status):
    """Also as the message of another error."""
    headers = {"Content-Encoding": "gzip"}
    with session(headers, packed(name), status) as (gyazo, _):
        for method, *arguments in (("me",), ("image", "a" * 32), ("search", "x")):
            with pytest.raises((UnreadableReplyError, InvalidRequestError)) as caught:
                call(gyazo, method, *arguments)
            assert len(str(caught.value)) < 1000


def test_page_of_a_thousand_images_is_read(call):
    """Ten times as many as the largest page of Gyazo."""
    with session({}, [{"image_id": f"{n:032x}"} for n in range(1000)]) as (gyazo, _):
        assert len(call(gyazo, "images", page=1)) == 1000


def test_numbers_out_of_range_are_ignored(call):
    """Infinite, larger than any float, or a date after the year 9999."""
    body = (
        b'{"image_id": "a", "video_length": 1e999, "exif_normalized": {"latitude": 1' + b"0" * 4000
    ) + b', "longitude": NaN}, "localizedObjectAnnotations": [{"name": "n", "score": -1e999}]}'
    with session({}, body) as (gyazo, _):
        image = call(gyazo, "image", "a" * 32)
        assert (image.video_length, image.location, image.objects[0].score) == (None, None, None)

    for seconds in (1e999, 10**30, 253_402_300_799, -1e15):
        link = {"get_image_url": "https://gyazo.com/x", "expires_at": seconds}
        with session({}, json.dumps(link).encode()) as (gyazo, _):
            easy = call(gyazo, "easy_upload", PNG, client_id="c")
            assert "https://gyazo.com/x" in str(easy)
            assert "https://gyazo.com/x" in easy._repr_html_()


@pytest.mark.parametrize(
    "headers",
    [
        b"X: y\r\n" * 200_000,
        b"X: " + b"y" * 1_000_000 + b"\r\n",
        b"X" * 1_000_000 + b": y\r\n",
        b"X: y\r\n" + b" folded\r\n" * 100_000,
    ],
    ids=["many", "long value", "long name", "folded"],
)
def test_flood_of_headers_is_an_error(call, headers):
    def reply(client):
        read_head(client)
        client.sendall(b"HTTP/1.1 200 OK\r\n" + headers + b"\r\n")

    with (
        raw_server(reply) as server,
        Gyazo("a-token", api_url=server.url, retries=0) as gyazo,
        pytest.raises(ConnectionFailedError, match="sent a reply that is not HTTP"),
    ):
        call(gyazo, "me")


def test_long_texts_of_an_image_are_shown_shortened(call):
    """In the repr and in a notebook. The fields keep them."""
    long = "x" * 3_500_000
    with session(
        {}, {"image_id": "a", "metadata": {"title": long}, "url": f"https://a/{long}"}
    ) as (
        gyazo,
        _,
    ):
        image = call(gyazo, "image", "a" * 32)

    assert (image.title, image.url) == (long, None)
    assert len(repr(image)) < 1000
    assert len(image._repr_html_()) < 10_000


# In a process of its own, whose memory is limited: a session, and what one reply costs it.
PEAK = """
import resource
import sys
from gyazo_nb import Gyazo, Image
megabyte = 2**20
url = sys.argv[1]
gyazo = Gyazo("a-token", api_url=url, upload_url=url, retries=0)
picture = Image("a", url=url + "/small", source=gyazo._connection.transport)
picture.download(), gyazo._connection.download(picture.url)  # imports everything
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
with open("/proc/self/statm") as file:
    size = int(file.read().split()[0]) * resource.getpagesize()
resource.setrlimit(resource.RLIMIT_AS, (size + 400 * megabyte, -1))
picture = Image("a", url=url + "/large", source=gyazo._connection.transport)
for call in (gyazo.me, lambda: gyazo.images(page=1), lambda: len(gyazo.images()), picture.download,
             lambda: gyazo.upload(picture.url)):
    try:
        call()
    except Exception as error:
        print(type(error).__name__)
print((resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) // 1024, "MB")
"""


@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="the memory is read from /proc")
@pytest.mark.parametrize(
    ("headers", "body"),
    [
        ({"Content-Encoding": "gzip, gzip, gzip"}, lambda: zeros(200, nested=3)),
        ({"Content-Encoding": "gzip"}, lambda: zeros(200)),
        ({"Content-Encoding": "gzip"}, lambda: packed("a million images")),
        (
            {"Content-Encoding": "gzip"},
            lambda: gzip.compress(b"[" + b"[]," * 2_500_000 + b"[]]", 1),
        ),
    ],
    ids=["three times gzip", "200 MB in gzip", "a million images", "8 MB of lists"],
)
@pytest.mark.slow
def test_memory_for_a_reply_is_bounded(headers, body):
    """No call needs more than some multiples of the limit, and none raises MemoryError."""
    data = body()

    def reply(_, path):
        return (200, {}, PNG) if path == "/small" else (200, headers, data)

    with scripted_server(reply) as (url, _):
        done = subprocess.run(
            [sys.executable, "-c", PEAK, url],
            env=os.environ | {"GYAZO_MAX_DOWNLOAD_MB": "16"},
            capture_output=True,
            text=True,
            check=False,
            timeout=120,
        )

    *errors, peak = done.stdout.splitlines()
    assert set(errors) <= {"ConnectionFailedError", "UnreadableReplyError", "PictureError"}, done
    assert len(errors) >= 4, done
    assert int(peak.split()[0]) < 100


@pytest.mark.slow
def test_download_that_needs_more_memory_than_there_is_raises_one_sentence():
    """As in a small container: the limit of a download is larger than its memory."""
    data = zeros(200)
    with scripted_server(
        lambda _, path: (
            (200, {}, PNG) if path == "/small" else (200, {"Content-Encoding": "gzip"}, data)
        )
    ) as (url, _):
        code = PEAK.replace("400 * megabyte", "60 * megabyte").replace(
            "print(type(error).__name__)", "print(error)"
        )
        done = subprocess.run(
            [sys.executable, "-c", code, url],
            env=os.environ | {"GYAZO_MAX_DOWNLOAD_MB": "1000"},
            capture_output=True,
            text=True,
            check=False,
            timeout=120,
        )

    assert done.stdout.count("needs more memory than this machine has left") == 2, done


def test_limits_cost_no_time():
    """A reply with the largest allowed body is read in a moment."""
    body = json.dumps(
        [{"image_id": f"{n:032x}", "ocr": {"description": "x" * 7000}} for n in range(1000)]
    )
    with session({"Content-Encoding": "gzip"}, gzip.compress(body.encode(), 1)) as (gyazo, _):
        began = time.monotonic()
        assert len(gyazo.images(page=1)) == 1000
        assert time.monotonic() - began < 60
