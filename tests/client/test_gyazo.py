"""`Gyazo`: every call, blocking and async, against the sandbox."""

import asyncio
import copy
import inspect
import io
import logging
import pickle
import re
import sys
import threading
from datetime import UTC, datetime

import httpx
import numpy as np
import PIL.Image
import pytest
from IPython.core.completer import IPCompleter, provisionalcompleter
from IPython.core.interactiveshell import InteractiveShell
from support.helpers import PNG

from gyazo_nb import (
    Account,
    ArgumentError,
    ConfigError,
    Gyazo,
    GyazoError,
    InvalidClientError,
    NotFoundError,
    NotLoggedInError,
    PictureError,
    PlanError,
    Secret,
    Site,
    UnauthorizedError,
    User,
)
from gyazo_nb.sandbox import Account as SandboxAccount
from gyazo_nb.sandbox import Fault, Sandbox, serve


def small_picture():
    """A PNG of 4 by 3 pixels that Pillow can open."""
    out = io.BytesIO()
    PIL.Image.new("RGB", (4, 3), "red").save(out, "PNG")
    return out.getvalue()


# ── uploads ───────────────────────────────────────────────────────────────────────────────────


def test_upload_stores_the_same_bytes(call, gyazo, server):
    """The returned image names the stored one."""
    image = call(gyazo, "upload", PNG, title="Höhe <b>")

    assert [stored.data for stored in server.sandbox.images] == [PNG]
    assert image.image_id == server.sandbox.images[0].image_id
    assert image.title == "Höhe <b>"
    assert image.permalink_url == f"{server.url}/{image.image_id}"


def test_upload_sends_every_documented_field(call, gyazo, server):
    """The eight fields, in the documented format."""
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


def test_upload_omits_fields_that_are_not_given(call, gyazo, server):
    """The defaults of Gyazo apply."""
    call(gyazo, "upload", PNG)

    assert server.sandbox.images[0].fields == {}


@pytest.mark.parametrize("kind", ["path", "text", "file", "bytes", "bytearray"])
def test_upload_takes_paths_files_and_bytes(call, gyazo, server, tmp_path, kind):
    """Each sends the same picture."""
    path = tmp_path / "a name with ü.png"
    path.write_bytes(PNG)
    with path.open("rb") as file:
        pictures = {
            "path": path,
            "text": str(path),
            "file": file,
            "bytes": PNG,
            "bytearray": bytearray(PNG),
        }
        call(gyazo, "upload", pictures[kind])

    assert server.sandbox.images[0].data == PNG


def test_upload_of_a_file_sends_its_length(call, gyazo, server, tmp_path):
    """Gyazo replies 411 to a chunked upload."""
    path = tmp_path / "large.png"
    path.write_bytes(PNG + bytes(3_000_000))

    call(gyazo, "upload", path)

    request = next(r for r in server.sandbox.requests if r.path == "/api/upload")
    assert request.content_length > 3_000_000
    assert "transfer-encoding" not in request.headers


def test_upload_does_not_send_the_name_of_a_local_file(gyazo, server, tmp_path):
    """The name may be private."""
    path = tmp_path / "private-name.png"
    path.write_bytes(PNG)

    image = gyazo.upload(path)

    assert "private-name" not in repr(server.sandbox.images) + repr(image)


def test_upload_of_identical_bytes_returns_the_existing_image(call, gyazo, server):
    """A second upload does not add an image."""
    first, second = call(gyazo, "upload", PNG), call(gyazo, "upload", PNG)

    assert first.image_id == second.image_id
    assert len(server.sandbox.images) == 1


