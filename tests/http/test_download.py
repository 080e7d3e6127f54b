"""A picture that is fetched from an address: which addresses are fetched, and what an error shows."""

import socket
from contextlib import contextmanager
from urllib.parse import quote

import httpx
import pytest
from support.helpers import PNG
from support.raw_server import http_proxy
from support.scripted_server import scripted_server

from gyazo_nb import Gyazo, Image, PictureError, __version__
from gyazo_nb.http.download import is_same_server
from gyazo_nb.http.proxies import is_public


@contextmanager
def servers(location, **headers):
    """A server that redirects `/…` to a location, and one with a picture. `{port}` is that of the second.

    Yields the address of the first, and the requests that the second received.
    """
    with scripted_server(lambda *_: (200, {}, PNG)) as (url, received):
        target = location.format(port=url.rpartition(":")[2])

        def reply(_, path):
            return (302, {"Location": target}, b"") if "hop" in path else (200, {}, PNG)

        with scripted_server(reply) as (first, _):
            yield first, received


PRIVATE = [
    "http://127.0.0.1:{port}/x.png",
    "http://127.0.0.2:{port}/x.png",
    "http://127.1:{port}/x.png",
    "http://localhost:{port}/x.png",
    "http://LOCALHOST.:{port}/x.png",
    "http://api.localhost:{port}/x.png",
    "http://0.0.0.0:{port}/x.png",
    "http://0:{port}/x.png",
    "http://2130706433:{port}/x.png",
    "http://0x7f000001:{port}/x.png",
    "http://0x7f.1:{port}/x.png",
    "http://0177.0.0.1:{port}/x.png",
    "http://[::1]:{port}/x.png",
    "http://[::]:{port}/x.png",
    "http://[::ffff:127.0.0.1]:{port}/x.png",
    "http://[::ffff:7f00:1]:{port}/x.png",
    "http://[64:ff9b::127.0.0.1]:{port}/x.png",
    "http://[2002:7f00:1::]:{port}/x.png",
    "http://[fe80::1]:{port}/x.png",
    "http://[fd00::1]:{port}/x.png",
    "http://10.0.0.1:{port}/x.png",
    "http://172.16.0.1/x.png",
    "http://192.168.0.1/x.png",
    "http://169.254.169.254/latest/meta-data/",
    "http://100.64.0.1/x.png",
    "http://224.0.0.1/x.png",
    "http://255.255.255.255/x.png",
    "http://user:pw@127.0.0.1:{port}/x.png",
    "//127.0.0.1:{port}/x.png",
    "HTTP://127.0.0.1:{port}/x.png",
]


@pytest.mark.parametrize("location", PRIVATE)
def test_redirect_to_a_private_address_is_refused(call, gyazo, server, location):
    """In every spelling. Its picture would become public."""
    with servers(location) as (first, received):
        with pytest.raises(PictureError) as caught:
            call(gyazo, "upload", f"{first}/hop?key=s3cr3t")

        assert received == []
    if "0177" in location:  # httpx rejects it
        assert "redirects to an address that is not valid" in str(caught.value)
    else:
        assert "127.0.0.1 redirects to a private address, which is not fetched" in str(caught.value)
        assert "pass that address itself, or save the picture" in str(caught.value)
    assert "s3cr3t" not in str(caught.value)
    assert server.sandbox.images == []


def test_private_address_is_named_also_while_the_caller_handles_an_error(gyazo):
    """That error becomes the context of the errors of the network."""
    with servers("http://127.0.0.1:{port}/x.png") as (first, _):
        try:
            int("not a number")
        except ValueError:
            with pytest.raises(PictureError, match="redirects to a private address"):
                gyazo.upload(f"{first}/hop")


@pytest.mark.parametrize(
    "address",
    ["127.0.0.1", "localhost", "127.1", "2130706433", "0.0.0.0", "[::ffff:127.0.0.1]"],
)
def test_private_address_that_the_caller_names_is_fetched(call, gyazo, server, address):
    """As the files of the user's own Jupyter server."""
    with scripted_server(lambda *_: (200, {}, PNG)) as (url, _):
        port = url.rpartition(":")[2]
        call(gyazo, "upload", f"http://{address}:{port}/files/x.png?token=t")

    assert [image.data for image in server.sandbox.images] == [PNG]


