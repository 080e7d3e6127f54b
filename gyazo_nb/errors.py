"""Every error that this package raises on purpose.

    GyazoError
    ├── ConfigError              a setting is missing or wrong
    ├── NotLoggedInError         the call needs a signed-in account
    ├── PasteError               the pasted text contains no code for this sign-in
    │   ├── DeniedError            access was denied
    │   └── ExpiredError           this sign-in is too old, or was used before
    ├── OtherAccountError        another account is already signed in
    ├── ArgumentError            an argument is wrong; nothing was sent
    ├── StoreError               the token could not be saved or read
    │   └── StoreLateError         the keyring did not respond in time
    ├── PromptError              the prompt got no input, or no prompt is possible
    ├── PictureError             the object cannot be read, rendered or fetched as a picture
    ├── BatchError               some items of a batch were not uploaded                (.report)
    ├── JournalError             the resume file of a batch cannot be read or written
    ├── ConnectionFailedError    no reply arrived
    └── ResponseError            the server replied with an error         (.status, .message)
        ├── InvalidRequestError    400, 422 and other 4xx: a value is not accepted
        ├── UnauthorizedError      401: the token was deleted or revoked
        ├── PlanError              402: the plan of the account does not include this call
        ├── ForbiddenError         403: the account is not allowed to do this
        ├── NotFoundError          404
        ├── TooManyRequestsError   429                                            (.retry_after)
        ├── ServerError            5xx, 408
        ├── UnreadableReplyError   the reply is not in the documented form
        └── TokenRequestError      the token endpoint reported an error  (.error, RFC 6749 §5.2)
            ├── InvalidGrantError    the code expired, was used, or has another redirect URI
            └── InvalidClientError   the client id or the client secret is wrong

    KeyboardInterrupt
    └── StoppedError             the user pressed Stop
        ├── WaitInterruptedError   while a cell waited for a sign-in
        └── BatchInterruptedError  during a batch; finished uploads are kept            (.report)

    UserWarning
    └── AccessPolicyWarning      an upload did not get the access policy that it asked for

Guarantees: the class says who must act, and the message says what to do next. A message never contains
a token, a code, a secret, or a URL that carries one. A notebook shows only the message of an error:
a traceback could show the secrets in the frames.
"""

from __future__ import annotations

import textwrap
from collections.abc import Iterable
from typing import Any

_MAX_REASON_LENGTH = 500  # the last words are often the remedy


class AccessPolicyWarning(UserWarning):
    """An upload did not get its access policy: Gyazo keeps that of an image that it already has."""


class GyazoError(Exception):
    """Base class of the errors. The message says what happened and what to do next."""

    def _render_traceback_(self) -> list[str]:
        """The lines that IPython prints instead of a traceback: the class and the message."""
        return [f"\x1b[31m{type(self).__name__}\x1b[0m: {self}"]


class ConfigError(GyazoError):
    """A setting is missing or wrong. The message names the setting and how to set it."""


class NotLoggedInError(GyazoError):
    """The call needs a signed-in account."""


class PasteError(GyazoError):
    """The pasted text contains no authorization code for this sign-in. Nothing was sent."""


class DeniedError(PasteError):
    """The pasted address reports that access was denied."""


class ExpiredError(PasteError):
    """This sign-in is more than ten minutes old, or was used before. It needs a new link."""


class OtherAccountError(GyazoError):
    """Another account is already signed in, and the call did not ask to replace it."""


class ArgumentError(GyazoError, ValueError):
    """An argument of a call is wrong. Nothing was sent."""


class StoreError(GyazoError):
    """The token could not be saved or read. The session keeps the token that it uses."""


class StoreLateError(StoreError):
    """The keyring did not respond in time. It may still complete the operation."""


class PromptError(GyazoError):
    """The prompt got no input, or this environment does not support prompts."""


class PictureError(GyazoError):
    """The object cannot be read, rendered or fetched as a picture. The message names an alternative."""


class BatchError(GyazoError):
    """Some items of a batch were not uploaded. `report` lists them with reasons, and can retry them."""

    # The default is for pickling, as below.
    def __init__(self, sentence: str, report: Any = None) -> None:
        super().__init__(sentence)
        self.report = report


class JournalError(GyazoError):
    """The resume file of a batch cannot be read or written, or has another format."""


