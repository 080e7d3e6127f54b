"""Parameters, wherever a client put them: query, form, multipart or JSON.

The law: everything stays in memory. Pictures are kept there anyway, and a file that spools to
disk costs a thread for each piece.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from urllib.parse import parse_qsl

from python_multipart.multipart import parse_options_header
from starlette.datastructures import UploadFile
from starlette.formparsers import MultiPartException, MultiPartParser
from starlette.requests import Request

_NO_LIMIT = 1 << 40


class UnreadableError(Exception):
    """The body is not what its Content-Type says."""


@dataclass(frozen=True, slots=True)
class Form:
    """Texts and files by name; a text in the body wins over the same name in the query."""

    texts: dict[str, str] = field(default_factory=dict)
    files: dict[str, bytes] = field(default_factory=dict)

    def get(self, name: str) -> str | None:
        """Return a text; an empty one counts as left out, as in Rails' `blank?`."""
        text = self.texts.get(name, "")
        return text if text.strip() else None


class _InMemory(MultiPartParser):
    spool_max_size = _NO_LIMIT


async def read_form(request: Request) -> Form:
    """Read the parameters of a request."""
    form = Form(dict(request.query_params))
    kind, _ = parse_options_header(request.headers.get("content-type"))
    match kind:
        case b"multipart/form-data":
            await _read_multipart(request, form)
        case b"application/x-www-form-urlencoded":
            text = (await request.body()).decode("utf-8", "replace")
            form.texts.update(parse_qsl(text, keep_blank_values=True))
        case b"application/json":
            form.texts.update(await _read_json(request))
        case _:
            await request.body()
    return form


async def _read_multipart(request: Request, form: Form) -> None:
    parser = _InMemory(request.headers, request.stream(), max_part_size=_NO_LIMIT)
    try:
        parts = await parser.parse()
    except MultiPartException as error:
        raise UnreadableError(error.message) from error
    for name, part in parts.multi_items():
        if isinstance(part, UploadFile):
            form.files[name] = await part.read()
            await part.close()
        else:
            form.texts[name] = part


async def _read_json(request: Request) -> dict[str, str]:
    body = await request.body()
    try:
        values = json.loads(body or b"{}")
    except ValueError as error:
        raise UnreadableError("The body is no JSON.") from error
    if not isinstance(values, dict):
        raise UnreadableError("The body is no JSON object.")
    return {str(name): str(value) for name, value in values.items() if value is not None}
