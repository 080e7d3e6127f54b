"""The sandbox is honest: clients that never heard of it work against it, and its replies are Gyazo's."""

import io
import json
from pathlib import Path

import gyazo as python_gyazo
import httpx
import pytest
from requests_oauthlib import OAuth2Session
from support.helpers import PNG

from gyazo_nb.sandbox import Account, Sandbox, serve

REPLIES = Path(__file__).parent / "replies"


@pytest.fixture
def stranger(server):
    return python_gyazo.Api(
        access_token=server.sandbox.new_token(), api_url=server.url, upload_url=server.url
    )


def test_python_gyazo_works_unchanged(stranger, server):
    """Upload, list, detail, oEmbed and download, by the client that most people have."""
    uploaded = stranger.upload_image(io.BytesIO(PNG), title="T", desc="D", referer_url="http://x")
    stranger.upload_image(io.BytesIO(PNG + b"2"), created_at=1_500_000_000)
    listed = stranger.get_image_list(page=1, per_page=1)

    assert uploaded.image_id == server.sandbox.images[0].image_id
    assert (listed.total_count, listed.num_pages, listed.has_next_page) == (2, 2, True)
    assert listed[0].image_id == uploaded.image_id
    assert stranger.get_image(uploaded.image_id).permalink_url == uploaded.permalink_url
    assert stranger.get_oembed(uploaded.permalink_url)["url"] == uploaded.url
    assert uploaded.download() == PNG


def test_python_gyazo_stumbles_where_it_stumbles_at_gyazo(stranger, server):
    """Its delete reads a created_at that Gyazo does not send: deleted, then KeyError."""
    uploaded = stranger.upload_image(io.BytesIO(PNG))

    with pytest.raises(KeyError, match="created_at"):
        stranger.delete_image(uploaded.image_id)

    assert server.sandbox.images == []


def test_requests_oauthlib_signs_in(server, user, app, monkeypatch):
    """A stranger's OAuth, state and PKCE and all, gets a token that opens the API."""
    monkeypatch.setenv("OAUTHLIB_INSECURE_TRANSPORT", "1")  # its word for http on loopback
    with OAuth2Session(app.client_id, redirect_uri=app.redirect_uri, pkce="S256") as session:
        link, state = session.authorization_url(f"{server.url}/oauth/authorize")
        address = user.authorize(link)
        token = session.fetch_token(
            f"{server.url}/oauth/token",
            authorization_response=address,
            client_secret=app.secret.reveal(),
        )

        assert f"state={state}" in address
        assert token["token_type"].lower() == "bearer"
        assert session.get(f"{server.url}/api/users/me").json()["user"]["name"] == "Sandy Box"


NULL = type(None)
# What some recordings of a reply have and others do not: a field of a newer Gyazo than the
# documentation's example, or one that an image without it leaves out.
OPTIONAL = {"url", "created_at", "access_policy", "original_title", "alt_text", "ocr", "is_team"}


def kinds(value):
    """The shape of a reply: names and types all the way down, of a list that of its entries."""
    if isinstance(value, dict):
        return {name: kinds(inner) for name, inner in value.items()}
    if isinstance(value, list):
        return [kinds(inner) for inner in value]
    return type(value)


def assert_like(ours, recorded, where="reply"):
    """The same names, and the same types but for null, which stands for a value of any type."""
    if isinstance(recorded, dict) and isinstance(ours, dict):
        assert set(ours) ^ set(recorded) <= OPTIONAL, where
        for name in set(ours) & set(recorded):
            assert_like(ours[name], recorded[name], f"{where}.{name}")
    elif isinstance(recorded, list) and isinstance(ours, list):
        assert len(ours) == len(recorded), where
        for n, (one, other) in enumerate(zip(ours, recorded, strict=True)):
            assert_like(one, other, f"{where}[{n}]")
    else:
        assert NULL in (ours, recorded) or ours == recorded, where


@pytest.fixture
def asked():
    """Ask a sandbox with the images of the recordings for each of the replies."""
    sandbox = Sandbox(accounts=[Account(profile_image="//x/a.png", is_pro=True)])
    with serve(sandbox) as server:
        url, token = server.url, sandbox.new_token()
        locked = sandbox.add_image(PNG + b"locked", created_at="1400000000")
        sandbox.lock(locked.image_id)
        image = sandbox.add_image(PNG, title="A title", created_at="1532417604.771")
        image.ocr = {"locale": "en", "description": "Gyazo\n"}
        client_id = sandbox.applications[0].client_id
        page, easy = f"{url}/api/images/{image.image_id}", f"{url}/api/upload/easy_auth"
        header = {"Authorization": f"Bearer {token}"}
        ask = {
            "list": lambda: httpx.get(f"{url}/api/images", headers=header),
            "detail": lambda: httpx.get(page, headers=header),
            "upload": lambda: httpx.post(
                f"{url}/api/upload", files={"imagedata": ("x.png", PNG + b"3")}, headers=header
            ),
            "delete": lambda: httpx.delete(page, headers=header),
            "search": lambda: httpx.get(
                f"{url}/api/search", params={"query": "title:title"}, headers=header
            ),
            "oembed": lambda: httpx.get(
                f"{url}/api/oembed", params={"url": f"{url}/{image.image_id}"}
            ),
            "me": lambda: httpx.get(f"{url}/api/users/me", headers=header),
            "update": lambda: httpx.patch(page, json={"alt_text": "A"}, headers=header),
            "easy_upload": lambda: httpx.post(
                easy,
                data={
                    "client_id": client_id,
                    "image_url": "data:image/png;base64,iVBORw0KGgo=",
                    "referer_url": "http://x",
                },
            ),
            "unauthorized": lambda: httpx.get(f"{url}/api/images"),
        }
        yield lambda name: ask[name]().json()


@pytest.mark.parametrize("path", sorted(REPLIES.glob("*.json")), ids=lambda path: path.stem)
def test_each_reply_has_the_recorded_shape(asked, path):
    """The same keys and types as what Gyazo is documented, or was seen, to send."""
    recorded = json.loads(path.read_text())

    assert_like(kinds(asked(path.stem)), kinds(recorded))
