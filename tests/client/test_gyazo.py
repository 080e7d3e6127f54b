"""Every call of `Gyazo`, blocking and awaited, against a Gyazo that keeps the rules."""

import copy
import io
import logging
import pickle
import threading
from datetime import UTC, datetime

import httpx
import pytest
from support.helpers import PNG

from gyazo_nb import (
    ArgumentError,
    ConfigError,
    Gyazo,
    GyazoError,
    InvalidClientError,
    NotFoundError,
    NotLoggedInError,
    PictureError,
    Secret,
    UnauthorizedError,
)


def test_me(call, gyazo):
    """Whose token it is."""
    assert call(gyazo, "me").name == "Sandy Box"


def test_an_upload_arrives_byte_for_byte(call, gyazo, server):
    """What was given is what is stored, and the Image names it."""
    image = call(gyazo, "upload", PNG, title="Höhe <b>")

    assert [stored.data for stored in server.sandbox.images] == [PNG]
    assert image.image_id == server.sandbox.images[0].image_id
    assert image.title == "Höhe <b>"
    assert image.permalink_url == f"{server.url}/{image.image_id}"


def test_every_documented_field_is_sent(call, gyazo, server):
    """The eight fields of the upload's documentation, in the form that it wants."""
    call(
        gyazo,
        "upload",
        PNG,
        title="T",
        desc="a #tag",
        access_policy="only_me",
        metadata_is_public=True,
        referer_url="https://example.com/a",
        app="An app",
        created_at=datetime(2020, 2, 1, tzinfo=UTC),
        collection_id="c" * 32,
    )

    assert server.sandbox.images[0].created_at == 1580515200.0
    assert server.sandbox.images[0].fields == {
        "title": "T",
        "desc": "a #tag",
        "access_policy": "only_me",
        "metadata_is_public": "true",
        "referer_url": "https://example.com/a",
        "app": "An app",
        "collection_id": "c" * 32,
    }


def test_fields_that_are_not_given_are_not_sent(call, gyazo, server):
    """Gyazo's own defaults hold."""
    call(gyazo, "upload", PNG)

    assert server.sandbox.images[0].fields == {}


@pytest.mark.parametrize("form", ["path", "text", "file", "bytes", "bytearray"])
def test_an_upload_takes_paths_files_and_bytes(call, gyazo, server, tmp_path, form):
    """The same picture, however it is given."""
    path = tmp_path / "a name with ü.png"
    path.write_bytes(PNG)
    with path.open("rb") as file:
        things = {
            "path": path,
            "text": str(path),
            "file": file,
            "bytes": PNG,
            "bytearray": bytearray(PNG),
        }
        call(gyazo, "upload", things[form])

    assert server.sandbox.images[0].data == PNG


def test_a_files_length_is_always_sent(call, gyazo, server, tmp_path):
    """Gyazo answers 411 to an upload in chunks: a file's length is sent ahead."""
    path = tmp_path / "large.png"
    path.write_bytes(PNG + bytes(3_000_000))

    call(gyazo, "upload", path)

    asked = next(r for r in server.sandbox.requests if r.path == "/api/upload")
    assert asked.content_length > 3_000_000
    assert "transfer-encoding" not in asked.headers


def test_the_local_files_name_is_not_sent(gyazo, server, tmp_path):
    """A path may say more than its owner wants."""
    path = tmp_path / "private-name.png"
    path.write_bytes(PNG)

    image = gyazo.upload(path)

    assert "private-name" not in repr(server.sandbox.images) + repr(image)


def test_identical_bytes_give_the_image_that_is_there(call, gyazo, server):
    """Uploading twice is harmless."""
    first, second = call(gyazo, "upload", PNG), call(gyazo, "upload", PNG)

    assert first.image_id == second.image_id
    assert len(server.sandbox.images) == 1


def test_images_is_a_page_newest_first(call, gyazo):
    """Pages count from one; the total comes along."""
    ids = [gyazo.upload(PNG + bytes([n])).image_id for n in range(5)]

    page = call(gyazo, "images", page=2, per_page=2)

    assert [image.image_id for image in page] == ids[::-1][2:4]
    assert (page.total, page.page, page.per_page) == (5, 2, 2)


@pytest.mark.parametrize(
    "arguments", [{"page": 0}, {"per_page": 101}, {"per_page": 0}, {"page": 1.5}]
)
def test_a_page_out_of_range_is_not_asked_for(call, gyazo, server, arguments):
    """The range is documented: 1 to 100."""
    before = len(server.sandbox.requests)

    with pytest.raises(ArgumentError, match="must be a whole number"):
        call(gyazo, "images", **arguments)

    assert len(server.sandbox.requests) == before


@pytest.mark.parametrize("by", ["id", "page", "picture"])
def test_image_by_id_or_address(call, gyazo, by):
    """The id, the page's address and the picture's address name the same image."""
    uploaded = gyazo.upload(PNG, title="T")
    name = {"id": uploaded.image_id, "page": uploaded.permalink_url, "picture": uploaded.url}[by]

    image = call(gyazo, "image", name)

    assert (image.image_id, image.title) == (uploaded.image_id, "T")


