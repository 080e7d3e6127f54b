"""Notebook 7 and Voila: the same panel, the same path."""

import contextlib
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request

import pytest
from playwright.sync_api import expect
from support.helpers import KERNELS
from support.jupyterlab_driver import Notebook

EXPECT = 30_000


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
def test_notebook_7_catches_the_redirect(catchable, make_lab, make_page, kernel):
    """The browser on this machine ends the sign-in by itself."""
    lab = make_lab(catchable, app="notebook")
    cells = ["%load_ext gyazo_nb", "%gyazo_login"]
    notebook = Notebook(make_page(), lab, lab.write(cells, kernel)).open("notebooks/{name}")
    notebook.run(0)
    notebook.run(1)

    notebook.follow(1).close()

    expect(notebook.output(1)).to_contain_text("Signed in as Sandy Box", timeout=EXPECT)


@pytest.mark.parametrize("kernel", KERNELS)
@pytest.mark.parametrize("option", ["--mode prompt", "--token"])
def test_notebook_7_asks_in_a_hidden_prompt(sandbox, make_lab, make_page, option, kernel):
    """The address, or a token of one's own, typed where it does not show."""
    lab = make_lab(sandbox.variables, app="notebook")
    cells = ["%load_ext gyazo_nb", f"%gyazo_login {option}"]
    notebook = Notebook(make_page(), lab, lab.write(cells, kernel)).open("notebooks/{name}")
    notebook.run(0)
    notebook.run(1, wait=False)
    field = notebook.page.locator("input.jp-Stdin-input")
    field.wait_for()
    answer = sandbox.sandbox.new_token() if option == "--token" else notebook.copied(1)
    field.click()
    notebook.page.keyboard.insert_text(answer)
    notebook.page.keyboard.press("Enter")

    expect(notebook.output(1)).to_contain_text("Signed in as Sandy Box", timeout=EXPECT)
    assert answer.partition("code=")[2][:43] not in notebook.save() or option == "--token"
    assert answer not in notebook.save()


@pytest.mark.parametrize("kernel", KERNELS)
@pytest.mark.parametrize("app", ["jupyterlab", "notebook"])
def test_a_token_in_the_environment_signs_in_at_once(sandbox, make_lab, make_page, app, kernel):
    """Run All: one sentence says which way it was and how to take another; the later cell runs after it."""
    token = sandbox.sandbox.new_token()
    lab = make_lab({**sandbox.variables, "GYAZO_ACCESS_TOKEN": token}, app=app)
    later = "print('later:', gyazo.account.user.name)"
    cells = ["%load_ext gyazo_nb", "%gyazo_login", later]
    where = "notebooks/{name}" if app == "notebook" else "lab/tree/{name}"
    notebook = Notebook(make_page(), lab, lab.write(cells, kernel)).open(where)
    for index in range(3):
        notebook.run(index, wait=False)
    notebook.finished(2)

    expect(notebook.output(1)).to_contain_text("Signed in as Sandy Box", timeout=EXPECT)
    expect(notebook.output(1)).to_contain_text("GYAZO_ACCESS_TOKEN (--mode panel asks)")
    expect(notebook.output(2)).to_contain_text("later: Sandy Box")
    assert token not in notebook.save()


@contextlib.contextmanager
def served(lab, path):
    """Voila, serving a notebook at the address that is given."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    options = ["--no-browser", f"--port={port}", "--Voila.ip=127.0.0.1"]
    voila = subprocess.Popen(
        [sys.executable, "-m", "voila", path, *options],
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
        yield f"http://127.0.0.1:{port}/"
    finally:
        voila.terminate()
        voila.wait(20)


@pytest.mark.parametrize("kernel", KERNELS)
def test_voila(sandbox, make_lab, make_page, kernel):
    """Voila refuses prompts, as nbclient does, and yet gets the panel, which works."""
    lab = make_lab(sandbox.variables, app=None)
    with served(lab, lab.write(["%load_ext gyazo_nb", "%gyazo_login"], kernel)) as url:
        page = make_page()
        page.goto(url)
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


@pytest.mark.parametrize("kernel", KERNELS)
def test_voila_catches_the_redirect(catchable, make_lab, make_page, kernel):
    """The panel of a served page listens too."""
    lab = make_lab(catchable, app=None)
    with served(lab, lab.write(["%load_ext gyazo_nb", "%gyazo_login"], kernel)) as url:
        page = make_page()
        page.goto(url)
        with page.context.expect_page() as opening:
            page.get_by_role("link", name="Open Gyazo").click(timeout=EXPECT)
        opening.value.get_by_role("button", name="Allow", exact=True).click()

        expect(page.locator("body")).to_contain_text("Signed in as Sandy Box", timeout=EXPECT)


@pytest.mark.parametrize("kernel", KERNELS)
@pytest.mark.parametrize(
    ("option", "token", "words"),
    [
        ("", True, "Sandy Box"),
        ("--wait 2", False, "Nobody signed in within 2 seconds"),
        ("--mode prompt", False, "Nobody can be asked here"),
        ("--token", False, "Nobody can be asked here"),
    ],
)
def test_what_voila_cannot_do_is_one_line(
    sandbox, make_lab, make_page, kernel, option, token, words
):
    """A token in the environment signs in; waiting and prompts end with a sentence, and nothing hangs."""
    ready = {"GYAZO_ACCESS_TOKEN": sandbox.sandbox.new_token()} if token else {}
    lab = make_lab({**sandbox.variables, **ready}, app=None)
    attempt = (
        f"try:\n    get_ipython().run_line_magic('gyazo_login', '{option}')\n"
        "    print(gyazo.me().name)\nexcept Exception as error:\n    print(error)"
    )
    cells = ["%load_ext gyazo_nb", attempt]
    with served(lab, lab.write(cells, kernel)) as url:
        page = make_page()
        page.goto(url)

        expect(page.locator("body")).to_contain_text(words, timeout=EXPECT)
