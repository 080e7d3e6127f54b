"""Between our values and httpx's: a request going out, a failure coming in.

The law: this is where secrets leave, and they leave for the service alone. While a request of ours is
under way, no log of the HTTP libraries shows a secret or a query of it; no sentence repeats the library's own words, since they may hold a
header's value. A body is built anew for every attempt.
"""

from __future__ import annotations

import io
import logging
import re
import ssl
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, ExitStack
from contextvars import ContextVar
from functools import lru_cache
from pathlib import Path
from typing import IO, Any, BinaryIO

import httpx

from .errors import ConnectionFailedError
from .operation import Failure, Fate, FilePart, Request, where
from .patience import Timeouts
from .secret import Secret

# Bytes: a form's small parts are sent together up to this size, a file in such pieces.
PIECE = 2**18
LARGEST = 2**26  # bytes of an answer in JSON: a page of a hundred images has a few hundred thousand

_HEADERS = {
    "Accept-Encoding": "gzip, deflate",
    "Connection": "keep-alive",
    "User-Agent": "gyazo_nb",
}


class TooLargeError(Exception):
    """An answer that is no picture, and larger than any that is known."""


class LateError(Exception):
    """The answer had begun, and its end did not come in time."""


def outgoing(request: Request, files: ExitStack | AsyncExitStack) -> httpx.Request:
    """The request as httpx takes it. `files` keeps open what is to be read while it is sent.

    Made here and not by a client: there is nothing of a client's to merge, and merging takes a tenth
    of the time of an upload on this machine.
    """
    headers = {"Accept": request.accept, **_HEADERS}
    parts: dict[str, Any] = {"headers": headers}
    if request.params:
        parts["params"] = dict(request.params)
    if request.form:
        parts["data"] = {
            name: value.reveal() if isinstance(value, Secret) else value
            for name, value in request.form.items()
        }
    if request.multipart and request.file is None:
        parts["files"] = {name: (None, text) for name, text in parts.pop("data").items()}
    if request.file is not None:
        part = request.file
        parts["files"] = {part.name: (part.filename, _content(part, files), part.content_type)}
    if request.body is not None:
        parts["json"] = request.body
    if request.token is None:
        pass
    elif request.token_in == "header":  # noqa: S105 -- where, not which
        headers["Authorization"] = f"Bearer {request.token.reveal()}"
    elif request.method == "POST" and (request.form or request.file):
        parts["data"] = parts.get("data", {}) | {"access_token": request.token.reveal()}
    else:
        parts["params"] = dict(request.params) | {"access_token": request.token.reveal()}
    ready = httpx.Request(request.method, _url(request.url), **parts)
    if request.file is not None:
        ready.stream = _Gathered(ready.stream)
    return ready


def follows(request: Request) -> bool:
    """Whether to go wherever the service points: for a file, where there is no token to go along."""
    return request.token is None and request.method == "GET"


def failure(request: Request, error: Exception, timeouts: Timeouts) -> Failure:
    """Say what happened, what to do, and whether the request may have been carried out."""
    fate: Fate
    if isinstance(error, httpx.TimeoutException | LateError):
        fate, what, advice = _late(error, timeouts)
    elif isinstance(error, httpx.ProxyError):
        fate, what = "unsent", "could not be reached through the proxy"
        advice = "check HTTPS_PROXY and NO_PROXY"
    elif isinstance(error, httpx.ConnectError):
        cause = _cause(error)
        fate = "hopeless" if isinstance(cause, ssl.SSLError) else "unsent"
        what = f"could not be reached ({_worded(cause)})"
        advice = "check your network and the URL in the settings"
    elif isinstance(error, TooLargeError):
        fate, what = "hopeless", f"sent more than {LARGEST // 2**20} MB for an answer"
        advice = "check the URL in the settings"
    elif isinstance(error, httpx.LocalProtocolError | UnicodeError):
        fate, what = "hopeless", "was not asked: "
        if request.file is not None and "declared Content-Length" in str(error):
            what, advice = what + "the file changed while it was read", "try again"
        else:
            what += "the token or a field holds characters that HTTP cannot carry"
            advice = "look at it again"
    elif isinstance(error, httpx.TooManyRedirects | httpx.UnsupportedProtocol):
        fate, what = "hopeless", "points to nowhere that can be followed"
        advice = "look at the address again"
    elif isinstance(error, httpx.HTTPError):
        fate, what = "unknown", f"broke off the connection ({type(error).__name__})"
        advice = "try again"
    elif isinstance(error, OSError) and error.filename is not None:
        fate = "hopeless"
        what = f"was not asked: {error.filename!r} cannot be read ({error.strerror})"
        advice = "look at the file again"
    else:
        fate = "hopeless"
        what = f"was not asked: the connection could not be set up ({type(error).__name__})"
        advice = "check the URL in the settings, HTTPS_PROXY and SSL_CERT_FILE"
    return Failure(ConnectionFailedError(f"{where(request)} {what}: {advice}."), fate)


