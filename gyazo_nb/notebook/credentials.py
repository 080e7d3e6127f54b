"""Existing tokens: the token of the environment, and saved ones.

Guarantees: a named profile comes before the environment, and the default profile after it. A saved token
is used only with the server it was saved for. A token that cannot be used is reported, and the next one
is tried.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass, replace

from gyazo_nb.api.models import User
from gyazo_nb.auth.account import Account
from gyazo_nb.auth.profiles import Profiles
from gyazo_nb.auth.token_store import DEFAULT_PROFILE, Profile
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


@dataclass(frozen=True, slots=True)
class TokenSignIn:
    """The user of the first valid token, or None. `warnings` say why other tokens were not used."""

    user: User | None = None
    source: str = ""
    note: str = ""
    warnings: tuple[str, ...] = ()


class CredentialResolver:
    """Signs in with an existing token, saves tokens, and removes saved ones."""

    def __init__(self, session: Gyazo, settings: Settings) -> None:
        self._session, self._settings = session, settings
        self.profile: str | None = None
        """The name of the profile in use, if the session signed in with one, or saved one."""

    def saved_profiles(self) -> list[str]:
        """The names of the saved accounts. A folder that cannot be found has none."""
        try:
            return Profiles().names()
        except StoreError:
            return []

    def resolve(self, options: LoginOptions, *, required: bool) -> TokenSignIn:
        """Sign in with the first valid token. With `required`, it raises an error if no token is valid."""
        self.profile = options.profile
        warnings: list[str] = []
        first_error: GyazoError | None = None
        current = self._session.known
        for account, name in self._candidates(options, warnings):
            if options.switch and current is not None and current.token == account.token:
                continue  # --switch asks for another account
            try:
                user = self._session.use_token(
                    account.token, site=account.site, switch=options.switch, source=account.source
                )
            except (UnauthorizedError, ConnectionFailedError) as error:
                first_error = first_error or error
                warnings.append(
                    f"Gyazo does not accept the token from {account.source}: it was deleted or "
                    f"revoked, or is not complete."
                    if isinstance(error, UnauthorizedError)
                    else str(error)
                )
                continue
            try:
                note = self._save(options)
            except (StoreError, ConfigError) as error:  # shown also in a headless run
                note = ""
                warnings.append(str(error))
            self.profile = self.profile or name
            return TokenSignIn(user, account.source, note, tuple(warnings))
        if required and warnings:
            raise first_error or NotLoggedInError(" ".join(warnings))
        return TokenSignIn(warnings=tuple(warnings))

    def _candidates(
        self, options: LoginOptions, warnings: list[str]
    ) -> Iterator[tuple[Account, str | None]]:
        """The existing tokens, and the profiles of the saved ones. Each is read just before it is tried."""
        name = options.profile
        if name is not None:
            yield from self._load(name, options, warnings)
        # With --profile, the token of the environment is used only to save it under that name (--save).
        if name is None or options.save is not None:
            token = self._settings.token()
            if token is not None:
                yield Account(token, self._settings.site(), None, ACCESS_TOKEN_VARIABLE), None
        if name is None and options.mode == "auto":
            yield from self._load(DEFAULT_PROFILE, options, warnings)

    def _load(
        self, name: str, options: LoginOptions, warnings: list[str]
    ) -> Iterator[tuple[Account, str]]:
        """The saved token of a profile, if it can be used. Otherwise add the reason to the warnings."""
        try:
            found = Profiles().load(name)
        except StoreError as error:
            warnings.append(str(error))
            return
        if found is None:
            if name != DEFAULT_PROFILE and options.save is None:
                warnings.append(
                    f"No account is saved as {name} yet: add --save file to save the account that signs in."
                )
            return
        profile, source = found
        site = self._settings.site()
        if not _accepts_same_tokens(profile.site, site):
            warnings.append(
                f"The token saved as {name} is for {profile.site.api_url}, but the settings name "
                f"{site.api_url}, so it was not used: correct the settings, or sign in again."
            )
            return
        source = source if name == DEFAULT_PROFILE else f"{source}, {name}"
        yield Account(profile.token, profile.site, None, source), name

    def save(self, options: LoginOptions) -> str:
        """Save the current token as the options say, and return a sentence about it.

        If this fails, the sentence is the error, and the session stays signed in.
        """
        try:
            return self._save(options)
        except (StoreError, ConfigError) as error:
            return str(error)

    def _save(self, options: LoginOptions) -> str:
        self.profile = options.profile
        account = self._session.account
        if options.save is None or account is None:
            return ""
        name = options.profile or DEFAULT_PROFILE
        where = Profiles().save(options.save, name, Profile(account.token, account.site))
        self.profile = name
        return f"The token is saved in {where} until you run %gyazo_logout."

    def forget(
        self, profile: str | None, account: Account | None
    ) -> tuple[str | None, StoreError | None]:
        """Remove a saved token. Return the name of its profile if there was one, and the error if any.

        Without a name, this is the profile in use, and only if its token is the token of `account`, which
        was signed in. So a sign-out of the sandbox does not remove the token for the real Gyazo.
        """
        name, self.profile = profile or self.profile or DEFAULT_PROFILE, None
        try:
            profiles = Profiles()
            found = None
            with contextlib.suppress(StoreError):  # an unreadable token is removed, too
                found = profiles.load(name)
            if profile is None and found is not None and not self._belongs_to(account, found[0]):
                return None, None
            return (name if profiles.clear(name) else None), None
        except StoreError as error:
            return None, error

    def _belongs_to(self, account: Account | None, saved: Profile) -> bool:
        """Whether a saved token belongs to the account; without one, to the server in the settings."""
        if account is None:
            return _accepts_same_tokens(saved.site, self._settings.site())
        return saved.token == account.token


def _accepts_same_tokens(one: Site, other: Site) -> bool:
    """Whether two sites accept the same tokens: only the way to send a token may differ."""
    return replace(one, token_in=other.token_in) == other
