"""The parts of an image, the other replies of Gyazo, and the functions that read single JSON values.

Guarantees: a value of an undocumented type is read as None, and never breaks the object around it. Only
`text`, `single_line`, `address`, `number`, `boolean` and `date` turn `Any` from JSON into types.

Source: https://gyazo.com/api/docs/image
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from math import isfinite
from typing import Any, Self

from gyazo_nb import html

from .operation import one_line


def text(value: Any) -> str | None:
    """Read a text. An empty text is None."""
    if not isinstance(value, str) or not value:
        return None
    if value.isascii():
        return value
    return value.encode("utf-8", "replace").decode()  # JSON may contain half a surrogate pair


def single_line(value: Any) -> str | None:
    """Read a text as one line, without line breaks and terminal control codes."""
    return one_line(text(value) or "") or None


def address(value: Any) -> str | None:
    """Read a web address. None for a text that cannot be one: too long, or with control codes."""
    url = text(value)
    return url if url and len(url) <= html.MAX_ADDRESS_LENGTH and one_line(url) == url else None


def number(value: Any) -> float | None:
    """Read a finite number. True and false are None, although Python counts them as numbers."""
    if not isinstance(value, int | float) or isinstance(value, bool):
        return None
    try:
        return float(value) if isfinite(value) else None
    except OverflowError:  # an integer that is too large for a float
        return None


def boolean(value: Any) -> bool | None:
    """Read true or false."""
    return value if isinstance(value, bool) else None


def date(value: Any) -> datetime | None:
    """Read a date in any of the four formats that Gyazo sends. Another format is None.

    A date without a time zone gets UTC: Python compares two dates only if both have a time zone.
    """
    try:
        moment = datetime.fromisoformat(value)
    except (TypeError, ValueError):
        return None
    return moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)


def page_url(page: str | None, picture: str | None) -> str | None:
    """Return the address of the page of an image. The page of a team's image is at the team's host.

    For these images the API names a page at gyazo.com, which does not exist. The address of the picture
    contains the name of the team.
    """
    team = re.fullmatch(r"https://t\.gyazo\.com/teams/([A-Za-z0-9-]+)/[^/]+", picture or "")
    path = re.match(r"https?://(?:www\.)?gyazo\.com(/[^?#]*)", page or "")
    return f"https://{team[1]}.gyazo.com{path[1]}" if team and path else page


@dataclass(frozen=True, slots=True)
class Metadata:
    """The metadata of an image, mostly about its origin.

    `original_title` and `original_url` are part of search results. `exif_address` is a text, or a mapping
    by language. `links` are tags.
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
        """Read `metadata`, which may be missing."""
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
    """The text that Gyazo recognized in a picture, and its language. It appears after the upload."""

    locale: str | None = None
    description: str | None = None

    @classmethod
    def from_json(cls, data: Any) -> Self:
        """Read `ocr`, which may be missing, null, or full of nulls."""
        data = data if isinstance(data, dict) else {}
        return cls(text(data.get("locale")), text(data.get("description")))


@dataclass(frozen=True, slots=True)
class Location:
    """The place where a photograph was taken, in degrees."""

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
    """An object that Gyazo recognized in a picture. `score` is the confidence, from 0 to 1."""

    name: str
    name_ja: str | None = None
    score: float | None = None

    @classmethod
    def all_from_json(cls, data: Any) -> tuple[Self, ...]:
        """Read `localizedObjectAnnotations`."""
        if not isinstance(data, list):
            return ()
        return tuple(
            cls(name, text(entry.get("name_ja")), number(entry.get("score")))
            for entry in data
            if isinstance(entry, dict) and (name := text(entry.get("name")))
        )


@dataclass(frozen=True, slots=True)
class User:
    """A Gyazo user. `name` may be empty; `uid` identifies the account.

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
        uid = user.pop("uid")
        # An empty id is an error, since it could match another account.
        if not isinstance(uid, str | int) or not str(uid) or not str(uid).isprintable():
            raise ValueError("a user without an id")
        picture = address(user.pop("profile_image", None))
        if picture and picture.startswith("//"):  # real replies contain protocol-relative URLs
            picture = f"https:{picture}"
        return cls(
            uid=str(uid),
            name=single_line(user.pop("name", None)) or "",
            email=single_line(user.pop("email", None)) or "",
            profile_image=picture,
            is_pro=boolean(user.pop("is_pro", None)),
            is_team=boolean(user.pop("is_team", None)),
            extra=user,
        )

    @property
    def called(self) -> str:
        """The name without the email address, for notebooks that others will read."""
        return self.name or self.email or self.uid

    def __str__(self) -> str:
        return f"{self.name} ({self.email})" if self.name and self.email else self.called


@dataclass(frozen=True, slots=True)
class EasyUpload:
    """An uploaded picture without an owner: open `url` in a browser that is signed in to Gyazo.

    The first account that opens the link becomes the owner. The link expires at `expires_at`.
    Source: https://gyazo.com/api/docs/image#easy_auth
    """

    url: str
    expires_at: datetime | None = None
    extra: Mapping[str, Any] = field(default_factory=dict, repr=False, hash=False)

    @classmethod
    def from_json(cls, data: Any) -> Self:
        """Read `{"get_image_url": …, "expires_at": Unix seconds}`."""
        rest = dict(data)
        url = address(rest.pop("get_image_url"))
        if url is None or not html.web_address(url):
            raise ValueError("get_image_url is not a web address")
        seconds, expires_at = number(rest.pop("expires_at", None)), None
        with suppress(OverflowError, ValueError, OSError):  # out of the range of `datetime`
            expires_at = None if seconds is None else datetime.fromtimestamp(seconds, UTC)
        return cls(url, expires_at, rest)

    def __str__(self) -> str:
        return (
            f"Open this link in your browser to make the picture yours{self._until()}: {self.url}"
        )

    def _until(self) -> str:
        with suppress(OverflowError):  # the year 10000 in the time zone of the user
            if self.expires_at is not None:
                return f" (until {self.expires_at.astimezone():%Y-%m-%d %H:%M})"
        return ""

    def _repr_html_(self) -> str:
        title = f"Open this link to make the picture yours{self._until()}"
        return html.image_card(picture="", link=self.url, title=title, details=[])


@dataclass(frozen=True, slots=True)
class Embed:
    """The data to embed a picture in a web page: its address and its size in pixels.

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
        """Read the reply to an oEmbed call."""
        rest = dict(data)
        url = address(rest.pop("url"))
        if url is None:
            raise ValueError("an oEmbed reply without an address")
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
            picture=self.url, link=self.url, title="", details=[size] if size else []
        )
