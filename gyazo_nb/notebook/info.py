"""`%gyazo_info` and `python -m gyazo_nb`: what a bug report needs.

Guarantees: the text contains no secret, no name of an account and no path. For a setting, it says whether it
is set, and where. It shows a value only if it is a known word or a number, and only the scheme, host and
port of an address: a user may have put a secret into a setting by mistake. The function sends no request,
needs no kernel, and never raises: a part that fails says so.
"""

from __future__ import annotations

import os
import platform
import re
import sys
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from typing import Any
from urllib.parse import urlsplit
from urllib.request import getproxies

from gyazo_nb import __version__
from gyazo_nb.auth.hub import SERVICE_VARIABLE, find_service
from gyazo_nb.client.gyazo import Gyazo
from gyazo_nb.errors import ConfigError, StoreError
from gyazo_nb.settings import (
    ACCESS_TOKEN_VARIABLE,
    OUT_OF_BAND,
    Settings,
    is_loopback,
    secret_variable,
)

from .frontend import Frontend, detect_frontend, request_of

_PACKAGES = ("ipython", "ipykernel", "ipywidgets", "traitlets", "httpx", "nest-asyncio2", "tqdm")
_FRONT_ENDS = ("jupyterlab", "notebook", "jupyter_server", "voila", "nbclient", "jupyter-console")
_OPTIONAL = (
    "matplotlib",
    "pillow",
    "plotly",
    "kaleido",
    "altair",
    "vl-convert-python",
    "cairosvg",
    "pandas",
    "dataframe-image",
    "keyring",
    "jupyter-ui-poll",
    "nbconvert",
    "mistune",
    "starlette",
)
# Variables that tell where a kernel runs, by their names.
_PLACES = {
    "JPY_SESSION_NAME": "started by a Jupyter server",
    "JUPYTERHUB_USER": "JupyterHub",
    "VSCODE_PID": "VS Code",
    "VSCODE_CWD": "VS Code",
    "COLAB_RELEASE_TAG": "Colab",
    "KAGGLE_KERNEL_RUN_TYPE": "Kaggle",
    "BINDER_SERVICE_HOST": "Binder",
    "DEEPNOTE_PROJECT_ID": "Deepnote",
    "CODESPACES": "GitHub Codespaces",
    "SSH_CONNECTION": "ssh",
}
_PROXY_VARIABLES = ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY")
_CERTIFICATE_VARIABLES = ("SSL_CERT_FILE", "SSL_CERT_DIR", "REQUESTS_CA_BUNDLE")
# The values that are shown. Another value may be a secret that is there by mistake.
_SHOWN_VALUES = re.compile(r"header|parameter|anyone|only_me|[0-9]{1,6}")
# The settings that take one of two words. Another value is an error.
_WORDS = {"access_policy": "anyone or only_me", "token_in": "header or parameter"}
Row = tuple[str, str]


def info_text(
    shell: Any = None, session: Gyazo | None = None, settings: Settings | None = None
) -> str:
    """Return the text, for an IPython shell and the session of the extension if there are any."""
    settings = settings or Settings()
    parts = {
        "Versions": _versions(),
        "Front end": _front_end(shell),
        "Ways to sign in": _ways(shell, settings),
        "Settings": _settings(shell, settings),
        "Network": _network(),
        "Session": _session(session),
        "Optional packages": _installed(_OPTIONAL),
    }
    lines: list[str] = []
    for title, rows in parts.items():
        lines.append(title)
        try:
            lines += [f"  {name:<22} {value}" for name, value in rows]
        except Exception as error:  # noqa: BLE001 -- the other parts are still useful
            lines.append(f"  This part failed ({type(error).__name__}).")
    return "\n".join(lines)


def _versions() -> Iterator[Row]:
    yield "gyazo_nb", __version__
    yield "Python", f"{platform.python_version()} ({platform.python_implementation()})"
    environment = "virtual environment" if sys.prefix != sys.base_prefix else "the system's Python"
    yield "Environment", "conda" if "CONDA_PREFIX" in os.environ else environment
    yield "System", f"{platform.system()} {platform.release()} {platform.machine()}"
    yield from _installed(_PACKAGES)


def _installed(names: tuple[str, ...]) -> Iterator[Row]:
    for name in names:
        try:
            yield name, version(name)
        except PackageNotFoundError:
            yield name, "not installed"


