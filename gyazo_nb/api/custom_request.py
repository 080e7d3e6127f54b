"""What can be asked beyond the documented endpoints: any path of the site, any file that it names.

The law: no I/O, and the token goes to the hosts in the settings only. A file that the service names may
lie anywhere, so it is fetched without.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from json import dumps
from typing import Any
from urllib.parse import parse_qs

from gyazo_nb.errors import ArgumentError
from gyazo_nb.secret import Secret
from gyazo_nb.settings import Site, origin

from .endpoints import check_text
from .operation import Operation, Request


def request(
    site: Site,
    token: Secret,
    method: str,
    path: str,
    *,
    params: Mapping[str, Any] | None = None,
    form: Mapping[str, Any] | None = None,
    json: Any = None,
) -> Operation[Any]:
    """Any other endpoint of the site, by its path or its whole address."""
    check_text("method", method, needed=True)
    check_text("path", path, needed=True)
    if not re.fullmatch(r"[A-Za-z]{1,20}", method):
        raise ArgumentError(f"{method[:20]!r} is no method: give GET, POST, PATCH, PUT or DELETE.")
    url, _, query = _own_url(site, path).partition("?")
    in_path = {name: tuple(values) for name, values in parse_qs(query, True).items()}
    sent, fields = in_path | _texts("params", params), _texts("form", form)
    if "access_token" in sent | fields:
        raise ArgumentError("The session adds the token by itself: leave access_token out.")
    if form is not None and json is not None:
        raise ArgumentError("A request has one body: give form or json, not both.")
    _must_be_json(json)
    question = Request(
        method.upper(), url, sent, fields, body=json, token=token, token_in=site.token_in
    )
    return Operation(question, lambda reply: reply.json() if reply.body.strip() else None)


def download(url: str) -> Operation[bytes]:
    """The file at an address that the service named. It is fetched without the token."""
    return Operation(Request("GET", url, accept="*/*"), lambda reply: reply.body)


def _own_url(site: Site, path: str) -> str:
    """Complete a path, or see that an address is one of the site's: the token goes there.

    The host of the result is written as in the settings, however the address spelt it.
    """
    if re.search(r"[\s\x00-\x1f\x7f\\#]", path):
        raise ArgumentError("The path holds blanks or characters that no address has.")
    if "://" not in path.partition("?")[0]:
        return f"{site.api_url}/{path.lstrip('/')}"
    try:
        asked = origin(path)
    except ValueError:
        asked = ("", "", 0)
    rest = re.sub(r"^[^:]*://[^/?]*", "", path)
    for url in (site.api_url, site.upload_url, site.auth_url):
        if origin(url) == asked and "@" not in path.partition("?")[0]:
            return "/".join(url.split("/")[:3]) + rest
    raise ArgumentError(
        f"That address is not one of Gyazo's in the settings, and the token goes to those only: give "
        f"a path like /api/images, or an address at {site.api_url} or {site.upload_url}."
    )


def _texts(what: str, values: Any) -> dict[str, str | tuple[str, ...]]:
    """Parameters as they are sent: None leaves one out, a list sends one several times."""
    if values is not None and not isinstance(values, Mapping):
        raise ArgumentError(f"{what} must be a dict of names and values.")
    return {
        str(name): tuple(map(_text, value)) if isinstance(value, list | tuple) else _text(value)
        for name, value in (values or {}).items()
        if value is not None
    }


def _text(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _must_be_json(value: Any) -> None:
    try:
        dumps(value, allow_nan=False)
    except (TypeError, ValueError, RecursionError) as error:
        raise ArgumentError(f"json holds what JSON cannot say: {error}.") from None
