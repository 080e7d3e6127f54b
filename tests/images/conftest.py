"""The fixtures of the tests of pictures."""

import io

import pytest
from PIL import Image


@pytest.fixture
def upload(gyazo, server):
    """Upload an item to the sandbox, and open the picture that the sandbox stored."""

    def upload(item):
        image = gyazo.upload(item)
        return Image.open(io.BytesIO(server.sandbox.image_store.get(image.image_id).data))

    return upload
