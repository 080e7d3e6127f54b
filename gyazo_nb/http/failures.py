"""Turns an exception of httpx into a `NoReply`: one sentence, and whether the request was sent.

Guarantees: the sentence says what happened and what to do. It repeats nothing that httpx says about a
request, since that may hold a header's value.
"""

from __future__ import annotations

import os
import re
import ssl
from urllib.request import getproxies

import httpx

from gyazo_nb.api.operation import JSON, Delivery, NoReply, Request, describe
from gyazo_nb.api.retry import Timeouts
from gyazo_nb.errors import ConnectionFailedError
from gyazo_nb.settings import setting_names

from .connection_pool import Deadline
from .proxies import ProxySetting, ProxySettingError, proxy_for

MAX_JSON_BYTES = 2**23  # of a reply in JSON; a page of 100 images has a few hundred thousand


class ReplyTooLargeError(Exception):
    """A JSON reply is larger than any that Gyazo sends, or a file is larger than the setting allows."""


class ReplyEncodingError(Exception):
    """The reply has a content encoding that was not requested, or is damaged."""


# X509_V_ERR_… of OpenSSL, which Python does not name
_WRONG_DATE = frozenset({9, 10})  # CERT_NOT_YET_VALID, CERT_HAS_EXPIRED
_WRONG_HOST = frozenset({62, 64})  # HOSTNAME_MISMATCH, IP_ADDRESS_MISMATCH

# The variables of other programs for the file in SSL_CERT_FILE
OTHER_CERTIFICATES = ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "PIP_CERT", "NODE_EXTRA_CA_CERTS")

_FOR_HTTPS = frozenset({"https", "all"})  # the names of HTTPS_PROXY and ALL_PROXY in `getproxies`
_CHECK_PROXY = "check the variable, or add the host to NO_PROXY"
_RAISE_LIMIT = f"raise {setting_names('max_download_mb')}"
_CHECK_URL = "check the URL in the settings, and whether a proxy answers instead of the server"

# The delivery of the request, what happened, and what to do.
_Explanation = tuple[Delivery, str, str]


def to_no_reply(
    request: Request, error: Exception, timeouts: Timeouts, deadline: Deadline
) -> NoReply:
    """Say what happened, what to do, and whether the server may have processed the request."""
    if isinstance(error, httpx.TimeoutException | TimeoutError):
        explanation = _timeout(request, error, timeouts, deadline)
    elif isinstance(error, httpx.ConnectError | httpx.ProxyError | ProxySettingError):
        explanation = _connect_error(request, error)
    elif isinstance(error, httpx.LocalProtocolError | UnicodeError):
        explanation = _unsendable(request, error)
    elif isinstance(error, httpx.HTTPError | ReplyTooLargeError | ReplyEncodingError):
        explanation = _unusable_reply(request, error)
    else:
        explanation = _setup_error(request, error)
    delivery, what, advice = explanation
    if request.accept != JSON:  # a file, which may be anywhere
        advice = advice.replace("the URL in the settings", "the address")
    return NoReply(ConnectionFailedError(f"{describe(request)} {what}: {advice}."), delivery)


def root_cause(error: BaseException) -> BaseException:
    """The exception that led to an exception of httpx.

    httpx and httpcore may hide it: `raise … from None`. The context of any other exception can be one that
    the caller handles.
    """
    if isinstance(error, BaseExceptionGroup):  # the errors of a host with several addresses
        return root_cause(error.exceptions[-1])
    inner = error.__cause__
    if inner is None and type(error).__module__ in {"httpx", "httpcore"}:
        inner = error.__context__
    return error if inner is None else root_cause(inner)


def _timeout(
    request: Request, error: Exception, timeouts: Timeouts, deadline: Deadline
) -> _Explanation:
    # A TimeoutError is from `asyncio.timeout`: the deadline of an async exchange.
    is_late = deadline.remaining <= 0 or not isinstance(error, httpx.TimeoutException)
    if isinstance(error, httpx.ConnectTimeout):
        seconds = timeouts.answer if is_late else timeouts.connect
        what = f"did not accept a connection within {seconds:g} seconds"
        if (setting := _proxy(request)) is not None:
            what = f"could not be reached: the proxy in {setting.variable} {what}"
            return "not_sent", what, _advice_for_tls(setting) or _CHECK_PROXY
        return "not_sent", what, "check your network and the URL in the settings"
    if is_late:
        what = f"did not finish its reply within {timeouts.answer:g} seconds"
    else:
        seconds = timeouts.write if isinstance(error, httpx.WriteTimeout) else timeouts.read
        what = f"did not reply within {seconds:g} seconds"
    return "unknown", what, f"try again, or check {_network(request)}"