def _front_end(shell: Any) -> Iterator[Row]:
    if shell is None:
        yield "Kernel", "none: this is python -m gyazo_nb, or a script"
    else:
        kernel = getattr(shell, "kernel", None)
        kind = type(shell if kernel is None else kernel).__name__
        yield "Kernel", f"none: IPython without a kernel ({kind})" if kernel is None else kind
        frontend = detect_frontend(shell)
        yield "Widgets", _yes(frontend.shows_widgets)
        yield "Prompts", _yes(frontend.can_prompt)
        yield "Client", _client(kernel, frontend)
    places = [f"{name} ({place})" for name, place in _PLACES.items() if name in os.environ]
    yield "Variables", ", ".join(places) or "none that tells where this runs"
    for name, value in _installed(_FRONT_ENDS):
        if value != "not installed":
            yield name, f"{value} (in this environment; the front end may run in another one)"


def _client(kernel: Any, frontend: Frontend) -> str:
    """Which program sent the running cell, as far as its message tells."""
    if kernel is None:
        return "a terminal" if frontend.can_prompt else "a script"
    if frontend.is_page:
        return "Voila"
    if frontend.is_headless:
        return "a program without a user, such as nbclient or papermill"
    metadata = request_of(kernel).get("metadata") or {}
    if str(metadata.get("cellId", "")).startswith("vscode"):
        return "VS Code"
    if "deletedCells" in metadata or "recordTiming" in metadata:
        return "JupyterLab or Notebook 7"
    return "unknown"


def _yes(condition: object) -> str:
    return "yes" if condition else "no"


def _ways(shell: Any, settings: Settings) -> Iterator[Row]:
    missing = _missing_for_link(settings)
    yield "--mode panel", _with_reason(missing or _no_panel(shell))
    yield "--mode prompt", _with_reason(missing or _no_prompt(shell))
    yield "--token", _with_reason(_no_prompt(shell))
    yield "--mode env", _with_reason(_no_token(settings))
    yield "saved tokens", _saved_profiles()
    yield "--wait", _with_reason(_no_wait(shell))
    yield "--save keyring", _with_reason(_not_installed("keyring"))
    sandbox = _not_installed("starlette", "uvicorn", "python_multipart")
    yield "--sandbox", _with_reason(sandbox)
    yield "callback server", _with_reason(_no_callback(settings))


def _with_reason(reason: str) -> str:
    return f"no: {reason}" if reason else "yes"


def _missing_for_link(settings: Settings) -> str:
    """Which settings of the application are missing."""
    try:
        if find_service(settings) is not None:
            return ""
    except ConfigError:
        return f"{SERVICE_VARIABLE} is wrong (%gyazo_login names the reason)"
    names = [
        f"GYAZO_{name.upper()}" for name in ("client_id", "redirect_uri") if not settings.text(name)
    ]
    try:
        has_secret = bool(settings.app().client_secret) if not names else _is_set("client_secret")
    except ConfigError:
        return "a setting of the application is wrong (%gyazo_login names it)"
    if not has_secret and not settings.text("client_secret_file"):
        names.append("GYAZO_CLIENT_SECRET")
    return f"{', '.join(names)} not set" if names else ""


def _no_panel(shell: Any) -> str:
    if getattr(shell, "kernel", None) is None:
        return "there is no kernel"
    if find_spec("ipywidgets") is None:
        return "ipywidgets is not installed"
    return "" if detect_frontend(shell).shows_widgets else "the front end answers no messages"


def _no_prompt(shell: Any) -> str:
    frontend = detect_frontend(shell)
    if frontend.can_prompt:
        return ""
    return "the front end answers no prompts" if frontend.in_kernel else "there is no terminal"


def _no_token(settings: Settings) -> str:
    try:
        return "" if settings.token() is not None else f"{ACCESS_TOKEN_VARIABLE} is not set"
    except ConfigError:
        return f"{ACCESS_TOKEN_VARIABLE} is set, but it is not an access token"


def _saved_profiles() -> str:
    from gyazo_nb.auth.profiles import Profiles  # noqa: PLC0415 -- python -m gyazo_nb must be fast

    try:
        number = len(Profiles().names())
    except StoreError:
        return "no: the folder for them is unknown"
    return f"{number} saved" if number else "none"


