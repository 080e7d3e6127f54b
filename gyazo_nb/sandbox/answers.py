"""The ways in which the pretend Gyazo says no, and how it learns who asks.

The law: a refusal is raised where it is noticed and carries its whole answer. Three kinds exist,
and a client must survive each: JSON with a message, bare text (400), and nothing at all.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response

from .forms import Form, UnreadableError, read_form
from .state import Sandbox, Token


class Json(JSONResponse):
    """JSON with the charset that Rails names."""

    media_type = "application/json; charset=utf-8"


class RefusedError(Exception):
    """The answer is no, and this one."""

    def __init__(self, answer: Response) -> None:
        super().__init__(answer.status_code)
        self.answer = answer


async def refuse(_: Request, error: Exception) -> Response:
    """Give the answer that a refusal carries."""
    if not isinstance(error, RefusedError):
        raise error
    return error.answer


# https://gyazo.com/api/docs/errors
def problem(
    request: Request, status: int, message: str, headers: Mapping[str, str] | None = None
) -> RefusedError:
    """Return a refusal in the documented JSON."""
    body = {"message": message, "request": request.url.path, "method": request.method}
    return RefusedError(Json(body, status, headers))


def bad_parameter(sentence: str) -> RefusedError:
    """Return a 400, whose body is bare text: that breaks a client which parses JSON first."""
    return RefusedError(PlainTextResponse(sentence, 400))


def nothing(status: int, media_type: str = "text/html") -> RefusedError:
    """Return a refusal without a word."""
    return RefusedError(Response(status_code=status, media_type=media_type))


async def readable(request: Request) -> Form:
    """Read the parameters, or refuse a body that is not what it says."""
    try:
        return await read_form(request)
    except UnreadableError as error:
        raise bad_parameter(str(error)) from error


def challenge(error: str, description: str) -> dict[str, str]:
    """Return Doorkeeper's WWW-Authenticate header."""
    return {
        "WWW-Authenticate": f'Bearer realm="Doorkeeper", error="{error}", '
        f'error_description="{description}"'
    }


def sent_token(request: Request, form: Form | None = None) -> str | None:
    """Return the token of a request: from its header, else its form, else its query."""
    if found := re.fullmatch(r"(?i)bearer +(\S+)", request.headers.get("authorization", "")):
        return found[1]
    texts: Mapping[str, Any] = form.texts if form else request.query_params
    return texts.get("access_token") or None


def authorised(sandbox: Sandbox, request: Request, form: Form | None = None) -> Token:
    """Return the token that opens the door, or refuse with the reason that Doorkeeper gives."""
    token = sandbox.token(sent_token(request, form) or "")
    if token is None:
        reason = "is invalid"
    elif token.revoked:
        reason = "was revoked"
    elif not sandbox.is_live(token):
        reason = "expired"
    else:
        # What each scope unlocks is not documented, so no scope is asked for.
        return token
    headers = challenge("invalid_token", f"The access token {reason}")
    raise problem(request, 401, "This method requires authentication", headers)
