"""Sends operations as the signed-in account. `Gyazo` and the objects that it creates use it.

Guarantees:

- A token is sent only to the site at which the user signed in, also if the settings change later.
- A token counts as revoked only when `users/me` rejects it too.
- Another account replaces the current one only with `switch=True`.
"""

from __future__ import annotations

import asyncio
import os
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import urlsplit

from gyazo_nb.api import endpoints
from gyazo_nb.api.endpoints import UploadFields, check_type
from gyazo_nb.api.image import Image
from gyazo_nb.api.models import EasyUpload, User
from gyazo_nb.api.operation import FilePart, Operation
from gyazo_nb.api.retry import NO_RETRY, Retry, Sleep, Timeouts
from gyazo_nb.auth import hub
from gyazo_nb.auth.account import Account, CurrentAccount, check_same_site, check_same_user
from gyazo_nb.auth.login import Login, OpenLogins, request_user
from gyazo_nb.batch.report import Report
from gyazo_nb.batch.runner import Batch, progress_bar
from gyazo_nb.batch.upload import Uploader
from gyazo_nb.errors import GyazoError, NotLoggedInError, UnauthorizedError
from gyazo_nb.images import convert
from gyazo_nb.images.render import Formatter
from gyazo_nb.secret import Secret
from gyazo_nb.settings import ACCESS_TOKEN_VARIABLE, App, Settings, Site

if TYPE_CHECKING:
    from gyazo_nb.http.transport import Transport

T = TypeVar("T")

_FRAMES_BAR = partial(progress_bar, "Rendering", "frame", delay=1)


