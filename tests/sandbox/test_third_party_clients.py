"""Unmodified third-party clients work with the sandbox, and its replies have the recorded fields."""

import io
import json
from pathlib import Path

import gyazo as python_gyazo
import httpx
import pytest
from requests_oauthlib import OAuth2Session
from support.helpers import PNG

from gyazo_nb.sandbox import Account, Sandbox, serve

REPLIES = sorted((Path(__file__).parents[1] / "replies").glob("*.json"))

# Fields that only some recorded replies have: newer ones, and ones that depend on the image.
OPTIONAL = {"url", "created_at", "access_policy", "original_title", "alt_text", "ocr", "is_team"}


@pytest.fixture
def python_client(server):
    return python_gyazo.Api(
        access_token=server.sandbox.new_token(), api_url=server.url, upload_url=server.url
    )


def test_python_gyazo_works_unchanged(python_client, server):
    """Upload, list, single image, oEmbed and download with python-gyazo."""
    uploaded = python_client.upload_image(
        io.BytesIO(PNG), title="T", desc="D", referer_url="http://x"
    )
    python_client.upload_image(io.BytesIO(PNG + b"2"), created_at=1_500_000_000)
    listed = python_client.get_image_list(page=1, per_page=1)

    assert uploaded.image_id == server.sandbox.images[0].image_id
    assert (listed.total_count, listed.num_pages, listed.has_next_page) == (2, 2, True)
    assert listed[0].image_id == uploaded.image_id
    assert python_client.get_image(uploaded.image_id).permalink_url == uploaded.permalink_url
    assert python_client.get_oembed(uploaded.permalink_url)["url"] == uploaded.url
    assert uploaded.download() == PNG


def test_python_gyazo_fails_on_delete_as_with_gyazo(python_client, server):
    """It deletes the image, then reads a `created_at` that Gyazo does not send."""
    uploaded = python_client.upload_image(io.BytesIO(PNG))

    with pytest.raises(KeyError, match="created_at"):
        python_client.delete_image(uploaded.image_id)

    assert server.sandbox.images == []


def test_requests_oauthlib_signs_in(server, user, app, monkeypatch):
    """With state and PKCE. Its token is accepted by the API."""
    # requests-oauthlib accepts http addresses only with this setting.
    monkeypatch.setenv("OAUTHLIB_INSECURE_TRANSPORT", "1")
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


def types_of(value):
    """Replace every value inside a reply by its type."""
    if isinstance(value, dict):
        return {name: types_of(inner) for name, inner in value.items()}
    if isinstance(value, list):
        return [types_of(inner) for inner in value]
    return type(value)


def assert_same_types(ours, recorded, path="reply"):
    """Check for the same fields and types; null matches a value of any type."""
    if isinstance(recorded, dict) and isinstance(ours, dict):
        assert set(ours) ^ set(recorded) <= OPTIONAL, path
        for name in set(ours) & set(recorded):
            assert_same_types(ours[name], recorded[name], f"{path}.{name}")
    elif isinstance(recorded, list) and isinstance(ours, list):
        assert len(ours) == len(recorded), path
        for index, (one, other) in enumerate(zip(ours, recorded, strict=True)):
            assert_same_types(one, other, f"{path}[{index}]")
    else:
        assert type(None) in (ours, recorded) or ours == recorded, path


@pytest.fixture
def request_reply():
    """Return a function that requests one of the recorded replies from a sandbox with their images."""
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
        requests = {
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
        yield lambda name: requests[name]().json()


def test_recorded_replies_exist():
    """Without them, the next test would have no cases."""
    assert len(REPLIES) >= 10


@pytest.mark.parametrize("path", REPLIES, ids=lambda path: path.stem)
def test_reply_has_the_recorded_fields_and_types(request_reply, path):
    """The recordings are Gyazo's documented and observed replies."""
    recorded = json.loads(path.read_text())

    assert_same_types(types_of(request_reply(path.stem)), types_of(recorded))
