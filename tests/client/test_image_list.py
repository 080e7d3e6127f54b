"""All images as one sequence: nothing is asked for twice or too early, and the order is kept."""

import asyncio
import gc

import pytest
from support.helpers import PNG

from gyazo_nb import ArgumentError, Images, NotLoggedInError, Page
from gyazo_nb.api.image import Image
from gyazo_nb.sandbox import Fault


@pytest.fixture
def many(server):
    """The ids of 450 images, newest first: five pages."""
    for n in range(450):
        server.sandbox.add_image(PNG + n.to_bytes(2), created_at=str(1_500_000_000 + n))
    return [image.image_id for image in server.sandbox.images]


@pytest.fixture(params=["blocking", "async"])
def ids(request):
    """The ids of a part of the list, iterated in either colour."""
    if request.param == "blocking":
        yield lambda gyazo, part=slice(None): [image.image_id for image in gyazo.images()[part]]
        return
    with asyncio.Runner() as runner:

        async def collect(gyazo, part):
            return [image.image_id async for image in gyazo.aimages()[part]]

        yield lambda gyazo, part=slice(None): runner.run(collect(gyazo, part))


def asked(server):
    return sum(request.path == "/api/images" for request in server.sandbox.requests)


def test_all_of_them_in_order(ids, gyazo, many, server):
    """Five pages, five requests, newest first."""
    assert ids(gyazo) == many
    assert asked(server) == 5


@pytest.mark.parametrize(
    "part",
    [
        slice(10),
        slice(95, 105),
        slice(-3, None),
        slice(None, None, -1),
        slice(0, 450, 120),
        slice(400, 9999),
        slice(5, 5),
    ],
)
def test_slices_are_those_of_a_list(ids, gyazo, many, part):
    """Any start, stop and step."""
    assert ids(gyazo, part) == many[part]


def test_a_slice_of_a_slice(gyazo, many):
    """A slice is such a sequence itself."""
    part = gyazo.images()[100:300][50:]

    assert [image.image_id for image in part] == many[100:300][50:]
    assert (len(part), part[-1].image_id, part.total) == (150, many[299], 150)


def test_index_length_and_membership(gyazo, many, server):
    """What a sequence has; a page that was read is not asked for again."""
    images = gyazo.images()

    assert (len(images), images.total) == (450, 450)
    assert [images[n].image_id for n in (0, 1, -1)] == [many[0], many[1], many[-1]]
    with pytest.raises(IndexError):
        images[450]
    assert asked(server) == 2


def test_nothing_is_asked_before_it_is_needed(gyazo, many, server):
    """Making, slicing and printing the list asks nothing; the first image asks for one page."""
    images = gyazo.images()
    part = images[10:20][1:]
    assert repr(images) == repr(part) == "<images, newest first>"
    assert asked(server) == 0

    next(iter(images))

    assert asked(server) == 1
    assert (repr(images), repr(part)) == ("<450 images, newest first>", "<9 images, newest first>")


def test_several_pages_are_asked_for_at_once(ids, gyazo, many, server):
    """While one page keeps us waiting the next ones arrive, and the order is kept."""
    server.sandbox.faults += [Fault(path="/api/images"), Fault(path="/api/images", delay=0.5)]

    assert ids(gyazo) == many

    answered = [r.query for r in server.sandbox.requests if r.path == "/api/images"]
    assert answered != sorted(answered)


def test_memory_is_constant_when_iterating(gyazo, server):
    """Of 5,000 images no more than the last pages are kept."""
    for n in range(5000):
        server.sandbox.add_image(PNG + n.to_bytes(2), created_at=str(1_500_000_000 + n))
    images = gyazo.images()

    assert sum(1 for _ in images) == 5000

    kept = [thing for thing in gc.get_objects() if type(thing) is Image]
    assert len(kept) <= 1700


def test_an_upload_meanwhile_neither_repeats_nor_loses(gyazo, many, server):
    """What is pushed over to the next page is given once, and the last one is not forgotten."""
    seen = []
    for image in gyazo.images():
        seen.append(image.image_id)
        if len(seen) == 50:
            server.sandbox.add_image(PNG + b"new")

    assert seen == many


def test_an_error_comes_out_where_it_happens(ids, gyazo, many, server):
    """A page that cannot be had is an error of the iteration, and nothing is left running."""
    server.sandbox.faults.append(Fault(status=400, path="/api/images"))

    with pytest.raises(Exception, match="400"):
        ids(gyazo)


def test_leaving_early_asks_for_no_more(gyazo, many, server):
    """A loop that ends in the first page has asked for one or two."""
    for image in gyazo.images():
        if image.image_id == many[30]:
            break

    assert asked(server) <= 2


def test_without_a_total_the_pages_are_counted(gyazo, many, server):
    """X-Total-Count is documented, and not relied on."""
    for number in range(1, 6):
        page = gyazo.request("GET", "/api/images", params={"page": number, "per_page": 100})
        server.sandbox.faults.append(Fault(status=200, body=page, path="/nothing"))
    for fault in server.sandbox.faults:
        fault.path = "/api/images"
    images = gyazo.images()

    assert len(images) == 450
    assert [image.image_id for image in images] == many


def test_the_list_shows_a_gallery_of_the_newest(gyazo, many):
    """Twenty thumbnails, and how many there are."""
    shown = gyazo.images()._repr_html_()

    assert shown.count("<img") == 20
    assert "20 images of 450" in shown


def test_an_explicit_page_is_one_page(call, gyazo, many):
    """With page or per_page, it is what it always was."""
    assert isinstance(gyazo.images(), Images)
    page = call(gyazo, "images", page=2)
    assert isinstance(page, Page)
    assert [image.image_id for image in page] == many[20:40]
    assert len(call(gyazo, "images", per_page=3)) == 3


def test_awaiting_gives_the_newest_twenty(gyazo, many):
    """And an index gives one, a total the number."""

    async def main():
        images = gyazo.aimages()
        page, one, total = await images, await images[-1], await images.total()
        await gyazo.aclose()
        return page, one, total

    page, one, total = asyncio.run(main())
    assert [image.image_id for image in page] == many[:20]
    assert (page.total, total, one.image_id) == (450, 450, many[-1])


def test_leaving_an_async_loop_leaves_nothing_running(gyazo, many):
    """The tasks that asked ahead are gone with the loop."""

    async def main():
        n = 0
        async for _ in gyazo.aimages():
            n += 1
            if n == 250:
                break

    asyncio.run(main())
    gc.collect()


def test_an_empty_account(ids, gyazo, server):
    """No image, one request."""
    assert ids(gyazo) == []
    assert asked(server) == 1


@pytest.mark.parametrize("arguments", [{"page": 0}, {"per_page": 101}])
def test_a_page_out_of_range_is_refused(gyazo, arguments):
    """Before anything is sent."""
    with pytest.raises(ArgumentError):
        gyazo.images(**arguments)


def test_before_the_sign_in_it_says_so_at_once(signed_out):
    """And not at the first image."""
    with pytest.raises(NotLoggedInError):
        signed_out.images()
    with pytest.raises(NotLoggedInError):
        signed_out.aimages()
