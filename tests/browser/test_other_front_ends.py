"""Notebook 7 and Voila: the same panel, the same path."""

import socket
import subprocess
import sys
import time
import urllib.request

import pytest
from harness import KERNELS
from lab import Notebook
from playwright.sync_api import expect

from gyazo_nb.sandbox import Sandbox, serve

EXPECT = 30_000


@pytest.fixture
def sandbox():
    with serve(Sandbox()) as server:
        yield server


@pytest.mark.parametrize("kernel", KERNELS)
def test_notebook_7(sandbox, make_lab, make_page, kernel):
    """Wait in one cell, sign in by the box, and the next cell knows who it is."""
    lab = make_lab(sandbox.variables, app="notebook")
    cells = [
        "%load_ext gyazo_nb",
        "%gyazo_login --wait 120",
        "print('later:', gyazo.account.user.name)",
    ]
    notebook = Notebook(make_page(), lab, lab.write(cells, kernel)).open("notebooks/{name}")
    notebook.run(0)
    notebook.run(1, wait=False)
    notebook.run(2, wait=False)

    notebook.submit(1, notebook.copied(1), "Enter")

    expect(notebook.output(1)).to_contain_text("Signed in as Sandy Box", timeout=EXPECT)
    expect(notebook.output(2)).to_contain_text("later: Sandy Box", timeout=EXPECT)


@pytest.mark.parametrize("kernel", KERNELS)
def test_voila(sandbox, make_lab, make_page, kernel):
    """Voila refuses prompts, as nbclient does, and yet gets the panel, which works."""
    lab = make_lab(sandbox.variables, app=None)
    path = lab.write(["%load_ext gyazo_nb", "%gyazo_login"], kernel)
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    voila = subprocess.Popen(
        [
            sys.executable,
            "-m",
            "voila",
            path,
            "--no-browser",
            f"--port={port}",
            "--Voila.ip=127.0.0.1",
        ],
        env=lab.environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        deadline = time.monotonic() + 60
        while True:
            try:
                urllib.request.urlopen(f"http://127.0.0.1:{port}/voila/static/", timeout=2)
            except urllib.error.HTTPError:
                break
            except OSError:
                assert time.monotonic() < deadline
                time.sleep(0.2)
        page = make_page()
        page.goto(f"http://127.0.0.1:{port}/")
        box = page.get_by_label("Address or code")
        box.wait_for(timeout=EXPECT)
        with page.context.expect_page() as opening:
            page.get_by_role("link", name="Open Gyazo").click()
        tab = opening.value
        tab.get_by_role("button", name="Allow", exact=True).click()
        tab.wait_for_url("**/callback*")
        box.click()
        page.keyboard.insert_text(tab.url)
        page.keyboard.press("Enter")

        expect(page.locator("body")).to_contain_text("Signed in as Sandy Box", timeout=EXPECT)
        expect(page.get_by_label("Address or code")).to_have_count(0)
    finally:
        voila.terminate()
        voila.wait(20)
