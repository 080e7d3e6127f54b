"""The list of images is complete although a server sends a wrong total, or pages of another length."""

import asyncio
from urllib.parse import parse_qs, urlsplit

import pytest
from support.scripted_server import scripted_session


def images_reply(total, served=250, length=100, header=None):
    """Return a reply function for a list of `served` images.

    `total` is the value of X-Total-Count, `length` the maximum length of a page, `header` the value of
    X-Per-Page. None leaves a header out.
    """

    def reply(_, path):
        query = {name: int(values[0]) for name, values in parse_qs(urlsplit(path).query).items()}
        page, size = query["page"], min(query["per_page"], length)
        numbers = range((page - 1) * size, min(page * size, served))
        headers = {} if total is None else {"X-Total-Count": str(total)}
        headers |= {} if header is None else {"X-Per-Page": str(header)}
        return 200, headers, [{"image_id": f"{n:032x}"} for n in numbers]

    return reply


@pytest.mark.parametrize(
    ("reply", "max_requests"),
    [
        (images_reply(250), 3),
        (images_reply(None), 12),
        (images_reply(10), 12),
        (images_reply(0), 12),
        (images_reply(5000), 12),
        (images_reply(10**20), 12),
        (images_reply("many"), 12),
        (images_reply(250, length=50), 6),
        (images_reply(250, length=50, header=50), 6),
        (images_reply(None, length=50, header=50), 14),
        (images_reply(None, length=50), 14),
        (images_reply("-1", length=50), 14),
        (images_reply(0, length=50), 14),
        (images_reply(100), 12),
        (images_reply(250, header=7), 3),
        (images_reply(None, length=50, header=7), 14),
    ],
)
def test_list_is_complete_whatever_total_and_page_length_the_server_sends(reply, max_requests):
    """No image is missing or repeated, and the number of requests is limited."""
    with scripted_session(reply) as (gyazo, received):
        found = [image.image_id for image in gyazo.images()]
        requests = len(received)
        images = gyazo.images()

        assert found == [f"{n:032x}" for n in range(250)]
        assert requests <= max_requests
        assert images[60].image_id == f"{60:032x}"
        assert [i.image_id for i in images[95:105]] == [f"{n:032x}" for n in range(95, 105)]


@pytest.mark.parametrize("total", [None, "5", "0", "6", "many"])
@pytest.mark.parametrize("served", [5, 100])
def test_server_without_pages_can_send_the_whole_list(total, served):
    """The server can send a list from a file. The first page is then the whole list."""
    page = [{"image_id": f"{n:032x}"} for n in range(served)]
    headers = {} if total is None else {"X-Total-Count": total}
    if served == 100:
        headers = {"X-Total-Count": "100"}
    with scripted_session(lambda *_: (200, headers, page)) as (gyazo, _):
        assert [i.image_id for i in gyazo.images()] == [i["image_id"] for i in page]
        assert gyazo.images()[-1].image_id == page[-1]["image_id"]


@pytest.mark.parametrize("served", [0, 5, 100, 130])
@pytest.mark.parametrize("more", [-1, 1, 120, 5000])
def test_list_from_its_end_is_complete_if_the_total_is_wrong(served, more):
    """A count can include images that were just deleted, or lack images that were just uploaded."""
    newest = [f"{n:032x}" for n in range(served)]

    async def read(gyazo):
        images = gyazo.aimages()
        return [i.image_id async for i in images[::-1]], await images[-1]

    with scripted_session(images_reply(served + more, served=served)) as (gyazo, received):
        assert [i.image_id for i in gyazo.images()[::-1]] == newest[::-1]
        if served:
            assert gyazo.images()[-1].image_id == newest[-1]
            found, last = asyncio.run(read(gyazo))
            assert (found, last.image_id) == (newest[::-1], newest[-1])
        else:
            with pytest.raises(IndexError):
                gyazo.images()[-1]
        assert len(received) < 60


def test_last_image_is_known_after_the_whole_list_if_the_total_is_too_large():
    with scripted_session(images_reply(250, served=130)) as (gyazo, _):
        images = gyazo.images()
        assert len(list(images)) == 130
        assert (images[-1].image_id, len(images)) == (f"{129:032x}", 130)


@pytest.mark.parametrize("total", [250, 248, None])
@pytest.mark.parametrize("hidden", [{3, 7}, {99, 120}, {100}, {249}])
def test_list_is_complete_if_the_server_leaves_out_images_of_a_page(total, hidden):
    """Its first page is then shorter than the others."""

    def reply(method, path):
        status, headers, page = images_reply(total)(method, path)
        return status, headers, [i for i in page if int(i["image_id"], 16) not in hidden]

    async def read(gyazo):
        return [int(image.image_id, 16) async for image in gyazo.aimages()]

    expected = [n for n in range(250) if n not in hidden]
    with scripted_session(reply) as (gyazo, _):
        assert [int(image.image_id, 16) for image in gyazo.images()] == expected
        assert asyncio.run(read(gyazo)) == expected


def test_list_is_complete_if_a_short_page_arrives_after_a_later_page():
    """Pages are fetched at the same time. The server reports too few images."""

    def reply(method, path):
        status, headers, page = images_reply(248)(method, path)
        return status, headers, [i for i in page if int(i["image_id"], 16) != 100]

    with scripted_session(reply) as (gyazo, _):
        images = gyazo.images()
        assert [images[205], images[150]]
        assert [int(i.image_id, 16) for i in images] == [n for n in range(250) if n != 100]


def test_first_images_take_one_request_without_a_total():
    """Iteration, an index and a slice at the beginning do not count the list."""
    for read_first in (lambda i: next(iter(i)), lambda i: i[0], lambda i: list(i[:20])):
        with scripted_session(images_reply(None, served=2000)) as (gyazo, received):
            read_first(gyazo.images())
            assert len(received) == 1


def test_negative_index_and_length_work_without_a_total():
    with scripted_session(images_reply(None, served=250)) as (gyazo, _):
        images = gyazo.images()
        assert (images[-1].image_id, len(images)) == (f"{249:032x}", 250)
        with pytest.raises(IndexError):
            images[250]
