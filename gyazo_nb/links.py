"""What Gyazo gives to be opened or shown elsewhere: a link to claim a picture, and an embedding.

The law: that of `models`: tolerant in what is read, and escaped before it meets HTML.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Self

from . import cards
from .fields import number, text


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
        if url is None or not cards.web_address(url):
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
        return cards.link_card(self.url, "Open this link to make the picture yours", self._until())


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
        return cards.image_card(
            picture=self.url, link=self.url, title="", details=size, notations={}
        )
