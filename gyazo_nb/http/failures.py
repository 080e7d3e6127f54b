"""Turns an exception of httpx into a `NoReply`: one sentence, and whether the request was sent.

Guarantees: the sentence says what happened and what to do. It repeats nothing that httpx says about a
request, since that may hold a header's value.
"""

from __future__ import annotations

import ssl

import httpx

from gyazo_nb.api.operation import Delivery, NoReply, Request, describe
from gyazo_nb.api.retry import Timeouts
from gyazo_nb.errors import ConnectionFailedError

MAX_JSON_BYTES = 2**26  # of a reply in JSON; a page of 100 images has a few hundred thousand


class ReplyTooLargeError(Exception):
    """A JSON reply is larger than any that Gyazo sends."""


class ReplyTooLateError(Exception):
    """The reply began, but did not end in time."""


def to_no_reply(request: Request, error: Exception, timeouts: Timeouts) -> NoReply:
    """Say what happened, what to do, and whether the server may have processed the request."""
    delivery: Delivery
    if isinstance(error, httpx.TimeoutException | ReplyTooLateError):
        delivery, what, advice = _timeout(error, timeouts)
    elif isinstance(error, httpx.ProxyError):
        delivery, what = "not_sent", "could not be reached through the proxy"
        advice = "check HTTPS_PROXY and NO_PROXY"
    elif isinstance(error, httpx.ConnectError):
        cause = _root_cause(error)
        delivery = "permanent" if isinstance(cause, ssl.SSLError) else "not_sent"
        what = f"could not be reached ({_system_message(cause)})"
        advice = "check your network and the URL in the settings"
    elif isinstance(error, ReplyTooLargeError):
        delivery, what = "permanent", f"sent a reply of more than {MAX_JSON_BYTES // 2**20} MB"
        advice = "check the URL in the settings"
    elif isinstance(error, httpx.LocalProtocolError | UnicodeError):
        delivery, what, advice = _unsendable(request, error)
    elif isinstance(error, httpx.TooManyRedirects | httpx.UnsupportedProtocol):
        delivery, what = "permanent", "redirected too often, or to an unsupported address"
        advice = "check the address"
    elif isinstance(error, httpx.HTTPError):
        delivery, what = "unknown", f"closed the connection early ({type(error).__name__})"
        advice = "try again"
    elif isinstance(error, OSError) and error.filename is not None:
        delivery = "permanent"
        what = f"was not sent: {error.filename!r} cannot be read ({error.strerror})"
        advice = "check the file"
    else:
        delivery = "permanent"
        what = f"was not sent: the connection could not be set up ({type(error).__name__})"
        advice = "check the URL in the settings, HTTPS_PROXY and SSL_CERT_FILE"
    return NoReply(ConnectionFailedError(f"{describe(request)} {what}: {advice}."), delivery)


def _timeout(
    error: httpx.TimeoutException | ReplyTooLateError, timeouts: Timeouts
) -> tuple[Delivery, str, str]:
    if isinstance(error, httpx.ConnectTimeout):
        what = f"did not accept a connection within {timeouts.connect:g} seconds"
        return "not_sent", what, "check your network and the URL in the settings"
    advice = "try again, or check your network"
    if isinstance(error, ReplyTooLateError):
        return "unknown", f"did not finish its reply within {timeouts.answer:g} seconds", advice
    seconds = timeouts.write if isinstance(error, httpx.WriteTimeout) else timeouts.read
    return "unknown", f"did not reply within {seconds:g} seconds", advice


def _unsendable(request: Request, error: Exception) -> tuple[Delivery, str, str]:
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
