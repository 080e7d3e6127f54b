"""One attempt to sign in, from the link to the named account.

The law: nothing that is good is lost, and nothing is used twice. A code that met a network fault or a
wrong secret is kept and sent again; a refused one is dropped; a `state` lives ten minutes and ends
with the token that it brought. The secret is read at the moment of the exchange, so that a corrected
setting takes effect in a panel that is already open.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Protocol, TypeVar

from . import api, oauth, paste
from .errors import (
    ArgumentError,
    ExpiredError,
    ForbiddenError,
    InvalidGrantError,
    OtherAccountError,
    UnauthorizedError,
)
from .identity import Account
from .operation import Operation
from .secret import Secret
from .site import App, Site
from .user import User

T = TypeVar("T")

UNNAMED = User(uid="", name="an account that Gyazo did not name", email="")


class Send(Protocol):
    """Carries out an operation, waiting for its result."""

    def __call__(self, operation: Operation[T]) -> T:
        """Give the result, or raise a `GyazoError`."""


class Login:
    """One attempt to sign in: `url` to open, `finish(what the browser showed)` to end it.

    Made by `gyazo.login()`. `finish` may be called again after any error: with another paste, or with
    nothing, to send the same code once more.
    """

    def __init__(
        self,
        *,
        site: Callable[[], Site],
        app: Callable[[], App],
        send: Send,
        accept: Callable[[Account], None],
        known: Callable[[], tuple[Secret, ...]] = tuple,
    ) -> None:
        self._site, self._app, self._send, self._accept = site, app, send, accept
        self._known = known  # tokens, which must not be sent as a code
        self._lock = threading.Lock()
        self._done = False
        self._code: Secret | None = None
        self._token: Secret | None = None
        self._begin()

    @property
    def url(self) -> str:
        """The link to open. A `finish` that comes after ten minutes makes another one."""
        return self._authorization.url

    @property
    def redirect_uri(self) -> str:
        """Where the browser ends."""
        return self._authorization.redirect_uri

    @property
    def can_retry(self) -> bool:
        """Whether `finish()` without a paste would send what was pasted before once more."""
        return not self._done and (self._code is not None or self._token is not None)

    def recognises(self, address: Secret) -> bool:
        """Whether an address that arrived from outside answers this attempt, and no other."""
        return not self._done and paste.carries(address, self._authorization.state)

    def finish(self, pasted: str | Secret = "") -> User:
        """Sign in with what the browser showed, and give the account.

        >>> login.finish("http://127.0.0.1:8765/callback?code=…&state=…")  # doctest: +SKIP

        Takes the whole address or the bare code. Raises `PasteError` for anything else (nothing was
        sent then), `InvalidGrantError`, `InvalidClientError`, `ConnectionFailedError` and others
        with what to do next. Source: RFC 6749 §4.1.2 to §4.1.4
        """
        if not isinstance(pasted, str | Secret):
            raise ArgumentError("finish takes the text that the browser showed.")
        pasted = Secret.of(pasted)  # a traceback shows arguments
        with self._lock:
            app = self._still_good(pasted)
            if pasted or not self.can_retry:
                secrets = (app.secret, *self._known())
                self._code = self._authorization.read(pasted, secrets=secrets).code
                self._token = None
            if self._token is None:
                self._token = self._exchange(app)
            try:
                user = name_of(self._send, self._authorization.site, self._token)
            except UnauthorizedError:
                self._begin()  # the token is no good, and the code is spent
                raise
            if self._done:
                raise ExpiredError("This sign-in was closed: run %gyazo_login to begin another.")
            try:
                site = self._authorization.site
                self._accept(Account(self._token, site, user, "%gyazo_login"))
            except OtherAccountError:
                self._begin()  # the state has been used, though nobody was signed in
                raise
            self._begin()
            self._done = True
            return user

    def cancel(self) -> None:
        """End the attempt, also in the middle of an exchange: nobody is signed in by it any more."""
        self._done = True

    @property
    def is_open(self) -> bool:
        """Whether it may still succeed."""
        return not self._done

    def __repr__(self) -> str:
        return (
            "<Login: finished>" if self._done else "<Login: open .url, then .finish(the address)>"
        )

    def _begin(self) -> None:
        self._authorization = oauth.begin(self._site(), self._app())
        self._began = time.time()  # not monotonic: a laptop's sleep counts
        self._code = None
        self._token = None

    def _still_good(self, pasted: Secret) -> App:
        """Refuse what is finished or too old, and begin anew where that helps."""
        if self._done:
            raise ExpiredError("This sign-in is finished: run %gyazo_login to begin another.")
        app = self._app()
        if self._token is not None and not pasted:
            return app  # only its owner's name is still to be asked for
        if not 0 <= time.time() - self._began <= oauth.LIFETIME:
            self._begin()
            raise ExpiredError(
                "That link was more than ten minutes old: open the new one, and paste its result."
            )
        now = (self._site(), app.client_id, app.redirect_uri)
        begun = self._authorization
        if now != (begun.site, begun.client_id, begun.redirect_uri):
            self._begin()
            raise ExpiredError(
                "The settings have changed since: open the new link, and paste its result."
            )
        return app

    def _exchange(self, app: App) -> Secret:
        if self._code is None:
            raise AssertionError("finish reads the code first")
        try:
            return self._send(
                oauth.exchange(self._authorization, self._code, app.secret)
            ).access_token
        except InvalidGrantError:
            self._code = None
            raise


def name_of(send: Send, site: Site, token: Secret) -> User:
    """Ask whose token it is. A token that may not ask is still a token."""
    try:
        return send(api.me(site, token))
    except ForbiddenError:
        return UNNAMED
