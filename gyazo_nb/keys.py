"""Tokens that are there already: the environment's, and those that were saved.

The law: a profile that was named comes before the environment, any other after it. A token is used where
it is good and nowhere else, so that what was saved at the real Gyazo never speaks for somebody in the
sandbox. What cannot be read is said, and is no reason to stop where a person can be asked.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from .environment import Settings
from .errors import (
    ConfigError,
    ConnectionFailedError,
    NotLoggedInError,
    StoreError,
    UnauthorizedError,
)
from .profiles import Profiles
from .session import Gyazo
from .site import Site
from .stores import Profile
from .user import User

DEFAULT = "default"  # the account that is saved under no other name
ENVIRONMENT = "GYAZO_ACCESS_TOKEN"


@dataclass(frozen=True, slots=True)
class Used:
    """Whom a token signed in, where it came from, a line to add; and what was wrong with others."""

    user: User | None = None
    source: str = ""
    note: str = ""
    complaints: tuple[str, ...] = ()


class Keys:
    """Signs in with a token that is there, and keeps and forgets what is saved."""

    def __init__(self, session: Gyazo, settings: Settings) -> None:
        self._session, self._settings = session, settings
        self._profile: str | None = None  # the one in use

    def use(self, options: Any, *, must: bool) -> Used:
        """Sign in, if there is a good token.

        `must` says that nobody can be asked: what is wrong with a token is an error then.
        """
        if options.profile is not None:
            used = self._by_profile(options.profile, options, must=must)
            if used.user is not None or options.save is None:
                if must and used.user is None:
                    raise NotLoggedInError(
                        f"No account is saved as {options.profile} for this Gyazo: leave --profile out "
                        f"to use {ENVIRONMENT}, or add --save to keep it under that name."
                    )
                return used
        if (token := self._settings.token()) is not None:
            ready = Profile(token, self._settings.site())
            return self._by_token(ready, ENVIRONMENT, options, must=must)
        if options.profile is None and options.mode == "auto":
            return self._by_profile(DEFAULT, options, must=must)
        return Used()

    def save(self, options: Any) -> str:
        """Keep the token where the person wanted, and say where. A failure does not end the session."""
        self._profile = None
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

    def forget(self, profile: str | None) -> tuple[bool, StoreError | None]:
        """Forget what is saved of an account: whether anything was, and what stood in the way.

        Without a name it is the one in use. Then what was saved at another Gyazo is left alone: a
        notebook in the sandbox must not forget the real one's.
        """
        name, self._profile = profile or self._profile or DEFAULT, None
        try:
            profiles = Profiles()
            if profile is None and (found := profiles.load(name)) and not self._is_here(found[0]):
                return False, None
            return profiles.clear(name), None
        except StoreError as error:
            return False, error

    def _by_profile(self, name: str, options: Any, *, must: bool) -> Used:
        try:
            found = Profiles().load(name)
        except StoreError as error:
            return Used(complaints=(str(error),))
        if found is None:
            return Used()
        profile, where = found
        if not self._is_here(profile):
            there, here = profile.site.api_url, self._settings.site().api_url
            why = f"The token saved as {name} is good at {there}, and the settings say {here}"
            return Used(complaints=(f"{why}: it was not used.",))
        used = self._by_token(profile, where, options, must=must)
        if used.user is not None and options.save is None:
            self._profile = name
        return used

    def _by_token(self, ready: Profile, source: str, options: Any, *, must: bool) -> Used:
        try:
            user = self._session.use_token(
                ready.token, site=ready.site, switch=options.switch, source=source
            )
        except (UnauthorizedError, ConnectionFailedError) as error:
            if must:
                raise
            return Used(complaints=(str(error),))
        return Used(user, source, self.save(options))

    def _is_here(self, profile: Profile) -> bool:
        """Whether a saved token is good where the settings are."""
        return _addresses(profile.site) == _addresses(self._settings.site())


def _addresses(site: Site) -> tuple[str, str, str]:
    return site.auth_url, site.api_url, site.upload_url