@pytest.mark.parametrize(
    ("item", "message"),
    [
        (5, "This int is not a picture"),
        (None, "NoneType is not a picture"),
        (b"", "The data is empty"),
        (b"<html>hello</html>", "is text, not a picture"),
        ("no-such-file.png", "The file 'no-such-file.png' does not exist"),
        (".", "is a folder"),
        ("", "not the path"),
        ("http://127.0.0.1:1/a.png", "could not be fetched from 127.0.0.1.*could not be reached"),
        ("data:image/png;base64,aaaa", "not the path"),
        (io.StringIO("text"), "mode 'rb'"),
        (io.BytesIO(b""), "is empty"),
        (["a.png", "b.png"], r"This list is not a picture, but may.*run  gyazo.upload_all\("),
    ],
)
def test_upload_of_an_object_that_is_not_a_picture_is_refused(call, gyazo, server, item, message):
    """The error names the problem, and no request is sent."""
    with pytest.raises(PictureError, match=message):
        call(gyazo, "upload", item)

    assert server.sandbox.requests == []


def test_call_with_an_unknown_parameter_is_a_type_error(call, gyazo, server):
    """The name of the call is in the message, and the picture is not rendered first."""

    class Figure:
        def savefig(self, out, **_):
            pytest.fail("this figure was rendered")

    for name, arguments in (
        ("upload", [Figure()]),
        ("upload_all", [[Figure()]]),
        ("easy_upload", [Figure()]),
        ("update", ["0" * 32]),
        ("request", ["GET", "/api/images"]),
    ):
        with pytest.raises(TypeError, match=rf"{name}\(\).* unexpected keyword argument 'titel'"):
            call(gyazo, name, *arguments, titel="Loss curve")

    assert server.sandbox.requests == []


# ── images ────────────────────────────────────────────────────────────────────────────────────


def test_images_returns_a_page_newest_first(call, gyazo):
    """Pages count from 1, and the page has the total."""
    ids = [gyazo.upload(PNG + bytes([n])).image_id for n in range(5)]

    page = call(gyazo, "images", page=2, per_page=2)

    assert [image.image_id for image in page] == ids[::-1][2:4]
    assert (page.total, page.page, page.per_page) == (5, 2, 2)


@pytest.mark.parametrize(
    "arguments", [{"page": 0}, {"per_page": 101}, {"per_page": 0}, {"page": 1.5}]
)
def test_images_refuses_a_page_out_of_range(call, gyazo, server, arguments):
    """The documented page size is 1 to 100. No request is sent."""
    with pytest.raises(ArgumentError, match="must be a whole number"):
        call(gyazo, "images", **arguments)

    assert server.sandbox.requests == []


def test_number_of_numpy_is_a_number(call, gyazo):
    """As in a loop over `np.arange`."""
    gyazo.upload(PNG)

    assert len(call(gyazo, "images", page=np.int64(1), per_page=np.int32(5))) == 1
    assert gyazo.images()[np.int64(0)].image_id


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"access_policy": ["only_me"]}, r"not \['only_me'\]"),
        ({"created_at": np.datetime64("2026-01-01", "ns")}, "a datetime or Unix seconds"),
        ({"created_at": "2026-01-01"}, "a datetime or Unix seconds"),
    ],
)
def test_upload_refuses_a_field_of_a_wrong_type(call, gyazo, server, fields, words):
    """`float` would turn a datetime64 into nanoseconds."""
    with pytest.raises(ArgumentError, match=words):
        call(gyazo, "upload", PNG, **fields)
    assert server.sandbox.requests == []


def test_argument_of_a_wrong_class_raises_an_error(signed_out):
    """The sentence names the class."""
    with pytest.raises(ArgumentError, match="api_url must be a text, not int"):
        Gyazo(api_url=5)
    with pytest.raises(ArgumentError, match="app must be a gyazo_nb.App object, not str"):
        signed_out.login("client-id")
    with pytest.raises(ArgumentError, match="site must be a gyazo_nb.Site object, not str"):
        signed_out.use_token("a-token", site="https://gyazo.com")
    with pytest.raises(ArgumentError, match="client_id must be a text, not int"):
        signed_out.easy_upload(PNG, client_id=5)
    with pytest.raises(ArgumentError, match="seconds must be a number, not str"):
        asyncio.run(signed_out.ready("5"))


