"""The authorization server. It behaves like Doorkeeper 5.5, the library behind Gyazo.

Guarantees: as strict as Doorkeeper. A code is valid for ten minutes, for one token, and for the
redirect URI it was issued for; a failed exchange leaves the code valid. An error in an
authorization request is shown to the user and never sent to the application, in Doorkeeper's words
and in its order.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
from collections.abc import Mapping
from dataclasses import dataclass
from ipaddress import ip_address
from urllib.parse import urlencode, urlsplit

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from . import pages
from .accounts import OUT_OF_BAND, Account, Application
from .http_messages import (
    Form,
    HttpError,
    JsonReply,
    MalformedBodyError,
    empty_error,
    find_access_token,
    parse_form,
    www_authenticate,
)
from .state import DEFAULT_SCOPES, SCOPES, Grant, Sandbox, Token

_NO_STORE = {"Cache-Control": "no-store", "Pragma": "no-cache"}

# Doorkeeper's sentences.
_INVALID_CLIENT = (
    "Client authentication failed due to unknown client, no client authentication included, "
    "or unsupported authentication method."
)
_INVALID_GRANT = (
    "The provided authorization grant is invalid, expired, revoked, does not match the "
    "redirection URI used in the authorization request, or was issued to another client."
)
_INVALID_REDIRECT_URI = (
    "The requested redirect uri is malformed or doesn't match client redirect URI."
)
_INVALID_SCOPE = "The requested scope is invalid, unknown, or malformed."
_INVALID_CHALLENGE_METHOD = "The code challenge method must be plain or S256."
_UNSUPPORTED_GRANT_TYPE = (
    "The authorization grant type is not supported by the authorization server."
)
_UNSUPPORTED_RESPONSE_TYPE = "The authorization server does not support this response type."
_ACCESS_DENIED = "The resource owner or authorization server denied the request."


class OAuth:
    """The endpoints under /oauth."""

    def __init__(self, sandbox: Sandbox) -> None:
        self._sandbox = sandbox

    def routes(self) -> list[Route]:
        """Return the routes."""
        return [
            Route("/oauth/authorize", self.authorize),
            Route("/oauth/authorize", self.decide, methods=["POST"]),
            Route("/oauth/authorize/native", self.show_code),
            Route("/oauth/token", self.token, methods=["POST"]),
            Route("/oauth/token/info", self.token_info),
            Route("/oauth/revoke", self.revoke, methods=["POST"]),
        ]

    async def authorize(self, request: Request) -> Response:
        """Show the consent page, or skip it when the account has allowed the same before."""
        try:
            authorization = parse_authorization_request(self._sandbox, request.query_params)
        except AuthorizationRequestError as error:
            return pages.invalid_request(str(error))
        accounts = self._sandbox.accounts
        # The sandbox has no browser sessions: with several accounts it must always ask.
        if len(accounts) == 1 and self._sandbox.has_live_token(
            authorization.application, accounts[0], authorization.scopes
        ):
            return _redirect(authorization.allow(self._sandbox, accounts[0]))
        return pages.consent(
            authorization.application,
            authorization.redirect_uri,
            authorization.scopes,
            accounts,
            {"authenticity_token": self._sandbox.authenticity_token} | authorization.form_fields(),
        )

    async def decide(self, request: Request) -> Response:
        """Process the form of the consent page."""
        form = await _read_form(request)
        authenticity_token = form.get("authenticity_token") or ""
        if not _same_text(authenticity_token, self._sandbox.authenticity_token):
            return pages.rejected_form()
        try:
            authorization = parse_authorization_request(self._sandbox, form.texts)
        except AuthorizationRequestError as error:
            return pages.invalid_request(str(error))
        if (form.get("_method") or "").lower() == "delete":
            return _redirect(authorization.deny())
        account = self._sandbox.account(form.get("account") or "") or self._sandbox.accounts[0]
        return _redirect(authorization.allow(self._sandbox, account))

    async def show_code(self, request: Request) -> Response:
        """Show the code of an application that cannot receive a redirect."""
        query = request.query_params
        return pages.authorization_code(query.get("code"), query.get("error_description"))

    async def token(self, request: Request) -> Response:
        """Exchange a code for a token. The checks have Doorkeeper's order."""
        form = await _read_form(request)
        if _required(form, "grant_type") != "authorization_code":
            raise _oauth_error(400, "unsupported_grant_type", _UNSUPPORTED_GRANT_TYPE)
        grant = self._sandbox.grant(_required(form, "code"))
        if grant is not None and grant.code_challenge is not None:
            _required(form, "code_verifier")
        redirect_uri = _required(form, "redirect_uri")
        if (application := self._authenticate_client(request, form)) is None:
            raise _oauth_error(401, "invalid_client", _INVALID_CLIENT)
        verifier = form.get("code_verifier") or ""
        if (
            grant is None
            or not _grant_matches(grant, application, redirect_uri, verifier)
            or (token := self._sandbox.redeem(grant)) is None
        ):
            raise _oauth_error(400, "invalid_grant", _INVALID_GRANT)
        return JsonReply(_token_json(token), headers=_NO_STORE)

    async def revoke(self, request: Request) -> Response:
        """Revoke a token. The reply to an unknown token is 200, too."""
        form = await _read_form(request)
        application = self._authenticate_client(request, form)
        token = self._sandbox.token(form.get("token") or "")
        if application is None or (token is not None and token.application != application):
            body = {
                "error": "unauthorized_client",
                "error_description": "You are not authorized to revoke this token",
            }
            return JsonReply(body, 403, _NO_STORE)
        if token is not None:
            self._sandbox.revoke(token.text)
        return JsonReply({}, headers=_NO_STORE)

    async def token_info(self, request: Request) -> Response:
        """Describe a token. The scope is a list here, but a string at /oauth/token."""
        token = self._sandbox.token(find_access_token(request) or "")
        if token is None or not self._sandbox.is_live(token):
            description = "The access token is invalid"
            error = {
                "error": "invalid_token",
                "error_description": description,
                "state": "unauthorized",
            }
            headers = _NO_STORE | www_authenticate("invalid_token", description)
            return JsonReply(error, 401, headers)
        expires_in = None
        if token.expires_at is not None:
            expires_in = int(token.expires_at - self._sandbox.clock())
        body = {
            "resource_owner_id": self._sandbox.accounts.index(token.account) + 1,
            "scope": list(token.scopes),
            "expires_in": expires_in,
            "application": {"uid": token.application.client_id},
            "created_at": int(token.created_at),
        }
        return JsonReply(body, headers=_NO_STORE)

    def _authenticate_client(self, request: Request, form: Form) -> Application | None:
        client_id, secret = _basic_credentials(request) or (
            form.get("client_id"),
            form.get("client_secret"),
        )
        application = self._sandbox.application(client_id)
        if application is None or secret is None:
            return None
        return application if _same_text(secret, application.client_secret) else None


