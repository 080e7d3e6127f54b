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
from urllib.parse import urlsplit

import httpx

from gyazo_nb.api.operation import Request
from gyazo_nb.api.retry import Timeouts
from gyazo_nb.errors import PictureError
from gyazo_nb.settings import origin

from . import failures
from .connection_pool import (
    Deadline,
    PrivateAddressError,
    SyncNetwork,
    current_deadline,
    is_public,
    public_only,
)
from .log_masking import current_request
from .proxies import proxy_for
from .transport import ReplyBody

USER_AGENT = "gyazo_nb (Jupyter extension for https://gyazo.com)"
MAX_REDIRECTS = 10

_HEADERS = {"Accept": "image/*, */*;q=0.5", "Accept-Encoding": "gzip", "User-Agent": USER_AGENT}


def download(url: str, timeouts: Timeouts, max_bytes: int) -> bytes:
    """Return what is at an http or https address. Raises `PictureError`."""
    deadline = Deadline(timeouts.answer)
    request_token, deadline_token = (
        current_request.set(Request("GET", url)),
        current_deadline.set(deadline),
    )
    try:
        with httpx.Client(
            transport=SyncNetwork(),
            trust_env=False,
            headers=_HEADERS,
            timeout=httpx.Timeout(timeouts.read, connect=timeouts.connect),
        ) as client:
            return _fetch(client, url, deadline, max_bytes)
    except PictureError as error:
        message = str(error)
    except failures.ReplyTooLargeError:
        message = (
            f"{_host(url)} sends more than {max_bytes // 2**20} MB: save the picture, and upload the "
            f"file (or raise GYAZO_MAX_DOWNLOAD_MB)."
        )
    except Exception as error:  # noqa: BLE001 -- all of them: the frames hold the address with its key
        message = _failure(url, error, timeouts, deadline)
    finally:
        current_request.reset(request_token)
        current_deadline.reset(deadline_token)
    raise PictureError(message)


def _fetch(client: httpx.Client, url: str, deadline: Deadline, max_bytes: int) -> bytes:
    """Fetch a file, following redirects. The address that the caller named may be private."""
    target = url
    for _ in range(MAX_REDIRECTS + 1):
        is_named = origin(target) == origin(url)
        if not is_named:
            _check_public(target)
        token = public_only.set(not is_named and proxy_for(target) is None)
        try:
            with client.stream("GET", target) as response:
                if response.next_request is None:
                    return _read(response, deadline, max_bytes)
                target = str(response.next_request.url)
        finally:
            public_only.reset(token)
        if not target.lower().startswith(("http://", "https://")):
            raise PictureError(
                f"{_host(url)} redirects to an unsupported address: check the address."
            )
    raise PictureError(f"{_host(url)} redirects too often: check the address.")


def _read(response: httpx.Response, deadline: Deadline, max_bytes: int) -> bytes:
    host, status = response.url.host, response.status_code
    if status in {HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN}:
        raise PictureError(
            f"{host} returned {status}: it gives this picture to browsers only. Save the picture, and "
            f"upload the file."
        )
    if not response.is_success:
        raise PictureError(
            f"{host} returned {status} instead of a picture: open the address in a browser to see why."
        )
    body = ReplyBody(response.headers, max_bytes)
    for chunk in response.iter_raw():
        deadline.extend(len(chunk))
        body.add(chunk)
    return body.content()


def _check_public(url: str) -> None:
    """Refuse a redirect to a private address before a proxy is asked for it.

    Without a proxy the socket checks again which address it reached, see `connection_pool.public_only`.
    """
    host = urlsplit(url).hostname or ""
    addresses: list[str] = []
    with contextlib.suppress(
        OSError, UnicodeError
    ):  # the proxy may know a name that is unknown here
        addresses = [str(info[4][0]) for info in socket.getaddrinfo(host, None)]
    if not all(is_public(address) for address in addresses):
        raise PrivateAddressError(host)


def _failure(url: str, error: Exception, timeouts: Timeouts, deadline: Deadline) -> str:
    if failures.has_cause(error, PrivateAddressError):
        return (
            f"{_host(url)} redirects to a private address, which is not fetched: give that address "
            f"itself, or save the picture and upload the file."
        )
    shown = Request("GET", f"https://{_host(url)}")  # without the path, which may contain a key
    reason = failures.to_no_reply(shown, error, timeouts, deadline).error
    return f"The picture could not be fetched from {_host(url)}. {reason}"


def _host(url: str) -> str:
    return urlsplit(url).hostname or "this address"