def test_list_is_not_indexed_by_an_id(gyazo):
    """As for every sequence, this is a TypeError."""
    for images in (gyazo.images(), gyazo.aimages()):
        with pytest.raises(TypeError, match=r"call gyazo.image\(id\)"):
            images["8980c52421e452ac3355ca3e5cfe7a0c"]


@pytest.mark.parametrize("form", ["id", "page", "picture"])
def test_image_takes_an_id_or_an_address(call, gyazo, form):
    """The address of the page and of the picture name the same image."""
    uploaded = gyazo.upload(PNG, title="T")
    names = {"id": uploaded.image_id, "page": uploaded.permalink_url, "picture": uploaded.url}

    image = call(gyazo, "image", names[form])

    assert (image.image_id, image.title) == (uploaded.image_id, "T")


@pytest.mark.parametrize("text", ["", "../users/me", "a b", "https://gyazo.com/", "a/b/c"])
def test_image_refuses_a_text_that_is_not_an_id(call, gyazo, server, text):
    """A path in it cannot change the address of the request."""
    with pytest.raises(ArgumentError, match="not an image id"):
        call(gyazo, "image", text)

    assert server.sandbox.requests == []


def test_search_returns_the_matching_images(call, gyazo, server):
    """The page size is sent as `per`."""
    for n in range(5):
        server.sandbox.add_image(PNG + bytes([n]), title=f"loss {n}")
    server.sandbox.add_image(PNG + b"x", title="gain")

    page = call(gyazo, "search", "loss", page=2, per=2)

    assert len(page) == 2
    assert all(image.title.startswith("loss") for image in page)
    assert "per=2" in server.sandbox.requests[-1].query
    assert "per_page" not in server.sandbox.requests[-1].query


def test_search_on_a_free_plan_names_the_plan_and_an_alternative(call):
    """The 402 also keeps the message of Gyazo."""
    with serve(Sandbox(accounts=[SandboxAccount()])) as server:
        gyazo = Gyazo(server.sandbox.new_token(), api_url=server.url)

        with pytest.raises(PlanError, match=r"paid plan.*gyazo.com/pricing.*images\(\)") as caught:
            call(gyazo, "search", "loss")

        assert (caught.value.status, "Upgrade" in caught.value.message) == (402, True)
        gyazo.close()


@pytest.mark.parametrize(
    ("query", "options"),
    [("", {}), ("  ", {}), ("x" * 201, {}), ("x", {"page": 0}), ("x", {"per": 101})],
)
def test_search_refuses_a_query_or_page_out_of_range(call, gyazo, server, query, options):
    """A query has up to 200 characters."""
    with pytest.raises(ArgumentError):
        call(gyazo, "search", query, **options)

    assert server.sandbox.requests == []


def test_update_changes_only_the_given_texts(call, gyazo, server):
    """It takes an image or an id, and needs at least one text."""
    image = gyazo.upload(PNG, desc="before")

    assert call(gyazo, "update", image, alt_text="A curve").alt_text == "A curve"
    assert call(gyazo, "update", image.image_id, desc="").metadata.desc is None
    stored = server.sandbox.images[0]
    assert (stored.fields["desc"], stored.alt_text) == ("", "A curve")
    assert server.sandbox.requests[-1].headers["content-type"] == "application/json"
    with pytest.raises(ArgumentError, match="nothing to change"):
        call(gyazo, "update", image)


def test_delete_takes_an_image_or_an_id(call, gyazo, server):
    """A deleted image is not found."""
    one, two = gyazo.upload(PNG + b"1"), gyazo.upload(PNG + b"2")

    assert call(gyazo, "delete", one).image_id == one.image_id
    assert call(gyazo, "delete", two.image_id).type == "png"
    assert server.sandbox.images == []
    with pytest.raises(NotFoundError):
        call(gyazo, "delete", one)


