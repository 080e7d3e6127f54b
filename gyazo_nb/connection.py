"""The connection: what every call of `Gyazo` stands on.

The law: the token is sent to the site that it was signed in at, and no change of settings makes it go
elsewhere. It is taken for dead only when Gyazo no longer says whose it is. Nothing here can be pickled.
"""

from __future__ import annotations

import threading
from types import TracebackType
from typing import TYPE_CHECKING, Any, NoReturn, Self, SupportsIndex, TypeVar
from urllib.parse import urlsplit

from .environment import Settings
from .errors import GyazoError, UnauthorizedError
from .identity import Account, Identity, access_token
from .later import later
from .secret import Secret
from .site import Site, TokenIn

if TYPE_CHECKING:
    from . import api, pages, patience, transport
    from .operation import Operation
    from .patience import Retry, Timeouts
    from .transport import Transport
    from .user import User
else:
    api, pages = later("api"), later("pages")
    patience, transport = later("patience"), later("transport")

T = TypeVar("T")


class Connection:
    """Sends operations in both colours, as whoever is signed in. Used as `Gyazo`."""

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
        self._opened: Transport | None = None
        self._lock = threading.Lock()
        if token is not None:
            self._identity.begin(
                Account(access_token(token), self._settings.site(), None, "the argument")
            )

    @property
    def account(self) -> Account | None:
        """Who is signed in, as far as is known without asking; None before the sign-in."""
        return self._identity.account

    @property
    def known(self) -> Account | None:
        """Same as `account`, and None where a setting is so wrong that it cannot be told."""
        return self._identity.known

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
        except UnauthorizedError as error:
            refused = error
        try:
            if question := self._doubt(operation):
                self._send_once(question)
                refused = _for_this_call(operation, refused)
        except UnauthorizedError:
            self._identity.bury(operation.request.token)
        except GyazoError:
            pass  # then nobody knows, and what was refused is all there is to say
        raise refused

    def _send_once(self, operation: Operation[T]) -> T:
        """Send without a second attempt: whoever signs in sees trouble at once, and decides."""
        return self._transport.send(operation, patience.NO_RETRY)

    async def _asend(self, operation: Operation[T]) -> T:
        try:
            return await self._transport.asend(operation)
        except UnauthorizedError as error:
            refused = error
        try:
            if question := self._doubt(operation):
                await self._transport.asend(question, patience.NO_RETRY)
                refused = _for_this_call(operation, refused)
        except UnauthorizedError:
            self._identity.bury(operation.request.token)
        except GyazoError:
            pass  # as above
        raise refused

    def _doubt(self, operation: Operation[Any]) -> Operation[User] | None:
        """What to ask after a 401: one call may be refused to a token that is good for others."""
        account = self._identity.known
        if account is None or account.token != operation.request.token:
            return None
        return api.me(account.site, account.token)


def _for_this_call(operation: Operation[Any], error: UnauthorizedError) -> UnauthorizedError:
    """The error of a call that a good token may not make."""
    said = f": {error.message}" if error.message else ""
    return UnauthorizedError(
        f"{operation.request.method} {urlsplit(operation.request.url).path} does not take your token, "
        f"which Gyazo still knows (401{said}): it may lack a scope, see your application's page.",
        status=error.status,
        message=error.message,
    )


def _unasked(account: Account) -> str:
    """A repr asks nobody: whose a ready token is, and whether it is still one, only Gyazo knows."""
    return f"with the token from {account.source}"
