"""The endpoints that read and change what is there.

The law: each answers as documented, the awkward parts included, and says where that is written.
"""

from __future__ import annotations

import re

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from . import shapes
from .album import Image
from .answers import Json, authorised, bad_parameter, problem, readable
from .people import Account
from .searching import conditions
from .state import Sandbox

_LONGEST_QUERY = 200
_MOST_PER_PAGE = 100


class Api:
    """Lists, details, changes, search, embedding, and who I am."""

    def __init__(self, sandbox: Sandbox) -> None:
        self._sandbox = sandbox

    def routes(self) -> list[Route]:
        """Return the endpoints."""
        return [
            Route("/api/images", self.images),
            Route("/api/images/{image_id}", self.image),
            Route("/api/images/{image_id}", self.delete, methods=["DELETE"]),
            Route("/api/images/{image_id}", self.patch, methods=["PATCH"]),
            Route("/api/search", self.search),
            Route("/api/oembed", self.oembed),
            Route("/api/users/me", self.me),
        ]

    # https://gyazo.com/api/docs/image#list
    async def images(self, request: Request) -> Response:
        """One page of the account's pictures, newest first."""
        account = authorised(self._sandbox, request).account
        page = _number(request, "page", 1)
        per_page = _number(request, "per_page", 20, _MOST_PER_PAGE)
        images = self._sandbox.album.of(account)
        headers = {
            "X-Total-Count": str(len(images)),
            "X-Current-Page": str(page),
            "X-Per-Page": str(per_page),
            "X-User-Type": "ninja" if account.is_pro else "lite",
        }
        shown = _page(images, page, per_page)
        return Json([shapes.listed(self._sandbox, image) for image in shown], headers=headers)

    # https://gyazo.com/api/docs/image#image
    async def image(self, request: Request) -> Response:
        """One picture; somebody else's too, when anyone may see it."""
        account = authorised(self._sandbox, request).account
        image = self._find(request)
        if image.access_policy == "only_me":
            _must_own(request, image, account)
        return Json(shapes.detailed(self._sandbox, image, account))

    # https://gyazo.com/api/docs/image#delete
    async def delete(self, request: Request) -> Response:
        """Delete a picture of one's own."""
        image = self._own(request)
        self._sandbox.album.remove(image)
        return Json({"image_id": image.image_id, "type": image.type})

    # Not documented; Nota's own n8n node uses it.
    async def patch(self, request: Request) -> Response:
        """Change description or alternative text."""
        image = self._own(request)
        form = await readable(request)
        if (desc := form.texts.get("desc")) is not None:
            image.fields["desc"] = desc
        if (alt_text := form.texts.get("alt_text")) is not None:
            image.alt_text = alt_text
        return Json(shapes.patched(self._sandbox, image))

    # https://gyazo.com/api/docs/search
    async def search(self, request: Request) -> Response:
        """Pictures that fit a query; the page's length is called `per` here, not `per_page`."""
        account = authorised(self._sandbox, request).account
        if not account.is_pro:
            raise problem(request, 402, "Upgrade to Gyazo Pro to search your images.")
        query = request.query_params.get("query", "")
        if not query.strip() or len(query) > _LONGEST_QUERY:
            raise bad_parameter("query is invalid")
        page = _number(request, "page", 1)
        per = _number(request, "per", 20, _MOST_PER_PAGE)
        wanted = conditions(query)
        images = [
            image
            for image in self._sandbox.album.of(account)
            if all(fits(image) for fits in wanted)
        ]
        return Json([shapes.found(self._sandbox, image) for image in _page(images, page, per)])

    # https://gyazo.com/api/docs/image#oembed
    async def oembed(self, request: Request) -> Response:
        """What a page needs to embed a picture; nobody has to sign in for it."""
        url = request.query_params.get("url")
        if not url:
            raise bad_parameter("url is missing")
        named = re.fullmatch(r"https?://[^/]+/([0-9a-f]{32})/?", url)
        image = self._sandbox.album.get(named[1]) if named else None
        if image is None or image.access_policy == "only_me":
            raise problem(request, 404, "image not found.")
        width, height = image.size
        return Json(
            {
                "version": "1.0",
                "type": "photo",
                "provider_name": "Gyazo",
                "provider_url": self._sandbox.url,
                "url": shapes.raw_url(self._sandbox, image),
                "width": width,
                "height": height,
            }
        )

    # https://gyazo.com/api/docs/user
    async def me(self, request: Request) -> Response:
        """Whose token this is."""
        account = authorised(self._sandbox, request).account
        user = {
            "email": account.email,
            "name": account.name,
            "profile_image": account.profile_image,
            "uid": account.uid,
            "is_pro": account.is_pro,
            "is_team": account.is_team,
        }
        return Json({"user": user})

    def _find(self, request: Request) -> Image:
        image = self._sandbox.album.get(request.path_params["image_id"])
        if image is None:
            raise problem(request, 404, "image not found.")
        return image

    def _own(self, request: Request) -> Image:
        account = authorised(self._sandbox, request).account
        image = self._find(request)
        _must_own(request, image, account)
        return image


def _must_own(request: Request, image: Image, account: Account) -> None:
    if image.account != account:
        raise problem(request, 403, "You are not allowed to do this with this image.")


def _number(request: Request, name: str, default: int, most: int | None = None) -> int:
    text = request.query_params.get(name, str(default))
    if not re.fullmatch(r"[0-9]{1,9}", text):
        raise bad_parameter(f"{name} is invalid")
    number = int(text)
    if number < 1 or (most is not None and number > most):
        raise bad_parameter(f"{name} is invalid")
    return number


def _page(images: list[Image], page: int, length: int) -> list[Image]:
    return images[(page - 1) * length : page * length]
