"""SIGINT at random moments of a batch: no item is lost, or an error says that the source lost one."""

import random
import signal
from contextlib import suppress

import pytest
from support.batches import pictures, stored_pictures

from gyazo_nb import ArgumentError

SOURCES = {
    "list": list,
    "iterator": iter,
    "generator": lambda items: (item for item in items),
    "map": lambda items: map(bytes, items),
    "dict": lambda items: dict.fromkeys(items).keys(),
}


# A signal in the middle of some `__del__`, outside of the batch, is swallowed by Python with a warning.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.parametrize("source", SOURCES)
@pytest.mark.slow
def test_no_item_is_lost_whenever_sigint_comes(gyazo, server, interrupt_after, source):
    """Only a generator can be interrupted inside: then an error says to call upload_all again."""
    seed = random.randrange(10**6)
    print("seed", seed)  # noqa: T201 -- to repeat a failure
    moments, stopped, lost = random.Random(seed), 0, 0
    items = pictures(12)
    gyazo.upload_all(items, progress=False)  # opens the connections
    handler = signal.getsignal(signal.SIGINT)
    for _ in range(400):
        if stopped == 20:
            break
        with suppress(KeyboardInterrupt):
            interrupt_after(moments.uniform(0.0005, 0.025))
            gyazo.upload_all(SOURCES[source](items), concurrency=3, progress=False)
            interrupt_after(0)
            continue
        interrupt_after(0)
        assert signal.getsignal(signal.SIGINT) is handler
        report = gyazo.report
        if not report.interrupted and report.ok:
            continue
        stopped += 1
        try:
            report.retry()
        except ArgumentError as error:
            assert "Call upload_all again" in str(error)  # noqa: PT017 -- one of two ways to end
            assert not report.ok
            lost += 1
            continue
        assert report.ok, report
        assert stored_pictures(server, report) == items

    assert stopped == 20
    assert source == "generator" or lost == 0
