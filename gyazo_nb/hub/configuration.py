"""The settings of the service: from the environment, each checked before the service starts.

Guarantees: a missing or wrong setting ends the start with one sentence, which names the variable and the
next step. No sentence contains a secret. The client secret comes only from a file that other users cannot
read; it is read for each token request, so that a replaced file takes effect at once.
"""

from __future__ import annotations

import json
import os
import re
import stat
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self
from urllib.parse import SplitResult, urlsplit

GYAZO = "https://api.gyazo.com"
LOOPBACK_HOSTS = frozenset({"127.0.0.1", "::1", "localhost"})


class ConfigurationError(Exception):
    """A setting is missing or wrong. The message is one sentence for the administrator."""


@dataclass(frozen=True)
class Configuration:
    """The checked settings. `host` and `port` are the address at which the service listens.

    `prefix` is the path of the service on the hub, such as `/services/gyazo/`.
    """

    client_id: str
    secret_file: Path
    redirect_uri: str
    auth_url: str
    host: str
    port: int
    prefix: str
    hub_prefix: str
    hub_host: str
    api_url: str
    api_token: str = field(repr=False)
    oauth_client_id: str
    access_scopes: frozenset[str]

    @classmethod
    def from_environment(cls, environment: Mapping[str, str]) -> Self:
        """Read and check all settings. Raises `ConfigurationError` for the first one that is wrong."""
        if environment.get("GYAZO_CLIENT_SECRET"):
            raise ConfigurationError(
                "GYAZO_CLIENT_SECRET must not be set: the hub keeps the environment of its services in its "
                "database. Put the secret into a file that only the hub's user can read, and name it in "
                "GYAZO_CLIENT_SECRET_FILE."
            )
        prefix = _of_hub(environment, "JUPYTERHUB_SERVICE_PREFIX")
        if not re.fullmatch(r"/(?:[\w.~@%-]+/)+", prefix):
            raise ConfigurationError(
                "JUPYTERHUB_SERVICE_PREFIX must be a path that begins and ends with /, like "
                f"/services/gyazo/; it is {_shortened(prefix)}."
            )
        host, port = _listen_address(
            "JUPYTERHUB_SERVICE_URL", _of_hub(environment, "JUPYTERHUB_SERVICE_URL")
        )
        if bind := environment.get("GYAZO_HUB_BIND", "").strip():
            host, port = _listen_address("GYAZO_HUB_BIND", f"http://{bind}")
        configuration = cls(
            client_id=_client_id(environment),
            secret_file=Path(
                _required(
                    environment,
                    "GYAZO_CLIENT_SECRET_FILE",
                    "name the file that contains the client secret of your application",
                )
            ),
            redirect_uri=_redirect_uri(environment, prefix),
            auth_url=_secure_url(
                "GYAZO_AUTH_URL", environment.get("GYAZO_AUTH_URL") or GYAZO
            ).rstrip("/"),
            host=host,
            port=port,
            prefix=prefix,
            hub_prefix=_hub_prefix(environment, prefix),
            hub_host=_hub_host(environment),
            api_url=_api_url(_of_hub(environment, "JUPYTERHUB_API_URL")),
            api_token=_of_hub(environment, "JUPYTERHUB_API_TOKEN"),
            oauth_client_id=_oauth_client_id(environment),
            access_scopes=_access_scopes(environment),
        )
        configuration.read_secret()
        return configuration

    def read_secret(self) -> str:
        """Read the client secret. Raises `ConfigurationError` if the file is unsafe or has no secret."""
        path = self.secret_file
        try:
            with open(path, "rb", opener=_open_now) as file:
                _check_private(path, os.fstat(file.fileno()))
                secret = file.read(4096).decode("utf-8-sig").strip()
        except OSError as error:
            raise ConfigurationError(
                f"{path} cannot be read ({error.strerror}): correct GYAZO_CLIENT_SECRET_FILE, and give the "
                f"file to the user of this service."
            ) from None
        except UnicodeDecodeError:
            secret = ""
        if not re.fullmatch(r"[\x21-\x7e]+", secret):
            raise ConfigurationError(
                f"{path} does not contain a client secret: write the secret of your application into it, "
                f"as one line."
            )
        return secret


