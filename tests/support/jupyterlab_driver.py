"""A real JupyterLab, and a notebook in it as a user works with it in the browser."""

import json
import re
import socket
import subprocess
import sys
import time
import urllib.request
import uuid

import nbformat
from playwright.sync_api import TimeoutError as PlaywrightTimeoutError
from playwright.sync_api import expect
from support.helpers import free_port, jupyter_environment, jupyter_folders, write_kernelspecs

SECONDS = 1000  # Playwright counts milliseconds
expect.set_options(timeout=30 * SECONDS)
CHROMIUM_OPTIONS = [
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]

KERNEL_IS_IDLE = """() => {
    const current = window.jupyterapp?.shell?.currentWidget;
    return current?.sessionContext?.session?.kernel?.status === 'idle';
}"""
RESTART_KERNEL = (
    "() => window.jupyterapp.shell.currentWidget.sessionContext.session.kernel.restart()"
)
OPEN_NOTEBOOK = """async (path) => {
    await window.jupyterapp.serviceManager.kernelspecs.refreshSpecs();
    await window.jupyterapp.commands.execute('docmanager:open', {path, factory: 'Notebook'});
}"""
CLOSE_NOTEBOOKS = """() => {
    for (const widget of [...window.jupyterapp.shell.widgets('main')]) widget.dispose();
}"""
KERNEL_REPLIES = """() => {
    const kernel = window.jupyterapp.shell.currentWidget.sessionContext.session.kernel;
    const reply = kernel.requestExecute({code: '', silent: true}).done.then(() => true);
    return Promise.race([reply, new Promise(end => setTimeout(() => end(false), 5000))]);
}"""


class JupyterServer:
    """A Jupyter server and its folders."""

    def __init__(self, root, environment):
        self.root = root
        self.work = root / "work"
        self.home = root / "home"
        self.work.mkdir(parents=True)
        self.environment = jupyter_environment(self.home) | environment
        write_kernelspecs(self.home / "data")

    def configure(self, plugin, **settings):
        """Change a setting of JupyterLab, as its settings editor does."""
        path = self.home / "settings" / f"{plugin.replace(':', '/')}.jupyterlab-settings"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(settings))

    def start(self, app="jupyterlab"):
        try:
            self._start(app)
        except BaseException:
            self.stop()
            raise

    def _start(self, app):
        if app == "voila":
            port = free_port()
            self._run(app, {"no-browser": True, "port": port, "Voila.ip": "127.0.0.1"})
            self.url = f"http://127.0.0.1:{port}"
            self._wait(lambda: is_listening(port))
            return
        options = {
            "ServerApp.port": 0,
            "ServerApp.ip": "127.0.0.1",
            "ServerApp.open_browser": False,
            "ServerApp.allow_root": True,
            "IdentityProvider.token": "",
            "ServerApp.disable_check_xsrf": True,  # the tests themselves shut kernels down
            "ServerApp.password": "",
            "LabApp.expose_app_in_browser": True,
            "JupyterNotebookApp.expose_app_in_browser": True,
            "ServerApp.root_dir": self.work,
            "LabApp.news_url": "",
            "FileContentsManager.delete_to_trash": False,
        }
        self._run(app, options)
        folder = self.home / "runtime"
        # A file is empty before the server has written it.
        texts = self._wait(
            lambda: list(filter(None, (one.read_text() for one in folder.glob("jpserver-*.json"))))
        )
        self.url = f"http://127.0.0.1:{json.loads(texts[0])['port']}"

    def _run(self, app, options):
        self.app = app
        self.log = (self.root / "jupyter.log").open("w")
        words = [
            f"--{name}" if value is True and "." not in name else f"--{name}={value}"
            for name, value in options.items()
        ]
        self.process = subprocess.Popen(
            [sys.executable, "-m", app, *words],
            env=self.environment,
            cwd=self.work,
            stdout=self.log,
            stderr=subprocess.STDOUT,
            stdin=subprocess.DEVNULL,
        )

    def _wait(self, condition):
        deadline = time.monotonic() + 60
        while not (result := condition()):
            assert self.process.poll() is None, (self.root / "jupyter.log").read_text()
            assert time.monotonic() < deadline, "Jupyter did not start within a minute"
            time.sleep(0.1)
        return result

    def stop(self):
        self.process.terminate()
        try:
            self.process.wait(20)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.log.close()

    def write_notebook(self, cells, kernel):
        """Write a notebook of these code cells under a new name."""
        return write_notebook(self.work, cells, f"ipykernel-{kernel}")


def is_listening(port):
    with socket.socket() as client:
        return client.connect_ex(("127.0.0.1", port)) == 0


class SharedJupyter:
    """A running Jupyter server of other tests, with kernels that have their own variables and home."""

    def __init__(self, server, home, environment):
        self.server, self.url, self.work = server, server.url, server.work
        self._kernels = f"-{uuid.uuid4().hex[:8]}"
        self._environment = jupyter_folders(home) | environment
        write_kernelspecs(server.home / "data", self._kernels, self._environment)

    def write_notebook(self, cells, kernel):
        """Write a notebook of these code cells under a new name."""
        return write_notebook(self.work, cells, f"ipykernel-{kernel}{self._kernels}")

    def stop(self):
        """Stop the kernels; the server keeps running. Voila stops them itself, with their page."""
        if self.server.app == "voila":
            return
        with urllib.request.urlopen(f"{self.url}/api/sessions") as reply:
            sessions = json.load(reply)
        for session in sessions:
            address = f"{self.url}/api/sessions/{session['id']}"
            urllib.request.urlopen(urllib.request.Request(address, method="DELETE")).close()


