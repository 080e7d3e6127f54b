"""Signing in and out, and the connection: what every call of `Gyazo` stands on.

The law: the token is sent to the site that it was signed in at, and no change of settings makes it go
elsewhere. Nothing here can be pickled.
"""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from types import TracebackType
from typing import TYPE_CHECKING, NoReturn, Self, SupportsIndex, TypeVar
from urllib.parse import urlsplit
from weakref import WeakSet

from .environment import Settings
from .errors import NotLoggedInError, UnauthorizedError
from .identity import Account, Identity, access_token
from .later import later
from .secret import Secret
from .site import App, Site, TokenIn

if TYPE_CHECKING:
    from . import api, pages, patience, transport
    from . import login as signing_in
    from .login import Login
    from .operation import Operation
    from .patience import Retry, Timeouts
    from .transport import Transport
    from .user import User
else:
    api, pages, patience = later("api"), later("pages"), later("patience")
    signing_in, transport = later("login"), later("transport")

T = TypeVar("T")


class Connection:
    """Signs in and out, and sends operations in both colours. Used as `Gyazo`."""

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
        token = None if token is None else Secret.of(token)
        given = {
            "auth_url": auth_url,
            "api_url": api_url,
            "upload_url": upload_url,
            "token_in": token_in,
        }
        base = settings or Settings()
        self._settings = Settings(lambda name: given.get(name) or base.text(name))
        self._own = base  # asks for the app and the token, which the arguments do not name
        self._timeouts = None if timeout is None else patience.Timeouts.of(timeout)
        self._retry = None if retries is None else patience.Retry.of(retries)
        self._identity = Identity(self._ready)
        self._logins: WeakSet[Login] = WeakSet()
        self._awaiting = 0
        self.before_waiting: Callable[[], None] = lambda: None
        self._opened: Transport | None = None
        self._lock = threading.Lock()
        if token is not None:
            self._identity.begin(
                Account(access_token(token), self._settings.site(), None, "the argument")
            )

    # ── signing in ────────────────────────────────────────────────────────────────────────────

    def login(
        self, app: App | None = None, *, site: Site | None = None, switch: bool = False
    ) -> Login:
        """Begin to sign in, without any widget.

        >>> login = gyazo.login()              # doctest: +SKIP
        >>> print(login.url)                   # doctest: +SKIP
        >>> login.finish(getpass("Paste: "))   # doctest: +SKIP

        `app` is the registered application, from the settings if it is not given. `switch` allows
        another account than the one that is signed in. Raises `ConfigError` if a setting is missing.
        Source: https://gyazo.com/api/docs/auth
        """
        login = signing_in.Login(
            site=(lambda: site) if site else self._settings.site,
            app=(lambda: app) if app else self._own.app,
            send=self._send_once,
            accept=lambda account: self._accept(account, switch=switch),
            known=self._tokens,
        )
        self._logins.add(login)
        return login

    def use_token(
        self,
        token: str | Secret,
        *,
        site: Site | None = None,
        switch: bool = False,
        source: str = "the argument",
    ) -> User:
        """Sign in with a ready token, after asking Gyazo whose it is.

        >>> gyazo.use_token(getpass())                         # doctest: +SKIP

        A token of your own is made on your application's page, https://gyazo.com/oauth/applications.
        Raises `UnauthorizedError` if Gyazo does not know it, and what every call may raise; then nothing
        has changed.
        """
        account = Account(access_token(token), site or self._settings.site(), None, source)
        try:
            user = self._send_once(api.me(account.site, account.token))
        except UnauthorizedError as error:
            raise UnauthorizedError(
                f"Gyazo does not know the token from {source}: deleted, revoked or copied wrong. Run "
                f"%gyazo_login --mode panel (or --token) to sign in another way.",
                status=error.status,
            ) from None
        self._accept(replace(account, user=user), switch=switch)
        return user

    async def ready(self, seconds: float = 300.0) -> User | None:
        """Wait until somebody has signed in: for a cell between the panel and what needs it.

        >>> await gyazo.ready()                                # doctest: +SKIP

        Raises `NotLoggedInError` if no sign-in is waiting, or nobody finished one in time.
        """
        until = time.monotonic() + seconds
        self._awaiting += 1
        try:
            while (account := self.account) is None:
                if not any(login.is_open for login in self._logins):
                    raise NotLoggedInError("No sign-in is waiting: run %gyazo_login first.")
                self.before_waiting()
                if time.monotonic() > until:
                    late = f"Nobody signed in within {seconds:g} seconds"
                    raise NotLoggedInError(f"{late}: finish the panel, then run this cell again.")
                # In short steps: an interrupt is noticed only when the loop wakes up.
                await asyncio.sleep(0.1)
            return account.user
        finally:
            self._awaiting -= 1

    @property
    def is_awaited(self) -> bool:
        """Whether a cell is in `ready`."""
        return self._awaiting > 0

    def logout(self) -> None:
        """Forget the token. Gyazo has no call that revokes one: see `site.AUTHORIZED_URL`."""
        self._identity.forget()

    @property
    def account(self) -> Account | None:
        """Who is signed in, as far as is known without asking; None before the sign-in."""
        return self._identity.account

    @property
    def known(self) -> Account | None:
        """Same as `account`, and None where a setting is so wrong that it cannot be told."""
        return self._identity.known

    # ── sending ───────────────────────────────────────────────────────────────────────────────

    def close(self) -> None:
        """Close the connections, of every thread and event loop. A later call opens new ones."""
        if self._opened is not None:
            self._opened.close()

    async def aclose(self) -> None:
        """Same as `close`, awaited: those of this event loop are closed when it is over."""
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
        how = f"signed in as {account.user.called}" if account.user else _unasked(account)
        return f"<Gyazo: {how} at {urlsplit(account.site.api_url).netloc}>"

    def _repr_html_(self) -> str:
        try:
            account = self.account
        except Exception as error:  # noqa: BLE001 -- as above
            return pages.sentence(str(error))["text/html"]
        if account is None:
            return pages.sentence("Nobody is signed in to Gyazo: run %gyazo_login")["text/html"]
        where = urlsplit(account.site.api_url).netloc
        if account.user is None:
            how = f"Gyazo {_unasked(account)}, at {where}: gyazo.me() says whose it is, and whether it"
            return pages.sentence(f"{how} is still good.")["text/html"]
        how = f"Signed in to Gyazo as {account.user.called} at {where}, by {account.source}."
        return pages.sentence(how)["text/html"]

    def __reduce_ex__(self, protocol: SupportsIndex) -> NoReturn:
        raise TypeError("a Gyazo session is not written anywhere: it holds your access token")

    @property
    def _transport(self) -> Transport:
        with self._lock:  # two threads must not open two
            if self._opened is None:
                self._opened = transport.Transport(self._timeouts, self._retry)
            return self._opened

    def _ready(self) -> Account | None:
        """The account of the environment's token."""
        token = self._own.token()
        if token is None:
            return None
        return Account(token, self._settings.site(), None, "GYAZO_ACCESS_TOKEN")

    def _accept(self, account: Account, *, switch: bool) -> None:
        """Take the account that signed in, unless another one is and nobody asked to change."""
        if switch:
            self._identity.begin(account)
        else:
            self._identity.take(account, self._owner)

    def _tokens(self) -> tuple[Secret, ...]:
        account = self._identity.known
        return () if account is None else (account.token,)

    def _owner(self, account: Account) -> User | None:
        """Ask whose a token is that came without a name; nobody's, if it is dead."""
        try:
            return signing_in.name_of(self._send_once, account.site, account.token)
        except UnauthorizedError:
            return None

    def _signed_in(self) -> tuple[Site, Secret]:
        account = self._identity.required()
        return account.site, account.token

    def _site(self) -> Site:
        """Where to ask what needs no token: where somebody is signed in, else as the settings say."""
        account = self.account
        return self._settings.site() if account is None else account.site

    def _client_id(self) -> str:
        return self._own.app().client_id

    def _send(self, operation: Operation[T]) -> T:
        try:
            return self._transport.send(operation)
        except UnauthorizedError:
            self._identity.bury(operation.request.token)
            raise

    def _send_once(self, operation: Operation[T]) -> T:
        """Send without a second attempt: whoever signs in sees trouble at once, and decides."""
        return self._transport.send(operation, patience.NO_RETRY)

    async def _asend(self, operation: Operation[T]) -> T:
        try:
            return await self._transport.asend(operation)
        except UnauthorizedError:
            self._identity.bury(operation.request.token)
            raise


def _unasked(account: Account) -> str:
    """A repr asks nobody: whose a ready token is, and whether it is still one, only Gyazo knows."""
    return f"with the token from {account.source}"
