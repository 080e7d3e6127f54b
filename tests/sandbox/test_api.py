"""The sandbox's API, held to Gyazo's documented answers and to the traps around them."""

import base64
import hashlib
import io
import re
import struct

import httpx
import pytest
from PIL import Image as Picture

from gyazo_nb.sandbox import Account, Sandbox, serve

NINJA = Account("Sandy", "sandy@example.com", "a" * 24, is_pro=True)
LITE = Account("Pebble", "pebble@example.com", "b" * 24)


def drawn(kind="PNG", size=(40, 30), colour="teal"):
    out = io.BytesIO()
    Picture.new("RGB", size, colour).save(out, kind)
    return out.getvalue()


PNG = drawn()


@pytest.fixture
def sandbox():
    return Sandbox(accounts=[NINJA, LITE], clock=lambda: 1_532_417_604.771)


@pytest.fixture
def url(sandbox):
    with serve(sandbox) as server:
        yield server.url


@pytest.fixture
def client(sandbox, url):
    headers = {"authorization": f"Bearer {sandbox.new_token()}"}
    with httpx.Client(base_url=url, headers=headers) as client:
        yield client


@pytest.fixture
def pebble(sandbox, url):
    headers = {"authorization": f"Bearer {sandbox.new_token(account=LITE)}"}
    with httpx.Client(base_url=url, headers=headers) as client:
        yield client


def upload(client, data=PNG, filename="x.png", **fields):
    return client.post("/api/upload", files={"imagedata": (filename, data)}, data=fields)


def test_upload(client, sandbox, url):
    """An upload answers 200 with the digest as id, and keeps every documented field."""
    fields = {
        "access_policy": "only_me",
        "metadata_is_public": "true",
        "referer_url": "https://example.com/",
        "app": "Jupyter",
        "title": "Tîtle",
        "desc": "#tag",
        "collection_id": "c" * 32,
    }
    answer = upload(client, created_at="1406276991.5", **fields)

    digest = hashlib.md5(PNG).hexdigest()
    assert answer.status_code == 200
    body = answer.json()
    assert re.fullmatch(rf"{url}/thumb/200/[\w-]+\.jpg", body.pop("thumb_url"))
    assert body == {
        "image_id": digest,
        "permalink_url": f"{url}/{digest}",
        "url": f"{url}/{digest}.png",
        "type": "png",
        "created_at": "2014-07-25T08:29:51+0000",
    }
    (image,) = sandbox.images
    assert (image.data, image.fields, image.account) == (PNG, fields, NINJA)


@pytest.mark.parametrize("way", ["header", "query", "form"])
def test_ways_to_send_the_token(sandbox, url, way):
    """A token is taken from the header, the query or the form."""
    token = sandbox.new_token()
    options = {
        "header": {"headers": {"authorization": f"bearer {token}"}},
        "query": {"params": {"access_token": token}},
        "form": {"data": {"access_token": token}},
    }[way]

    answer = httpx.post(f"{url}/api/upload", files={"imagedata": ("x", PNG)}, **options)
    assert answer.status_code == 200


def test_same_bytes_again(client, pebble, sandbox):
    """The same bytes give the first picture with its first title; another owner gets his own."""
    first = upload(client, title="First").json()

    assert upload(client, title="Second").json() == first
    assert sandbox.images[0].fields["title"] == "First"
    assert upload(pebble).json()["image_id"] != first["image_id"]
    assert len(sandbox.images) == 2


def test_large_upload(client, sandbox):
    """A large file is kept whole."""
    data = PNG + bytes(3_000_000)

    assert upload(client, data).status_code == 200
    assert sandbox.images[0].data == data


@pytest.mark.parametrize(
    ("kind", "size", "data"),
    [
        ("png", (40, 30), PNG),
        ("jpg", (40, 30), drawn("JPEG")),
        ("gif", (40, 30), drawn("GIF")),
        ("webp", (40, 30), drawn("WEBP")),
        (
            "heic",
            (320, 240),
            b"\0\0\0\x18ftypheic"
            + bytes(12)
            + b"\0\0\0\x14ispe\0\0\0\0"
            + struct.pack(">II", 320, 240),
        ),
        (
            "mp4",
            (640, 360),
            b"\0\0\0\x18ftypisom"
            + bytes(12)
            + b"\0\0\0\x5ctkhd"
            + bytes(76)
            + struct.pack(">II", 640 << 16, 360 << 16),
        ),
        ("png", (0, 0), PNG[:12]),
        ("jpg", (0, 0), b"\xff\xd8\xff\xe0"),
    ],
)
def test_type_and_size_come_from_the_bytes(client, kind, size, data):
    """The bytes decide about the type, and the header about the size that oEmbed tells."""
    body = upload(client, data, filename="anything.txt").json()
    embedded = client.get("/api/oembed", params={"url": body["permalink_url"]}).json()

    assert body["type"] == kind
    assert (embedded["width"], embedded["height"]) == size
    assert client.get(body["url"]).content == data