@pytest.mark.parametrize("text", ["", "../users/me", "a b", "https://gyazo.com/", "a/b/c"])
def test_what_is_no_id_is_not_asked_for(call, gyazo, server, text):
    """A path cannot be smuggled into the address."""
    with pytest.raises(ArgumentError, match="no image id"):
        call(gyazo, "image", text)

    assert server.sandbox.requests == []


def test_delete_by_image_or_id(call, gyazo, server):
    """An Image or its id; what is gone is NotFound."""
    one, two = gyazo.upload(PNG + b"1"), gyazo.upload(PNG + b"2")

    assert call(gyazo, "delete", one).image_id == one.image_id
    assert call(gyazo, "delete", two.image_id).type == "png"
    assert server.sandbox.images == []
    with pytest.raises(NotFoundError):
        call(gyazo, "delete", one)


@pytest.mark.parametrize(
    ("thing", "words"),
    [
        (5, "This int is not a picture"),
        (None, "NoneType is not a picture"),
        (b"", "The data is empty"),
        (b"<html>hello</html>", "is text, not a picture"),
        ("no-such-file.png", "'no-such-file.png' does not exist"),
        (".", "is a folder"),
        ("", "not the path"),
        ("http://127.0.0.1:1/a.png", "could not be fetched from 127.0.0.1 .ConnectError"),
        ("data:image/png;base64,aaaa", "not the path"),
        (io.StringIO("text"), "mode 'rb'"),
        (io.BytesIO(b""), "is empty"),
    ],
)
def test_what_is_no_picture_gets_a_sentence(call, gyazo, server, thing, words):
    """The sentence names what is wrong, and nothing is sent."""
    with pytest.raises(PictureError, match=words):
        call(gyazo, "upload", thing)

    assert server.sandbox.requests == []


def test_before_the_sign_in_every_call_says_what_to_run(call, signed_out, server):
    """The next step, and no request."""
    for name, *arguments in (
        ("me",),
        ("images",),
        ("search", "x"),
        ("update", "a"),
        ("request", "GET", "/api"),
        ("upload", PNG),
        ("image", "a"),
        ("delete", "a"),
    ):
        with pytest.raises(NotLoggedInError, match="%gyazo_login"):
            call(signed_out, name, *arguments)

    assert server.sandbox.requests == []


def test_update_changes_texts(call, gyazo, server):
    """Description and alternative text; what is not given stays, and nothing is an argument."""
    image = gyazo.upload(PNG, desc="before")

    assert call(gyazo, "update", image, alt_text="A curve").alt_text == "A curve"
    assert call(gyazo, "update", image.image_id, desc="").metadata.desc is None
    stored = server.sandbox.images[0]
    assert (stored.fields["desc"], stored.alt_text) == ("", "A curve")
    assert server.sandbox.requests[-1].headers["content-type"] == "application/json"
    with pytest.raises(ArgumentError, match="nothing to change"):
        call(gyazo, "update", image)


def test_easy_upload_needs_no_sign_in(call, signed_out, server, monkeypatch, tmp_path):
    """The client id alone; the link that comes back makes the picture the browser's."""
    monkeypatch.setenv("GYAZO_CLIENT_ID", server.variables["GYAZO_CLIENT_ID"])
    path = tmp_path / "a.png"
    path.write_bytes(PNG)

    for thing in (PNG, path, io.BytesIO(PNG)):
        easy = call(signed_out, "easy_upload", thing, title="T", desc="D", referer_url="http://x/")
        httpx.get(easy.url)

        assert easy.expires_at > datetime.now(UTC)
        (stored,) = server.sandbox.images
        assert (stored.data, stored.fields) == (
            PNG,
            {"title": "T", "desc": "D", "referer_url": "http://x/"},
        )


def test_easy_upload_without_a_client_id_names_the_setting(call, gyazo, server):
    """And with an unknown one, Gyazo's no; the token is not sent even by who is signed in."""
    with pytest.raises(ConfigError, match="GYAZO_CLIENT_ID"):
        call(gyazo, "easy_upload", PNG)
    with pytest.raises(InvalidClientError, match="check GYAZO_CLIENT_ID"):
        call(gyazo, "easy_upload", PNG, client_id="unknown")
    assert gyazo.account is not None

    assert "authorization" not in server.sandbox.requests[-1].headers


