"""A real JupyterLab in a real Chromium, with everything it writes in one throw-away folder."""

import shutil
import socket
from pathlib import Path

import pytest
from playwright.sync_api import sync_playwright
from support.helpers import missing
from support.jupyterlab_driver import CHROMIUM, SECONDS, Lab, Notebook

from gyazo_nb.sandbox import Application, Sandbox, serve


def pytest_collection_modifyitems(items):
    for item in items:
        if "chromium" in item.fixturenames:
            item.add_marker(pytest.mark.browser)
            # The front end and the kernel lose each other in about one run of a hundred (see lab.py).
            item.add_marker(pytest.mark.flaky(reruns=2))


@pytest.fixture(scope="module")
def chromium():
    # Not for the whole session: while Playwright is there its event loop counts as running, and no
    # other test could run one.
    path = (
        shutil.which("chromium")
        or shutil.which("chromium-browser")
        or shutil.which("google-chrome")
    )
    if path is None:
        missing("Chromium is not installed (apt-get install chromium)")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=CHROMIUM)
        yield browser
        browser.close()


@pytest.fixture
def make_lab(tmp_path_factory):
    """Start a JupyterLab with these variables and this setting up."""
    started = []

    def make(environment, configure=lambda lab: None, app="jupyterlab"):
        lab = Lab(tmp_path_factory.mktemp("lab"), environment)
        configure(lab)
        if app is not None:
            lab.start(app)
            started.append(lab)
        return lab

    yield make
    for lab in started:
        lab.stop()


@pytest.fixture
def make_page(chromium):
    """Open a page of a fresh browser profile."""
    contexts = []

    def make(**options):
        context = chromium.new_context(viewport={"width": 1200, "height": 900}, **options)
        contexts.append(context)
        page = context.new_page()
        page.set_default_timeout(20 * SECONDS)
        return page

    yield make
    for context in contexts:
        context.close()


@pytest.fixture
def open_notebook():
    """Write a notebook of these cells and open it."""

    def open_(lab, page, cells, kernel):
        return Notebook(page, lab, lab.write(cells, kernel)).open()

    return open_


@pytest.fixture
def sandbox():
    with serve(Sandbox()) as server:
        yield server


@pytest.fixture
def catchable():
    """A sandbox whose application is registered with a loopback address that nobody holds."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    uri = f"http://127.0.0.1:{port}/callback"
    with serve(Sandbox([Application(redirect_uris=(uri,))])) as server:
        yield {**server.variables, "GYAZO_REDIRECT_URI": uri}