def test_upload_refusals(client, pebble):
    """What cannot be uploaded is refused in four forms: text, nothing, JSON, and 411."""
    answer = client.post("/api/upload", files={"other": ("x", PNG)})
    assert (answer.status_code, answer.text) == (400, "imagedata is missing")
    assert answer.headers["content-type"].startswith("text/plain")
    for fields in ({"access_policy": "onlyme"}, {"created_at": "nan"}, {"created_at": "today"}):
        answer = upload(client, **fields)
        assert (answer.status_code, answer.text) == (400, f"{next(iter(fields))} is invalid")

    answer = client.post("/api/upload", files={"imagedata": (None, PNG)})
    assert (answer.status_code, answer.content) == (400, b"")

    answer = upload(client, b"no picture")
    assert (answer.status_code, set(answer.json())) == (422, {"message", "request", "method"})
    assert upload(pebble, b"\0\0\0\x18ftypisom").status_code == 422

    answer = client.post("/api/upload", content=iter([PNG]))
    assert (answer.status_code, answer.content) == (411, b"")


def test_empty_fields_count_as_left_out(client, sandbox):
    """Clients that send every optional field empty are served all the same."""
    answer = upload(client, access_policy="", created_at="", title="")

    assert answer.status_code == 200
    assert sandbox.images[0].fields == {}


def test_list(client, sandbox, url):
    """A list is a bare array, newest first, counted in headers."""
    for second in (1, 3, 2):
        colour = (second, 0, 0)
        sandbox.add_image(drawn(colour=colour), created_at=str(second), title=str(second))
    sandbox.add_image(drawn(colour="red"), account=LITE)

    answer = client.get("/api/images", params={"page": 1, "per_page": 2})
    names = ("x-total-count", "x-current-page", "x-per-page", "x-user-type")
    assert [answer.headers[name] for name in names] == ["3", "1", "2", "ninja"]
    assert [image["metadata"]["title"] for image in answer.json()] == ["3", "2"]
    assert set(answer.json()[0]) == {
        "image_id",
        "permalink_url",
        "thumb_url",
        "url",
        "type",
        "created_at",
        "alt_text",
        "metadata",
    }
    rest = client.get("/api/images", params={"page": 2, "per_page": 2}).json()
    assert [image["metadata"] for image in rest] == [
        {"app": None, "title": "1", "url": None, "desc": ""}
    ]
    assert client.get("/api/images", params={"page": 3, "per_page": 2}).json() == []
    assert [image.fields.get("title") for image in sandbox.images] == [None, "3", "2", "1"]


@pytest.mark.parametrize("bad", ["page=0", "page=x", "per_page=0", "per_page=101", "per_page=-1"])
def test_list_refuses(client, bad):
    """A number out of range is a 400 in bare text."""
    answer = client.get(f"/api/images?{bad}")

    assert (answer.status_code, answer.text) == (400, f"{bad.partition('=')[0]} is invalid")


def test_locked(client, sandbox):
    """A locked picture is listed without anything to follow."""
    image = sandbox.add_image(PNG)
    sandbox.lock(image.image_id)

    (entry,) = client.get("/api/images").json()
    assert [entry[name] for name in ("image_id", "permalink_url", "url")] == ["", "", ""]
    assert entry["thumb_url"]
    (entry,) = client.get("/api/search", params={"query": "since:2000-01-01"}).json()
    assert entry["image_id"] == ""
    with pytest.raises(KeyError):
        sandbox.lock("unknown")


@pytest.mark.parametrize(
    ("style", "text"),
    [
        ("upload", "2018-07-24T07:33:24+0000"),
        ("docs", "2018-07-24 16:33:24+0900"),
        ("millis", "2018-07-24T07:33:24.771+0000"),
        ("detail", "2018-07-24T07:33:24.771Z"),
    ],
)
def test_dates(client, sandbox, style, text):
    """A list writes dates in the form that was asked for, a detail always with milliseconds."""
    sandbox.date_style = style
    image = sandbox.add_image(PNG)

    assert client.get("/api/images").json()[0]["created_at"] == text
    detail = client.get(f"/api/images/{image.image_id}").json()
    assert detail["created_at"] == "2018-07-24T07:33:24.771Z"


