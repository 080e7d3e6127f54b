"""Settings: where Gyazo is, which application signs in, and where each value comes from.

Guarantees:

- One name for each setting: `client_id` is the variable `GYAZO_CLIENT_ID` and the trait
  `c.GyazoMagics.client_id`. An argument wins over the trait, and the trait over the variable.
- The two secrets, the client secret and the access token, come from the environment or a file only, and
  leave this module as `Secret`.
- A `Site` or an `App` that exists is usable. Addresses use https, or http on a loopback host. A missing
  or wrong setting raises a `ConfigError` that names the setting.
"""

from __future__ import annotations

import contextlib
import os
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, cast, get_args
from urllib.parse import SplitResult, urlsplit

from .errors import ConfigError
from .secret import Secret, hides_frames

# Who can see an image: https://gyazo.com/api/docs/image#upload
AccessPolicy = Literal["anyone", "only_me"]

# The two ways to send a token that https://gyazo.com/api/docs/auth names.
TokenIn = Literal["header", "parameter"]

ACCESS_TOKEN_VARIABLE = "GYAZO_ACCESS_TOKEN"  # noqa: S105 -- a name, not a token

DEFAULT_MAX_DOWNLOAD_MB = 500

Override = Callable[[str], str | None]

LOOPBACK_HOSTS = frozenset({"127.0.0.1", "::1", "localhost"})

_ADDRESSES = ("auth_url", "api_url", "upload_url")
# Blanks, control characters, characters without a width, and bytes of another encoding.
_NOT_IN_A_URL = re.compile(
    r"[\s\x00-\x1f\x7f\\\u200b-\u200f\u2060\ufeff\ud800-\udfff]|%(?![0-9A-Fa-f]{2})"
)
# Schemes of files, scripts and other protocols, and `htp`, a frequent mistake.
_OTHER_SCHEMES = re.compile("|about|blob|data|file|ftps?|htp|javascript|mailto|sftp|ssh|wss?")

# A redirect URI of Doorkeeper, the OAuth server of Gyazo: its own page shows the code.
OUT_OF_BAND = "urn:ietf:wg:oauth:2.0:oob"

# https://gyazo.com/api/docs/auth : where users register an application and create a token.
APPLICATIONS_URL = "https://gyazo.com/oauth/applications"
# Where users see which applications can use their account, and revoke one.
AUTHORIZED_URL = "https://gyazo.com/oauth/authorized_applications"


@dataclass(frozen=True, slots=True)
class Site:
    """The three addresses of a Gyazo server, and how the token is sent to it. Defaults: gyazo.com.

    >>> Site().upload_url
    'https://upload.gyazo.com'

    `token_in` is "header" (`Authorization: Bearer`) or "parameter" (`access_token`).
    """

    auth_url: str = "https://api.gyazo.com"
    api_url: str = "https://api.gyazo.com"
    upload_url: str = "https://upload.gyazo.com"
    token_in: TokenIn = "header"  # noqa: S105 -- the place of the token, not a token

    def __post_init__(self) -> None:
        if self.token_in not in get_args(TokenIn):
            raise ConfigError(f"{setting_names('token_in')} must be 'header' or 'parameter'.")
        for name in _ADDRESSES:
            object.__setattr__(self, name, _checked_url(name, getattr(self, name)))


@dataclass(frozen=True, slots=True, init=False)
class App:
    """An application as registered at https://gyazo.com/oauth/applications.

    `redirect_uri` must be one of the registered ones, character by character. The secret may be missing:
    calls without a user need only the `client_id`.
    """

    client_id: str
    client_secret: Secret | str = ""
    redirect_uri: str = ""

    # Not the generated `__init__`: in a traceback, its frame would show the client secret.
    def __init__(
        self, client_id: str, client_secret: Secret | str = "", redirect_uri: str = ""
    ) -> None:
        secret = client_secret = Secret.or_none(client_secret or "")  # type: ignore[assignment]
        if secret is None:
            raise ConfigError("The client secret of an App must be a str or a Secret.")
        if not client_id:
            raise ConfigError(
                f"Set {setting_names('client_id')}: it is on your application's page, {APPLICATIONS_URL}."
            )
        _check_text("client_id", client_id)
        if not client_id.isascii() or not client_id.isprintable():
            raise ConfigError(
                f"{setting_names('client_id')} contains unusual characters: copy the client id again from "
                f"your application's page, {APPLICATIONS_URL}."
            )
        if redirect_uri:
            _check_redirect_uri(redirect_uri)
        values = {"client_id": client_id, "client_secret": secret, "redirect_uri": redirect_uri}
        for name, value in values.items():
            object.__setattr__(self, name, value)  # the class is frozen

    @property
    def secret(self) -> Secret:
        """The client secret, hidden."""
        return Secret.of(self.client_secret)


