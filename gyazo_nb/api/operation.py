"""One exchange with Gyazo as a value: what to send, and how to read the reply.

The law: nothing here or in the modules that build on it does any I/O, and nothing here knows an
HTTP library. A `Request` can be compared and printed (its secrets stay `Secret` until `transport`
sends them), a `Reply` can be made by hand, and `Operation.read` turns the one into a result or into
the one error that it means.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from email.utils import parsedate_to_datetime
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

# May a request be sent again? "always": also if the first may have been carried out already;
# "if_not_processed": only if it certainly was not; "never": not even then.
RetrySafety = Literal["always", "if_not_processed", "never"]

# Of a request that got no reply: see `Failure`.
Delivery = Literal["not_sent", "unknown", "permanent"]

JSON = "application/json"

# RFC 9110 §9.2.2: what these methods ask for is the same, however often it is asked.
_IDEMPOTENT = frozenset({"GET", "HEAD", "OPTIONS", "PUT", "DELETE"})


@dataclass(frozen=True, slots=True)
class FilePart:
    """The file of a multipart body.

    A `Path` is opened and streamed when it is sent, an open file streamed from where it stands.
    """

    name: str
    filename: str
    content: bytes | Path | BinaryIO = field(repr=False)
    content_type: str


@dataclass(frozen=True, slots=True)
class Request:
    """What to send. `body` is sent as JSON, unless it is None; `accept` is the kind of answer wanted.

    A parameter or a field with several values is a tuple. `multipart` sends a form that holds no file as
    one that could hold some.

    `token` becomes `Authorization: Bearer`, or where `token_in` says so the parameter `access_token`
    (RFC 6750 §2.1 to §2.3, https://gyazo.com/api/docs/auth).
    """

    method: str
    url: str
    params: Mapping[str, str | tuple[str, ...]] = field(default_factory=dict)
    form: Mapping[str, str | Secret | tuple[str, ...]] = field(default_factory=dict)
    file: FilePart | None = None
    body: Any = None
    token: Secret | None = None
    token_in: TokenIn = "header"  # noqa: S105 -- where, not which
    retry: RetrySafety | None = None
    accept: str = JSON
    multipart: bool = False

    @property
    def retry_safety(self) -> RetrySafety:
        """Whether this may be sent again: as it says itself, else by its method."""
        return self.retry or ("always" if self.method in _IDEMPOTENT else "if_not_processed")

    def mask(self, text: str) -> str:
        """Give `text` without the secrets that were sent: a server may repeat what it got."""
        for value in (self.token, *self.form.values()):
            if isinstance(value, Secret) and value:
                plain = value.reveal()
                for spelling in (plain, quote(plain, safe=""), json.dumps(plain)[1:-1]):
                    text = text.replace(spelling, "***")
        return text


class FileSource(Protocol):
    """Whoever brought a reply, and can bring the files that it points to, without any token."""

    def fetch(self, url: str) -> bytes:
        """Bring a file."""

    async def afetch(self, url: str) -> bytes:
        """Same as `fetch`, awaited."""


@dataclass(frozen=True, slots=True)
class Reply:
    """What came back. Header names are in lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes = field(repr=False)  # it may hold an access token
    source: FileSource | None = field(default=None, repr=False, compare=False)
    after_uncertain_attempt: bool = False
    """An attempt went before whose fate nobody knows."""

    @property
    def is_success(self) -> bool:
        """Whether the status is 2xx."""
        return self.status // 100 == 2  # noqa: PLR2004

    def json(self) -> Any:
        """Read the body as JSON, whatever its Content-Type claims. `ValueError` if it is none."""
        return json.loads(self.body)

    @property
    def retry_after(self) -> float | None:
        """Seconds to wait before asking again, where the service says so (RFC 9110 §10.2.3).

        A date is taken relative to the reply's own `Date`: the two clocks need not agree.
        """
        text = self.headers.get("retry-after", "").strip()
        if re.fullmatch(
            r"[0-9]{1,9}(?:\.[0-9]*)?", text
        ):  # a fraction is against the rule, and clear
            return float(text)
        try:
            until = parsedate_to_datetime(text)
            return max(0.0, (until - parsedate_to_datetime(self.headers["date"])).total_seconds())
        except (ValueError, TypeError, KeyError, OverflowError):
            return None


@dataclass(frozen=True, slots=True)
class NoReply:
    """No reply came, and why.

    `fate` is that of the request: "not_sent" for certain, "unknown", or "permanent": it was not sent, and
    the next attempt would end as this one did.
    """

    error: ConnectionFailedError
    delivery: Delivery


@dataclass(frozen=True, slots=True)
class Operation(Generic[T]):
    """A request, and the way to read its reply as a `T`.

    `parse` is called with a reply of status 2xx and raises `ValueError`, `KeyError`, `TypeError` or
    `AttributeError` where the shape is not the documented one (or `OverflowError`, for its numbers). `refuse` may know better than the
    general table which error another status means; it gives None where it does not. `already` is the
    result where a refusal means that an earlier attempt was carried out after all.
    """

    request: Request
    parse: Callable[[Reply], T]
    error_for: Callable[[Reply], ResponseError | None] = lambda _: None
    success_on_retry: Callable[[Reply], T | None] = lambda _: None

    def read(self, reply: Reply, *, after_uncertain_attempt: bool = False) -> T:
        """Turn the reply into a `T`, or raise the `ResponseError` that it means.

        `again` says that an attempt went before whose fate nobody knows.
        """
        if not reply.is_success:
            if after_uncertain_attempt and (done := self.success_on_retry(reply)) is not None:
                return done
            raise self.error_for(reply) or error_for_reply(self.request, reply)
        try:
            return self.parse(
                replace(reply, after_uncertain_attempt=True) if after_uncertain_attempt else reply
            )
        except (ValueError, KeyError, TypeError, AttributeError, ArithmeticError, RecursionError):
            pass  # said below
        # Outside of the handler: what was raised in there has the body in its frames.
        raise unreadable_reply_error(self.request, reply)


# https://gyazo.com/api/docs/errors
_REFUSALS: dict[int, tuple[type[ResponseError], str]] = {
    400: (InvalidRequestError, "does not accept one of the values"),
    401: (
        UnauthorizedError,
        "no longer accepts the token: it was deleted or revoked. Run %gyazo_login to sign in again",
    ),
    402: (PlanError, "offers this to paid plans only: see https://gyazo.com/pricing"),
    403: (ForbiddenError, "does not allow this account to do that: only an image's owner may"),
    404: (NotFoundError, "has nothing there: look at it again, the image may have been deleted"),
    422: (InvalidRequestError, "cannot do anything with these values"),
    429: (TooManyRequestsError, "has had too many requests from you for now: wait, then try again"),
}


def error_for_reply(request: Request, reply: Reply) -> ResponseError:
    """The error that a reply outside 2xx means."""
    message = server_message(request, reply)
    kind: type[ResponseError]
    if reply.status // 100 == 3:  # noqa: PLR2004 -- 3xx
        # Not followed: the token would go along to wherever it points.
        kind, advice = (
            UnreadableReplyError,
            "points elsewhere, which is not followed: check the URL",
        )
    elif reply.status // 100 == 5:  # noqa: PLR2004 -- 5xx
        kind, advice = ServerError, "is in trouble: try again in a minute"
    elif reply.status == 401 and request.token is None:  # noqa: PLR2004
        # No token was sent, so none has died.
        kind, advice = ForbiddenError, "does not give this to everybody"
    else:
        kind, advice = _REFUSALS.get(reply.status, (InvalidRequestError, "refuses this"))
    sentence = f"{describe(request)} {advice} ({reply.status}{': ' + message if message else ''})."
    if kind is TooManyRequestsError:
        return TooManyRequestsError(
            sentence,
            status=reply.status,
            message=message,
            retry_after=reply.retry_after,
        )
    return kind(sentence, status=reply.status, message=message)


def unreadable_reply_error(request: Request, reply: Reply) -> UnreadableReplyError:
    """The error of a reply that says yes and is not what was promised."""
    body = reply.body.lstrip()
    if not body:
        what = "nothing"
    elif body.startswith(b"<"):
        what = "a web page"
    else:
        what = "JSON of another shape" if body[:1] in b'[{"' else "another thing"
    return UnreadableReplyError(
        f"{describe(request)} answered {reply.status} with {what}, which is not the answer that was "
        f"promised: check the URL in the settings, and whether a proxy stands in between.",
        status=reply.status,
    )


def describe(request: Request) -> str:
    """Name an exchange without its query or a password: `POST upload.gyazo.com/api/upload`."""
    address = re.split(r"[?#]", request.url.partition("://")[2])[0]
    return f"{request.method} {re.sub('^[^/]*@', '', address)}"


def server_message(request: Request, reply: Reply) -> str:
    """What the service itself says about a refusal: one short line, or nothing.

    JSON's `message`, then `error_description` and `error`, then a plain text; never a web page, and
    never a secret that it was sent.
    """
    try:
        body = reply.json()
    except (ValueError, RecursionError):
        text = reply.body.decode("utf-8", "replace").strip("\ufeff\r\n\t ")
        return "" if text.startswith("<") else _one_line(request.mask(text))
    if not isinstance(body, dict):
        return ""
    for key in ("message", "error_description", "error"):
        if isinstance(body.get(key), str):
            return _one_line(request.mask(body[key]))
    return ""


def _one_line(text: str) -> str:
    text = text.encode("utf-8", "replace").decode()  # JSON may hold half a character
    return re.sub(r"[\x00-\x1f\x7f-\x9f\s]+", " ", text).strip()[:200].rstrip(" .")
