"""Servers that are not as they should be: proxies, forks, wrong numbers, echoes, refusals of one call."""

import copy
import json
import logging
import multiprocessing
import pickle
import re
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

import pytest
from support.helpers import PNG

from gyazo_nb import (
    ArgumentError,
    ConnectionFailedError,
    Gyazo,
    Image,
    NotLoggedInError,
    PictureError,
    UnauthorizedError,
    UnreadableReplyError,
)
from gyazo_nb.sandbox import Fault

ID = "8980c52421e452ac3355ca3e5cfe7a0c"


@contextmanager
def answering(answer):
    """A server that answers each request as a function says: status, headers, body."""
    asked = []

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do(self):
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            asked.append((self.command, self.path, dict(self.headers), body))
            status, headers, data = answer(self.command, self.path)
            data = data if isinstance(data, bytes) else json.dumps(data).encode()
            self.send_response(status)
            for name, value in {"Content-Length": str(len(data)), **headers}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, *_):
            """Stay silent."""

    for method in ("GET", "POST", "DELETE", "PATCH", "CONNECT"):
        setattr(Handler, f"do_{method}", Handler.do)
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}", asked
    finally:
        server.shutdown()
        server.server_close()


@contextmanager
def session(answer, **options):
    with (
        answering(answer) as (url, asked),
        Gyazo("a-token", auth_url=url, api_url=url, upload_url=url, retries=0, **options) as gyazo,
    ):
        yield gyazo, asked


@pytest.mark.parametrize("way", ["header", "parameter"])
def test_a_proxy_does_not_see_the_token(call, way, monkeypatch):
    """It is asked for a tunnel to the host, and for nothing more."""
    with answering(lambda *_: (403, {}, b"no")) as (proxy, asked):
        monkeypatch.setenv("HTTPS_PROXY", proxy)
        with (
            Gyazo("s3cr3t-token", token_in=way, retries=0) as gyazo,
            pytest.raises(ConnectionFailedError),
        ):
            call(gyazo, "me")

    assert asked[0][:2] == ("CONNECT", "api.gyazo.com:443")
    assert "s3cr3t" not in str(asked)


def test_uploads_go_to_the_host_of_uploads(call):
    """And everything else to the host of the API: the documentation has two."""
    image = {"image_id": ID, "permalink_url": f"https://gyazo.com/{ID}", "type": "png"}
    easy = {"get_image_url": "https://gyazo.com/api/upload/x", "expires_at": 1}
    answers = {"/api/upload": image, "/api/upload/easy_auth": easy, "/api/images": [image]}

    def answer(_, path):
        return 200, {}, answers.get(path.partition("?")[0], image)

    with (
        answering(answer) as (api, api_asked),
        answering(answer) as (upload, upload_asked),
        Gyazo("a-token", auth_url=api, api_url=api, upload_url=upload) as gyazo,
    ):
        call(gyazo, "upload", PNG)
        call(gyazo, "easy_upload", PNG, client_id="an-id")
        call(gyazo, "images", page=1)
        call(gyazo, "image", ID)
        call(gyazo, "update", ID, desc="d")
        call(gyazo, "delete", ID)

    assert [path for _, path, _, _ in upload_asked] == ["/api/upload", "/api/upload/easy_auth"]
    assert len(api_asked) == 4


def test_an_easy_upload_is_multipart_as_documented(call):
    """All its fields, none of them as a file."""
    easy = {"get_image_url": "https://gyazo.com/api/upload/x"}
    with session(lambda *_: (200, {}, easy)) as (gyazo, asked):
        call(gyazo, "easy_upload", PNG, client_id="an-id", title="T")

    ((_, _, headers, body),) = asked
    assert headers["Content-Type"].startswith("multipart/form-data")
    assert re.findall(rb'name="(\w+)"', body) == [
        b"client_id",
        b"image_url",
        b"referer_url",
        b"title",
    ]
    assert b"filename" not in body
    assert "Authorization" not in headers


