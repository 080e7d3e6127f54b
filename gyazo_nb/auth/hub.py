"""Signs in on a JupyterHub without the client secret: through the hub's Gyazo service, `gyazo_nb.hub`.

The administrator names the service in the variable `GYAZO_HUB_SERVICE`. It provides the application, hands
over the redirect of the browser (see `hub_redirect`), and adds the client secret to the token request.

Guarantees:

- The token of this server, with which the kernel proves to the service who its user is, is sent only to the
  address in the environment: no trait and no argument changes it. The address uses https, or http on a
  loopback host.
- The service gets the hash of the `state`, the code and the verifier. It never gets the access token of
  another user, and the `state` and the verifier are made here.
"""

from __future__ import annotations

import contextlib
import os
import re
from dataclasses import dataclass
from functools import partial
from hashlib import sha256
from http import HTTPStatus
from typing import TYPE_CHECKING, TypeVar
from urllib.parse import urlsplit

from gyazo_nb.api.operation import Operation, Reply, Request, server_message
from gyazo_nb.errors import (
    ConfigError,
    ConnectionFailedError,
    ForbiddenError,
    InvalidClientError,
    InvalidGrantError,
    NotFoundError,
    ResponseError,
    ServerError,
    TokenRequestError,
    TooManyRequestsError,
    UnreadableReplyError,
)
from gyazo_nb.secret import Secret, hides_frames
from gyazo_nb.settings import App, Settings, Site, is_loopback, secret_variable, unquoted

from . import oauth
from .oauth import Authorization

if TYPE_CHECKING:
    from .login import SignInConnection

T = TypeVar("T")

SERVICE_VARIABLE = "GYAZO_HUB_SERVICE"
# JupyterHub sets these in each server of a user.
SERVER_TOKEN_VARIABLE = "JUPYTERHUB_API_TOKEN"  # noqa: S105 -- a name, not a token


@dataclass(frozen=True, slots=True)
class HubService:
    """The address of the service, and the token of this server."""

    url: str
    token: Secret


@dataclass(frozen=True, slots=True)
class HubApplication:
    """The application of a hub, which has no secret here, and the address of Gyazo."""

    service: HubService
    app: App
    auth_url: str


def is_hub() -> bool:
    """Whether this process runs in a server of a JupyterHub."""
    return SERVER_TOKEN_VARIABLE in os.environ


def find_service(settings: Settings) -> HubService | None:
    """The service of this hub. None without one, and if the settings name an own application.

    Raises `ConfigError` if the address is wrong or unsafe.
    """
    url = unquoted(os.environ.get(SERVICE_VARIABLE, "")).rstrip("/")
    if not url or settings.has_application():
        return None
    _check_url(url)
    token = secret_variable(SERVER_TOKEN_VARIABLE)
    if not token:
        raise ConfigError(
            f"{SERVICE_VARIABLE} is set, but {SERVER_TOKEN_VARIABLE} is not: run this in a server of the hub, "
            f"or unset {SERVICE_VARIABLE}."
        )
    return HubService(url, token)


def _check_url(url: str) -> None:
    try:
        parts = urlsplit(url)
        is_address = bool(parts.hostname) and parts.port != 0
    except ValueError:
        is_address = False
    if not is_address or not re.fullmatch(r"https?://[^ @?#]+", url, re.IGNORECASE):
        raise ConfigError(
            f"{SERVICE_VARIABLE} is not the address of a service, like "
            f"https://hub.example.org/services/gyazo: tell your administrator."
        )
    if parts.scheme == "http" and not is_loopback(url):
        raise ConfigError(
            f"{SERVICE_VARIABLE} must use https (plain http would show the token of your server to the "
            f"network); http is allowed only for 127.0.0.1, [::1] and localhost: tell your administrator."
        )


def application(service: HubService) -> Operation[HubApplication]:
    """Ask for the application of the hub."""
    request = _request(service, "GET", "application", {})
    return Operation(
        request, partial(_read_application, service), partial(_error, service, request)
    )


def redirect(
    service: HubService, authorization: Authorization, *, seen: str, seconds: float
) -> Operation[Secret | None]:
    """Wait for the redirect of the browser: its address, or None if it has not come within `seconds`.

    `seen` is the SHA-256 of the query of an earlier redirect, which is not returned again.
    """
    form: dict[str, str | Secret] = {
        "state_hash": _sha256(authorization.state),
        "seen": seen,
        "seconds": f"{seconds:.1f}",
    }
    request = _request(service, "POST", "code", form)
    read = partial(_read_redirect, service, authorization.redirect_uri)
    return Operation(request, read, partial(_error, service, request))


