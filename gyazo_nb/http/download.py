"""Fetches a picture from a web address, to upload it: `gyazo.upload("https://…/plot.png")`.

Guarantees: neither the token nor a connection of the session is used. Size and time are bounded. An
error names the host and not the whole address, which may contain an access key; no log shows its query.
"""

from __future__ import annotations

import time
from urllib.parse import urlsplit

import httpx

from gyazo_nb.api.operation import Request
from gyazo_nb.errors import PictureError

from .log_masking import current_request

MAX_BYTES = 100 * 2**20  # Gyazo documents no limit, but the memory of a kernel has one
TIMEOUT = 60.0  # seconds for the whole download
_STALL_TIMEOUT = 15.0  # seconds without a byte


def download(url: str) -> bytes:
    """Return the content of an http or https address. Redirects are followed, since no token is sent."""
    host = urlsplit(url).hostname or "this address"
    deadline = time.monotonic() + TIMEOUT
    data = bytearray()
    context = current_request.set(Request("GET", url))
    try:
        with (
            httpx.Client(follow_redirects=True, timeout=_STALL_TIMEOUT) as client,
            client.stream("GET", url, headers={"Accept": "image/*"}) as response,
        ):
            if not response.is_success:
                raise PictureError(
                    f"{host} returned {response.status_code} instead of a picture: open the address in "
                    f"a browser to see why."
                )
            for chunk in response.iter_bytes():
                data += chunk
                if len(data) > MAX_BYTES:
                    raise PictureError(
                        f"{host} sends more than {MAX_BYTES // 2**20} MB: save the picture, and upload "
                        f"the file."
                    )
                if time.monotonic() > deadline:
                    raise PictureError(
                        f"{host} takes longer than {TIMEOUT:g} seconds: save the picture, and upload "
                        f"the file."
                    )
    except (httpx.HTTPError, httpx.InvalidURL, OSError, ValueError) as error:
        raise PictureError(
            f"The picture could not be fetched from {host} ({type(error).__name__}): check the "
            f"address and your network."
        ) from None
    finally:
        current_request.reset(context)
    return bytes(data)
