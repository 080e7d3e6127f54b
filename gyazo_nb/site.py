"""Where Gyazo lives, and as which registered application we speak to it.

The law: a `Site` or an `App` that exists is usable. Addresses are https, or http on a loopback host
alone; what is missing or wrong is a `ConfigError` that names the setting in all its spellings.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal
from urllib.parse import SplitResult, urlsplit

from .errors import ConfigError
from .secret import Secret

# The two ways to send a token that https://gyazo.com/api/docs/auth names.
TokenIn = Literal["header", "parameter"]

LOOPBACK_HOSTS = frozenset({"127.0.0.1", "::1", "localhost"})

# https://gyazo.com/api/docs/auth : where an application is registered and a developer token made.
APPLICATIONS_URL = "https://gyazo.com/oauth/applications"
# Where a person sees which applications may use the account, and revokes one.
AUTHORIZED_URL = "https://gyazo.com/oauth/authorized_applications"


@dataclass(frozen=True, slots=True)
class Site:
    """The three addresses of Gyazo, and how the token is sent there. The defaults are the real ones.

    >>> Site().upload_url
    'https://upload.gyazo.com'

    `token_in` is "header" (`Authorization: Bearer`) or "parameter" (`access_token`).
    """

    auth_url: str = "https://api.gyazo.com"
    api_url: str = "https://api.gyazo.com"
    upload_url: str = "https://upload.gyazo.com"
    token_in: TokenIn = "header"  # noqa: S105 -- where, not which

    def __post_init__(self) -> None:
        if self.token_in not in {"header", "parameter"}:
            raise ConfigError(f"{spellings('token_in')} must be 'header' or 'parameter'")
        for name in ("auth_url", "api_url", "upload_url"):
            object.__setattr__(self, name, _checked(name, getattr(self, name)))


@dataclass(frozen=True, slots=True)
class App:
    """An application as registered with Gyazo: https://gyazo.com/oauth/applications.

    `redirect_uri` must be one of the registered ones, to the letter. A missing secret is allowed:
    what needs no user works with the `client_id` alone.
    """

    client_id: str
    client_secret: Secret | str = ""
    redirect_uri: str = ""

    def __post_init__(self) -> None:
        object.__setattr__(self, "client_secret", Secret.of(self.client_secret))
        if not self.client_id:
            raise ConfigError(_missing("client_id"))
        if self.redirect_uri:
            _check_redirect_uri(self.redirect_uri)

    @property
    def secret(self) -> Secret:
        """The client secret, hidden."""
        return Secret.of(self.client_secret)


def spellings(setting: str) -> str:
    """Name a setting as a person can set it.

    >>> spellings("api_url")
    'GYAZO_API_URL (or c.GyazoMagics.api_url)'
    """
    if setting in {"client_secret", "access_token"}:
        return f"GYAZO_{setting.upper()}"
    return f"GYAZO_{setting.upper()} (or c.GyazoMagics.{setting})"


def origin(url: str) -> tuple[str, str, int]:
    """Scheme, host and port of a URL, as they are compared: lower case, the port filled in.

    >>> origin("HTTPS://Gyazo.com/x")
    ('https', 'gyazo.com', 443)
    """
    parts = urlsplit(url)
    default = {"https": 443, "http": 80}.get(parts.scheme, 0)
    return parts.scheme, parts.hostname or "", default if parts.port is None else parts.port


def is_loopback(url: str) -> bool:
    """Whether a URL names this machine and no other."""
    return urlsplit(url).hostname in LOOPBACK_HOSTS


def _missing(setting: str) -> str:
    return f"Set {spellings(setting)}: it is on your application's page, {APPLICATIONS_URL}"


def _split(setting: str, url: str) -> SplitResult:
    """Split a URL, refusing what cannot be one."""
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        raise ConfigError(f"{spellings(setting)} is not a URL: {_shown(url)}") from None
    if port == 0 or re.search(r"[\s\x00-\x1f\x7f]", url):
        raise ConfigError(f"{spellings(setting)} is not a URL: {_shown(url)}")
    return parts


def _checked(setting: str, url: str) -> str:
    """Give an address without its trailing slash, or say what is wrong with it."""
    url = url.strip()
    parts = _split(setting, url)
    if parts.scheme not in {"https", "http"} or not parts.hostname:
        raise ConfigError(
            f"{spellings(setting)} must begin with https:// and a host name, "
            f"like {Site.__dataclass_fields__[setting].default}; it is {_shown(url)}"
        )
    if parts.username is not None or parts.query or parts.fragment:
        raise ConfigError(f"{spellings(setting)} must be an address alone: no user, ? or #")
    if parts.scheme == "http" and not is_loopback(url):
        raise ConfigError(
            f"{spellings(setting)} must be https (plain http would show your token to the network); "
            f"http is accepted for 127.0.0.1, [::1] and localhost alone"
        )
    return url.rstrip("/")


def _check_redirect_uri(uri: str) -> None:
    """Refuse a redirect URI that could never come back as an address. Other schemes are allowed."""
    parts = _split("redirect_uri", uri)
    if (
        not parts.scheme
        or parts.fragment
        or (parts.scheme in {"http", "https"} and not parts.netloc)
    ):
        raise ConfigError(
            f"{spellings('redirect_uri')} must be the callback URL as registered, "
            f"like http://127.0.0.1:8765/callback; it is {_shown(uri)}"
        )


def _shown(url: str) -> str:
    """A wrong setting as it may be shown: short, one line, without a user:password part."""
    return repr(re.sub(r"//[^/@]*@", "//…@", url))[:120]