def _no_wait(shell: Any) -> str:
    if getattr(shell, "kernel", None) is None:
        return "there is no kernel"
    from .cell_wait import CellWait  # noqa: PLC0415 -- not needed without a kernel

    return CellWait(shell, (), lambda: False).unsupported_reason


def _not_installed(*names: str) -> str:
    missing = [name for name in names if find_spec(name) is None]
    return f"{', '.join(missing)} not installed" if missing else ""


def _no_callback(settings: Settings) -> str:
    from gyazo_nb.auth.callback_server import can_listen  # noqa: PLC0415 -- python -m gyazo_nb must be fast

    uri = settings.text("redirect_uri")
    if not uri:
        return "GYAZO_REDIRECT_URI is not set"
    try:
        if not is_loopback(uri):
            return "the redirect URI is not on this machine"
    except ValueError:
        return "the redirect URI is not a URL"
    return "" if can_listen(uri) else "the redirect URI does not begin with http://"


def _settings(shell: Any, settings: Settings) -> Iterator[Row]:
    from .traits import GyazoTraits, unknown_variables  # noqa: PLC0415 -- python -m gyazo_nb must be fast

    traits = GyazoTraits.class_own_traits(config=True)
    magics = None if shell is None else shell.magics_manager.registry.get("GyazoMagics")
    for name in ("access_token", "client_secret"):
        yield name, "set (environment)" if _is_set(name) else "not set"
    for name, trait in traits.items():
        value, place = settings.text(name), "environment"
        if magics is not None and getattr(magics, name) != trait.default_value:
            value, place = str(getattr(magics, name)), "ipython_config or %config"
        if name == "client_secret_variable" and place == "environment":
            yield name, "default"
            continue
        unset = "default" if "Default:" in str(trait.help) else "not set"
        yield name, f"{_shown(name, value)} ({place})" if value else unset
    service = os.environ.get(SERVICE_VARIABLE, "").strip()
    yield "hub_service", f"{_shown('hub_service', service)} (environment)" if service else "not set"
    for variable, question in unknown_variables().items():
        yield variable, f"is not a setting{f': {question}' if question else ''}"


def _shown(name: str, value: str) -> str:
    """Return what the text may say about the value of a setting."""
    if value == OUT_OF_BAND or _SHOWN_VALUES.fullmatch(value):
        return value
    if name in _WORDS:
        return f"set, but it is not {_WORDS[name]}"
    if name == "client_secret_file":
        path = os.path.expanduser(value)  # noqa: PTH111 -- Path.expanduser raises for an unknown user
        return "set" if os.access(path, os.R_OK) else "set, but not readable"
    if not name.endswith(("_url", "_uri", "_service")):
        return "set"
    try:
        parts = urlsplit(value)
        host, port = parts.hostname, parts.port
    except ValueError:
        host = port = None
    if not host or parts.scheme not in {"http", "https"}:
        return "set, but it is not a web address"
    host = f"[{host}]" if ":" in host else host  # IPv6
    return f"{parts.scheme}://{host}" + (f":{port}" if port is not None else "")


def _is_set(name: str) -> bool:
    return bool(secret_variable(f"GYAZO_{name.upper()}"))


def _network() -> Iterator[Row]:
    none = "no variable is set"
    system = "the settings of the system" if getproxies() else none
    yield "Proxies", _set_variables(_PROXY_VARIABLES) or system
    yield "Certificates", _set_variables(_CERTIFICATE_VARIABLES) or none


def _set_variables(names: tuple[str, ...]) -> str:
    """The set variables that have these names, in capital or in small letters."""
    both = [variable for name in names for variable in (name, name.lower())]
    return ", ".join(filter(os.environ.get, both))


def _session(session: Gyazo | None) -> Iterator[Row]:
    if session is None:
        yield "Signed in", "no: there is no session in this process"
        return
    account = session.known
    if account is None:
        yield "Signed in", "no"
        return
    is_known = account.source in {ACCESS_TOKEN_VARIABLE, "%gyazo_login", "--token"}
    yield "Signed in", f"yes, by {account.source if is_known else 'a saved or given token'}"
    yield "Token checked", _yes(account.user is not None)