def test_downloads_of_an_image_send_no_token(call, gyazo, server):
    """For an image of an upload, of the list, of the detail and of a search."""
    image = call(gyazo, "upload", small_picture(), title="T")
    for one in (image, gyazo.images()[0], gyazo.image(image.image_id), gyazo.search("T")[0]):
        server.sandbox.requests.clear()
        assert call(one, "download") == small_picture()
        assert call(one, "open").size == (4, 3)
        assert not [r for r in server.sandbox.requests if "authorization" in r.headers]
        assert {r.headers["accept"] for r in server.sandbox.requests} == {"*/*"}


def test_download_follows_a_redirect_to_another_host_without_the_token(call, gyazo, server):
    """Such a request holds no secret."""
    image = gyazo.upload(small_picture())
    with serve() as other:
        copied = other.sandbox.add_image(small_picture())
        target = {"Location": f"{other.url}/{copied.image_id}.png"}
        server.sandbox.faults.append(Fault(status=302, headers=target, path=f"/{image.image_id}"))

        assert call(image, "download") == small_picture()

        token = gyazo.account.token.reveal()
        assert token not in repr([r.headers for r in other.sandbox.requests])


def test_open_of_a_damaged_picture_names_download(call, gyazo):
    """Pillow's own error is not shown."""
    image = gyazo.upload(PNG[:20] + b"not really")

    with pytest.raises(PictureError, match=r"download\(\)"):
        call(image, "open")


def test_open_without_pillow_names_the_package(gyazo, monkeypatch):
    """The error has the command that installs it."""
    image = gyazo.upload(small_picture())
    monkeypatch.setitem(sys.modules, "PIL", None)

    with pytest.raises(PictureError, match="%pip install pillow"):
        image.open()


# ── other calls ───────────────────────────────────────────────────────────────────────────────


def test_me_returns_the_user_of_the_token(call, gyazo):
    """The default account of the sandbox."""
    assert call(gyazo, "me").name == "Sandy Box"


def test_oembed_sends_no_token(call, signed_out, gyazo, server):
    """Signed in or not, for an image or an address."""
    image = gyazo.upload(small_picture())
    server.sandbox.requests.clear()

    assert call(signed_out, "oembed", image.permalink_url).width == 4
    assert call(gyazo, "oembed", image).url == image.url

    for request in server.sandbox.requests:
        assert "authorization" not in request.headers
        assert "access_token" not in request.query


def test_oembed_of_an_unknown_image_is_not_found(call, signed_out):
    """And an id, which is not an address, is refused."""
    with pytest.raises(NotFoundError):
        call(signed_out, "oembed", f"https://gyazo.com/{'0' * 32}")
    with pytest.raises(ArgumentError, match="not a web address"):
        call(signed_out, "oembed", "0" * 32)


def test_easy_upload_works_without_a_sign_in(call, signed_out, server, monkeypatch, tmp_path):
    """The client id is enough. The browser that opens the link becomes the owner of the picture."""
    monkeypatch.setenv("GYAZO_CLIENT_ID", server.variables["GYAZO_CLIENT_ID"])
    path = tmp_path / "a.png"
    path.write_bytes(PNG)

    for item in (PNG, path, io.BytesIO(PNG)):
        easy = call(signed_out, "easy_upload", item, title="T", desc="D", referer_url="http://x/")
        httpx.get(easy.url)

        assert easy.expires_at > datetime.now(UTC)
        (stored,) = server.sandbox.images
        assert (stored.data, stored.fields) == (
            PNG,
            {"title": "T", "desc": "D", "referer_url": "http://x/"},
        )


