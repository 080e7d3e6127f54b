"""A real JupyterLab, and a notebook in it as a person works with it in the browser."""

import json
import re
import subprocess
import sys
import time
import uuid

import nbformat
from playwright.sync_api import TimeoutError as TookTooLong
from support.helpers import jupyter_environment, write_kernelspecs

SECONDS = 1000  # Playwright counts milliseconds
CHROMIUM = [
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


IS_IDLE = """() => {
    const current = window.jupyterapp?.shell?.currentWidget;
    return current?.sessionContext?.session?.kernel?.status === 'idle';
}"""
RESTART = "() => window.jupyterapp.shell.currentWidget.sessionContext.session.kernel.restart()"
ANSWERS = """() => {
    const kernel = window.jupyterapp.shell.currentWidget.sessionContext.session.kernel;
    const reply = kernel.requestExecute({code: '', silent: true}).done.then(() => true);
    return Promise.race([reply, new Promise(end => setTimeout(() => end(false), 10000))]);
}"""


class Lab:
    """A JupyterLab server and its folders."""

    def __init__(self, root, environment):
        self.root = root
        self.work = root / "work"
        self.home = root / "home"
        self.work.mkdir(parents=True)
        self.environment = jupyter_environment(self.home) | environment
        write_kernelspecs(self.home / "data")

    def configure(self, plugin, **settings):
        """Set a front end's setting, as its settings editor does."""
        path = self.home / "settings" / f"{plugin.replace(':', '/')}.jupyterlab-settings"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(settings))

    def start(self, app="jupyterlab"):
        options = {
            "ServerApp.port": 0,
            "ServerApp.ip": "127.0.0.1",
            "ServerApp.open_browser": False,
            "ServerApp.allow_root": True,
            "IdentityProvider.token": "",
            "ServerApp.password": "",
            "LabApp.expose_app_in_browser": True,
            "JupyterNotebookApp.expose_app_in_browser": True,
            "ServerApp.root_dir": self.work,
            "LabApp.news_url": "",
            "FileContentsManager.delete_to_trash": False,
        }
        self.log = (self.root / "lab.log").open("w")
        self.process = subprocess.Popen(
            [sys.executable, "-m", app, *(f"--{k}={v}" for k, v in options.items())],
            env=self.environment,
            cwd=self.work,
            stdout=self.log,
            stderr=subprocess.STDOUT,
            stdin=subprocess.DEVNULL,
        )
        deadline = time.monotonic() + 60
        while not (found := list((self.home / "runtime").glob("jpserver-*.json"))):
            assert self.process.poll() is None, (self.root / "lab.log").read_text()
            assert time.monotonic() < deadline, "JupyterLab did not start within a minute"
            time.sleep(0.1)
        self.url = f"http://127.0.0.1:{json.loads(found[0].read_text())['port']}"

    def stop(self):
        self.process.terminate()
        try:
            self.process.wait(20)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.log.close()

    def write(self, cells, kernel):
        """Write a notebook of these code cells, under a name of its own."""
        notebook = nbformat.v4.new_notebook(
            cells=[nbformat.v4.new_code_cell(cell) for cell in cells],
            metadata={"kernelspec": {"name": f"ipykernel-{kernel}", "display_name": kernel}},
        )
        path = self.work / f"{uuid.uuid4().hex[:8]}.ipynb"
        nbformat.write(notebook, path)
        return path


class Notebook:
    """One notebook, open in the browser."""

    def __init__(self, page, lab, path):
        self.page, self.lab, self.path = page, lab, path

    def open(self, where="lab/workspaces/{stem}/tree/{name}"):
        where = where.format(stem=self.path.stem, name=self.path.name)
        # About one opening in forty on ipykernel 7.3 ends in a kernel that never becomes idle, or says
        # that it is and runs nothing, before any code of ours is there. The page is opened again then.
        for _ in range(4):
            self.page.goto(f"{self.lab.url}/{where}")
            try:
                self.page.wait_for_function(IS_IDLE, timeout=30 * SECONDS)
            except TookTooLong:
                continue
            if self.page.evaluate(ANSWERS):
                return self
            self.page.evaluate(RESTART)
        raise AssertionError("the kernel runs nothing")

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
            self.finished(index)
        return self.output(index)

    def finished(self, index, timeout=60):
        self.page.wait_for_function(
            """(index) => {
                const model = window.jupyterapp.shell.currentWidget.content.widgets[index].model;
                return model.executionState !== 'running' && model.executionCount !== null;
            }""",
            arg=index,
            timeout=timeout * SECONDS,
        )

    def output(self, index):
        """The output area of a cell."""
        return self.page.locator(".jp-Notebook .jp-Cell").nth(index).locator(".jp-Cell-outputArea")

    def save(self):
        """Save, and give the file's text."""
        self.page.evaluate("() => window.jupyterapp.commands.execute('docmanager:save')")
        return self.path.read_text()

    # ── the panel ────────────────────────────────────────────────────────────────────────────

    def box(self, index):
        return self.output(index).get_by_label("Address or code")

    def link(self, index):
        return self.output(index).get_by_role("link", name="Open Gyazo")

    def button(self, index, name="Sign in"):
        return self.output(index).get_by_role("button", name=name)

    def follow(self, index, button="Allow"):
        """Click the panel's link, answer in the new tab, and give that tab where it ends."""
        with self.page.context.expect_page() as opening:
            self.link(index).click()
        tab = opening.value
        tab.wait_for_load_state()
        if "/oauth/authorize" in tab.url:  # else allowed before: asked once only
            tab.get_by_role("button", name=button, exact=True).click()
        tab.wait_for_url(re.compile("/callback"))
        assert tab.evaluate("window.opener") is None
        return tab

    def copied(self, index, button="Allow"):
        """Answer the link, and give the address that the browser ends on."""
        tab = self.follow(index, button)
        address = tab.url
        tab.close()
        return address

    def type(self, index, text):
        """Put text into the box as a paste does: at once, by the keyboard."""
        self.box(index).click()
        self.page.keyboard.insert_text(text)

    def submit(self, index, text, by):
        self.type(index, text)
        if by == "Enter":
            self.page.keyboard.press("Enter")
        else:
            self.button(index).click()
