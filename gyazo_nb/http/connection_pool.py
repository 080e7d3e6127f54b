"""The connections of a session: one httpx client for blocking calls, and one for each event loop.

Guarantees:

- A client is opened by the first call that needs it. It is never shared with a forked process.
- Redirects are not followed by default, cookies are not stored, and certificates are verified.
- Each request goes through the proxy that the environment names at that moment, or directly.
- A blocking exchange ends at its deadline. httpx limits each single read and write, so a server that
  sends byte by byte would keep a call waiting forever. The deadline holds for all of them together: status
  line, headers, 1xx replies, body and trailers. (An async exchange uses `asyncio.timeout`.)
- Every client is closed: by `close`, with the session, or at the end of its event loop.
"""

from __future__ import annotations

import asyncio
import os
import socket
import ssl
import threading
import time
from collections.abc import AsyncGenerator, Callable, Iterable
from contextvars import ContextVar
from functools import cache, lru_cache
from http.cookiejar import CookieJar
from typing import Any, Generic, TypeVar
from weakref import WeakSet, finalize

import httpcore
import httpx

from gyazo_nb.api.retry import Timeouts

from . import proxies

MIN_BYTES_PER_SECOND = 2**14  # a body extends the deadline by its time at this speed
_PART_BYTES = 2**18
_SMALL_BYTES = 2**12  # such as the head of a request

# The deadline of the blocking exchange in this thread.
current_deadline: ContextVar[Deadline | None] = ContextVar("current_deadline", default=None)
# The connections that the current request opens, to close them if it fails.
_opened: ContextVar[list[Any]] = ContextVar("opened")


class ClientPool:
    """Opens httpx clients on demand. Safe to use from any thread and any event loop."""

    def __init__(self, timeouts: Timeouts) -> None:
        self._timeouts = timeouts
        self._lock = threading.Lock()
        self._clients: list[httpx.Client] = []  # for blocking calls: one at most
        self._discarded: list[httpx.Client] = []
        self._leases: _Leases = {}
        # For a session that is dropped without `close`.
        finalize(self, _close_clients, self._clients)
        finalize(self, _close_leases, self._leases).atexit = False
        _pools.add(self)

    def sync_client(self) -> httpx.Client:
        """Return the client for blocking calls."""
        with self._lock:
            if not self._clients:
                self._clients.append(
                    httpx.Client(transport=SyncNetwork(self._timeouts), **self._options())
                )
            return self._clients[0]

    async def async_client(self) -> httpx.AsyncClient:
        """Return the client of the running event loop."""
        loop = asyncio.get_running_loop()
        with self._lock:
            client, _ = self._leases.get(loop, (None, None))
        if client is None:
            client = httpx.AsyncClient(transport=AsyncNetwork(self._timeouts), **self._options())
            lease = _hold_open(client, self._leases, loop)
            _open_leases[client] = lease
            await anext(lease)  # this does not suspend, so no other task of this loop can run here
            with self._lock:
                for closed in [other for other in self._leases if other.is_closed()]:
                    _open_leases.pop(self._leases.pop(closed)[0], None)
                self._leases[loop] = client, lease
        return client

    def discard_sync_client(self) -> None:
        """Make the next call open another client.

        An interrupt may stop httpcore after it acquired the lock of its pool and before it releases the
        lock; then the next call would wait forever. Calls in other threads continue with the old client.
        """
        with self._lock:
            self._discarded += self._clients
            self._clients.clear()  # else Python could wait for that lock when it exits

    def close(self) -> None:
        """Close the connections. A later call opens new ones.

        An event loop closes its own connections: immediately if it is running, otherwise at its end.
        """
        with self._lock:
            clients, discarded = self._clients.copy(), self._discarded.copy()
            self._clients.clear()
            self._discarded.clear()
            running = [loop for loop in tuple(self._leases) if loop.is_running()]
            leases = {loop: self._leases.pop(loop) for loop in running}
        _close_leases(leases)
        _close_clients(clients)
        for client in discarded:  # in a thread, because this may wait forever
            threading.Thread(target=client.close, name="gyazo_nb close", daemon=True).start()

    async def aclose(self) -> None:
        """Close the connections of the running event loop, and the others as `close` does."""
        with self._lock:
            _, lease = self._leases.pop(asyncio.get_running_loop(), (None, None))
        if lease is not None:
            await lease.aclose()
        self.close()

    def reset_after_fork(self) -> None:
        """Forget all clients in a forked process: with a shared socket, it could read replies of the parent."""
        self._lock = threading.Lock()
        self._clients.clear()
        self._discarded.clear()
        self._leases.clear()

    def _options(self) -> dict[str, Any]:
        limits = self._timeouts
        return {
            "timeout": (limits.connect, limits.read, limits.write, None),  # no limit for the pool
            "trust_env": False,  # the networks read the environment, at each request
            "cookies": _NoCookies(),
        }