@pytest.mark.parametrize("location", ["/x.png", "x.png", "//127.0.0.1:{own}/x.png", "?a=b"])
def test_redirect_to_the_same_server_is_followed(call, gyazo, server, location):
    ports = {}

    def reply(_, path):
        target = location.format(**ports)
        return (302, {"Location": target}, b"") if path == "/hop" else (200, {}, PNG)

    with scripted_server(reply) as (url, received):
        ports["own"] = url.rpartition(":")[2]
        call(gyazo, "upload", f"{url}/hop")

    assert len(received) == 2


def test_second_redirect_is_checked_too(call, gyazo):
    """The first one goes to the same server."""
    with scripted_server(lambda *_: (200, {}, PNG)) as (private, received):

        def reply(_, path):
            return 302, {"Location": "/second" if path == "/" else f"{private}/x.png"}, b""

        with (
            scripted_server(reply) as (url, _),
            pytest.raises(PictureError, match="redirects to a private address"),
        ):
            call(gyazo, "upload", f"{url}/")

    assert received == []


def test_name_that_resolves_to_this_machine_is_private(call, gyazo, monkeypatch):
    """A public name server may return any address, and another one each time."""
    real, answers = socket.getaddrinfo, []

    def resolve(host, *args, **kwargs):
        if host not in {"evil.test", b"evil.test"}:
            return real(host, *args, **kwargs)
        return real(answers.pop(0) if answers else "127.0.0.1", *args, **kwargs)

    monkeypatch.setattr(socket, "getaddrinfo", resolve)
    for first_answers in ([], ["8.8.8.8"]):  # the second time, the check sees a public address
        answers[:] = first_answers
        with servers("http://evil.test:{port}/x.png") as (first, received):
            with pytest.raises(PictureError, match="redirects to a private address"):
                call(gyazo, "upload", f"{first}/hop")
            assert received == []


@pytest.mark.parametrize(
    "target", ["http://10.0.0.1/x.png", "http://[fd00::1]/", "http://localhost/x"]
)
def test_proxy_is_not_asked_for_a_private_address(call, gyazo, monkeypatch, target):
    """It may reach more hosts than this machine."""
    with http_proxy({}, status=f"302 Found\r\nLocation: {target}") as (proxy, seen):
        monkeypatch.setenv("HTTP_PROXY", proxy.url)
        with pytest.raises(PictureError, match="gyazo.test redirects to a private address"):
            call(gyazo, "upload", "http://gyazo.test/x.png")

    assert [head.split()[1] for head in seen] == ["http://gyazo.test/x.png"]


def test_redirect_to_a_name_that_only_the_proxy_knows_is_followed(call, gyazo, monkeypatch, server):
    """Behind a proxy, this machine often resolves no public name."""
    with http_proxy({}, body=PNG) as (second, seen):
        location = "302 Found\r\nLocation: http://other.test/x.png\r\nConnection: close"
        with http_proxy({}, status=location) as (first, _):
            monkeypatch.setenv("HTTP_PROXY", first.url)
            original = socket.socket.connect
            monkeypatch.setattr(
                socket.socket,
                "connect",
                # The second request to the first proxy goes to the second one.
                lambda sock, address: original(
                    sock,
                    ("127.0.0.1", second.port)
                    if address[1] == first.port and first.connections
                    else address,
                ),
            )
            call(gyazo, "upload", "http://gyazo.test/x.png")

    assert seen[0].startswith("GET http://other.test/x.png ")
    assert len(server.sandbox.images) == 1


@pytest.mark.parametrize(
    "host", ["127.0.0.1", "localhost", "0.0.0.0", "2130706433", "[::1]", "127.1"]
)
def test_proxy_never_sees_the_address_of_a_local_picture(call, gyazo, monkeypatch, host):
    """It contains the key of the user's Jupyter server."""
    with (
        http_proxy({}, body=PNG) as (proxy, seen),
        scripted_server(lambda *_: (200, {}, PNG)) as (url, _),
    ):
        for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "HTTPS_PROXY"):
            monkeypatch.setenv(name, proxy.url)
        address = f"http://{host}:{url.rpartition(':')[2]}/files/x.png?token=s3cr3t"
        if host == "[::1]":  # the server has no IPv6
            with pytest.raises(PictureError):
                call(gyazo, "upload", address)
        else:
            call(gyazo, "upload", address)

    assert seen == []