class StoppedError(KeyboardInterrupt):
    """Base class of the interrupts: the user pressed Stop. The message says what remains to do.

    Not a `GyazoError`: `except Exception` must not catch Ctrl-C.
    """

    def _render_traceback_(self) -> list[str]:
        """The line that IPython prints instead of a traceback: the message."""
        return [f"\x1b[31mKeyboardInterrupt\x1b[0m: {self}"]


class WaitInterruptedError(StoppedError):
    """The wait for a sign-in was interrupted. A panel stays usable; a prompt is closed."""


class BatchInterruptedError(StoppedError):
    """A batch was interrupted. `report` has the finished uploads, and can upload the rest."""

    # The default is for pickling, as below.
    def __init__(self, sentence: str, report: Any = None) -> None:
        super().__init__(sentence)
        self.report = report


class ConnectionFailedError(GyazoError):
    """No reply arrived: connection refused, timeout, connection closed, or unknown host name."""


class ResponseError(GyazoError):
    """The server replied with an error.

    `status` is the HTTP status, `message` the server's own message, which may be empty.
    Source: https://gyazo.com/api/docs/errors
    """

    # The defaults are for pickling (as in a process pool), which passes only the sentence.
    def __init__(self, sentence: str, *, status: int = 0, message: str = "") -> None:
        super().__init__(sentence)
        self.status = status
        self.message = message


class InvalidRequestError(ResponseError):
    """400, 422 or another 4xx: the server does not accept a value, such as a picture that is too large."""


class UnauthorizedError(ResponseError):
    """401: the token was deleted or revoked, or was never valid. Tokens of Gyazo do not expire."""


class PlanError(ResponseError):
    """402: the call needs a paid plan."""


class ForbiddenError(ResponseError):
    """403: the account is not allowed to do this, often because it does not own the image."""


class NotFoundError(ResponseError):
    """404: the image or the address does not exist."""


class TooManyRequestsError(ResponseError):
    """429: too many requests. `retry_after` is the requested delay in seconds, or None."""

    def __init__(
        self, sentence: str, *, status: int = 0, message: str = "", retry_after: float | None = None
    ) -> None:
        super().__init__(sentence, status=status, message=message)
        self.retry_after = retry_after


class ServerError(ResponseError):
    """5xx or 408: the server has a problem, or the request was too slow. A later retry may work."""


class UnreadableReplyError(ResponseError):
    """The reply does not have the documented form: it is a web page, empty, or other JSON."""


class TokenRequestError(ResponseError):
    """The token endpoint reported an error. `error` is its code (RFC 6749 §5.2)."""

    def __init__(
        self, sentence: str, *, status: int = 0, message: str = "", error: str = ""
    ) -> None:
        super().__init__(sentence, status=status, message=message)
        self.error = error


class InvalidGrantError(TokenRequestError):
    """`invalid_grant`: the code expired, was used, or belongs to another redirect URI or app."""


class InvalidClientError(TokenRequestError):
    """`invalid_client`: the client id or the client secret is wrong. The code is still valid."""


def reason_of(error: BaseException) -> str:
    r"""Return the text of an error in one line. A long text is cut between two words.

    >>> reason_of(ValueError("bad value.\n\nPass a number."))
    'bad value. Pass a number'
    """
    return textwrap.shorten(str(error), _MAX_REASON_LENGTH, placeholder=" …").rstrip(".")


def did_you_mean(name: str, choices: Iterable[str]) -> str:
    """Return a question that names the nearest choices, or an empty text.

    >>> did_you_mean("--titel", ["--title", "--desc"])
    'did you mean --title?'
    """
    from difflib import get_close_matches  # noqa: PLC0415 -- only after a mistake

    plain = {_plain(choice): choice for choice in choices}
    given = _plain(name)
    near = [choice for key, choice in plain.items() if given and key.startswith(given)]
    # A word can begin with a short name by chance, such as plot.png with p.
    beginnings = (key for key in plain if given.startswith(key) and len(given) <= 2 * len(key))
    near = near or [plain[key] for key in beginnings]
    near = near or [plain[key] for key in get_close_matches(given, plain, 1)]
    return f"did you mean {' or '.join(near[:3])}?" if near else ""


def _plain(name: str) -> str:
    return name.lstrip("-").lower().replace("_", "-")