class Connection:
    """The transport, the settings and the current account of one `Gyazo` session.

    It can be used from several threads and event loops, and after a fork.
    """

    is_unpickled = False
    """Whether the session came from a pickle, without its token."""

    formatter: Formatter | None = None
    """Renders an object as the notebook shows it. None outside of notebooks."""

    def __init__(self, settings: Settings, timeouts: Timeouts, retry: Retry) -> None:
        self.settings = settings
        self.current = CurrentAccount(settings)
        self.open_logins = OpenLogins()
        self.uploaded_ids: set[str] = set()  # a second upload returns one of these again
        self._timeouts, self._retry = timeouts, retry
        self._transport: Transport | None = None
        self._lock = threading.Lock()

    @property
    def transport(self) -> Transport:
        """The transport. The first call creates it, and imports httpx."""
        from gyazo_nb.http.transport import Transport  # noqa: PLC0415 -- httpx takes 50 ms to import

        with self._lock:  # two threads must not create two
            if self._transport is None:
                self._transport = Transport(self._timeouts, self._retry, self.settings)
            return self._transport

    def close(self) -> None:
        """Close the connections, of every thread and event loop. A later call opens new ones."""
        if self._transport is not None:
            self._transport.close()

    async def aclose(self) -> None:
        """Same as `close`, async: the connections of this event loop are closed when it returns."""
        if self._transport is not None:
            await self._transport.aclose()

    # ── the account ──────────────────────────────────────────────────────────────────────────────

    def signed_in(self) -> tuple[Site, Secret]:
        """The site and the token of the current account, or `NotLoggedInError`."""
        try:
            account = self.current.require()
        except NotLoggedInError:
            if self.is_unpickled:
                raise NotLoggedInError(
                    "This session came from a pickle, which holds no token. In another process, return "
                    "the picture, and upload it from the notebook: gyazo.upload_all(futures). In a "
                    "notebook, run %gyazo_login (or set GYAZO_ACCESS_TOKEN)."
                ) from None
            if self.open_logins.has_open:
                raise NotLoggedInError(
                    "You are not signed in to Gyazo yet: finish the sign-in that is open, then run this "
                    "cell again. (After %gyazo_login --wait, the next cells wait for it.)"
                ) from None
            raise
        return account.site, account.token

    def site(self) -> Site:
        """The site for a call without a token: that of the account, else that of the settings."""
        account = self.current.account
        return self.settings.site() if account is None else account.site

    def known_token(self) -> Secret | None:
        """The token of the current account."""
        account = self.current.account_or_none
        return None if account is None else account.token

    def known_user(self) -> User | None:
        """The user of the current account, if it is known without a request."""
        account = self.current.account
        return None if account is None else account.user

    def sign_in(
        self,
        account: Account,
        *,
        switch: bool,
        check_not_cancelled: Callable[[], None] = lambda: None,
    ) -> None:
        """Make this the current account. Without `switch`, refuse to replace another user's.

        It calls `check_not_cancelled` after the last request: this raises an error for a cancelled sign-in.
        """
        while True:
            current = self.current.account_or_none
            if current is not None and current.token != account.token and not switch:
                check_same_site(account.site, current)
                check_same_user(account, current.user or self._request_user(current))
            check_not_cancelled()
            # The request takes time: if another sign-in came first, compare with that one.
            if self.current.replace(current, account):
                return

    def use_unverified_token(self, token: Secret) -> None:
        """Make the account of a token the current one, without a request."""
        self.current.sign_in(Account(token, self.settings.site(), None, "the argument"))

    def use_token(self, token: Secret, site: Site | None, *, switch: bool, source: str) -> User:
        """Ask Gyazo for the user of a token, and make this account the current one."""
        check_type("site", site, Site)
        site = site or self.settings.site()
        try:
            user = self.send_once(endpoints.me(site, token))
        except UnauthorizedError as error:
            other_way = "%gyazo_login --mode panel (or --token) to sign in another way."
            next_step = f"Run {other_way}"
            if source == ACCESS_TOKEN_VARIABLE:  # a headless run has no other way
                next_step = f"Set the variable to a valid token, or run {other_way}"
            elif source == "--token":
                next_step = (
                    "Run %gyazo_login --token again with the whole token, or %gyazo_login to sign in "
                    "another way."
                )
            raise UnauthorizedError(
                f"Gyazo does not accept the token from {source}: it was deleted or revoked, or is not "
                f"complete. {next_step}",
                status=error.status,
            ) from None
        self.sign_in(Account(token, site, user, source), switch=switch)
        return user

    def _request_user(self, account: Account) -> User | None:
        """Ask Gyazo for the user of an account; None if its token is revoked."""
        try:
            return request_user(self, account.site, account.token)
        except UnauthorizedError:
            return None

    # ── sending ──────────────────────────────────────────────────────────────────────────────────

    def send(self, operation: Operation[T], sleep: Sleep = time.sleep) -> T:
        """Send, wait, and return the result. Raises a `GyazoError`."""
        try:
            return self.transport.send(operation, sleep=sleep)
        except UnauthorizedError as error:
            refused = error
        try:
            if verification := self._verification_request(operation):
                self.send_once(verification)
                refused = _refused_call(operation, refused)
        except UnauthorizedError:
            self.current.mark_revoked(operation.request.token)
        except GyazoError:
            pass  # whether the token is valid is unknown: report the first error
        raise refused

    async def asend(self, operation: Operation[T]) -> T:
        """Same as `send`, async."""
        try:
            return await self.transport.asend(operation)
        except UnauthorizedError as error:
            refused = error
        try:
            if verification := self._verification_request(operation):
                await self.asend_once(verification)
                refused = _refused_call(operation, refused)
        except UnauthorizedError:
            self.current.mark_revoked(operation.request.token)
        except GyazoError:
            pass  # as above
        raise refused

    def with_default_policy(self, fields: UploadFields) -> UploadFields:
        """Add the access policy of the settings to an upload that does not name one."""
        if fields.access_policy is not None:
            return fields
        return replace(fields, access_policy=self.settings.access_policy())

    def upload(
        self,
        site: Site,
        token: Secret,
        part: FilePart,
        fields: UploadFields,
        sleep: Sleep = time.sleep,
    ) -> Image:
        """Upload a picture. If Gyazo already had it, ask what Gyazo has: its title, who can see it."""
        image = self.send(endpoints.upload(site, token, part, fields, self.uploaded_ids), sleep)
        if endpoints.needs_details(image):
            with suppress(GyazoError):  # the upload itself succeeded
                details = self.send_once(endpoints.image(site, token, image.image_id))
                image = endpoints.with_details(image, details)
        return image

    async def aupload(
        self, site: Site, token: Secret, part: FilePart, fields: UploadFields
    ) -> Image:
        """Same as `upload`, async."""
        image = await self.asend(endpoints.upload(site, token, part, fields, self.uploaded_ids))
        if endpoints.needs_details(image):
            with suppress(GyazoError):  # as above
                request = endpoints.image(site, token, image.image_id)
                image = endpoints.with_details(image, await self.asend_once(request))
        return image

    def send_once(self, operation: Operation[T]) -> T:
        """Send without a retry: during a sign-in, the user sees a failure at once and decides."""
        return self.transport.send(operation, NO_RETRY)

    async def asend_once(self, operation: Operation[T]) -> T:
        """Same as `send_once`, async."""
        return await self.transport.asend(operation, NO_RETRY)

    @property
    def longest_poll(self) -> float:
        """The seconds for which a server may delay a reply: below the timeout."""
        return 0.8 * min(self._timeouts.read, self._timeouts.answer)

    def _verification_request(self, operation: Operation[Any]) -> Operation[User] | None:
        """After a 401: a request for the user, since a valid token may lack the scope of one call."""
        account = self.current.account_or_none
        if account is None or account.token != operation.request.token:
            return None
        return endpoints.me(account.site, account.token)

    # ── batches and sign-ins ──────────────────────────────────────────────────────────────────────

    def batch(
        self,
        items: Any,
        on_start: Callable[[Report], None],
        *,
        concurrency: int,
        progress: bool,
        resume: str | os.PathLike[str] | None,
        **fields: Any,
    ) -> Batch:
        """Prepare the upload of many items. `on_start` gets the report when the batch starts."""
        uploader = Uploader(self, fields, resume)
        return Batch(items, uploader, concurrency=concurrency, progress=progress, on_start=on_start)

    def login(self, app: App | None, site: Site | None, *, switch: bool) -> Login:
        """Begin a sign-in. Without an own application, that of the hub is used, if there is one."""
        check_type("app", app, App)
        check_type("site", site, Site)
        found = None
        is_set = app is None and hub.SERVICE_VARIABLE in os.environ
        if is_set and (service := hub.find_service(self.settings)) is not None:
            found = hub.send(self, service, hub.application(service))
        login = Login(self, app=app, site=site, switch=switch, hub_application=found)
        self.open_logins.logins.add(login)
        return login

    # ── pictures ─────────────────────────────────────────────────────────────────────────────────

    def download(self, url: str) -> bytes:
        """Fetch a picture from a web address, without the token."""
        from gyazo_nb.http.download import download  # noqa: PLC0415 -- as above

        return download(url, self._timeouts, self.settings.max_download_bytes())

    def file_part(self, picture: Any) -> FilePart:
        """Make the file of an upload from any object or web address. A slow animation shows a progress bar."""
        if (url := convert.picture_url(picture)) is not None:
            return convert.from_bytes(self.download(url), "The content of this address")
        return convert.file_part(picture, self.formatter, _FRAMES_BAR)

    async def afile_part(self, picture: Any) -> FilePart:
        """Same as `file_part`, async: a thread downloads, and converts a file or data, such as SVG.

        Matplotlib and other libraries work in the thread of the caller only.
        """
        if convert.picture_url(picture) is not None or convert.is_encoded(picture):
            return await asyncio.to_thread(self.file_part, picture)
        return self.file_part(picture)

    def local_part(self, picture: Any) -> FilePart:
        """Make the file of one item of a batch from any object that `convert` takes."""
        return convert.file_part(picture, self.formatter)

    def easy_upload(
        self, part: FilePart, client_id: str | None, **fields: Any
    ) -> Operation[EasyUpload]:
        """Upload a picture without the token."""
        account = self.current.account
        if not client_id:
            client_id = (account and account.client_id) or self.settings.app().client_id
        return endpoints.easy_upload(self.site(), client_id, convert.data_url(part), **fields)


def _refused_call(operation: Operation[Any], error: UnauthorizedError) -> UnauthorizedError:
    """Return the error for a call that Gyazo refuses to a valid token."""
    detail = f": {error.message}" if error.message else ""
    return UnauthorizedError(
        f"{operation.request.method} {urlsplit(operation.request.url).path} refused your token, which "
        f"is still valid (401{detail}). It may lack a scope: check your application's page.",
        status=error.status,
        message=error.message,
    )
