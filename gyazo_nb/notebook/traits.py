"""The settings as traits: `c.GyazoMagics.client_id = "…"` in `ipython_config.py`, or `%config`.

Guarantees: no trait is a secret. `%config` prints the value of every trait, so the traits contain only
the name of the variable or the file that holds the client secret.
"""

from __future__ import annotations

import os

from traitlets import Enum, Unicode
from traitlets.config import Configurable

from gyazo_nb.settings import Settings


class GyazoTraits(Configurable):
    """The traits of `GyazoMagics`. If a trait is empty, the environment variable applies."""

    client_id = Unicode(
        help="The client id of your registered application. Environment: GYAZO_CLIENT_ID."
    ).tag(config=True)
    client_secret_variable = Unicode(
        "GYAZO_CLIENT_SECRET",
        help="The environment variable that holds the client secret. The secret itself cannot be a "
        "trait, because %config would print it.",
    ).tag(config=True)
    client_secret_file = Unicode(
        help="A file that holds the client secret. Environment: GYAZO_CLIENT_SECRET_FILE."
    ).tag(config=True)
    redirect_uri = Unicode(
        help="The callback URL, exactly as registered. Environment: GYAZO_REDIRECT_URI."
    ).tag(config=True)
    auth_url = Unicode(
        help="The server to sign in at. Default: https://api.gyazo.com. Environment: GYAZO_AUTH_URL."
    ).tag(config=True)
    api_url = Unicode(
        help="The server of the API. Default: https://api.gyazo.com. Environment: GYAZO_API_URL."
    ).tag(config=True)
    upload_url = Unicode(
        help="The server for uploads. Default: https://upload.gyazo.com. Environment: GYAZO_UPLOAD_URL."
    ).tag(config=True)
    token_in = Unicode(
        help="How the token is sent: header (Authorization: Bearer) or parameter (access_token). "
        "Default: header. Environment: GYAZO_TOKEN_IN."
    ).tag(config=True)
    max_download_mb = Unicode(
        help="The largest file in MB to download, by image.download() or to upload it by its "
        "address. Default: 500. Environment: GYAZO_MAX_DOWNLOAD_MB."
    ).tag(config=True)
    access_policy = Enum(
        ["", "anyone", "only_me"],
        default_value="",
        help="Who can see an upload that does not say it: anyone (everyone with the link) or only_me. "
        "Default: anyone. Environment: GYAZO_ACCESS_POLICY.",
    ).tag(config=True)
    session_name = Unicode(
        help="The variable that %load_ext creates. Default: gyazo. Environment: GYAZO_SESSION_NAME."
    ).tag(config=True)

    @property
    def settings(self) -> Settings:
        """The settings from the traits and the environment, read each time they are used."""
        return Settings(lambda name: str(getattr(self, name, "")).strip())


def unknown_variables() -> dict[str, str]:
    """Each set variable `GYAZO_…` that is not a setting, and a question if it looks like a misspelled one."""
    from difflib import get_close_matches  # noqa: PLC0415 -- only after a mistake

    traits = GyazoTraits.class_own_traits(config=True)
    known = [name.upper() for name in (*traits, "access_token", "client_secret", "hub_service")]
    found: dict[str, str] = {}
    for variable in sorted(os.environ):
        name = variable.removeprefix("GYAZO_")
        if name != variable and name not in known:
            near = [one for one in known if one.endswith(f"_{name}")]  # GYAZO_TOKEN
            near = near or get_close_matches(name, known, n=1, cutoff=0.65)
            found[variable] = f"did you mean GYAZO_{near[0]}?" if near else ""
    return found
