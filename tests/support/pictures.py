"""Helpers that make picture files, and open them again."""

import io

from PIL import Image


def open_part(part):
    """Open the content of a file part."""
    return Image.open(io.BytesIO(part.content))


def noise_images(count):
    """Gray images that differ from each other in every pixel."""
    return [Image.effect_noise((16, 16), 10 + 20 * n) for n in range(count)]


def picture_file(file_format, *images, **options):
    """The bytes of one file that holds the images as frames, pages or views; by default one image."""
    first, *rest = images or [image.convert("RGB") for image in noise_images(1)]
    if rest:
        options |= {"save_all": True, "append_images": rest}
    out = io.BytesIO()
    first.save(out, file_format, **options)
    return out.getvalue()


def image_from_file(file_format, *images, **options):
    """Write the images as `picture_file` does, and open that file with Pillow."""
    return Image.open(io.BytesIO(picture_file(file_format, *images, **options)))
