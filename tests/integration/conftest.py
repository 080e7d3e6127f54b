"""Fixtures with real kernels, a real JupyterLab and a real Chromium; their files are temporary."""

import shutil
import socket

import pytest
from playwright.sync_api import sync_playwright
from support.helpers import jupyter_environment, skip_missing, write_kernelspecs
from support.jupyterlab_driver import CHROMIUM_OPTIONS, SECONDS, JupyterServer, Notebook

from gyazo_nb.sandbox import Application, Sandbox, serve


def pytest_collection_modifyitems(items):
    for item in items:
        if "chromium" in item.fixturenames:
            item.add_marker(pytest.mark.browser)
            # JupyterLab loses the connection to its kernel in about one run of a hundred.
            item.add_marker(pytest.mark.flaky(reruns=2))


@pytest.fixture
def jupyter_home(tmp_path, monkeypatch):
    """A folder for all files of Jupyter and IPython, with a kernelspec of each generation."""
    home = tmp_path / "home"
    for name, value in jupyter_environment(home).items():
        monkeypatch.setenv(name, value)
    write_kernelspecs(home / "data")
    return home


@pytest.fixture
def sandbox():
    with serve(Sandbox()) as server:
        yield server


@pytest.fixture
def loopback_sandbox():
    """A sandbox whose application has a free address of this machine as its redirect URI."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    uri = f"http://127.0.0.1:{port}/callback"
    with serve(Sandbox([Application(redirect_uris=(uri,))])) as server:
        server.variables["GYAZO_REDIRECT_URI"] = uri
        yield server


@pytest.fixture(scope="module")
def chromium():
    # Not for the whole session: the event loop of Playwright counts as running while it is open, and
    # no other test could run one.
    path = (
        shutil.which("chromium")
        or shutil.which("chromium-browser")
        or shutil.which("google-chrome")
    )
    if path is None:
        skip_missing("Chromium is not installed (apt-get install chromium)")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=CHROMIUM_OPTIONS)
        yield browser
        browser.close()


@pytest.fixture
def start_jupyter(tmp_path_factory):
    """Start a JupyterLab, or another server application, with these variables."""
    started = []

    def start(environment, configure=lambda jupyter: None, app="jupyterlab"):
        jupyter = JupyterServer(tmp_path_factory.mktemp("jupyter"), environment)
        configure(jupyter)
        if app is not None:
            started.append(jupyter)
            jupyter.start(app)
        return jupyter

    yield start
    for jupyter in started:
        jupyter.stop()


@pytest.fixture
def new_page(chromium):
    """Open a page of a new browser profile."""
    contexts = []

    def new_page(**options):
        context = chromium.new_context(viewport={"width": 1200, "height": 900}, **options)
        contexts.append(context)
        page = context.new_page()
        page.set_default_timeout(20 * SECONDS)
        return page

    yield new_page
    for context in contexts:
        context.close()


@pytest.fixture
def open_notebook():
    """Write a notebook of these cells and open it."""

    def open_notebook(jupyter, page, cells, kernel):
        return Notebook(page, jupyter, jupyter.write_notebook(cells, kernel)).open()

    return open_notebook
