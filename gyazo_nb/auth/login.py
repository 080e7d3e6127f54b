"""One attempt to sign in, from the link to the named account.

Guarantees:

- A good code is not lost, and no code is used twice. After a network failure or a wrong client secret
  the code is kept and can be sent again; a code that Gyazo refused is dropped.
- A `state` is valid for ten minutes and for one token.
- The client secret is read at the moment of the exchange, so that a corrected setting takes effect in a
  panel that is already open.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Protocol, TypeVar
from weakref import WeakSet

from gyazo_nb.api import endpoints
from gyazo_nb.api.models import User
from gyazo_nb.api.operation import Operation
from gyazo_nb.errors import (
    ArgumentError,
    ExpiredError,
    ForbiddenError,
    InvalidGrantError,
    OtherAccountError,
    UnauthorizedError,
)
from gyazo_nb.secret import Secret
from gyazo_nb.settings import App, Settings, Site

from . import hub, oauth, paste
from .account import Account

T = TypeVar("T")

UNNAMED = User(uid="", name="an account that Gyazo did not name", email="")


class SignInConnection(Protocol):
    """The part of a connection that a sign-in uses, see `client.connection.Connection`."""

    @property
    def settings(self) -> Settings:
        """The settings, read at each call."""

    @property
    def longest_poll(self) -> float:
        """The seconds for which a server may delay a reply."""

    def send_once(self, operation: Operation[T]) -> T:
        """Send without a retry, and return the result."""

    async def asend_once(self, operation: Operation[T]) -> T:
        """Same as `send_once`, async."""

    def known_token(self) -> Secret | None:
        """The token of the current account."""

    def sign_in(
        self, account: Account, *, switch: bool, check_not_cancelled: Callable[[], None]
    ) -> None:
        """Make this the current account. Raises `OtherAccountError`, or the error of `check_not_cancelled`."""


class Login:
    """One attempt to sign in: open `url`, then call `finish` with the address that the browser shows.

    Made by `gyazo.login()`. `finish` can be called again after any error: with another text, or without
    one to send the same code again. With the application of a JupyterHub, `finish` without a text waits
    for the browser.
    """

    def __init__(
        self,
        connection: SignInConnection,
        *,
        app: App | None = None,
        site: Site | None = None,
        switch: bool = False,
        hub_application: hub.HubApplication | None = None,
    ) -> None:
        self._hub = hub_application
        # The hash of the last received redirect: the hub does not return that one a second time.
        self.seen_redirect = ""
        self._connection, self._app, self._site, self._switch = connection, app, site, switch
        self._lock = threading.Lock()
        self.is_open = True
        """Whether the attempt can still succeed."""
        self._code: Secret | None = None
        self._token: Secret | None = None
        self._begin()

    @property
    def url(self) -> str:
        """The link to open. A `finish` after more than ten minutes makes a new one."""
        return self._authorization.url

    @property
    def redirect_uri(self) -> str:
        """The address to which the browser returns."""
        return self._authorization.redirect_uri

    @property
    def uses_hub(self) -> bool:
        """Whether the redirect comes through the service of a JupyterHub, so that no paste is needed."""
        return self._hub is not None

    @property
    def can_retry(self) -> bool:
        """Whether `finish()` without a paste would send the previous code again."""
        return self.is_open and (self._code is not None or self._token is not None)

    def recognises(self, address: Secret) -> bool:
        """Whether a redirect to this address belongs to this attempt."""
        return self.is_open and paste.is_redirect_of(address, self._authorization.state)

    def finish(self, pasted: str | Secret = "") -> User:
        """Sign in with the text that the browser showed, and return the user.

        >>> login.finish("http://127.0.0.1:8765/callback?code=…&state=…")

        Takes the whole address or the bare code. Raises `PasteError` for any other text (before it sends
        a request), `InvalidGrantError`, `InvalidClientError`, `ConnectionFailedError` and others, each
        with the next step. Source: RFC 6749 §4.1.2 to §4.1.4
        """
        hidden = pasted = Secret.or_none(pasted)  # type: ignore[assignment]  # a traceback shows arguments
        if hidden is None:
            raise ArgumentError(
                "finish() takes a str or a Secret: pass the whole address that the browser shows."
            )
        with self._lock:
            app = self._check_still_valid(hidden)
            if self._hub is not None and not hidden and not self.can_retry:
                # A late import: it loads http.server.
                from .hub_redirect import wait_for_redirect  # noqa: PLC0415

                hidden = wait_for_redirect(self)
            if hidden or not self.can_retry:
                self._code = self._read_code(hidden, app)
                self._token = None
            if self._token is None:
                self._token = self._exchange(app)
            user = self._request_user(self._token)
            site, client_id = self._authorization.site, self._authorization.client_id
            account = Account(self._token, site, user, "%gyazo_login", client_id)
            try:
                self._connection.sign_in(
                    account, switch=self._switch, check_not_cancelled=self._check_not_cancelled
                )
            except OtherAccountError:
                self._begin()  # the state has been used, although the account stays the same
                raise
            self._begin()
            self.is_open = False
            return user

    async def request_redirect(self) -> Secret | None:
        """Ask the service of a JupyterHub for the redirect of the current link."""
        if self._hub is None:
            raise AssertionError("only the service of a hub hands over redirects")
        seconds = self._connection.longest_poll
        request = hub.redirect(
            self._hub.service, self._authorization, seen=self.seen_redirect, seconds=seconds
        )
        return await self._connection.asend_once(request)

    def cancel(self) -> None:
        """End the attempt, also during an exchange: it can no longer sign in."""
        self.is_open = False

    def __repr__(self) -> str:
        return (
            "<Login: open .url, then .finish(the address)>" if self.is_open else "<Login: finished>"
        )

    @property
    def _new_link(self) -> str:
        return "open the new link" if self.uses_hub else "open the new link, and paste its result"

    def _current_site(self) -> Site:
        site = self._site or self._connection.settings.site()
        return site if self._hub is None else replace(site, auth_url=self._hub.auth_url)

    def _current_app(self) -> App:
        if self._hub is not None:
            return self._hub.app
        return self._app or self._connection.settings.app()

    def _begin(self) -> None:
        self._authorization = oauth.begin(
            self._current_site(), self._current_app(), needs_secret=self._hub is None
        )
        self._began = time.time()  # not monotonic: the time in which a laptop sleeps counts
        self._code = None
        self._token = None

    def _check_not_cancelled(self) -> None:
        if not self.is_open:
            raise ExpiredError("This sign-in was closed: run %gyazo_login to begin another.")

    def _check_still_valid(self, pasted: Secret) -> App:
        """Return the application, or raise `ExpiredError` (and make a new link where that helps)."""
        if not self.is_open:
            raise ExpiredError("This sign-in is finished: run %gyazo_login to begin another.")
        app = self._current_app()
        if self._token is not None and not pasted:
            return app  # the token is there; only the name of its user is missing
        if not 0 <= time.time() - self._began <= oauth.LIFETIME:
            self._begin()
            raise ExpiredError(f"The link was more than ten minutes old: {self._new_link}.")
        begun = self._authorization
        settings = begun.site, begun.client_id, begun.redirect_uri
        if settings != (self._current_site(), app.client_id, app.redirect_uri):
            self._begin()
            raise ExpiredError(f"The settings have changed: {self._new_link}.")
        return app

    def _read_code(self, pasted: Secret, app: App) -> Secret:
        known = self._connection.known_token()
        secrets = (app.secret,) if known is None else (app.secret, known)
        return self._authorization.read(pasted, secrets=secrets).code

    def _exchange(self, app: App) -> Secret:
        if self._code is None:
            raise AssertionError("finish reads the code first")
        try:
            if self._hub is not None:
                service = self._hub.service
                request = hub.exchange(service, self._authorization, self._code)
                return hub.send(self._connection, service, request)
            exchange = oauth.exchange(self._authorization, self._code, app.secret)
            return self._connection.send_once(exchange)
        except InvalidGrantError:
            self._code = None
            raise

    def _request_user(self, token: Secret) -> User:
        try:
            return request_user(self._connection, self._authorization.site, token)
        except UnauthorizedError:
            self._begin()  # the token is not valid, and the code is used
            raise


def request_user(connection: SignInConnection, site: Site, token: Secret) -> User:
    """Request the user of a token. A token without the permission to read its user is valid, too."""
    try:
        return connection.send_once(endpoints.me(site, token))
    except ForbiddenError:
        return UNNAMED


@dataclass
class OpenLogins:
    """The sign-ins of one session that are not finished, and the cells that await one.

    `check_can_await` raises an error if a cell that awaits would block the panel of a notebook.
    """

    logins: WeakSet[Login] = field(default_factory=WeakSet)
    awaiting_cells: int = 0
    check_can_await: Callable[[], None] = lambda: None

    @property
    def has_open(self) -> bool:
        """Whether any of the sign-ins can still succeed."""
        return any(login.is_open for login in self.logins)
