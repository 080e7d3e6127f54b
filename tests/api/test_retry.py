"""The retry policy: which requests are retried, and after which delay."""

from decimal import Decimal

import numpy as np
import pytest

from gyazo_nb import ArgumentError, ConnectionFailedError, Gyazo, Retry, Timeouts
from gyazo_nb.api.operation import NoReply, Reply, Request

RETRY = Retry(times=3, first=1, longest=30, total=60)


def delay(safety, outcome, attempt=1, elapsed=0.0, jitter=1.0, retry=RETRY):
    return retry.delay(safety, outcome, attempt=attempt, elapsed=elapsed, jitter=jitter)


def reply(status, **headers):
    return Reply(status, {name.replace("_", "-"): text for name, text in headers.items()}, b"")


def no_reply(delivery):
    return NoReply(ConnectionFailedError("x"), delivery)


@pytest.mark.parametrize(
    ("outcome", "retried"),
    [
        (reply(200), ()),
        (reply(302), ()),
        (reply(400), ()),
        (reply(401), ()),
        (reply(404), ()),
        (reply(501), ()),
        (reply(511), ()),
        (reply(408), ("always", "if_not_processed")),
        (reply(500), ("always",)),
        (reply(502), ("always",)),
        (reply(503), ("always",)),
        (reply(504), ("always",)),
        (no_reply("unknown"), ("always",)),
        (reply(429), ("always", "if_not_processed")),
        (no_reply("not_sent"), ("always", "if_not_processed")),
        (no_reply("permanent"), ()),
    ],
)
def test_retry_depends_on_the_outcome_and_the_retry_safety(outcome, retried):
    """A request that may have been processed is retried only if its safety is "always"."""
    for safety in ("always", "if_not_processed", "never"):
        assert (delay(safety, outcome) is not None) == (safety in retried), safety


@pytest.mark.parametrize(
    ("method", "safety"),
    [
        ("GET", "always"),
        ("PUT", "always"),
        ("DELETE", "always"),
        ("POST", "if_not_processed"),
        ("PATCH", "if_not_processed"),
    ],
)
def test_retry_safety_depends_on_the_method(method, safety):
    """RFC 9110 §9.2.2. `retry` of the request overrides it."""
    assert Request(method, "https://x").retry_safety == safety
    assert Request(method, "https://x", retry="never").retry_safety == "never"


def test_delay_doubles_and_half_of_it_is_random():
    """Otherwise many clients would retry at the same time."""
    unavailable = reply(503)

    assert [delay("always", unavailable, n) for n in (1, 2, 3, 4)] == [1, 2, 4, None]
    assert [delay("always", unavailable, n, jitter=0.0) for n in (1, 2, 3)] == [0.5, 1, 2]


def test_delay_has_a_maximum():
    assert delay("always", reply(503), 9, retry=Retry(times=9, first=1, longest=5)) == 5


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"retry_after": "7"}, 7),
        ({"retry_after": "0"}, 0),
        ({"retry_after": "31"}, None),  # above `longest`: the error is raised immediately
        (
            {
                "retry_after": "Tue, 24 Nov 2026 10:00:20 GMT",
                "date": "Tue, 24 Nov 2026 10:00:00 GMT",
            },
            20,
        ),
        (
            {
                "retry_after": "Tue, 24 Nov 2026 09:00:00 GMT",
                "date": "Tue, 24 Nov 2026 10:00:00 GMT",
            },
            0,
        ),
        ({"retry_after": "soon"}, 1),
        ({"retry_after": "-5"}, 1),
        ({"retry_after": "Tue, 24 Nov 2026 10:00:20 GMT"}, 1),
    ],
)
@pytest.mark.parametrize("status", [429, 503])
def test_retry_after_wins_over_the_computed_delay(headers, seconds, status):
    """In seconds, or as a date that is compared with `Date`. An invalid value is ignored."""
    assert delay("always", reply(status, **headers)) == seconds


def test_no_attempt_begins_after_the_total_time():
    assert delay("always", reply(503), 1, elapsed=59.0) == 1
    assert delay("always", reply(503), 1, elapsed=59.5) is None
    assert delay("always", reply(429, retry_after="20"), 1, elapsed=41.0) is None


def test_number_is_accepted_for_retries_and_timeout():
    """As in `Gyazo(retries=3, timeout=120)`."""
    assert (Retry.of(None), Retry.of(0), Retry.of(RETRY)) == (Retry(), Retry(times=0), RETRY)
    assert Timeouts.of(120) == Timeouts(10, 120, 120)
    assert Timeouts.of(3) == Timeouts(3, 3, 3)


@pytest.mark.parametrize(
    "arguments",
    [
        {"retries": -1},
        {"retries": "3"},
        {"retries": Decimal("NaN")},
        {"timeout": 0},
        {"timeout": -1.5},
        {"timeout": "5"},
        {"timeout": (3, 5)},
        {"timeout": float("nan")},
        {"timeout": float("inf")},
        {"timeout": 10**400},
        {"timeout": np.array([3, 5])},
    ],
)
def test_invalid_retries_and_timeouts_raise_an_error(arguments):
    """Already when the session is created."""
    with pytest.raises(ArgumentError):
        Gyazo(**arguments)


def test_documentation_states_the_default_timeouts():
    """`Gyazo` and the README name 10, 30 and 120 seconds."""
    assert Timeouts() == Timeouts(connect=10, read=30, write=30, answer=120)
    assert "10 seconds" in Gyazo.__doc__
    assert "(30)" in Gyazo.__doc__
