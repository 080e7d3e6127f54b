"""The pictures that the sandbox keeps, newest first.

The law: one account has the same bytes once. Uploading them again gives the picture that is there
already, with its first title and description: Gyazo does so, and it surprises.
"""

from __future__ import annotations

import hashlib
import secrets
import threading
from bisect import bisect_left
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from .people import Account
from .pictures import size_of, thumbnail


@dataclass(eq=False)
class Image:
    """One picture, with the form fields that came with it."""

    image_id: str
    data: bytes = field(repr=False)
    type: str
    account: Account
    created_at: float
    fields: dict[str, str] = field(default_factory=dict)
    alt_text: str = ""
    ocr: dict[str, Any] | None = None
    locked: bool = False
    # Opaque on purpose: a client that reads an id out of a thumbnail's name is wrong.
    thumb_name: str = field(default_factory=lambda: secrets.token_urlsafe(24), repr=False)

    @property
    def access_policy(self) -> str:
        """Who may see it: "anyone" or "only_me"."""
        return self.fields.get("access_policy") or "anyone"

    @property
    def metadata_is_public(self) -> bool:
        """Whether somebody else may read title, description, app and address."""
        return self.fields.get("metadata_is_public") == "true"

    @cached_property
    def size(self) -> tuple[int, int]:
        """Width and height."""
        return size_of(self.data)

    @cached_property
    def thumb(self) -> tuple[bytes, str]:
        """The thumbnail's bytes and content type, made when first asked for."""
        return thumbnail(self.data, self.type)


class Album:
    """Every picture of every account."""

    def __init__(self) -> None:
        self._lock = threading.RLock()
        self._images: list[Image] = []
        self._by_id: dict[str, Image] = {}
        self._by_thumb: dict[str, Image] = {}

    def everything(self) -> list[Image]:
        """Return all pictures, newest first."""
        with self._lock:
            return list(self._images)

    def of(self, account: Account) -> list[Image]:
        """Return the pictures of *account*, newest first."""
        return [image for image in self.everything() if image.account.uid == account.uid]

    def get(self, image_id: str) -> Image | None:
        """Return the picture with this id."""
        return self._by_id.get(image_id)

    def by_thumb(self, name: str) -> Image | None:
        """Return the picture whose thumbnail has this name."""
        return self._by_thumb.get(name)

    def add(
        self, data: bytes, kind: str, account: Account, created_at: float, fields: Mapping[str, str]
    ) -> Image:
        """Keep a picture, or return the same one from before."""
        with self._lock:
            image_id = self._id_for(data, account)
            if known := self._by_id.get(image_id):
                return known
            image = Image(image_id, data, kind, account, created_at, dict(fields))
            self._by_id[image_id] = self._by_thumb[image.thumb_name] = image
            # Before what has the same time: the later upload is the newer one.
            place = bisect_left(self._images, -created_at, key=lambda other: -other.created_at)
            self._images.insert(place, image)
            return image

    def remove(self, image: Image) -> None:
        """Forget a picture."""
        with self._lock:
            self._images.remove(image)
            del self._by_id[image.image_id], self._by_thumb[image.thumb_name]

    def _id_for(self, data: bytes, account: Account) -> str:
        # The digest of the bytes, as on Gyazo; salted for a second owner of the same bytes.
        plain = hashlib.md5(data, usedforsecurity=False).hexdigest()
        known = self._by_id.get(plain)
        if known is None or known.account.uid == account.uid:
            return plain
        return hashlib.md5(account.uid.encode() + data, usedforsecurity=False).hexdigest()
