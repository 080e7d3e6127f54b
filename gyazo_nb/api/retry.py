"""Timeouts, and the retry policy: how long to wait before the next attempt.

Guarantees: pure functions. The outcome of an attempt, the elapsed time and a random number are arguments;
no function sleeps. `Request.retry_safety` states which requests can be sent again:

- After 408, 429 and "could not connect", the server did not process the request: every request except
  the token exchange is sent again.
- After a 5xx or a broken connection this is unknown: only an idempotent request is sent again. That is
  GET, PUT and DELETE, a PATCH that sets texts to given values, and an upload, since Gyazo returns the
  existing image for identical bytes.

The delay doubles each time, and half of it is random, so that many clients do not retry together.
`Retry-After` replaces this delay. If it is too long, the error is raised immediately.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from http import HTTPStatus
from numbers import Real
from typing import Any, TypeAlias

from gyazo_nb.errors import ArgumentError

from .operation import NoReply, Reply, RetrySafety

# A retry of 501 (not implemented), 505 (HTTP version) or 511 (the network needs a sign-in) would have the
# same result.
_UNCERTAIN_STATUS = frozenset(range(500, 600)) - {501, 505, 511}
_UNPROCESSED_STATUS = frozenset({HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.TOO_MANY_REQUESTS})

# Waits for the given seconds before a retry. It returns True after a Stop: then the request is not sent again.
Sleep: TypeAlias = Callable[[float], bool | None]

_MAX_SECONDS = 10_000_000  # a socket refuses an infinite timeout; Windows has the lowest limit


def _is_number(value: Any) -> bool:
    """Whether this is a number, also one of NumPy."""
    return isinstance(value, Real)


@dataclass(frozen=True, slots=True)
class Timeouts:
    """Seconds to wait: for a connection, for the next byte to arrive, and for the next byte to leave.

    >>> Gyazo(timeout=Timeouts(read=120))

    `answer` limits the whole exchange, from the first byte sent to the last byte read. The body of an
    upload, and a downloaded picture, extend this limit by the time that they need at 16 KB per second.
    """

    connect: float = 10.0
    read: float = 30.0
    write: float = 30.0
    answer: float = 120.0

    def __post_init__(self) -> None:
        seconds: tuple[Any, ...] = (self.connect, self.read, self.write, self.answer)
        if all(_is_number(s) and 0 < s <= _MAX_SECONDS for s in seconds):
            return
        raise ArgumentError(
            f"A timeout must be a number of seconds above 0, and at most {_MAX_SECONDS:,}."
        )

    @classmethod
    def of(cls, given: float | Timeouts | None) -> Timeouts:
        """Use one number for all: at most ten seconds for a connection, at least 120 for a reply."""
        if isinstance(given, Timeouts):
            return given
        if given is None:
            return cls()
        chosen, default = cls(given, given, given, given), cls()
        return replace(
            chosen,
            connect=min(default.connect, chosen.connect),
            answer=max(default.answer, chosen.answer),
        )


@dataclass(frozen=True, slots=True)
class Retry:
    """How often to retry, and how long to wait before.

    >>> Gyazo(retries=Retry(times=5, total=300))

    `times` is the number of attempts after the first. The first delay is `first` seconds, no delay is
    longer than `longest`, and no attempt begins later than `total` seconds after the first one began.
    """

    times: int = 3
    first: float = 0.3
    longest: float = 30.0
    total: float = 60.0

    def __post_init__(self) -> None:
        numbers: tuple[Any, ...] = (self.times, self.first, self.longest, self.total)
        if all(_is_number(number) and number >= 0 for number in numbers):
            return
        raise ArgumentError("retries and each delay must be 0 or more.")

    @classmethod
    def of(cls, given: int | Retry | None) -> Retry:
        """Take a number as `times`."""
        if isinstance(given, Retry):
            return given
        return cls() if given is None else cls(times=given)

    def delay(
        self,
        safety: RetrySafety,
        outcome: Reply | NoReply,
        *,
        attempt: int,
        elapsed: float,
        jitter: float,
    ) -> float | None:
        """Return the seconds to wait before the next attempt, or None if there is none.

        `attempt` counts from 1, `elapsed` is in seconds since the first attempt began, `jitter` is a
        random number from 0 to 1.
        """
        if attempt > self.times or not _should_retry(safety, outcome):
            return None
        delay = outcome.retry_after if isinstance(outcome, Reply) else None
        if delay is None:
            delay = min(self.first * 2.0 ** (attempt - 1), self.longest) * (1 + jitter) / 2
        return delay if delay <= self.longest and elapsed + delay <= self.total else None


NO_RETRY = Retry(times=0)


def may_have_been_processed(outcome: Reply | NoReply) -> bool:
    """Whether the server may have processed the request: this is unknown."""
    if isinstance(outcome, Reply):
        return outcome.status in _UNCERTAIN_STATUS
    return outcome.delivery == "unknown"


def _should_retry(safety: RetrySafety, outcome: Reply | NoReply) -> bool:
    if safety == "never":
        return False
    if may_have_been_processed(outcome):
        return safety == "always"
    if isinstance(outcome, Reply):
        return outcome.status in _UNPROCESSED_STATUS
    return outcome.delivery == "not_sent"
