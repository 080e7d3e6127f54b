"""Signing in and out. Part of `Gyazo`.

The law: nobody is replaced unasked, a token is asked about before it is kept, and one assignment at the
end signs in, so that a callback on any thread may do it.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING
from weakref import WeakSet

from .connection import Connection
from .errors import NotLoggedInError, UnauthorizedError
from .identity import Account, access_token
from .later import later
from .secret import Secret
from .site import App, Site

if TYPE_CHECKING:
    from . import api
    from . import login as attempts
    from .login import Login
    from .user import User
else:
    api, attempts = later("api"), later("login")


@dataclass
class Attempts:
    """The attempts that are open, how many cells await one, and what looks whether they may."""

    logins: WeakSet[Login] = field(default_factory=WeakSet)
    cells: int = 0
    before: Callable[[], None] = lambda: None


class SignIn(Connection):
    """Signs in and out. Used as `Gyazo`."""

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
        login = attempts.Login(
            site=(lambda: site) if site else self._settings.site,
            app=(lambda: app) if app else self._own.app,
            send=self._send_once,
            accept=lambda account: self._accept(account, switch=switch),
            known=self._tokens,
        )
        self._attempts.logins.add(login)
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
        self._attempts.cells += 1
        try:
            while (account := self.account) is None:
                if not any(login.is_open for login in self._attempts.logins):
                    raise NotLoggedInError("No sign-in is waiting: run %gyazo_login first.")
                self._attempts.before()
                if time.monotonic() > until:
                    late = f"Nobody signed in within {seconds:g} seconds"
                    raise NotLoggedInError(f"{late}: finish the panel, then run this cell again.")
                # In short steps: an interrupt is noticed only when the loop wakes up.
                await asyncio.sleep(0.1)
            return account.user
        finally:
            self._attempts.cells -= 1

    def logout(self) -> None:
        """Forget the token. Gyazo has no call that revokes one: see `site.AUTHORIZED_URL`."""
        self._identity.forget()

    def _signed_in(self) -> tuple[Site, Secret]:
        try:
            return super()._signed_in()
        except NotLoggedInError:
            if not any(login.is_open for login in self._attempts.logins):
                raise
        raise NotLoggedInError(
            "Nobody is signed in to Gyazo yet: finish the sign-in that is open, then run this again "
            "(after %gyazo_login --wait, the cells below it wait by themselves)."
        )

    @cached_property
    def _attempts(self) -> Attempts:
        return Attempts()

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
            return attempts.name_of(self._send_once, account.site, account.token)
        except UnauthorizedError:
            return None
