"""Texts of a hostile server: no control code reaches an error, a repr or a terminal; HTML stays small."""

import re

import pytest
from support.helpers import PNG
from support.raw_server import raw_server, read_head
from support.scripted_server import scripted_session

from gyazo_nb import EasyUpload, Gyazo, GyazoError, Image, Page, User, html
from gyazo_nb.api.image import Deleted
from gyazo_nb.api.models import Embed

EVIL = [
    "\n",
    "\r\nInjected: line",
    "\x1b[31m",
    "\x9b31m",
    "\x00",
    "\x7f",
    "\u2028",
    "\u2029",
    "\u202e",
    "\u2066",
    "\x1b]8;;https://evil.example\x07click\x1b]8;;\x07",
]
CONTROL = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]")


def check(*texts):
    for text in texts:
        assert not CONTROL.search(text), ascii(text)


@pytest.mark.parametrize("evil", EVIL)
def test_addresses_with_control_codes_are_ignored(evil):
    """Of a picture, its page, its thumbnail and its video. Other fields of the image stay."""
    address = f"https://i.gyazo.com/a{evil}b.png"
    names = ("url", "permalink_url", "thumb_url", "mp4_url")
    image = Image.from_json({"image_id": "a", "type": "png"} | dict.fromkeys(names, address))

    assert [getattr(image, name) for name in names] == [None] * 4
    assert image.type == "png"
    check(repr(image), image.markdown, image.html, image.cosense)
    with pytest.raises(GyazoError) as caught:
        image.download()
    check(str(caught.value))


@pytest.mark.parametrize("status", [302, 400, 401, 402, 403, 404, 422, 429, 500])
def test_control_codes_of_a_reply_are_in_no_error(call, status):
    """The words around them are shown."""
    evil = "no" + "x".join(EVIL) + "more"
    for body in (
        {"message": evil},
        {"error": "other", "error_description": evil},
        evil.encode(),
        [evil],
    ):
        with scripted_session(lambda *_, b=body: (status, {}, b)) as (gyazo, _):
            for method, *arguments in (("me",), ("search", "x"), ("upload", PNG)):
                with pytest.raises(GyazoError) as caught:
                    call(gyazo, method, *arguments)
                check(str(caught.value), repr(caught.value))
                message = getattr(caught.value, "message", "")  # after 401: not signed in
                check(message)
                assert message == "" or re.fullmatch("no.*x.*more", message)
                assert message or body == [evil] or (status == 401 and method != "me")


@pytest.mark.parametrize("evil", [b"\x1b[31m", b"\x9b31m", "\u202e".encode(), b"\x7f"])
def test_control_codes_of_the_head_of_a_reply_are_in_no_error(call, evil):
    """In the status line and in each header. Some of them make the reply invalid."""
    for head in (
        b"HTTP/1.1 400 No%s\r\n" % evil,
        b"HTTP/1.1 302 Found\r\nLocation: http://evil.test/%s\r\n" % evil,
        b"HTTP/1.1 302 Found\r\nLocation: http://evil%s.test/\r\n" % evil,
        b"HTTP/1.1 429 Later\r\nRetry-After: %s\r\n" % evil,
        b"HTTP/1.1 200 OK\r\nContent-Encoding: %s\r\n" % evil,
        b"HTTP/1.1 200 OK\r\nX-%s: x\r\n" % evil,
        b"%s\r\n" % evil,
    ):

        def reply(client, head=head):
            read_head(client)
            client.sendall(head + b"Content-Length: 0\r\n\r\n")

        with raw_server(reply) as server, Gyazo("t", api_url=server.url, retries=0) as gyazo:
            image = Image("a", url=f"{server.url}/x", source=gyazo._connection.transport)
            for fails in (
                lambda gyazo=gyazo: call(gyazo, "me"),
                lambda image=image: call(image, "download"),
                lambda gyazo=gyazo, image=image: call(gyazo, "upload", image.url),
            ):
                try:
                    fails()
                except GyazoError as error:
                    check(str(error), repr(error))


