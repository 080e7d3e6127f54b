"""`gyazo.request`: parameters, bodies and checks of arguments."""

from urllib.parse import parse_qs, urlsplit

import pytest
from support.scripted_server import scripted_session

from gyazo_nb import ArgumentError, ForbiddenError, NotFoundError


def test_parameters_and_form_fields_are_sent_as_given(call):
    """Parameters of the path are kept, and a list becomes several values."""
    with scripted_session(lambda *_: (200, {}, {})) as (gyazo, received):
        call(gyazo, "request", "GET", "/api/x?id[]=1&id[]=2", params={"n": [3, 4], "b": True})
        call(gyazo, "request", "POST", "/api/x", form={"ids[]": ["1", "2"]})

    query = parse_qs(urlsplit(received[0][1]).query)
    assert query == {"id[]": ["1", "2"], "n": ["3", "4"], "b": ["true"]}
    assert parse_qs(received[1][3].decode()) == {"ids[]": ["1", "2"]}
    assert len(received) == 2


def test_two_bodies_or_an_invalid_body_raise_an_error_and_nothing_is_sent(call):
    with scripted_session(lambda *_: (200, {}, {})) as (gyazo, received):
        with pytest.raises(ArgumentError, match="form or json, not both"):
            call(gyazo, "request", "POST", "/api/x", form={"a": "1"}, json={"b": 2})
        with pytest.raises(ArgumentError, match="JSON cannot represent"):
            call(gyazo, "request", "POST", "/api/x", json={"b": {1, 2}})

    assert received == []


@pytest.mark.parametrize(
    ("method", "path", "params"),
    [("GET", None, None), (None, "/api/x", None), ("GET", "/api/x", [1])],
)
def test_argument_of_a_wrong_type_raises_an_error_and_nothing_is_sent(
    gyazo, server, method, path, params
):
    with pytest.raises(ArgumentError):
        gyazo.request(method, path, params=params)
    assert server.sandbox.requests == []


@pytest.mark.parametrize("value", [b"text", {"a": 1}, {1}, [["a"]]])
def test_value_that_a_form_cannot_carry_raises_an_error(gyazo, server, value):
    """Otherwise its Python notation would be sent: b'text'."""
    for name in ("params", "form"):
        with pytest.raises(ArgumentError, match="must be a text, a number"):
            gyazo.request("POST", "/api/x", **{name: {"desc": value}})
    assert server.sandbox.requests == []


@pytest.mark.parametrize(
    ("status", "error", "message"),
    [
        (
            404,
            NotFoundError,
            r"/api/x returned 404 \(gone\): this path does not exist. Check the path",
        ),
        (403, ForbiddenError, "this account is not allowed to do that. Sign in as another account"),
    ],
)
def test_error_does_not_speak_of_images(call, status, error, message):
    """The path may name anything."""
    with (
        scripted_session(lambda *_: (status, {}, {"message": "gone"})) as (gyazo, _),
        pytest.raises(error, match=message) as caught,
    ):
        call(gyazo, "request", "GET", "/api/x")

    assert "image" not in str(caught.value)
    assert (caught.value.status, caught.value.message) == (status, "gone")
