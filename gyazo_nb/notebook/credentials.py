"""Tokens that are there already: the environment's, and those that were saved.

The law: a profile that was named comes before the environment, any other after it. A token is used where
it is good and nowhere else, so that what was saved at the real Gyazo never speaks for somebody in the
sandbox. What cannot be read is said, and is no reason to stop where a person can be asked.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass, replace

from gyazo_nb.api.models import User
from gyazo_nb.auth.account import Account
from gyazo_nb.auth.profiles import Profiles
from gyazo_nb.auth.token_store import Profile
from gyazo_nb.client.gyazo import Gyazo
from gyazo_nb.errors import (
    ConfigError,
    ConnectionFailedError,
    GyazoError,
    NotLoggedInError,
    StoreError,
    UnauthorizedError,
)
from gyazo_nb.settings import ACCESS_TOKEN_VARIABLE, Settings, Site

from .login_options import LoginOptions

DEFAULT = "default"  # the account that is saved under no other name


@dataclass(frozen=True, slots=True)
class TokenSignIn:
    """Whom a token signed in, where it came from, a line to add; and what was wrong with others."""

    user: User | None = None
    source: str = ""
    note: str = ""
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class _Credential:
    """A token that is there, where it is good, where it came from, and the name it is saved under."""

    profile: Profile
    source: str
    name: str | None = None


class CredentialResolver:
    """Signs in with a token that is there, and keeps and forgets what is saved."""

    def __init__(self, session: Gyazo, settings: Settings) -> None:
        self._session, self._settings = session, settings
        self._profile: str | None = None  # the one in use

    def resolve(self, options: LoginOptions, *, required: bool) -> TokenSignIn:
        """Sign in with the first token that is good, and say what was wrong with those before it.

        With `required`, a token that is not valid raises: no other way to sign in follows.
        """
        self._profile = options.profile
        warnings: list[str] = []
        first_error: GyazoError | None = None
        current = self._session.known
        for key in self._candidates(options, warnings):
            if options.switch and current is not None and current.token == key.profile.token:
                continue  # to whom it would not be a change
            try:
                user = self._session.use_token(
                    key.profile.token,
                    site=key.profile.site,
                    switch=options.switch,
                    source=key.source,
                )
            except UnauthorizedError as error:
                why = (
                    f"Gyazo does not know the token from {key.source}: it was deleted, revoked or "
                )
                warnings.append(f"{why}copied wrong.")
                first_error = first_error or error
                continue
            except ConnectionFailedError as error:
                warnings.append(str(error))
                first_error = first_error or error
                continue
            note = self.save(options)
            self._profile = self._profile or key.name
            return TokenSignIn(user, key.source, note, tuple(warnings))
        if required and warnings:
            raise first_error or NotLoggedInError(" ".join(warnings))
        return TokenSignIn(warnings=tuple(warnings))

    def _is_others(self, saved: Profile, account: Account | None) -> bool:
        if account is None:
            return not _same_place(saved.site, self._settings.site())
        return saved.token != account.token

    def _candidates(self, options: LoginOptions, warnings: list[str]) -> Iterator[_Credential]:
        """The tokens that are there, in the order in which they are tried."""
        named = options.profile is not None
        if options.profile is not None:
            yield from self._saved(options.profile, warnings, options.save)
        token = None if named and options.save is None else self._settings.token()
        if token is not None:
            yield _Credential(Profile(token, self._settings.site()), ACCESS_TOKEN_VARIABLE)
        if not named and options.mode == "auto":
            yield from self._saved(DEFAULT, warnings, options.save)

    def _saved(self, name: str, warnings: list[str], save: str | None) -> Iterator[_Credential]:
        try:
            found = Profiles().load(name)
        except StoreError as error:
            warnings.append(str(error))
            return
        if found is None:
            if name != DEFAULT and save is None:
                warnings.append(
                    f"No account is saved as {name} yet: add --save to keep the one that signs in."
                )
            return
        profile, where = found
        there, here = profile.site, self._settings.site()
        if not _same_place(there, here):
            why = f"The token saved as {name} is good at {there.api_url}, and the settings say "
            warnings.append(f"{why}{here.api_url}: it was not used.")
            return
        yield _Credential(profile, where if name == DEFAULT else f"{where}, {name}", name)

    def save(self, options: LoginOptions) -> str:
        """Keep the token where the person wanted, and say where. A failure does not end the session."""
        self._profile = options.profile
        account = self._session.account
        if options.save is None or account is None:
            return ""
        name = options.profile or DEFAULT
        try:
            where = Profiles().save(options.save, name, Profile(account.token, account.site))
        except (StoreError, ConfigError) as error:
            return str(error)
        self._profile = name
        return f"The token is kept in {where}, until %gyazo_logout."

    def forget(
        self, profile: str | None, account: Account | None
    ) -> tuple[str | None, StoreError | None]:
        """Forget what is saved: the name under which anything was, and what stood in the way.

        Without a name it is the one in use, and only if it is that of the `account` that was signed in:
        the sandbox must not forget the real one's, nor one sign-in another's.
        """
        name, self._profile = profile or self._profile or DEFAULT, None
        try:
            profiles = Profiles()
            found = None
            with contextlib.suppress(StoreError):  # what cannot be read is no reason to keep it
                found = profiles.load(name)
            if profile is None and found is not None and self._is_others(found[0], account):
                return None, None
            return (name if profiles.clear(name) else None), None
        except StoreError as error:
            return None, error


def _same_place(one: Site, other: Site) -> bool:
    """Whether a token of the one is good at the other, however it is sent there."""
    return replace(one, token_in=other.token_in) == other
