"""Serves the sandbox from a thread, records its requests, and applies faults.

Guarantees: the server listens on 127.0.0.1 only. It accepts connections when `serve` returns, and
after `close` neither a socket nor a thread remains. A fault that cuts a connection closes the real
TCP connection.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
import threading
from collections.abc import Callable
from types import TracebackType
from typing import Self, cast

import uvicorn
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from uvicorn.protocols.http.h11_impl import H11Protocol

from . import pages
from .api import Api
from .faults import Fault
from .http_messages import HttpError, json_error, send_error
from .oauth import OAuth
from .state import RecordedRequest, Sandbox
from .uploads import Uploads

HOST = "127.0.0.1"

# Seconds to wait for the thread to start or to end.
_THREAD_TIMEOUT = 10.0


def serve(sandbox: Sandbox | None = None, *, port: int = 0) -> Server:
    """Serve a sandbox, and return when it accepts connections. Port 0 selects a free port.

    Raises OSError when the port is in use.
    """
    return Server(Sandbox() if sandbox is None else sandbox, port)


class Server:
    """A running sandbox. Close it, or use it in a `with` statement."""

    def __init__(self, sandbox: Sandbox, port: int = 0) -> None:
        if sandbox.url:
            raise RuntimeError("This sandbox is being served already. Close its server first.")
        # The registered redirect URI contains the port, so it must be known before any request.
        listener = _listen(port)
        self.sandbox = sandbox
        self.url = sandbox.url = f"http://{HOST}:{listener.getsockname()[1]}"
        self.variables = _variables(sandbox)
        self._ready = threading.Event()
        self._error: BaseException | None = None
        self._uvicorn = _Uvicorn(build_app(sandbox), self._ready.set)
        self._thread = threading.Thread(
            target=self._run, args=[listener], name="gyazo-sandbox", daemon=True
        )
        self._thread.start()
        self._ready.wait(_THREAD_TIMEOUT)
        if not self._uvicorn.started:
            self.close()
            raise RuntimeError("The sandbox did not start.") from self._error

    def variables_of_panel(self) -> dict[str, str]:
        """Return the variables for a client on this machine that receives the redirect itself.

        Its redirect URI has a port that is free now. The landing page matches with any port.
        """
        with socket.create_server((HOST, 0)) as free:
            port = free.getsockname()[1]
        return {**self.variables, "GYAZO_REDIRECT_URI": f"http://{HOST}:{port}/callback"}

    def close(self) -> None:
        """Stop at once and close open connections. A second call has no effect."""
        self._uvicorn.stop()
        self._thread.join(_THREAD_TIMEOUT)
        self.sandbox.url = ""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def _run(self, listener: socket.socket) -> None:
        try:
            # An explicit loop factory: a notebook may have patched asyncio.run.
            with listener, asyncio.Runner(loop_factory=asyncio.new_event_loop) as runner:
                runner.run(self._uvicorn.serve(sockets=[listener]))
        except BaseException as error:  # noqa: BLE001 (__init__ raises from it)
            self._error = error
        finally:
            self._ready.set()


class _Uvicorn(uvicorn.Server):
    """A uvicorn server that reports when it is ready, and stops without waiting for clients."""

    def __init__(self, app: ASGIApp, on_ready: Callable[[], None]) -> None:
        super().__init__(
            uvicorn.Config(
                app,
                http=_ConnectionProtocol,
                ws="none",
                lifespan="off",
                interface="asgi3",
                loop="asyncio",
                log_config=None,
                log_level="error",
                access_log=False,  # it would print authorization codes
                proxy_headers=False,
                server_header=False,
            )
        )
        self._on_ready = on_ready
        self._loop: asyncio.AbstractEventLoop | None = None
        self._stop_requested = asyncio.Event()

    def stop(self) -> None:
        """End the main loop. Can be called from any thread at any time."""
        self.should_exit = True
        if self._loop is not None:
            # RuntimeError: the loop is closed already.
            with contextlib.suppress(RuntimeError):
                self._loop.call_soon_threadsafe(self._stop_requested.set)

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        self._loop = asyncio.get_running_loop()
        await super().startup(sockets)
        self._on_ready()

    async def main_loop(self) -> None:
        # uvicorn's own loop checks `should_exit` every 0.1 s; with one hundred sandboxes a test
        # run would wait ten seconds for that. `on_tick` updates the Date header.
        while not await self.on_tick(0):
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._stop_requested.wait(), 1)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        # uvicorn's own shutdown waits for open requests. A reply that a fault delays would block
        # the test that added the delay.
        loop = asyncio.get_running_loop()
        for server in self.servers:
            for accepting in server.sockets:
                # NotImplementedError: Windows, where a connection is complete when it is accepted.
                with contextlib.suppress(NotImplementedError):
                    loop.remove_reader(accepting)
        # A connection that was accepted just before is in `connections` two steps of the loop later.
        # asyncio would not close its socket if the server were closed before that.
        for _ in range(3):
            await asyncio.sleep(0)
        for server in self.servers:
            server.close()
        for listener in sockets or []:
            listener.close()
        for connection in list(self.server_state.connections):
            connection.transport.abort()
        tasks = list(self.server_state.tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        for server in self.servers:
            await server.wait_closed()


def build_app(sandbox: Sandbox) -> ASGIApp:
    """Build the whole ASGI application."""
    app = Starlette(
        routes=[
            *OAuth(sandbox).routes(),
            *Api(sandbox).routes(),
            *Uploads(sandbox).routes(),
            *pages.PublicPages(sandbox).routes(),
        ],
        exception_handlers={HttpError: send_error, HTTPException: _no_route},
    )
    # Rails does not redirect an address with a trailing slash.
    app.router.redirect_slashes = False
    return FaultMiddleware(app, sandbox)


async def _no_route(request: Request, error: Exception) -> Response:
    # Rails has no 405: a known path with another method is an unknown path.
    _ = error
    if request.url.path.startswith("/api/"):
        return json_error(request, 404, "Not found").reply
    return pages.not_found("This address does not exist.")


def _variables(sandbox: Sandbox) -> dict[str, str]:
    """Return the environment variables that a client needs."""
    application = sandbox.applications[0]
    return {
        "GYAZO_CLIENT_ID": application.client_id,
        "GYAZO_CLIENT_SECRET": application.client_secret,
        "GYAZO_REDIRECT_URI": sandbox.redirect_uris(application)[0],
        "GYAZO_AUTH_URL": sandbox.url,
        "GYAZO_API_URL": sandbox.url,
        "GYAZO_UPLOAD_URL": sandbox.url,
    }


def _listen(port: int) -> socket.socket:
    # The explicit IPPROTO_TCP makes asyncio disable Nagle's algorithm: 40 ms less for each reply.
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        if os.name == "posix":
            # On POSIX it allows a port that was closed a moment ago. On Windows it would allow to
            # take a port from another process.
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((HOST, port))
        listener.listen(2048)
    except BaseException:
        listener.close()
        raise
    return listener


class _ConnectionProtocol(H11Protocol):
    """uvicorn's HTTP protocol, which also passes its transport to the application.

    The application finds it in `scope["state"]`, the place that ASGI defines for shared state.
    """

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Add the transport to the shared state."""
        super().connection_made(transport)
        self.app_state = {"transport": transport}


