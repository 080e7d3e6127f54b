"""The token request to Gyazo, to which the service adds the client secret.

Guarantees: the secret is sent only to the token endpoint in the settings. A redirect is not followed. The
caller chooses only the code and its verifier. Each request goes through the proxy that the environment
names (`HTTPS_PROXY`), or directly. One deadline holds for the whole exchange. The service can
end during an exchange.
"""

from __future__ import annotations

import asyncio
import json
import ssl
import threading
import urllib.error
import urllib.request
from concurrent.futures import Future
from dataclasses import dataclass, field
from functools import cache
from http.client import HTTPException
from urllib.parse import urlencode, urlsplit

from .configuration import LOOPBACK_HOSTS, Configuration

MAX_REPLY_BYTES = 2**16
TIMEOUT = 25.0  # seconds for the whole exchange: a kernel waits 30
STEP_TIMEOUT = 20.0  # seconds for each step of the connection


class NoReplyError(Exception):
    """Gyazo did not reply. Whether it has processed the code is unknown."""


@dataclass(frozen=True, slots=True)
class TokenReply:
    """The reply of Gyazo. The body contains the access token."""

    status: int
    body: bytes = field(repr=False)

    @property
    def has_token(self) -> bool:
        """Whether the code was exchanged."""
        try:
            return bool(json.loads(self.body)["access_token"])
        except (ValueError, KeyError, TypeError):
            return False


async def exchange(configuration: Configuration, code: str, code_verifier: str) -> TokenReply:
    """Exchange a code, once. Raises `NoReplyError`, or `ConfigurationError` for the secret."""
    result: Future[TokenReply] = Future()
    result.set_running_or_notify_cancel()  # the thread cannot be cancelled

    def run() -> None:
        try:
            result.set_result(_exchange(configuration, code, code_verifier))
        except Exception as error:  # noqa: BLE001 -- raised where the result is awaited
            result.set_exception(error)

    # A thread of its own: the threads of asyncio are few, and delay the end of the process.
    threading.Thread(target=run, name="exchange", daemon=True).start()
    try:
        async with asyncio.timeout(TIMEOUT):
            return await asyncio.wrap_future(result)
    except TimeoutError:
        raise NoReplyError("its reply takes too long") from None


def _exchange(configuration: Configuration, code: str, code_verifier: str) -> TokenReply:
    """Send the request, and read the reply.

    Source: https://gyazo.com/api/docs/auth, RFC 6749 §4.1.3
    """
    form = {
        "grant_type": "authorization_code",
        "code": code,
        "code_verifier": code_verifier,
        "redirect_uri": configuration.redirect_uri,
        "client_id": configuration.client_id,
        "client_secret": configuration.read_secret(),
    }
    request = urllib.request.Request(  # noqa: S310 -- the settings are http or https
        f"{configuration.auth_url}/oauth/token",
        urlencode(form).encode(),
        {"Accept": "application/json", "User-Agent": "gyazo_nb.hub"},
    )
    is_loopback = urlsplit(configuration.auth_url).hostname in LOOPBACK_HOSTS
    try:
        try:
            reply = _opener(is_loopback=is_loopback).open(request, timeout=STEP_TIMEOUT)
        except urllib.error.HTTPError as error:
            reply = error
        with reply:
            body = reply.read(MAX_REPLY_BYTES + 1)
    except (OSError, HTTPException, ValueError) as error:
        reason = getattr(error, "reason", error)  # of URLError
        raise NoReplyError(type(reason).__name__) from None
    if len(body) > MAX_REPLY_BYTES:
        raise NoReplyError("its reply is too long")
    return TokenReply(reply.status, body)


@cache  # the certificates are loaded once
def _opener(*, is_loopback: bool) -> urllib.request.OpenerDirector:
    return urllib.request.build_opener(
        urllib.request.ProxyHandler({} if is_loopback else None),
        urllib.request.HTTPSHandler(context=ssl.create_default_context()),
        _NoRedirects(),
    )


class _NoRedirects(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *_: object) -> None:
        """Return the redirect itself as the reply."""