def _unusable_reply(request: Request, error: Exception) -> _Explanation:
    if isinstance(error, ReplyTooLargeError):
        advice = "check the URL in the settings" if request.accept == JSON else _RAISE_LIMIT
        return "permanent", f"sent a reply of {error}", advice
    if isinstance(error, ReplyEncodingError):
        return "permanent", "sent a reply that cannot be decompressed", _CHECK_URL
    if isinstance(error, httpx.TooManyRedirects | httpx.UnsupportedProtocol):
        what = "redirected too often, or to an unsupported address"
        return "permanent", what, "check the address"
    kind = type(error).__name__
    if "location header" in str(error):
        return "permanent", "redirects to an address that is not valid", _CHECK_URL
    is_closed = re.search("disconnected|closed", str(error))
    if isinstance(error, httpx.RemoteProtocolError) and not is_closed:
        return "unknown", f"sent a reply that is not HTTP ({kind})", _CHECK_URL
    advice = f", or check {_network(request)}" if _proxy(request) else ""
    return "unknown", f"closed the connection early ({kind})", f"try again{advice}"


def _connect_error(request: Request, error: Exception) -> _Explanation:
    if isinstance(error, ProxySettingError):
        return "permanent", f"was not sent: {error}", "correct the variable, or unset it"
    cause = root_cause(error)
    is_closed = _is_closed(cause)
    if isinstance(cause, ssl.SSLError) and not is_closed:
        return _tls_error(request, cause)
    setting = _proxy(request)
    reason = "the connection was closed" if is_closed else _system_message(cause)
    if setting is None:
        what = f"could not be reached ({reason})"
        advice = f"check your network and the URL in the settings{_unused_proxy(request)}"
        return "not_sent", what, advice
    return _proxy_error(setting, error, reason, is_closed=is_closed)


def _proxy_error(
    setting: ProxySetting, error: Exception, reason: str, *, is_closed: bool
) -> _Explanation:
    what = f"could not be reached: the proxy in {setting.variable}"
    if is_closed:
        return "not_sent", f"{what} closed the connection", _CHECK_PROXY
    if not isinstance(error, httpx.ProxyError):
        return "not_sent", f"{what} is not reachable ({reason})", _CHECK_PROXY
    reason = _proxy_reason(error)
    needs_user = reason.startswith(("407", "Requested", "Invalid"))
    advice = how_to_name_the_user(setting) if needs_user else _CHECK_PROXY
    return "not_sent", f"{what} refused the connection ({reason})", advice


def _is_closed(cause: BaseException) -> bool:
    """Whether the other side closed the connection, also in the middle of the TLS handshake."""
    kinds = ConnectionResetError | ConnectionAbortedError | BrokenPipeError | ssl.SSLEOFError
    return isinstance(cause, kinds) or type(cause).__name__ == "EndOfStream"  # of anyio


def _unused_proxy(request: Request) -> str:
    """A sentence about HTTP_PROXY, if it is the only proxy variable, and not used for this address."""
    proxies = getproxies()
    if not request.url.startswith("https:") or "http" not in proxies or proxies.keys() & _FOR_HTTPS:
        return ""
    return ". HTTP_PROXY is used for http:// only: if your network needs a proxy, set HTTPS_PROXY"


