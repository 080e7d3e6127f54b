"""One exchange with Gyazo as a value: the request to send, and how to read the reply.

Guarantees:

- This module does no I/O, and uses no HTTP library: `http.transport` sends requests.
- A `Request` can be compared and printed: its secrets stay `Secret` until they are sent.
- `Operation.read` returns the result of a reply, or raises exactly one `ResponseError`.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from pathlib import Path
from typing import Any, BinaryIO, Generic, Literal, Protocol, TypeVar
from urllib.parse import quote

from gyazo_nb.errors import (
    ConnectionFailedError,
    ForbiddenError,
    InvalidRequestError,
    NotFoundError,
    PlanError,
    ResponseError,
    ServerError,
    TooManyRequestsError,
    UnauthorizedError,
    UnreadableReplyError,
)
from gyazo_nb.secret import Secret
from gyazo_nb.settings import TokenIn

T = TypeVar("T")

# When a request can be sent again: "always", even if the server may have processed it;
# "if_not_processed", only if the server certainly did not process it; or "never".
RetrySafety = Literal["always", "if_not_processed", "never"]

# How far a request without a reply got: see `NoReply`.
Delivery = Literal["not_sent", "unknown", "permanent"]

JSON = "application/json"
# A page of 100 images has a few thousand. A parsed container takes 30 times the memory of its text.
MAX_JSON_CONTAINERS = 200_000

# The keys of the message in an error. RFC 6749 §5.2 defines the second and third, Rails the fourth.
_MESSAGE_KEYS = ("message", "error_description", "error", "errors")
_MAX_MESSAGE_DEPTH = 4
_MAX_MESSAGE_BYTES = 10_000

# RFC 9110 §9.2.2
_IDEMPOTENT_METHODS = frozenset({"GET", "HEAD", "OPTIONS", "PUT", "DELETE"})


@dataclass(frozen=True, slots=True)
class FilePart:
    """The file of a multipart body.

    A `Path` is opened for each attempt. An open file is read from its current position. Both are
    streamed.
    """

    name: str
    filename: str
    content: bytes | Path | BinaryIO = field(repr=False)
    content_type: str


@dataclass(frozen=True, slots=True)
class Request:
    """One request. `body` is sent as JSON, unless it is None. `accept` is the expected content type.

    A parameter or a form field with several values is a tuple. With `multipart`, a form without a file
    is sent as multipart/form-data, too.

    `token` is sent as `Authorization: Bearer`, or as the parameter `access_token` if `token_in` says so
    (RFC 6750 §2.1 to §2.3, https://gyazo.com/api/docs/auth).
    """

    method: str
    url: str
    params: Mapping[str, str | tuple[str, ...]] = field(default_factory=dict)
    form: Mapping[str, str | Secret | tuple[str, ...]] = field(default_factory=dict)
    file: FilePart | None = None
    body: Any = None
    token: Secret | None = None
    token_in: TokenIn = "header"  # noqa: S105 -- the place of the token, not a token
    retry: RetrySafety | None = None
    accept: str = JSON
    multipart: bool = False

    @property
    def retry_safety(self) -> RetrySafety:
        """When this request can be sent again: `retry` if it is set, else by the method."""
        return self.retry or (
            "always" if self.method in _IDEMPOTENT_METHODS else "if_not_processed"
        )

    def mask(self, text: str) -> str:
        """Replace the secrets of this request in `text`: a server may repeat them in its reply."""
        for value in (self.token, *self.form.values()):
            if isinstance(value, Secret) and value:
                plain = value.reveal()
                for spelling in (plain, quote(plain, safe=""), json.dumps(plain)[1:-1]):
                    text = text.replace(spelling, "***")
        return text


class FileSource(Protocol):
    """Fetches the files that a reply names, without a token: the transport that received the reply."""

    def fetch(self, url: str) -> bytes:
        """Fetch a file."""

    async def afetch(self, url: str) -> bytes:
        """Same as `fetch`, async."""


@dataclass(frozen=True, slots=True)
class Reply:
    """The reply of the server. Header names are in lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes = field(repr=False)  # may contain an access token
    source: FileSource | None = field(default=None, repr=False, compare=False)
    after_uncertain_attempt: bool = False
    """Whether the server may have processed an earlier attempt, whose reply was lost."""

    @property
    def is_success(self) -> bool:
        """Whether the status is 2xx."""
        return self.status // 100 == 2  # noqa: PLR2004

    def json(self) -> Any:
        """Parse the body as JSON, with any Content-Type. Raises `ValueError`, also for too many objects."""
        if self.body.count(b"{") + self.body.count(b"[") > MAX_JSON_CONTAINERS:
            raise ValueError("too many objects")
        return json.loads(self.body)

    @property
    def retry_after(self) -> float | None:
        """The `Retry-After` header in seconds, or None (RFC 9110 §10.2.3).

        A date is compared with the reply's own `Date`: the clocks of client and server may differ.
        """
        text = self.headers.get("retry-after", "").strip()
        # The RFC allows whole seconds only, but the meaning of a fraction is clear.
        if re.fullmatch(r"[0-9]{1,9}(?:\.[0-9]*)?", text):
            return float(text)
        try:
            until = parsedate_to_datetime(text)
            return max(0.0, (until - parsedate_to_datetime(self.headers["date"])).total_seconds())
        except (ValueError, TypeError, KeyError, OverflowError):
            return None


@dataclass(frozen=True, slots=True)
class NoReply:
    """No reply arrived: the error to raise, and how far the request got.

    `delivery` is "not_sent": the server certainly did not process the request; "unknown": it may have
    processed it; or "permanent": every further attempt would fail in the same way.
    """

    error: ConnectionFailedError
    delivery: Delivery


@dataclass(frozen=True, slots=True)
class Operation(Generic[T]):
    """A request, and how to read its reply as a `T`.

    `parse` reads a reply of status 2xx. For a reply that is not in the documented form it raises
    `ValueError`, `KeyError`, `TypeError`, `AttributeError` or `ArithmeticError`.

    `error_for` returns a more exact error for another status than the general table, or None.

    `success_on_retry` is called for an error status after an attempt without a reply. It returns the
    result if this status means that the earlier attempt succeeded, or None.
    """

    request: Request
    parse: Callable[[Reply], T]
    error_for: Callable[[Reply], ResponseError | None] = lambda _: None
    success_on_retry: Callable[[Reply], T | None] = lambda _: None

    def read(self, reply: Reply) -> T:
        """Return the result of the reply, or raise its `ResponseError`."""
        if not reply.is_success:
            if reply.after_uncertain_attempt and (done := self.success_on_retry(reply)) is not None:
                return done
            raise self.error_for(reply) or error_for_reply(self.request, reply)
        try:
            return self.parse(reply)
        except (ValueError, KeyError, TypeError, AttributeError, ArithmeticError, RecursionError):
            pass
        # Raised outside of the handler: the frames of the caught exception contain the body.
        raise unreadable_reply_error(self.request, reply)


# https://gyazo.com/api/docs/errors
_ERRORS: dict[int, tuple[type[ResponseError], str]] = {
    400: (InvalidRequestError, "Gyazo rejected one of the values. Correct it, then try again"),
    401: (UnauthorizedError, "the token was deleted or revoked. Run %gyazo_login to sign in again"),
    402: (PlanError, "this call is for paid plans only. See https://gyazo.com/pricing"),
    403: (
        ForbiddenError,
        "this account is not allowed to do that. Sign in as the owner of the image",
    ),
    404: (NotFoundError, "the image does not exist or was deleted. Check its id or address"),
    405: (
        InvalidRequestError,
        "this address does not accept this request. Check the URL in the settings",
    ),
    408: (ServerError, "the request did not arrive in time. Try again"),
    413: (
        InvalidRequestError,
        "the picture is too large for this server. Make it smaller, then try again",
    ),
    415: (InvalidRequestError, "the server does not accept this type of file. Upload it as PNG"),
    422: (InvalidRequestError, "Gyazo rejected these values. Correct them, then try again"),
    429: (TooManyRequestsError, "you sent too many requests. Wait a while, then try again"),
    511: (
        ServerError,
        "this network needs a sign-in. Open a web page in a browser, sign in there, then try again",
    ),
}
_CHECK_URL = "Check the URL in the settings and whether a proxy answers instead of the server"


def error_for_reply(request: Request, reply: Reply) -> ResponseError:
    """Return the error of a reply whose status is not 2xx."""
    kind, advice = _ERRORS.get(
        reply.status, (InvalidRequestError, "Gyazo rejected the request. Check its values")
    )
    wait = _duration_text(reply.retry_after)
    if reply.status // 100 == 3:  # noqa: PLR2004 -- 3xx
        # A redirect is not followed: the token would go to any address that the reply names.
        kind, advice = (
            UnreadableReplyError,
            f"a redirect, which is not followed. {_redirect_advice(request, reply)}",
        )
    elif reply.status == HTTPStatus.TOO_MANY_REQUESTS and wait:
        advice = f"you sent too many requests. Wait {wait}, then try again"
    elif reply.status // 100 == 5 and reply.status not in _ERRORS:  # noqa: PLR2004 -- 5xx
        kind, advice = ServerError, f"the server has a problem. Try again in {wait or 'a minute'}"
    elif kind in {UnauthorizedError, ForbiddenError} and request.token is None:
        # This does not mean that a token was revoked, or belongs to another account.
        kind, advice = ForbiddenError, "this is not public. Check the address in a browser"
    return make_error(kind, request, reply, advice)


def _redirect_advice(request: Request, reply: Reply) -> str:
    """The host of a redirect, without the rest of the address, and the next step."""
    location = request.mask(reply.headers.get("location", ""))
    found = re.match(r"(?:https?:)?//([\w.-]{1,100})(?::\d+)?(?:[/?#]|$)", location)
    return f"It leads to {found[1]}. {_CHECK_URL}" if found else _CHECK_URL


def _duration_text(seconds: float | None) -> str:
    """A delay as text: in seconds, minutes or hours. Empty if it is None or more than a week."""
    if seconds is None or seconds > 7 * 24 * 3600:
        return ""
    size, unit = 1, "second"
    if seconds >= 2 * 60:
        size, unit = (3600, "hour") if seconds >= 2 * 3600 else (60, "minute")
    number = max(1, math.ceil(seconds / size))
    return f"{number} {unit}{'' if number == 1 else 's'}"


def make_error(
    kind: type[ResponseError], request: Request, reply: Reply, advice: str
) -> ResponseError:
    """Return an error with the usual sentence: the request, the status, the server's message, the advice."""
    message = server_message(request, reply)
    said = f" ({message})" if message else ""
    if reply.status // 100 == 4 and reply.body.lstrip().startswith(b"<"):  # noqa: PLR2004 -- 4xx
        advice += ". The reply is a web page, which a proxy or a firewall may have sent"
    sentence = f"{describe(request)} returned {reply.status}{said}: {advice}."
    if kind is TooManyRequestsError:
        return TooManyRequestsError(
            sentence, status=reply.status, message=message, retry_after=reply.retry_after
        )
    return kind(sentence, status=reply.status, message=message)


def unreadable_reply_error(request: Request, reply: Reply) -> UnreadableReplyError:
    """Return the error of a 2xx reply that is not in the documented form."""
    body = reply.body.lstrip()
    if not body:
        found = "empty"
    elif body.startswith(b"<"):
        found = "a web page"
    else:
        found = "JSON of another shape" if body[:1] in b'[{"' else "another format"
    message = ""
    with suppress(ValueError, RecursionError):
        if isinstance(data := reply.json(), dict):  # a reply that is only a text can be a token
            message = _short(request.mask(_message_in(data)))
    said = f": {message}" if message else ""
    return UnreadableReplyError(
        f"{describe(request)} returned {reply.status} with an unexpected body ({found}{said}). "
        f"{_CHECK_URL}.",
        status=reply.status,
        message=message,
    )


def describe(request: Request) -> str:
    """Name a request without its query or a password: `POST upload.gyazo.com/api/upload`."""
    address = re.split(r"[?#]", request.url.partition("://")[2])[0]
    return f"{request.method} {one_line(re.sub('^[^/]*@', '', address))[:200]}"


def server_message(request: Request, reply: Reply) -> str:
    """Return the server's own error message as one short line, or an empty text.

    This is `message`, `error_description`, `error` or `errors` of a JSON body, or a plain text. It is never
    a web page or binary data, and never contains a secret of the request.
    """
    try:
        text = _message_in(reply.json())
    except (ValueError, RecursionError):
        text = _decoded(reply).strip("\ufeff\r\n\t ")
        text = "" if text.startswith("<") else text
    return _short(request.mask(text))


def _message_in(value: Any, depth: int = 0) -> str:
    """Find the message in the JSON of an error, in the forms that web frameworks use."""
    if isinstance(value, str):
        return value
    texts: list[str] = []
    if isinstance(value, dict) and depth < _MAX_MESSAGE_DEPTH:
        texts = [_message_in(value.get(key), depth + 1) for key in _MESSAGE_KEYS]
        texts = [text for text in texts if text][:1]
        if not texts and depth > 0:  # {"errors": {"title": ["is too long"]}}
            lists = [(field, entry) for field, entry in value.items() if isinstance(entry, list)]
            texts = [f"{field} {_message_in(entry, depth + 1)}" for field, entry in lists[:5]]
    elif isinstance(value, list) and depth < _MAX_MESSAGE_DEPTH:
        texts = [_message_in(entry, depth + 1) for entry in value[:5]]
    return ", ".join(filter(None, texts))


def _decoded(reply: Reply) -> str:
    """Decode the body as UTF-8, or else in the encoding that its header names. Other data give an empty text."""
    named = re.search(r"charset=[\"']?([\w-]+)", reply.headers.get("content-type", ""))
    body = reply.body
    if len(body) > _MAX_MESSAGE_BYTES:  # some encodings of Python take quadratic time
        body = body[:_MAX_MESSAGE_BYTES].rpartition(b"\n")[0]
    for encoding in ("utf-8", *(named.groups() if named else ())):
        with suppress(ValueError, LookupError):
            return body.decode(encoding)
    return ""


def one_line(text: str) -> str:
    """Return a text from a server as one line that a terminal can show.

    Line breaks, control codes, and marks that change the direction of writing become a blank.
    """
    text = text.encode("utf-8", "replace").decode()  # JSON may contain half a surrogate pair
    return re.sub(r"[\x00-\x1f\x7f-\x9f\s\u202a-\u202e\u2066-\u2069]+", " ", text).strip()


def _short(text: str) -> str:
    return one_line(text[:10_000])[:200].rstrip(" .")
