"""The parts of an image, and how single values of Gyazo's JSON are read.

The law: a value of another kind than the documented one is no value. It never breaks the reading of
the image around it, and `text`, `line`, `number` and `date` are the only places where JSON's `Any` ends.
Source: https://gyazo.com/api/docs/image
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from math import isfinite
from typing import Any, Self
from urllib.parse import urlsplit, urlunsplit

from gyazo_nb import html


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
        address, links = rest.pop("exif_address", None), rest.pop("links", None)
        return cls(
            app=text(rest.pop("app", None)),
            title=text(rest.pop("title", None)),
            url=text(rest.pop("url", None)),
            desc=text(rest.pop("desc", None)),
            original_title=text(rest.pop("original_title", None)),
            original_url=text(rest.pop("original_url", None)),
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
        found = []
        for entry in data if isinstance(data, list) else ():
            if isinstance(entry, dict) and (name := text(entry.get("name"))):
                found.append(cls(name, text(entry.get("name_ja")), number(entry.get("score"))))
        return tuple(found)


@dataclass(frozen=True, slots=True)
class User:
    """An account. `name` may be empty; `uid` tells accounts apart.

    Source: https://gyazo.com/api/docs/user
    """

    uid: str
    name: str
    email: str
    profile_image: str | None = None
    is_pro: bool | None = None
    is_team: bool | None = None
    extra: Mapping[str, Any] = field(default_factory=dict, repr=False, hash=False)

    @classmethod
    def from_json(cls, data: Any) -> Self:
        """Read `{"user": {…}}`."""
        user = dict(data["user"])
        picture = text(user.pop("profile_image", None))
        if picture and picture.startswith("//"):  # seen in the wild: protocol-relative
            picture = f"https:{picture}"
        return cls(
            uid=_identity(user.pop("uid")),
            name=line(user.pop("name", None)) or "",
            email=line(user.pop("email", None)) or "",
            profile_image=picture,
            is_pro=flag(user.pop("is_pro", None)),
            is_team=flag(user.pop("is_team", None)),
            extra=user,
        )

    @property
    def called(self) -> str:
        """The name alone, to stand in a notebook that other people will read."""
        return self.name or self.email or self.uid

    def __str__(self) -> str:
        if self.name and self.email:
            return f"{self.name} ({self.email})"
        return self.name or self.email or self.uid


def _identity(value: Any) -> str:
    """What tells accounts apart: an id that says nothing is no id."""
    if isinstance(value, str | int) and str(value):
        return str(value)
    raise ValueError("a user without an id")


@dataclass(frozen=True, slots=True)
class EasyUpload:
    """A picture that waits for its owner: open `url` in a browser that is signed in to Gyazo.

    Until then it belongs to nobody; after `expires_at` it is gone. Whoever opens the link first has it.
    Source: https://gyazo.com/api/docs/image#easy_auth
    """

    url: str
    expires_at: datetime | None = None
    extra: Mapping[str, Any] = field(default_factory=dict, repr=False, hash=False)

    @classmethod
    def from_json(cls, data: Any) -> Self:
        """Read `{"get_image_url": …, "expires_at": Unix seconds}`."""
        rest = dict(data)
        url = text(rest.pop("get_image_url"))
        if url is None or not html.web_address(url):
            raise ValueError("get_image_url is no address")
        seconds = number(rest.pop("expires_at", None))
        return cls(url, _moment(seconds), rest)

    def __str__(self) -> str:
        return (
            f"Open this link in your browser to make the picture yours{self._until()}: {self.url}"
        )

    def _until(self) -> str:
        # In the reader's own time zone: it is a person who has to hurry.
        return f" (until {self.expires_at.astimezone():%Y-%m-%d %H:%M})" if self.expires_at else ""

    def _repr_html_(self) -> str:
        return html.link_card(self.url, "Open this link to make the picture yours", self._until())


def _moment(seconds: float | None) -> datetime | None:
    """A moment, unless the number is none that a calendar has."""
    try:
        return None if seconds is None else datetime.fromtimestamp(seconds, UTC)
    except (OverflowError, ValueError, OSError):
        return None


@dataclass(frozen=True, slots=True)
class Embed:
    """What another page needs to embed a picture: its address and size in pixels.

    Source: https://gyazo.com/api/docs/image#oembed, https://oembed.com
    """

    url: str
    width: int | None = None
    height: int | None = None
    type: str | None = None
    version: str | None = None
    provider_name: str | None = None
    provider_url: str | None = None
    extra: Mapping[str, Any] = field(default_factory=dict, repr=False, hash=False)

    @classmethod
    def from_json(cls, data: Any) -> Self:
        """Read an answer of the oEmbed call."""
        rest = dict(data)
        url = text(rest.pop("url"))
        if url is None:
            raise ValueError("an embedding without an address")
        width, height = (number(rest.pop(name, None)) for name in ("width", "height"))
        return cls(
            url=url,
            width=None if width is None else int(width),
            height=None if height is None else int(height),
            type=text(rest.pop("type", None)),
            version=text(str(rest.pop("version", None) or "")),
            provider_name=text(rest.pop("provider_name", None)),
            provider_url=text(rest.pop("provider_url", None)),
            extra=rest,
        )

    def _repr_html_(self) -> str:
        size = f"{self.width} by {self.height} pixels" if self.width and self.height else ""
        return html.image_card(
            picture=self.url, link=self.url, title="", details=size, notations={}
        )
