"""Every list ends, whatever pages a server sends: with an error, or at the stated bound."""

import asyncio
import itertools
import threading
from contextlib import contextmanager
from urllib.parse import parse_qs, urlsplit

import pytest
from support.scripted_server import scripted_session

from gyazo_nb import UnreadableReplyError
from gyazo_nb.client import page_cache


@contextmanager
def session(reply):
    """A session. At its end, the threads that fetch pages in advance have ended, too."""
    with scripted_session(reply) as (gyazo, received):
        try:
            yield gyazo, received
        finally:
            for thread in threading.enumerate():
                if thread.name == "gyazo-list":
                    thread.join(10)


SAME = [{"image_id": f"{n:032x}"} for n in range(100)]
REPEATED = "returned the same images on several pages"


def read_all(gyazo):
    """Each way to read the whole list, by name."""

    async def iterate():
        return [image async for image in gyazo.aimages()]

    async def iterate_slice():
        return [image async for image in gyazo.aimages()[50:]]

    async def count():
        return await gyazo.aimages().total()

    async def last():
        return await gyazo.aimages()[-1]

    return {
        "len": lambda: len(gyazo.images()),
        "iteration": lambda: [image.image_id for image in gyazo.images()],
        "list": lambda: list(gyazo.images()),
        "slice": lambda: list(gyazo.images()[50:]),
        "reversed slice": lambda: list(gyazo.images()[::-1]),
        "last": lambda: gyazo.images()[-1],
        "index": lambda: gyazo.images()[5000],
        "async iteration": lambda: asyncio.run(iterate()),
        "async slice": lambda: asyncio.run(iterate_slice()),
        "async total": lambda: asyncio.run(count()),
        "async last": lambda: asyncio.run(last()),
    }


WAYS = list(read_all(None))


@pytest.mark.parametrize("way", [way for way in WAYS if way != "index"])
@pytest.mark.parametrize("total", [None, "0", "many", "9" * 9, "-1"])
def test_server_that_ignores_the_page_number_causes_an_error(way, total):
    """It sends one page again and again, with any total."""
    headers = {} if total is None else {"X-Total-Count": total}
    with session(lambda *_: (200, headers, SAME)) as (gyazo, received):
        with pytest.raises(UnreadableReplyError, match=REPEATED):
            read_all(gyazo)[way]()

        assert len(received) < 30


@pytest.mark.parametrize("way", ["len", "iteration", "async iteration", "async total"])
@pytest.mark.parametrize("length", [1, 99, 100])
@pytest.mark.parametrize("cycle", [2, 3, 20])
def test_pages_in_a_circle_cause_an_error(way, length, cycle):
    """Also pages that are shorter than requested."""

    def reply(_, path):
        number = int(parse_qs(urlsplit(path).query)["page"][0]) % cycle
        page = [{"image_id": f"{number * 1000 + n:032x}"} for n in range(length)]
        return 200, {"X-Per-Page": str(length)}, page

    with (
        session(reply) as (gyazo, received),
        pytest.raises(UnreadableReplyError, match=REPEATED),
    ):
        read_all(gyazo)[way]()

    assert len(received) < cycle + 30


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("locked", [False, True], ids=["new images", "locked images"])
@pytest.mark.parametrize("total", [None, "0", "9" * 9])
def test_pages_without_an_end_cause_an_error(way, locked, total, monkeypatch):
    """Each page is full, and different. The limit is 10,000 pages; in this test it is 8."""
    monkeypatch.setattr(page_cache, "MAX_PAGES", 8)
    numbers = itertools.count()

    def reply(*_):
        page = [{"image_id": "" if locked else f"{next(numbers):032x}"} for _ in range(100)]
        return 200, {} if total is None else {"X-Total-Count": total}, page

    with session(reply) as (gyazo, received):
        with pytest.raises(UnreadableReplyError, match="more than 8 pages"):
            read_all(gyazo)[way]()

        assert len(received) <= 8


@pytest.mark.parametrize("total", [None, "250", "9" * 9])
def test_index_far_outside_of_the_list_is_an_index_error(total):
    """After at most two requests."""

    def reply(_, path):
        page = int(parse_qs(urlsplit(path).query)["page"][0])
        images = [{"image_id": f"{n:032x}"} for n in range(250)][(page - 1) * 100 : page * 100]
        return 200, {} if total is None else {"X-Total-Count": total}, images

    with session(reply) as (gyazo, received):
        for index in (10**6 + 1, 10**9, 10**18):
            with pytest.raises(IndexError):
                gyazo.images()[index]
        assert len(received) <= 6


def test_total_that_no_account_can_have_is_not_believed():
    """`list` would reserve memory for that many images."""

    def reply(_, path):
        return 200, {"X-Total-Count": "9" * 9}, SAME[:10] if "page=1&" in path else []

    with session(reply) as (gyazo, _):
        images = gyazo.images()
        assert (len(images), len(list(images)), repr(images)) == (
            10,
            10,
            "<10 images, newest first>",
        )


def test_one_repeated_page_is_not_an_error():
    """After 100 uploads during an iteration, a page contains the images of the page before it."""
    pages = [SAME, SAME, [{"image_id": f"{n:032x}"} for n in range(100, 150)]]

    def reply(_, path):
        number = int(parse_qs(urlsplit(path).query)["page"][0])
        return 200, {}, pages[number - 1] if number <= 3 else []

    with session(reply) as (gyazo, _):
        assert [image.image_id for image in gyazo.images()] == [f"{n:032x}" for n in range(150)]


def test_full_pages_of_locked_images_are_not_a_repetition():
    """They have no id. Older images of a free account are like that."""

    def reply(_, path):
        number = int(parse_qs(urlsplit(path).query)["page"][0])
        return 200, {}, [{"image_id": ""}] * {8: 50}.get(number, 100 * (number < 8))

    with session(reply) as (gyazo, _):
        assert len(gyazo.images()) == 750
        assert sum(image.locked for image in gyazo.images()) == 750
