"""`--wait`, `ready()`, the redirect to this machine and the hidden prompt, in a real JupyterLab."""

import pytest
from playwright.sync_api import expect
from support.helpers import KERNELS

LOAD = "%load_ext gyazo_nb"
LATER = "print('later:', gyazo.account.user.name)"


def run_all(notebook, first, last):
    for index in range(first, last + 1):
        notebook.run(index, wait=False)


@pytest.mark.parametrize("kernel", KERNELS)
def test_run_all_waits_for_a_paste(server, start_jupyter, new_page, open_notebook, kernel):
    """--wait: a wrong paste, then the right one; the later cells run after it, in order."""
    cells = [LOAD, "%gyazo_login --wait 120", LATER, "print('last')"]
    notebook = open_notebook(start_jupyter(server.variables), new_page(), cells, kernel)
    notebook.run(0)
    run_all(notebook, 1, 3)
    notebook.submit(1, "https://gyazo.com/captures")
    expect(notebook.output(1)).to_contain_text("another page")
    expect(notebook.output(2)).not_to_contain_text("later")

    notebook.submit(1, notebook.authorize(1), "the button")

    expect(notebook.output(1)).to_contain_text("Signed in as Sandy Box")
    notebook.wait_finished(3)
    expect(notebook.output(2)).to_contain_text("later: Sandy Box")
    expect(notebook.output(3)).to_contain_text("last")


@pytest.mark.parametrize("kernel", KERNELS)
def test_run_all_waits_for_the_redirect(
    loopback_sandbox, start_jupyter, new_page, open_notebook, kernel
):
    """The callback server completes the sign-in while the cell waits."""
    cells = [LOAD, "%gyazo_login --wait 120", LATER]
    jupyter = start_jupyter(loopback_sandbox.variables)
    notebook = open_notebook(jupyter, new_page(), cells, kernel)
    notebook.run(0)
    run_all(notebook, 1, 2)

    tab = notebook.open_link(1)

    expect(tab.locator("body")).to_contain_text("Signed in")
    expect(notebook.output(1)).to_contain_text("Signed in as Sandy Box")
    notebook.wait_finished(2)
    expect(notebook.output(2)).to_contain_text("later: Sandy Box")


@pytest.mark.parametrize("kernel", KERNELS)
def test_interrupt_ends_the_wait(server, start_jupyter, new_page, open_notebook, kernel):
    """The queued cells do not run, and the same panel can still sign in."""
    cells = [LOAD, "%gyazo_login --wait 120", "print('must', 'not', 'run')", LATER]
    notebook = open_notebook(start_jupyter(server.variables), new_page(), cells, kernel)
    notebook.run(0)
    run_all(notebook, 1, 2)
    notebook.box(1).wait_for()

    notebook.page.evaluate("() => window.jupyterapp.commands.execute('notebook:interrupt-kernel')")

    expect(notebook.output(1)).to_contain_text("KeyboardInterrupt")
    notebook.page.wait_for_timeout(3000)
    expect(notebook.output(2)).not_to_contain_text("must not run")
    notebook.submit(1, notebook.authorize(1))
    expect(notebook.output(1)).to_contain_text("Signed in as Sandy Box")
    expect(notebook.run(3)).to_contain_text("later: Sandy Box")


@pytest.mark.parametrize("kernel", ["7.3.0", "7.4.0"])
def test_panel_replies_while_a_cell_awaits_ready(
    server, start_jupyter, new_page, open_notebook, kernel
):
    """Two wrong pastes, then the right one, all while the cell runs `await gyazo.ready()`."""
    cells = [LOAD, "%gyazo_login", "await gyazo.ready(120)\nprint('ready')", LATER]
    notebook = open_notebook(start_jupyter(server.variables), new_page(), cells, kernel)
    notebook.run(0)
    notebook.run(1)
    address = notebook.authorize(1)
    run_all(notebook, 2, 3)
    notebook.submit(1, "https://gyazo.com/captures")
    expect(notebook.output(1)).to_contain_text("another page")
    notebook.submit(1, "コード")
    expect(notebook.output(1)).to_contain_text("no code")

    notebook.submit(1, address)

    expect(notebook.output(1)).to_contain_text("Signed in as Sandy Box")
    expect(notebook.output(2)).to_contain_text("ready")
    expect(notebook.output(3)).to_contain_text("later: Sandy Box")


def test_ready_on_ipykernel_6_raises_an_error(server, start_jupyter, new_page, open_notebook):
    """The panel cannot work there while a cell awaits: an error instead of a hang."""
    cells = [LOAD, "%gyazo_login", "await gyazo.ready()"]
    notebook = open_notebook(start_jupyter(server.variables), new_page(), cells, "6.31.0")
    for index in (0, 1, 2):
        notebook.run(index)

    expect(notebook.output(2)).to_contain_text(
        "NotLoggedInError: On this kernel the panel does not work"
    )


def test_two_panels_share_the_callback_server(
    loopback_sandbox, start_jupyter, new_page, open_notebook
):
    """The redirect completes the panel of its own link, and the other panel ends with a line."""
    cells = [LOAD, "%gyazo_login", "%gyazo_login"]
    jupyter = start_jupyter(loopback_sandbox.variables)
    notebook = open_notebook(jupyter, new_page(), cells, "7.4.0")
    for index in (0, 1, 2):
        notebook.run(index)

    notebook.open_link(2).close()

    expect(notebook.output(2)).to_contain_text("Signed in as Sandy Box")
    expect(notebook.output(1)).to_contain_text("you signed in as Sandy Box with another panel")


@pytest.mark.parametrize("kernel", KERNELS)
def test_prompt_hides_the_pasted_address(server, start_jupyter, new_page, open_notebook, kernel):
    """Run All with --mode prompt: the file contains neither code nor state; the later cell waits."""
    cells = [LOAD, "%gyazo_login --mode prompt", LATER]
    notebook = open_notebook(start_jupyter(server.variables), new_page(), cells, kernel)
    notebook.run(0)
    run_all(notebook, 1, 2)
    notebook.prompt()
    address = notebook.authorize(1)

    notebook.answer_prompt(address)

    expect(notebook.output(1)).to_contain_text("Signed in as Sandy Box")
    expect(notebook.output(2)).to_contain_text("later: Sandy Box")
    saved = notebook.save()
    code, _, state = address.partition("code=")[2].partition("&state=")
    assert code not in saved
    assert state not in saved


@pytest.mark.parametrize("kernel", KERNELS)
def test_token_prompt_checks_and_hides_the_token(
    server, start_jupyter, new_page, open_notebook, kernel
):
    """--token: a wrong token fails, the right one signs in and is not in the file."""
    cells = [LOAD, "%gyazo_login --token", LATER]
    notebook = open_notebook(start_jupyter(server.variables), new_page(), cells, kernel)
    token = server.sandbox.new_token()
    for answer, outcome in (("wrong", "UnauthorizedError"), (token, "Signed in as Sandy Box")):
        notebook.run(0)
        notebook.run(1, wait=False)
        notebook.answer_prompt(answer)
        expect(notebook.output(1)).to_contain_text(outcome)

    expect(notebook.run(2)).to_contain_text("later: Sandy Box")
    assert token not in notebook.save()
