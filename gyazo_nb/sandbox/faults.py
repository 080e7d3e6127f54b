"""Faults: error replies, late replies and broken connections that a test adds.

Guarantees: a fault is a plain value. It says which requests it matches and what happens to them.
The sandbox takes it from its queue, and the fault middleware of the server applies it.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any, Literal


@dataclass(slots=True)
class Fault:
    """What happens to the next requests that match.

    Without a *status* the sandbox processes the request and sends the usual reply, but after
    *delay* seconds, or cut. So a client can lose the reply to an upload that was stored.
    ``cut="reply"`` closes the connection in the middle of the reply, ``cut="request"`` before the
    request is read. *path* is the beginning of a path.
    """

    status: int | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes | str | Mapping[str, Any] | list[Any] | None = None
    path: str = "/"
    method: str | None = None
    times: int = 1
    delay: float = 0.0
    cut: Literal["reply", "request"] | None = None

    def matches(self, method: str, path: str) -> bool:
        """Whether the fault applies to this request."""
        return path.startswith(self.path) and self.method in {None, method}

    def reply(self, method: str, path: str) -> tuple[dict[str, str], bytes]:
        """Return the headers and the body of the error reply."""
        body = self.body
        if body is None:
            body = {"message": _reason_phrase(self.status), "request": path, "method": method}
        content_type, data = _encode(body)
        headers = {"content-type": content_type}
        headers |= {name.lower(): value for name, value in self.headers.items()}
        return headers, data


def _encode(body: bytes | str | Mapping[str, Any] | list[Any]) -> tuple[str, bytes]:
    match body:
        case bytes():
            return "application/octet-stream", body
        case str():
            return "text/plain; charset=utf-8", body.encode()
        case _:
            return "application/json; charset=utf-8", json.dumps(body).encode()


def _reason_phrase(status: int | None) -> str:
    try:
        return HTTPStatus(status or 0).phrase
    except ValueError:
        return "Something went wrong"