class AuthorizationRequestError(Exception):
    """An authorization request is invalid. The message is for the user."""


@dataclass(frozen=True, slots=True)
class AuthorizationRequest:
    """A valid authorization request, to be allowed or denied by the user."""

    application: Application
    redirect_uri: str
    scopes: tuple[str, ...]
    state: str | None
    code_challenge: str | None
    code_challenge_method: str | None

    def form_fields(self) -> dict[str, str]:
        """Return the request as form fields, which the consent page sends back."""
        fields = {
            "client_id": self.application.client_id,
            "redirect_uri": self.redirect_uri,
            "state": self.state,
            "response_type": "code",
            "scope": " ".join(self.scopes),
            "code_challenge": self.code_challenge,
            "code_challenge_method": self.code_challenge_method,
        }
        return {name: text for name, text in fields.items() if text is not None}

    def allow(self, sandbox: Sandbox, account: Account) -> str:
        """Issue a code, and return the address of the redirect."""
        code = sandbox.new_code(
            client_id=self.application.client_id,
            redirect_uri=self.redirect_uri,
            code_challenge=self.code_challenge,
            code_challenge_method=self.code_challenge_method,
            scope=" ".join(self.scopes),
            account=account,
        )
        return self._redirect_address(code=code)

    def deny(self) -> str:
        """Return the address of the redirect after a denial."""
        if self.redirect_uri == OUT_OF_BAND:
            return self._redirect_address(error_description=_ACCESS_DENIED)
        return self._redirect_address(error="access_denied", error_description=_ACCESS_DENIED)

    def _redirect_address(self, **parameters: str) -> str:
        if self.redirect_uri == OUT_OF_BAND:
            # Without a redirect no client compares the state, so it is left out.
            return f"/oauth/authorize/native?{urlencode(parameters)}"
        if self.state is not None:
            parameters["state"] = self.state
        separator = "&" if "?" in self.redirect_uri else "?"
        return f"{self.redirect_uri}{separator}{urlencode(parameters)}"


