"""Fetches a picture from a web address, to upload it: `gyazo.upload("https://…/plot.png")`.

Guarantees: neither the token nor a connection of the session is used. Size and time are bounded. A redirect
to another server is followed only to a public address: a picture at a private address is fetched only when
the caller named that address. An error names the host and not the whole address, which may contain an
access key; no log shows its query.
"""

from __future__ import annotations

import contextlib
import socket
from http import HTTPStatus
from importlib.metadata import PackageNotFoundError, version

import httpx

from gyazo_nb.api.operation import Request
from gyazo_nb.api.retry import Timeouts
from gyazo_nb.errors import PictureError

from . import failures
from .connection_pool import Deadline, PrivateAddressError, SyncNetwork, current_deadline
from .log_masking import current_request
from .proxies import ProxySettingError, is_local, is_public, proxy_for
from .transport import MAX_REDIRECTS, ReplyBody


def _user_agent() -> str:
    """Name the program: sites such as Wikimedia refuse the User-Agent of a library."""
    try:
        number = version("gyazo-nb")
    except PackageNotFoundError:  # a copy of the sources, without installation
        number = "unknown"
    return f"gyazo_nb/{number} (Jupyter extension for https://gyazo.com)"


_HEADERS = {"Accept": "image/*, */*;q=0.5", "Accept-Encoding": "gzip", "User-Agent": _user_agent()}


def download(url: str, timeouts: Timeouts, max_bytes: int) -> bytes:
    """Return what is at an http or https address. Raises `PictureError`."""
    deadline = Deadline(timeouts.answer)
    client = httpx.Client(
        transport=SyncNetwork(timeouts),
        trust_env=False,
        headers=_HEADERS,
        timeout=httpx.Timeout(timeouts.read, connect=timeouts.connect),
    )
    fetch = _Fetch(client, deadline, max_bytes)
    try:
        current_request.set(Request("GET", url))
        current_deadline.set(deadline)
        content = fetch.run(url)
    except Exception as error:  # noqa: BLE001 -- all of them: the frames hold the address with its key
        message = _message(url, fetch, error, timeouts)
    else:
        client.close()
        return content
    finally:
        current_request.set(None)
        current_deadline.set(None)
    client.close()  # not after an interrupt: see `ClientPool.discard_sync_client`
    raise PictureError(message)


class _Fetch:
    """One download, with its redirects. `url` is the address that is being fetched."""

    def __init__(self, client: httpx.Client, deadline: Deadline, max_bytes: int) -> None:
        self.url = httpx.URL()
        self.deadline = deadline
        self._client, self._max_bytes = client, max_bytes

    def run(self, address: str) -> bytes:
        """Fetch a file, following redirects. The address that the caller named may be private."""
        self.url = named = httpx.URL(address)
        for _ in range(MAX_REDIRECTS + 1):
            is_private_allowed = is_same_server(self.url, named)
            if not is_private_allowed:
                _check_public(self.url)
            is_direct = proxy_for(str(self.url)) is None
            self.deadline.public_only = is_direct and not is_private_allowed
            with self._client.stream("GET", self.url) as response:
                if response.next_request is None:
                    return self._read(response)
                self.url = response.next_request.url
        raise httpx.TooManyRedirects("")

    def _read(self, response: httpx.Response) -> bytes:
        if not response.is_success:
            raise PictureError(_status_message(self.url, response.status_code))
        body = ReplyBody(response.headers, self._max_bytes)
        for chunk in response.iter_raw():
            self.deadline.extend(body.add(chunk))
        return body.content()


def is_same_server(url: httpx.URL, named: httpx.URL) -> bool:
    """Whether a redirect stays at the server that the caller named, or only changes from http to https."""
    if url.host != named.host:
        return False
    is_secured = (named.scheme, url.scheme) == ("http", "https") and named.port == url.port is None
    return is_secured or (url.scheme, url.port) == (named.scheme, named.port)


def _check_public(url: httpx.URL) -> None:
    """Refuse a redirect to a private address before a proxy gets the request. See also `Deadline`."""
    if is_local(url.host):
        raise PrivateAddressError(url.host)
    addresses: list[str] = []
    # The proxy may know a name that is unknown here.
    with contextlib.suppress(OSError, UnicodeError):
        addresses = [str(info[4][0]) for info in socket.getaddrinfo(url.host, None)]
    if not all(is_public(address) for address in addresses):
        raise PrivateAddressError(url.host)


def _message(url: str, fetch: _Fetch, error: Exception, timeouts: Timeouts) -> str:
    """One sentence for the user. It names the host that failed, and the one that redirected to it."""
    if isinstance(error, PictureError):
        return str(error)
    named = _host(url)
    if isinstance(failures.root_cause(error), PrivateAddressError):
        return (
            f"{named} redirects to a private address, which is not fetched: pass that address itself, or "
            f"save the picture and upload the file."
        )
    failed = (
        fetch.url.copy_with(path="/", query=None, fragment=None) if fetch.url.raw_host else None
    )
    address = f"https://{named}" if failed is None else str(failed).rstrip("/")
    shown = Request("GET", address, accept=_HEADERS["Accept"])
    reason = failures.to_no_reply(shown, error, timeouts, fetch.deadline).error
    return f"The picture could not be fetched from {named}. {reason}"


def _status_message(url: httpx.URL, status: int) -> str:
    if status in {HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN}:
        return (
            f"{url.host} returned {status}: it sends this picture to browsers only. Save the picture, and "
            f"upload the file."
        )
    if status == HTTPStatus.PROXY_AUTHENTICATION_REQUIRED:
        with contextlib.suppress(ProxySettingError):
            if (setting := proxy_for(str(url))) is not None:
                return (
                    f"{url.host} could not be reached: the proxy in {setting.variable} refused the "
                    f"connection ({status}): {failures.how_to_name_the_user(setting)}."
                )
    return f"{url.host} returned {status} instead of a picture: open the address in a browser to see why."


def _host(url: str) -> str:
    try:
        return httpx.URL(url).host or "this address"
    except (httpx.InvalidURL, UnicodeError):
        return "this address"
