"""Trouble on order: an answer that fails, comes late, or breaks off.

The law: a fault is a value. It says which requests it is for and what happens to them; taking it
from the queue is the sandbox's business, carrying it out is the door's.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any, Literal


@dataclass(slots=True)
class Fault:
    """What happens to the next requests that fit.

    Without a *status* the sandbox does what was asked and answers as ever, but after *delay*
    seconds, or with the answer cut: so a client meets an upload that arrived and was never
    confirmed. ``cut="reply"`` closes the connection in the middle of the answer,
    ``cut="request"`` before the request is read. *path* is the beginning of a path.
    """

    status: int | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes | str | Mapping[str, Any] | list[Any] | None = None
    path: str = "/"
    method: str | None = None
    times: int = 1
    delay: float = 0.0
    cut: Literal["reply", "request"] | None = None

    def fits(self, method: str, path: str) -> bool:
        """Whether this request is one that the fault waits for."""
        return path.startswith(self.path) and self.method in {None, method}

    def answer(self, method: str, path: str) -> tuple[dict[str, str], bytes]:
        """Return the headers and the body of the failing answer."""
        body = self.body
        if body is None:
            body = {"message": _phrase(self.status), "request": path, "method": method}
        kind, data = _encoded(body)
        headers = {"content-type": kind}
        headers |= {name.lower(): value for name, value in self.headers.items()}
        return headers, data


def _encoded(body: bytes | str | Mapping[str, Any] | list[Any]) -> tuple[str, bytes]:
    match body:
        case bytes():
            return "application/octet-stream", body
        case str():
            return "text/plain; charset=utf-8", body.encode()
        case _:
            return "application/json; charset=utf-8", json.dumps(body).encode()


def _phrase(status: int | None) -> str:
    try:
        return HTTPStatus(status or 0).phrase
    except ValueError:
        return "Something went wrong"