@pytest.mark.parametrize("status", [401, 403])
def test_refused_picture_can_be_saved_and_uploaded(call, gyazo, status):
    """Many sites send their pictures to browsers only."""
    with (
        scripted_server(lambda *_: (status, {}, b"")) as (url, _),
        pytest.raises(PictureError) as caught,
    ):
        call(gyazo, "upload", f"{url}/x.png?key=s3cr3t")

    assert str(caught.value) == (
        f"127.0.0.1 returned {status}: it sends this picture to browsers only. Save the picture, and upload "
        f"the file."
    )


@pytest.mark.parametrize("status", [204, 300, 304, 400, 404, 410, 418, 429, 500, 503])
def test_other_status_is_named(call, gyazo, status):
    with (
        scripted_server(lambda *_: (status, {}, b"")) as (url, _),
        pytest.raises(
            PictureError, match=rf"127.0.0.1 returned {status}|The data is empty|is empty"
        ),
    ):
        call(gyazo, "upload", f"{url}/x.png?key=s3cr3t")


def test_request_names_the_program_and_its_project(call, gyazo):
    """Wikimedia, for example, refuses requests without contact information."""
    with scripted_server(lambda *_: (200, {}, PNG)) as (url, received):
        call(gyazo, "upload", f"{url}/x.png")

    headers = received[0][2]
    assert headers["User-Agent"].startswith(f"gyazo_nb/{__version__} (")
    assert "https://" in headers["User-Agent"]
    assert headers["Accept-Encoding"] == "gzip"
    assert not {"Authorization", "Cookie"} & set(headers)


@pytest.mark.parametrize("body", [b"", b"<!doctype html><p>Sign in", b"{}", b"%PDF-1.7"])
def test_content_that_is_not_a_picture_is_refused(call, gyazo, server, body):
    with (
        scripted_server(lambda *_: (200, {"Content-Type": "image/png"}, body)) as (url, _),
        pytest.raises(PictureError) as caught,
    ):
        call(gyazo, "upload", f"{url}/x.png?key=s3cr3t")

    assert "s3cr3t" not in str(caught.value)
    assert server.sandbox.images == []


KEYS = [
    "?key=s3cr3t",
    "/s3cr3t.png",
    "?a='b'&key=s3cr3t",
    "/it's.png?key=s3cr3t",
    "?a=%22b%22&key=s3cr3t",
    "?a=b c&key=s3cr3t",
    "#s3cr3t",
    "?s3cr3t",
]


@pytest.mark.parametrize("key", KEYS)
@pytest.mark.parametrize(
    "reply",
    [
        (403, {}, b""),
        (500, {"X-Echo": "http://x/?key=s3cr3t"}, b"s3cr3t"),
        (200, {}, b"no picture: s3cr3t"),
        (302, {"Location": "/hop?key=s3cr3t"}, b""),
        (302, {"Location": "http://127.0.0.1:1/'?key=s3cr3t"}, b""),
        (302, {"Location": "http://[/?s3cr3t"}, b""),
        (302, {"Location": "ftp://x/s3cr3t"}, b""),
        (200, {"Content-Encoding": "br"}, b""),
    ],
    ids=str,
)
def test_key_of_an_address_is_in_no_error(call, gyazo, key, reply):
    """Neither in that of the server, nor in that of a server that is gone."""
    with scripted_server(lambda *_: reply) as (url, _):
        errors = [failed_upload(call, gyazo, url + key)]
    errors.append(failed_upload(call, gyazo, url + key))
    errors.append(failed_upload(call, gyazo, url.replace("//", "//user:s3cr3t@") + key))

    assert all("127.0.0.1" in error or "address" in error for error in errors)
    assert "s3cr3t" not in str(errors)


def failed_upload(call, gyazo, address):
    with pytest.raises(PictureError) as caught:
        call(gyazo, "upload", address)
    return f"{caught.value} {caught.value!r}"


@pytest.mark.parametrize("key", [key for key in KEYS if "?" in key])
@pytest.mark.parametrize("fetch", ["upload", "download"])
def test_query_of_an_address_is_in_no_log(call, gyazo, caplog, key, fetch):
    """Of the address itself, and of a redirect. At level DEBUG."""
    caplog.set_level("DEBUG")
    redirect = "/hop" + quote(key, safe="/?=&'#%") + "&a='b'&x=s3cr3t"

    def reply(_, path):
        return (200, {}, PNG) if path.startswith("/hop") else (302, {"Location": redirect}, b"")

    with scripted_server(reply) as (url, received):
        if fetch == "upload":
            call(gyazo, "upload", f"{url}/first{key}")
        else:
            image = Image("a", url=f"{url}/first{key}", source=gyazo._connection.transport)
            call(image, "download")

    assert len(received) == 2
    assert "HTTP Request: GET" in caplog.text
    assert "s3cr3t" not in caplog.text


