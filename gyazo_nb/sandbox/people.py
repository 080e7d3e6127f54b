"""Who takes part: the applications that ask, the accounts that grant.

The law: both are frozen values, told apart by what Gyazo tells them apart by.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass, field


def new_secret() -> str:
    """Return 43 URL-safe characters, as Doorkeeper makes ids, secrets, codes and tokens."""
    return secrets.token_urlsafe(32)


@dataclass(frozen=True)
class Application:
    """A registered application.

    Without *redirect_uris* it is registered with the sandbox's own landing page, whose address is
    known once the sandbox is served.
    """

    client_id: str = field(default_factory=new_secret)
    client_secret: str = field(default_factory=new_secret, repr=False)
    redirect_uris: tuple[str, ...] = ()
    name: str = "My notebook"


@dataclass(frozen=True)
class Account:
    """A person with an account; *is_pro* decides about search and film."""

    name: str = "Sandy Box"
    email: str = "sandy@example.com"
    uid: str = field(default_factory=lambda: secrets.token_hex(12))
    is_pro: bool = False
    is_team: bool = False
    profile_image: str | None = ""