def test_one_refused_call_does_not_end_the_session(call):
    """A call that the token may not make is that call's trouble: others go on."""

    def answer(_, path):
        known = path == "/api/users/me"
        return (
            (200, {}, {"user": {"uid": "1", "name": "A"}})
            if known
            else (401, {}, {"message": "no"})
        )

    with session(answer) as (gyazo, _):
        with pytest.raises(UnauthorizedError, match="which Gyazo still knows .401: no."):
            call(gyazo, "request", "GET", "/api/v2/collections/abc")

        assert call(gyazo, "me").name == "A"


def test_a_token_that_gyazo_does_not_know_ends_the_session(call, gyazo, server):
    """Any call finds out."""
    server.sandbox.revoke(gyazo.account.token.reveal())
    with pytest.raises(UnauthorizedError, match="deleted or revoked"):
        call(gyazo, "images", page=1)

    with pytest.raises(NotLoggedInError, match="deleted or revoked"):
        call(gyazo, "me")


def test_bytes_that_were_there_already_are_not_claimed_to_have_changed(call, gyazo, server):
    """Neither the new title nor, ever, that only the owner can see it."""
    server.sandbox.add_image(PNG, title="first", created_at="1500000000")

    again = call(gyazo, "upload", PNG, title="second", access_policy="only_me")
    new = call(gyazo, "upload", PNG + b"new", title="mine", access_policy="only_me")
    dated = call(gyazo, "upload", PNG + b"dated", title="old", created_at=1_400_000_000)

    assert (again.title, again.access_policy) == ("", None)
    assert [image.was_there for image in (again, new, dated)] == [True, False, False]
    assert "was there already" in again._repr_html_()
    assert "only you" not in again._repr_html_() + new._repr_html_()
    assert (new.title, dated.title) == ("mine", "old")


def test_a_second_upload_in_the_same_moment_is_told_too(call, gyazo):
    """A cell that is run again at once, now as only_me: the picture is as public as it was."""
    call(gyazo, "upload", PNG, title="first")

    again = call(gyazo, "upload", PNG, title="second", access_policy="only_me")

    assert (again.was_there, again.title) == (True, "")
    assert "was there already" in again._repr_html_()


def test_an_upload_whose_first_answer_was_lost_is_ones_own(call, server, urls):
    """It was there when it was asked again: from the first attempt."""
    server.sandbox.faults.append(Fault(cut="reply", path="/api/upload"))
    server.sandbox.add_image(
        PNG, created_at="1500000000"
    )  # as old as it would be after a long wait
    with Gyazo(server.sandbox.new_token(), **urls) as gyazo:
        image = call(gyazo, "upload", PNG, title="mine")

    assert (image.title, image.was_there) == ("mine", False)


def listing(total, served=250, length=100, header=None):
    """A list of images, with whatever total and length of a page the server is pleased to give."""

    def answer(_, path):
        query = {name: int(values[0]) for name, values in parse_qs(urlsplit(path).query).items()}
        page, size = query["page"], min(query["per_page"], length)
        part = range((page - 1) * size, min(page * size, served))
        headers = {} if total is None else {"X-Total-Count": str(total)}
        headers |= {} if header is None else {"X-Per-Page": str(header)}
        return 200, headers, [{"image_id": f"{n:032x}"} for n in part]

    return answer


@pytest.mark.parametrize(
    ("answer", "most"),
    [
        (listing(250), 3),
        (listing(None), 12),
        (listing(10), 12),
        (listing(0), 12),
        (listing(5000), 12),
        (listing(10**20), 12),
        (listing("many"), 12),
        (listing(250, length=50), 6),
        (listing(250, length=50, header=50), 6),
        (listing(None, length=50, header=50), 14),
    ],
)
def test_all_images_come_whatever_the_server_says_about_their_number(answer, most):
    """None is lost, none comes twice, and not many more pages are asked for than there are."""
    with session(answer) as (gyazo, asked):
        found = [image.image_id for image in gyazo.images()]
        requests = len(asked)
        images = gyazo.images()

        assert found == [f"{n:032x}" for n in range(250)]
        assert requests <= most
        assert images[60].image_id == f"{60:032x}"
        assert [i.image_id for i in images[95:105]] == [f"{n:032x}" for n in range(95, 105)]


