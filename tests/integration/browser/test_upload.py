"""Uploads in a real JupyterLab: figures with their cards, and the progress bar and Stop of a batch."""

import base64
import json
import os
import re
from pathlib import Path

import pytest
from playwright.sync_api import expect
from support.helpers import KERNELS

from gyazo_nb.sandbox import Fault

LOAD = "%load_ext gyazo_nb"
TWO_FIGURES = """%%gyazo --title Curves
import matplotlib.pyplot as plt
for power in (1, 2):
    plt.figure(figsize=(4, 2))
    plt.plot([x**power for x in range(9)])
    plt.show()
"""
BATCH = """
from gyazo_nb.images.png_encoder import encode_array
import numpy as np
pictures = (encode_array(np.full((8, 8, 3), [n, 0, 90], np.uint8)) for n in range(200))
report = gyazo.upload_all(pictures)
"""
# Read at import: a fixture removes the GYAZO_ variables for each test.
THEME = os.environ.get("GYAZO_TEST_THEME", "light")
SCREENSHOTS = os.environ.get("GYAZO_TEST_SCREENSHOTS")


@pytest.fixture
def jupyter(server, start_jupyter):
    variables = {**server.variables, "GYAZO_ACCESS_TOKEN": server.sandbox.new_token()}

    def use_dark_theme(jupyter):
        jupyter.configure("@jupyterlab/apputils-extension:themes", theme="JupyterLab Dark")

    return start_jupyter(variables, use_dark_theme if THEME == "dark" else None)


def save_screenshot(notebook, name):
    """Save a screenshot if GYAZO_TEST_SCREENSHOTS names a folder."""
    if SCREENSHOTS:
        notebook.page.screenshot(path=Path(SCREENSHOTS) / f"{name}-{THEME}.png")


@pytest.mark.parametrize("kernel", KERNELS)
def test_cards_follow_the_figures(server, jupyter, new_page, open_notebook, kernel):
    """In order; a card contains its link, Markdown and HTML as visible text."""
    notebook = open_notebook(jupyter, new_page(), [LOAD, TWO_FIGURES], kernel)
    notebook.run(0)

    output = notebook.run(1)

    cards = output.locator("figure")
    expect(cards).to_have_count(2)
    kinds = [
        "card" if "<figure" in "".join(out["data"].get("text/html", "")) else "figure"
        for out in json.loads(notebook.save())["cells"][1]["outputs"]
    ]
    assert kinds == ["figure", "figure", "card", "card"]
    for index in (0, 1):
        card = cards.nth(index)
        expect(card).to_contain_text("Curves")
        expect(card.locator("img")).to_have_count(0)  # the picture stands above it
        card.locator("summary").click()
        link = card.locator("a").last.get_attribute("href")
        for notation, value in (
            ("Markdown", re.compile(r"^\[!\[Curves\]\(http")),
            ("HTML", re.compile(r'^<a href="http')),
            ("Cosense", f"[{link}]"),
        ):
            expect(card.get_by_role("textbox", name=notation)).to_have_value(value)
    save_screenshot(notebook, f"cards-{kernel}")
    assert len(server.sandbox.images) == 2


SHARE = (
    LOAD + "\nimport ipywidgets, matplotlib.pyplot as plt",
    "plt.figure(figsize=(4, 2)); plt.plot([1, 3, 2])",
    "%gyazo",
    """def draw(x):
    plt.figure(figsize=(x, 2)); plt.plot([x, 1]); plt.show()
ipywidgets.interact(draw, x=ipywidgets.IntSlider(3, 2, 6));""",
    "%gyazo",
)


