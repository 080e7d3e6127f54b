"""Search: plain words over the texts of a picture, and Gyazo's operators.

The law: a query is read once into conditions, and a picture is found when it meets them all.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, date, datetime

from .album import Image

Condition = Callable[[Image], bool]

_TERM = re.compile(r'(?:(title|app|url|since|until):)?(?:"([^"]*)"|(\S+))', re.IGNORECASE)
_FIELDS = {"title": "title", "app": "app", "url": "referer_url"}


def conditions(query: str) -> list[Condition]:
    """Read a query such as ``loss title:"Figure 2" since:2026-01-31``."""
    return [_condition(operator.lower(), a or b) for operator, a, b in _TERM.findall(query)]


def _condition(operator: str, text: str) -> Condition:
    if operator in _FIELDS:
        return lambda image: _holds(text, image.fields.get(_FIELDS[operator], ""))
    if operator in {"since", "until"} and (day := _day(text)):
        if operator == "since":
            return lambda image: _taken(image) >= day
        return lambda image: _taken(image) <= day
    return lambda image: _holds(text, _texts(image))


def _texts(image: Image) -> str:
    ocr = (image.ocr or {}).get("description") or ""
    texts = (image.fields.get(name, "") for name in ("title", "desc", "app"))
    return "\n".join([*texts, ocr])


def _holds(needle: str, hay: str) -> bool:
    return needle.casefold() in hay.casefold()


def _day(text: str) -> date | None:
    try:
        return date.fromisoformat(text)
    except ValueError:
        return None


def _taken(image: Image) -> date:
    return datetime.fromtimestamp(image.created_at, UTC).date()
