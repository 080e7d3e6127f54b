"""Fixtures for the tests of image lists, and of published notebooks."""

import asyncio

import pytest
from support.helpers import PNG
from support.notebooks import write_notebook


@pytest.fixture
def many(server):
    """The ids of 450 images, newest first: five pages."""
    for n in range(450):
        server.sandbox.add_image(PNG + n.to_bytes(2), created_at=str(1_500_000_000 + n))
    return [image.image_id for image in server.sandbox.images]


@pytest.fixture(params=["blocking", "async"])
def ids(request):
    """A function that returns the ids of a part of the list: by the blocking or the async iteration."""
    if request.param == "blocking":
        yield lambda gyazo, part=slice(None): [image.image_id for image in gyazo.images()[part]]
        return
    with asyncio.Runner() as runner:

        async def collect(gyazo, part):
            return [image.image_id async for image in gyazo.aimages()[part]]

        yield lambda gyazo, part=slice(None): runner.run(collect(gyazo, part))


@pytest.fixture
def count_requests(server):
    """A function that counts the requests for a page."""
    return lambda: sum(request.path == "/api/images" for request in server.sandbox.requests)


@pytest.fixture
def path(tmp_path):
    return tmp_path / "work" / "analysis.ipynb"


@pytest.fixture
def publish(gyazo, path, call):
    """Publish a notebook of these cells, with the blocking or the async method."""

    def publish(*cells, **options):
        path.parent.mkdir(exist_ok=True)
        write_notebook(path, *cells)
        return call(gyazo, "publish", path, progress=False, **options)

    return publish
