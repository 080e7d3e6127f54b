"""Reading an authorization request: what an application asks of an account.

The law: whatever is wrong is told to the person in front of the page, never to the application.
So does Doorkeeper 5.5, in these words and in this order.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from ipaddress import ip_address
from urllib.parse import urlencode, urlsplit

from .people import Account, Application
from .state import DEFAULT_SCOPES, SCOPES, Sandbox

OUT_OF_BAND = "urn:ietf:wg:oauth:2.0:oob"

_UNKNOWN_CLIENT = (
    "Client authentication failed due to unknown client, no client authentication included, "
    "or unsupported authentication method."
)
_DENIED = "The resource owner or authorization server denied the request."


class AskedWrongError(Exception):
    """The request cannot be granted; the text is for the person."""


@dataclass(frozen=True, slots=True)
class Question:
    """A request that may be granted or denied."""

    application: Application
    redirect_uri: str
    scopes: tuple[str, ...]
    state: str | None
    challenge: str | None
    challenge_method: str | None

    def hidden(self) -> dict[str, str]:
        """Return the question as form fields, to be asked again by the consent page."""
        fields = {
            "client_id": self.application.client_id,
            "redirect_uri": self.redirect_uri,
            "state": self.state,
            "response_type": "code",
            "scope": " ".join(self.scopes),
            "code_challenge": self.challenge,
            "code_challenge_method": self.challenge_method,
        }
        return {name: text for name, text in fields.items() if text is not None}

    def granted(self, sandbox: Sandbox, account: Account) -> str:
        """Grant it, and return the address to send the browser to."""
        code = sandbox.new_code(
            client_id=self.application.client_id,
            redirect_uri=self.redirect_uri,
            code_challenge=self.challenge,
            code_challenge_method=self.challenge_method,
            scope=" ".join(self.scopes),
            account=account,
        )
        if self.redirect_uri == OUT_OF_BAND:
            # No client listens here, so nobody would compare a state: it is dropped.
            return f"/oauth/authorize/native?{urlencode({'code': code})}"
        return self._back(code=code)

    def denied(self) -> str:
        """Return the address that says no."""
        if self.redirect_uri == OUT_OF_BAND:
            return f"/oauth/authorize/native?{urlencode({'error_description': _DENIED})}"
        return self._back(error="access_denied", error_description=_DENIED)

    def _back(self, **parameters: str) -> str:
        if self.state is not None:
            parameters["state"] = self.state
        mark = "&" if "?" in self.redirect_uri else "?"
        return f"{self.redirect_uri}{mark}{urlencode(parameters)}"


def read_question(sandbox: Sandbox, sent: Mapping[str, str]) -> Question:
    """Read an authorization request; the checks stand in Doorkeeper's order."""

    def given(name: str) -> str | None:
        return text if (text := sent.get(name, "")).strip() else None

    if (client_id := given("client_id")) is None:
        raise AskedWrongError("Missing required parameter: client_id.")
    if (application := sandbox.application(client_id)) is None:
        raise AskedWrongError(_UNKNOWN_CLIENT)
    redirect_uri = given("redirect_uri")
    if redirect_uri is None or not is_registered(sandbox, application, redirect_uri):
        raise AskedWrongError(
            "The requested redirect uri is malformed or doesn't match client redirect URI."
        )
    if (response_type := given("response_type")) is None:
        raise AskedWrongError("Missing required parameter: response_type.")
    if response_type != "code":
        raise AskedWrongError("The authorization server does not support this response type.")
    scopes = tuple((given("scope") or " ".join(DEFAULT_SCOPES)).split())
    if not set(scopes) <= set(SCOPES):
        raise AskedWrongError("The requested scope is invalid, unknown, or malformed.")
    challenge, method = given("code_challenge"), given("code_challenge_method")
    # A challenge without a method is refused too: Doorkeeper has no default for it.
    if challenge is not None and method not in {"S256", "plain"}:
        raise AskedWrongError("The code challenge method must be plain or S256.")
    return Question(application, redirect_uri, scopes, given("state"), challenge, method)


def is_registered(sandbox: Sandbox, application: Application, uri: str) -> bool:
    """Whether *application* may be answered at *uri*."""
    return any(same_address(uri, known) for known in sandbox.redirect_uris(application))


def same_address(uri: str, registered: str) -> bool:
    """Whether two redirect URIs are one: to the letter, but for the port of a loopback IP.

    RFC 8252 §7.3 gives the exception to 127.0.0.1 and [::1], not to the name localhost.
    """
    if uri == registered:
        return True
    return (known := _without_port(registered)) is not None and _without_port(uri) == known


def _without_port(uri: str) -> str | None:
    try:
        parts = urlsplit(uri)
        host = parts.hostname or ""
        _ = parts.port  # ValueError when it is no number
        if not ip_address(host).is_loopback or "@" in parts.netloc:
            return None
    except ValueError:
        return None
    return parts._replace(netloc=f"[{host}]").geturl()