def test_without_a_total_the_first_image_takes_one_page():
    """And an index, or the first twenty: the list is not counted for them."""
    for look in (lambda i: next(iter(i)), lambda i: i[0], lambda i: list(i[:20])):
        with session(listing(None, served=2000)) as (gyazo, asked):
            look(gyazo.images())
            assert len(asked) == 1
    with session(listing(None, served=250)) as (gyazo, _):
        images = gyazo.images()
        assert (images[-1].image_id, len(images)) == (f"{249:032x}", 250)
        with pytest.raises(IndexError):
            images[250]


def test_a_list_ends_with_the_sign_in_that_made_it(call, gyazo, server):
    """The token of somebody who has signed out is not sent."""
    images = gyazo.images()
    gyazo.logout()

    with pytest.raises(NotLoggedInError):
        len(images)
    gyazo.use_token(server.sandbox.new_token())
    before = len(server.sandbox.requests)
    with pytest.raises(NotLoggedInError, match="call gyazo.images.. anew"):
        len(images)
    assert len(server.sandbox.requests) == before


def ask(number):
    """In a process that was forked: an image by its own id."""
    return FORKED.image(f"{number:032x}").image_id == f"{number:032x}"


# Python 3.12 warns of any fork where there are threads; who forks all the same is to be served right.
@pytest.mark.filterwarnings("ignore:This process:DeprecationWarning")
def test_forked_processes_do_not_read_each_others_answers():
    """Each opens connections of its own."""
    global FORKED

    def answer(_, path):
        return 200, {}, {"image_id": path.rpartition("/")[2]}

    with session(answer) as (FORKED, _):
        assert ask(0)
        with multiprocessing.get_context("fork").Pool(4) as pool:
            assert all(pool.map(ask, range(200)))
        assert ask(1)


def test_an_image_is_a_value(gyazo):
    """Pickled, copied, deeply copied: the same; what is written holds no connection."""
    image = gyazo.upload(PNG)

    read = pickle.loads(pickle.dumps(image))

    assert read == image == copy.copy(image) == copy.deepcopy(image)
    assert gyazo.account.token.reveal().encode() not in pickle.dumps(image)
    with pytest.raises(PictureError, match="ask gyazo.image"):
        read.download()
    assert copy.deepcopy(image).download() == PNG


@pytest.mark.parametrize("value", ["false", "no", 1, "true"])
def test_whether_metadata_is_public_is_not_guessed(gyazo, value):
    """A text that says no would count as a yes."""
    with pytest.raises(ArgumentError, match="must be True or False"):
        gyazo.upload(PNG, metadata_is_public=value)


def test_request_sends_what_it_is_given(call):
    """Repeated parameters in the path, lists as several; and not two bodies."""
    with session(lambda *_: (200, {}, {})) as (gyazo, asked):
        call(gyazo, "request", "GET", "/api/x?id[]=1&id[]=2", params={"n": [3, 4], "b": True})
        call(gyazo, "request", "POST", "/api/x", form={"ids[]": ["1", "2"]})
        with pytest.raises(ArgumentError, match="form or json, not both"):
            call(gyazo, "request", "POST", "/api/x", form={"a": "1"}, json={"b": 2})
        with pytest.raises(ArgumentError, match="JSON cannot say"):
            call(gyazo, "request", "POST", "/api/x", json={"b": {1, 2}})

    sent = parse_qs(urlsplit(asked[0][1]).query)
    assert sent == {"id[]": ["1", "2"], "n": ["3", "4"], "b": ["true"]}
    assert parse_qs(asked[1][3].decode()) == {"ids[]": ["1", "2"]}
    assert len(asked) == 2


@pytest.mark.parametrize(
    "ask",
    [
        lambda g: g.search(None),
        lambda g: g.oembed(None),
        lambda g: g.request("GET", None),
        lambda g: g.request(None, "/api/x"),
        lambda g: g.request("GET", "/api/x", params=[1]),
        lambda g: g.update(ID, desc=3),
        lambda _: Gyazo(timeout="5"),
        lambda _: Gyazo(retries="3"),
    ],
)
def test_what_cannot_be_right_is_one_of_our_errors(gyazo, server, ask):
    """And nothing is sent."""
    with pytest.raises(ArgumentError):
        ask(gyazo)
    assert server.sandbox.requests == []