def test_request_asks_anything_else(call, gyazo, server):
    """A path or a whole address, parameters, a form, JSON; the JSON of the answer."""
    image = gyazo.upload(PNG)
    page = f"/api/images/{image.image_id}"

    assert call(gyazo, "request", "get", "/api/users/me")["user"]["name"] == "Sandy Box"
    assert call(gyazo, "request", "GET", f"{server.url}/api/users/me?x=1")["user"]
    assert len(call(gyazo, "request", "GET", "api/images?per_page=9", params={"page": 1})) == 1
    assert server.sandbox.requests[-1].query == "per_page=9&page=1"
    call(gyazo, "request", "PATCH", page, json={"alt_text": "J"})
    assert server.sandbox.images[0].alt_text == "J"
    call(gyazo, "request", "PATCH", page, form={"alt_text": "F", "desc": None})
    assert server.sandbox.images[0].alt_text == "F"
    with pytest.raises(NotFoundError):
        call(gyazo, "request", "GET", "/api/nothing")


@pytest.mark.parametrize(
    "path",
    [
        "https://evil.example/api",
        "https://evil.example\\@{host}/api",
        "http://{host}@evil.example/",
        "http://evil.example@{host}/api/users/me",
        "https://{host}/api",
        "http://{host}.evil.example/",
        "http://[/",
        "/api\n/x",
        "/api/users/me?access_token=x",
        "ftp://{host}/",
    ],
)
def test_request_sends_the_token_to_gyazo_alone(call, gyazo, server, path):
    """Another host, scheme or port is refused before anything is sent."""
    host = server.url.partition("://")[2]

    with pytest.raises(ArgumentError):
        call(gyazo, "request", "GET", path.replace("{host}", host))

    assert server.sandbox.requests == []


def test_a_path_cannot_leave_the_host(gyazo, server):
    """Slashes in front belong to the path."""
    with pytest.raises(NotFoundError):
        gyazo.request("GET", "//evil.example/api")
    with pytest.raises(NotFoundError):
        gyazo.request("GET", "@evil.example/api")

    assert len(server.sandbox.requests) == 2
    with pytest.raises(ArgumentError, match="no method"):
        gyazo.request("GET /", "/api")


def test_a_revoked_token_says_so(call, gyazo, server):
    """Tokens have no expiry: a 401 means deleted or revoked."""
    server.sandbox.revoke(gyazo.account.token.reveal())

    with pytest.raises(UnauthorizedError, match="deleted or revoked.*%gyazo_login"):
        call(gyazo, "me")


def test_the_token_comes_from_the_environment(call, server, monkeypatch):
    """GYAZO_ACCESS_TOKEN and the addresses are read when they are needed."""
    gyazo = Gyazo()
    monkeypatch.setenv("GYAZO_API_URL", server.url)
    monkeypatch.setenv("GYAZO_ACCESS_TOKEN", f" {server.sandbox.new_token()}\n")

    assert call(gyazo, "me").name == "Sandy Box"
    gyazo.close()


@pytest.mark.parametrize("token", ["", "  ", "two words", "line\nbreak", "ümlaut", "nul\x00"])
def test_what_is_no_token_is_refused_without_showing_it(token):
    """The sentence does not repeat it."""
    with pytest.raises(ConfigError, match="no access token") as caught:
        Gyazo(token)

    assert not token.strip() or token not in str(caught.value)


def test_wrong_settings_are_named_when_they_are_used(monkeypatch):
    """Making a session never fails; the first call says which setting is wrong."""
    monkeypatch.setenv("GYAZO_API_URL", "ftp://example.com")
    gyazo = Gyazo()

    assert "GYAZO_API_URL" not in repr(gyazo)
    with pytest.raises(ConfigError, match="GYAZO_API_URL"):
        gyazo.login()


def test_the_token_is_shown_nowhere(gyazo, server, caplog):
    """Not in repr, str, vars, a pickle, a copy, the account, or a log at DEBUG."""
    caplog.set_level(logging.DEBUG)
    token = gyazo.account.token.reveal()
    gyazo.upload(PNG)
    shown = [repr(gyazo), str(gyazo), repr(vars(gyazo)), repr(gyazo.account), caplog.text]
    for attempt in (pickle.dumps, copy.deepcopy, copy.copy):
        with pytest.raises(TypeError, match="not written anywhere") as caught:
            attempt(gyazo)
        shown.append(str(caught.value))

    assert "/api/upload" in caplog.text
    assert not [text for text in shown if token in text]


def test_a_session_is_closed_and_can_be_used_again(gyazo):
    """close() lets go of connections, not of the token."""
    gyazo.me()
    gyazo.close()

    assert gyazo.me().name == "Sandy Box"


def test_threads_share_a_session(gyazo, server):
    """Eight threads, one session, four hundred calls: no error, no mix-up."""
    errors = []

    def work(number):
        try:
            for n in range(25):
                image = gyazo.upload(PNG + f"{number}-{n}".encode(), title=f"{number}-{n}")
                assert gyazo.image(image.image_id).title == f"{number}-{n}"
        except (GyazoError, AssertionError) as error:
            errors.append(error)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert errors == []
    assert len(server.sandbox.images) == 200


def test_a_secret_is_taken_as_a_token(urls, server):
    """Whoever holds the token as a Secret need not reveal it."""
    with Gyazo(Secret(server.sandbox.new_token()), **urls) as gyazo:
        assert gyazo.me().name == "Sandy Box"