def parse_authorization_request(
    sandbox: Sandbox, parameters: Mapping[str, str]
) -> AuthorizationRequest:
    """Check an authorization request. The checks have Doorkeeper's order."""

    def optional(name: str) -> str | None:
        return text if (text := parameters.get(name, "")).strip() else None

    def required(name: str) -> str:
        if (text := optional(name)) is None:
            raise AuthorizationRequestError(_missing(name))
        return text

    if (application := sandbox.application(required("client_id"))) is None:
        raise AuthorizationRequestError(_INVALID_CLIENT)
    redirect_uri = optional("redirect_uri")
    if redirect_uri is None or not any(
        redirect_uris_match(redirect_uri, registered)
        for registered in sandbox.redirect_uris(application)
    ):
        raise AuthorizationRequestError(_INVALID_REDIRECT_URI)
    if required("response_type") != "code":
        raise AuthorizationRequestError(_UNSUPPORTED_RESPONSE_TYPE)
    scopes = tuple((optional("scope") or " ".join(DEFAULT_SCOPES)).split())
    if not set(scopes) <= set(SCOPES):
        raise AuthorizationRequestError(_INVALID_SCOPE)
    challenge, method = optional("code_challenge"), optional("code_challenge_method")
    # A challenge without a method is an error too: Doorkeeper has no default method.
    if challenge is not None and method not in {"S256", "plain"}:
        raise AuthorizationRequestError(_INVALID_CHALLENGE_METHOD)
    return AuthorizationRequest(
        application, redirect_uri, scopes, optional("state"), challenge, method
    )


def redirect_uris_match(uri: str, registered: str) -> bool:
    """Whether two redirect URIs are equal. A loopback IP address matches with any port.

    RFC 8252 §7.3 allows this for 127.0.0.1 and [::1], not for the name localhost.
    """
    if uri == registered:
        return True
    without_port = _loopback_without_port(registered)
    return without_port is not None and _loopback_without_port(uri) == without_port


def _loopback_without_port(uri: str) -> str | None:
    try:
        parts = urlsplit(uri)
        host = parts.hostname or ""
        # Raises ValueError when the port is not a number.
        _ = parts.port
        if not ip_address(host).is_loopback or "@" in parts.netloc:
            return None
    except ValueError:
        return None
    return parts._replace(netloc=f"[{host}]").geturl()


def _grant_matches(
    grant: Grant, application: Application, redirect_uri: str, verifier: str
) -> bool:
    if grant.application != application:
        return False
    if not redirect_uris_match(redirect_uri, grant.redirect_uri):
        return False
    if grant.code_challenge is None:
        # A verifier without a challenge is ignored, so that a code of `new_code` works, too.
        return True
    if grant.code_challenge_method == "S256":
        digest = hashlib.sha256(verifier.encode()).digest()
        verifier = base64.urlsafe_b64encode(digest).rstrip(b"=").decode()
    return _same_text(verifier, grant.code_challenge.rstrip("="))


def _token_json(token: Token) -> dict[str, object]:
    body: dict[str, object] = {"access_token": token.text, "token_type": "Bearer"}
    if token.expires_at is not None:
        body["expires_in"] = int(token.expires_at - token.created_at)
    return body | {"scope": " ".join(token.scopes), "created_at": int(token.created_at)}


def _required(form: Form, parameter: str) -> str:
    if (text := form.get(parameter)) is None:
        raise _oauth_error(400, "invalid_request", _missing(parameter))
    return text


def _missing(parameter: str) -> str:
    return f"Missing required parameter: {parameter}."


def _oauth_error(status: int, error: str, description: str) -> HttpError:
    body = {"error": error, "error_description": description}
    headers = _NO_STORE | www_authenticate(error, description)
    return HttpError(JsonReply(body, status, headers))


def _basic_credentials(request: Request) -> tuple[str, str] | None:
    scheme, _, encoded = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() != "basic":
        return None
    try:
        text = base64.b64decode(encoded, validate=True).decode()
    except (binascii.Error, UnicodeDecodeError):
        return None
    client_id, _, secret = text.partition(":")
    return client_id, secret


def _same_text(one: str, other: str) -> bool:
    return hmac.compare_digest(one.encode(), other.encode())


def _redirect(address: str) -> Response:
    return RedirectResponse(address, 302, pages.PRIVATE)


async def _read_form(request: Request) -> Form:
    try:
        return await parse_form(request)
    except MalformedBodyError as error:
        # Rails rejects a malformed body before Doorkeeper sees the request.
        raise empty_error(400) from error
