"""Accounts, and the applications that ask for access to them.

Guarantees: both are immutable values, and a repr never shows a client secret.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass, field

# The redirect URI of an application that cannot receive a redirect: a page shows the code.
OUT_OF_BAND = "urn:ietf:wg:oauth:2.0:oob"


def new_secret() -> str:
    """Return 43 URL-safe characters, like the ids, secrets, codes and tokens of Doorkeeper."""
    return secrets.token_urlsafe(32)


@dataclass(frozen=True)
class Application:
    """A registered application.

    Without *redirect_uris* the sandbox's own landing page is registered. Its address is known
    when the sandbox is served.
    """

    client_id: str = field(default_factory=new_secret)
    client_secret: str = field(default_factory=new_secret, repr=False)
    redirect_uris: tuple[str, ...] = ()
    name: str = "My notebook"


@dataclass(frozen=True)
class Account:
    """A user's account. *is_pro* allows search and videos."""

    name: str = "Sandy Box"
    email: str = "sandy@example.com"
    uid: str = field(default_factory=lambda: secrets.token_hex(12))
    is_pro: bool = False
    is_team: bool = False
    profile_image: str | None = ""
