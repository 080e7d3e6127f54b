"""Sharing in a real browser: figures and cards, a batch that is seen to move, and its Stop."""

import json
import os
import re
from pathlib import Path

import pytest
from playwright.sync_api import expect
from support.helpers import KERNELS

from gyazo_nb.sandbox import Fault, Sandbox, serve

LOAD = "%load_ext gyazo_nb"
TWO = """%%gyazo --title Curves
import matplotlib.pyplot as plt
for power in (1, 2):
    plt.figure(figsize=(4, 2))
    plt.plot([x**power for x in range(9)])
    plt.show()
"""
BATCH = """
from gyazo_nb.images.png_encoder import png
import numpy as np
pictures = (png(np.full((8, 8, 3), [n, 0, 90], np.uint8)) for n in range(200))
report = gyazo.upload_all(pictures)
"""
EXPECT = 30_000
# Read here: no test sees the machine's GYAZO_ variables.
THEME = os.environ.get("GYAZO_TEST_THEME", "light")
SCREENSHOTS = os.environ.get("GYAZO_TEST_SCREENSHOTS")


@pytest.fixture
def sandbox():
    with serve(Sandbox()) as server:
        yield server


@pytest.fixture
def lab(sandbox, make_lab):
    variables = {**sandbox.variables, "GYAZO_ACCESS_TOKEN": sandbox.sandbox.new_token()}

    def dark(lab):
        if THEME == "dark":
            lab.configure("@jupyterlab/apputils-extension:themes", theme="JupyterLab Dark")

    return make_lab(variables, dark)


def keep(notebook, name):
    """Leave a picture of the page where somebody asked for it."""
    if SCREENSHOTS:
        notebook.page.screenshot(path=Path(SCREENSHOTS) / f"{name}-{THEME}.png")


@pytest.mark.parametrize("kernel", KERNELS)
def test_two_figures_and_their_cards(sandbox, lab, make_page, open_notebook, kernel):
    """Both figures where they always are, both cards beneath, in order; what a card offers is text."""
    notebook = open_notebook(lab, make_page(), [LOAD, TWO], kernel)
    notebook.run(0)

    output = notebook.run(1)

    cards = output.locator("figure")
    expect(cards).to_have_count(2, timeout=EXPECT)
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
    keep(notebook, f"cards-{kernel}")
    assert len(sandbox.sandbox.images) == 2


def counted(output):
    """How many the bar says."""
    found = re.findall(r"(\d+)/200|(\d+)image", output.inner_text())
    return max((int(a or b) for a, b in found), default=0)


@pytest.mark.parametrize("kernel", KERNELS)
def test_a_batch_is_seen_to_move(sandbox, lab, make_page, open_notebook, kernel):
    """The bar counts while pictures are under way, and ends with all of them."""
    sandbox.sandbox.faults.append(Fault(path="/api/upload", delay=0.2, times=1000))
    batch = BATCH.replace("(png", "[png").replace("range(200))", "range(200)]")
    notebook = open_notebook(lab, make_page(), [LOAD, batch, "report"], kernel)
    notebook.run(0)
    notebook.run(1, wait=False)

    seen = set()
    for _ in range(200):
        seen.add(counted(notebook.output(1)))
        if 200 in seen:
            break
        notebook.page.wait_for_timeout(50)

    assert 200 in seen
    assert len(seen - {0, 200}) >= 5
    notebook.finished(1)
    gallery = notebook.run(2)
    expect(gallery).to_contain_text("200 uploaded; the first 60 are shown")
    keep(notebook, f"batch-{kernel}")


@pytest.mark.parametrize("kernel", KERNELS)
@pytest.mark.parametrize("colour", ["blocking", "async"])
def test_stop_leaves_a_report(sandbox, lab, make_page, open_notebook, kernel, colour):
    """Stop ends the cell at once, the cells behind it do not run, and a retry takes up the rest."""
    sandbox.sandbox.faults.append(Fault(path="/api/upload", delay=0.4, times=1000))
    batch, again = BATCH, "report = gyazo.report.retry(); report"
    if colour == "async":
        batch = batch.replace("gyazo.upload", "await gyazo.aupload")
        again = "report = await gyazo.report.aretry(); report"
    cells = [LOAD, batch, "behind = 1", "gyazo.report, 'behind' in globals()", again]
    notebook = open_notebook(lab, make_page(), cells, kernel)
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

    advice = "await gyazo.report.aretry()" if colour == "async" else "gyazo.report.retry()"
    expect(notebook.output(1)).to_contain_text(f"{advice} takes up the rest", timeout=EXPECT)
    keep(notebook, f"stopped-{colour}-{kernel}")
    done = len(sandbox.sandbox.images)
    assert 0 < done < 200
    # Stop also drops the cell behind; a new one runs.
    said = notebook.run(3)
    expect(said).to_contain_text("stopped before the end>, False", timeout=EXPECT)
    sandbox.sandbox.faults.clear()
    notebook.run(4)
    expect(notebook.output(4)).to_contain_text("200 uploaded", timeout=EXPECT)
    uploads = [r for r in sandbox.sandbox.requests if r.path == "/api/upload" and r.status == 200]
    assert len(uploads) == len(sandbox.sandbox.images) == 200
