"""Helpers that make notebooks with pictures, and read the pictures of an exported text."""

import base64
import io
import json
from pkgutil import resolve_name

from PIL import Image

SVG = (
    '<svg xmlns="http://www.w3.org/2000/svg" width="8" height="6">'
    '<rect width="8" height="6" fill="teal"/></svg>'
)


def picture(color, file_format="PNG"):
    """The bytes of a small picture of one color."""
    out = io.BytesIO()
    Image.new("RGB", (8, 6), color).save(out, file_format)
    return out.getvalue()


def base64_of(data):
    return base64.b64encode(data).decode()


def data_url(data, mime_type="image/png"):
    return f"data:{mime_type};base64,{base64_of(data)}"


def markdown_cell(source, **attachments):
    """A cell with attachments: names to bytes."""
    bundles = {name: {"image/png": base64_of(data)} for name, data in attachments.items()}
    return {"cell_type": "markdown", "metadata": {}, "source": source, "attachments": bundles}


def code_cell(*outputs, source="plot()", count=None, metadata=None):
    return {
        "cell_type": "code",
        "execution_count": count,
        "metadata": metadata or {},
        "source": source,
        "outputs": list(outputs),
    }


def shown(data, metadata=None):
    """An output of `display`. The picture of a type can be given as bytes."""
    data = {name: base64_of(d) if isinstance(d, bytes) else d for name, d in data.items()}
    return {"output_type": "display_data", "data": data, "metadata": metadata or {}}


def printed(text):
    return {"output_type": "stream", "name": "stdout", "text": text}


def notebook(*cells):
    for number, cell in enumerate(cells):
        cell["id"] = f"cell-{number}"
    metadata = {"language_info": {"name": "python"}}
    return {"cells": list(cells), "metadata": metadata, "nbformat": 4, "nbformat_minor": 5}


def write_notebook(path, *cells, kernel=None):
    content = notebook(*cells)
    if kernel is not None:
        content["metadata"]["kernelspec"] = {"name": kernel, "display_name": kernel}
    path.write_text(json.dumps(content))
    return path


def rendered_pictures(markdown):
    """The addresses of the pictures that a reader of the Markdown sees, in order."""
    # These packages take two seconds to import, and most tests do not need them.
    html = resolve_name("nbconvert.filters:markdown2html")(markdown)
    page = resolve_name("bs4:BeautifulSoup")(html, "html.parser")
    return [tag["src"] for tag in page.find_all("img")]


def bytes_of(gyazo, markdown):
    """The pictures that a reader of the Markdown sees, as they are on Gyazo."""
    by_url = {image.url: image.download() for image in gyazo.images()}
    return [by_url[url] for url in rendered_pictures(markdown)]
