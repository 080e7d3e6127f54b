"""Sends operations over HTTP, blocking and async.

Guarantees:

- Secrets leave the process in this module only, and only to the server that the request names.
- Every failure becomes an error of this package. The frames of httpx, which hold the body and the token
  as plain text, never reach a traceback.
- The body is built again for each attempt, so that a retry sends the whole file.

`send` and `asend` are the same line by line. They make no decision: `api.retry` decides about the next
attempt, `Operation.read` about the result.
"""

from __future__ import annotations

import asyncio
import io
import logging
import random
import time
import zlib
from collections.abc import AsyncIterator, Iterator
from contextlib import AbstractContextManager, AsyncExitStack, ExitStack, nullcontext, suppress
from dataclasses import replace
from email.utils import formatdate
from functools import lru_cache
from pathlib import Path
from typing import IO, Any, BinaryIO, Generic, Self, TypeVar

import httpx

from gyazo_nb.api import custom_request
from gyazo_nb.api.operation import JSON, FilePart, NoReply, Operation, Reply, Request, describe
from gyazo_nb.api.retry import Retry, Sleep, Timeouts, may_have_been_processed
from gyazo_nb.secret import Secret, hides_frames
from gyazo_nb.settings import Settings

from . import failures
from .connection_pool import ClientPool, Deadline, current_deadline
from .log_masking import current_request

T = TypeVar("T")

MAX_REDIRECTS = 10
CHUNK_BYTES = 2**18  # small parts of a form are joined up to this size before they are sent
_WARN_ABOVE = 5.0  # seconds; a longer delay before a retry is logged as a warning

_HEADERS = {"Accept-Encoding": "gzip", "Connection": "keep-alive", "User-Agent": "gyazo_nb"}

# Values of `Content-Encoding` that name no compression. Some servers send them.
_UNCOMPRESSED = frozenset({"", "identity", "none", "binary", "utf-8", "aws-chunked"})

_log = logging.getLogger(__name__)