def test_easy_upload_uses_the_application_of_the_sign_in(call, signed_out, app, user, monkeypatch):
    """After `%gyazo_login --sandbox`, the sandbox does not know the application of the settings."""
    monkeypatch.setenv("GYAZO_CLIENT_ID", "another")
    login = signed_out.login(app)
    login.finish(user.authorize(login.url))

    assert call(signed_out, "easy_upload", PNG).url


def test_easy_upload_sends_a_default_referer(call, signed_out, server):
    """Gyazo requires one; the address of the notebook is not sent."""
    client_id = server.variables["GYAZO_CLIENT_ID"]
    httpx.get(call(signed_out, "easy_upload", PNG, client_id=client_id).url)

    assert server.sandbox.images[0].fields == {"referer_url": "http://localhost/"}


def test_easy_upload_without_a_client_id_names_the_setting(call, gyazo, server):
    """So does the error for an unknown id. The token of a signed-in account is not sent."""
    with pytest.raises(ConfigError, match="GYAZO_CLIENT_ID"):
        call(gyazo, "easy_upload", PNG)
    with pytest.raises(InvalidClientError, match="check GYAZO_CLIENT_ID"):
        call(gyazo, "easy_upload", PNG, client_id="unknown")
    assert gyazo.account is not None

    assert "authorization" not in server.sandbox.requests[-1].headers


def test_request_calls_any_endpoint(call, gyazo, server):
    """By a path or a whole address, with parameters, a form or JSON. It returns the JSON of the reply."""
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
def test_request_sends_the_token_only_to_gyazo(call, gyazo, server, path):
    """Another host, scheme or port is refused before the first request."""
    host = server.url.partition("://")[2]

    with pytest.raises(ArgumentError):
        call(gyazo, "request", "GET", path.replace("{host}", host))

    assert server.sandbox.requests == []


def test_request_keeps_leading_slashes_in_the_path(gyazo, server):
    """A path cannot name another host, and a method cannot contain a blank."""
    with pytest.raises(NotFoundError):
        gyazo.request("GET", "//evil.example/api")
    with pytest.raises(NotFoundError):
        gyazo.request("GET", "@evil.example/api")

    assert len(server.sandbox.requests) == 2
    with pytest.raises(ArgumentError, match="not an HTTP method"):
        gyazo.request("GET /", "/api")


# ── the account ───────────────────────────────────────────────────────────────────────────────


def test_every_call_before_the_sign_in_names_the_magic(call, signed_out, server):
    """And sends no request."""
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


def test_revoked_token_raises_an_error_that_names_the_magic(call, gyazo, server):
    """Tokens do not expire: a 401 means deleted or revoked."""
    server.sandbox.revoke(gyazo.account.token.reveal())

    with pytest.raises(UnauthorizedError, match="deleted or revoked.*%gyazo_login"):
        call(gyazo, "me")


def test_token_and_addresses_are_read_from_the_environment_at_each_call(call, server, monkeypatch):
    """The variables are set after the session was created."""
    gyazo = Gyazo()
    monkeypatch.setenv("GYAZO_API_URL", server.url)
    monkeypatch.setenv("GYAZO_ACCESS_TOKEN", f" {server.sandbox.new_token()}\n")

    assert call(gyazo, "me").name == "Sandy Box"
    gyazo.close()


@pytest.mark.parametrize("token", ["", "  ", "two words", "line\nbreak", "ümlaut", "nul\x00"])
def test_malformed_token_is_refused_without_showing_it(token):
    """The error does not repeat the token."""
    with pytest.raises(ConfigError, match="not an access token") as caught:
        Gyazo(token)

    assert not token.strip() or token not in str(caught.value)


def test_token_may_be_a_secret(urls, server):
    """So a caller need not reveal it."""
    with Gyazo(Secret(server.sandbox.new_token()), **urls) as gyazo:
        assert gyazo.me().name == "Sandy Box"