def _required(environment: Mapping[str, str], name: str, advice: str) -> str:
    if text := environment.get(name, "").strip():
        return text
    raise ConfigurationError(f"{name} is not set: {advice}.")


def _of_hub(environment: Mapping[str, str], name: str) -> str:
    return _required(
        environment,
        name,
        "the hub sets it for a service that it starts. Set it yourself for a service that another program "
        "starts",
    )


def _client_id(environment: Mapping[str, str]) -> str:
    client_id = _required(
        environment, "GYAZO_CLIENT_ID", "it is on your application's page at Gyazo"
    )
    if not re.fullmatch(r"[\x21-\x7e]+", client_id):
        raise ConfigurationError(
            "GYAZO_CLIENT_ID contains blanks or unusual characters: copy it again from your application's "
            "page."
        )
    return client_id


def _redirect_uri(environment: Mapping[str, str], prefix: str) -> str:
    uri = _secure_url(
        "GYAZO_REDIRECT_URI",
        _required(
            environment,
            "GYAZO_REDIRECT_URI",
            f"it is the callback URL of your application, https://HUB{prefix}callback",
        ),
    )
    if urlsplit(uri).path != f"{prefix}callback":
        raise ConfigurationError(
            f"GYAZO_REDIRECT_URI must end with {prefix}callback, where this service receives the redirect; "
            f"it is {_shortened(uri)}: register https://HUB{prefix}callback with Gyazo, and set it here."
        )
    # This variable has a host only on a hub with subdomains. There, each service has its own host.
    own = urlsplit(environment.get("JUPYTERHUB_OAUTH_CALLBACK_URL", ""))
    if own.hostname and own.hostname != urlsplit(uri).hostname:
        raise ConfigurationError(
            f"GYAZO_REDIRECT_URI must begin with {own.scheme}://{own.netloc}, the address of this service on "
            f"a hub with subdomains; it is {_shortened(uri)}: register the address with Gyazo, and set it "
            f"here and in GYAZO_HUB_SERVICE of the servers."
        )
    return uri


def _secure_url(name: str, url: str) -> str:
    parts = _split(name, url)
    if parts.scheme not in {"https", "http"} or not parts.hostname:
        raise ConfigurationError(
            f"{name} must begin with https:// and a host; it is {_shortened(url)}."
        )
    if parts.username is not None or parts.query or parts.fragment:
        raise ConfigurationError(f"{name} must be an address without user, ? or #.")
    if parts.scheme == "http" and parts.hostname not in LOOPBACK_HOSTS:
        raise ConfigurationError(
            f"{name} must use https (plain http would show codes to the network): http is allowed only for "
            f"127.0.0.1, [::1] and localhost."
        )
    return url


def _hub_prefix(environment: Mapping[str, str], prefix: str) -> str:
    base = _of_hub(environment, "JUPYTERHUB_BASE_URL").rstrip("/")
    if not prefix.startswith(f"{base}/") or (base and not base.startswith("/")):
        raise ConfigurationError(
            f"JUPYTERHUB_BASE_URL must be the path of the hub, like / or /jupyter/, and the beginning of "
            f"JUPYTERHUB_SERVICE_PREFIX; it is {_shortened(base)}."
        )
    return f"{base}/hub/"


def _hub_host(environment: Mapping[str, str]) -> str:
    host = environment.get("JUPYTERHUB_HOST", "").rstrip("/")
    if host and not re.fullmatch(r"https?://[^/?#@]+", host):
        raise ConfigurationError(
            f"JUPYTERHUB_HOST must be an address without a path, like https://hub.example.org; it is "
            f"{_shortened(host)}."
        )
    return host


