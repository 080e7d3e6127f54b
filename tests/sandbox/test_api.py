"""The API of the sandbox replies as Gyazo documents it, including the behavior that breaks clients."""

import base64
import hashlib
import io
import re
import struct

import httpx
import pytest
from PIL import Image

from gyazo_nb.sandbox import Account, Sandbox, serve

PAID = Account("Sandy", "sandy@example.com", "a" * 24, is_pro=True)
FREE = Account("Pebble", "pebble@example.com", "b" * 24)


def make_image(image_format="PNG", size=(40, 30), color="teal"):
    out = io.BytesIO()
    Image.new("RGB", size, color).save(out, image_format)
    return out.getvalue()


PNG = make_image()


@pytest.fixture
def sandbox():
    return Sandbox(accounts=[PAID, FREE], clock=lambda: 1_532_417_604.771)


@pytest.fixture
def url(sandbox):
    with serve(sandbox) as server:
        yield server.url


@pytest.fixture
def client(sandbox, url):
    headers = {"authorization": f"Bearer {sandbox.new_token()}"}
    with httpx.Client(base_url=url, headers=headers, verify=False) as client:
        yield client


@pytest.fixture
def free_client(sandbox, url):
    headers = {"authorization": f"Bearer {sandbox.new_token(account=FREE)}"}
    with httpx.Client(base_url=url, headers=headers, verify=False) as client:
        yield client


def upload(client, data=PNG, filename="x.png", **fields):
    return client.post("/api/upload", files={"imagedata": (filename, data)}, data=fields)


def test_upload_stores_every_documented_field(client, sandbox, url):
    """The reply has status 200, and the id is the digest of the bytes."""
    fields = {
        "access_policy": "only_me",
        "metadata_is_public": "true",
        "referer_url": "https://example.com/",
        "app": "Jupyter",
        "title": "Tîtle",
        "desc": "#tag",
        "collection_id": "c" * 32,
    }
    reply = upload(client, created_at="1406276991.5", **fields)

    digest = hashlib.md5(PNG).hexdigest()
    assert reply.status_code == 200
    body = reply.json()
    assert re.fullmatch(rf"{url}/thumb/200/[\w-]+\.jpg", body.pop("thumb_url"))
    assert body == {
        "image_id": digest,
        "permalink_url": f"{url}/{digest}",
        "url": f"{url}/{digest}.png",
        "type": "png",
        "created_at": "2014-07-25T08:29:51+0000",
    }
    (image,) = sandbox.images
    assert (image.data, image.fields, image.account) == (PNG, fields, PAID)


@pytest.mark.parametrize("place", ["header", "query", "form"])
def test_token_is_accepted_in_header_query_and_form(sandbox, url, place):
    """The scheme of the header may have any case."""
    token = sandbox.new_token()
    options = {
        "header": {"headers": {"authorization": f"bearer {token}"}},
        "query": {"params": {"access_token": token}},
        "form": {"data": {"access_token": token}},
    }[place]

    reply = httpx.post(f"{url}/api/upload", files={"imagedata": ("x", PNG)}, **options)
    assert reply.status_code == 200


def test_same_bytes_return_the_first_image(client, free_client, sandbox):
    """The first title stays. Another account gets its own image."""
    first = upload(client, title="First").json()

    assert upload(client, title="Second").json() == first
    assert sandbox.images[0].fields["title"] == "First"
    assert upload(free_client).json()["image_id"] != first["image_id"]
    assert len(sandbox.images) == 2


def test_large_upload_is_stored_completely(client, sandbox):
    """3 MB arrive unchanged."""
    data = PNG + bytes(3_000_000)

    assert upload(client, data).status_code == 200
    assert sandbox.images[0].data == data


