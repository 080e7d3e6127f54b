"""Whose account it is.

The law: accounts are told apart by their `uid` alone, and one without it is no account. What stands in
a notebook is the name, not the address that comes with it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Self

from .fields import flag, line, text


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
