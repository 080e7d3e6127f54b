"""A reply is read as its result, or as the one error that it means."""

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


def refused(status, body=b"", headers=None):
    with pytest.raises(ResponseError) as caught:
        OPERATION.read(Reply(status, headers or {}, body))
    return caught.value


def test_a_yes_is_parsed():
    """A 2xx is handed to the operation's own reader."""
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
        (429, TooManyRequestsError, "wait"),
        (500, ServerError, "try again"),
        (503, ServerError, "try again"),
        (302, UnreadableReplyError, "elsewhere"),
    ],
)
def test_the_status_decides_the_class(status, kind, words):
    """Who must act decides the class; the sentence has method, path and status."""
    error = refused(status)

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
def test_the_services_own_words_are_kept(body, message):
    """JSON's message, a plain text, never a web page; one line without control characters."""
    error = refused(400, body)

    assert error.message == message
    assert message in str(error)
    assert "<" not in str(error)


def test_a_message_that_repeats_the_token_is_masked():
    """A server that echoes the token does not bring it into an error."""
    error = refused(403, b'{"message": "the-token may not"}')

    assert error.message == "*** may not"
    assert "the-token" not in str(error)


@pytest.mark.parametrize(
    ("header", "seconds"), [("7", 7.0), ("", None), ("soon", None), ("-1", None)]
)
def test_retry_after_is_read_in_seconds(header, seconds):
    """The number is given as it is; anything else is no number."""
    assert refused(429, headers={"retry-after": header}).retry_after == seconds


@pytest.mark.parametrize(
    ("body", "what"),
    [(b"", "nothing"), (b" <!doctype html>", "a web page"), (b'{"y":1}', "JSON of another shape")],
)
def test_a_yes_of_another_shape_is_unreadable(body, what):
    """HTML, nothing and other JSON become one of ours, and the sentence says which."""
    error = refused(200, body)

    assert type(error) is UnreadableReplyError
    assert what in str(error)


def test_a_request_and_a_reply_show_no_secret():
    """Both can be printed and logged."""
    shown = repr(OPERATION) + repr(
        Reply(200, {}, json.dumps({"access_token": "the-token"}).encode())
    )

    assert "the-token" not in shown


def test_errors_show_one_line_in_a_notebook():
    """IPython asks an error how it wants to be shown: the name and the sentence, no frames."""
    assert [line.count("\n") for line in refused(404)._render_traceback_()] == [0]
