"""`PageCache` keeps the last few pages of a list, and counts the images."""

import gc

from support.helpers import PNG

from gyazo_nb.api.image import Image
from gyazo_nb.client.page_cache import PageCache
from gyazo_nb.sandbox import Fault


def test_last_pages_are_cached(gyazo, many, count_requests):
    """Each is fetched once."""
    cache = PageCache(gyazo._connection)

    pages = [cache.page(number) for number in (1, 2, 1, 2)]

    assert [len(page) for page in pages] == [100] * 4
    assert pages[0] is pages[2]
    assert count_requests() == 2


def test_memory_is_constant_during_an_iteration(gyazo, server):
    """Of 5,000 images at most those of 17 pages are in memory: 16 cached ones, and the one that is read."""
    for n in range(5000):
        server.sandbox.add_image(PNG + n.to_bytes(2), created_at=str(1_500_000_000 + n))
    ids = {image.image_id for image in server.sandbox.images}
    read = 0

    for _ in gyazo.images():
        read += 1
        # The last page: by now no other thread fetches one, so that `get_objects` is safe.
        if read == 4950:
            # Other tests may have left images: only those of this list count.
            kept = [o for o in gc.get_objects() if type(o) is Image and o.image_id in ids]

    assert read == 5000
    assert 1600 <= len(kept) <= 1700


def test_missing_total_is_replaced_by_counting_the_pages(gyazo, many, server):
    """X-Total-Count is documented, but not required."""
    for number in range(1, 6):
        page = gyazo.request("GET", "/api/images", params={"page": number, "per_page": 100})
        server.sandbox.faults.append(Fault(status=200, body=page, path="/nothing"))
    for fault in server.sandbox.faults:
        fault.path = "/api/images"
    images = gyazo.images()

    assert len(images) == 450
    assert [image.image_id for image in images] == many
