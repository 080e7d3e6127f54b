"""A 401 ends the session only if the token is revoked, and a list ends with its sign-in."""

import pytest
from support.scripted_server import scripted_session

from gyazo_nb import NotLoggedInError, UnauthorizedError


def test_401_of_one_call_does_not_end_the_session(call):
    """A valid token may lack the right for one call. Other calls still work."""

    def reply(_, path):
        if path == "/api/users/me":
            return 200, {}, {"user": {"uid": "1", "name": "A"}}
        return 401, {}, {"message": "no"}

    with scripted_session(reply) as (gyazo, _):
        with pytest.raises(UnauthorizedError, match="still valid .401: no."):
            call(gyazo, "request", "GET", "/api/v2/collections/abc")

        assert call(gyazo, "me").name == "A"


def test_revoked_token_ends_the_session(call, gyazo, server):
    """Any call can detect it."""
    server.sandbox.revoke(gyazo.account.token.reveal())
    with pytest.raises(UnauthorizedError, match="deleted or revoked"):
        call(gyazo, "images", page=1)

    with pytest.raises(NotLoggedInError, match="deleted or revoked"):
        call(gyazo, "me")


def test_list_of_images_ends_with_its_sign_in(call, gyazo, server):
    """After a sign-out, its token is not sent again."""
    images = gyazo.images()
    gyazo.logout()

    with pytest.raises(NotLoggedInError):
        len(images)
    gyazo.use_token(server.sandbox.new_token())
    before = len(server.sandbox.requests)
    with pytest.raises(NotLoggedInError, match=r"call gyazo\.images\(\) again"):
        len(images)
    assert len(server.sandbox.requests) == before
