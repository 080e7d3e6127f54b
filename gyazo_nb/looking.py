"""The calls of `Gyazo` that look and change nothing: whose account it is, and what is in it.

The law: what is awaited is the same operation as its blocking twin; a method makes it and sends it,
and decides nothing.
"""

from __future__ import annotations

from collections.abc import Coroutine
from typing import TYPE_CHECKING, Any, overload

from .connection import Connection
from .errors import NotLoggedInError
from .later import later

if TYPE_CHECKING:
    from . import api, book, listing
    from .book import Book
    from .links import Embed
    from .listing import AsyncImages, Images
    from .models import Image, Page
    from .operation import Operation
    from .user import User
else:
    api, book, listing = later("api"), later("book"), later("listing")


class Looking(Connection):
    """Signed in, and looking around. Used as `Gyazo`."""

    def me(self) -> User:
        """Who is signed in.

        >>> gyazo.me().name                                # doctest: +SKIP
        'Sandy Box'

        Source: https://gyazo.com/api/docs/user
        """
        return self._send(api.me(*self._signed_in()))

    async def ame(self) -> User:
        """Same as `me`, awaited."""
        return await self._asend(api.me(*self._signed_in()))

    @overload
    def images(self, *, page: None = None, per_page: None = None) -> Images: ...
    @overload
    def images(self, *, page: int, per_page: int | None = ...) -> Page: ...
    @overload
    def images(self, *, page: None = None, per_page: int) -> Page: ...
    @overload
    def images(self, *, page: int | None = None, per_page: int | None = None) -> Images | Page: ...
    def images(self, *, page: int | None = None, per_page: int | None = None) -> Images | Page:
        """Your images, newest first; in a notebook a gallery.

        >>> for image in gyazo.images(): print(image.title)  # doctest: +SKIP
        >>> gyazo.images()[:500]                             # doctest: +SKIP
        >>> gyazo.images(page=2, per_page=10)                # doctest: +SKIP

        Without arguments it is all of them, asked for as you go, see `Images`. With `page` (from 1) or
        `per_page` (20, up to 100) it is one `Page`, asked for at once.
        Source: https://gyazo.com/api/docs/image#list
        """
        site, token = self._signed_in()
        if page is None and per_page is None:
            return listing.Images(self._book())
        return self._send(api.images(site, token, **_chosen(page, per_page)))

    @overload
    def aimages(self, *, page: None = None, per_page: None = None) -> AsyncImages: ...
    @overload
    def aimages(self, *, page: int, per_page: int | None = ...) -> Coroutine[Any, Any, Page]: ...
    @overload
    def aimages(self, *, page: None = None, per_page: int) -> Coroutine[Any, Any, Page]: ...
    @overload
    def aimages(
        self, *, page: int | None = None, per_page: int | None = None
    ) -> AsyncImages | Coroutine[Any, Any, Page]: ...
    def aimages(
        self, *, page: int | None = None, per_page: int | None = None
    ) -> AsyncImages | Coroutine[Any, Any, Page]:
        """Same as `images`, awaited.

        >>> async for image in gyazo.aimages(): print(image.title)  # doctest: +SKIP
        >>> await gyazo.aimages(page=2, per_page=10)                # doctest: +SKIP
        """
        site, token = self._signed_in()
        if page is None and per_page is None:
            return listing.AsyncImages(self._book())
        return self._asend(api.images(site, token, **_chosen(page, per_page)))

    def image(self, image_id: str | Image) -> Image:
        """One image, by its id or the address of its page.

        >>> gyazo.image("https://gyazo.com/8980c52421e452ac3355ca3e5cfe7a0c")  # doctest: +SKIP

        An `Image` is asked for anew. Raises `NotFoundError` if there is none.
        Source: https://gyazo.com/api/docs/image#image
        """
        return self._send(api.image(*self._signed_in(), image_id))

    async def aimage(self, image_id: str | Image) -> Image:
        """Same as `image`, awaited."""
        return await self._asend(api.image(*self._signed_in(), image_id))

    def search(self, query: str, *, page: int = 1, per: int = 20) -> Page:
        """Your images that fit a query, as a `Page`. Needs a paid plan.

        >>> gyazo.search("title:loss since:2026-01-01")    # doctest: +SKIP

        A `query` has up to 200 characters; besides words it knows `title:`, `app:`, `url:`, `since:`
        and `until:`. Pages count from 1, `per` goes up to 100. A new image is found minutes later.
        Raises `PlanError` on a free plan. Source: https://gyazo.com/api/docs/search
        """
        return self._send(api.search(*self._signed_in(), query, page=page, per=per))

    async def asearch(self, query: str, *, page: int = 1, per: int = 20) -> Page:
        """Same as `search`, awaited."""
        return await self._asend(api.search(*self._signed_in(), query, page=page, per=per))

    def oembed(self, url: str | Image) -> Embed:
        """What another page needs to embed an image: the picture's address and size in pixels.

        >>> gyazo.oembed("https://gyazo.com/8980c52421e452ac3355ca3e5cfe7a0c").width  # doctest: +SKIP

        Takes an `Image` or the address of its page, needs no sign-in and sends no token. Raises
        `NotFoundError` for what not everybody may see.
        Source: https://gyazo.com/api/docs/image#oembed
        """
        return self._send(api.oembed(self._site(), url))

    async def aoembed(self, url: str | Image) -> Embed:
        """Same as `oembed`, awaited."""
        return await self._asend(api.oembed(self._site(), url))

    def _book(self) -> Book:
        site, token = self._signed_in()

        def page(number: int) -> Operation[Page]:
            if self._signed_in()[1] != token:
                raise NotLoggedInError(
                    "Somebody else is signed in by now: call gyazo.images() anew."
                )
            return api.images(site, token, page=number, per_page=book.SIZE)

        return book.Book(
            lambda number: self._send(page(number)), lambda number: self._asend(page(number))
        )


def _chosen(page: int | None, per_page: int | None) -> dict[str, int]:
    given = {"page": page, "per_page": per_page}
    return {name: value for name, value in given.items() if value is not None}