def _tls_error(request: Request, cause: ssl.SSLError) -> _Explanation:
    what = f"could not be reached: the TLS connection failed ({_system_message(cause)})"
    if not isinstance(cause, ssl.SSLCertVerificationError):
        setting = _proxy(request)
        advice = "check that the URL in the settings is one for https"
        if setting is not None:
            advice = _advice_for_tls(setting) or f"check the proxy in {setting.variable}"
        return "permanent", what, advice
    if cause.verify_code in _WRONG_DATE:
        return "permanent", what, "check the date of this machine, and the URL in the settings"
    if cause.verify_code in _WRONG_HOST:
        return "permanent", what, _CHECK_URL
    if (variable := _certificate_variable()) is not None:
        return "permanent", what, f"check the certificates in {variable}, or unset it"
    source = next(filter(os.environ.get, OTHER_CERTIFICATES), "")
    advice = (
        f"check the URL in the settings; if your network uses its own certificate authority, set SSL_CERT_FILE "
        f"to the file {f'in {source}' if source else 'with its certificates'}"
    )
    return "permanent", what, advice


def _advice_for_tls(setting: ProxySetting) -> str | None:
    """For a proxy that is set with https://, which is often a mistake; None for others."""
    if not setting.url.startswith("https:"):
        return None
    return f"write http:// into {setting.variable}, unless this proxy accepts TLS"


def how_to_name_the_user(setting: ProxySetting) -> str:
    """The advice for a proxy that needs a password, or does not accept the one that is set."""
    if setting.auth is not None:
        return f"correct the user and the password in {setting.variable}"
    scheme = setting.url.partition(":")[0]
    return (
        f"write user and password into {setting.variable}, as in {scheme}://user:password@host:port"
    )


def _proxy(request: Request) -> ProxySetting | None:
    """The proxy of a request; None for a direct connection."""
    try:
        return proxy_for(request.url)
    except (ProxySettingError, ValueError):
        return None


def _network(request: Request) -> str:
    setting = _proxy(request)
    return "your network" if setting is None else f"the proxy in {setting.variable}"


def _proxy_reason(error: httpx.ProxyError) -> str:
    """Why a proxy refused: `407 Proxy Authentication Required`, or the reason of a SOCKS proxy."""
    text = str(error)
    known = (
        r"\d{3}( [\w -]+)?|(Proxy Server could not connect|Requested|Invalid username)[\w :,./-]*"
    )
    return text[:100].rstrip(" .") if re.fullmatch(known, text, re.ASCII) else text[:3]


def _certificate_variable() -> str | None:
    """The variable that names the certificates to trust. httpx ignores the second if the first is set."""
    return next(filter(os.environ.get, ("SSL_CERT_FILE", "SSL_CERT_DIR")), None)


def _setup_error(request: Request, error: Exception) -> _Explanation:
    """An error without a class of httpx: a file that cannot be read, or a proxy that is not one."""
    if isinstance(error, MemoryError):
        what = "needs more memory than this machine has left"
        return "permanent", what, "free some memory, then try again"
    if isinstance(error, OSError) and error.filename is not None:
        what = f"was not sent: {error.filename!r} cannot be read ({error.strerror})"
        return "permanent", what, "check the file"
    if isinstance(error, RuntimeError) and "has been closed" in str(error):  # from httpx
        return "not_sent", "was not sent: the session was closed at the same moment", "try again"
    variable = _certificate_variable()
    if isinstance(error, OSError) and variable is not None:  # also an SSLError
        what = f"was not sent: the certificates in {variable} cannot be read"
        return "permanent", what, "correct the variable, or unset it"
    setting = _proxy(request)
    if setting is not None and setting.url.startswith("socks"):  # from socksio
        what = f"could not be reached: the proxy in {setting.variable} is not a SOCKS proxy"
        return "not_sent", what, _CHECK_PROXY
    what = f"was not sent: the connection could not be set up ({type(error).__name__})"
    return "permanent", what, "check the URL in the settings"


def _unsendable(request: Request, error: Exception) -> _Explanation:
    if request.file is not None and "declared Content-Length" in str(error):
        return "permanent", "was not sent: the file changed while it was read", "try again"
    what = "was not sent: the token or a field contains characters that HTTP does not allow"
    return "permanent", what, "check them"


def _system_message(error: BaseException) -> str:
    """The message of the operating system: `Connection refused`, or what is wrong with a certificate."""
    if isinstance(error, OSError) and error.strerror:
        is_replaced = error.strerror.startswith("Connect call failed")  # by asyncio
        return os.strerror(error.errno or 0) if is_replaced else error.strerror
    return str(error)[:100] or type(error).__name__
