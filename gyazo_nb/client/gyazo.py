"""`Gyazo`, the object that users work with: every call of the API, blocking and async.

Guarantees: an async method sends the same operation as its blocking method. A method makes the operation
and hands it to the `Connection`, which decides everything else.
"""

from __future__ import annotations

import asyncio
import os
import threading
import time
from collections.abc import Coroutine, Mapping
from datetime import datetime
from functools import partial
from typing import TYPE_CHECKING, Any, Self, overload
from urllib.parse import urlsplit

from gyazo_nb import html
from gyazo_nb.api import custom_request, endpoints
from gyazo_nb.api.endpoints import UploadFields, check_number, check_text
from gyazo_nb.api.image import Deleted, Image, Page, warn_about_access
from gyazo_nb.api.models import EasyUpload, Embed, User
from gyazo_nb.api.operation import Operation
from gyazo_nb.api.retry import Retry, Timeouts
from gyazo_nb.errors import NotLoggedInError
from gyazo_nb.secret import Secret
from gyazo_nb.settings import AccessPolicy, App, Settings, Site, TokenIn, access_token

from .image_list import AsyncImages, Images
from .page_cache import PageCache
from .signatures import same_parameters

if TYPE_CHECKING:  # imported by the first call, see `_connection`
    from gyazo_nb.auth.account import Account
    from gyazo_nb.auth.login import Login
    from gyazo_nb.batch.report import Report
    from gyazo_nb.batch.source import Items
    from gyazo_nb.batch.upload import PerItem
    from gyazo_nb.images.render import Formatter

    from .connection import Connection
    from .notebook_file import Notation
    from .publication import Publication, Published

# Gyazo requires a referer. The notebook's own address contains its file name, which is private.
DEFAULT_REFERER = "http://localhost/"


