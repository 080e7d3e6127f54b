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
from gyazo_nb.api.operation import Operation, Reply, Request, error_for_reply

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
        (405, InvalidRequestError, "Check the URL"),
        (408, ServerError, "Try again"),
        (411, InvalidRequestError, "411"),
        (413, InvalidRequestError, "too large"),
        (415, InvalidRequestError, "type of file"),
        (422, InvalidRequestError, "values"),
        (429, TooManyRequestsError, "Wait"),
        (500, ServerError, "Try again"),
        (503, ServerError, "Try again"),
        (511, ServerError, "sign-in"),
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


@pytest.mark.parametrize("status", [401, 403])
def test_refusal_of_a_request_without_a_token_names_no_account(status):
    """A sign-in does not help for a picture or its oEmbed data."""
    request = Request("GET", "https://i.gyazo.com/a.png")

    error = error_for_reply(request, Reply(status, {}, b""))

    assert type(error) is ForbiddenError
    assert str(error).endswith(f"{status}: this is not public. Check the address in a browser.")


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
        (b"\xff\xfe", ""),
        (b"GIF89a\x80\xff", ""),
        (b'{"message": ["a is wrong", "b too"]}', "a is wrong, b too"),
        (b'{"error": {"code": 3, "message": "nope"}}', "nope"),
        (b'{"errors": [{"message": "nope"}, "no"]}', "nope, no"),
        (b'{"errors": {"title": ["is too long"], "n": 1}}', "title is too long"),
        (b'"nope"', "nope"),
        (b'{"error": ' * 50 + b'"x"' + b"}" * 50, ""),
        (b"a\x1b[31m\nb", "a [31m b"),
    ],
)
def test_message_of_the_server_is_part_of_the_error(body, message):
    """A JSON message or a plain text, as one line without control characters. Never a web page."""
    error = error_of(400, body)

    assert error.message == message
    assert message in str(error)
    assert "<" not in str(error)


def test_message_of_the_server_is_decoded_as_it_declares():
    """A proxy in Japan can send Shift_JIS. A wrong declaration does not matter for UTF-8."""
    japanese = {"content-type": "text/plain; charset=Shift_JIS"}
    latin = {"content-type": 'text/plain; charset="no-such-encoding"'}

    assert error_of(500, "障害".encode("cp932"), japanese).message == "障害"
    assert error_of(500, "障害".encode(), japanese).message == "障害"
    assert error_of(500, "障害".encode("cp932"), latin).message == ""
    assert error_of(500, b"No memory\n" * 2_000, latin).message.startswith("No memory No memory")


def test_message_of_the_server_is_decoded_in_a_short_time():
    """Python decodes some encodings in quadratic time: this one would take hours."""
    headers = {"content-type": "text/plain; charset=punycode"}

    assert error_of(500, b"\xff-" + b"9" * 8_000_000, headers).message == ""


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
    ("status", "seconds", "words"),
    [
        (429, "7", "Wait 7 seconds, then"),
        (429, "0.2", "Wait 1 second, then"),
        (429, "3600", "Wait 60 minutes, then"),
        (503, "90000", "Try again in 25 hours."),
        (503, "999999999", "Try again in a minute."),
        (429, "soon", "Wait a while, then"),
    ],
)
def test_error_says_how_long_the_server_asks_to_wait(status, seconds, words):
    """A server in maintenance names hours."""
    assert words in str(error_of(status, headers={"retry-after": seconds}))


@pytest.mark.parametrize(
    ("location", "words"),
    [
        ("https://login.corp.example/sso?url=secret", "It leads to login.corp.example. Check"),
        ("//127.0.0.1:80/x", "It leads to 127.0.0.1. Check"),
        ("/elsewhere", "not followed. Check the URL in the settings and whether a proxy"),
        ("https://a\x1b[31m/", "not followed. Check"),
        ("https://user:secret@b.example/", "not followed. Check"),
        ("https://the-token.b.example/", "not followed. Check"),
    ],
)
def test_redirect_names_the_host_where_it_leads(location, words):
    """A proxy of a company redirects to its own sign-in page. The query can hold a secret."""
    sentence = str(error_of(307, headers={"location": location}))

    assert words in sentence
    assert "secret" not in sentence
    assert "the-token" not in sentence


def test_web_page_as_an_error_can_come_from_a_proxy():
    """A firewall refuses with a page. Gyazo sends JSON, and sometimes a page, too."""
    assert "which a proxy or a firewall may have sent." in str(error_of(403, b"<html>"))
    assert "proxy" not in str(error_of(403, b'{"message": "no"}'))


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        (b"", "(empty)"),
        (b" <!doctype html>", "(a web page)"),
        (b'{"y":1}', "(JSON of another shape)"),
        (b'{"error":"maintenance"}', "(JSON of another shape: maintenance)"),
    ],
)
def test_success_with_an_unexpected_body_raises_an_error(body, kind):
    """The sentence names the kind of body, and the next step."""
    error = error_of(200, body)

    assert type(error) is UnreadableReplyError
    assert kind in str(error)
    assert "Check the URL in the settings and whether a proxy answers instead of" in str(error)


def test_repr_of_request_and_reply_shows_no_secret():
    shown = repr(OPERATION) + repr(
        Reply(200, {}, json.dumps({"access_token": "the-token"}).encode())
    )

    assert "the-token" not in shown


def test_notebook_shows_an_error_as_one_line():
    """IPython shows the class and the sentence, without a traceback."""
    assert [line.count("\n") for line in error_of(404)._render_traceback_()] == [0]