class Transport:
    """Sends operations, and retries them where that is safe."""

    def __init__(self, timeouts: Timeouts, retry: Retry, settings: Settings) -> None:
        self._timeouts, self._retry, self._settings = timeouts, retry, settings
        self._clients = ClientPool(timeouts)

    def __reduce__(self) -> tuple[type[None], tuple[()]]:
        """Become None in a pickle: an `Image` is pickled without its connection."""
        return type(None), ()

    def __deepcopy__(self, memo: dict[int, object]) -> Self:
        return self

    @hides_frames
    def send(
        self, operation: Operation[T], retry: Retry | None = None, sleep: Sleep = time.sleep
    ) -> T:
        """Send, wait, and read the reply. Raises `ConnectionFailedError` or a `ResponseError`."""
        attempts = _Attempts(operation, retry or self._retry)
        while True:
            outcome = self._exchange(operation.request)
            delay = attempts.delay_after(outcome)
            if delay is None or sleep(delay):
                return attempts.result(outcome)

    @hides_frames
    async def asend(self, operation: Operation[T], retry: Retry | None = None) -> T:
        """Same as `send`, async."""
        attempts = _Attempts(operation, retry or self._retry)
        while True:
            outcome = await self._aexchange(operation.request)
            if (delay := attempts.delay_after(outcome)) is None:
                return attempts.result(outcome)
            await asyncio.sleep(delay)

    def fetch(self, url: str) -> bytes:
        """Fetch a file that Gyazo named, without the token."""
        return self.send(custom_request.download(url))

    async def afetch(self, url: str) -> bytes:
        """Same as `fetch`, async."""
        return await self.asend(custom_request.download(url))

    def close(self) -> None:
        """Close the connections. A later call opens new ones."""
        self._clients.close()

    async def aclose(self) -> None:
        """Close the connections of the running event loop, and the others as `close` does."""
        await self._clients.aclose()

    def _exchange(self, request: Request) -> Reply | NoReply:
        """Make one attempt, and return its outcome."""
        deadline, max_bytes = Deadline(self._timeouts.answer), self._max_bytes(request)
        try:
            current_request.set(request)
            current_deadline.set(deadline)
            with ExitStack() as files:
                built = _to_httpx_request(request, files)
                deadline.extend(int(built.headers.get("content-length", 0)))
                response = self._reply_of(request, built, files)
                content = b""
                with _ignored_body_errors(response):
                    body = ReplyBody(response.headers, max_bytes)
                    for chunk in response.iter_raw():
                        size = body.add(chunk)
                        if request.accept != JSON:  # a file may be large
                            deadline.extend(size)
                    content = body.content()
        except Exception as error:  # noqa: BLE001 -- all of them: the frames hold the token as text
            return failures.to_no_reply(request, error, self._timeouts, deadline)
        except KeyboardInterrupt:
            self._clients.discard_sync_client()
        else:
            return self._reply(response, content)
        finally:
            # Not by a token: an interrupt before `try` would lose the token, and keep the request.
            current_request.set(None)
            current_deadline.set(None)
        raise KeyboardInterrupt  # outside of `except`, so that it refers to no frames of httpx

    async def _aexchange(self, request: Request) -> Reply | NoReply:
        """Same as `_exchange`, async."""
        interrupt: BaseException
        deadline, max_bytes = Deadline(self._timeouts.answer), self._max_bytes(request)
        try:
            current_request.set(request)
            async with asyncio.timeout(deadline.remaining) as limit, AsyncExitStack() as files:
                built = _to_httpx_request(request, files)
                deadline.extend(int(built.headers.get("content-length", 0)))
                _reschedule(limit, deadline)
                response = await self._areply_of(request, built, files)
                content = b""
                with _ignored_body_errors(response):
                    body = ReplyBody(response.headers, max_bytes)
                    async for chunk in response.aiter_raw():
                        size = body.add(chunk)
                        if request.accept != JSON:
                            deadline.extend(size)
                            _reschedule(limit, deadline)
                    content = body.content()
        except Exception as error:  # noqa: BLE001 -- all of them: the frames hold the token as text
            return failures.to_no_reply(request, error, self._timeouts, deadline)
        except (KeyboardInterrupt, asyncio.CancelledError) as error:
            interrupt = error.with_traceback(None)
        else:
            return self._reply(response, content)
        finally:
            current_request.set(None)
        raise interrupt

    def _reply_of(self, request: Request, built: httpx.Request, stack: ExitStack) -> httpx.Response:
        """Send a request, and the requests that its redirects name. The stack closes the replies."""
        client = self._clients.sync_client()
        for _ in range(MAX_REDIRECTS + 1):
            response = client.send(built, stream=True)
            stack.callback(response.close)
            if (following := _redirected(request, response)) is None:
                return response
            response.close()  # some servers handle one connection at a time
            built = following
        raise httpx.TooManyRedirects("", request=built)

    async def _areply_of(
        self, request: Request, built: httpx.Request, stack: AsyncExitStack
    ) -> httpx.Response:
        """Same as `_reply_of`, async."""
        client = await self._clients.async_client()
        for _ in range(MAX_REDIRECTS + 1):
            response = await client.send(built, stream=True)
            stack.push_async_callback(response.aclose)
            if (following := _redirected(request, response)) is None:
                return response
            await response.aclose()
            built = following
        raise httpx.TooManyRedirects("", request=built)

    def _max_bytes(self, request: Request) -> int:
        if request.accept == JSON:
            return failures.MAX_JSON_BYTES
        return self._settings.max_download_bytes()

    def _reply(self, response: httpx.Response, body: bytes) -> Reply:
        headers = dict(response.headers)
        if "retry-after" in headers and "date" not in headers:
            # RFC 9110 §6.6.1: the recipient adds the date. Only Retry-After is compared with it.
            headers["date"] = formatdate(usegmt=True)
        return Reply(response.status_code, headers, body, self)