@pytest.mark.parametrize("kernel", KERNELS)
def test_shown_pictures_are_shared(server, jupyter, new_page, open_notebook, kernel):
    """Of the newest cell, and of a widget as it is now. The card names the cell, and has no picture."""
    notebook = open_notebook(jupyter, new_page(), SHARE, kernel)
    for index in range(3):
        notebook.run(index)

    card = notebook.output(2).locator("figure")
    expect(card).to_contain_text("Shown by cell [2]")
    expect(card.locator("img")).to_have_count(0)
    saved = json.loads(notebook.save())["cells"][1]["outputs"]
    shown = next(out["data"]["image/png"] for out in saved if "image/png" in out["data"])
    assert [image.data for image in server.sandbox.images] == [base64.b64decode(shown)]
    save_screenshot(notebook, f"share-{kernel}")

    slider = notebook.run(3)
    before = slider.locator("img").get_attribute("src")
    slider.get_by_role("slider").press("ArrowRight")
    notebook.page.wait_for_function(
        "([image, before]) => image.isConnected ? image.src !== before : true",
        arg=[slider.locator("img").element_handle(), before],
    )
    expect(slider.locator("img")).to_have_count(1)
    expect(notebook.run(4)).to_contain_text("Shown by cell [4]")
    picture = slider.locator("img").get_attribute("src").partition(",")[2]
    assert server.sandbox.images[0].data == base64.b64decode(picture)


def progress(output):
    """The number in the progress bar."""
    found = re.findall(r"(\d+)/200|(\d+)image", output.inner_text())
    return max((int(a or b) for a, b in found), default=0)


@pytest.mark.parametrize("kernel", KERNELS)
def test_progress_bar_counts_the_uploads(server, jupyter, new_page, open_notebook, kernel):
    """The number grows while the batch runs, and ends at the total."""
    server.sandbox.faults.append(Fault(path="/api/upload", delay=0.2, times=1000))
    batch = BATCH.replace("(encode", "[encode").replace("range(200))", "range(200)]")
    notebook = open_notebook(jupyter, new_page(), [LOAD, batch, "report"], kernel)
    notebook.run(0)
    notebook.run(1, wait=False)

    seen = set()
    for _ in range(200):
        seen.add(progress(notebook.output(1)))
        if 200 in seen:
            break
        notebook.page.wait_for_timeout(50)

    assert 200 in seen
    assert len(seen - {0, 200}) >= 5
    notebook.wait_finished(1)
    gallery = notebook.run(2)
    expect(gallery).to_contain_text("200 uploaded; the first 60 are shown")
    save_screenshot(notebook, f"batch-{kernel}")


@pytest.mark.parametrize("kernel", KERNELS)
@pytest.mark.parametrize("mode", ["blocking", "async"])
def test_interrupted_batch_can_be_retried(server, jupyter, new_page, open_notebook, kernel, mode):
    """The queued cells do not run; a retry of the report uploads the rest, and no image twice."""
    server.sandbox.faults.append(Fault(path="/api/upload", delay=0.4, times=1000))
    batch, retry = BATCH, "gyazo.report.retry()"
    if mode == "async":
        batch = batch.replace("gyazo.upload", "await gyazo.aupload")
        retry = "await gyazo.report.aretry()"
    show = "gyazo.report, 'behind' in globals()"
    cells = [LOAD, batch, "behind = 1", show, f"report = {retry}; report"]
    notebook = open_notebook(jupyter, new_page(), cells, kernel)
    notebook.run(0)
    notebook.run(1, wait=False)
    notebook.page.wait_for_function(
        "text => document.querySelector('.jp-Notebook').innerText.includes(text)", arg="image"
    )
    notebook.run(2, wait=False)
    notebook.page.wait_for_timeout(1500)

    notebook.page.evaluate(
        "() => window.jupyterapp.shell.currentWidget.sessionContext.session.kernel.interrupt()"
    )

    expect(notebook.output(1)).to_contain_text(f"{retry} uploads the rest")
    save_screenshot(notebook, f"stopped-{mode}-{kernel}")
    done = len(server.sandbox.images)
    assert 0 < done < 200
    # The interrupt drops the queued cell; a new cell runs.
    notebook.wait_dropped(2)
    expect(notebook.run(3)).to_contain_text(
        re.compile(r"stopped before the end>.*,\s+False", re.DOTALL)
    )
    server.sandbox.faults.clear()
    notebook.run(4)
    expect(notebook.output(4)).to_contain_text("200 uploaded")
    uploads = [r for r in server.sandbox.requests if r.path == "/api/upload" and r.status == 200]
    assert len(uploads) == len(server.sandbox.images) == 200
