"""Sends operations over the network. The only module that knows httpx, and where secrets leave.

The law: `send` and `asend` are line-for-line twins, and every decision they take is made elsewhere.
Redirects are not followed, since a token must not travel to wherever they point. Whatever fails
becomes one of our errors, and the frames of the HTTP library, which hold the body and the token as
plain text, never reach a traceback.
"""

from __future__ import annotations

import asyncio
import threading
from contextlib import ExitStack
from pathlib import Path
from typing import Any, TypeVar
from weakref import WeakKeyDictionary

import httpx

from .errors import ConnectionFailedError
from .operation import Operation, Reply, Request, where
from .secret import Secret

T = TypeVar("T")

CONNECT_TIMEOUT = 10.0  # seconds
TIMEOUT = 30.0  # seconds without a byte, in either direction

_LOOPBACK: dict[str, None] = {  # a proxy cannot reach this machine's own servers
    f"all://{host}": None for host in ("127.0.0.1", "localhost", "[::1]")
}
# What can go wrong before or while sending: the network, the proxy's and the certificates' settings.
_FAILURES = (httpx.HTTPError, httpx.InvalidURL, OSError, ValueError, ImportError)


class Transport:
    """One pool of connections for blocking calls, and one for each event loop that awaits."""

    def __init__(self, timeout: float = TIMEOUT) -> None:
        self._timeout = timeout
        self._lock = threading.Lock()
        self._client: httpx.Client | None = None
        self._aclients: WeakKeyDictionary[asyncio.AbstractEventLoop, httpx.AsyncClient]
        self._aclients = WeakKeyDictionary()

    def send(self, operation: Operation[T]) -> T:
        """Send, wait, and read the reply. Raises `ConnectionFailedError` or a `ResponseError`."""
        failure: BaseException
        try:
            with ExitStack() as files:
                response = self._blocking().request(**_call(operation.request, files))
        except _FAILURES as error:
            failure = _failure(operation.request, error, self._timeout)
        except KeyboardInterrupt:
            failure = KeyboardInterrupt()
        else:
            return operation.read(_reply(response))
        raise failure  # outside of `except`: nothing of the HTTP library's hangs on to it

    async def asend(self, operation: Operation[T]) -> T:
        """Same as `send`, awaited."""
        failure: BaseException
        try:
            with ExitStack() as files:
                response = await self._awaited().request(**_call(operation.request, files))
        except _FAILURES as error:
            failure = _failure(operation.request, error, self._timeout)
        except (KeyboardInterrupt, asyncio.CancelledError) as error:
            failure = error.with_traceback(None)
        else:
            return operation.read(_reply(response))
        raise failure

    def close(self) -> None:
        """Close the blocking connections. A later call opens new ones."""
        with self._lock:
            client, self._client = self._client, None
        if client is not None:
            client.close()

    async def aclose(self) -> None:
        """Close the connections of the running loop, and the blocking ones."""
        with self._lock:
            client = self._aclients.pop(asyncio.get_running_loop(), None)
        if client is not None:
            await client.aclose()
        self.close()

    def _blocking(self) -> httpx.Client:
        with self._lock:
            if self._client is None:
                self._client = httpx.Client(**self._options())
            return self._client

    def _awaited(self) -> httpx.AsyncClient:
        with self._lock:
            loop = asyncio.get_running_loop()
            client = self._aclients.get(loop)
            if client is None:
                client = self._aclients[loop] = httpx.AsyncClient(**self._options())
            return client

    def _options(self) -> dict[str, Any]:
        return {
            "timeout": httpx.Timeout(self._timeout, connect=min(CONNECT_TIMEOUT, self._timeout)),
            "limits": httpx.Limits(max_connections=None, max_keepalive_connections=32),
            "follow_redirects": False,
            "mounts": _LOOPBACK,
            "headers": {"User-Agent": "gyazo_nb", "Accept": "application/json"},
        }


def _call(request: Request, files: ExitStack) -> dict[str, Any]:
    """Spell a request for httpx. This is where the secrets are revealed."""
    call: dict[str, Any] = {"method": request.method, "url": request.url}
    if request.params:
        call["params"] = dict(request.params)
    if request.form:
        call["data"] = {
            name: value.reveal() if isinstance(value, Secret) else value
            for name, value in request.form.items()
        }
    if request.file is not None:
        part, content = request.file, request.file.content
        # A file on disk is streamed; httpx finds its length first, since Gyazo answers 411 to chunks.
        body = files.enter_context(content.open("rb")) if isinstance(content, Path) else content
        call["files"] = {part.name: (part.filename, body, part.content_type)}
    if request.token is not None:
        call["headers"] = {"Authorization": f"Bearer {request.token.reveal()}"}
    return call


def _reply(response: httpx.Response) -> Reply:
    return Reply(response.status_code, dict(response.headers), response.content)


def _failure(request: Request, error: Exception, timeout: float) -> ConnectionFailedError:
    """Say what happened without the library's own words: they may repeat a header's value."""
    if isinstance(error, httpx.ConnectTimeout):
        what = f"did not accept a connection within {min(CONNECT_TIMEOUT, timeout):g} seconds"
        advice = "check your network and the URL in the settings"
    elif isinstance(error, httpx.TimeoutException):
        what = f"did not answer within {timeout:g} seconds"
        advice = "try again, or check your network"
    elif isinstance(error, httpx.ProxyError):
        what = "could not be reached through the proxy"
        advice = "check HTTPS_PROXY and NO_PROXY"
    elif isinstance(error, httpx.ConnectError):
        what = f"could not be reached ({_cause(error)})"
        advice = "check your network and the URL in the settings"
    elif isinstance(error, httpx.LocalProtocolError | UnicodeError):
        what = "was not asked: the token or a field holds characters that HTTP cannot carry"
        advice = "look at it again"
    elif isinstance(error, httpx.HTTPError):
        what = f"broke off the connection ({type(error).__name__})"
        advice = "try again"
    elif isinstance(error, OSError) and error.filename is not None:
        what = f"was not asked: {error.filename!r} cannot be read ({error.strerror})"
        advice = "look at the file again"
    else:
        what = f"was not asked: the connection could not be set up ({type(error).__name__})"
        advice = "check the URL in the settings, HTTPS_PROXY and SSL_CERT_FILE"
    return ConnectionFailedError(f"{where(request)} {what}: {advice}.")


def _cause(error: BaseException) -> str:
    """The innermost reason, as the system words it: `Connection refused`, a certificate's fault."""
    while (inner := error.__cause__ or error.__context__) is not None:
        error = inner
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    return str(error)[:100] or type(error).__name__