@pytest.mark.parametrize("evil", EVIL)
def test_control_codes_are_in_no_repr(call, evil):
    """The fields of a value keep what the server sent; its text on a terminal does not."""
    text = f"a{evil}b"
    user = User.from_json(
        {"user": {"uid": "u", "name": text, "email": text, "profile_image": text}}
    )
    image = Image.from_json(
        {
            "image_id": text,
            "type": text,
            "access_policy": text,
            "metadata": {"title": text, "url": text},
        }
    )
    page = Page((image,), 1, 20, user_type=text)
    deleted = Deleted.from_json({"image_id": text, "type": text})
    check(repr(user), str(user), user.called, repr(image), repr(deleted))
    check(*repr(page).split("\n"))
    assert repr(page).count("\n") == len(page)
    check(repr(image.metadata), repr([image]), repr({"image": image}))
    check(user._repr_html_() if hasattr(user, "_repr_html_") else "")

    with scripted_session(lambda *_: (200, {"X-User-Type": "a\x1b[31mb"}, [])) as (gyazo, _):
        check(call(gyazo, "images", page=1).user_type)


@pytest.mark.parametrize("evil", EVIL)
def test_values_with_control_codes_where_they_would_be_printed_are_refused(evil):
    """The link of an upload without an account, the address of an embedded picture, the id of a user."""
    with pytest.raises(ValueError, match=r"address|without"):
        EasyUpload.from_json({"get_image_url": f"https://gyazo.com/{evil}x"})
    with pytest.raises(ValueError, match="address"):
        Embed.from_json({"url": f"https://gyazo.com/{evil}x"})
    with pytest.raises(ValueError, match="without an id"):
        User.from_json({"user": {"uid": f"u{evil}"}})


@pytest.mark.parametrize("evil", EVIL)
def test_error_of_an_address_with_control_codes_is_one_line(call, evil):
    """Of an image that a program created itself."""
    with Gyazo("a-token", api_url="http://127.0.0.1:1", retries=0) as gyazo:
        source = gyazo._connection.transport
        image = Image("a", url=f"http://127.0.0.1:1/{evil}.png", source=source)
        with pytest.raises(GyazoError) as caught:
            call(image, "download")
        check(str(caught.value))


# ── the size of HTML ────────────────────────────────────────────────────────────────────────────────


def many_images(count):
    return tuple(
        Image(
            f"{n:032x}",
            permalink_url=f"https://gyazo.com/{n:032x}",
            thumb_url=f"https://thumb.gyazo.com/{n:032x}.png",
        )
        for n in range(count)
    )


def test_gallery_of_100_000_images_shows_the_first_hundred_and_the_count():
    shown = Page(many_images(500) * 200, 1, 100, total=100_000)._repr_html_()

    assert shown.count("<img") == 100
    assert "100000 images of 100000; the first 100 are shown" in shown
    assert len(shown) < 200_000


def test_gallery_of_a_hundred_images_shows_all():
    shown = Page(many_images(100), 1, 100)._repr_html_()

    assert shown.count("<img") == 100
    assert "are shown" not in shown


@pytest.mark.parametrize("field", ["title", "desc", "app", "url"])
def test_long_text_makes_no_long_html(field):
    """In a card and in a gallery."""
    image = Image.from_json(
        {"image_id": "a" * 32, "url": "https://a/b.png", "metadata": {field: "x" * 5_000_000}}
    )

    assert len(image._repr_html_()) < 20_000
    assert len(Page((image,) * 200, 1, 100)._repr_html_()) < 500_000


def test_long_address_is_not_a_link():
    """Browsers would not open it."""
    long = "https://a/" + "x" * 1_000_000
    assert html.web_address(long) == ""
    assert len(html.image_card(picture=long, link=long, title="", details=[long])) < 5000
    assert len(html.gallery([(long, long, long)] * 200, "x")) < 500_000