def _late(error: httpx.TimeoutException | LateError, timeouts: Timeouts) -> tuple[Fate, str, str]:
    if isinstance(error, httpx.ConnectTimeout):
        what = f"did not accept a connection within {timeouts.connect:g} seconds"
        return "unsent", what, "check your network and the URL in the settings"
    advice = "try again, or check your network"
    if isinstance(error, LateError):
        return "unknown", f"did not end its answer within {timeouts.answer:g} seconds", advice
    seconds = timeouts.write if isinstance(error, httpx.WriteTimeout) else timeouts.read
    return "unknown", f"did not answer within {seconds:g} seconds", advice


# The request that is under way in this thread or task.
under_way: ContextVar[Request | None] = ContextVar("under_way", default=None)


class Masked(logging.Filter):
    """Masks what is secret about a request of ours, and leaves everybody else's records as they are.

    httpx logs each address, and httpcore at DEBUG what a server repeats in its headers.
    """

    _ADDRESS = re.compile(r"(https?://)(?:[^\s/\"'?#]*@)?([^\s\"'?#]*)[^\s\"']*")

    def filter(self, record: logging.LogRecord) -> bool:
        """Let every record pass, without the secrets."""
        if (request := under_way.get()) is not None:
            text = request.masked(record.getMessage())
            record.msg, record.args = self._ADDRESS.sub(r"\1\2", text), ()
        return True


for _name in (
    "httpx",
    "httpcore.connection",
    "httpcore.http11",
    "httpcore.http2",
    "httpcore.proxy",
):
    # A filter holds for the logger it stands at and not for those below, so each is named.
    logging.getLogger(_name).addFilter(Masked())


class _Rest:
    """An open file from where it stands to where it ends now, for as many attempts as needed.

    httpx would begin at the file's very beginning, and ask the system for the length of all of it.
    """

    def __init__(self, file: BinaryIO, start: int) -> None:
        self._file, self._start = file, start
        self._length = file.seek(0, io.SEEK_END) - start
        self._at = 0

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """Go to a place, and give it."""
        self._at = offset if whence == io.SEEK_SET else self._length + offset
        return self._at

    def tell(self) -> int:
        """Give the place."""
        return self._at

    def read(self, size: int = -1) -> bytes:
        """Give the next bytes, and no more than were there at first."""
        left = self._length - self._at
        self._file.seek(self._start + self._at)
        data = self._file.read(left if size < 0 else min(size, left))
        self._at += len(data)
        return data


# Reading an address takes longer than anything else here, and most calls go to the same three.
_url = lru_cache(maxsize=64)(httpx.URL)


class _Gathered(httpx.SyncByteStream, httpx.AsyncByteStream):
    """A form in few pieces.

    httpx sends each boundary, header and line end by itself, which takes longer than the form of a
    small picture needs; and a large picture in one piece, which is right, since cutting it is copying.
    """

    def __init__(self, form: Any) -> None:
        self._form = form

    def __iter__(self) -> Iterator[bytes]:
        waiting: list[bytes] = []
        size = 0
        for chunk in self._form:
            if size + len(chunk) > PIECE and waiting:
                yield b"".join(waiting)
                waiting, size = [], 0
            waiting.append(chunk)
            size += len(chunk)
        yield b"".join(waiting)

    async def __aiter__(self) -> AsyncIterator[bytes]:
        for piece in self:
            yield piece


def _content(part: FilePart, files: ExitStack | AsyncExitStack) -> bytes | IO[bytes] | _Rest:
    """The file, streamed. httpx finds its length first, since Gyazo answers 411 to chunks."""
    if isinstance(part.content, bytes):
        return part.content
    if isinstance(part.content, Path):
        return files.enter_context(part.content.open("rb"))
    file, start = part.content, part.content.tell()
    files.callback(file.seek, start)  # where the next attempt begins
    return _Rest(file, start)


def _cause(error: BaseException) -> BaseException:
    """The innermost reason."""
    while (inner := error.__cause__ or error.__context__) is not None:
        error = inner
    return error


def _worded(error: BaseException) -> str:
    """A reason as the system words it: `Connection refused`, a certificate's fault."""
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    return str(error)[:100] or type(error).__name__