def test_detail(client, pebble, sandbox):
    """Metadata is absent where there is none, and where it is not meant for the reader."""
    bare = sandbox.add_image(PNG)
    titled = sandbox.add_image(drawn(colour="red"), title="T")
    shared = sandbox.add_image(drawn(colour="blue"), title="S", metadata_is_public="true")
    secret = sandbox.add_image(drawn(colour="lime"), access_policy="only_me")
    titled.ocr = {"locale": "en", "description": "Gyazo\n"}

    def detail(who, image):
        return who.get(f"/api/images/{image.image_id}").json()

    assert "metadata" not in detail(client, bare)
    assert detail(client, titled)["metadata"]["title"] == "T"
    assert detail(client, titled)["ocr"]["description"] == "Gyazo\n"
    assert not {"metadata", "ocr"} & set(detail(pebble, titled))
    assert detail(pebble, shared)["metadata"]["title"] == "S"
    assert detail(client, secret)["access_policy"] == "only_me"
    assert pebble.get(f"/api/images/{secret.image_id}").status_code == 403


def test_delete(client, pebble, sandbox):
    """Only one's own pictures can be deleted, and once."""
    path = f"/api/images/{sandbox.add_image(PNG).image_id}"

    assert pebble.delete(path).status_code == 403
    answer = client.delete(path)
    assert (answer.status_code, set(answer.json())) == (200, {"image_id", "type"})
    again = client.delete(path)
    assert again.status_code == 404
    assert again.json() == {"message": "image not found.", "request": path, "method": "DELETE"}
    assert sandbox.images == []


def test_patch(client, pebble, sandbox):
    """PATCH changes description and alternative text, the latter answered in the metadata."""
    path = f"/api/images/{sandbox.add_image(PNG).image_id}"

    body = client.patch(path, json={"desc": "D", "alt_text": "A"}).json()
    assert (body["metadata"]["desc"], body["metadata"]["alt_text"]) == ("D", "A")
    assert client.get("/api/images").json()[0]["alt_text"] == "A"
    assert pebble.patch(path, json={"desc": "mine"}).status_code == 403
    assert client.patch(path, content=b"{", headers={"content-type": "application/json"}).text


@pytest.mark.parametrize(
    ("query", "titles"),
    [
        ("loss", ["Loss curve"]),
        ("LOSS curve", ["Loss curve"]),
        ("epochs", ["Loss curve"]),
        ("seen", ["Table"]),
        ('title:"loss c"', ["Loss curve"]),
        ("title:epochs", []),
        ("app:jupyter", ["Loss curve"]),
        ("url:example.com", ["Table"]),
        ("since:2020-01-01", ["Table"]),
        ("until:2020-01-01", ["Loss curve"]),
        ("since:2014-07-25 until:2014-07-25", ["Loss curve"]),
        ("e", ["Table", "Loss curve"]),
    ],
)
def test_search(client, sandbox, query, titles):
    """Words are looked for in all texts, operators in their own."""
    sandbox.add_image(
        PNG, title="Loss curve", desc="fifty epochs", app="Jupyter", created_at="1406276991"
    )
    table = sandbox.add_image(
        drawn(colour="red"),
        title="Table",
        referer_url="https://example.com",
        created_at="1700000000",
    )
    table.ocr = {"locale": "en", "description": "as seen"}

    found = client.get("/api/search", params={"query": query}).json()
    assert [image["metadata"]["original_title"] for image in found] == titles


def test_search_refusals(client, pebble, sandbox):
    """Search is for paid plans, wants a query of 200 characters at most, and pages by `per`."""
    for colour in ("red", "blue"):
        sandbox.add_image(drawn(colour=colour), title="x")

    answer = pebble.get("/api/search", params={"query": "x"})
    assert answer.status_code == 402
    assert answer.json()["message"]
    for query in (None, "", "x" * 201):
        assert client.get("/api/search", params={"query": query}).status_code == 400
    assert client.get("/api/search?query=x&per=101").text == "per is invalid"
    assert len(client.get("/api/search?query=x&per=1&page=2").json()) == 1
    assert len(client.get("/api/search?query=x&per_page=1").json()) == 2