class Gyazo:
    """Your Gyazo account.

    >>> gyazo.upload(fig, title="Loss curve")
    Image('https://gyazo.com/…', title='Loss curve')

    Without arguments, the token and the addresses come from the settings (`GYAZO_ACCESS_TOKEN`,
    `GYAZO_API_URL`, …) or from a sign-in (`%gyazo_login`, or `login()`). Every call that sends a request
    has an async version, with an `a` before its name. A call waits 10 seconds for a connection and
    `timeout` seconds (30) for the next byte, and is retried up to `retries` times (3, within a minute)
    where that is safe; see `Timeouts` and `Retry`. Calls raise a `GyazoError` that says what to do. The
    token is sent in a header, or with `token_in="parameter"` as `access_token`. A session can be used
    from several threads and event loops.

    A pickle of a session holds no token: in another process it becomes `Gyazo()` with the same arguments,
    and with the settings of that process. A copy (`copy.copy`, `copy.deepcopy`) is the same object.
    """

    formatter: Formatter | None = None
    """The extension for notebooks sets it: figures are uploaded as this notebook shows them."""

    _is_unpickled = False

    def __init__(
        self,
        token: str | Secret | None = None,
        *,
        auth_url: str | None = None,
        api_url: str | None = None,
        upload_url: str | None = None,
        token_in: TokenIn | None = None,
        timeout: float | Timeouts | None = None,
        retries: int | Retry | None = None,
        settings: Settings | None = None,
    ) -> None:
        # First, before an error can occur: a traceback shows arguments.
        token = None if token is None else Secret.or_none(token) or Secret("")
        arguments: dict[str, str | None] = {
            "auth_url": auth_url,
            "api_url": api_url,
            "upload_url": upload_url,
            "token_in": token_in,
        }
        for name, text in arguments.items():
            check_text(name, text)
        self._settings = (settings or Settings()).with_override(arguments.get)
        # What a pickle holds: no token.
        self._arguments: dict[str, Any] = {**arguments, "timeout": timeout, "retries": retries}
        self._timeouts, self._retry = Timeouts.of(timeout), Retry.of(retries)
        self._lock = threading.Lock()
        self._opened: Connection | None = None
        self._report: Report | None = None
        if token is not None:
            self._connection.use_unverified_token(access_token(token))

    @property
    def _connection(self) -> Connection:
        """The connection. The first call creates it, and imports `auth`, `batch` and `images`.

        This keeps `%load_ext` fast. No other module of this package delays its imports, except for the
        third-party libraries httpx, ipywidgets and tqdm.
        """
        from .connection import Connection  # noqa: PLC0415 -- see above

        with self._lock:  # two threads must not create two
            if self._opened is None:
                self._opened = Connection(self._settings, self._timeouts, self._retry)
                self._opened.is_unpickled = self._is_unpickled
                self._opened.formatter = self.formatter
            return self._opened

    def _signed_in(self) -> tuple[Site, Secret]:
        return self._connection.signed_in()

    # ── uploads ──────────────────────────────────────────────────────────────────────────────────

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
        """Upload a picture, and return its `Image`. A notebook shows it as a card.

        >>> gyazo.upload("plot.png", title="Loss curve", access_policy="only_me")

        `picture` is a figure (matplotlib, seaborn, plotly, altair), a PIL image, an array, any object
        that IPython can show as a picture, bytes, an open binary file, a path or a web address.
        `access_policy` is "anyone" (everyone with the link) or "only_me"; without it, the setting
        GYAZO_ACCESS_POLICY applies, else Gyazo's default, which is "anyone". In the comment `desc`,
        `#word` becomes a tag; `referer_url` is the page that the picture comes from; `created_at` is a
        `datetime` or Unix seconds; `collection_id` is a collection that you own or have joined. For
        identical bytes Gyazo returns the existing image, with its own title and access policy. Raises
        `PictureError` if the object cannot become a picture, `NotLoggedInError` before the sign-in.
        Source: https://gyazo.com/api/docs/image#upload
        """
        site, token = self._signed_in()  # before rendering, which may take long
        fields = UploadFields(
            title=title,
            desc=desc,
            access_policy=access_policy,
            metadata_is_public=metadata_is_public,
            referer_url=referer_url,
            app=app,
            created_at=created_at,
            collection_id=collection_id,
        )
        fields = self._connection.with_default_policy(fields)
        part = self._connection.file_part(picture)
        image = self._connection.upload(site, token, part, fields)
        warn_about_access([image])
        return image

    @same_parameters(upload)
    async def aupload(self, picture: Any, **fields: Any) -> Image:
        """Same as `upload`, async."""
        site, token = self._signed_in()
        checked = self._connection.with_default_policy(UploadFields(**fields))
        part = await self._connection.afile_part(picture)
        image = await self._connection.aupload(site, token, part, checked)
        warn_about_access([image])
        return image

    def upload_all(
        self,
        things: Items,  # named so since version 0.1.0: callers can pass it by keyword
        *,
        concurrency: int = 16,
        progress: bool = True,
        resume: str | os.PathLike[str] | None = None,
        title: PerItem[str] = None,
        desc: PerItem[str] = None,
        access_policy: PerItem[AccessPolicy] = None,
        metadata_is_public: PerItem[bool] = None,
        referer_url: PerItem[str] = None,
        app: PerItem[str] = None,
        created_at: PerItem[datetime | float] = None,
        collection_id: PerItem[str] = None,
    ) -> Report:
        """Upload many pictures, several at once, and return a `Report`: the images, in order.

        >>> gyazo.upload_all("plots", title=lambda path: path.stem)
        >>> gyazo.upload_all("plots/**/*.png")
        >>> gyazo.upload_all(paths, resume="batch.jsonl")
        >>> gyazo.upload_all([pool.submit(make_png, seed) for seed in seeds])

        `things` is a folder, a glob, or any iterable of items. The items of a dictionary are its values.
        The items of a folder are its pictures, in the natural order of their names, without subfolders;
        a sentence and `report.left_out` name the other files. An item is read when it is needed. It can
        be any object that `upload` takes, or a future (of a process pool, of Dask) of such an object. A
        file of more than 1 MB is read while it is sent: do not change it before. Each field (`title`,
        `desc`, …, as in `upload`) is a value, or a function of the item or of the future's result. A
        failed item or future does not stop the others: see `report.failures` and `report.retry()`.
        Ctrl-C keeps the uploaded images: `gyazo.report` is then the report, and its `retry()` uploads
        the rest; of a generator, it uploads only the items that were already read. With `resume`, each
        upload is recorded in that file, and the same call in another kernel sends only the rest; an image
        that was deleted on Gyazo since then is returned as it was. At most `concurrency` uploads run at
        the same time.
        Source: https://gyazo.com/api/docs/image#upload
        """
        batch = self._connection.batch(
            things,
            self._set_report,
            concurrency=concurrency,
            progress=progress,
            resume=resume,
            title=title,
            desc=desc,
            access_policy=access_policy,
            metadata_is_public=metadata_is_public,
            referer_url=referer_url,
            app=app,
            created_at=created_at,
            collection_id=collection_id,
        )
        batch.run()
        return batch.report

    @same_parameters(upload_all)
    async def aupload_all(self, things: Items, **options: Any) -> Report:
        """Same as `upload_all`, async. The items can come from an async iterable too.

        >>> await gyazo.aupload_all(figures())

        Futures and tasks of this event loop can be items, too. Items are read and rendered in the thread
        of the event loop, which runs other tasks between two items. An async generator should await slow operations.
        """
        batch = self._connection.batch(things, self._set_report, **options)
        await batch.arun()
        return batch.report

    @property
    def report(self) -> Report | None:
        """The report of the last batch, also if it was stopped or is still running.

        >>> gyazo.report.retry()
        """
        return self._report

    def _set_report(self, report: Report) -> None:
        self._report = report

    def publish(
        self,
        path: str | os.PathLike[str],
        *,
        to: str | os.PathLike[str] | None = None,
        notation: Notation = "markdown",
        title: str | None = None,
        access_policy: AccessPolicy | None = None,
        collection_id: str | None = None,
        resume: str | os.PathLike[str] | None = None,
        progress: bool = True,
        overwrite: bool = False,
    ) -> Published:
        """Write a saved notebook as one text, whose pictures are on Gyazo. Returns a `Published`.

        >>> gyazo.publish("analysis.ipynb").path
        PosixPath('analysis.md')

        The pictures are the outputs, the attachments, the embedded ones and the files that the notebook
        shows from its own folder; identical ones are uploaded once. `to` is the file to write (default:
        `.md` or `.txt` beside the notebook). It is written after the last upload. A file that `publish`
        did not write is replaced only with `overwrite=True`. `notation` is "markdown" or "cosense", which
        needs mistune (`gyazo-nb[nbconvert]`). `title` is the title of each image; without it, that is the
        text that describes the picture in the notebook. `access_policy`, `collection_id` and `resume` are
        those of `upload_all`; with `resume`, a second call sends only the rest. Raises `PictureError` for
        a damaged picture, and `BatchError` if uploads failed, each with the cell.
        Source: https://gyazo.com/api/docs/image#upload
        """
        publication = self._publication(path, to, notation, overwrite=overwrite)
        if progress:
            publication.print_summary()
        report = self.upload_all(
            publication.draft.items,
            title=title or publication.draft.title_of,
            access_policy=access_policy,
            collection_id=collection_id,
            resume=resume,
            progress=progress,
        )
        return publication.write(report)

    @same_parameters(publish)
    async def apublish(
        self,
        path: str | os.PathLike[str],
        *,
        to: str | os.PathLike[str] | None,
        notation: Notation,
        overwrite: bool,
        **options: Any,
    ) -> Published:
        """Same as `publish`, async."""
        # In a thread: a notebook can have many pictures to render, and no object of a library.
        publication = await asyncio.to_thread(
            self._publication, path, to, notation, overwrite=overwrite
        )
        if options["progress"]:
            publication.print_summary()
        options["title"] = options["title"] or publication.draft.title_of
        return publication.write(await self.aupload_all(publication.draft.items, **options))

    def _publication(
        self,
        path: str | os.PathLike[str],
        to: str | os.PathLike[str] | None,
        notation: Notation,
        *,
        overwrite: bool,
    ) -> Publication:
        from .publication import Publication  # noqa: PLC0415 -- as in `_connection`

        self._signed_in()  # before rendering, which may take long
        return Publication(path, to, notation, overwrite=overwrite)

    # ── images ───────────────────────────────────────────────────────────────────────────────────

    @overload
    def images(self, *, page: None = None, per_page: None = None) -> Images: ...
    @overload
    def images(self, *, page: int, per_page: int | None = ...) -> Page: ...
    @overload
    def images(self, *, page: None = None, per_page: int) -> Page: ...
    def images(self, *, page: int | None = None, per_page: int | None = None) -> Images | Page:
        """Your images, newest first; in a notebook a gallery.

        >>> for image in gyazo.images(): print(image.title)
        >>> gyazo.images()[:500]
        >>> gyazo.images(page=2, per_page=10)

        Without arguments: all of them, fetched while you read, see `Images`. With `page` (from 1) or
        `per_page` (20, up to 100): one `Page`, fetched immediately.
        Source: https://gyazo.com/api/docs/image#list
        """
        if page is None and per_page is None:
            return Images(PageCache(self._connection))
        return self._connection.send(self._page(page, per_page))

    @overload
    def aimages(self, *, page: None = None, per_page: None = None) -> AsyncImages: ...
    @overload
    def aimages(self, *, page: int, per_page: int | None = ...) -> Coroutine[Any, Any, Page]: ...
    @overload
    def aimages(self, *, page: None = None, per_page: int) -> Coroutine[Any, Any, Page]: ...
    def aimages(
        self, *, page: int | None = None, per_page: int | None = None
    ) -> AsyncImages | Coroutine[Any, Any, Page]:
        """Same as `images`, async.

        >>> async for image in gyazo.aimages(): print(image.title)
        >>> await gyazo.aimages(page=2, per_page=10)
        """
        if page is None and per_page is None:
            return AsyncImages(PageCache(self._connection))
        return self._connection.asend(self._page(page, per_page))

    def _page(self, page: int | None, per_page: int | None) -> Operation[Page]:
        page = 1 if page is None else page
        per_page = 20 if per_page is None else per_page
        return endpoints.images(*self._signed_in(), page=page, per_page=per_page)

    def image(self, image_id: str | Image) -> Image:
        """One image, by its id or the address of its page or picture.

        >>> gyazo.image("https://gyazo.com/8980c52421e452ac3355ca3e5cfe7a0c")

        An `Image` is fetched again. Raises `NotFoundError` if the image does not exist.
        Source: https://gyazo.com/api/docs/image#image
        """
        return self._connection.send(endpoints.image(*self._signed_in(), image_id))

    async def aimage(self, image_id: str | Image) -> Image:
        """Same as `image`, async."""
        return await self._connection.asend(endpoints.image(*self._signed_in(), image_id))

    def search(self, query: str, *, page: int = 1, per: int = 20) -> Page:
        """Your images that match a query, as a `Page`. Needs a paid plan.

        >>> gyazo.search("title:loss since:2026-01-01")

        A `query` has up to 200 characters; it can contain words, `title:`, `app:`, `url:`,
        `since:` and `until:`. Pages count from 1, `per` goes up to 100. A new image is found after some
        minutes. Raises `PlanError` on a free plan. Source: https://gyazo.com/api/docs/search
        """
        operation = endpoints.search(*self._signed_in(), query, page=page, per=per)
        return self._connection.send(operation)

    async def asearch(self, query: str, *, page: int = 1, per: int = 20) -> Page:
        """Same as `search`, async."""
        operation = endpoints.search(*self._signed_in(), query, page=page, per=per)
        return await self._connection.asend(operation)

    def update(
        self, image: str | Image, *, desc: str | None = None, alt_text: str | None = None
    ) -> Image:
        """Change the description or the alternative text of one of your images.

        >>> gyazo.update(image, alt_text="A falling curve")

        Gyazo does not document this call: Gyazo's own tools use it, and it may change without notice.
        Takes the `Image`, its id or the address of its page. None leaves a text as it is. Raises
        `NotFoundError` or `ForbiddenError`. Source: https://github.com/nota/n8n-nodes-gyazo
        """
        operation = endpoints.update(*self._signed_in(), image, desc=desc, alt_text=alt_text)
        return self._connection.send(operation)

    @same_parameters(update)
    async def aupdate(self, image: str | Image, **texts: Any) -> Image:
        """Same as `update`, async."""
        return await self._connection.asend(endpoints.update(*self._signed_in(), image, **texts))

    def delete(self, image: str | Image) -> Deleted:
        """Delete one of your images. This cannot be undone.

        >>> gyazo.delete(image)

        Takes the `Image`, its id or the address of its page. Raises `NotFoundError` or
        `ForbiddenError`. Source: https://gyazo.com/api/docs/image#delete
        """
        deleted = self._connection.send(endpoints.delete(*self._signed_in(), image))
        self._connection.uploaded_ids.discard(deleted.image_id)  # a second upload is a new image
        return deleted

    async def adelete(self, image: str | Image) -> Deleted:
        """Same as `delete`, async."""
        deleted = await self._connection.asend(endpoints.delete(*self._signed_in(), image))
        self._connection.uploaded_ids.discard(deleted.image_id)
        return deleted

    # ── other calls ──────────────────────────────────────────────────────────────────────────────

    def me(self) -> User:
        """The signed-in user.

        >>> gyazo.me().name
        'Sandy Box'

        Source: https://gyazo.com/api/docs/user
        """
        return self._connection.send(endpoints.me(*self._signed_in()))

    async def ame(self) -> User:
        """Same as `me`, async."""
        return await self._connection.asend(endpoints.me(*self._signed_in()))

    def oembed(self, url: str | Image) -> Embed:
        """The data to embed an image in a web page: the picture's address and its size in pixels.

        >>> gyazo.oembed("https://gyazo.com/8980c52421e452ac3355ca3e5cfe7a0c").width

        Takes an `Image` or the address of its page. Needs no sign-in and sends no token. Raises
        `NotFoundError` for an image that is not public.
        Source: https://gyazo.com/api/docs/image#oembed
        """
        return self._connection.send(endpoints.oembed(self._connection.site(), url))

    async def aoembed(self, url: str | Image) -> Embed:
        """Same as `oembed`, async."""
        return await self._connection.asend(endpoints.oembed(self._connection.site(), url))

    def easy_upload(
        self,
        picture: Any,
        *,
        title: str | None = None,
        desc: str | None = None,
        referer_url: str = DEFAULT_REFERER,
        client_id: str | None = None,
    ) -> EasyUpload:
        """Upload a picture without signing in, and return the link that makes it yours.

        >>> gyazo.easy_upload(fig)

        Open the link in a browser that is signed in to Gyazo before the link expires: the picture moves
        into that account. Sends no token, only a `client_id`. Without this argument, it is that of the
        sign-in, or else that of the settings. Gyazo requires a `referer_url`, the page that the picture comes
        from. Raises `ConfigError` without a client id. Source: https://gyazo.com/api/docs/image#easy_auth
        """
        connection = self._connection
        part = connection.file_part(picture)
        fields = {"title": title, "desc": desc, "referer_url": referer_url}
        return connection.send(connection.easy_upload(part, client_id, **fields))

    @same_parameters(easy_upload)
    async def aeasy_upload(
        self, picture: Any, *, client_id: str | None, **fields: Any
    ) -> EasyUpload:
        """Same as `easy_upload`, async."""
        connection = self._connection
        part = await connection.afile_part(picture)
        return await connection.asend(connection.easy_upload(part, client_id, **fields))

    def request(
        self,
        method: str,
        path: str,
        *,
        params: Mapping[str, Any] | None = None,
        form: Mapping[str, Any] | None = None,
        json: Any = None,
    ) -> Any:
        """Send any other request to the API, signed in, and return the JSON of the reply.

        >>> gyazo.request("GET", "/api/images", params={"per_page": 1})

        `path` is added to the API's address. A whole address must be one of those in the settings, since
        the token is sent to no other server (`ArgumentError`). `form` is sent as form fields, `json` as a
        JSON body; an empty reply is None. Raises the errors of every call. A method that changes
        something each time (POST, PATCH) is retried only where it was certainly not processed.
        Source: https://gyazo.com/api/docs
        """
        operation = custom_request.request(
            *self._signed_in(), method, path, params=params, form=form, json=json
        )
        return self._connection.send(operation)

    @same_parameters(request)
    async def arequest(self, method: str, path: str, **content: Any) -> Any:
        """Same as `request`, async."""
        operation = custom_request.request(*self._signed_in(), method, path, **content)
        return await self._connection.asend(operation)

    # ── signing in ───────────────────────────────────────────────────────────────────────────────

    def login(
        self, app: App | None = None, *, site: Site | None = None, switch: bool = False
    ) -> Login:
        """Begin to sign in, without any widget.

        >>> login = gyazo.login()
        >>> print(login.url)
        >>> login.finish(getpass("Paste: "))

        `app` is the registered application; without it, the settings name one. `switch` allows another
        account than the one that is signed in. Raises `ConfigError` if a setting is missing.
        Source: https://gyazo.com/api/docs/auth
        """
        return self._connection.login(app, site, switch=switch)

    def use_token(
        self,
        token: str | Secret,
        *,
        site: Site | None = None,
        switch: bool = False,
        source: str = "the argument",
    ) -> User:
        """Sign in with an existing token, after a request for its user.

        >>> gyazo.use_token(getpass())

        Create a token on your application's page, https://gyazo.com/oauth/applications. Raises
        `UnauthorizedError` if Gyazo does not accept it, and the errors of every call. An error leaves the
        session unchanged.
        """
        token = Secret.or_none(token) or Secret("")  # a traceback shows arguments
        return self._connection.use_token(access_token(token), site, switch=switch, source=source)

    async def ready(self, seconds: float = 300.0) -> User | None:
        """Wait for a sign-in: for a cell between the panel and the cells that need it.

        >>> await gyazo.ready()

        Raises `NotLoggedInError` if no sign-in is open, or none is finished in time.
        """
        check_number("seconds", seconds)
        deadline = time.monotonic() + seconds
        open_logins = self._connection.open_logins
        open_logins.awaiting_cells += 1
        try:
            while (account := self.account) is None:
                if not open_logins.has_open:
                    raise NotLoggedInError("No sign-in is open: run %gyazo_login first.")
                open_logins.check_can_await()
                if time.monotonic() > deadline:
                    raise NotLoggedInError(
                        f"The sign-in was not finished within {seconds:g} seconds: finish the panel, "
                        f"then run this cell again."
                    )
                # In short steps: an interrupt is noticed only when the loop wakes up.
                await asyncio.sleep(0.1)
            return account.user
        finally:
            open_logins.awaiting_cells -= 1

    def logout(self) -> None:
        """Forget the token. Gyazo has no call that revokes one: see `settings.AUTHORIZED_URL`."""
        self._connection.current.sign_out()

    @property
    def account(self) -> Account | None:
        """The signed-in account, or None before the sign-in. Sends no request."""
        return self._connection.current.account

    @property
    def known(self) -> Account | None:
        """Same as `account`, but None if a wrong setting prevents reading the account."""
        return self._connection.current.account_or_none

    # ── the session ──────────────────────────────────────────────────────────────────────────────

    def close(self) -> None:
        """Close the connections, of every thread and event loop. A later call opens new ones."""
        self._connection.close()

    async def aclose(self) -> None:
        """Same as `close`, async: the connections of this event loop are closed when it returns."""
        await self._connection.aclose()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.aclose()

    def __repr__(self) -> str:
        try:
            account = self.account
        except Exception as error:  # noqa: BLE001 -- a wrong setting must not break a repr
            return f"<Gyazo: {error}>"
        if account is None:
            return "<Gyazo: not signed in, run %gyazo_login>"
        status = f"with the token from {account.source}"  # a repr sends no request for the user
        if account.user is not None:
            status = f"signed in as {account.user.called}"
        return f"<Gyazo: {status} at {urlsplit(account.site.api_url).netloc}>"

    def _repr_html_(self) -> str:
        try:
            account = self.account
        except Exception as error:  # noqa: BLE001 -- as above
            return html.message(str(error))
        if account is None:
            return html.message("You are not signed in to Gyazo: run %gyazo_login")
        server = urlsplit(account.site.api_url).netloc
        if account.user is None:
            return html.message(
                f"Gyazo with the token from {account.source}, at {server}. To check the token and see its "
                f"user, run gyazo.me()."
            )
        return html.message(
            f"Signed in to Gyazo as {account.user.called} at {server}, by {account.source}."
        )

    def __reduce__(self) -> tuple[Any, ...]:
        return partial(type(self), **self._arguments), (), {"_is_unpickled": True}

    def __copy__(self) -> Self:
        return self

    def __deepcopy__(self, memo: dict[int, object]) -> Self:
        return self