def _close_clients(clients: list[httpx.Client]) -> None:
    for client in clients:
        client.close()


class _NoCookies(CookieJar):
    """Stores no cookies: a cookie would identify the account even after a sign-out."""

    def extract_cookies(self, *_: Any) -> None:
        """Ignore the cookies of a reply."""


# ── routes: a proxy, or direct ──────────────────────────────────────────────────────────────────────

T = TypeVar("T")
TransportT = TypeVar("TransportT", httpx.HTTPTransport, httpx.AsyncHTTPTransport)

# The pool has no limit, so a call never waits for a free connection.
_LIMITS = httpx.Limits(max_connections=None, max_keepalive_connections=32)


class _Routes(Generic[TransportT]):
    """The transport for each request: one for direct requests, and one for each proxy."""

    def __init__(self, kind: Callable[..., TransportT], backend: Any) -> None:
        self._kind: Callable[..., TransportT] = kind
        self._backend = backend
        self._lock = threading.Lock()
        self._transports: dict[Any, TransportT] = {}
        # Reading the variables takes longer than the rest of a request. The second argument is used only
        # as a part of the key. The size is limited, because a hostile server can name any number of hosts.
        self._proxy_for = lru_cache(maxsize=256)(lambda url, _variables: proxies.proxy_for(url))

    def transport_for(self, url: httpx.URL) -> TransportT:
        """The transport for a URL, for the environment as it is now. Raises `ProxySettingError`."""
        variables = tuple(map(os.environ.get, proxies.VARIABLES))
        proxy = self._proxy_for(f"{url.scheme}://{url.netloc.decode()}", variables)
        certificates = os.environ.get("SSL_CERT_FILE"), os.environ.get("SSL_CERT_DIR")
        with self._lock:
            transport = self._transports.get((proxy, certificates))
            if transport is None:
                context = _ssl_context(*certificates)
                transport = self._kind(
                    verify=context, limits=_LIMITS, proxy=proxy and proxy.proxy(context)
                )
                # httpx has no parameter for this. tests/http/test_deadlines.py fails if it stops working.
                transport._pool._network_backend = self._backend  # noqa: SLF001 -- see above
                self._transports[proxy, certificates] = transport
            return transport

    def clear(self) -> list[TransportT]:
        """Forget all transports, and return them."""
        with self._lock:
            transports = list(self._transports.values())
            self._transports.clear()
            return transports


class SyncNetwork(httpx.BaseTransport):
    """Sends blocking requests, each by its route."""

    def __init__(self, timeouts: Timeouts) -> None:
        self._routes = _Routes(httpx.HTTPTransport, _GuardedBackend(timeouts.read))

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """Send a request. After an error, close the connections that httpcore forgets, such as to a proxy."""
        opened: list[_GuardedStream] = []
        token = _opened.set(opened)
        try:
            return self._routes.transport_for(request.url).handle_request(request)
        except BaseException:
            for stream in opened:
                stream.close()
            raise
        finally:
            _opened.reset(token)

    def close(self) -> None:
        """Close all connections."""
        for transport in self._routes.clear():
            transport.close()


