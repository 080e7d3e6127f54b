"""`%gyazo_login` in Notebook 7 and Voila: the same panel as in JupyterLab."""

import pytest
from playwright.sync_api import expect
from support.helpers import KERNELS
from support.jupyterlab_driver import Notebook

LOAD = "%load_ext gyazo_nb"
LATER = "print('later:', gyazo.account.user.name)"

# ── Notebook 7 ────────────────────────────────────────────────────────────────────────────────


def open_in_notebook_7(jupyter, page, cells, kernel):
    path = jupyter.write_notebook(cells, kernel)
    return Notebook(page, jupyter, path).open("notebooks/{name}")


@pytest.mark.parametrize("kernel", KERNELS)
def test_notebook_7_waits_for_the_panel(server, start_jupyter, new_page, kernel):
    """One cell waits, a paste signs in, and the next cell has the account."""
    jupyter = start_jupyter(server.variables, app="notebook")
    cells = [LOAD, "%gyazo_login --wait 120", LATER]
    notebook = open_in_notebook_7(jupyter, new_page(), cells, kernel)
    notebook.run(0)
    notebook.run(1, wait=False)
    notebook.run(2, wait=False)

    notebook.submit(1, notebook.authorize(1))

    expect(notebook.output(1)).to_contain_text("Signed in as Sandy Box")
    expect(notebook.output(2)).to_contain_text("later: Sandy Box")


@pytest.mark.parametrize("kernel", KERNELS)
def test_notebook_7_receives_the_redirect(loopback_sandbox, start_jupyter, new_page, kernel):
    """The callback server completes the sign-in."""
    jupyter = start_jupyter(loopback_sandbox.variables, app="notebook")
    notebook = open_in_notebook_7(jupyter, new_page(), [LOAD, "%gyazo_login"], kernel)
    notebook.run(0)
    notebook.run(1)

    notebook.open_link(1).close()

    expect(notebook.output(1)).to_contain_text("Signed in as Sandy Box")


@pytest.mark.parametrize("kernel", KERNELS)
@pytest.mark.parametrize("option", ["--mode prompt", "--token"])
def test_notebook_7_prompt_stores_no_secret(server, start_jupyter, new_page, option, kernel):
    """The address, or the token, is typed into a hidden prompt."""
    jupyter = start_jupyter(server.variables, app="notebook")
    notebook = open_in_notebook_7(jupyter, new_page(), [LOAD, f"%gyazo_login {option}"], kernel)
    notebook.run(0)
    notebook.run(1, wait=False)
    notebook.prompt()
    if option == "--token":
        answer = secret = server.sandbox.new_token()
    else:
        answer = notebook.authorize(1)
        secret = answer.partition("code=")[2][:43]

    notebook.answer_prompt(answer)

    expect(notebook.output(1)).to_contain_text("Signed in as Sandy Box")
    saved = notebook.save()
    assert secret not in saved
    assert answer not in saved


@pytest.mark.parametrize("kernel", KERNELS)
@pytest.mark.parametrize("app", ["jupyterlab", "notebook"])
def test_token_in_the_environment_signs_in_at_once(server, start_jupyter, new_page, app, kernel):
    """Run All: a note says that the token was used and how to get a panel; the later cell runs after."""
    token = server.sandbox.new_token()
    jupyter = start_jupyter({**server.variables, "GYAZO_ACCESS_TOKEN": token}, app=app)
    path = jupyter.write_notebook([LOAD, "%gyazo_login", LATER], kernel)
    url_path = "notebooks/{name}" if app == "notebook" else "lab/tree/{name}"
    notebook = Notebook(new_page(), jupyter, path).open(url_path)
    for index in range(3):
        notebook.run(index, wait=False)
    notebook.wait_finished(2)

    expect(notebook.output(1)).to_contain_text("Signed in as Sandy Box")
    expect(notebook.output(1)).to_contain_text("GYAZO_ACCESS_TOKEN (for a panel instead")
    expect(notebook.output(2)).to_contain_text("later: Sandy Box")
    assert token not in notebook.save()


# ── Voila ─────────────────────────────────────────────────────────────────────────────────────


@pytest.fixture
def open_in_voila(start_jupyter, new_page):
    """Open a notebook of these cells in Voila."""

    def open_in_voila(variables, cells, kernel):
        jupyter = start_jupyter(variables, app="voila")
        page = new_page()
        page.goto(f"{jupyter.url}/voila/render/{jupyter.write_notebook(cells, kernel).name}")
        return page

    return open_in_voila


@pytest.mark.parametrize("kernel", KERNELS)
def test_voila_shows_a_panel_that_works(server, open_in_voila, kernel):
    """Voila supports no prompts, as nbclient, but it shows widgets."""
    page = open_in_voila(server.variables, [LOAD, "%gyazo_login"], kernel)
    box = page.get_by_label("Address or code")
    box.wait_for()
    with page.context.expect_page() as opening:
        page.get_by_role("link", name="Open Gyazo").click()
    tab = opening.value
    tab.get_by_role("button", name="Allow", exact=True).click()
    tab.wait_for_url("**/callback*")
    box.click()
    page.keyboard.insert_text(tab.url)
    page.keyboard.press("Enter")

    expect(page.locator("body")).to_contain_text("Signed in as Sandy Box")
    expect(page.get_by_label("Address or code")).to_have_count(0)


@pytest.mark.parametrize("kernel", KERNELS)
def test_voila_receives_the_redirect(loopback_sandbox, open_in_voila, kernel):
    """The callback server completes the sign-in of a served page, too."""
    page = open_in_voila(loopback_sandbox.variables, [LOAD, "%gyazo_login"], kernel)
    with page.context.expect_page() as opening:
        page.get_by_role("link", name="Open Gyazo").click(timeout=30_000)
    opening.value.get_by_role("button", name="Allow", exact=True).click()

    expect(page.locator("body")).to_contain_text("Signed in as Sandy Box")


@pytest.mark.parametrize("kernel", KERNELS)
@pytest.mark.parametrize(
    ("option", "has_token", "expected"),
    [
        ("", True, "Sandy Box"),
        ("--wait 2", False, "not finished within 2 seconds"),
        ("--mode prompt", False, "does not support prompts"),
        ("--token", False, "does not support prompts"),
    ],
)
def test_voila_never_hangs(server, open_in_voila, kernel, option, has_token, expected):
    """A token in the environment signs in; a wait or a prompt ends with one sentence."""
    token = {"GYAZO_ACCESS_TOKEN": server.sandbox.new_token()} if has_token else {}
    sign_in = (
        f"try:\n    get_ipython().run_line_magic('gyazo_login', '{option}')\n"
        "    print(gyazo.me().name)\nexcept Exception as error:\n    print(error)"
    )

    page = open_in_voila({**server.variables, **token}, [LOAD, sign_in], kernel)

    expect(page.locator("body")).to_contain_text(expected)