class Settings:
    """Reads each setting from the overrides, else from `GYAZO_…`, else uses its default.

    >>> Settings({"api_url": "http://127.0.0.1:8000"}.get).site().api_url
    'http://127.0.0.1:8000'

    An override returns the value of a setting by its name, or nothing: a `dict.get`, or the traits.
    Nothing is stored: a corrected variable takes effect at the next call.
    """

    def __init__(self, *overrides: Override) -> None:
        self._overrides = overrides

    def with_override(self, override: Override) -> Settings:
        """Return these settings with one that wins over them: the arguments of `Gyazo`."""
        return Settings(override, *self._overrides)

    def text(self, name: str) -> str:
        """Return a setting that is not secret; an empty text if it is not set."""
        return self._override(name) or unquoted(os.environ.get(f"GYAZO_{name.upper()}", ""))

    def site(self) -> Site:
        """Where Gyazo is, and how the token is sent. Raises `ConfigError` if a value is wrong."""
        given: dict[str, Any] = {}
        for name in (*_ADDRESSES, "token_in"):
            if text := self.text(name):
                given[name] = text
        return Site(**given)

    def missing_addresses(self) -> str:
        """A sentence if only some addresses of another server than Gyazo are set, else an empty text.

        With a part of them, a token of that server would be sent to Gyazo.
        """
        texts = {name: self.text(name) for name in _ADDRESSES}
        own = [name for name, text in texts.items() if text and not _is_gyazo(text)]
        missing = [name for name, text in texts.items() if not text]
        if not own or not missing:
            return ""
        default = Site.__dataclass_fields__[missing[-1]].default
        return (
            f"{_variables(own)} {'names' if len(own) == 1 else 'name'} another server than Gyazo, but "
            f"{_variables(missing)} {'is' if len(missing) == 1 else 'are'} not set, so {default} is used "
            f"there: set all three addresses of that server."
        )

    def app(self) -> App:
        """The registered application. Raises `ConfigError` if its client id is missing."""
        return App(self.text("client_id"), self._client_secret(), self.text("redirect_uri"))

    def has_application(self) -> bool:
        """Whether the settings name an application with its secret, with which a user can sign in."""
        return bool(self.text("client_id") and self.app().secret)

    def token(self) -> Secret | None:
        """The token in `GYAZO_ACCESS_TOKEN`, or None."""
        text = secret_variable(ACCESS_TOKEN_VARIABLE)
        if not text:
            return None
        if (token := _token_or_none(text)) is None:
            raise ConfigError(
                "GYAZO_ACCESS_TOKEN is not an access token (it contains blanks or unusual characters): "
                "copy the token again from your application's page, or unset the variable."
            )
        return token

    def max_download_bytes(self) -> int:
        """The largest file to download: by `image.download()`, or to upload it by its address."""
        text = self.text("max_download_mb")
        if not text:
            return DEFAULT_MAX_DOWNLOAD_MB * 2**20
        if not re.fullmatch(r"[0-9]{1,6}", text) or int(text) == 0:
            raise ConfigError(
                f"{setting_names('max_download_mb')} must be a whole number of MB from 1, such as 500."
            )
        return int(text) * 2**20

    def access_policy(self) -> AccessPolicy | None:
        """Who can see an upload that does not say it. None: the default of Gyazo, which is anyone."""
        text = self.text("access_policy")
        if text and text not in get_args(AccessPolicy):
            is_trait = bool(self._override("access_policy"))
            place = "c.GyazoMagics.access_policy" if is_trait else "GYAZO_ACCESS_POLICY"
            raise ConfigError(
                f"{place} must be anyone or only_me, or not set; it is {_shortened(text)}: correct it before "
                f"you upload."
            )
        return cast("AccessPolicy | None", text or None)

    def _override(self, name: str) -> str:
        for override in self._overrides:
            if value := override(name):
                return value
        return ""

    def _client_secret(self) -> Secret:
        if name := self.text("client_secret_file"):
            if (secret := _secret_file(name)) is None:
                raise ConfigError(
                    f"The client secret cannot be read from the file in "
                    f"{setting_names('client_secret_file')}: correct the path, and check that the file "
                    f"contains only the secret, as text in UTF-8, and that you can read it."
                )
            return secret
        return secret_variable(self._override("client_secret_variable") or "GYAZO_CLIENT_SECRET")


def access_token(text: str | Secret) -> Secret:
    """Check a token as a user copies it: blanks or quotes around it are removed."""
    text = Secret.or_none(text) or Secret("")  # a traceback shows arguments
    if (token := _token_or_none(text)) is None:
        raise ConfigError(
            "This is not an access token (it is empty, or contains blanks or unusual characters): copy "
            "the token again from your application's page."
        )
    return token


