"""`Operation.read` returns the result of a reply, or raises its error."""

import json

import pytest

from gyazo_nb import (
    ForbiddenError,
    InvalidRequestError,
    NotFoundError,
    PlanError,
    ResponseError,
    Secret,
    ServerError,
    TooManyRequestsError,
    UnauthorizedError,
    UnreadableReplyError,
)
from gyazo_nb.api.operation import Operation, Reply, Request

TOKEN = Secret("the-token")
OPERATION = Operation(
    Request("GET", "https://api.gyazo.com/api/images", {"page": "1"}, token=TOKEN),
    lambda reply: reply.json()["x"],
)


def error_of(status, body=b"", headers=None):
    with pytest.raises(ResponseError) as caught:
        OPERATION.read(Reply(status, headers or {}, body))
    return caught.value


def test_success_is_parsed_by_the_operation():
    assert OPERATION.read(Reply(201, {}, b'{"x": 5}')) == 5


@pytest.mark.parametrize(
    ("status", "kind", "words"),
    [
        (400, InvalidRequestError, "values"),
        (401, UnauthorizedError, "%gyazo_login"),
        (402, PlanError, "paid"),
        (403, ForbiddenError, "owner"),
        (404, NotFoundError, "deleted"),
        (411, InvalidRequestError, "411"),
        (422, InvalidRequestError, "values"),
        (429, TooManyRequestsError, "Wait"),
        (500, ServerError, "Try again"),
        (503, ServerError, "Try again"),
        (302, UnreadableReplyError, "redirect"),
    ],
)
def test_status_selects_the_error_class(status, kind, words):
    """The sentence contains the method, the address, the status, and the next step."""
    error = error_of(status)

    assert type(error) is kind
    assert error.status == status
    assert words in str(error)
    assert "GET api.gyazo.com/api/images" in str(error)
    assert str(status) in str(error)


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (
            b'{"message":"image not found.","request":"/api/images","method":"GET"}',
            "image not found",
        ),
        (b'{"error":"invalid_token","error_description":"The token expired"}', "The token expired"),
        (b'{"error":"nope"}', "nope"),
        (b"per_page is too large\n", "per_page is too large"),
        (b"<html><h1>502</h1>", ""),
        (b"", ""),
        (b"[1]", ""),
        (b'{"message": 5}', ""),
        (b"\xff\xfe", "\ufffd\ufffd"),
        (b"a\x1b[31m\nb", "a [31m b"),
    ],
)
def test_message_of_the_server_is_part_of_the_error(body, message):
    """A JSON message or a plain text, as one line without control characters. Never a web page."""
    error = error_of(400, body)

    assert error.message == message
    assert message in str(error)
    assert "<" not in str(error)


def test_token_in_the_message_of_the_server_is_masked():
    error = error_of(403, b'{"message": "the-token may not"}')

    assert error.message == "*** may not"
    assert "the-token" not in str(error)


@pytest.mark.parametrize(
    ("header", "seconds"), [("7", 7.0), ("", None), ("soon", None), ("-1", None)]
)
def test_retry_after_is_read_in_seconds(header, seconds):
    """Other values than a number of seconds or a date are ignored."""
    assert error_of(429, headers={"retry-after": header}).retry_after == seconds


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        (b"", "(empty)"),
        (b" <!doctype html>", "(a web page)"),
        (b'{"y":1}', "(JSON of another shape)"),
    ],
)
def test_success_with_an_unexpected_body_raises_an_error(body, kind):
    """The sentence names the kind of body, and the next step."""
    error = error_of(200, body)

    assert type(error) is UnreadableReplyError
    assert kind in str(error)
    assert "Check the URL in the settings and whether a proxy is in the way." in str(error)


def test_repr_of_request_and_reply_shows_no_secret():
    shown = repr(OPERATION) + repr(
        Reply(200, {}, json.dumps({"access_token": "the-token"}).encode())
    )

    assert "the-token" not in shown


def test_notebook_shows_an_error_as_one_line():
    """IPython shows the class and the sentence, without a traceback."""
    assert [line.count("\n") for line in error_of(404)._render_traceback_()] == [0]
