"""Export a notebook through the menu of a real JupyterLab."""

import json
import urllib.request

import pytest
from playwright.sync_api import expect
from support.helpers import KERNELS
from support.jupyterlab_driver import Notebook
from support.notebooks import (
    code_cell,
    markdown_cell,
    picture,
    rendered_pictures,
    shown,
    write_notebook,
)

RED, BLUE, GREEN = picture("red"), picture("blue"), picture("green")


@pytest.fixture
def opened(server, start_jupyter, new_page):
    """A notebook with an attachment, a local picture and an output, open in JupyterLab; and its token."""
    token = server.sandbox.new_token()
    variables = {**server.variables, "GYAZO_ACCESS_TOKEN": token}
    # A server of its own: the export runs in the server, with its variables.
    jupyter = start_jupyter(variables, lambda jupyter: None)
    # The server imports all exporters for the menu, which takes long at first.
    with urllib.request.urlopen(f"{jupyter.url}/api/nbconvert", timeout=60) as formats:
        assert "gyazo" in json.load(formats)
    (jupyter.work / "local.png").write_bytes(GREEN)
    path = write_notebook(
        jupyter.work / "analysis.ipynb",
        markdown_cell("![a](attachment:a.png) ![b](local.png)", **{"a.png": RED}),
        code_cell(shown({"image/png": BLUE}), count=1),
        kernel=f"ipykernel-{KERNELS[-1]}",
    )
    return token, Notebook(new_page(), jupyter, path).open()


def export(notebook):
    """Choose Gyazo in the export menu. Return the page that opens, and the downloads."""
    context, pages, downloads = notebook.page.context, [], []
    # Functions, because Playwright marks them.
    context.on("page", lambda page: pages.append(page))  # noqa: PLW0108
    context.on("download", lambda download: downloads.append(download))  # noqa: PLW0108
    notebook.page.get_by_role("menuitem", name="File", exact=True).click()
    notebook.page.get_by_text("Save and Export Notebook As", exact=True).hover()
    notebook.page.get_by_role("menuitem", name="Gyazo", exact=True).click()
    return pages, downloads


def test_the_export_menu_publishes_the_notebook(server, opened):
    """The server uploads the pictures with its token, and the browser downloads the Markdown.

    After the token is revoked, the page that opens says so in one sentence.
    """
    token, notebook = opened
    _, downloads = export(notebook)
    wait_until(notebook, lambda: downloads)

    (download,) = downloads
    assert download.suggested_filename == "analysis.md"
    data = {f"{image.image_id}.{image.type}": image.data for image in server.sandbox.images}
    text = download.path().read_text()
    urls = rendered_pictures(text)
    assert [data[url.rpartition("/")[2]] for url in urls] == [RED, GREEN, BLUE]

    server.sandbox.revoke(token)
    pages, _ = export(notebook)
    wait_until(notebook, lambda: pages)
    error = pages[0].locator(".traceback-wrapper, pre").last
    expect(error).to_contain_text(
        "nbconvert failed: Gyazo does not accept the token from GYAZO_ACCESS_TOKEN: set GYAZO_ACCESS_TOKEN"
    )
    # The whole sentence is visible: the page does not wrap a line.
    assert error.evaluate("pre => pre.scrollWidth <= pre.clientWidth")


def wait_until(notebook, condition):
    """Wait while Playwright handles its events."""
    for _ in range(300):
        if condition():
            return
        notebook.page.wait_for_timeout(100)
    raise AssertionError("it does not happen within 30 seconds")
