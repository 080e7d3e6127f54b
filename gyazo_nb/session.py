"""The object in the user's hand: `Gyazo`.

The law: whatever is awaited is the same operation as its blocking twin. Who is signed in is one
immutable value, replaced by one assignment, so that a callback on any thread may do it. The token is
sent to the site that it was signed in at, and no change of settings makes it go elsewhere.
"""

from __future__ import annotations

import threading
from datetime import datetime
from types import TracebackType
from typing import TYPE_CHECKING, Any, NoReturn, Self, SupportsIndex, TypeVar
from urllib.parse import urlsplit

from . import api
from .api import AccessPolicy
from .environment import Settings, access_token
from .errors import NotLoggedInError, OtherAccountError, UnauthorizedError
from .login import Account, Login
from .models import Deleted, Image, Page, User
from .operation import Operation
from .picture import file_part
from .secret import Secret
from .site import App, Site

if TYPE_CHECKING:  # httpx takes longer to import than %load_ext may last
    from .transport import Transport

T = TypeVar("T")


class Gyazo:
    """Your Gyazo account.

    >>> gyazo.upload(fig, title="Loss curve")  # doctest: +SKIP
    Image('https://gyazo.com/…', title='Loss curve')

    Without arguments, the token and the addresses come from the settings (`GYAZO_ACCESS_TOKEN`,
    `GYAZO_API_URL`, …) or from a sign-in (`%gyazo_login`, or `login()`). Every call that asks Gyazo
    something has a twin that is awaited, its name with an `a` in front. Calls wait 10 seconds for a
    connection and `timeout` seconds (30) for the next byte; they raise a `GyazoError` that says what
    to do. A session may be used from several threads and event loops.
    """

    def __init__(
        self,
        token: str | Secret | None = None,
        *,
        auth_url: str | None = None,
        api_url: str | None = None,
        upload_url: str | None = None,
        timeout: float | None = None,
        settings: Settings | None = None,
    ) -> None:
        token = None if token is None else Secret.of(token)
        given = {"auth_url": auth_url, "api_url": api_url, "upload_url": upload_url}
        base = settings or Settings()
        self._settings = Settings(lambda name: given.get(name) or base.text(name))
        self._own = base  # asks for the app and the token, which the arguments do not name
        self._timeout = timeout
        self._account: Account | None = None
        self._opened: Transport | None = None
        self._lock = threading.Lock()
        if token is not None:
            self._account = Account(
                access_token(token), self._settings.site(), None, "the argument"
            )

    # ── signing in ────────────────────────────────────────────────────────────────────────────

    def login(
        self, app: App | None = None, *, site: Site | None = None, switch: bool = False
    ) -> Login:
        """Begin to sign in, without any widget.

        >>> login = gyazo.login()              # doctest: +SKIP
        >>> print(login.url)                   # doctest: +SKIP
        >>> login.finish(input("Paste: "))     # doctest: +SKIP

        `app` is the registered application, from the settings if it is not given. `switch` allows
        another account than the one that is signed in. Raises `ConfigError` if a setting is missing.
        Source: https://gyazo.com/api/docs/auth
        """
        return Login(
            site=site or self._settings.site(),
            app=(lambda: app) if app else self._own.app,
            send=self._send,
            accept=lambda account: self._accept(account, switch=switch),
        )

    def logout(self) -> None:
        """Forget the token. Gyazo has no call that revokes one: see `site.AUTHORIZED_URL`."""
        self._account = None

    @property
    def account(self) -> Account | None:
        """Who is signed in, as far as is known without asking; None before the sign-in."""
        if self._account is not None:
            return self._account
        token = self._own.token()
        if token is None:
            return None
        return Account(token, self._settings.site(), None, "GYAZO_ACCESS_TOKEN")

    # ── the API ───────────────────────────────────────────────────────────────────────────────

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

        `picture` is a path, bytes, an open binary file, a matplotlib figure or a PIL image.
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
        return self._send(self._upload(picture, fields))

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
        return await self._asend(self._upload(picture, fields))

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

    # ── the connection ────────────────────────────────────────────────────────────────────────

    def close(self) -> None:
        """Close the blocking connections. A later call opens new ones."""
        if self._opened is not None:
            self._opened.close()

    async def aclose(self) -> None:
        """Close the connections of this event loop and the blocking ones."""
        if self._opened is not None:
            await self._opened.aclose()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self.aclose()

    def __repr__(self) -> str:
        try:
            account = self.account
        except Exception as error:  # noqa: BLE001 -- a wrong setting must not break a repr
            return f"<Gyazo: {error}>"
        if account is None:
            return "<Gyazo: nobody is signed in, run %gyazo_login>"
        who = f" as {account.user}" if account.user else ""
        return f"<Gyazo: signed in{who} at {urlsplit(account.site.api_url).netloc}>"

    def __reduce_ex__(self, protocol: SupportsIndex) -> NoReturn:
        raise TypeError("a Gyazo session is not written anywhere: it holds your access token")

    @property
    def _transport(self) -> Transport:
        from .transport import TIMEOUT, Transport  # noqa: PLC0415 -- see the top

        with self._lock:  # two threads must not open two
            if self._opened is None:
                self._opened = Transport(TIMEOUT if self._timeout is None else self._timeout)
            return self._opened

    def _accept(self, account: Account, *, switch: bool) -> None:
        """Take the account that signed in, unless another one is and nobody asked to change."""
        current = self._account
        if current is not None and not switch:
            before = current.user or self._owner(current)
            now = account.user
            if before and (before.uid, current.site) != (now and now.uid, account.site):
                raise OtherAccountError(
                    f"That is {account.user}, but {before} is signed in: run %gyazo_login --switch to "
                    f"change, or %gyazo_logout first."
                )
        self._account = account

    def _owner(self, account: Account) -> User | None:
        """Ask whose a token is that came without a name; nobody's, if it is dead."""
        try:
            return self._send(api.me(account.site, account.token))
        except UnauthorizedError:
            return None

    def _signed_in(self) -> tuple[Site, Secret]:
        account = self.account
        if account is None:
            raise NotLoggedInError(
                "Nobody is signed in to Gyazo yet: run %gyazo_login (or set GYAZO_ACCESS_TOKEN)."
            )
        return account.site, account.token

    def _upload(self, picture: Any, fields: dict[str, Any]) -> Operation[Image]:
        site, token = self._signed_in()
        return api.upload(site, token, file_part(picture), **fields)

    def _send(self, operation: Operation[T]) -> T:
        return self._transport.send(operation)

    async def _asend(self, operation: Operation[T]) -> T:
        return await self._transport.asend(operation)


def _id_of(image: str | Image) -> str:
    return image.image_id if isinstance(image, Image) else image
