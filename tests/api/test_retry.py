"""Whether to ask again and how long to wait before: arithmetic, without a clock."""

import pytest

from gyazo_nb import ArgumentError, ConnectionFailedError, Gyazo, Retry, Timeouts
from gyazo_nb.api.operation import NoReply, Reply, Request

RETRY = Retry(times=3, first=1, longest=30, total=60)


def wait(repeat, outcome, attempt=1, spent=0.0, chance=1.0, retry=RETRY):
    return retry.wait(repeat, outcome, attempt=attempt, spent=spent, chance=chance)


def reply(status, **headers):
    return Reply(status, {name.replace("_", "-"): text for name, text in headers.items()}, b"")


def failure(fate):
    return NoReply(ConnectionFailedError("x"), fate)


@pytest.mark.parametrize(
    ("outcome", "repeated_by"),
    [
        (reply(200), ()),
        (reply(302), ()),
        (reply(400), ()),
        (reply(401), ()),
        (reply(404), ()),
        (reply(501), ()),
        (reply(500), ("freely",)),
        (reply(502), ("freely",)),
        (reply(503), ("freely",)),
        (reply(504), ("freely",)),
        (failure("unknown"), ("freely",)),
        (reply(429), ("freely", "unless_done")),
        (failure("unsent"), ("freely", "unless_done")),
        (failure("hopeless"), ()),
    ],
)
def test_what_is_asked_again(outcome, repeated_by):
    """What may do harm twice is repeated only where it was not carried out, the exchange never."""
    for repeat in ("freely", "unless_done", "never"):
        assert (wait(repeat, outcome) is not None) == (repeat in repeated_by), repeat


@pytest.mark.parametrize(
    ("method", "repeat"),
    [
        ("GET", "freely"),
        ("PUT", "freely"),
        ("DELETE", "freely"),
        ("POST", "unless_done"),
        ("PATCH", "unless_done"),
    ],
)
def test_a_method_says_what_repeating_means(method, repeat):
    """RFC 9110 §9.2.2, unless the request knows better."""
    assert Request(method, "https://x").retry_safety == repeat
    assert Request(method, "https://x", retry="never").retry_safety == "never"


def test_the_wait_doubles_and_half_of_it_is_chance():
    """So that many clients do not come back together."""
    trouble = reply(503)

    assert [wait("freely", trouble, n) for n in (1, 2, 3, 4)] == [1, 2, 4, None]
    assert [wait("freely", trouble, n, chance=0.0) for n in (1, 2, 3)] == [0.5, 1, 2]


def test_no_wait_is_longer_than_the_longest():
    """However often it has doubled."""
    assert wait("freely", reply(503), 9, retry=Retry(times=9, first=1, longest=5)) == 5


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"retry_after": "7"}, 7),
        ({"retry_after": "0"}, 0),
        ({"retry_after": "31"}, None),  # longer than anybody waits: the error says so at once
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
def test_what_the_service_says_counts_more(headers, seconds, status):
    """Retry-After in both forms; a date by the service's own clock; nonsense is ignored."""
    assert wait("freely", reply(status, **headers)) == seconds


def test_the_total_time_is_bounded():
    """No attempt begins later than that."""
    assert wait("freely", reply(503), 1, spent=59.0) == 1
    assert wait("freely", reply(503), 1, spent=59.5) is None
    assert wait("freely", reply(429, retry_after="20"), 1, spent=41.0) is None


def test_a_number_is_taken_as_times_and_seconds():
    """`Gyazo(retries=…, timeout=…)`."""
    assert (Retry.of(None), Retry.of(0), Retry.of(RETRY)) == (Retry(), Retry(times=0), RETRY)
    assert Timeouts.of(120) == Timeouts(10, 120, 120)
    assert Timeouts.of(3) == Timeouts(3, 3, 3)


@pytest.mark.parametrize("arguments", [{"retries": -1}, {"timeout": 0}, {"timeout": -1.5}])
def test_what_cannot_be_is_refused(arguments):
    """When the session is made."""
    with pytest.raises(ArgumentError):
        Gyazo(**arguments)
