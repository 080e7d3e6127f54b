"""Serving the sandbox: on loopback, from a thread, until it is closed.

The law: 127.0.0.1 and nothing else; ready when `serve` returns; gone without a trace, socket and
thread alike, when `close` does.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
import threading
from collections.abc import Callable
from types import TracebackType
from typing import Self

import uvicorn
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from . import pages
from .answers import RefusedError, problem, refuse
from .api import Api
from .door import Connection, Door
from .oauth import OAuth
from .sights import Sights
from .state import Sandbox
from .uploads import Uploads

HOST = "127.0.0.1"
_PATIENCE = 10.0


def serve(sandbox: Sandbox | None = None, *, port: int = 0) -> Server:
    """Serve a sandbox and return when it answers; port 0 takes a free one.

    Raises OSError when the port is taken.
    """
    return Server(Sandbox() if sandbox is None else sandbox, port)


class Server:
    """A sandbox being served. Close it, or use it in a `with`."""

    def __init__(self, sandbox: Sandbox, port: int = 0) -> None:
        if sandbox.url:
            raise RuntimeError("This sandbox is being served already.")
        # The port must be known before the first request: it is in the registered redirect URI.
        listener = _listen(port)
        self.sandbox = sandbox
        self.url = sandbox.url = f"http://{HOST}:{listener.getsockname()[1]}"
        self.variables = _variables(sandbox)
        self._ready = threading.Event()
        self._trouble: BaseException | None = None
        self._uvicorn = _Uvicorn(build(sandbox), self._ready.set)
        self._thread = threading.Thread(
            target=self._run, args=[listener], name="gyazo-sandbox", daemon=True
        )
        self._thread.start()
        self._ready.wait(_PATIENCE)
        if not self._uvicorn.started:
            self.close()
            raise RuntimeError("The sandbox did not start.") from self._trouble

    def close(self) -> None:
        """Stop at once, open connections and all; a second time does nothing."""
        self._uvicorn.stop()
        self._thread.join(_PATIENCE)
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
            # A loop of its own kind, whatever the notebook has done to asyncio.run.
            with (
                listener,
                asyncio.Runner(loop_factory=asyncio.new_event_loop) as runner,
            ):
                runner.run(self._uvicorn.serve(sockets=[listener]))
        except BaseException as error:  # noqa: BLE001 (told to whoever waits in __init__)
            self._trouble = error
        finally:
            self._ready.set()


class _Uvicorn(uvicorn.Server):
    """uvicorn, which says when it is ready and does not wait for anybody when it ends."""

    def __init__(self, app: Door, ready: Callable[[], None]) -> None:
        super().__init__(
            uvicorn.Config(
                app,
                http=Connection,
                ws="none",
                lifespan="off",
                interface="asgi3",
                loop="asyncio",
                log_config=None,
                log_level="error",
                access_log=False,  # it would print codes
                proxy_headers=False,
                server_header=False,
            )
        )
        self._ready = ready
        self._loop: asyncio.AbstractEventLoop | None = None
        self._over = asyncio.Event()

    def stop(self) -> None:
        """End the main loop; from any thread, at any time."""
        self.should_exit = True
        if self._loop is not None:
            with contextlib.suppress(RuntimeError):  # the loop is closed already
                self._loop.call_soon_threadsafe(self._over.set)

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        self._loop = asyncio.get_running_loop()
        await super().startup(sockets)
        self._ready()

    async def main_loop(self) -> None:
        # uvicorn's own looks ten times a second whether it is over; a test that serves a hundred
        # sandboxes would wait ten seconds for that. The tick keeps the Date header.
        while not await self.on_tick(0):
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._over.wait(), 1)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        # Not uvicorn's own, which lets every connection finish: a slow answer that was ordered
        # would hold up the test that ordered it.
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


def build(sandbox: Sandbox) -> Door:
    """Put the whole application together."""
    app = Starlette(
        routes=[
            *OAuth(sandbox).routes(),
            *Api(sandbox).routes(),
            *Uploads(sandbox).routes(),
            *Sights(sandbox).routes(),
        ],
        exception_handlers={RefusedError: refuse, HTTPException: _unrouted},
    )
    # Rails knows no second address for the same thing.
    app.router.redirect_slashes = False
    return Door(app, sandbox)


async def _unrouted(request: Request, error: Exception) -> Response:
    # Rails has no 405: a path with another method is a path that does not exist.
    _ = error
    if request.url.path.startswith("/api/"):
        return problem(request, 404, "Not found").answer
    return pages.not_found("There is nothing at this address.")


def _variables(sandbox: Sandbox) -> dict[str, str]:
    """Return what a client needs to know, by the names of its environment variables."""
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
    # TCP by name: asyncio switches off Nagle's delay, 40 ms an answer, only where it reads that.
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        if os.name == "posix":
            # A port that was just left may be taken again; on Windows the option means theft.
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((HOST, port))
        listener.listen(2048)
    except BaseException:
        listener.close()
        raise
    return listener
