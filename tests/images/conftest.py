"""The fixtures of the tests of pictures."""

import importlib
import io
import shutil

import pytest
from PIL import Image
from support.helpers import skip_missing


@pytest.fixture
def stored(gyazo, server):
    """Upload an item to the sandbox, and return the bytes that the sandbox stored."""
    return lambda item: server.sandbox.image_store.get(gyazo.upload(item).image_id).data


@pytest.fixture
def upload(stored):
    """Upload an item to the sandbox, and open the picture that the sandbox stored."""
    return lambda item: Image.open(io.BytesIO(stored(item)))


@pytest.fixture(scope="module")
def kaleido():
    """Keep the browser of kaleido open for all tests of a module: it takes two seconds to start."""
    path = shutil.which("chromium") or shutil.which("google-chrome")
    if path is None:
        skip_missing("kaleido renders with Chromium, which is not installed")
    kaleido = importlib.import_module("kaleido")
    kaleido.start_sync_server(path=path)
    yield
    kaleido.stop_sync_server()