class FaultMiddleware:
    """An ASGI middleware that records every request and applies the faults."""

    def __init__(self, app: ASGIApp, sandbox: Sandbox) -> None:
        self._app = app
        self._sandbox = sandbox

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, or apply the fault that matches it."""
        recording_send = self._recording(scope, send)
        fault = self._sandbox.take_fault(scope["method"], scope["path"])
        try:
            if fault is None:
                await self._app(scope, receive, recording_send)
            else:
                await self._apply(fault, scope, receive, recording_send)
        except (ClientDisconnect, asyncio.CancelledError):
            # The client has disconnected, or the server is stopping: no reply is needed.
            return

    async def _apply(self, fault: Fault, scope: Scope, receive: Receive, send: Send) -> None:
        if fault.cut == "request":
            await asyncio.sleep(fault.delay)
            self._record(scope, None)
            await _disconnect(scope, receive, flush=False)
            return
        app = self._app if fault.status is None else _error_app(fault, scope)
        messages: list[Message] = []

        async def collect(message: Message) -> None:
            messages.append(message)

        await app(scope, receive, collect)
        await asyncio.sleep(fault.delay)
        if fault.cut == "reply":
            messages = _first_half(messages)
        for message in messages:
            await send(message)
        if fault.cut == "reply":
            await _disconnect(scope, receive, flush=True)

    def _recording(self, scope: Scope, send: Send) -> Send:
        async def recording_send(message: Message) -> None:
            # Record before sending: a client that has the reply must find the request recorded.
            if message["type"] == "http.response.start":
                self._record(scope, message["status"])
            await send(message)

        return recording_send

    def _record(self, scope: Scope, status: int | None) -> None:
        headers = {
            name.decode("latin-1"): text.decode("latin-1") for name, text in scope["headers"]
        }
        length = headers.get("content-length", "")
        self._sandbox.record_request(
            RecordedRequest(
                method=scope["method"],
                path=scope["path"],
                query=scope["query_string"].decode("latin-1"),
                headers=headers,
                content_length=int(length) if length.isdecimal() else None,
                status=status,
            )
        )


def _error_app(fault: Fault, scope: Scope) -> ASGIApp:
    headers, body = fault.reply(scope["method"], scope["path"])
    reply = Response(body, fault.status or 500, headers)

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        # Read the whole body first. A client that is still sending would see a reset connection
        # and not the reply.
        while (await receive()).get("more_body"):
            pass
        await reply(scope, receive, send)

    return app


def _first_half(messages: list[Message]) -> list[Message]:
    """Return a reply that has the full Content-Length but only half of the body."""
    start = messages[0]
    body = b"".join(message.get("body", b"") for message in messages[1:])
    headers = [(name, text) for name, text in start["headers"] if name.lower() != b"content-length"]
    content_length = str(max(len(body), 2)).encode()
    return [
        {**start, "headers": [*headers, (b"content-length", content_length)]},
        {"type": "http.response.body", "body": body[: len(body) // 2], "more_body": True},
    ]


async def _disconnect(scope: Scope, receive: Receive, *, flush: bool) -> None:
    transport = cast("asyncio.Transport", scope["state"]["transport"])
    if flush:
        # The written bytes are sent first.
        transport.close()
    else:
        transport.abort()
    # Wait until uvicorn has seen the disconnect; it would log an unfinished reply otherwise.
    while (await receive())["type"] != "http.disconnect":
        pass