@pytest.mark.parametrize(
    "location",
    ["http://a b/ key=s3cr3t", "http://x/?a=b key=s3cr3t", "'\"?s3cr3t", "http://x/'\"?s3cr3t"],
)
def test_location_of_any_form_is_in_no_log(call, gyazo, caplog, location):
    caplog.set_level("DEBUG")
    with scripted_server(lambda *_: (302, {"Location": location}, b"")) as (url, _):
        failed_upload(call, gyazo, f"{url}/x.png")

    assert "127.0.0.1" in caplog.text
    assert "s3cr3t" not in caplog.text


@pytest.mark.parametrize(
    "address",
    [
        "http://",
        "http://:80",
        "http://[",
        "http://127.0.0.1:port/",
        "http://127.0.0.1:99999/",
        "http://a\x00b/",
        "http://\u2100.test/",
        f"http://{'a' * 300}.test/",
        "http:///x.png",
        "http://%/",
    ],
)
def test_malformed_address_raises_one_sentence(call, gyazo, address):
    error = failed_upload(call, gyazo, address)

    assert len(error.splitlines()) == 1
    assert error.isprintable()


@pytest.mark.parametrize(
    ("address", "public"),
    [
        ("8.8.8.8", True),
        ("1.1.1.1", True),
        ("2606:4700::1111", True),
        ("::ffff:8.8.8.8", True),
        ("64:ff9b::8.8.8.8", True),
        ("2002:808:808::", True),
        ("127.0.0.1", False),
        ("10.0.0.1", False),
        ("100.64.0.1", False),
        ("169.254.169.254", False),
        ("198.18.0.1", False),
        ("203.0.113.1", False),
        ("224.0.0.1", False),
        ("240.0.0.1", False),
        ("0.0.0.0", False),
        ("::", False),
        ("::1", False),
        ("::127.0.0.1", False),
        ("fe80::1%eth0", False),
        ("fec0::1", False),
        ("fd00:ec2::254", False),
        ("ff02::1", False),
        ("64:ff9b::10.0.0.1", False),
        ("64:ff9b:1::10.0.0.1", False),
        ("2002:a00:1::", False),
        ("2001:db8::1", False),
        ("::ffff:10.0.0.1", False),
        ("100::1", False),
    ],
)
def test_public_addresses_are_those_of_the_internet(address, public):
    assert is_public(address) == public


def test_redirect_loop_ends(call, gyazo):
    with scripted_server(lambda *_: (302, {"Location": "/again"}, b"")) as (url, received):
        assert "redirected too often" in failed_upload(call, gyazo, f"{url}/x.png")

    assert len(received) <= 11


def test_download_needs_no_session(call, server, urls):
    """Neither the token nor the connections of the session are used."""
    with Gyazo("s3cr3t-token", **urls) as gyazo:
        with scripted_server(lambda *_: (200, {}, PNG)) as (url, received):
            assert gyazo._connection.download(f"{url}/x.png") == PNG
        assert gyazo._connection._transport is None
        assert "s3cr3t" not in str(received)


@pytest.mark.parametrize(
    ("address", "is_same"),
    [
        ("http://wiki.corp/b.png", True),
        ("https://wiki.corp/a.png", True),
        ("https://WIKI.corp:443/a.png", True),
        ("https://wiki.corp:8443/a.png", False),
        ("http://wiki.corp:8080/a.png", False),
        ("https://other.corp/a.png", False),
        ("https://wiki.corp./a.png", False),
    ],
)
def test_redirect_from_http_to_https_stays_at_the_server(address, is_same):
    """Many private servers do this. The other direction, or another port, counts as another server."""
    assert is_same_server(httpx.URL(address), httpx.URL("http://wiki.corp/a.png")) is is_same
    assert not is_same_server(httpx.URL("http://wiki.corp/"), httpx.URL("https://wiki.corp/"))


def test_host_name_that_cannot_be_decoded_is_an_error(call, gyazo):
    """Also as the target of a redirect."""
    with servers("http://xn--/x.png") as (first, _):
        for address in ("http://xn--/x.png", f"{first}/hop"):
            with pytest.raises(PictureError, match="could not be fetched from"):
                call(gyazo, "upload", address)
