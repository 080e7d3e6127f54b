"""`Images` and `AsyncImages`: all images as one sequence, from any number of pages."""

import asyncio
import gc

import pytest
from IPython.lib.pretty import pretty
from support.helpers import PNG

from gyazo_nb import ArgumentError, Images, NotLoggedInError, Page
from gyazo_nb.sandbox import Fault


def test_iteration_returns_all_images_in_order(ids, gyazo, many, count_requests):
    """Five pages with five requests, newest first."""
    assert ids(gyazo) == many
    assert count_requests() == 5


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


def test_slice_of_a_slice_is_a_list_too(gyazo, many):
    """With its own length, index and total."""
    part = gyazo.images()[100:300][50:]

    assert [image.image_id for image in part] == many[100:300][50:]
    assert (len(part), part[-1].image_id, part.total) == (150, many[299], 150)


def test_list_has_a_length_and_indices(gyazo, many, count_requests):
    """A page that was read is not fetched again."""
    images = gyazo.images()

    assert (len(images), images.total) == (450, 450)
    assert [images[n].image_id for n in (0, 1, -1)] == [many[0], many[1], many[-1]]
    with pytest.raises(IndexError, match="image index out of range"):
        images[450]
    assert count_requests() == 2


def test_page_is_fetched_only_when_it_is_needed(gyazo, many, count_requests):
    """To create, slice and print a list sends no request. The first image needs one page."""
    images = gyazo.images()
    part = images[10:20][1:]
    assert repr(images) == repr(part) == "<images, newest first>"
    assert count_requests() == 0

    next(iter(images))

    assert count_requests() == 1
    assert (repr(images), repr(part)) == ("<450 images, newest first>", "<9 images, newest first>")


def test_plain_text_has_the_links(gyazo, many, count_requests):
    """The first twenty, as `print` and a console show them; of a slice, its own number."""
    images = gyazo.images()
    lines = str(images).splitlines()

    assert lines[0] == "<450 images, newest first>"
    assert [line.partition("  ")[0] for line in lines[1:21]] == [str(i) for i in images[:20]]
    assert lines[21:] == ["and 430 more"]
    assert pretty(images[:3]) == str(images[:3])
    assert str(images[:3]).splitlines()[0] == "<3 images, newest first>"
    assert len(str(images[:3]).splitlines()) == 4
    assert "Copy the first 20 links" in images._repr_html_()
    assert count_requests() == 1


def test_console_and_notebook_show_once_why_images_cannot_be_listed(gyazo, server):
    """The text of the list names the reason. An error of the HTML would be shown above this text."""
    server.sandbox.faults.append(Fault(path="/api/images", status=403, times=9))

    assert pretty(gyazo.images()).startswith("<images, newest first>: ")
    assert gyazo.images()._repr_html_() is None


@pytest.mark.slow
def test_several_pages_are_fetched_at_the_same_time(ids, gyazo, many, server):
    """While one page is late, the next pages arrive. The order of the images stays."""
    server.sandbox.faults += [Fault(path="/api/images"), Fault(path="/api/images", delay=0.5)]

    assert ids(gyazo) == many

    in_order_of_replies = [r.query for r in server.sandbox.requests if r.path == "/api/images"]
    assert in_order_of_replies != sorted(in_order_of_replies)


def test_upload_after_the_last_page_was_fetched_skips_no_image(gyazo, many, server):
    """The iteration fetches the previous page after the upload, so it fetches the last page again."""

    async def read():
        images = gyazo.aimages()
        await images[-1]
        server.sandbox.add_image(PNG + b"async")
        return [image.image_id async for image in images]

    images = gyazo.images()
    assert images[-1].image_id == many[-1]
    server.sandbox.add_image(PNG + b"blocking")

    assert [image.image_id for image in images] == many
    assert asyncio.run(read())[1:] == many


def test_upload_during_the_iteration_neither_repeats_nor_skips_an_image(gyazo, many, server):
    """It moves every image by one, also the last."""
    seen = []
    for image in gyazo.images():
        seen.append(image.image_id)
        if len(seen) == 50:
            server.sandbox.add_image(PNG + b"new")

    assert seen == many


def test_error_of_a_page_is_raised_by_the_iteration(ids, gyazo, many, server):
    """And no task is left running."""
    server.sandbox.faults.append(Fault(status=400, path="/api/images"))

    with pytest.raises(Exception, match="400"):
        ids(gyazo)


def test_loop_that_ends_early_fetches_no_more_pages(gyazo, many, count_requests):
    """A loop that ends on the first page has fetched one or two."""
    for image in gyazo.images():
        if image.image_id == many[30]:
            break

    assert count_requests() <= 2


def test_notebook_shows_a_gallery_of_the_newest_images(gyazo, many):
    """Twenty thumbnails, and the total."""
    shown = gyazo.images()._repr_html_()

    assert shown.count("<img") == 20
    assert "450 images, newest first; the first 20 are shown" in shown


def test_explicit_page_returns_a_page(call, gyazo, many):
    """With `page` or `per_page`, as without a list."""
    assert isinstance(gyazo.images(), Images)
    page = call(gyazo, "images", page=2)
    assert isinstance(page, Page)
    assert [image.image_id for image in page] == many[20:40]
    assert len(call(gyazo, "images", per_page=3)) == 3


def test_await_returns_the_newest_twenty(gyazo, many):
    """An index can be awaited for one image, and `total` for the number."""

    async def main():
        images = gyazo.aimages()
        page, one, total = await images, await images[-1], await images.total()
        await gyazo.aclose()
        return page, one, total

    page, one, total = asyncio.run(main())
    assert [image.image_id for image in page] == many[:20]
    assert (page.total, total, one.image_id) == (450, 450, many[-1])


def test_async_loop_that_ends_early_leaves_no_task_running(gyazo, many):
    """A task that is destroyed while it runs would warn, and a warning fails the test."""

    async def main():
        n = 0
        async for _ in gyazo.aimages():
            n += 1
            if n == 250:
                break

    asyncio.run(main())
    gc.collect()


def test_empty_account_has_an_empty_list(ids, gyazo, count_requests):
    """One request is enough to know."""
    assert ids(gyazo) == []
    assert count_requests() == 1


@pytest.mark.parametrize("arguments", [{"page": 0}, {"per_page": 101}])
def test_page_out_of_range_is_refused(gyazo, arguments):
    """Before the first request."""
    with pytest.raises(ArgumentError):
        gyazo.images(**arguments)


def test_list_before_the_sign_in_raises_at_once(signed_out):
    """Not at the first image."""
    with pytest.raises(NotLoggedInError):
        signed_out.images()
    with pytest.raises(NotLoggedInError):
        signed_out.aimages()
