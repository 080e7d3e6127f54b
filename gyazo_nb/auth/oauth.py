"""OAuth 2.0 with an authorization code, as Gyazo's authentication page has it.

The law: no I/O. `begin` makes one attempt to sign in, with a link to show; `Authorization.read`
finds the code in what comes back; `exchange` is the request that turns the code into a token. The
client secret travels in the body of that request and nowhere else.
Sources: https://gyazo.com/api/docs/auth, RFC 6749 §4.1, RFC 7636 (PKCE), RFC 9700 (state).
"""

from __future__ import annotations

import hashlib
import re
import secrets
from base64 import urlsafe_b64encode
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Self
from urllib.parse import urlencode

from gyazo_nb.api.operation import Operation, Reply, Request, describe, server_message
from gyazo_nb.errors import (
    ConfigError,
    InvalidClientError,
    InvalidGrantError,
    ResponseError,
    TokenRequestError,
)
from gyazo_nb.secret import Secret
from gyazo_nb.settings import App, Site, setting_names

from . import paste

TOO_MANY = 429
LIFETIME = 600.0  # seconds: as long as a code of Doorkeeper's lives


@dataclass(frozen=True, slots=True)
class Token:
    """An access token. It carries no expiry: a token of Gyazo lives until it is deleted."""

    access_token: Secret
    scope: str = ""

    @classmethod
    def from_json(cls, data: Any) -> Self:
        """Read the answer of the token endpoint (RFC 6749 §5.1). Unknown keys are ignored."""
        word = data["access_token"]
        if not isinstance(word, str) or not word.isascii() or not word.isprintable() or " " in word:
            raise ValueError("access_token is no token")
        if not word or str(data.get("token_type") or "bearer").lower() != "bearer":
            # RFC 6749 §7.1: a token of an unknown type must not be used.
            raise ValueError("token_type is not bearer")
        return cls(Secret(word), str(data.get("scope") or ""))


@dataclass(frozen=True, slots=True)
class Authorization:
    """One attempt to sign in: the link to open, and what is needed to trust its result."""

    site: Site
    client_id: str
    redirect_uri: str
    state: Secret = field(default_factory=lambda: Secret(secrets.token_urlsafe(32)))  # 256 bits
    verifier: Secret = field(default_factory=lambda: Secret(secrets.token_urlsafe(32)))

    @property
    def url(self) -> str:
        """The link to open. It carries the `state` and the challenge, never a secret.

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
        """Find the code in what the browser showed, or raise `PasteError` with what to do.

        `secrets` are texts that are known to be no code, and must not be sent as one.
        """
        return paste.read(
            pasted,
            redirect_uri=self.redirect_uri,
            state=self.state,
            never=(Secret(self.client_id), self.state),
            secrets=(*secrets, self.verifier),
        )


def begin(site: Site, app: App) -> Authorization:
    """Begin one attempt to sign in, with a fresh `state` and verifier."""
    missing = []
    if not app.secret:
        missing.append(setting_names("client_secret"))
    if not app.redirect_uri:
        missing.append(setting_names("redirect_uri"))
    if missing:
        raise ConfigError(
            f"Set {' and '.join(missing)} as on your application's page: signing in needs it."
        )
    return Authorization(site, app.client_id, app.redirect_uri)


def exchange(authorization: Authorization, code: Secret, client_secret: Secret) -> Operation[Token]:
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
    # A code is good once. Sent again after a lost answer it is refused, and by RFC 6749 §4.1.2 the
    # token that the first attempt brought may be revoked.
    url = f"{authorization.site.auth_url}/oauth/token"
    request = Request("POST", url, form=form, retry="never")
    return Operation(request, partial(_token, request), partial(_refusal, request))


def _token(request: Request, reply: Reply) -> Token:
    """Read the token. Some servers say 200 and put the refusal into the body."""
    body = reply.json()
    if isinstance(body, dict) and "error" in body and not body.get("access_token"):
        refused = _refusal(request, reply)
        if refused is not None:
            raise refused
    return Token.from_json(body)


def _refusal(request: Request, reply: Reply) -> ResponseError | None:
    """Tell errors apart by `error`, not by the status: servers differ in that (RFC 6749 §5.2)."""
    error = _error(reply)
    message = server_message(request, reply)
    if error == "invalid_grant":
        return InvalidGrantError(
            "Gyazo does not accept this code: it is no code of Gyazo's, is older than ten minutes, was "
            "used before, or the redirect URI is not the registered one. Open the link again for a new "
            "one.",
            status=reply.status,
            message=message,
            error=error,
        )
    if error == "invalid_client":
        return InvalidClientError(
            f"Gyazo does not know this application: check {setting_names('client_id')} and "
            f"{setting_names('client_secret')}, then try again.",
            status=reply.status,
            message=message,
            error=error,
        )
    if reply.status // 100 not in {2, 4} or reply.status == TOO_MANY:
        return None  # trouble on the way, which is the same for every request
    if error:
        why = error if message in {"", error} else f"{error}: {message}"
        advice = "check the application's settings, then open the link again"
    else:
        why = f"{reply.status}{': ' + message if message else ''}"
        advice = f"check {setting_names('auth_url')}: there is no token endpoint of Gyazo's at that address"
    return TokenRequestError(
        f"{describe(request)} refused the sign-in ({why}): {advice}.",
        status=reply.status,
        message=message,
        error=error,
    )


def _error(reply: Reply) -> str:
    """The code of an error, as RFC 6749 §5.2 allows it to be spelled; empty if there is none."""
    try:
        error = reply.json()["error"]
    except (ValueError, KeyError, TypeError, RecursionError):
        return ""
    return re.sub(r"[^a-z_]", "", error)[:60] if isinstance(error, str) else ""
