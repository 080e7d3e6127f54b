"""The settings, as they stand at the moment when they are asked for.

The law: one vocabulary. A setting `client_id` is the variable `GYAZO_CLIENT_ID` and the trait
`c.GyazoMagics.client_id`; the trait wins. The two secrets, the client secret and the access token,
come from the environment (or a file) alone and leave here as `Secret`.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

from .errors import ConfigError
from .identity import access_token
from .secret import Secret
from .site import App, Site, spellings


class Settings:
    """Reads each setting from what was chosen, else from `GYAZO_…`, else its default.

    `chosen` gives the text of a trait by its name, empty if nobody set it. Nothing is remembered: a
    variable that is corrected takes effect at the next call.
    """

    def __init__(self, chosen: Callable[[str], str] = lambda _: "") -> None:
        self._chosen = chosen

    def text(self, name: str) -> str:
        """One setting that is no secret; empty if it is not set anywhere."""
        return self._chosen(name) or os.environ.get(f"GYAZO_{name.upper()}", "").strip()

    def site(self) -> Site:
        """Where Gyazo is, and how the token goes there. `ConfigError` if that cannot be right."""
        names = ("auth_url", "api_url", "upload_url", "token_in")
        given: dict[str, Any] = {name: text for name in names if (text := self.text(name))}
        return Site(**given)

    def app(self) -> App:
        """The registered application. `ConfigError` if its client id is missing."""
        return App(self.text("client_id"), self._client_secret(), self.text("redirect_uri"))

    def token(self) -> Secret | None:
        """A ready token, if the environment has one."""
        text = os.environ.get("GYAZO_ACCESS_TOKEN", "").strip()
        try:
            return access_token(text) if text else None
        except ConfigError:
            raise ConfigError(
                "GYAZO_ACCESS_TOKEN holds no access token (there are blanks or unusual characters in "
                "it): copy it again from your application's page, or unset it."
            ) from None

    def _client_secret(self) -> Secret:
        if name := self.text("client_secret_file"):
            try:
                return Secret(Path(name).expanduser().read_text("utf-8-sig").strip())
            except (OSError, ValueError):
                raise ConfigError(
                    f"The client secret cannot be read from the file that "
                    f"{spellings('client_secret_file')} names: correct it, or see that the file is there "
                    f"and is text."
                ) from None
        variable = self._chosen("client_secret_variable") or "GYAZO_CLIENT_SECRET"
        return Secret(os.environ.get(variable, "").strip())