def test_wrong_setting_is_named_at_the_first_call(monkeypatch):
    """Creating a session does not fail."""
    monkeypatch.setenv("GYAZO_API_URL", "ftp://example.com")
    gyazo = Gyazo()

    assert "GYAZO_API_URL" not in repr(gyazo)
    with pytest.raises(ConfigError, match="GYAZO_API_URL"):
        gyazo.login()


# ── the session ───────────────────────────────────────────────────────────────────────────────


def test_token_is_not_shown_anywhere(gyazo, caplog):
    """Not in repr, str, vars, a pickle, a copy, the account, or a log at DEBUG."""
    caplog.set_level(logging.DEBUG)
    token = gyazo.account.token.reveal()
    gyazo.upload(PNG)
    texts = [repr(gyazo), str(gyazo), repr(vars(gyazo)), repr(gyazo.account), caplog.text]
    texts += [repr(pickle.dumps(gyazo)), repr(copy.deepcopy(gyazo)), repr(copy.copy(gyazo))]

    assert "/api/upload" in caplog.text
    assert not [text for text in texts if token in text]


def test_closed_session_can_be_used_again(gyazo):
    """`close` closes the connections, and keeps the token."""
    gyazo.me()
    gyazo.close()

    assert gyazo.me().name == "Sandy Box"


@pytest.mark.slow
def test_eight_threads_share_a_session(gyazo, server):
    """400 calls end without an error, each with its own result."""
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


def test_notebook_shows_the_account_without_a_request(gyazo, signed_out, server, monkeypatch):
    """Signed out, with an unknown user, with a known user, and with a wrong setting. Names are escaped."""
    shown = signed_out._repr_html_()
    assert "%gyazo_login" in shown

    shown = gyazo._repr_html_()
    assert "with the token from the argument" in shown
    assert "gyazo.me()" in shown

    user = User(uid="1", name="<b>Sandy</b>", email="s@example.com")
    gyazo._connection.current.sign_in(Account(gyazo.account.token, Site(), user, "%gyazo_login"))
    shown = gyazo._repr_html_()
    assert "&lt;b&gt;Sandy" in shown
    assert "<b>Sandy" not in shown
    assert gyazo.account.token.reveal() not in shown

    monkeypatch.setenv("GYAZO_ACCESS_TOKEN", "two words")
    assert "not an access token" in Gyazo()._repr_html_()
    assert server.sandbox.requests == []


@pytest.mark.slow
def test_tab_completes_every_call(gyazo):
    """`gyazo.` and Tab."""
    completer = IPCompleter(InteractiveShell(), namespace={"gyazo": gyazo})
    with provisionalcompleter():
        found = {c.text.strip(".") for c in completer.completions("gyazo.", 6)}

    assert {"upload", "aupload", "images", "search", "easy_upload", "request", "me"} <= found


def test_every_call_has_a_signature_an_example_and_a_source():
    """For Shift-Tab. An async call names its blocking call instead of an example."""
    for name, method in inspect.getmembers(Gyazo, inspect.isfunction):
        if name.startswith("_") or name in {"close", "logout", "account"}:
            continue
        text, parameters = inspect.getdoc(method), inspect.signature(method).parameters
        assert not any(p.kind is p.VAR_KEYWORD for p in parameters.values()), name
        if name.startswith("a") and hasattr(Gyazo, name[1:]):
            assert text.startswith(f"Same as `{name[1:]}`, async"), name
        else:
            assert re.search(r"\n\n>>> .*gyazo\.", text), name
            # A method with an async version is a call of the API.
            assert "Source: " in text or not hasattr(Gyazo, f"a{name}"), name


def test_async_call_has_the_parameters_of_its_blocking_call():
    """Also where its own signature is `**fields`."""
    for name, method in inspect.getmembers(Gyazo, inspect.isfunction):
        if not name.startswith("_") and (async_call := getattr(Gyazo, f"a{name}", None)):
            parameters = inspect.signature(async_call).parameters
            assert parameters == inspect.signature(method).parameters, name
