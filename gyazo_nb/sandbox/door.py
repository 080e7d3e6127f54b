"""The door of the sandbox: what comes in is noted, and trouble on order is made here.

The law: only the door knows connections, and a cut is a real one. The TCP connection is closed
under the client's hands, which is why the protocol below hands its transport to the door.
"""

from __future__ import annotations

import asyncio
from typing import cast

from starlette.requests import ClientDisconnect
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from uvicorn.protocols.http.h11_impl import H11Protocol

from .faults import Fault
from .state import Asked, Sandbox


class Connection(H11Protocol):
    """uvicorn's protocol, which lets the application see its connection.

    ASGI has a place for what a server shares with its applications, `scope["state"]`.
    """

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Put the connection where the door finds it."""
        super().connection_made(transport)
        self.app_state = {"transport": transport}


class Door:
    """An ASGI application in front of the real one."""

    def __init__(self, app: ASGIApp, sandbox: Sandbox) -> None:
        self._app = app
        self._sandbox = sandbox

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let a request through, or do to it what was ordered."""
        noting = self._noting(scope, send)
        fault = self._sandbox.take_fault(scope["method"], scope["path"])
        try:
            if fault is None:
                await self._app(scope, receive, noting)
            else:
                await self._disturb(fault, scope, receive, noting)
        except (ClientDisconnect, asyncio.CancelledError):
            # Nobody waits for an answer: the client went away, or the sandbox is closing.
            return

    async def _disturb(self, fault: Fault, scope: Scope, receive: Receive, send: Send) -> None:
        if fault.cut == "request":
            await asyncio.sleep(fault.delay)
            self._note(scope, None)
            await _hang_up(scope, receive, at_once=True)
            return
        app = self._app if fault.status is None else _failing(fault, scope)
        messages: list[Message] = []

        async def keep(message: Message) -> None:
            messages.append(message)

        await app(scope, receive, keep)
        await asyncio.sleep(fault.delay)
        if fault.cut == "reply":
            messages = _half(messages)
        for message in messages:
            await send(message)
        if fault.cut == "reply":
            await _hang_up(scope, receive, at_once=False)

    def _noting(self, scope: Scope, send: Send) -> Send:
        async def noting(message: Message) -> None:
            # Before the answer leaves: whoever has it finds the request noted.
            if message["type"] == "http.response.start":
                self._note(scope, message["status"])
            await send(message)

        return noting

    def _note(self, scope: Scope, status: int | None) -> None:
        headers = {
            name.decode("latin-1"): text.decode("latin-1") for name, text in scope["headers"]
        }
        length = headers.get("content-length", "")
        self._sandbox.note(
            Asked(
                method=scope["method"],
                path=scope["path"],
                query=scope["query_string"].decode("latin-1"),
                headers=headers,
                content_length=int(length) if length.isdecimal() else None,
                status=status,
            )
        )


def _failing(fault: Fault, scope: Scope) -> ASGIApp:
    headers, body = fault.answer(scope["method"], scope["path"])
    answer = Response(body, fault.status or 500, headers)

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        # Read to the end first, or a client that still writes would see a reset, not the answer.
        while (await receive()).get("more_body"):
            pass
        await answer(scope, receive, send)

    return app


def _half(messages: list[Message]) -> list[Message]:
    """Return the beginning of an answer that promises more than it brings."""
    start = messages[0]
    body = b"".join(message.get("body", b"") for message in messages[1:])
    headers = [(name, text) for name, text in start["headers"] if name.lower() != b"content-length"]
    promised = str(max(len(body), 2)).encode()
    return [
        {**start, "headers": [*headers, (b"content-length", promised)]},
        {"type": "http.response.body", "body": body[: len(body) // 2], "more_body": True},
    ]


async def _hang_up(scope: Scope, receive: Receive, *, at_once: bool) -> None:
    transport = cast("asyncio.Transport", scope["state"]["transport"])
    if at_once:
        transport.abort()
    else:
        transport.close()  # what was written leaves first
    # uvicorn must have seen the end, or it would complain about an answer never finished.
    while (await receive())["type"] != "http.disconnect":
        pass