def exchange(service: HubService, authorization: Authorization, code: Secret) -> Operation[Secret]:
    """Exchange the code for an access token, once, with the client secret of the service.

    Source: https://gyazo.com/api/docs/auth, RFC 6749 §4.1.3 and §5, RFC 7636 §4.5
    """
    form: dict[str, str | Secret] = {"code": code, "code_verifier": authorization.verifier}
    request = _request(service, "POST", "token", form)
    return Operation(
        request, partial(oauth.read_token, request), partial(_token_error, service, request)
    )


def _request(service: HubService, method: str, path: str, form: dict[str, str | Secret]) -> Request:
    url = f"{service.url}/api/{path}"
    return Request(method, url, form=form, token=service.token, retry="never")


def _read_application(service: HubService, reply: Reply) -> HubApplication:
    with contextlib.suppress(ValueError, KeyError, TypeError):
        data = reply.json()
        auth_url = Site(auth_url=data["auth_url"]).auth_url
        return HubApplication(service, App(data["client_id"], "", data["redirect_uri"]), auth_url)
    raise _no_service(service, UnreadableReplyError, reply.status)


@hides_frames
def _read_redirect(service: HubService, redirect_uri: str, reply: Reply) -> Secret | None:
    if reply.status == HTTPStatus.NO_CONTENT:
        return None
    with contextlib.suppress(ValueError, KeyError, TypeError, RecursionError):
        return Secret(f"{redirect_uri}?{reply.json()['query']}")
    raise _no_service(service, UnreadableReplyError, reply.status)


@hides_frames
def _sha256(text: Secret) -> str:
    return sha256(text.reveal().encode()).hexdigest()


@hides_frames
def query_hash(address: Secret) -> str:
    """The SHA-256 of the query of a redirect: `seen` of `redirect`."""
    return _sha256(Secret(address.reveal().partition("?")[2]))


_ERRORS: dict[int, tuple[type[ResponseError], str]] = {
    401: (
        ForbiddenError,
        (
            "The hub does not know this server any more: restart it from the hub's control panel, then run "
            "%gyazo_login again."
        ),
    ),
    403: (
        ForbiddenError,
        (
            "This server may not use the hub's Gyazo service: ask your administrator to give "
            "access:services!service={name} to the roles user and server, then restart your server."
        ),
    ),
    429: (
        TooManyRequestsError,
        "Too many of your sign-ins wait at the hub, so this one has ended: run %gyazo_login again.",
    ),
    504: (ServerError, "The hub's Gyazo service got no reply from Gyazo: try again in a minute."),
}


def _error(service: HubService, request: Request, reply: Reply) -> ResponseError:
    """The error of the service itself, or of the hub's proxy."""
    status = reply.status
    if status in _ERRORS:
        kind, sentence = _ERRORS[status]
        name = service.url.rpartition("/")[2]
        return kind(sentence.replace("{name}", name), status=status)
    if status in {HTTPStatus.BAD_GATEWAY, HTTPStatus.SERVICE_UNAVAILABLE}:
        return ServerError(
            f"The hub's Gyazo service at {service.url} does not answer: wait half a minute (the hub starts "
            f"it again by itself), then try again.",
            status=status,
        )
    if status // 100 == 5:  # noqa: PLR2004 -- 5xx
        said = f" ({message})" if (message := server_message(request, reply)) else ""
        return ServerError(
            f"The hub's Gyazo service has a problem{said}: tell your administrator, who finds the reason in "
            f"its log.",
            status=status,
        )
    return _no_service(service, NotFoundError, status)


def _token_error(service: HubService, request: Request, reply: Reply) -> ResponseError | None:
    """The error of a token request: of Gyazo, whose reply the service passes on, or of the service."""
    error = oauth.token_error(request, reply)
    is_from_gyazo = "x-gyazo-status" in reply.headers
    if not (is_from_gyazo or (isinstance(error, TokenRequestError) and error.error)):
        return _error(service, request, reply)
    if isinstance(error, InvalidClientError):
        return InvalidClientError(
            "Gyazo does not know this hub's application: tell your administrator (client id and secret are "
            "the hub's, not yours).",
            **vars(error),
        )
    if isinstance(error, TokenRequestError) and not isinstance(error, InvalidGrantError):
        reason = error.message or error.error or f"status {error.status}"
        return TokenRequestError(
            f"Gyazo refused the sign-in of this hub's application ({reason}): tell your administrator.",
            **vars(error),
        )
    return error


def _no_service(service: HubService, kind: type[ResponseError], status: int) -> ResponseError:
    return kind(
        f"There is no Gyazo service at {service.url}: check {SERVICE_VARIABLE}.", status=status
    )


def send(connection: SignInConnection, service: HubService, operation: Operation[T]) -> T:
    """Send a request to the service. An error without a reply names the service."""
    try:
        return connection.send_once(operation)
    except ConnectionFailedError as error:
        raise ConnectionFailedError(
            f"The hub's Gyazo service at {service.url} cannot be reached: if the hub is restarting, wait half "
            f"a minute, then try again. Otherwise tell your administrator. ({error})"
        ) from None
