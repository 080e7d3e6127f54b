"""Fetches a picture from a web address, to upload it: `gyazo.upload("https://…/plot.png")`.

The law: nothing of the session goes along, neither token nor connection; what is fetched is bounded in
size and time; an error names the host, never the whole address, which may carry somebody's key, and no
log of the HTTP library shows its query.
"""

from __future__ import annotations

import time
from urllib.parse import urlsplit

import httpx

from . import wire
from .errors import PictureError
from .operation import Request

LARGEST = 100 * 2**20  # bytes; Gyazo documents no limit, a kernel's memory has one
LONGEST = 60.0  # seconds in all
_STALL = 15.0  # seconds without a byte


def fetch(url: str) -> bytes:
    """Give what is at an http or https address. Redirects are followed; there is no token to lose."""
    where = urlsplit(url).hostname or "this address"
    deadline = time.monotonic() + LONGEST
    data = bytearray()
    context = wire.under_way.set(Request("GET", url))
    try:
        with (
            httpx.Client(follow_redirects=True, timeout=_STALL) as client,
            client.stream("GET", url, headers={"Accept": "image/*"}) as response,
        ):
            if not response.is_success:
                raise PictureError(
                    f"{where} answered {response.status_code} instead of a picture: open the address "
                    f"in a browser to see why."
                )
            for piece in response.iter_bytes():
                data += piece
                if len(data) > LARGEST:
                    raise PictureError(
                        f"What {where} sends is larger than {LARGEST // 2**20} MB: save it, and upload "
                        f"the file."
                    )
                if time.monotonic() > deadline:
                    raise PictureError(
                        f"{where} takes longer than {LONGEST:g} seconds: save the picture, and upload "
                        f"the file."
                    )
    except (httpx.HTTPError, httpx.InvalidURL, OSError, ValueError) as error:
        raise PictureError(
            f"The picture could not be fetched from {where} ({type(error).__name__}): look at the "
            f"address, and at your network."
        ) from None
    finally:
        wire.under_way.reset(context)
    return bytes(data)
