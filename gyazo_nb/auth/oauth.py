"""OAuth 2.0 with an authorization code, as Gyazo documents it.

Guarantees: no I/O. The client secret is sent only in the body of the token request.

Sources: https://gyazo.com/api/docs/auth, RFC 6749 §4.1, RFC 7636 (PKCE), RFC 9700 (state).
"""

from __future__ import annotations

import hashlib
import re
import secrets
from base64 import urlsafe_b64encode
from dataclasses import dataclass, field
from functools import partial
from http import HTTPStatus
from typing import Any
from urllib.parse import parse_qsl, urlencode

from gyazo_nb.api.operation import Operation, Reply, Request, describe, server_message
from gyazo_nb.errors import (
    ConfigError,
    InvalidClientError,
    InvalidGrantError,
    ResponseError,
    TokenRequestError,
)
from gyazo_nb.secret import Secret, hides_frames
from gyazo_nb.settings import APPLICATIONS_URL, App, Site, setting_names

from . import paste

# Seconds. A code of Doorkeeper, the OAuth server of Gyazo, is valid for the same time.
LIFETIME = 600.0

_FORM = "application/x-www-form-urlencoded"
MAX_FORM_FIELDS = 100  # of a token reply


@hides_frames
def _random_secret() -> Secret:
    return Secret(secrets.token_urlsafe(32))  # 256 bits


@dataclass(frozen=True, slots=True)
class Authorization:
    """One attempt to sign in: the link to open, and the values that its result is checked against."""

    site: Site
    client_id: str
    redirect_uri: str
    state: Secret = field(default_factory=_random_secret)
    verifier: Secret = field(default_factory=_random_secret)

    @property
    @hides_frames
    def url(self) -> str:
        """The link to open. It contains the `state` and the challenge, but not the secrets.

        Source: https://gyazo.com/api/docs/auth, RFC 6749 §4.1.1, RFC 7636 §4.3
        """
        digest = hashlib.sha256(self.verifier.reveal().encode()).digest()
        query = {
            "client_id": self.client_id,
            "redirect_uri": self.redirect_uri,
            "response_type": "code",
            "state": self.state.reveal(),
            "code_challenge": urlsafe_b64encode(digest).rstrip(b"=").decode(),
            "code_challenge_method": "S256",
        }
        return f"{self.site.auth_url}/oauth/authorize?{urlencode(query)}"

    def read(self, pasted: Secret, *, secrets: tuple[Secret, ...] = ()) -> paste.Pasted:
        """Find the code in the pasted text, or raise `PasteError`. A text in `secrets` is never a code."""
        return paste.read(
            pasted,
            redirect_uri=self.redirect_uri,
            state=self.state,
            auth_url=self.site.auth_url,
            not_codes=(Secret(self.client_id), self.state),
            secrets=(*secrets, self.verifier),
        )


def begin(site: Site, app: App, *, needs_secret: bool = True) -> Authorization:
    """Begin one attempt to sign in, with a new `state` and verifier.

    `needs_secret` is False if a service adds the client secret to the token request.
    """
    missing = []
    if needs_secret and not app.secret:
        missing.append(setting_names("client_secret"))
    if not app.redirect_uri:
        missing.append(setting_names("redirect_uri"))
    if missing:
        raise ConfigError(
            f"Set {' and '.join(missing)} as shown on your application's page, {APPLICATIONS_URL}. The "
            f"sign-in needs it."
        )
    return Authorization(site, app.client_id, app.redirect_uri)


def exchange(
    authorization: Authorization, code: Secret, client_secret: Secret
) -> Operation[Secret]:
    """Exchange the code for an access token, once.

    Source: https://gyazo.com/api/docs/auth, RFC 6749 §4.1.3 and §5, RFC 7636 §4.5
    """
    form: dict[str, str | Secret] = {
        "grant_type": "authorization_code",
        "code": code,
        "redirect_uri": authorization.redirect_uri,
        "client_id": authorization.client_id,
        "client_secret": client_secret,
        "code_verifier": authorization.verifier,
    }
    # Never retried: a code is valid once. If the reply to the first request was lost, a second request is
    # refused, and the server should then revoke the token of the first (RFC 6749 §4.1.2).
    url = f"{authorization.site.auth_url}/oauth/token"
    request = Request("POST", url, form=form, retry="never")
    return Operation(request, partial(read_token, request), partial(token_error, request))


def read_token(request: Request, reply: Reply) -> Secret:
    """Read the access token (RFC 6749 §5.1). Some servers reply 200 and put an error into the body."""
    body = _fields(reply)
    if isinstance(body, dict) and "error" in body and not body.get("access_token"):
        error = token_error(request, reply)
        if error is not None:
            raise error
    text = body["access_token"]
    if not isinstance(text, str) or not text.isascii() or not text.isprintable() or " " in text:
        raise ValueError("access_token is not a token")
    if not text or str(body.get("token_type") or "bearer").lower() != "bearer":
        # RFC 6749 §7.1: a token of an unknown type must not be used.
        raise ValueError("token_type is not bearer")
    return Secret(text)


def token_error(request: Request, reply: Reply) -> ResponseError | None:
    """Make the error from the field `error`, not from the status, which differs between servers.

    Source: RFC 6749 §5.2. None for an error that is the same for every request.
    """
    error = _error_code(reply)
    message = server_message(request, reply)
    details: Any = {"status": reply.status, "message": message, "error": error}
    if error == "invalid_grant":
        return InvalidGrantError(
            "Gyazo does not accept this code: it is not a code from Gyazo, is older than ten minutes, was "
            "used before, or the redirect URI is not the registered one. Open the link again to get a new "
            "code.",
            **details,
        )
    if error == "invalid_client":
        return InvalidClientError(
            f"Gyazo does not know this application: check {setting_names('client_id')} and "
            f"{setting_names('client_secret')}, then try again. If you change a variable outside of the "
            f"notebook, restart Jupyter first.",
            **details,
        )
    if reply.status // 100 not in {2, 4} or reply.status == HTTPStatus.TOO_MANY_REQUESTS:
        return None
    if error:
        reason = error if message in {"", error} else f"{error}: {message}"
        advice = "check the application's settings, then open the link again"
    else:
        reason = f"{reply.status}{': ' + message if message else ''}"
        advice = (
            f"this is not a reply of a Gyazo token endpoint. Check {setting_names('auth_url')}, and the "
            f"client id and secret"
        )
    return TokenRequestError(
        f"{describe(request)} refused the sign-in ({reason}): {advice}.", **details
    )


def _fields(reply: Reply) -> Any:
    """Read the body: JSON (RFC 6749 §5.1), or a form, which some servers send."""
    try:
        return reply.json()
    except ValueError:
        if not reply.headers.get("content-type", "").lower().startswith(_FORM):
            raise
    return dict(parse_qsl(reply.body.decode(), max_num_fields=MAX_FORM_FIELDS))


def _error_code(reply: Reply) -> str:
    """The field `error` in lower case, without unusual characters; empty if it is missing."""
    try:
        error = _fields(reply)["error"]
    except (ValueError, KeyError, TypeError, RecursionError):
        return ""
    return re.sub(r"[^a-z_]", "", error.lower())[:60] if isinstance(error, str) else ""