def _ignored_body_errors(response: httpx.Response) -> AbstractContextManager[None]:
    """Ignore errors in the body of an error reply: a server may close the connection early."""
    if response.is_success:
        return nullcontext()
    return suppress(httpx.HTTPError, failures.ReplyEncodingError, failures.ReplyTooLargeError)


def _reschedule(limit: asyncio.Timeout, deadline: Deadline) -> None:
    limit.reschedule(asyncio.get_running_loop().time() + deadline.remaining)


class _Attempts(Generic[T]):
    """The attempts of one call. The retry policy gets the elapsed time and a random number from here."""

    def __init__(self, operation: Operation[T], retry: Retry) -> None:
        self._operation, self._retry = operation, retry
        self._began, self._number = time.monotonic(), 0
        # Whether the server may have processed an earlier attempt.
        self._is_uncertain = False

    def delay_after(self, outcome: Reply | NoReply) -> float | None:
        """Return the seconds to wait before the next attempt, and log them; None if there is none."""
        if isinstance(outcome, Reply) and outcome.is_success:
            return None
        self._number += 1
        request = self._operation.request
        delay = self._retry.delay(
            request.retry_safety,
            outcome,
            attempt=self._number,
            elapsed=time.monotonic() - self._began,
            jitter=random.random(),  # noqa: S311 -- spreads the retries of many clients; no secret
        )
        if delay is not None:
            self._is_uncertain = self._is_uncertain or may_have_been_processed(outcome)
            reason = outcome.status if isinstance(outcome, Reply) else "no reply"
            level = logging.WARNING if delay > _WARN_ABOVE else logging.INFO
            _log.log(level, "%s: %s, retry in %.1f seconds", describe(request), reason, delay)
        return delay

    def result(self, outcome: Reply | NoReply) -> T:
        if isinstance(outcome, NoReply):
            raise outcome.error
        return self._operation.read(replace(outcome, after_uncertain_attempt=self._is_uncertain))


class ReplyBody:
    """The body of a reply while it arrives, with a limit on its size after decompression.

    It is decompressed once at most, and in parts, so that a small reply cannot become more than the limit.
    httpx would decode several encodings one after the other, and each chunk as a whole.
    """

    def __init__(self, headers: httpx.Headers, max_bytes: int) -> None:
        encoding = headers.get("content-encoding", "").strip().lower()
        is_compressed = encoding not in _UNCOMPRESSED
        if is_compressed and encoding not in {"gzip", "x-gzip", "deflate"}:
            raise failures.ReplyEncodingError
        # 32: zlib recognizes gzip and zlib by their first bytes.
        self._decoder = zlib.decompressobj(32 + zlib.MAX_WBITS) if is_compressed else None
        self._is_empty = True
        self._bytes_left, self._max_megabytes = max_bytes, max_bytes // 2**20
        self._content = io.BytesIO()

    def add(self, chunk: bytes) -> int:
        """Add the next chunk as it came from the network, and return its size after decompression."""
        if self._decoder is not None and chunk:
            self._is_empty = False
            try:
                # With one byte more than allowed, a reply that is too large is noticed.
                chunk = self._decoder.decompress(chunk, self._bytes_left + 1)
            except zlib.error:
                raise failures.ReplyEncodingError from None
            if self._decoder.unused_data:  # bytes after the end
                raise failures.ReplyEncodingError
        self._bytes_left -= len(chunk)
        if self._bytes_left < 0:
            raise failures.ReplyTooLargeError(f"more than {self._max_megabytes} MB")
        return self._content.write(chunk)

    def content(self) -> bytes:
        """The whole body."""
        if self._decoder is not None and not self._is_empty and not self._decoder.eof:
            raise failures.ReplyEncodingError
        return self._content.getvalue()  # without a copy


