"""The object in the user's hand: `Gyazo`, every call of the API in two colours.

The law: what is awaited is the same operation as its blocking twin; a method makes it and sends it,
and decides nothing.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from . import api
from .api import AccessPolicy
from .models import Deleted, Image, Page, User
from .uploads import Uploads


class Gyazo(Uploads):
    """Your Gyazo account.

    >>> gyazo.upload(fig, title="Loss curve")  # doctest: +SKIP
    Image('https://gyazo.com/…', title='Loss curve')

    Without arguments, the token and the addresses come from the settings (`GYAZO_ACCESS_TOKEN`,
    `GYAZO_API_URL`, …) or from a sign-in (`%gyazo_login`, or `login()`). Every call that asks Gyazo
    something has a twin that is awaited, its name with an `a` in front. Calls wait 10 seconds for a
    connection and `timeout` seconds (30) for the next byte; they raise a `GyazoError` that says what
    to do. A session may be used from several threads and event loops.
    """

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

    def upload(
        self,
        picture: Any,
        *,
        title: str | None = None,
        desc: str | None = None,
        access_policy: AccessPolicy | None = None,
        metadata_is_public: bool | None = None,
        referer_url: str | None = None,
        app: str | None = None,
        created_at: datetime | float | None = None,
        collection_id: str | None = None,
    ) -> Image:
        """Upload a picture and give its `Image`, which shows itself as a card.

        >>> gyazo.upload("plot.png", title="Loss curve", access_policy="only_me")  # doctest: +SKIP

        `picture` is a figure (matplotlib, seaborn, plotly, altair), a PIL image, an array, anything
        that shows itself as a picture, bytes, an open binary file, a path or a web address.
        `access_policy` is "anyone" (Gyazo's default: whoever has the link) or "only_me"; `desc` is a
        comment, in which `#word` becomes a tag; `referer_url` is the page it comes from; `created_at`
        a `datetime` or Unix seconds; `collection_id` a collection that you own or have joined.
        Identical bytes give the image that is there already: on Gyazo it keeps its old title. Raises
        `PictureError` for what is no picture, `NotLoggedInError` before the sign-in.
        Source: https://gyazo.com/api/docs/image#upload
        """
        fields = {
            "title": title,
            "desc": desc,
            "access_policy": access_policy,
            "metadata_is_public": metadata_is_public,
            "referer_url": referer_url,
            "app": app,
            "created_at": created_at,
            "collection_id": collection_id,
        }
        return self._job(picture, fields)()

    async def aupload(
        self,
        picture: Any,
        *,
        title: str | None = None,
        desc: str | None = None,
        access_policy: AccessPolicy | None = None,
        metadata_is_public: bool | None = None,
        referer_url: str | None = None,
        app: str | None = None,
        created_at: datetime | float | None = None,
        collection_id: str | None = None,
    ) -> Image:
        """Same as `upload`, awaited."""
        fields = {
            "title": title,
            "desc": desc,
            "access_policy": access_policy,
            "metadata_is_public": metadata_is_public,
            "referer_url": referer_url,
            "app": app,
            "created_at": created_at,
            "collection_id": collection_id,
        }
        return await self._asend(await self._aupload(picture, fields))

    def images(self, *, page: int = 1, per_page: int = 20) -> Page:
        """Some of your images, newest first; in a notebook a gallery.

        >>> gyazo.images(per_page=5)[0].permalink_url      # doctest: +SKIP

        Pages count from 1, `per_page` goes up to 100.
        Source: https://gyazo.com/api/docs/image#list
        """
        return self._send(api.images(*self._signed_in(), page=page, per_page=per_page))

    async def aimages(self, *, page: int = 1, per_page: int = 20) -> Page:
        """Same as `images`, awaited."""
        return await self._asend(api.images(*self._signed_in(), page=page, per_page=per_page))

    def image(self, image_id: str) -> Image:
        """One image, by its id or the address of its page.

        >>> gyazo.image("https://gyazo.com/8980c52421e452ac3355ca3e5cfe7a0c")  # doctest: +SKIP

        Raises `NotFoundError` if there is none. Source: https://gyazo.com/api/docs/image#image
        """
        return self._send(api.image(*self._signed_in(), image_id))

    async def aimage(self, image_id: str) -> Image:
        """Same as `image`, awaited."""
        return await self._asend(api.image(*self._signed_in(), image_id))

    def delete(self, image: str | Image) -> Deleted:
        """Delete one of your images. There is no way back.

        >>> gyazo.delete(image)                            # doctest: +SKIP

        Takes the `Image`, its id or the address of its page. Raises `NotFoundError` or
        `ForbiddenError`. Source: https://gyazo.com/api/docs/image#delete
        """
        return self._send(api.delete(*self._signed_in(), _id_of(image)))

    async def adelete(self, image: str | Image) -> Deleted:
        """Same as `delete`, awaited."""
        return await self._asend(api.delete(*self._signed_in(), _id_of(image)))


def _id_of(image: str | Image) -> str:
    return image.image_id if isinstance(image, Image) else image
