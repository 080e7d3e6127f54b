"""What a browser opens: the pictures, their thumbnails, their pages, and where a sign-in ends.

The law: everything here is seen without signing in. It is a sandbox on one's own machine, and a
picture that is for its owner only is shown like any other.
"""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from . import pages
from .pictures import CONTENT_TYPES
from .state import Sandbox

_RAW = {"X-Content-Type-Options": "nosniff", "Cache-Control": "max-age=3600"}
_NEWEST = 24


class Sights:
    """The pages and the pictures."""

    def __init__(self, sandbox: Sandbox) -> None:
        self._sandbox = sandbox

    def routes(self) -> list[Route]:
        """Return the addresses."""
        return [
            Route("/", self.home),
            Route("/callback", self.landing),
            Route("/thumb/200/{name}.jpg", self.thumb),
            Route("/{image_id}.{kind}", self.raw),
            Route("/{image_id}", self.page),
        ]

    async def home(self, request: Request) -> Response:
        """Say what this is, and show the newest pictures."""
        _ = request
        return pages.home(self._sandbox.accounts, self._sandbox.images[:_NEWEST])

    async def landing(self, request: Request) -> Response:
        """Show the address that the notebook waits for."""
        query = request.query_params
        # As the browser came here, which may be by another name than 127.0.0.1.
        return pages.landing(str(request.url), query.get("code"), query.get("error"))

    async def thumb(self, request: Request) -> Response:
        """Send a thumbnail."""
        image = self._sandbox.album.by_thumb(request.path_params["name"])
        if image is None:
            return pages.not_found("There is no such thumbnail.")
        data, media_type = image.thumb
        return Response(data, media_type=media_type, headers=_RAW)

    async def raw(self, request: Request) -> Response:
        """Send a picture as it was uploaded."""
        image = self._sandbox.album.get(request.path_params["image_id"])
        if image is None or image.type != request.path_params["kind"]:
            return pages.not_found("There is no such picture.")
        return Response(image.data, media_type=CONTENT_TYPES[image.type], headers=_RAW)

    async def page(self, request: Request) -> Response:
        """Show a picture with what is known about it."""
        image = self._sandbox.album.get(request.path_params["image_id"])
        if image is None:
            return pages.not_found("There is no such picture.")
        return pages.picture(image)