@pytest.mark.parametrize(
    "headers",
    [
        {"X-Echo": "s3cr3t-token"},
        {"Set-Cookie": "token=s3cr3t-token"},
        {"X-Echo": '{"access_token":"s3cr3t-token"}'},
        {"Location": "/x?access_token=s3cr3t-token"},
    ],
)
@pytest.mark.parametrize("way", ["header", "parameter"])
def test_whatever_a_server_repeats_no_log_shows_the_token(call, caplog, headers, way):
    """The value itself is masked, wherever it stands."""
    caplog.set_level(logging.DEBUG)
    with (
        answering(lambda *_: (302, headers, b"s3cr3t-token")) as (url, _),
        Gyazo("s3cr3t-token", api_url=url, token_in=way, retries=0) as gyazo,
        pytest.raises(UnreadableReplyError),
    ):
        call(gyazo, "me")

    assert "/api/users/me" in caplog.text
    assert "s3cr3t" not in caplog.text


def test_the_address_of_a_picture_is_shown_without_its_key(caplog):
    """Neither in an error nor in a log; what others log by httpx is theirs."""
    caplog.set_level(logging.DEBUG)
    with session(lambda *_: (503, {}, b"")) as (gyazo, _):
        base = gyazo.account.site.api_url.removeprefix("http://")
        address = f"http://user:pw@{base}/x.png?sig=S1G"
        picture = Image("a", url=address, source=gyazo._connection.transport)
        with pytest.raises(Exception, match=rf"GET {base}/x\.png is in trouble") as caught:
            picture.download()

    assert "S1G" not in caplog.text + str(caught.value)
    assert "user:pw" not in caplog.text + str(caught.value)
    logging.getLogger("httpx").warning("GET https://other.example/?q=%s", "theirs")
    assert "?q=theirs" in caplog.text


def test_a_fetched_address_is_logged_without_its_key(gyazo, server, caplog):
    """What is uploaded by its address may be signed; redirects too."""
    caplog.set_level(logging.DEBUG)
    picture = gyazo.upload(PNG)
    moved = {"Location": f"{picture.url}?sig=S1G2"}
    server.sandbox.faults.append(Fault(status=302, headers=moved, path="/signed"))

    gyazo.upload(f"{server.url}/signed?sig=S1G")

    assert "/signed" in caplog.text
    assert "S1G" not in caplog.text


@pytest.mark.parametrize(
    "field", ['"video_length": 1' + "0" * 400, '"video_length": 1e999', '"created_at": 5']
)
def test_a_number_that_nobody_has_is_no_number(call, field):
    """It does not break the image around it."""
    body = f'{{"image_id": "{ID}", {field}}}'.encode()
    with session(lambda *_: (200, {}, body)) as (gyazo, _):
        image = call(gyazo, "image", ID)

    assert (image.image_id, image.video_length) == (ID, None)


def test_a_delete_that_says_little_has_deleted(call):
    """Null, an empty object, a blank: the id is known."""
    for body in (b'{"image_id": null}', b"{}", b" ", b""):
        with session(lambda *_, body=body: (200, {}, body)) as (gyazo, _):
            assert call(gyazo, "delete", ID).image_id == ID


def test_an_answer_that_is_too_large_is_given_up(call, monkeypatch):
    """No service sends that much for an image."""
    monkeypatch.setattr("gyazo_nb.http.failures.MAX_JSON_BYTES", 1000)
    with (
        session(lambda *_: (200, {}, b" " * 5000)) as (gyazo, _),
        pytest.raises(ConnectionFailedError, match="sent more than"),
    ):
        call(gyazo, "me")


def test_a_fraction_of_a_second_is_waited_for(call, gyazo, server):
    """Retry-After: 0.2 is against the rule, and clear."""
    server.sandbox.faults.append(Fault(status=429, headers={"Retry-After": "0.2"}))

    assert call(gyazo, "me").name == "Sandy Box"


def test_what_the_service_names_cannot_break_out_of_markdown():
    """An address with a bracket in it ends where it ends."""
    image = Image(
        ID, f"https://gyazo.com/{ID}", url="https://i/a.png) <img src=x onerror=alert(1)>"
    )

    assert "<img" not in image.markdown
    assert image.markdown.count(")") == 2
    assert "onerror=alert(1)" not in image.html
