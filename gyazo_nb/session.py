"""The object in the user's hand: `Gyazo`, every call of the API in two colours.

The law: what is awaited is the same operation as its blocking twin; a method makes it and sends it,
and decides nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from .later import later
from .looking import Looking
from .sign_in import SignIn
from .uploads import Uploads

if TYPE_CHECKING:
    from datetime import datetime

    from . import anything, api
    from . import picture as pictures
    from .api import AccessPolicy
    from .links import EasyUpload
    from .models import Deleted, Image
    from .operation import FilePart, Operation
else:
    anything, api, pictures = later("anything"), later("api"), later("picture")

# Gyazo requires an address. A notebook's own, with its file's name, is nobody else's business.
NOWHERE = "http://localhost/"


class Gyazo(Uploads, Looking, SignIn):
    """Your Gyazo account.

    >>> gyazo.upload(fig, title="Loss curve")  # doctest: +SKIP
    Image('https://gyazo.com/…', title='Loss curve')

    Without arguments, the token and the addresses come from the settings (`GYAZO_ACCESS_TOKEN`,
    `GYAZO_API_URL`, …) or from a sign-in (`%gyazo_login`, or `login()`). Every call that asks Gyazo
    something has a twin that is awaited, its name with an `a` in front. Calls wait 10 seconds for a
    connection and `timeout` seconds (30) for the next byte, and ask again up to `retries` times (3,
    within a minute) where that does no harm; see `Timeouts` and `Retry`. They raise a `GyazoError`
    that says what to do. The token goes in a header, or with `token_in="parameter"` as
    `access_token`. A session may be used from several threads and event loops.
    """

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

    def easy_upload(
        self,
        picture: Any,
        *,
        title: str | None = None,
        desc: str | None = None,
        referer_url: str = NOWHERE,
        client_id: str | None = None,
    ) -> EasyUpload:
        """Upload a picture without signing in, and give the link that makes it yours.

        >>> gyazo.easy_upload(fig)                         # doctest: +SKIP

        Open the link in a browser that is signed in to Gyazo, before it expires: the picture moves
        into that account. Sends the application's `client_id`, from the settings if it is not given,
        and no token. Gyazo requires a `referer_url`, the page that the picture comes from. Raises
        `ConfigError` without a client id. Source: https://gyazo.com/api/docs/image#easy_auth
        """
        fields = {"title": title, "desc": desc, "referer_url": referer_url}
        return self._send(self._easy_upload(self._part(picture), client_id, fields))

    async def aeasy_upload(
        self,
        picture: Any,
        *,
        title: str | None = None,
        desc: str | None = None,
        referer_url: str = NOWHERE,
        client_id: str | None = None,
    ) -> EasyUpload:
        """Same as `easy_upload`, awaited."""
        fields = {"title": title, "desc": desc, "referer_url": referer_url}
        return await self._asend(self._easy_upload(await self._apart(picture), client_id, fields))

    def update(
        self, image: str | Image, *, desc: str | None = None, alt_text: str | None = None
    ) -> Image:
        """Change the description or the alternative text of one of your images.

        >>> gyazo.update(image, alt_text="A falling curve")  # doctest: +SKIP

        Not documented by Gyazo: its maker's own tools do this, and it may stop working any day. Takes
        the `Image`, its id or the address of its page; what is None stays as it is. Raises
        `NotFoundError` or `ForbiddenError`. Source: https://github.com/nota/n8n-nodes-gyazo
        """
        site, token = self._signed_in()
        return self._send(api.update(site, token, image, desc=desc, alt_text=alt_text))

    async def aupdate(
        self, image: str | Image, *, desc: str | None = None, alt_text: str | None = None
    ) -> Image:
        """Same as `update`, awaited."""
        site, token = self._signed_in()
        return await self._asend(api.update(site, token, image, desc=desc, alt_text=alt_text))

    def delete(self, image: str | Image) -> Deleted:
        """Delete one of your images. There is no way back.

        >>> gyazo.delete(image)                            # doctest: +SKIP

        Takes the `Image`, its id or the address of its page. Raises `NotFoundError` or
        `ForbiddenError`. Source: https://gyazo.com/api/docs/image#delete
        """
        return self._send(api.delete(*self._signed_in(), image))

    async def adelete(self, image: str | Image) -> Deleted:
        """Same as `delete`, awaited."""
        return await self._asend(api.delete(*self._signed_in(), image))

    def request(
        self,
        method: str,
        path: str,
        *,
        params: Mapping[str, Any] | None = None,
        form: Mapping[str, Any] | None = None,
        json: Any = None,
    ) -> Any:
        """Ask anything else of Gyazo, signed in, and give the JSON of the answer.

        >>> gyazo.request("GET", "/api/images", params={"per_page": 1})  # doctest: +SKIP

        `path` belongs to the API's address; a whole address must be one of those in the settings,
        since the token goes nowhere else (`ArgumentError`). `form` is sent as form fields, `json` as a
        JSON body; an empty answer is None. Errors are those of every call. A method that changes
        something each time (POST, PATCH) is only asked again where it was certainly not carried out.
        Source: https://gyazo.com/api/docs
        """
        site, token = self._signed_in()
        return self._send(
            anything.request(site, token, method, path, params=params, form=form, json=json)
        )

    async def arequest(
        self,
        method: str,
        path: str,
        *,
        params: Mapping[str, Any] | None = None,
        form: Mapping[str, Any] | None = None,
        json: Any = None,
    ) -> Any:
        """Same as `request`, awaited."""
        site, token = self._signed_in()
        return await self._asend(
            anything.request(site, token, method, path, params=params, form=form, json=json)
        )

    def _easy_upload(
        self, part: FilePart, client_id: str | None, fields: dict[str, Any]
    ) -> Operation[EasyUpload]:
        client_id = client_id or self._client_id()
        return api.easy_upload(self._site(), client_id, pictures.data_url(part), **fields)
