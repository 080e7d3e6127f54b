"""The sign-ins that wait for their redirect, and the codes that came.

A kernel waits with the SHA-256 of its `state`. A browser brings the `state` itself. Both belong to a user
of the hub, and meet only if it is the same user.

Guarantees:

- A redirect reaches only a kernel of the user in whose browser it arrived, and only the one that waits for
  its `state`.
- A code can be exchanged only by the user in whose browser it arrived.
- Everything is limited: `Limits` has the number of sign-ins of a user, and how long each part is kept.
- Nothing is stored. After a restart, the kernels wait again, and so make their sign-ins known.
"""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass, field
from functools import partial
from hashlib import sha256


@dataclass(frozen=True, slots=True)
class Limits:
    """How many sign-ins a user can have, and the seconds for which each part is kept."""

    per_user: int = 16
    wait: float = 25.0
    """How long one request of a kernel waits."""
    absence: float = 60.0
    """How long a sign-in is kept after the last request of its kernel."""
    code: float = 600.0
    """How long a redirect is kept: as long as a code of Gyazo is valid."""
    unknown_state: float = 5.0
    """How long a browser waits for its kernel, which returns after a restart of the service."""


class TooManySignInsError(Exception):
    """The user has begun too many newer sign-ins, so this one was dropped."""


@dataclass(eq=False)
class _SignIn:
    expires: float
    waiting: asyncio.Future[None] | None = None  # the request that waits now
    is_dropped: bool = False
    query: str = field(default="", repr=False)
    code_hash: str = ""
    query_expires: float = 0.0

    def end_wait(self) -> None:
        if self.waiting is not None and not self.waiting.done():
            self.waiting.set_result(None)

    def query_after(self, seen: str) -> str | None:
        """Return the query. None if there is none, or if `seen` is its SHA-256."""
        return self.query if self.query and hashed(self.query) != seen else None


class SignIns:
    """The sign-ins of all users, in memory. It belongs to one event loop."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        # For each user: the sign-ins by the hash of their `state`, the oldest first.
        self._of_users: dict[str, dict[str, _SignIn]] = {}
        self._added = asyncio.Condition()

    async def wait_for_redirect(
        self, user: str, state_hash: str, *, seen: str = "", seconds: float = 25.0
    ) -> str | None:
        """Wait for the redirect with this `state`, and return its query, or None when the time is over.

        `seen` is the SHA-256 of a query that the kernel already has. Then this waits for another query.
        The newest request of a sign-in ends an earlier one. Raises `TooManySignInsError`.
        """
        sign_in = await self._add(user, state_hash)
        sign_in.end_wait()
        if sign_in.query_after(seen) is None:
            await self._wait(sign_in, min(seconds, self._limits.wait))
        if sign_in.is_dropped:
            raise TooManySignInsError
        return sign_in.query_after(seen)

    async def _wait(self, sign_in: _SignIn, seconds: float) -> None:
        waiting = sign_in.waiting = asyncio.get_running_loop().create_future()
        try:
            async with asyncio.timeout(seconds):
                await waiting
        except TimeoutError:
            pass
        finally:
            if sign_in.waiting is waiting:
                sign_in.waiting = None
            sign_in.expires = time.monotonic() + self._limits.absence

    async def bring_redirect(self, user: str, state: str, query: str, code: str) -> bool:
        """Keep the query of a redirect for the waiting kernel. Return whether a kernel waits.

        `code` is the code in the query, or empty if access was denied.
        """
        sign_in = await self._find_or_wait(user, hashed(state))
        if sign_in is None:
            return False
        sign_in.query, sign_in.code_hash = query, hashed(code) if code else ""
        sign_in.query_expires = time.monotonic() + self._limits.code
        sign_in.end_wait()
        return True

    def has_code(self, user: str, code: str) -> bool:
        """Whether this code arrived in a browser of this user, and was not exchanged."""
        self._remove_expired()
        return any(one.code_hash == hashed(code) for one in self._of_users.get(user, {}).values())

    def forget(self, user: str, code: str) -> None:
        """Remove the sign-in of a code that was exchanged."""
        sign_ins = self._of_users.get(user, {})
        for state_hash, sign_in in list(sign_ins.items()):
            if sign_in.code_hash == hashed(code):
                del sign_ins[state_hash]

    async def _add(self, user: str, state_hash: str) -> _SignIn:
        """Return the sign-in with this `state`: a known one, or a new one."""
        if (known := self._find(user, state_hash)) is not None:
            return known
        sign_ins = self._of_users.setdefault(user, {})
        while len(sign_ins) >= self._limits.per_user:
            oldest = sign_ins.pop(next(iter(sign_ins)))
            oldest.is_dropped = True
            oldest.end_wait()
        sign_in = sign_ins[state_hash] = _SignIn(time.monotonic() + self._limits.absence)
        async with self._added:
            self._added.notify_all()
        return sign_in

    def _find(self, user: str, state_hash: str) -> _SignIn | None:
        self._remove_expired()
        return self._of_users.get(user, {}).get(state_hash)

    async def _find_or_wait(self, user: str, state_hash: str) -> _SignIn | None:
        """Return the sign-in. If it is not known yet, wait a few seconds for its kernel."""
        try:
            async with asyncio.timeout(self._limits.unknown_state), self._added:
                return await self._added.wait_for(partial(self._find, user, state_hash))
        except TimeoutError:
            return None

    def _remove_expired(self) -> None:
        now = time.monotonic()
        for user, sign_ins in list(self._of_users.items()):
            for state_hash, sign_in in list(sign_ins.items()):
                if sign_in.query and sign_in.query_expires <= now:
                    sign_in.query = sign_in.code_hash = ""
                if not (sign_in.waiting or sign_in.query or sign_in.expires > now):
                    del sign_ins[state_hash]
            if not sign_ins:
                del self._of_users[user]


def hashed(text: str) -> str:
    """The SHA-256 of a text, in hexadecimal digits."""
    return sha256(text.encode("utf-8", "surrogatepass")).hexdigest()
