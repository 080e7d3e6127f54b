"""Fixtures with real kernels, a real JupyterLab and a real Chromium; their files are temporary."""

import shutil

import pytest
from playwright.sync_api import sync_playwright
from support.helpers import free_port, jupyter_environment, skip_missing, write_kernelspecs
from support.jupyterlab_driver import (
    CHROMIUM_OPTIONS,
    CLOSE_NOTEBOOKS,
    SECONDS,
    JupyterServer,
    Notebook,
    SharedJupyter,
)

from gyazo_nb.sandbox import Application, Sandbox, serve

_FAILED = pytest.StashKey[list[bool]]()


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
    uri = f"http://127.0.0.1:{free_port()}/callback"
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


@pytest.fixture(scope="session")
def shared_servers(tmp_path_factory):
    """The running Jupyter servers by their application; the tests of a process share them."""
    servers = {}

    def shared_server(app):
        if app not in servers:
            jupyter = JupyterServer(tmp_path_factory.mktemp("jupyter"), {})
            jupyter.start(app)
            servers[app] = jupyter
        return servers[app]

    yield shared_server
    for jupyter in servers.values():
        jupyter.stop()


@pytest.fixture
def start_jupyter(tmp_path_factory, shared_servers):
    """Kernels with these variables, in JupyterLab or another server application.

    A test that changes settings of JupyterLab, or reads its files, starts its own server.
    """
    started = []

    def start(environment, configure=None, app="jupyterlab", *, own=False):
        if own or configure is not None:
            jupyter = JupyterServer(tmp_path_factory.mktemp("jupyter"), environment)
            if configure is not None:
                configure(jupyter)
            jupyter.start(app)
        else:
            home = tmp_path_factory.mktemp("home")
            jupyter = SharedJupyter(shared_servers(app), home, environment)
        started.append(jupyter)
        return jupyter

    yield start
    for jupyter in started:
        jupyter.stop()


@pytest.fixture(scope="module")
def shared_page(chromium):
    """A page that keeps its JupyterLab open from test to test: to load it takes three seconds."""
    pages = []

    def shared_page(*, fresh=False):
        if pages and (fresh or pages[0].is_closed()):
            pages.pop().context.close()
        if not pages:
            pages.append(_new_context(chromium).new_page())
            pages[0].set_default_timeout(20 * SECONDS)
        return pages[0]

    yield shared_page
    for page in pages:
        page.context.close()


def _new_context(chromium, **options):
    return chromium.new_context(viewport={"width": 1200, "height": 900}, **options)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item, call):
    report = yield
    item.stash.setdefault(_FAILED, []).append(report.failed)
    return report


@pytest.fixture
def new_page(request, chromium, shared_page):
    """Open a page. The first page without options may show the JupyterLab of the previous test.

    A test that loads the page again needs its `own`: JupyterLab opens the notebook of such a page again when
    the fixture closes it.
    """
    contexts, shared = [], []

    def new_page(*, own=False, **options):
        if not (own or options or shared):
            shared.append(shared_page())
            shared[0].context.clear_cookies()
            return shared[0]
        contexts.append(_new_context(chromium, **options))
        page = contexts[-1].new_page()
        page.set_default_timeout(20 * SECONDS)
        return page

    yield new_page
    for context in contexts:
        context.close()
    for page in shared:
        if any(request.node.stash.get(_FAILED, [])) or not _close_notebooks(page):
            shared_page(fresh=True)


def _close_notebooks(page):
    """Close the notebooks and the other tabs. Return whether the page can be used again."""
    for other in page.context.pages:
        if other is not page:
            other.close()
    if not page.evaluate("() => window.jupyterapp?.shell !== undefined"):
        return False
    page.evaluate(CLOSE_NOTEBOOKS)
    return True


@pytest.fixture
def open_notebook():
    """Write a notebook of these cells and open it."""

    def open_notebook(jupyter, page, cells, kernel):
        return Notebook(page, jupyter, jupyter.write_notebook(cells, kernel)).open()

    return open_notebook
