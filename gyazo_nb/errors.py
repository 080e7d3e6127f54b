"""Every error that this package raises on purpose.

    GyazoError
    ├── ConfigError              a setting is missing or wrong, and which
    ├── NotLoggedInError         there is no token yet
    ├── PasteError               the pasted text holds no code for this sign-in
    │   ├── DeniedError            it says that access was denied
    │   └── ExpiredError           this sign-in is too old, or was used already
    ├── OtherAccountError        somebody else is signed in already
    ├── ArgumentError            an argument cannot be right; nothing was sent
    ├── StoreError               the token could not be kept or fetched
    │   └── StoreLateError         the keyring did not answer in time
    ├── PromptError              nobody answered, or nobody can be asked
    ├── PictureError             this object is no picture to be sent, or fetched
    ├── BatchError               some things of a batch were not uploaded            (.report)
    ├── JournalError             the file that takes up a batch cannot be read or written
    ├── ConnectionFailedError    no answer came
    └── ResponseError            an answer came, and it was no       (.status, .message)
        ├── InvalidRequestError    400, 422: a value is not accepted
        ├── UnauthorizedError      401: the token is gone or revoked
        ├── PlanError              402: the account's plan does not include it
        ├── ForbiddenError         403: not yours
        ├── NotFoundError          404
        ├── TooManyRequestsError   429  (.retry_after)
        ├── ServerError            5xx
        ├── UnreadableReplyError   it said yes in a form that we do not understand
        └── TokenRequestError      the token endpoint refused  (.error, RFC 6749 §5.2)
            ├── InvalidGrantError    the code is expired, used, or for another redirect URI
            └── InvalidClientError   the client id or secret is wrong

    KeyboardInterrupt
    └── StoppedError             somebody pressed Stop
        ├── WaitInterruptedError   while a cell waited for a sign-in
        └── BatchInterruptedError  a batch, and what is done is kept               (.report)

The law: the class says who must act, the message is one sentence that says what to do next, and no
message ever holds a token, a code, a secret or a URL that carries one. In a notebook an error shows
that sentence alone: the frames beneath would show the values that travelled through them.
"""

from __future__ import annotations

from typing import Any


class GyazoError(Exception):
    """Something did not work; the message says what to do next. Never raised as itself."""

    def _render_traceback_(self) -> list[str]:
        """What IPython prints instead of a traceback: the name and the sentence."""
        return [f"\x1b[31m{type(self).__name__}\x1b[0m: {self}"]


class ConfigError(GyazoError):
    """A setting is missing or wrong. The message names it, and where it can be set."""


class NotLoggedInError(GyazoError):
    """A call needs an account, and nobody is signed in yet."""


class PasteError(GyazoError):
    """The pasted text holds no authorization code for this sign-in. Nothing was sent anywhere."""


class DeniedError(PasteError):
    """The pasted address says that access was denied."""


class ExpiredError(PasteError):
    """This sign-in is more than ten minutes old, or has been used. A new link is needed."""


class OtherAccountError(GyazoError):
    """Another account is signed in already, and nobody asked to change to this one."""


class ArgumentError(GyazoError, ValueError):
    """An argument of a call cannot be right. Nothing was sent anywhere."""


class StoreError(GyazoError):
    """The token could not be kept or fetched. The one in use is not lost."""


class StoreLateError(StoreError):
    """The keyring did not answer in time: it may still do what it was asked."""


class PromptError(GyazoError):
    """Nobody answered, or nobody can be asked here."""


class PictureError(GyazoError):
    """This object cannot be sent, or fetched, as a picture. The message says what can."""


class BatchError(GyazoError):
    """Some things of a batch were not uploaded. `report` says which and why, and can repeat them."""

    def __init__(self, sentence: str, report: Any) -> None:
        super().__init__(sentence)
        self.report = report


class JournalError(GyazoError):
    """The journal of a batch cannot be read or written, or is no journal."""


class StoppedError(KeyboardInterrupt):
    """Somebody pressed Stop, and one sentence says what is left. Never raised as itself.

    No `GyazoError`: `except Exception` must not swallow a Ctrl-C.
    """

    def _render_traceback_(self) -> list[str]:
        """What IPython prints instead of a traceback: the sentence."""
        return [f"\x1b[31mKeyboardInterrupt\x1b[0m: {self}"]


class WaitInterruptedError(StoppedError):
    """The waiting for a sign-in was stopped, by a panel (which is still there) or a prompt."""


class BatchInterruptedError(StoppedError):
    """A batch was stopped. `report` holds what is done, and can take up the rest."""

    def __init__(self, sentence: str, report: Any) -> None:
        super().__init__(sentence)
        self.report = report


class ConnectionFailedError(GyazoError):
    """No answer came: refused, timed out, cut off, or a name that does not exist."""


class ResponseError(GyazoError):
    """An answer came, and it was no.

    `status` is the HTTP status; `message` what the service said about it, possibly empty.
    Source: https://gyazo.com/api/docs/errors
    """

    # Defaults, since pickling (a process pool does it) makes an error from its sentence alone.
    def __init__(self, sentence: str, *, status: int = 0, message: str = "") -> None:
        super().__init__(sentence)
        self.status = status
        self.message = message


class InvalidRequestError(ResponseError):
    """400 or 422: the service does not accept one of the values."""


class UnauthorizedError(ResponseError):
    """401: the token was deleted or revoked, or never was one. Gyazo's tokens do not expire."""


class PlanError(ResponseError):
    """402: this call needs a paid plan."""


class ForbiddenError(ResponseError):
    """403: the account may not do this, most often because the image is somebody else's."""


class NotFoundError(ResponseError):
    """404: there is no such image, or no such address."""


class TooManyRequestsError(ResponseError):
    """429: too many requests. `retry_after` is in seconds, if the service said how long."""

    def __init__(
        self, sentence: str, *, status: int = 0, message: str = "", retry_after: float | None = None
    ) -> None:
        super().__init__(sentence, status=status, message=message)
        self.retry_after = retry_after


class ServerError(ResponseError):
    """5xx: the service is in trouble. Trying again later may work."""


class UnreadableReplyError(ResponseError):
    """The answer is not what this call is documented to give: HTML, nothing, or another shape."""


class TokenRequestError(ResponseError):
    """The token endpoint refused the exchange. `error` is its code (RFC 6749 §5.2)."""

    def __init__(
        self, sentence: str, *, status: int = 0, message: str = "", error: str = ""
    ) -> None:
        super().__init__(sentence, status=status, message=message)
        self.error = error


class InvalidGrantError(TokenRequestError):
    """`invalid_grant`: the code is expired, was used, or belongs to another redirect URI or app."""


class InvalidClientError(TokenRequestError):
    """`invalid_client`: the client id or the client secret is wrong. The code is still good."""
