"""What Gyazo sends back, as values: `Image`, `Page`, `User`, `Token`, `Deleted`.

The law: tolerant in what is read, exact in what is given. A field that is null, empty or missing is
one and the same `None`; a field that nobody documented stays reachable in `extra`; a reply that is
no such thing at all raises `ValueError`, `TypeError` or `KeyError` for `Operation.read` to translate.
Source: https://gyazo.com/api/docs/image
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from types import MappingProxyType
from typing import Any, Self, overload

from . import cards
from .secret import Secret


@dataclass(frozen=True, slots=True)
class Token:
    """An access token. It carries no expiry: a token of Gyazo lives until it is deleted."""

    access_token: Secret
    scope: str = ""

    @classmethod
    def from_json(cls, data: Any) -> Self:
        """Read the answer of the token endpoint (RFC 6749 §5.1). Unknown keys are ignored."""
        text = data["access_token"]
        if not isinstance(text, str) or not text.isascii() or not text.isprintable() or " " in text:
            raise ValueError("access_token is no token")
        if not text or str(data.get("token_type") or "bearer").lower() != "bearer":
            # RFC 6749 §7.1: a token of an unknown type must not be used.
            raise ValueError("token_type is not bearer")
        return cls(Secret(text), _text(data.get("scope")) or "")


@dataclass(frozen=True, slots=True)
class User:
    """An account. `name` may be empty; `uid` tells accounts apart.

    Source: https://gyazo.com/api/docs/user
    """

    uid: str
    name: str
    email: str
    profile_image: str | None = None
    extra: Mapping[str, Any] = field(default_factory=dict, repr=False, hash=False)

    @classmethod
    def from_json(cls, data: Any) -> Self:
        """Read `{"user": {…}}`."""
        user = dict(data["user"])
        picture = _text(user.pop("profile_image", None))
        if picture and picture.startswith("//"):  # seen in the wild: protocol-relative
            picture = f"https:{picture}"
        return cls(
            uid=str(user.pop("uid")),
            name=_text(user.pop("name", None)) or "",
            email=_text(user.pop("email", None)) or "",
            profile_image=picture,
            extra=MappingProxyType(user),
        )

    def __str__(self) -> str:
        if self.name and self.email:
            return f"{self.name} ({self.email})"
        return self.name or self.email or self.uid


@dataclass(frozen=True, slots=True)
class Metadata:
    """What an image says about where it came from."""

    app: str | None = None
    title: str | None = None
    url: str | None = None
    desc: str | None = None
    extra: Mapping[str, Any] = field(default_factory=dict, repr=False, hash=False)

    @classmethod
    def from_json(cls, data: Any) -> Self:
        """Read `metadata`, which may be missing altogether."""
        rest = dict(data) if isinstance(data, dict) else {}
        known = {name: _text(rest.pop(name, None)) for name in ("app", "title", "url", "desc")}
        return cls(**known, extra=MappingProxyType(rest))


@dataclass(frozen=True, slots=True, repr=False)
class Image:
    """One image on Gyazo. In a notebook it shows itself as a card.

    `image_id` is empty for a locked entry (older images on a free plan), see `locked`. `url` is the
    picture itself, `permalink_url` its page, `thumb_url` a small version. `created_at` has its own
    time zone. `extra` holds every field that is not named here.
    """

    image_id: str
    permalink_url: str | None = None
    thumb_url: str | None = None
    url: str | None = None
    type: str | None = None
    created_at: datetime | None = None
    access_policy: str | None = None
    alt_text: str | None = None
    ocr_text: str | None = None
    metadata: Metadata = Metadata()
    extra: Mapping[str, Any] = field(default_factory=dict, hash=False)

    @classmethod
    def from_json(cls, data: Any) -> Self:
        """Read an image object of the list, the detail, the search or the upload."""
        rest = dict(data)
        metadata = Metadata.from_json(rest.pop("metadata", None))
        ocr = rest.pop("ocr", None)
        return cls(
            image_id=_text(rest.pop("image_id", None)) or "",
            permalink_url=_text(rest.pop("permalink_url", None)),
            thumb_url=_text(rest.pop("thumb_url", None)),
            url=_text(rest.pop("url", None)),
            type=_text(rest.pop("type", None)),
            created_at=_date(rest.pop("created_at", None)),
            access_policy=_text(rest.pop("access_policy", None)),
            alt_text=_text(rest.pop("alt_text", None)),
            ocr_text=_text(ocr.get("description")) if isinstance(ocr, dict) else None,
            metadata=metadata,
            extra=MappingProxyType(rest),
        )

    @property
    def title(self) -> str:
        """The title, or an empty text."""
        return self.metadata.title or ""

    @property
    def locked(self) -> bool:
        """Whether the plan keeps this entry's page and picture from being reached."""
        return not self.image_id

    @property
    def markdown(self) -> str:
        """The picture and its link, to paste into Markdown."""
        return cards.markdown(self.title, self.url or "", self.permalink_url or "")

    @property
    def html(self) -> str:
        """The picture and its link, to paste into a web page."""
        return cards.html(self.title, self.url or "", self.permalink_url or "")

    @property
    def cosense(self) -> str:
        """The picture, to paste into Cosense (Scrapbox)."""
        return f"[{self.permalink_url or ''}]"

    def __repr__(self) -> str:
        where = self.permalink_url or ("locked" if self.locked else self.image_id)
        return f"Image({where!r}{f', title={self.title!r}' if self.title else ''})"

    def _repr_html_(self) -> str:
        if not self.permalink_url:
            return cards.image_card(
                picture=self.thumb_url or "",
                link="",
                title=self.title,
                details="Locked: Gyazo's plans say how many images stay reachable"
                if self.locked
                else self.image_id,
                notations={},
            )
        return cards.image_card(
            picture=self.url or self.thumb_url or "",
            link=self.permalink_url,
            title=self.title,
            details="only you can see it" if self.access_policy == "only_me" else "",
            notations={
                "URL": self.permalink_url,
                "Markdown": self.markdown,
                "HTML": self.html,
                "Cosense": self.cosense,
            },
        )


