"""Turns an exception of httpx into a `NoReply`: one sentence, and whether the request was sent.

Guarantees: the sentence says what happened and what to do. It repeats nothing that httpx says about a
request, since that may hold a header's value.
"""

from __future__ import annotations

import os
import re
import ssl

import httpx

from gyazo_nb.api.operation import Delivery, NoReply, Request, describe
from gyazo_nb.api.retry import Timeouts
from gyazo_nb.errors import ConnectionFailedError

from .connection_pool import Deadline
from .proxies import ProxySettingError, proxy_for

MAX_JSON_BYTES = 2**23  # of a reply in JSON; a page of 100 images has a few hundred thousand


class ReplyTooLargeError(Exception):
    """A JSON reply is larger than any that Gyazo sends."""


class ReplyEncodingError(Exception):
    """The reply has a content encoding that was not requested, or is damaged."""


_CHECK_PROXY = "check the variable, or add the host to NO_PROXY"

# The delivery of the request, what happened, and what to do.
_Explanation = tuple[Delivery, str, str]

_Kinds = type[Exception] | tuple[type[Exception], ...]
_FIXED: tuple[tuple[_Kinds, _Explanation], ...] = (
    (
        ReplyTooLargeError,
        (
            "permanent",
            f"sent a reply of more than {MAX_JSON_BYTES // 2**20} MB",
            "check the URL in the settings",
        ),
    ),
    (
        (ReplyEncodingError, httpx.DecodingError),
        (
            "permanent",
            "sent a reply that cannot be decompressed",
            "check the URL in the settings, and whether a proxy is in the way",
        ),
    ),
    (
        (httpx.TooManyRedirects, httpx.UnsupportedProtocol),
        (
            "permanent",
            "redirected too often, or to an unsupported address",
            "check the address",
        ),
    ),
    (
        MemoryError,
        (
            "permanent",
            "needs more memory than this machine has left",
            "free some memory, then try again",
        ),
    ),
)


def to_no_reply(
    request: Request, error: Exception, timeouts: Timeouts, deadline: Deadline
) -> NoReply:
    """Say what happened, what to do, and whether the server may have processed the request."""
    delivery, what, advice = _explain(request, error, timeouts, deadline)
    return NoReply(ConnectionFailedError(f"{describe(request)} {what}: {advice}."), delivery)


def has_cause(error: BaseException, kind: type[BaseException]) -> bool:
    """Whether an exception, or one that led to it, is of a kind."""
    found: BaseException | None = error
    while found is not None and not isinstance(found, kind):
        found = found.__cause__ or found.__context__
    return found is not None


def _explain(
    request: Request, error: Exception, timeouts: Timeouts, deadline: Deadline
) -> _Explanation:
    for kinds, explanation in _FIXED:
        if isinstance(error, kinds):
            return explanation
    if isinstance(error, httpx.TimeoutException | TimeoutError):
        return _timeout(request, error, timeouts, deadline)
    if isinstance(error, httpx.ConnectError | httpx.ProxyError | ProxySettingError):
        return _connect_error(request, error)
    if isinstance(error, httpx.LocalProtocolError | UnicodeError):
        return _unsendable(request, error)
    if isinstance(error, httpx.HTTPError):
        what = f"closed the connection early ({type(error).__name__})"
        return "unknown", what, "try again"
    return _setup_error(error)


def _timeout(
    request: Request, error: Exception, timeouts: Timeouts, deadline: Deadline
) -> _Explanation:
    if isinstance(error, httpx.ConnectTimeout):
        what = f"did not accept a connection within {timeouts.connect:g} seconds"
        if (variable := _proxy_variable(request)) is not None:
            return "not_sent", f"could not be reached: the proxy in {variable} {what}", _CHECK_PROXY
        return "not_sent", what, "check your network and the URL in the settings"
    advice = "try again, or check your network"
    if deadline.remaining <= 0:
        return "unknown", f"did not finish its reply within {timeouts.answer:g} seconds", advice
    seconds = timeouts.write if isinstance(error, httpx.WriteTimeout) else timeouts.read
    return "unknown", f"did not reply within {seconds:g} seconds", advice


def _connect_error(request: Request, error: Exception) -> _Explanation:
    if isinstance(error, ProxySettingError):
        what = f"was not sent: {error.variable} {error.reason}"
        return "permanent", what, "correct the variable, or unset it"
    cause = _root_cause(error)
    if isinstance(cause, ssl.SSLError):
        return _tls_error(cause)
    variable = _proxy_variable(request)
    if isinstance(error, httpx.ProxyError):
        what = f"could not be reached: the proxy in {variable} refused the connection"
        return "not_sent", f"{what} ({_proxy_status(error)})", _CHECK_PROXY
    if variable is not None:
        what = f"could not be reached: the proxy in {variable} is not reachable"
        return "not_sent", f"{what} ({_system_message(cause)})", _CHECK_PROXY
    what = f"could not be reached ({_system_message(cause)})"
    return "not_sent", what, "check your network and the URL in the settings"


def _tls_error(cause: ssl.SSLError) -> _Explanation:
    what = f"could not be reached: the TLS connection failed ({_system_message(cause)})"
    if not isinstance(cause, ssl.SSLCertVerificationError):
        return "permanent", what, "check that the URL in the settings is one for https"
    advice = (
        "check the URL in the settings; if your network uses a certificate authority of its own, set "
        "SSL_CERT_FILE to the file with its certificates"
    )
    return "permanent", what, advice


def _proxy_variable(request: Request) -> str | None:
    """The variable that sets the proxy of a request; None for a direct connection."""
    try:
        setting = proxy_for(request.url)
    except ProxySettingError as error:
        return error.variable
    return None if setting is None else setting.variable


def _proxy_status(error: httpx.ProxyError) -> str:
    """The status with which a proxy refused: `407 Proxy Authentication Required`."""
    text = str(error)
    return text[:60] if re.fullmatch(r"\d{3} [\w ]*", text) else "no reply"


def _setup_error(error: Exception) -> _Explanation:
    """A file that cannot be read: the picture, or the certificates to trust."""
    for variable in ("SSL_CERT_FILE", "SSL_CERT_DIR"):
        if path := os.environ.get(variable):
            what = f"was not sent: the certificates in {variable} cannot be read"
            if not os.access(path, os.R_OK) or isinstance(error, ssl.SSLError):
                return "permanent", what, "correct the variable, or unset it"
    if isinstance(error, OSError) and error.filename is not None:
        what = f"was not sent: {error.filename!r} cannot be read ({error.strerror})"
        return "permanent", what, "check the file"
    what = f"was not sent: the connection could not be set up ({type(error).__name__})"
    return "permanent", what, "check the URL in the settings"


def _unsendable(request: Request, error: Exception) -> _Explanation:
    if request.file is not None and "declared Content-Length" in str(error):
        return "permanent", "was not sent: the file changed while it was read", "try again"
    what = "was not sent: the token or a field contains characters that HTTP does not allow"
    return "permanent", what, "check them"


def _root_cause(error: BaseException) -> BaseException:
    while (inner := error.__cause__ or error.__context__) is not None:
        error = inner
    return error


def _system_message(error: BaseException) -> str:
    """The message of the operating system: `Connection refused`, or what is wrong with a certificate."""
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    return str(error)[:100] or type(error).__name__