class AsyncNetwork(httpx.AsyncBaseTransport):
    """Same as `SyncNetwork`, async."""

    def __init__(self, timeouts: Timeouts) -> None:
        self._routes = _Routes(httpx.AsyncHTTPTransport, _TrackedBackend(timeouts.read))

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Send a request."""
        opened: list[httpcore.AsyncNetworkStream] = []
        token = _opened.set(opened)
        try:
            return await self._routes.transport_for(request.url).handle_async_request(request)
        except BaseException:
            for stream in opened:
                await stream.aclose()
            raise
        finally:
            _opened.reset(token)

    async def aclose(self) -> None:
        """Close all connections."""
        for transport in self._routes.clear():
            await transport.aclose()


@cache
def _ssl_context(*variables: str | None) -> ssl.SSLContext:  # noqa: ARG001 -- the key of the cache
    """Read the trusted certificates once, since this takes longer than a request to a local server.

    `variables` are the values of the environment variables that httpx reads: a change reads them again.
    """
    return httpx.create_ssl_context()


# ── sockets: the deadline of blocking exchanges, and public addresses ───────────────────────────────


class Deadline:
    """When an exchange must have ended. With `public_only`, it can reach public addresses only."""

    def __init__(self, seconds: float) -> None:
        self.public_only = False
        self._end = time.monotonic() + seconds

    def extend(self, size: int) -> None:
        """Allow the time that a body of this many bytes needs on a slow line."""
        self._end += size / MIN_BYTES_PER_SECOND

    @property
    def remaining(self) -> float:
        """Seconds until the end; 0 or less when it is reached."""
        return self._end - time.monotonic()


class PrivateAddressError(httpcore.ConnectError):
    """The connection leads to an address that is not public."""


class _GuardedBackend(httpcore.NetworkBackend):
    """Opens sockets that respect `current_deadline`.

    `read_timeout` is for the handshake with a SOCKS proxy, which httpcore reads without a timeout.
    """

    def __init__(self, read_timeout: float) -> None:
        self._backend, self._read_timeout = httpcore.SyncBackend(), read_timeout

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,
    ) -> httpcore.NetworkStream:
        addresses = _addresses(host, port)
        end = time.monotonic() + (timeout or 0)
        while True:
            if timeout is not None:  # for all addresses: each gets a part of the remaining time
                timeout = max(0.01, (end - time.monotonic()) / len(addresses))
            address = addresses.pop(0)
            seconds = _remaining(timeout, httpcore.ConnectTimeout)
            try:
                stream = self._backend.connect_tcp(
                    address, port, seconds, local_address, socket_options
                )
                return _GuardedStream(stream, self._read_timeout)
            except (httpcore.ConnectError, httpcore.ConnectTimeout):
                if not addresses:
                    raise  # not later: the error would lose its cause


class _TrackedBackend(httpcore.AsyncNetworkBackend):
    """Opens sockets that `AsyncNetwork` can close. `asyncio.timeout` limits the time."""

    def __init__(self, read_timeout: float) -> None:
        self._backend, self._read_timeout = httpcore.AnyIOBackend(), read_timeout

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,  # noqa: ASYNC109 -- the interface of httpcore
        local_address: str | None = None,
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        stream = await self._backend.connect_tcp(host, port, timeout, local_address, socket_options)
        _opened.get().append(stream)
        return _PartwiseStream(stream, self._read_timeout)


class _PartwiseStream(httpcore.AsyncNetworkStream):
    """An async socket, with or without TLS, that sends a large body in parts, each with its own timeout.

    It reads at the same time. A server can refuse an upload early, and close the connection. Then the write
    fails, and asyncio would lose the reply. (A blocking socket keeps it.)
    """

    def __init__(self, stream: httpcore.AsyncNetworkStream, read_timeout: float) -> None:
        self._stream, self._read_timeout = stream, read_timeout
        self._early = b""  # the beginning of a reply that came before the end of the request

    async def read(
        self,
        max_bytes: int,
        timeout: float | None = None,  # noqa: ASYNC109 -- as above
    ) -> bytes:
        if not self._early:
            timeout = self._read_timeout if timeout is None else timeout
            return await self._stream.read(max_bytes, timeout)
        data, self._early = self._early[:max_bytes], self._early[max_bytes:]
        return data

    async def write(
        self,
        buffer: bytes,
        timeout: float | None = None,  # noqa: ASYNC109 -- as above
    ) -> None:
        if len(buffer) <= _SMALL_BYTES:  # sent at once, before a server can reply
            return await self._stream.write(buffer, timeout)
        reading = asyncio.create_task(self._stream.read(_PART_BYTES))
        try:
            for start in range(0, len(buffer), _PART_BYTES):
                if self._stream.get_extra_info("is_readable"):
                    await asyncio.wait([reading], timeout=0.01)  # these can be bytes of TLS itself
                await self._stream.write(buffer[start : start + _PART_BYTES], timeout)
        finally:
            reading.cancel()
            await asyncio.wait([reading])
            if not reading.cancelled() and reading.exception() is None:
                self._early += reading.result()

    async def aclose(self) -> None:
        await self._stream.aclose()

    async def start_tls(
        self,
        ssl_context: ssl.SSLContext,
        server_hostname: str | None = None,
        timeout: float | None = None,  # noqa: ASYNC109 -- as above
    ) -> httpcore.AsyncNetworkStream:
        stream = await self._stream.start_tls(ssl_context, server_hostname, timeout)
        return _PartwiseStream(stream, self._read_timeout)

    def get_extra_info(self, info: str) -> Any:
        if info == "is_readable" and self._early:
            return True  # httpcore does not reuse an idle connection with such bytes
        return self._stream.get_extra_info(info)


def _addresses(host: str, port: int) -> list[str]:
    """The IP addresses of a host. The name resolution of the system has its own time limit."""
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        raise httpcore.ConnectError(error) from error
    addresses = [str(address[0]) for *_, address in found]
    deadline = current_deadline.get()
    if deadline is None or not deadline.public_only:
        return addresses
    if public := [address for address in addresses if proxies.is_public(address)]:
        return public
    raise PrivateAddressError(host)


class _GuardedStream(httpcore.NetworkStream):
    """A socket, with or without TLS."""

    def __init__(self, stream: httpcore.NetworkStream, read_timeout: float) -> None:
        self._stream, self._read_timeout = stream, read_timeout
        _opened.get().append(self)

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        timeout = self._read_timeout if timeout is None else timeout
        return self._stream.read(max_bytes, _remaining(timeout, httpcore.ReadTimeout))

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        """Write in parts: httpcore would start the timeout again after each part."""
        sock = self._stream.get_extra_info("socket")
        rest = memoryview(buffer)
        try:
            while rest:
                sock.settimeout(_remaining(timeout, httpcore.WriteTimeout))
                rest = rest[sock.send(rest) :]
        except TimeoutError as error:
            raise httpcore.WriteTimeout(error) from error
        except OSError as error:
            raise httpcore.WriteError(error) from error

    def close(self) -> None:
        self._stream.close()

    def start_tls(
        self,
        ssl_context: ssl.SSLContext,
        server_hostname: str | None = None,
        timeout: float | None = None,
    ) -> httpcore.NetworkStream:
        if self._stream.get_extra_info("ssl_object") is not None:
            return _TLSInTLSStream(self, ssl_context, server_hostname, timeout)
        seconds = _remaining(timeout, httpcore.ConnectTimeout)
        stream = self._stream.start_tls(ssl_context, server_hostname, seconds)
        return _GuardedStream(stream, self._read_timeout)

    def get_extra_info(self, info: str) -> Any:
        return self._stream.get_extra_info(info)


class _TLSInTLSStream(httpcore.NetworkStream):
    """TLS through a proxy that is itself reached over TLS: `HTTPS_PROXY=https://…`.

    Python's TLS sockets cannot be nested. httpcore's own class would start the timeout again after each
    part.
    """

    def __init__(
        self,
        outer: _GuardedStream,
        context: ssl.SSLContext,
        hostname: str | None,
        timeout: float | None,
    ) -> None:
        self._outer = outer
        self._incoming, self._outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self._tls = context.wrap_bio(self._incoming, self._outgoing, server_hostname=hostname)
        try:
            self._run(self._tls.do_handshake, timeout)
        except ssl.SSLError as error:
            raise httpcore.ConnectError(error) from error

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        try:
            return self._run(lambda: self._tls.read(max_bytes), timeout)
        except ssl.SSLZeroReturnError:  # the end
            return b""
        except ssl.SSLError as error:
            raise httpcore.ReadError(error) from error

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        try:
            self._run(lambda: self._tls.write(buffer), timeout)
        except ssl.SSLError as error:
            raise httpcore.WriteError(error) from error

    def close(self) -> None:
        self._outer.close()

    def get_extra_info(self, info: str) -> Any:
        return self._tls if info == "ssl_object" else self._outer.get_extra_info(info)

    def _run(self, operation: Callable[[], T], timeout: float | None) -> T:
        """Run a step of TLS, and move its bytes from and to the outer connection."""
        while True:
            try:
                result = operation()
            except ssl.SSLWantReadError:
                self._outer.write(self._outgoing.read(), timeout)
            else:
                self._outer.write(self._outgoing.read(), timeout)
                return result
            if data := self._outer.read(2**16, timeout):
                self._incoming.write(data)
            else:
                self._incoming.write_eof()


def _remaining(timeout: float | None, error: type[Exception]) -> float | None:
    """The timeout of one operation: its own, but no more than the rest of the deadline."""
    deadline = current_deadline.get()
    if deadline is None:
        return timeout
    remaining = deadline.remaining
    if remaining <= 0:
        raise error("the deadline of the exchange is reached")
    return remaining if timeout is None else min(timeout, remaining)


# ── closing the client of an event loop ─────────────────────────────────────────────────────────────
# A connection must be closed in its own event loop, and asyncio.run has no hook for the end of a loop.
# But it closes the asynchronous generators of the loop first (PEP 525). So each async client has a lease:
# a generator that closes the client at its end.

_Lease = AsyncGenerator[None, None]
_Leases = dict[asyncio.AbstractEventLoop, tuple[httpx.AsyncClient, _Lease]]
# A reference to each open lease, independent of its session: a generator without a reference is
# garbage-collected without running its `finally`.
_open_leases: dict[httpx.AsyncClient, _Lease] = {}


async def _hold_open(
    client: httpx.AsyncClient, leases: _Leases, loop: asyncio.AbstractEventLoop
) -> _Lease:
    try:
        yield
    finally:
        if leases.get(loop, (None, None))[0] is client:  # not a client that was opened later
            del leases[loop]
        _open_leases.pop(client, None)
        await client.aclose()


def _close_leases(leases: _Leases) -> None:
    """Close the connections of running loops now. A loop that does not run closes them at its end."""
    for loop, (_, lease) in tuple(leases.items()):
        if loop.is_running():
            closing = _close(lease)
            try:
                asyncio.run_coroutine_threadsafe(closing, loop)
            except RuntimeError:  # the loop was closed at this moment
                closing.close()


async def _close(lease: _Lease) -> None:
    await lease.aclose()


_pools: WeakSet[ClientPool] = WeakSet()


def _reset_pools() -> None:
    for pool in _pools:
        pool.reset_after_fork()


if hasattr(os, "register_at_fork"):  # Windows has no fork
    os.register_at_fork(after_in_child=_reset_pools)
