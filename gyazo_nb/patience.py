"""How long to wait: for the next byte, and before asking once more.

The law: pure arithmetic. What came of an attempt, the time that has passed and the throw of a die are
handed in; nobody sleeps here. What may be repeated is the request's own word (`Request.repeatable`):

- 429 and "could not connect" mean that nothing was carried out: everything but the token exchange may
  be sent again;
- after a 5xx or a broken connection nobody knows: only what does no harm twice is sent again. That is
  GET, PUT and DELETE by their nature, a PATCH that sets texts to given values, and an upload, since
  identical bytes give the image that is there already.

The wait doubles each time, and half of it is chance, so that many clients do not come back together.
`Retry-After` counts more than arithmetic; where it is longer than anybody would wait, the error says so
at once.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from .errors import ArgumentError
from .operation import Failure, Repeat, Reply

_TOO_MANY = 429
_TROUBLE = frozenset(range(500, 600)) - {501, 505}  # which would be the same again


@dataclass(frozen=True, slots=True)
class Timeouts:
    """Seconds to wait: for a connection, for the next byte, and for the next byte to leave.

    >>> Gyazo(timeout=Timeouts(read=120))  # doctest: +SKIP

    `answer` is how long an answer may take to its end once it has begun, however steadily it comes; a
    picture may take longer.
    """

    connect: float = 10.0
    read: float = 30.0
    write: float = 30.0
    answer: float = 120.0

    def __post_init__(self) -> None:
        try:
            good = all(s > 0 for s in (self.connect, self.read, self.write, self.answer))
        except TypeError:  # a text, None
            good = False
        if not good:
            raise ArgumentError("A time-out must be a number of seconds above 0.")

    @classmethod
    def of(cls, given: float | Timeouts | None) -> Timeouts:
        """Take one number for all; a connection gets at most ten seconds, an answer at least 120."""
        if isinstance(given, Timeouts):
            return given
        if given is None:
            return cls()
        short = cls(given, given, given, given)  # sees that it is a number
        usual = cls()
        return replace(
            short,
            connect=min(usual.connect, short.connect),
            answer=max(usual.answer, short.answer),
        )


@dataclass(frozen=True, slots=True)
class Retry:
    """How often to ask again, and how long to wait before.

    >>> Gyazo(retries=Retry(times=5, total=300))  # doctest: +SKIP

    `times` bounds the attempts after the first. The first wait is `first` seconds, no wait is longer
    than `longest`, and no attempt begins later than `total` seconds after the first one began.
    """

    times: int = 3
    first: float = 0.3
    longest: float = 30.0
    total: float = 60.0

    def __post_init__(self) -> None:
        try:
            good = min(self.times, self.first, self.longest, self.total) >= 0
        except TypeError:
            good = False
        if not good:
            raise ArgumentError("retries must be 0 or more, and so must every wait.")

    @classmethod
    def of(cls, given: int | Retry | None) -> Retry:
        """Take a number as `times`."""
        if isinstance(given, Retry):
            return given
        return cls() if given is None else cls(times=given)

    def wait(
        self, repeat: Repeat, outcome: Reply | Failure, *, attempt: int, spent: float, chance: float
    ) -> float | None:
        """Give the seconds to wait before the next attempt, or None if this outcome stands.

        `attempt` counts from 1, `spent` is the time in seconds since the first began, `chance` a
        number from 0 to 1.
        """
        if attempt > self.times or not _worth_it(repeat, outcome):
            return None
        told = outcome.retry_after if isinstance(outcome, Reply) else None
        wait = told
        if wait is None:
            wait = min(self.first * 2.0 ** (attempt - 1), self.longest) * (1 + chance) / 2
        return wait if wait <= self.longest and spent + wait <= self.total else None


NO_RETRY = Retry(times=0)


def is_unsure(outcome: Reply | Failure) -> bool:
    """Whether nobody knows if the request was carried out."""
    if isinstance(outcome, Reply):
        return outcome.status in _TROUBLE
    return outcome.fate == "unknown"


def _worth_it(repeat: Repeat, outcome: Reply | Failure) -> bool:
    if repeat == "never":
        return False
    if is_unsure(outcome):
        return repeat == "freely"
    return outcome.status == _TOO_MANY if isinstance(outcome, Reply) else outcome.fate == "unsent"
