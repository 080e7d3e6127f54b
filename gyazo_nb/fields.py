"""The parts of an image, and how single values of Gyazo's JSON are read.

The law: a value of another kind than the documented one is no value. It never breaks the reading of
the image around it, and `text`, `line`, `number` and `date` are the only places where JSON's `Any` ends.
Source: https://gyazo.com/api/docs/image
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from math import isfinite
from typing import Any, Self
from urllib.parse import urlsplit, urlunsplit


def text(value: Any) -> str | None:
    """A text that says something; an empty one is none."""
    if not isinstance(value, str) or not value:
        return None
    if value.isascii():
        return value
    return value.encode("utf-8", "replace").decode()  # JSON may hold half a character


def line(value: Any) -> str | None:
    """A text that is printed in the middle of a line: without ends of lines and a terminal's codes."""
    words = re.sub(r"[\x00-\x1f\x7f-\x9f\s]+", " ", text(value) or "").strip()
    return words or None


def number(value: Any) -> float | None:
    """A number. True and false are none, though Python counts with them; nor is infinity."""
    if not isinstance(value, int | float) or isinstance(value, bool):
        return None
    try:
        return float(value) if isfinite(value) else None
    except OverflowError:  # a whole number that is no float
        return None


def flag(value: Any) -> bool | None:
    """True or false, where it is said."""
    return value if isinstance(value, bool) else None


def date(value: Any) -> datetime | None:
    """Read any of the four forms that Gyazo has been seen to send. Another form is no date."""
    try:
        return datetime.fromisoformat(value)
    except (TypeError, ValueError):
        return None


def page_address(page: str | None, picture: str | None) -> str | None:
    """Give the address of an image's page; for a team's image the team's own.

    The API names gyazo.com for these too, where there is nothing; the picture's address has the team.
    """
    team = re.fullmatch(r"https://t\.gyazo\.com/teams/([A-Za-z0-9-]+)/[^/]+", picture or "")
    if not team:
        return page
    try:
        at = urlsplit(page or "")
    except ValueError:
        return page
    if at.hostname not in {"gyazo.com", "www.gyazo.com"}:
        return page
    return urlunsplit(("https", f"{team[1]}.gyazo.com", at.path, "", ""))


@dataclass(frozen=True, slots=True)
class Metadata:
    """What an image says about where it came from.

    `original_title` and `original_url` come with a search; `exif_address` is a text, or a mapping by
    language; `links` are tags.
    """

    app: str | None = None
    title: str | None = None
    url: str | None = None
    desc: str | None = None
    original_title: str | None = None
    original_url: str | None = None
    exif_address: str | Mapping[str, Any] | None = field(default=None, hash=False)
    links: tuple[str, ...] = ()
    extra: Mapping[str, Any] = field(default_factory=dict, repr=False, hash=False)

    @classmethod
    def from_json(cls, data: Any) -> Self:
        """Read `metadata`, which may be missing altogether."""
        rest = dict(data) if isinstance(data, dict) else {}
        names = ("app", "title", "url", "desc", "original_title", "original_url")
        known = {name: text(rest.pop(name, None)) for name in names}
        address, links = rest.pop("exif_address", None), rest.pop("links", None)
        return cls(
            **known,
            exif_address=address if isinstance(address, dict) else text(address),
            links=tuple(str(link) for link in links) if isinstance(links, list) else (),
            extra=rest,
        )


@dataclass(frozen=True, slots=True)
class Ocr:
    """The text that Gyazo read in a picture, and its language. It is filled in after the upload."""

    locale: str | None = None
    description: str | None = None

    @classmethod
    def from_json(cls, data: Any) -> Self:
        """Read `ocr`, which may be missing, null, or full of nulls."""
        data = data if isinstance(data, dict) else {}
        return cls(text(data.get("locale")), text(data.get("description")))


@dataclass(frozen=True, slots=True)
class Location:
    """Where a photograph was taken, in degrees."""

    latitude: float
    longitude: float

    @classmethod
    def from_json(cls, data: Any) -> Self | None:
        """Read `exif_normalized`."""
        data = data if isinstance(data, dict) else {}
        latitude, longitude = number(data.get("latitude")), number(data.get("longitude"))
        return None if latitude is None or longitude is None else cls(latitude, longitude)


@dataclass(frozen=True, slots=True)
class Annotation:
    """A thing that was recognised in a picture, and how surely: `score` goes from 0 to 1."""

    name: str
    name_ja: str | None = None
    score: float | None = None

    @classmethod
    def all_from_json(cls, data: Any) -> tuple[Self, ...]:
        """Read `localizedObjectAnnotations`."""
        entries = (
            [entry for entry in data if isinstance(entry, dict)] if isinstance(data, list) else []
        )
        return tuple(
            cls(name, text(entry.get("name_ja")), number(entry.get("score")))
            for entry in entries
            if (name := text(entry.get("name")))
        )
