"""Fixtures for the tests of the HTTP package."""

import pytest
from support.helpers import PNG

from gyazo_nb import Gyazo


@pytest.fixture(params=["header", "parameter"])
def token_in(request):
    return request.param


@pytest.fixture
def session(server, urls, token_in):
    """A session that sends the token in each of the two ways."""
    with Gyazo(server.sandbox.new_token(), **urls, token_in=token_in) as session:
        yield session


@pytest.fixture
def make_every_call(call, session):
    """A function that makes each call that carries the token."""

    def make_every_call():
        image = call(session, "upload", PNG, title="loss")
        call(session, "me")
        call(session, "images", page=1)
        call(session, "image", image.image_id)
        call(session, "search", "loss & more=1")
        call(session, "update", image, desc="d")
        call(session, "request", "GET", "/api/images", params={"page": 1})
        call(session, "request", "PATCH", f"/api/images/{image.image_id}", form={"desc": "f"})
        call(session, "delete", image)

    return make_every_call
