"""Requests beyond the documented endpoints: any path of the site, and any file that a reply names.

Guarantees: no I/O. The token goes only to the hosts in the settings. A file that a reply names may be on
any host, so it is fetched without the token.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from functools import partial
from http import HTTPStatus
from json import dumps
from typing import Any
from urllib.parse import parse_qs

from gyazo_nb.errors import ArgumentError, NotFoundError, ResponseError
from gyazo_nb.secret import Secret
from gyazo_nb.settings import Site, origin

from .endpoints import check_text, error_without_image
from .operation import Operation, Reply, Request, make_error


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
    """Any other endpoint of the site, by its path or its full address."""
    check_text("method", method, required=True)
    check_text("path", path, required=True)
    if not re.fullmatch(r"[A-Za-z]{1,20}", method):
        raise ArgumentError(
            f"{method[:20]!r} is not an HTTP method: use GET, POST, PATCH, PUT or DELETE."
        )
    url, _, query = _url_of_site(site, path).partition("?")
    from_path = {name: tuple(values) for name, values in parse_qs(query, True).items()}
    all_params, fields = from_path | _as_text("params", params), _as_text("form", form)
    if "access_token" in all_params | fields:
        raise ArgumentError("The session adds the token itself: remove access_token.")
    if form is not None and json is not None:
        raise ArgumentError("A request has only one body: pass form or json, not both.")
    try:
        dumps(json, allow_nan=False)
    except (TypeError, ValueError, RecursionError) as error:
        raise ArgumentError(f"json contains a value that JSON cannot represent: {error}.") from None
    custom = Request(
        method.upper(), url, all_params, fields, body=json, token=token, token_in=site.token_in
    )
    return Operation(
        custom,
        lambda reply: reply.json() if reply.body.strip() else None,
        partial(_error_for, custom),
    )


def _error_for(request: Request, reply: Reply) -> ResponseError | None:
    if reply.status == HTTPStatus.NOT_FOUND:
        advice = "this path does not exist. Check the path, and the id in it"
        return make_error(NotFoundError, request, reply, advice)
    return error_without_image(request, reply)


def download(url: str) -> Operation[bytes]:
    """The file at an address that a reply names. It is fetched without the token."""
    return Operation(Request("GET", url, accept="*/*"), lambda reply: reply.body)


def _url_of_site(site: Site, path: str) -> str:
    """Complete a path, or check that an address belongs to the site, since the token is sent there.

    The result has the host exactly as in the settings, also if the address spells it differently.
    """
    if re.search(r"[\s\x00-\x1f\x7f\\#]", path):
        raise ArgumentError(
            "The path contains blanks or characters that an address must not contain: percent-encode "
            "them."
        )
    if "://" not in path.partition("?")[0]:
        return f"{site.api_url}/{path.lstrip('/')}"
    try:
        requested = origin(path)
    except ValueError:
        requested = ("", "", 0)
    rest = re.sub(r"^[^:]*://[^/?]*", "", path)
    for url in (site.api_url, site.upload_url, site.auth_url):
        if origin(url) == requested and "@" not in path.partition("?")[0]:
            return "/".join(url.split("/")[:3]) + rest
    raise ArgumentError(
        f"This address does not belong to the Gyazo server in the settings, so the token is not sent to "
        f"it. Pass a path like /api/images, or an address at {site.api_url} or {site.upload_url}."
    )


def _as_text(argument: str, values: Any) -> dict[str, str | tuple[str, ...]]:
    """Convert parameters to text. None is left out; a list becomes several values of one name."""
    if values is not None and not isinstance(values, Mapping):
        raise ArgumentError(f"{argument} must be a dict of names and values.")
    return {
        str(name): tuple(map(_text, value)) if isinstance(value, list | tuple) else _text(value)
        for name, value in (values or {}).items()
        if value is not None
    }


def _text(value: Any) -> str:
    if isinstance(value, bytes | bytearray | Mapping | AbstractSet | list | tuple):
        raise ArgumentError(
            f"A parameter or form field must be a text, a number, True, False, or a list of these, not "
            f"{type(value).__name__}."
        )
    return str(value).lower() if isinstance(value, bool) else str(value)
