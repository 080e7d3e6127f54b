"""The demo notebooks run from the first cell to the last against the sandbox, and can be exported."""

import base64
from pathlib import Path

import nbformat
import pytest
from bs4 import BeautifulSoup
from nbclient import NotebookClient
from support.notebooks import rendered_pictures

from gyazo_nb.notebook.exporter import GyazoExporter

NOTEBOOKS = Path(__file__).parents[3] / "notebooks"
UPLOADS = {
    "02_share_figures": 5,
    "03_your_images": 3,
    "04_batches": 57,
    "05_without_login": 1,
    "06_async": 85,
    "07_publish_a_notebook": 2,
}


@pytest.mark.kernels
@pytest.mark.parametrize("name", UPLOADS)
def test_notebook_runs_without_a_user(server, monkeypatch, tmp_path, name):
    """A token in the environment is enough: no cell fails, and all pictures arrive.

    Then the notebook is exported, in the same test, because running it takes seconds: a reader of the
    Markdown sees each of its pictures, in order.
    """
    for variable, value in server.variables.items():
        monkeypatch.setenv(variable, value)
    monkeypatch.setenv("GYAZO_ACCESS_TOKEN", server.sandbox.new_token())
    monkeypatch.setenv("IPYTHONDIR", str(tmp_path))
    notebook = nbformat.read(NOTEBOOKS / f"{name}.ipynb", as_version=4)

    NotebookClient(notebook, timeout=90, resources={"metadata": {"path": tmp_path}}).execute()

    assert [cell["id"] for cell in notebook["cells"]] == [
        f"cell-{number}" for number in range(len(notebook["cells"]))
    ]
    assert len(server.sandbox.images) == UPLOADS[name]

    resources = {"metadata": {"path": str(tmp_path)}}
    text, _ = GyazoExporter().from_notebook_node(notebook, resources)
    uploaded = {f"{image.image_id}.{image.type}": image.data for image in server.sandbox.images}
    expected = shown_pictures(notebook)
    exported = rendered_pictures(text)
    assert expected
    assert len(exported) == len(expected)
    for url, picture in zip(exported, expected, strict=True):
        assert picture in {url, uploaded.get(url.rpartition("/")[2])}


def shown_pictures(notebook):
    """The pictures that the notebook shows: the bytes of a figure, and the address in a card."""
    shown = []
    for cell in notebook["cells"]:
        for output in cell.get("outputs", []):
            data = output.get("data", {})
            if "image/png" in data:
                shown.append(base64.b64decode(data["image/png"]))
            elif "text/html" in data:
                page = BeautifulSoup(data["text/html"], "html.parser")
                shown += [tag["src"] for tag in page.find_all("img")]
    return shown
