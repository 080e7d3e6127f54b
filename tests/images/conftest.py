"""The fixtures of the tests of pictures."""

import importlib
import io
import shutil
import warnings

import pytest
from PIL import Image
from support.helpers import skip_missing


@pytest.fixture
def upload(gyazo, server):
    """Upload an item to the sandbox, and open the picture that the sandbox stored."""

    def upload(item):
        image = gyazo.upload(item)
        return Image.open(io.BytesIO(server.sandbox.image_store.get(image.image_id).data))

    return upload


@pytest.fixture(scope="module")
def kaleido():
    """Keep the browser of kaleido open for all tests of a module: it takes two seconds to start."""
    path = shutil.which("chromium") or shutil.which("google-chrome")
    if path is None:
        skip_missing("kaleido renders with Chromium, which is not installed")
    kaleido = importlib.import_module("kaleido")
    with warnings.catch_warnings(action="ignore"):
        kaleido.start_sync_server(path=path)
        yield
        kaleido.stop_sync_server()
