"""What a caller gives, as the API wants it.

The law: what cannot be right is an `ArgumentError` that says what would be, before anything is sent; and
nothing is guessed, since "false" counts as true in Python.
"""

from __future__ import annotations

import contextlib
import math
import re
from datetime import datetime
from typing import Any

from .errors import ArgumentError
from .models import Image


def id_of(image: str | Image) -> str:
    """Take an image's id, or find it at the end of its page's or picture's address."""
    text = image.image_id if isinstance(image, Image) else str(image)
    match = re.fullmatch(
        r"(?:https?://[^/?#]+/(?:teams/[^/?#]+/)?)?([0-9A-Za-z_-]+)(?:\.\w+)?/?(?:[?#].*)?",
        text.strip(),
    )
    if not match or not isinstance(image, str | Image):
        raise ArgumentError(
            f"{text[:80]!r} is no image id: give the 32 characters at the end of its URL."
        )
    return match[1]


def word(value: Any) -> str:
    """True or false as the API spells them. A text is neither: "false" would count as true."""
    if isinstance(value, bool) or type(value).__name__ in {"bool_", "bool"}:  # numpy's too
        return "true" if value else "false"
    raise ArgumentError("metadata_is_public must be True or False.")


def seconds(moment: Any) -> str:
    """Unix seconds as the API wants them. A time without a zone is the local one, as in Python."""
    with contextlib.suppress(TypeError, ValueError, OverflowError):
        seconds = moment.timestamp() if isinstance(moment, datetime) else float(moment)
        if math.isfinite(seconds) and not isinstance(moment, str):
            return repr(seconds)
    raise ArgumentError("created_at must be a datetime or Unix seconds.")


def must_be_in_range(name: str, value: Any, low: int, high: int | None) -> None:
    """Refuse what is no whole number, or one that the service does not take."""
    if (
        isinstance(value, bool)
        or not isinstance(value, int)
        or value < low
        or (high and value > high)
    ):
        raise ArgumentError(
            f"{name} must be a whole number from {low}{f' to {high}' if high else ''}."
        )


def must_be_text(name: str, value: Any, *, needed: bool = False) -> None:
    """Refuse what no form can carry: a number, a date, half a character."""
    try:
        if (value is None and not needed) or value.encode("utf-8") is not None:
            return
    except (AttributeError, UnicodeEncodeError):
        raise ArgumentError(f"{name} must be a text, not {type(value).__name__}.") from None