def _to_httpx_request(request: Request, files: ExitStack | AsyncExitStack) -> httpx.Request:
    """Build the request as httpx takes it. `files` keeps open files open while they are sent.

    The request is built without the client: this client has no settings to merge, and merging costs a
    tenth of the time of an upload on a local server.
    """
    headers = {"Accept": request.accept, **_HEADERS}
    parts: dict[str, Any] = {"headers": headers}
    if request.params:
        parts["params"] = dict(request.params)
    if request.form:
        parts["data"] = dict(request.form)
        for name, value in request.form.items():
            if isinstance(value, Secret):
                parts["data"][name] = value.reveal()
    if request.multipart and request.file is None:
        parts["files"] = {name: (None, text) for name, text in parts.pop("data").items()}
    if request.file is not None:
        part = request.file
        parts["files"] = {part.name: (part.filename, _content(part, files), part.content_type)}
    if request.body is not None:
        parts["json"] = request.body
    _add_token(request, headers, parts)
    built = httpx.Request(request.method, _url(request.url), **parts)
    if request.file is not None:
        built.stream = _CoalescedStream(built.stream)
    return built


def _add_token(request: Request, headers: dict[str, str], parts: dict[str, Any]) -> None:
    """Add the token in the way that the settings name (RFC 6750 §2.1 to §2.3)."""
    if request.token is None:
        return
    if request.token_in == "header":  # noqa: S105 -- the place of the token, not a token
        headers["Authorization"] = f"Bearer {request.token.reveal()}"
    elif request.method == "POST" and (request.form or request.file):
        parts["data"] = parts.get("data", {}) | {"access_token": request.token.reveal()}
    else:
        parts["params"] = dict(request.params) | {"access_token": request.token.reveal()}


def _redirected(request: Request, response: httpx.Response) -> httpx.Request | None:
    """The request that a redirect names, or None if this is the reply to read.

    A redirect is followed only for a file that is fetched without a token, so it carries no secret. httpx
    itself would first read the body of the redirect, of any size.
    """
    is_followed = request.token is None and request.method == "GET"
    return response.next_request if is_followed else None


# Parsing a URL takes longer than any other step here, and most calls go to the same three URLs.
_url = lru_cache(maxsize=64)(httpx.URL)


def _content(part: FilePart, files: ExitStack | AsyncExitStack) -> bytes | IO[bytes] | _FileWindow:
    """The file of a form, streamed. httpx determines its length first, since Gyazo requires one (411)."""
    if isinstance(part.content, bytes):
        return part.content
    if isinstance(part.content, Path):
        return files.enter_context(part.content.open("rb"))
    file, start = part.content, part.content.tell()
    files.callback(file.seek, start)  # the next attempt starts here again
    return _FileWindow(file, start)


class _FileWindow:
    """An open file from its current position to its current end, for any number of attempts.

    Without it, httpx would send the file from its beginning, and use the length of the whole file.
    """

    def __init__(self, file: BinaryIO, start: int) -> None:
        self._file, self._start = file, start
        self._length = file.seek(0, io.SEEK_END) - start
        self._position = 0

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        self._position = offset if whence == io.SEEK_SET else self._length + offset
        return self._position

    def tell(self) -> int:
        return self._position

    def read(self, size: int = -1) -> bytes:
        left = self._length - self._position
        self._file.seek(self._start + self._position)
        data = self._file.read(left if size < 0 else min(size, left))
        self._position += len(data)
        return data


class _CoalescedStream(httpx.SyncByteStream, httpx.AsyncByteStream):
    """A form in few chunks.

    httpx yields each boundary, header and line end separately, and sending these takes longer than the
    rest of a small upload. A large file stays one chunk, since cutting it would copy it.
    """

    def __init__(self, form: Any) -> None:
        self._form = form

    def __iter__(self) -> Iterator[bytes]:
        pending: list[bytes] = []
        size = 0
        for chunk in self._form:
            if size + len(chunk) > CHUNK_BYTES and pending:
                yield b"".join(pending)
                pending, size = [], 0
            pending.append(chunk)
            size += len(chunk)
        yield b"".join(pending)

    async def __aiter__(self) -> AsyncIterator[bytes]:
        for chunk in self:
            yield chunk
