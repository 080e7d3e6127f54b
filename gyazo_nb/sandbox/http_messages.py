"""How the sandbox reads requests and writes replies.

Guarantees: parameters can be in the query, a form, a multipart body or JSON, and stay in memory (a
file that is spooled to disk costs a thread for each chunk). An error is raised where it is noticed
and carries its whole reply. Three kinds exist, and a client must handle each: JSON with a message,
plain text (400), and an empty body.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl

from python_multipart.multipart import parse_options_header
from starlette.datastructures import UploadFile
from starlette.formparsers import MultiPartException, MultiPartParser
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response

from .state import Sandbox, Token

_UNLIMITED = 1 << 40


class MalformedBodyError(Exception):
    """The body does not have the format that its Content-Type names."""


@dataclass(frozen=True, slots=True)
class Form:
    """Texts and files by name. A text in the body replaces one of the same name in the query."""

    texts: dict[str, str] = field(default_factory=dict)
    files: dict[str, bytes] = field(default_factory=dict)

    def get(self, name: str) -> str | None:
        """Return a text. A blank text counts as missing, as with Rails' `blank?`."""
        text = self.texts.get(name, "")
        return text if text.strip() else None


class _InMemoryParser(MultiPartParser):
    spool_max_size = _UNLIMITED


async def parse_form(request: Request) -> Form:
    """Read the parameters of a request. Raises MalformedBodyError."""
    form = Form(dict(request.query_params))
    content_type, _ = parse_options_header(request.headers.get("content-type"))
    match content_type:
        case b"multipart/form-data":
            await _parse_multipart(request, form)
        case b"application/x-www-form-urlencoded":
            text = (await request.body()).decode("utf-8", "replace")
            form.texts.update(parse_qsl(text, keep_blank_values=True))
        case b"application/json":
            form.texts.update(await _parse_json(request))
        case _:
            await request.body()
    return form


async def _parse_multipart(request: Request, form: Form) -> None:
    parser = _InMemoryParser(request.headers, request.stream(), max_part_size=_UNLIMITED)
    try:
        parts = await parser.parse()
    except MultiPartException as error:
        raise MalformedBodyError(error.message) from error
    for name, part in parts.multi_items():
        if isinstance(part, UploadFile):
            form.files[name] = await part.read()
            await part.close()
        else:
            form.texts[name] = part


async def _parse_json(request: Request) -> dict[str, str]:
    body = await request.body()
    try:
        values = json.loads(body or b"{}")
        json.dumps(values, ensure_ascii=False).encode()  # fails for half of a surrogate pair
    except (ValueError, RecursionError) as error:
        raise MalformedBodyError("The body is not valid JSON.") from error
    if not isinstance(values, dict):
        raise MalformedBodyError("The body is not a JSON object.")
    return {str(name): str(value) for name, value in values.items() if value is not None}


class JsonReply(JSONResponse):
    """JSON with the charset that Rails names."""

    media_type = "application/json; charset=utf-8"


class HttpError(Exception):
    """Ends the processing of a request with an error reply."""

    def __init__(self, reply: Response) -> None:
        super().__init__(reply.status_code)
        self.reply = reply


async def send_error(_: Request, error: Exception) -> Response:
    """Return the reply of an HttpError, as Starlette's exception handler."""
    if not isinstance(error, HttpError):
        raise error
    return error.reply


# https://gyazo.com/api/docs/errors
def json_error(
    request: Request, status: int, message: str, headers: Mapping[str, str] | None = None
) -> HttpError:
    """Return an error with the documented JSON body."""
    body = {"message": message, "request": request.url.path, "method": request.method}
    return HttpError(JsonReply(body, status, headers))


def bad_request(message: str) -> HttpError:
    """Return a 400 whose body is plain text. It breaks clients that expect JSON."""
    return HttpError(PlainTextResponse(message, 400))


def empty_error(status: int, media_type: str = "text/html") -> HttpError:
    """Return an error with an empty body."""
    return HttpError(Response(status_code=status, media_type=media_type))


async def read_form(request: Request) -> Form:
    """Read the parameters of a request. A malformed body is a 400."""
    try:
        return await parse_form(request)
    except MalformedBodyError as error:
        raise bad_request(str(error)) from error


def www_authenticate(error: str, description: str) -> dict[str, str]:
    """Return Doorkeeper's WWW-Authenticate header."""
    return {
        "WWW-Authenticate": f'Bearer realm="Doorkeeper", error="{error}", '
        f'error_description="{description}"'
    }


def find_access_token(request: Request, form: Form | None = None) -> str | None:
    """Return the access token from the header, else from the form, else from the query."""
    if found := re.fullmatch(r"(?i)bearer +(\S+)", request.headers.get("authorization", "")):
        return found[1]
    texts: Mapping[str, Any] = form.texts if form else request.query_params
    return texts.get("access_token") or None


def authenticate(sandbox: Sandbox, request: Request, form: Form | None = None) -> Token:
    """Return the valid token of a request, or raise a 401 with Doorkeeper's reason."""
    token = sandbox.token(find_access_token(request, form) or "")
    if token is None:
        reason = "is invalid"
    elif token.revoked:
        reason = "was revoked"
    elif not sandbox.is_live(token):
        reason = "expired"
    else:
        # Gyazo does not document which scope an endpoint needs, so no scope is checked.
        return token
    headers = www_authenticate("invalid_token", f"The access token {reason}")
    raise json_error(request, 401, "This method requires authentication", headers)
