"""Uploads in a real JupyterLab: figures with their cards, and the progress bar and Stop of a batch."""

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
        card.locator("img").scroll_into_view_if_needed()
        decoded = "image => image.decode().then(() => image.naturalWidth)"
        assert card.locator("img").evaluate(decoded) > 100
        card.locator("summary").click()
        link = card.locator("a").last.get_attribute("href")
        expect(card.get_by_text(f"[{link}]", exact=True)).to_be_visible()
        expect(card.get_by_text(re.compile(r"^\[!\[Curves\]\(http"))).to_be_visible()
        expect(card.get_by_text(re.compile(r'^<a href="http'))).to_be_visible()
    save_screenshot(notebook, f"cards-{kernel}")
    assert len(server.sandbox.images) == 2


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
    expect(notebook.run(3)).to_contain_text("stopped before the end>, False")
    server.sandbox.faults.clear()
    notebook.run(4)
    expect(notebook.output(4)).to_contain_text("200 uploaded")
    uploads = [r for r in server.sandbox.requests if r.path == "/api/upload" and r.status == 200]
    assert len(uploads) == len(server.sandbox.images) == 200