def write_notebook(folder, cells, kernelspec):
    notebook = nbformat.v4.new_notebook(
        cells=[nbformat.v4.new_code_cell(cell) for cell in cells],
        metadata={"kernelspec": {"name": kernelspec, "display_name": kernelspec}},
    )
    path = folder / f"{uuid.uuid4().hex[:8]}.ipynb"
    nbformat.write(notebook, path)
    return path


class Notebook:
    """A notebook that is open in the browser."""

    def __init__(self, page, jupyter, path):
        self.page, self.jupyter, self.path = page, jupyter, path

    def open(self, url_path="lab/workspaces/{stem}/tree/{name}"):
        url_path = url_path.format(stem=self.path.stem, name=self.path.name)
        # In about one of forty cases a new kernel of ipykernel 7.3 never becomes idle, or becomes idle and
        # executes no request, before it imports gyazo_nb. Then open the page again.
        for attempt in range(4):
            if attempt == 0 and url_path.startswith("lab/") and self._is_lab_of_another_notebook():
                # This takes three seconds less than a new page.
                self.page.evaluate(OPEN_NOTEBOOK, self.path.name)
            else:
                self.page.goto(f"{self.jupyter.url}/{url_path}")
            try:
                self.page.wait_for_function(KERNEL_IS_IDLE, timeout=15 * SECONDS)
            except PlaywrightTimeoutError:
                continue
            if self.page.evaluate(KERNEL_REPLIES):
                return self
            self.page.evaluate(RESTART_KERNEL)
        raise AssertionError("the kernel executes no request")

    def _is_lab_of_another_notebook(self):
        return (
            self.page.url.startswith(f"{self.jupyter.url}/lab")
            and self.path.name not in self.page.url
            and self.page.evaluate("() => window.jupyterapp?.shell !== undefined")
        )

    def run(self, index, *, wait=True):
        """Run a cell and wait until its prompt shows a number."""
        self.page.evaluate(
            """async (index) => {
                const panel = window.jupyterapp.shell.currentWidget;
                panel.content.activeCellIndex = index;
                panel.content.scrollToItem?.(index);
                window.jupyterapp.commands.execute('notebook:run-cell');
            }""",
            index,
        )
        if wait:
            self.wait_finished(index)
        return self.output(index)

    def wait_finished(self, index, timeout=30):
        self.page.wait_for_function(
            """(index) => {
                const model = window.jupyterapp.shell.currentWidget.content.widgets[index].model;
                return model.executionState !== 'running' && model.executionCount !== null;
            }""",
            arg=index,
            timeout=timeout * SECONDS,
        )

    def wait_dropped(self, index):
        """Wait until the kernel has dropped a queued cell. It can also drop a cell that is run before that."""
        self.page.wait_for_function(
            """(index) => {
                const { model } = window.jupyterapp.shell.currentWidget.content.widgets[index];
                return model.executionState !== 'running';
            }""",
            arg=index,
        )

    def output(self, index):
        """The output area of a cell."""
        return self.page.locator(".jp-Notebook .jp-Cell").nth(index).locator(".jp-Cell-outputArea")

    def save(self):
        """Save, and return the text of the file."""
        self.page.evaluate("() => window.jupyterapp.commands.execute('docmanager:save')")
        return self.path.read_text()

    # ── the panel ────────────────────────────────────────────────────────────────────────────

    def box(self, index):
        return self.output(index).get_by_label("Address or code")

    def link(self, index):
        return self.output(index).get_by_role("link", name="Open Gyazo")

    def button(self, index, name="Sign in"):
        return self.output(index).get_by_role("button", name=name)

    def open_link(self, index, button="Allow"):
        """Click the link of the panel and the button on its page; return the tab where it ends."""
        with self.page.context.expect_page() as opening:
            self.link(index).click()
        tab = opening.value
        tab.wait_for_load_state()
        # A second sign-in of the same application skips the page.
        if "/oauth/authorize" in tab.url:
            tab.get_by_role("button", name=button, exact=True).click()
        tab.wait_for_url(re.compile("/callback"))
        assert tab.evaluate("window.opener") is None
        return tab

    def authorize(self, index, button="Allow"):
        """The same, but close the tab and return the address on which it ends."""
        tab = self.open_link(index, button)
        address = tab.url
        tab.close()
        return address

    def paste(self, index, text):
        """Insert a text into the box in one step, as a paste does."""
        self.box(index).click()
        self.page.keyboard.insert_text(text)

    def submit(self, index, text, by="Enter"):
        """Paste a text, then press Enter or click the button."""
        self.paste(index, text)
        if by == "Enter":
            self.page.keyboard.press("Enter")
        else:
            self.button(index).click()

    # ── the hidden prompt ────────────────────────────────────────────────────────────────────

    def prompt(self):
        """The field of `input()` and `getpass()`, once it is there."""
        field = self.page.locator("input.jp-Stdin-input")
        field.wait_for()
        return field

    def answer_prompt(self, text):
        self.prompt().click()
        self.page.keyboard.insert_text(text)
        self.page.keyboard.press("Enter")