@hides_frames
def _token_or_none(text: Secret) -> Secret | None:
    """Remove blanks and quotes around a token. None if the text cannot be a token."""
    clean = unquoted(text.reveal())
    is_token = clean and clean.isascii() and clean.isprintable() and " " not in clean
    return Secret(clean) if is_token else None


def unquoted(text: str) -> str:
    """Remove blanks and quotes around a value. `docker --env-file` and `set` of Windows keep the quotes."""
    return text.strip().strip("\"'").strip()


@hides_frames
def secret_variable(name: str) -> Secret:
    """Read a secret from the environment; an empty one if the variable is not set."""
    return Secret(unquoted(os.environ.get(name, "")))


@hides_frames
def _secret_file(name: str) -> Secret | None:
    """Read a secret from a file that contains only the secret. None if this is impossible."""
    try:
        path = Path(name).expanduser()
        if not path.is_file():  # reading a pipe could wait for ever
            return None
        text = unquoted(path.read_text("utf-8-sig"))
    except (OSError, ValueError, RuntimeError):  # RuntimeError: the home folder is unknown
        return None
    return Secret(text) if text and text.isprintable() else None


def setting_names(setting: str) -> str:
    """Name a setting as a user can set it.

    >>> setting_names("api_url")
    'GYAZO_API_URL (or c.GyazoMagics.api_url)'
    """
    if setting in {"client_secret", "access_token"}:
        return f"GYAZO_{setting.upper()}"
    return f"GYAZO_{setting.upper()} (or c.GyazoMagics.{setting})"


def origin(url: str) -> tuple[str, str, int]:
    """Scheme, host and port of a URL for a comparison: lower case, with the default port filled in.

    >>> origin("HTTPS://Gyazo.com/x")
    ('https', 'gyazo.com', 443)
    """
    parts = urlsplit(url)
    default = {"https": 443, "http": 80}.get(parts.scheme, 0)
    return parts.scheme, parts.hostname or "", default if parts.port is None else parts.port


def _is_gyazo(url: str) -> bool:
    """Whether a URL names a host of gyazo.com. A wrong URL is reported elsewhere."""
    try:
        host = urlsplit(url).hostname or ""
    except ValueError:
        return True
    return host == "gyazo.com" or host.endswith(".gyazo.com")


def _variables(settings: list[str]) -> str:
    return " and ".join(f"GYAZO_{name.upper()}" for name in settings)


def is_loopback(url: str) -> bool:
    """Whether a URL names this machine."""
    return urlsplit(url).hostname in LOOPBACK_HOSTS


def _check_text(setting: str, value: Any) -> None:
    """Raise `ConfigError` for an argument that is not a text."""
    if not isinstance(value, str):
        raise ConfigError(f"{setting_names(setting)} must be a text, not {type(value).__name__}.")


def _split(setting: str, url: str) -> SplitResult:
    """Split a URL, or raise `ConfigError` if the text cannot be one."""
    with contextlib.suppress(ValueError):
        parts = urlsplit(url)
        if parts.port != 0 and not _NOT_IN_A_URL.search(url):
            return parts
    raise ConfigError(f"{setting_names(setting)} is not a URL: {_shortened(url)}.")


def _checked_url(setting: str, url: str) -> str:
    """Return an address without its trailing slash. Raises `ConfigError` if the address is wrong."""
    _check_text(setting, url)
    parts = _split(setting, url := url.strip())
    if parts.scheme not in {"https", "http"} or not parts.hostname:
        raise ConfigError(
            f"{setting_names(setting)} must begin with https:// and a host name, like "
            f"{Site.__dataclass_fields__[setting].default}; it is {_shortened(url)}."
        )
    if parts.username is not None or "?" in url or "#" in url:
        raise ConfigError(f"{setting_names(setting)} must be an address without user, ? or #.")
    if parts.scheme == "http" and not is_loopback(url):
        raise ConfigError(
            f"{setting_names(setting)} must use https (plain http would show your token to the network); "
            f"http is allowed only for 127.0.0.1, [::1] and localhost."
        )
    return url.rstrip("/")


def _check_redirect_uri(uri: str) -> None:
    """Raise `ConfigError` for a redirect URI at which a browser cannot show its address."""
    _check_text("redirect_uri", uri)
    parts = _split("redirect_uri", uri)
    if uri == OUT_OF_BAND:
        return
    # The scheme of an application, like gyazocapture://oauth/callback, is allowed too (RFC 8252 §7.1).
    if not parts.hostname or parts.fragment or _OTHER_SCHEMES.fullmatch(parts.scheme):
        raise ConfigError(
            f"{setting_names('redirect_uri')} must be the callback URL as registered, which begins with "
            f"http:// or https://, like http://127.0.0.1:8765/callback; it is {_shortened(uri)}."
        )


def _shortened(url: str) -> str:
    """A wrong setting for an error: short, on one line, without a user:password part."""
    return repr(re.sub(r"//[^/]*@", "//…@", url))[:120]
