"""The signed-in account of a session, safe for threads.

Guarantees:

- An `Account` is immutable, and the current one is replaced as a whole.
- Another account replaces the current one only when the caller asks for it: not through a second panel
  that finishes at the same time, and not from the environment after a token was revoked.
- A revoked token is not used again.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass

from gyazo_nb.api.models import User
from gyazo_nb.errors import ConfigError, NotLoggedInError, OtherAccountError
from gyazo_nb.secret import Secret
from gyazo_nb.settings import ACCESS_TOKEN_VARIABLE, Settings, Site

_SWITCH = "add --switch to the same line to change (in Python: switch=True)"


@dataclass(frozen=True, slots=True)
class Account:
    """The signed-in account: its token, the site, and the source of the token.

    `user` is None until a request has read it. `client_id` names the application that signed in; it is empty
    if the token was given or saved.
    """

    token: Secret
    site: Site
    user: User | None
    source: str
    client_id: str = ""


class CurrentAccount:
    """The current account of one session: the signed-in one, or else the one of the environment."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._lock = threading.RLock()
        self._signed_in: Account | None = None
        self._revoked_token = Secret("")
        self._ignores_environment = False  # after the token of a sign-in was revoked

    @property
    def account(self) -> Account | None:
        """The account. Sends no request."""
        with self._lock:
            if self._signed_in is not None:
                return self._signed_in
            found = self._of_environment()
            if found is None or self._ignores_environment or found.token == self._revoked_token:
                return None
            return found

    @property
    def account_or_none(self) -> Account | None:
        """The account, or None if a wrong setting prevents reading it."""
        try:
            return self.account
        except ConfigError:
            return None

    def require(self) -> Account:
        """Return the account, or raise `NotLoggedInError` with the next step."""
        if (account := self.account) is not None:
            return account
        if self._revoked_token:
            raise NotLoggedInError(
                "Your token was deleted or revoked on Gyazo: run %gyazo_login to sign in again "
                "(and correct GYAZO_ACCESS_TOKEN, if it is set)."
            )
        raise NotLoggedInError(
            "You are not signed in to Gyazo: run %gyazo_login (or set GYAZO_ACCESS_TOKEN)."
        )

    def sign_in(self, account: Account) -> None:
        """Make this the signed-in account. It replaces any other."""
        with self._lock:
            self._signed_in = account
            self._revoked_token, self._ignores_environment = Secret(""), False

    def replace(self, expected: Account | None, account: Account) -> bool:
        """Sign in only if `expected` is still the current account, and return whether it was."""
        with self._lock:
            if self.account_or_none != expected:
                return False
            self.sign_in(account)
            return True

    def mark_revoked(self, token: Secret | None) -> None:
        """Stop using a token that Gyazo no longer accepts. The next sign-in replaces it."""
        with self._lock:
            account = self.account_or_none
            if token is not None and account is not None and account.token == token:
                self._ignores_environment = self._signed_in is not None
                self._signed_in, self._revoked_token = None, token

    def sign_out(self) -> None:
        """Forget the signed-in account. The environment's account is current again, if there is one."""
        with self._lock:
            self._signed_in = None
            self._revoked_token, self._ignores_environment = Secret(""), False

    def _of_environment(self) -> Account | None:
        if (token := self._settings.token()) is None:
            return None
        return Account(token, self._settings.site(), None, ACCESS_TOKEN_VARIABLE)


def check_same_site(site: Site, current: Account) -> None:
    """Refuse to sign in at one server while signed in at another: `OtherAccountError`."""
    if current.site.api_url != site.api_url:
        raise OtherAccountError(
            f"This sign-in is at {site.api_url}, and you are signed in at {current.site.api_url}: "
            f"{_SWITCH}."
        )


def check_same_user(account: Account, current: User | None) -> None:
    """Refuse to replace one user by another: `OtherAccountError`. None is an unknown user."""
    new = account.user
    # A revoked token has no owner. A user without an id cannot be compared, so it is refused.
    if current is None or (new is not None and new.uid == current.uid != ""):
        return
    name = new.called if new is not None else "another account"
    other = current.called
    if name == other and new is not None:  # two users may have the same name
        name, other = f"{name} (uid {new.uid})", f"{other} (uid {current.uid})"
    raise OtherAccountError(f"This is {name}, but {other} is signed in: {_SWITCH}.")
