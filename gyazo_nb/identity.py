"""Who is signed in: one account or nobody, whatever happens at the same time on other threads.

The law: an account is one immutable value, replaced as a whole. Another one than the one signed in never
comes in unasked: not by a second panel in the same instant, and not from the environment in the place
of a token that died. A token that died is not used again.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from .errors import ConfigError, NotLoggedInError, OtherAccountError
from .secret import Secret
from .site import Site

if TYPE_CHECKING:
    from .user import User


@dataclass(frozen=True, slots=True)
class Account:
    """Who is signed in, where, and where the token came from. `user` is None until Gyazo was asked."""

    token: Secret
    site: Site
    user: User | None
    source: str


def access_token(text: str | Secret) -> Secret:
    """Take a token as a person copies it: with blanks around it, or in quotes."""
    clean = Secret.of(text).reveal().strip().strip("\"'").strip()
    if not clean or not clean.isascii() or not clean.isprintable() or " " in clean:
        raise ConfigError(
            "That is no access token (it is empty, or holds blanks or unusual characters): copy it "
            "again from your application's page."
        )
    return Secret(clean)


class Identity:
    """The account of one session. `ready` gives the environment's, if there is one."""

    def __init__(self, ready: Callable[[], Account | None]) -> None:
        self._ready = ready
        self._lock = threading.RLock()
        self._signed_in: Account | None = None
        self._dead = Secret("")
        self._ended = False  # a sign-in ended with its token; the environment's must not step in

    @property
    def account(self) -> Account | None:
        """Who it is, as far as is known without asking."""
        with self._lock:
            if self._signed_in is not None:
                return self._signed_in
            ready = self._ready()
            return None if ready is None or ready.token == self._dead or self._ended else ready

    @property
    def known(self) -> Account | None:
        """Who it is, or nobody where a setting is so wrong that it cannot be told."""
        try:
            return self.account
        except ConfigError:
            return None

    def required(self) -> Account:
        """Who it is, or `NotLoggedInError` with the next step."""
        if (account := self.account) is not None:
            return account
        if self._dead:
            raise NotLoggedInError(
                "Your token was deleted or revoked on Gyazo: run %gyazo_login to sign in again "
                "(and correct GYAZO_ACCESS_TOKEN, if it is set)."
            )
        nobody = "Nobody is signed in to Gyazo yet"
        raise NotLoggedInError(f"{nobody}: run %gyazo_login (or set GYAZO_ACCESS_TOKEN).")

    def begin(self, account: Account) -> None:
        """Sign an account in, whoever was before."""
        with self._lock:
            self._signed_in, self._dead, self._ended = account, Secret(""), False

    def take(self, account: Account, owner: Callable[[Account], User | None]) -> None:
        """Sign an account in, unless another one is: `OtherAccountError`.

        `owner` asks whose a token is that came without a name. That takes its time, so who is signed in
        is looked at once more at the end.
        """
        while True:
            current = self.known
            if current is not None and current.token != account.token:
                check_place(account.site, current)
                _check_same(account, current.user or owner(current))
            with self._lock:
                if self.known == current:
                    self.begin(account)
                    return

    def bury(self, token: Secret | None) -> None:
        """Remember that Gyazo no longer accepts a token: the next sign-in repairs the session."""
        with self._lock:
            account = self.known
            if token is not None and account is not None and account.token == token:
                self._dead, self._ended = token, self._signed_in is not None
                self._signed_in = None

    def forget(self) -> None:
        """Sign out. The environment's account is back, if there is one."""
        with self._lock:
            self._signed_in, self._dead, self._ended = None, Secret(""), False


def check_place(site: Site, current: Account) -> None:
    """Refuse to sign in at one Gyazo while somebody is signed in at another: `OtherAccountError`."""
    if current.site.api_url != site.api_url:
        raise OtherAccountError(
            f"That is at {site.api_url}, and you are signed in at {current.site.api_url}: {_SWITCH}."
        )


def _check_same(account: Account, before: User | None) -> None:
    now = account.user
    if before is None or (now is not None and now.uid == before.uid != ""):
        return  # a dead token is nobody's; who is not named may be anybody
    one, other = ("somebody" if user is None else user.called for user in (now, before))
    if one == other and now is not None:  # two may have the same name
        one, other = f"{one} (uid {now.uid})", f"{other} (uid {before.uid})"
    raise OtherAccountError(f"That is {one}, but {other} is signed in: {_SWITCH}.")


_SWITCH = "add --switch to the same line to change (in Python: switch=True)"