@dataclass(frozen=True, slots=True, repr=False)
class Page(Sequence[Image]):
    """Some of the account's images, newest first. In a notebook it shows a gallery.

    `total` counts all the images of the account, where Gyazo says so.
    """

    images: tuple[Image, ...]
    page: int
    per_page: int
    total: int | None = None
    user_type: str | None = None

    @overload
    def __getitem__(self, index: int) -> Image: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[Image]: ...
    def __getitem__(self, index: int | slice) -> Image | Sequence[Image]:
        return self.images[index]

    def __len__(self) -> int:
        return len(self.images)

    def __iter__(self) -> Iterator[Image]:
        return iter(self.images)

    def __repr__(self) -> str:
        return f"<{self._caption()}>"

    def _caption(self) -> str:
        total = f" of {self.total}" if self.total is not None else ""
        return f"Page {self.page}: {len(self)} images{total}"

    def _repr_html_(self) -> str:
        entries = [
            (i.thumb_url or i.url or "", i.permalink_url or "", i.title or i.image_id or "locked")
            for i in self.images
        ]
        return cards.gallery(entries, self._caption())


@dataclass(frozen=True, slots=True)
class Deleted:
    """What is left of a deleted image. Gyazo says no more than these two."""

    image_id: str
    type: str | None = None

    @classmethod
    def from_json(cls, data: Any) -> Self:
        """Read the answer of the delete call."""
        return cls(str(data["image_id"]), _text(data.get("type")))


def _text(value: Any) -> str | None:
    return value if isinstance(value, str) and value else None


def _date(value: Any) -> datetime | None:
    """Read any of the four forms that Gyazo has been seen to send. Another form is no date."""
    try:
        return datetime.fromisoformat(value)
    except (TypeError, ValueError):
        return None