@pytest.mark.parametrize(
    ("image_type", "size", "data"),
    [
        ("png", (40, 30), PNG),
        ("jpg", (40, 30), make_image("JPEG")),
        ("gif", (40, 30), make_image("GIF")),
        ("webp", (40, 30), make_image("WEBP")),
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
def test_type_and_size_come_from_the_bytes(client, image_type, size, data):
    """The type ignores the filename. oEmbed returns the size from the header of the file."""
    body = upload(client, data, filename="anything.txt").json()
    embedded = client.get("/api/oembed", params={"url": body["permalink_url"]}).json()

    assert body["type"] == image_type
    assert (embedded["width"], embedded["height"]) == size
    assert client.get(body["url"]).content == data


def test_invalid_uploads_are_rejected(client, free_client):
    """Four kinds of error reply: plain text, an empty body, JSON, and 411."""
    reply = client.post("/api/upload", files={"other": ("x", PNG)})
    assert (reply.status_code, reply.text) == (400, "imagedata is missing")
    assert reply.headers["content-type"].startswith("text/plain")
    for fields in ({"access_policy": "onlyme"}, {"created_at": "nan"}, {"created_at": "today"}):
        reply = upload(client, **fields)
        assert (reply.status_code, reply.text) == (400, f"{next(iter(fields))} is invalid")

    reply = client.post("/api/upload", files={"imagedata": (None, PNG)})
    assert (reply.status_code, reply.content) == (400, b"")

    reply = upload(client, b"not an image")
    assert (reply.status_code, set(reply.json())) == (422, {"message", "request", "method"})
    assert upload(free_client, b"\0\0\0\x18ftypisom").status_code == 422

    reply = client.post("/api/upload", content=iter([PNG]))
    assert (reply.status_code, reply.content) == (411, b"")


def test_empty_fields_count_as_missing(client, sandbox):
    """Some clients send every optional field, empty."""
    reply = upload(client, access_policy="", created_at="", title="")

    assert reply.status_code == 200
    assert sandbox.images[0].fields == {}


def test_list_is_sorted_and_paged(client, sandbox):
    """A list is a plain array, newest first; the counts are in headers."""
    for second in (1, 3, 2):
        data = make_image(color=(second, 0, 0))
        sandbox.add_image(data, created_at=str(second), title=str(second))
    sandbox.add_image(make_image(color="red"), account=FREE)

    reply = client.get("/api/images", params={"page": 1, "per_page": 2})
    names = ("x-total-count", "x-current-page", "x-per-page", "x-user-type")
    assert [reply.headers[name] for name in names] == ["3", "1", "2", "ninja"]
    assert [image["metadata"]["title"] for image in reply.json()] == ["3", "2"]
    assert set(reply.json()[0]) == {
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
def test_list_rejects_numbers_out_of_range(client, bad):
    """The reply is a 400 in plain text."""
    reply = client.get(f"/api/images?{bad}")

    assert (reply.status_code, reply.text) == (400, f"{bad.partition('=')[0]} is invalid")


def test_locked_image_has_no_id_and_no_address(client, sandbox):
    """Lists and searches contain only its thumbnail."""
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
def test_date_formats(client, sandbox, style, text):
    """A list has dates in the selected style; a single image always has milliseconds."""
    sandbox.date_style = style
    image = sandbox.add_image(PNG)

    assert client.get("/api/images").json()[0]["created_at"] == text
    detail = client.get(f"/api/images/{image.image_id}").json()
    assert detail["created_at"] == "2018-07-24T07:33:24.771Z"


def test_single_image_shows_metadata_only_to_allowed_readers(client, free_client, sandbox):
    """Metadata is also absent when the image has none."""
    bare = sandbox.add_image(PNG)
    titled = sandbox.add_image(make_image(color="red"), title="T")
    shared = sandbox.add_image(make_image(color="blue"), title="S", metadata_is_public="true")
    private = sandbox.add_image(make_image(color="lime"), access_policy="only_me")
    titled.ocr = {"locale": "en", "description": "Gyazo\n"}

    def detail(reader, image):
        return reader.get(f"/api/images/{image.image_id}").json()

    assert "metadata" not in detail(client, bare)
    assert detail(client, titled)["metadata"]["title"] == "T"
    assert detail(client, titled)["ocr"]["description"] == "Gyazo\n"
    assert not {"metadata", "ocr"} & set(detail(free_client, titled))
    assert detail(free_client, shared)["metadata"]["title"] == "S"
    assert detail(client, private)["access_policy"] == "only_me"
    assert free_client.get(f"/api/images/{private.image_id}").status_code == 403


def test_delete_only_own_images(client, free_client, sandbox):
    """The second delete is a 404."""
    path = f"/api/images/{sandbox.add_image(PNG).image_id}"

    assert free_client.delete(path).status_code == 403
    reply = client.delete(path)
    assert (reply.status_code, set(reply.json())) == (200, {"image_id", "type"})
    again = client.delete(path)
    assert again.status_code == 404
    assert again.json() == {"message": "image not found.", "request": path, "method": "DELETE"}
    assert sandbox.images == []


def test_patch_changes_description_and_alternative_text(client, free_client, sandbox):
    """The reply has the alternative text in the metadata. Other accounts get a 403."""
    path = f"/api/images/{sandbox.add_image(PNG).image_id}"

    body = client.patch(path, json={"desc": "D", "alt_text": "A"}).json()
    assert (body["metadata"]["desc"], body["metadata"]["alt_text"]) == ("D", "A")
    assert client.get("/api/images").json()[0]["alt_text"] == "A"
    assert free_client.patch(path, json={"desc": "mine"}).status_code == 403
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
def test_search_finds_words_and_operators(client, sandbox, query, titles):
    """A word matches all texts of an image, an operator only its own field."""
    sandbox.add_image(
        PNG, title="Loss curve", desc="fifty epochs", app="Jupyter", created_at="1406276991"
    )
    table = sandbox.add_image(
        make_image(color="red"),
        title="Table",
        referer_url="https://example.com",
        created_at="1700000000",
    )
    table.ocr = {"locale": "en", "description": "as seen"}

    found = client.get("/api/search", params={"query": query}).json()
    assert [image["metadata"]["original_title"] for image in found] == titles


def test_search_limits(client, free_client, sandbox):
    """A search needs a paid plan and a query of at most 200 characters; the page size is `per`."""
    for color in ("red", "blue"):
        sandbox.add_image(make_image(color=color), title="x")

    reply = free_client.get("/api/search", params={"query": "x"})
    assert reply.status_code == 402
    assert reply.json()["message"]
    for query in (None, "", "x" * 201):
        assert client.get("/api/search", params={"query": query}).status_code == 400
    assert client.get("/api/search?query=x&per=101").text == "per is invalid"
    assert len(client.get("/api/search?query=x&per=1&page=2").json()) == 1
    assert len(client.get("/api/search?query=x&per_page=1").json()) == 2


def test_oembed_without_token(sandbox, url):
    """A private image is a 404."""
    image = sandbox.add_image(PNG)
    private = sandbox.add_image(make_image(color="red"), access_policy="only_me")

    def oembed(address):
        return httpx.get(f"{url}/api/oembed", params={"url": address})

    assert oembed(f"https://gyazo.com/{image.image_id}").json() == {
        "version": "1.0",
        "type": "photo",
        "provider_name": "Gyazo",
        "provider_url": url,
        "url": f"{url}/{image.image_id}.png",
        "width": 40,
        "height": 30,
    }
    assert oembed(f"{url}/{private.image_id}").status_code == 404
    assert oembed("nonsense").status_code == 404
    assert oembed("").status_code == 400


def test_me_returns_the_account(client):
    """The account is inside the key `user`."""
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


def test_invalid_token_is_401_with_reason(sandbox, url):
    """Only the header says whether the token is unknown, revoked or expired."""
    revoked = sandbox.new_token()
    sandbox.revoke(revoked)
    for token, reason in (
        (None, "is invalid"),
        ("unknown", "is invalid"),
        (revoked, "was revoked"),
        (sandbox.new_token(expires_in=0), "expired"),
    ):
        headers = {"authorization": f"Bearer {token}"} if token else {}
        reply = httpx.get(f"{url}/api/images", headers=headers)
        assert reply.status_code == 401
        assert reply.headers["www-authenticate"] == (
            'Bearer realm="Doorkeeper", error="invalid_token", '
            f'error_description="The access token {reason}"'
        )
        assert reply.json() == {
            "message": "This method requires authentication",
            "request": "/api/images",
            "method": "GET",
        }


def test_unknown_path_or_method_is_404(client):
    """The body is JSON under /api, and a page elsewhere."""
    for method, path in (("GET", "/api/v2/collections"), ("PUT", "/api/images")):
        reply = client.request(method, path)
        assert reply.status_code == 404
        assert reply.json() == {"message": "Not found", "request": path, "method": method}
    assert "<h1>Not found</h1>" in client.get("/a/b/c").text
    assert client.get("/" + "0" * 32).status_code == 404


def test_easy_upload_is_claimed_by_a_browser_once(sandbox, url):
    """The browser that opens the link stores the image for its account."""
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


def test_invalid_easy_uploads_are_rejected(sandbox, url):
    """A web address in place of a data URL is a 500 with an empty body."""
    sent = {
        "client_id": sandbox.applications[0].client_id,
        "image_url": "https://example.com/x.png",
        "referer_url": "https://e.org/",
    }

    def easy_upload(**changes):
        return httpx.post(f"{url}/api/upload/easy_auth", data=sent | changes)

    assert (easy_upload().status_code, easy_upload().content) == (500, b"")
    assert easy_upload(image_url="data:image/png;base64,!").status_code == 500
    assert easy_upload(image_url="data:image/png;base64,AAAA").status_code == 422
    assert easy_upload(referer_url="").text == "referer_url is missing"
    assert easy_upload(client_id="unknown").status_code == 401


def test_thumbnail_is_a_small_jpeg(client, url):
    """Its name does not contain the image id. A broken image is its own thumbnail."""
    body = upload(client, make_image("GIF", (800, 400))).json()

    assert body["image_id"] not in body["thumb_url"]
    reply = client.get(body["thumb_url"])
    assert reply.headers["content-type"] == "image/jpeg"
    assert Image.open(io.BytesIO(reply.content)).size == (200, 100)
    assert client.get("/thumb/200/unknown.jpg").status_code == 404
    broken = upload(client, PNG[:20]).json()
    assert client.get(broken["thumb_url"]).content == PNG[:20]
    assert client.get(f"{url}/{body['image_id']}.png").status_code == 404
