"""Run All and the doors in a real JupyterLab: what waits, waits; what is caught, is caught."""

import pytest
from playwright.sync_api import expect
from support.helpers import KERNELS

LOAD = "%load_ext gyazo_nb"
LATER = "print('later:', gyazo.account.user.name)"
EXPECT = 20_000


def says(locator, text):
    expect(locator).to_contain_text(text, timeout=EXPECT)


def run_all(notebook, first, last):
    for index in range(first, last + 1):
        notebook.run(index, wait=False)


@pytest.mark.parametrize("kernel", KERNELS)
def test_run_all_waits_for_the_box(sandbox, make_lab, make_page, open_notebook, kernel):
    """--wait: a wrong paste, then the right one; the later cells run after it, in order."""
    cells = [LOAD, "%gyazo_login --wait 120", LATER, "print('last')"]
    notebook = open_notebook(make_lab(sandbox.variables), make_page(), cells, kernel)
    notebook.run(0)
    run_all(notebook, 1, 3)
    notebook.submit(1, "https://gyazo.com/captures", "Enter")
    says(notebook.output(1), "another page")
    expect(notebook.output(2)).not_to_contain_text("later")

    notebook.submit(1, notebook.copied(1), "the button")

    says(notebook.output(1), "Signed in as Sandy Box")
    notebook.finished(3)
    says(notebook.output(2), "later: Sandy Box")
    says(notebook.output(3), "last")


@pytest.mark.parametrize("kernel", KERNELS)
def test_run_all_waits_for_the_redirect(catchable, make_lab, make_page, open_notebook, kernel):
    """The browser on this machine ends the sign-in by itself, while the cell waits."""
    cells = [LOAD, "%gyazo_login --wait 120", LATER]
    notebook = open_notebook(make_lab(catchable), make_page(), cells, kernel)
    notebook.run(0)
    run_all(notebook, 1, 2)

    tab = notebook.follow(1)

    says(tab.locator("body"), "Signed in")
    says(notebook.output(1), "Signed in as Sandy Box")
    notebook.finished(2)
    says(notebook.output(2), "later: Sandy Box")


@pytest.mark.parametrize("kernel", KERNELS)
def test_stop_ends_the_wait(sandbox, make_lab, make_page, open_notebook, kernel):
    """Stop is honoured, the later cells do not run, and the same panel can still sign in."""
    cells = [LOAD, "%gyazo_login --wait 120", "print('must', 'not', 'run')", LATER]
    notebook = open_notebook(make_lab(sandbox.variables), make_page(), cells, kernel)
    notebook.run(0)
    run_all(notebook, 1, 2)
    notebook.box(1).wait_for()

    notebook.page.evaluate("() => window.jupyterapp.commands.execute('notebook:interrupt-kernel')")

    says(notebook.output(1), "KeyboardInterrupt")
    notebook.page.wait_for_timeout(3000)
    expect(notebook.output(2)).not_to_contain_text("must not run")
    notebook.submit(1, notebook.copied(1), "Enter")
    says(notebook.output(1), "Signed in as Sandy Box")
    says(notebook.run(3), "later: Sandy Box")


@pytest.mark.parametrize("kernel", ["7.3.0", "7.4.0"])
def test_an_awaiting_cell_is_answered(sandbox, make_lab, make_page, open_notebook, kernel):
    """Await gyazo.ready(): a wrong paste, another wrong one, then the right one, all while it awaits."""
    cells = [LOAD, "%gyazo_login", "await gyazo.ready(120)\nprint('ready')", LATER]
    notebook = open_notebook(make_lab(sandbox.variables), make_page(), cells, kernel)
    notebook.run(0)
    notebook.run(1)
    address = notebook.copied(1)
    run_all(notebook, 2, 3)
    notebook.submit(1, "https://gyazo.com/captures", "Enter")
    says(notebook.output(1), "another page")
    notebook.submit(1, "コード", "Enter")
    says(notebook.output(1), "no code")

    notebook.submit(1, address, "Enter")

    says(notebook.output(1), "Signed in as Sandy Box")
    says(notebook.output(2), "ready")
    says(notebook.output(3), "later: Sandy Box")


def test_awaiting_on_ipykernel_6_says_what_to_do(sandbox, make_lab, make_page, open_notebook):
    """There an awaiting cell would keep the panel from answering: one sentence instead of a hang."""
    cells = [LOAD, "%gyazo_login", "await gyazo.ready()"]
    notebook = open_notebook(make_lab(sandbox.variables), make_page(), cells, "6.31.0")
    for index in (0, 1, 2):
        notebook.run(index)

    says(notebook.output(2), "NotLoggedInError: On this kernel an awaiting cell")


def test_two_panels_share_the_listener(catchable, make_lab, make_page, open_notebook):
    """The cell run twice: each link is caught for its own panel."""
    cells = [LOAD, "%gyazo_login", "%gyazo_login"]
    notebook = open_notebook(make_lab(catchable), make_page(), cells, "7.4.0")
    for index in (0, 1, 2):
        notebook.run(index)

    notebook.follow(1).close()
    says(notebook.output(1), "Signed in as Sandy Box")
    expect(notebook.output(2)).to_contain_text("Address or code")
    notebook.follow(2).close()
    says(notebook.output(2), "Signed in as Sandy Box")


@pytest.mark.parametrize("kernel", KERNELS)
def test_a_prompt_hides_what_is_typed(sandbox, make_lab, make_page, open_notebook, kernel):
    """Run All with --mode prompt: dots in the page and in the file, and the later cell runs after it."""
    lab, cells = make_lab(sandbox.variables), [LOAD, "%gyazo_login --mode prompt", LATER]
    notebook = open_notebook(lab, make_page(), cells, kernel)
    notebook.run(0)
    run_all(notebook, 1, 2)
    field = notebook.page.locator("input.jp-Stdin-input")
    field.wait_for()
    address = notebook.copied(1)
    field.click()
    notebook.page.keyboard.insert_text(address)
    notebook.page.keyboard.press("Enter")

    says(notebook.output(1), "Signed in as Sandy Box")
    says(notebook.output(2), "later: Sandy Box")
    saved = notebook.save()
    code, _, state = address.partition("code=")[2].partition("&state=")
    assert code not in saved
    assert state not in saved


@pytest.mark.parametrize("kernel", KERNELS)
def test_a_developer_token_by_prompt(sandbox, make_lab, make_page, open_notebook, kernel):
    """--token: a hidden prompt, checked before it is kept; nothing of it in the file."""
    lab, cells = make_lab({**sandbox.variables}), [LOAD, "%gyazo_login --token", LATER]
    notebook = open_notebook(lab, make_page(), cells, kernel)
    token = sandbox.sandbox.new_token()
    for answer, outcome in (("wrong", "UnauthorizedError"), (token, "Signed in as Sandy Box")):
        notebook.run(0)
        notebook.run(1, wait=False)
        field = notebook.page.locator("input.jp-Stdin-input")
        field.wait_for()
        field.click()
        notebook.page.keyboard.insert_text(answer)
        notebook.page.keyboard.press("Enter")
        says(notebook.output(1), outcome)

    says(notebook.run(2), "later: Sandy Box")
    assert token not in notebook.save()