def test_oembed(sandbox, url):
    """An embedding page needs no token, and learns of no private picture."""
    image = sandbox.add_image(PNG)
    secret = sandbox.add_image(drawn(colour="red"), access_policy="only_me")

    def ask(address):
        return httpx.get(f"{url}/api/oembed", params={"url": address})

    assert ask(f"https://gyazo.com/{image.image_id}").json() == {
        "version": "1.0",
        "type": "photo",
        "provider_name": "Gyazo",
        "provider_url": url,
        "url": f"{url}/{image.image_id}.png",
        "width": 40,
        "height": 30,
    }
    assert ask(f"{url}/{secret.image_id}").status_code == 404
    assert ask("nonsense").status_code == 404
    assert ask("").status_code == 400


def test_me(client):
    """users/me wraps the account."""
    assert client.get("/api/users/me").json() == {
        "user": {
            "email": "sandy@example.com",
            "name": "Sandy",
            "profile_image": "",
            "uid": "a" * 24,
            "is_pro": True,
            "is_team": False,
        }
    }


def test_unauthorised(sandbox, url):
    """A bad token is told apart in the header only: invalid, revoked, expired."""
    revoked = sandbox.new_token()
    sandbox.revoke(revoked)
    for token, reason in (
        (None, "is invalid"),
        ("unknown", "is invalid"),
        (revoked, "was revoked"),
        (sandbox.new_token(expires_in=0), "expired"),
    ):
        headers = {"authorization": f"Bearer {token}"} if token else {}
        answer = httpx.get(f"{url}/api/images", headers=headers)
        assert answer.status_code == 401
        assert answer.headers["www-authenticate"] == (
            'Bearer realm="Doorkeeper", error="invalid_token", '
            f'error_description="The access token {reason}"'
        )
        assert answer.json() == {
            "message": "This method requires authentication",
            "request": "/api/images",
            "method": "GET",
        }


def test_unknown_paths(client):
    """An unknown path is a 404, in JSON under /api; so is a known one with another method."""
    for method, path in (("GET", "/api/v2/collections"), ("PUT", "/api/images")):
        answer = client.request(method, path)
        assert answer.status_code == 404
        assert answer.json() == {"message": "Not found", "request": path, "method": method}
    assert "<h1>Not found</h1>" in client.get("/a/b/c").text
    assert client.get("/" + "0" * 32).status_code == 404


def test_easy_upload(sandbox, url):
    """A picture without a token is the browser's who opens the link, once."""
    image_url = "data:image/png;base64," + base64.b64encode(PNG).decode()
    client_id = sandbox.applications[0].client_id
    sent = {
        "client_id": client_id,
        "image_url": image_url,
        "referer_url": "https://e.org/",
        "title": "T",
    }

    for options in ({"data": sent}, {"files": {k: (None, v) for k, v in sent.items()}}):
        body = httpx.post(f"{url}/api/upload/easy_auth", **options).json()
        assert body["expires_at"] > sandbox.clock()
    assert re.fullmatch(rf"{url}/api/upload/[0-9a-f]{{32}}", body["get_image_url"])
    assert sandbox.images == []
    page = httpx.get(body["get_image_url"])
    assert (page.status_code, page.headers["location"]) == (
        302,
        f"{url}/{sandbox.images[0].image_id}",
    )
    assert sandbox.images[0].fields["title"] == "T"
    assert httpx.get(body["get_image_url"]).status_code == 404


def test_easy_upload_refusals(sandbox, url):
    """The known trap: an address in place of a data URL is a 500 without a word."""
    sent = {
        "client_id": sandbox.applications[0].client_id,
        "image_url": "https://example.com/x.png",
        "referer_url": "https://e.org/",
    }

    def ask(**changes):
        return httpx.post(f"{url}/api/upload/easy_auth", data=sent | changes)

    assert (ask().status_code, ask().content) == (500, b"")
    assert ask(image_url="data:image/png;base64,!").status_code == 500
    assert ask(image_url="data:image/png;base64,AAAA").status_code == 422
    assert ask(referer_url="").text == "referer_url is missing"
    assert ask(client_id="nobody").status_code == 401


def test_thumbnail(client, url):
    """A thumbnail is a small JPEG whose name tells nothing."""
    body = upload(client, drawn("GIF", (800, 400))).json()

    assert body["image_id"] not in body["thumb_url"]
    answer = client.get(body["thumb_url"])
    assert answer.headers["content-type"] == "image/jpeg"
    assert Picture.open(io.BytesIO(answer.content)).size == (200, 100)
    assert client.get("/thumb/200/unknown.jpg").status_code == 404
    broken = upload(client, PNG[:20]).json()
    assert client.get(broken["thumb_url"]).content == PNG[:20]
    assert client.get(f"{url}/{body['image_id']}.png").status_code == 404