def _oauth_client_id(environment: Mapping[str, str]) -> str:
    client_id = _of_hub(environment, "JUPYTERHUB_CLIENT_ID")
    if not client_id.startswith("service-"):
        raise ConfigurationError(
            f"JUPYTERHUB_CLIENT_ID must begin with service-, like service-gyazo; it is "
            f"{_shortened(client_id)}."
        )
    return client_id


def _api_url(url: str) -> str:
    name = "JUPYTERHUB_API_URL"
    parts = _split(name, url)
    is_api = parts.path.rstrip("/").endswith("/hub/api")
    if parts.scheme not in {"https", "http"} or not parts.hostname or not is_api:
        raise ConfigurationError(
            f"{name} must be the address of the hub's API, like http://127.0.0.1:8081/hub/api; it is "
            f"{_shortened(url)}."
        )
    return url


def _listen_address(name: str, url: str) -> tuple[str, int]:
    parts = _split(name, url)
    if name == "GYAZO_HUB_BIND" and (parts.path or not parts.hostname or not parts.port):
        raise ConfigurationError(
            f"{name} must be an address of this machine and a port, like 0.0.0.0:10101; it is "
            f"{_shortened(url.removeprefix('http://'))}."
        )
    if parts.scheme != "http" or not parts.hostname or not parts.port:
        raise ConfigurationError(
            f"{name} must be http:// with a host and a port, like http://127.0.0.1:10101; it is "
            f'{_shortened(url)}: set "url" of the service in jupyterhub_config.py.'
        )
    return parts.hostname, parts.port


def _access_scopes(environment: Mapping[str, str]) -> frozenset[str]:
    """The scopes, of which a user needs at least one. Without them, every user could use the service."""
    name = "JUPYTERHUB_OAUTH_ACCESS_SCOPES"
    text = environment.get(name, "")
    try:
        scopes = json.loads(text)
    except ValueError:
        scopes = None
    if not (isinstance(scopes, list) and scopes and all(isinstance(one, str) for one in scopes)):
        example = '["access:services!service=gyazo"]'
        raise ConfigurationError(
            f"{name} must be a JSON list of scopes, such as {example}: it says which users may use this "
            f"service. The hub sets it for a service that it starts. Set it yourself for a service that "
            f"another program starts."
        )
    return frozenset(scopes)


def _open_now(path: str, flags: int) -> int:
    """Open a file without waiting for the writer of a pipe."""
    return os.open(path, flags | getattr(os, "O_NONBLOCK", 0))


def _check_private(path: Path, found: os.stat_result) -> None:
    if not stat.S_ISREG(found.st_mode):
        raise ConfigurationError(f"{path} is not a file: correct GYAZO_CLIENT_SECRET_FILE.")
    mode = stat.S_IMODE(found.st_mode)
    # Kubernetes gives a mounted secret to root and to the group of a container without root.
    is_mounted = found.st_uid == 0 != os.geteuid() and mode & 0o037 == 0
    if mode & 0o077 and not is_mounted:
        raise ConfigurationError(f"{path} can be read by others ({mode:04o}): chmod 600 it.")
    if found.st_uid not in {0, os.geteuid()}:
        raise ConfigurationError(
            f"{path} belongs to another user, who can replace the secret: chown it to the user of this "
            f"service."
        )


def _split(name: str, url: str) -> SplitResult:
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        parts, port = None, 0
    if parts is None or port == 0 or re.search(r"[\s\x00-\x1f\x7f\\]", url):
        raise ConfigurationError(f"{name} is not a URL: {_shortened(url)}.")
    return parts


def _shortened(text: str) -> str:
    """A wrong value for a sentence: short, on one line, without a user:password part."""
    return repr(re.sub(r"//[^/]*@", "//…@", text))[:120]
