"""The authorization server: consent, codes, tokens, as Doorkeeper 5.5 behaves on the wire.

The law: strict where the real one is strict. A code is good for one token within ten minutes and
for the redirect URI it was given to; an exchange that fails leaves the code as it was.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from . import pages
from .answers import Json, RefusedError, challenge, nothing, sent_token
from .asking import AskedWrongError, read_question, same_address
from .forms import Form, UnreadableError, read_form
from .people import Account, Application
from .state import Grant, Sandbox, Token

_NO_STORE = {"Cache-Control": "no-store", "Pragma": "no-cache"}

_NO_CLIENT = (
    "Client authentication failed due to unknown client, no client authentication included, "
    "or unsupported authentication method."
)
_NO_GRANT = (
    "The provided authorization grant is invalid, expired, revoked, does not match the "
    "redirection URI used in the authorization request, or was issued to another client."
)
_NO_SUCH_TYPE = "The authorization grant type is not supported by the authorization server."


class OAuth:
    """Everything under /oauth."""

    def __init__(self, sandbox: Sandbox) -> None:
        self._sandbox = sandbox

    def routes(self) -> list[Route]:
        """Return the endpoints."""
        return [
            Route("/oauth/authorize", self.ask),
            Route("/oauth/authorize", self.decide, methods=["POST"]),
            Route("/oauth/authorize/native", self.native),
            Route("/oauth/token", self.token, methods=["POST"]),
            Route("/oauth/token/info", self.info),
            Route("/oauth/revoke", self.revoke, methods=["POST"]),
        ]

    async def ask(self, request: Request) -> Response:
        """Show the consent page, or skip it for who consented before."""
        try:
            question = read_question(self._sandbox, request.query_params)
        except AskedWrongError as error:
            return pages.wrong_question(str(error))
        accounts = self._sandbox.accounts
        # Without a signed-in browser the sandbox knows who asks only when there is one account.
        if len(accounts) == 1 and self._sandbox.has_live_token(
            question.application, accounts[0], question.scopes
        ):
            return self._redirect(question.granted(self._sandbox, accounts[0]))
        return pages.consent(question, accounts, self._sandbox.form_key)

    async def decide(self, request: Request) -> Response:
        """Take the answer of the consent page."""
        form = await _readable(request)
        key = form.get("authenticity_token") or ""
        if not hmac.compare_digest(key.encode(), self._sandbox.form_key.encode()):
            return pages.refused_form()
        try:
            question = read_question(self._sandbox, form.texts)
        except AskedWrongError as error:
            return pages.wrong_question(str(error))
        if (form.get("_method") or "").lower() == "delete":
            return self._redirect(question.denied())
        account = self._chosen(form)
        return self._redirect(question.granted(self._sandbox, account))

    async def native(self, request: Request) -> Response:
        """Show the code of an application that listens nowhere."""
        query = request.query_params
        return pages.native(query.get("code"), query.get("error_description"))

    async def token(self, request: Request) -> Response:
        """Turn a code into a token; the checks stand in Doorkeeper's order."""
        form = await _readable(request)
        if _required(form, "grant_type") != "authorization_code":
            raise _failure(400, "unsupported_grant_type", _NO_SUCH_TYPE)
        grant = self._sandbox.grant(_required(form, "code"))
        if grant is not None and grant.challenge is not None:
            _required(form, "code_verifier")
        redirect_uri = _required(form, "redirect_uri")
        if (application := self._client(request, form)) is None:
            raise _failure(401, "invalid_client", _NO_CLIENT)
        if grant is None or not _fits(
            grant, application, redirect_uri, form.get("code_verifier") or ""
        ):
            raise _failure(400, "invalid_grant", _NO_GRANT)
        if (token := self._sandbox.redeem(grant)) is None:
            raise _failure(400, "invalid_grant", _NO_GRANT)
        return Json(_told(token), headers=_NO_STORE)

    async def revoke(self, request: Request) -> Response:
        """Revoke a token; 200 does not prove that there was one."""
        form = await _readable(request)
        application = self._client(request, form)
        token = self._sandbox.token(form.get("token") or "")
        if application is None or (token is not None and token.application != application):
            return Json(
                {
                    "error": "unauthorized_client",
                    "error_description": "You are not authorized to revoke this token",
                },
                403,
                _NO_STORE,
            )
        if token is not None:
            self._sandbox.revoke(token.text)
        return Json({}, headers=_NO_STORE)

    async def info(self, request: Request) -> Response:
        """Tell about a token; the scope is a list here and a text at /oauth/token."""
        token = self._sandbox.token(sent_token(request) or "")
        if token is None or not self._sandbox.is_live(token):
            description = "The access token is invalid"
            body = {
                "error": "invalid_token",
                "error_description": description,
                "state": "unauthorized",
            }
            return Json(body, 401, _NO_STORE | challenge("invalid_token", description))
        left = None if token.expires_at is None else int(token.expires_at - self._sandbox.clock())
        return Json(
            {
                "resource_owner_id": self._sandbox.accounts.index(token.account) + 1,
                "scope": list(token.scopes),
                "expires_in": left,
                "application": {"uid": token.application.client_id},
                "created_at": int(token.created_at),
            },
            headers=_NO_STORE,
        )

    def _chosen(self, form: Form) -> Account:
        return self._sandbox.account(form.get("account") or "") or self._sandbox.accounts[0]

    def _client(self, request: Request, form: Form) -> Application | None:
        client_id, secret = _basic(request) or (form.get("client_id"), form.get("client_secret"))
        application = self._sandbox.application(client_id)
        if application is None or secret is None:
            return None
        same = hmac.compare_digest(secret.encode(), application.client_secret.encode())
        return application if same else None

    @staticmethod
    def _redirect(url: str) -> Response:
        return RedirectResponse(url, 302, pages.PRIVATE)


def _fits(grant: Grant, application: Application, redirect_uri: str, verifier: str) -> bool:
    if grant.application != application or not same_address(redirect_uri, grant.redirect_uri):
        return False
    if grant.challenge is None:
        # A verifier nobody announced is ignored, so that a code granted by hand works too.
        return True
    if grant.challenge_method == "S256":
        digest = hashlib.sha256(verifier.encode()).digest()
        verifier = base64.urlsafe_b64encode(digest).rstrip(b"=").decode()
    return hmac.compare_digest(verifier.encode(), grant.challenge.rstrip("=").encode())


def _told(token: Token) -> dict[str, object]:
    told: dict[str, object] = {"access_token": token.text, "token_type": "Bearer"}
    if token.expires_at is not None:
        told["expires_in"] = int(token.expires_at - token.created_at)
    return told | {"scope": " ".join(token.scopes), "created_at": int(token.created_at)}


def _required(form: Form, parameter: str) -> str:
    if (text := form.get(parameter)) is None:
        raise _failure(400, "invalid_request", f"Missing required parameter: {parameter}.")
    return text


def _failure(status: int, error: str, description: str) -> RefusedError:
    body = {"error": error, "error_description": description}
    return RefusedError(Json(body, status, _NO_STORE | challenge(error, description)))


def _basic(request: Request) -> tuple[str, str] | None:
    scheme, _, packed = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() != "basic":
        return None
    try:
        text = base64.b64decode(packed, validate=True).decode()
    except (binascii.Error, UnicodeDecodeError):
        return None
    client_id, _, secret = text.partition(":")
    return client_id, secret


async def _readable(request: Request) -> Form:
    try:
        return await read_form(request)
    except UnreadableError as error:
        # Rails answers a body that it cannot parse before Doorkeeper hears of it.
        raise nothing(400) from error
