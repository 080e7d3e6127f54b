"""The complete sign-in in a real JupyterLab, its errors, and a search for secrets in every file."""

import json
import re
import sqlite3
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest
from playwright.sync_api import expect
from support.helpers import KERNELS
from support.jupyterlab_driver import JupyterServer, Notebook

from gyazo_nb.sandbox import Sandbox, serve

LOAD = "%load_ext gyazo_nb"
# Write all log records, and every generated random text, into files.
RECORD = """
import logging, pathlib, secrets
logging.basicConfig(filename="debug.log", level=logging.DEBUG)
original = secrets.token_urlsafe
def recorded(*args):
    text = original(*args)
    with pathlib.Path("generated.txt").open("a") as file:
        print(text, file=file)
    return text
secrets.token_urlsafe = recorded
"""
FIGURE = """
import matplotlib.pyplot as plt
fig, ax = plt.subplots(figsize=(4, 2))
ax.plot([0, 1, 4, 9])
plt.close(fig)
gyazo.upload(fig, title="Loss curve")
"""
SHOW = """
import pickle
print(gyazo, repr(gyazo), vars(gyazo), gyazo.account, image if "image" in globals() else "")
for item in (gyazo, gyazo.account):
    try:
        pickle.dumps(item)
    except TypeError as error:
        print(error)
%config GyazoMagics
%xmode Verbose
%store gyazo
"""


@pytest.fixture(scope="module")
def searched(tmp_path_factory):
    """A sandbox, and a JupyterLab only for the tests that search its files for secrets."""
    with serve(Sandbox()) as server:
        jupyter = JupyterServer(tmp_path_factory.mktemp("jupyter"), server.variables)
        jupyter.configure("@jupyter-widgets/jupyterlab-manager:plugin", saveState=True)
        jupyter.start()
        yield server, jupyter
        jupyter.stop()


def code_exchanges(server):
    return requests_of(server, "/oauth/token")


def requests_of(server, path):
    return [request for request in server.sandbox.requests if request.path == path]


@pytest.mark.parametrize("by", ["Enter", "the button"])
@pytest.mark.parametrize("kernel", KERNELS)
def test_sign_in_and_upload_store_no_secret(searched, new_page, open_notebook, kernel, by):
    """Open the link, allow, copy, paste, upload a figure and see it; then search for secrets."""
    server, jupyter = searched
    page = new_page()
    notebook = open_notebook(jupyter, page, [RECORD, LOAD, "%gyazo_login", FIGURE, SHOW], kernel)
    notebook.run(0)
    notebook.run(1)
    notebook.run(2)

    tab = notebook.open_link(2)
    address = tab.url
    field = tab.get_by_role("textbox").first
    field.click()
    tab.keyboard.press("Control+A")
    tab.keyboard.press("Control+C")
    tab.close()
    notebook.box(2).click()
    page.keyboard.press("Control+V")
    assert notebook.box(2).input_value() == address
    if by == "Enter":
        page.keyboard.press("Enter")
    else:
        notebook.button(2).click()

    expect(notebook.output(2)).to_contain_text("Signed in as Sandy Box")
    expect(notebook.box(2)).to_have_count(0)
    expect(notebook.link(2)).to_have_count(0)
    assert code_exchanges(server)[-1].status == 200

    before = len(requests_of(server, "/api/upload"))
    picture = notebook.run(3).get_by_role("img").first
    expect(picture).to_be_visible()
    assert picture.evaluate("image => image.decode().then(() => image.naturalWidth)") > 100
    assert len(requests_of(server, "/api/upload")) == before + 1
    assert server.sandbox.images[0].fields["title"] == "Loss curve"

    notebook.run(4)
    text = notebook.save()
    assert secrets_found(server, jupyter, text, address) == []
    panel = json.loads(text)["cells"][2]["outputs"]
    assert [kind for out in panel for kind in sorted(out["data"])] == ["text/html", "text/plain"]
    assert "Signed in as" in "".join(panel[0]["data"]["text/plain"])


def secrets_found(server, jupyter, notebook_text, address):
    """Search all files of JupyterLab, IPython and the kernel; return each secret with its file."""
    query = parse_qs(urlsplit(address).query)
    generated = (jupyter.work / "generated.txt").read_text().split()
    secrets = {
        "client secret": server.variables["GYAZO_CLIENT_SECRET"],
        "code": query["code"][0],
        "state": query["state"][0],
        **{f"token {n}": token for n, token in enumerate(server.sandbox._tokens)},
        **{f"generated {n}": text for n, text in enumerate(generated)},
    }
    assert len(secrets) >= 6  # at least a token, a state and a verifier
    history = sqlite3.connect(jupyter.home / "ipython" / "profile_default" / "history.sqlite")
    texts = {
        "notebook": notebook_text,
        "log": (jupyter.work / "debug.log").read_text(),
        "server log": (jupyter.root / "jupyter.log").read_text(),
        "history": "\n".join(history.iterdump()),
    }
    history.close()
    for folder in (jupyter.home, jupyter.work):
        for file in folder.rglob("*"):
            if file.is_file() and file.name != "generated.txt":
                texts[str(file)] = file.read_bytes().decode("latin-1")
    assert "oauth/token" in texts["log"]  # the log has the DEBUG records
    assert "metadata" in texts["notebook"]
    return [
        (file, name) for file, text in texts.items() for name, s in secrets.items() if s in text
    ]


@pytest.mark.parametrize("by", ["Enter", "the button"])
def test_panel_works_after_every_error(server, start_jupyter, new_page, open_notebook, by):
    """Each error is one sentence in the panel, and the next code can be pasted."""
    secret = server.variables["GYAZO_CLIENT_SECRET"]
    jupyter = start_jupyter({**server.variables, "GYAZO_CLIENT_SECRET": "wrong"})
    repair = f"import os; os.environ['GYAZO_CLIENT_SECRET'] = {secret!r}"
    cells = [LOAD, "%gyazo_login", "%gyazo_login --switch", repair, "gyazo.me().name"]
    notebook = open_notebook(jupyter, new_page(), cells, "7.4.0")
    for index in (0, 1, 2):
        notebook.run(index)
    panel = notebook.output(1)

    notebook.submit(1, notebook.authorize(1, "Deny"), by)
    expect(panel).to_contain_text("Access was denied")

    notebook.submit(1, notebook.link(1).get_attribute("href"), by)
    expect(panel).to_contain_text("This is the link itself")

    other = parse_qs(urlsplit(notebook.link(2).get_attribute("href")).query)["state"][0]
    redirect = server.variables["GYAZO_REDIRECT_URI"]
    notebook.submit(1, f"{redirect}?code=abc&state={other}", by)
    expect(panel).to_contain_text("belongs to another sign-in")
    assert len(code_exchanges(server)) == 0

    used = server.sandbox.new_code()
    server.sandbox.redeem(server.sandbox.grant(used))
    notebook.submit(1, notebook.authorize(1), by)
    expect(panel).to_contain_text("check GYAZO_CLIENT_ID")
    assert len(code_exchanges(server)) == 1
    expect(notebook.button(1, "Try again")).to_contain_text("Try again")

    notebook.run(3)
    notebook.submit(1, used, by)
    expect(panel).to_contain_text("does not accept this code")
    assert len(code_exchanges(server)) == 2
    assert notebook.box(1).input_value() == ""

    notebook.submit(1, notebook.authorize(1), by)
    expect(panel).to_contain_text("Signed in as Sandy Box")
    assert len(code_exchanges(server)) == 3
    expect(notebook.run(4)).to_contain_text("Sandy Box")
    expect(notebook.output(2)).to_contain_text("you signed in as Sandy Box with another panel")


def test_try_again_sends_the_same_code_after_a_corrected_secret(
    server, start_jupyter, new_page, open_notebook
):
    """A code that failed because of a wrong client secret is not lost."""
    secret = server.variables["GYAZO_CLIENT_SECRET"]
    jupyter = start_jupyter({**server.variables, "GYAZO_CLIENT_SECRET": "wrong"})
    repair = f"import os; os.environ['GYAZO_CLIENT_SECRET'] = {secret!r}"
    notebook = open_notebook(jupyter, new_page(), [LOAD, "%gyazo_login", repair], "7.3.0")
    notebook.run(0)
    notebook.run(1)
    notebook.submit(1, notebook.authorize(1))
    expect(notebook.output(1)).to_contain_text("check GYAZO_CLIENT_ID")

    notebook.run(2)
    notebook.button(1, "Try again").click()

    expect(notebook.output(1)).to_contain_text("Signed in as Sandy Box")


def test_triple_click_sends_the_code_once(server, start_jupyter, new_page, open_notebook):
    """The button ignores further clicks while an exchange runs."""
    jupyter = start_jupyter(server.variables)
    notebook = open_notebook(jupyter, new_page(), [LOAD, "%gyazo_login"], "7.3.0")
    notebook.run(0)
    notebook.run(1)
    before = len(code_exchanges(server))
    notebook.paste(1, notebook.authorize(1))

    notebook.button(1).click(click_count=3)

    expect(notebook.output(1)).to_contain_text("Signed in as")
    assert len(code_exchanges(server)) == before + 1


def test_reopened_notebook_shows_text_without_a_form(
    server, start_jupyter, new_page, open_notebook
):
    """After the sign-in, the saved notebook has no widgets: it shows the result without its kernel."""
    jupyter = start_jupyter(server.variables)
    notebook = open_notebook(jupyter, new_page(), [LOAD, "%gyazo_login"], "7.4.0")
    notebook.run(0)
    notebook.run(1)
    notebook.submit(1, notebook.authorize(1))
    expect(notebook.output(1)).to_contain_text("Signed in as")
    expect(notebook.box(1)).to_have_count(0)  # the panel is replaced a moment after this text
    notebook.save()
    notebook.page.evaluate("() => window.jupyterapp.commands.execute('kernelmenu:shutdown')")

    page = new_page()
    reopened = Notebook(page, jupyter, notebook.path)
    page.goto(f"{jupyter.url}/lab/workspaces/again/tree/{notebook.path.name}")

    expect(reopened.output(1)).to_contain_text("Signed in as Sandy Box")
    assert reopened.output(1).get_by_role("textbox").count() == 0
    assert "Error displaying widget" not in reopened.output(1).inner_text()


def test_missing_settings_and_unreachable_server(start_jupyter, new_page, open_notebook):
    """Without settings the setup steps; without a server one sentence in the panel and in a cell."""
    variables = {
        "GYAZO_CLIENT_SECRET": "secret",
        "GYAZO_REDIRECT_URI": "https://example.com/callback",
        "GYAZO_AUTH_URL": "http://127.0.0.1:1",
    }
    cells = [LOAD, "%gyazo_login", "%env GYAZO_CLIENT_ID=an-id", "%gyazo_login", "gyazo.me()"]
    notebook = open_notebook(start_jupyter(variables), new_page(), cells, "7.4.0")
    for index in range(4):
        notebook.run(index)
    expect(notebook.output(1)).to_contain_text("Register an application")

    notebook.submit(3, "a-code-of-20-characters")

    expect(notebook.output(3)).to_contain_text("could not be reached (Connection refused)")
    assert re.fullmatch(
        r"NotLoggedInError: You are not signed in to Gyazo yet: finish the sign-in that is open.*",
        notebook.run(4).inner_text().strip(),
    )


def test_first_demo_notebook(server, start_jupyter, new_page):
    """notebooks/01_login.ipynb, as a user runs it: every code cell, and the panel in between."""
    jupyter = start_jupyter(server.variables, own=True)
    path = jupyter.work / "01_login.ipynb"
    path.write_text((Path(__file__).parents[3] / "notebooks" / path.name).read_text())
    cells = json.loads(path.read_text())["cells"]
    code = [index for index, cell in enumerate(cells) if cell["cell_type"] == "code"]
    notebook = Notebook(new_page(), jupyter, path).open()
    load, login, upload, gallery, whoami, logout = code
    notebook.run(load)
    notebook.run(login)
    notebook.submit(login, notebook.authorize(login))
    expect(notebook.output(login)).to_contain_text("Signed in as Sandy Box")

    expect(notebook.run(upload).get_by_role("img").first).to_be_visible()
    expect(notebook.run(gallery).get_by_role("img").first).to_be_visible()
    expect(notebook.run(whoami)).to_contain_text("Signed in as Sandy Box")
    expect(notebook.run(logout)).to_contain_text("Signed out Sandy Box")


def test_panel_survives_a_reload_of_the_page(server, start_jupyter, new_page, open_notebook):
    """Reload while the panel is open, sign in, save, reload: text, and no form that does not work."""
    jupyter = start_jupyter(server.variables)
    notebook = open_notebook(jupyter, new_page(own=True), [LOAD, "%gyazo_login"], "7.4.0")
    notebook.run(0)
    notebook.run(1)
    notebook.box(1).wait_for()
    notebook.save()
    notebook.open()
    notebook.box(1).wait_for()
    notebook.submit(1, notebook.authorize(1))
    expect(notebook.output(1)).to_contain_text("Signed in as Sandy Box")
    notebook.save()

    notebook.open()

    expect(notebook.output(1)).to_contain_text("Signed in as Sandy Box")
    expect(notebook.box(1)).to_have_count(0)


# ── the keyboard, screen readers and themes ───────────────────────────────────────────────────────

ACTIVE_CELL = """() => {
    const cells = [...document.querySelectorAll('.jp-Notebook .jp-Cell')];
    return cells.indexOf(document.activeElement.closest('.jp-Cell'));
}"""
# The contrast of each visible text against the background below it (WCAG 2.2, success criterion 1.4.3).
CONTRASTS = r"""root => {
    const parse = text => { const n = text.match(/[\d.]+/g).map(Number); return [...n.slice(0, 3), n[3] ?? 1]; };
    const over = (front, back) => [0, 1, 2].map(i => front[i] * front[3] + back[i] * (1 - front[3])).concat(1);
    const luminance = color => {
        const [r, g, b] = color.map(v => v / 255).map(v => v <= .04045 ? v / 12.92 : ((v + .055) / 1.055) ** 2.4);
        return .2126 * r + .7152 * g + .0722 * b;
    };
    const ratio = (one, two) => {
        const [low, high] = [luminance(one), luminance(two)].sort((a, b) => a - b);
        return (high + .05) / (low + .05);
    };
    const parents = element => element ? [...parents(element.parentElement), element] : [];
    const background = element => parents(element).reduce(
        (color, one) => over(parse(getComputedStyle(one).backgroundColor), color), [255, 255, 255, 1]);
    const opacity = element => parents(element).reduce((all, one) => all * getComputedStyle(one).opacity, 1);
    const found = {};
    const measure = (name, element, style) => {
        const color = parse(style.color);
        color[3] *= opacity(element) * style.opacity / getComputedStyle(element).opacity;
        found[name] = ratio(over(color, background(element)), background(element));
    };
    const texts = document.createTreeWalker(root, NodeFilter.SHOW_TEXT);
    while (texts.nextNode()) {
        const element = texts.currentNode.parentElement, text = texts.currentNode.textContent.trim();
        if (text && element.checkVisibility() && element.tagName !== 'STYLE')
            measure(text, element, getComputedStyle(element));
    }
    for (const box of root.querySelectorAll('input[type=text]')) {
        measure('placeholder', box, getComputedStyle(box, '::placeholder'));
        const ring = parse(getComputedStyle(box).outlineColor), around = background(box.parentElement);
        if (box === document.activeElement && getComputedStyle(box).outlineStyle === 'solid')
            found.ring = ratio(over(ring, around), around);
    }
    return found;
}"""


@pytest.mark.parametrize("app", ["jupyterlab", "notebook"])
def test_shift_enter_runs_the_next_cell_after_the_sign_in(server, start_jupyter, new_page, app):
    """The panel is a labelled group, and its result is announced. The whole sign-in needs no mouse."""
    jupyter = start_jupyter(server.variables, app=app)
    path = jupyter.write_notebook([LOAD, "%gyazo_login", "print('next', 'ran')"], "7.4.0")
    page = new_page()
    notebook = Notebook(page, jupyter, path)
    notebook.open("notebooks/{name}" if app == "notebook" else "lab/workspaces/{stem}/tree/{name}")
    notebook.run(0)
    notebook.run(1)
    panel = notebook.output(1).get_by_role("group", name="Sign in to Gyazo")
    expect(panel.get_by_role("heading", name="Sign in to Gyazo")).to_be_visible()
    expect(panel.get_by_role("status")).to_have_count(1)

    notebook.link(1).focus()
    page.keyboard.press("Tab")
    expect(notebook.box(1)).to_be_focused()
    page.keyboard.insert_text("my password is secret")
    page.keyboard.press("Enter")
    expect(panel.get_by_role("status")).to_contain_text("has a blank inside")
    expect(notebook.box(1)).to_be_focused()
    page.keyboard.insert_text(server.sandbox.new_code())
    page.keyboard.press("Enter")
    expect(notebook.output(1)).to_contain_text("Signed in as Sandy Box")
    page.wait_for_function(f"({ACTIVE_CELL})() === 2")
    page.keyboard.press("Shift+Enter")

    expect(notebook.output(2)).to_contain_text("next ran")
    # The last one: the page of an earlier test may have its own for ten seconds.
    expect(page.locator("body > [role=status]").last).to_contain_text("Signed in as Sandy Box")


def test_focus_moves_on_after_a_redirect_and_stays_with_the_user(
    loopback_sandbox, start_jupyter, new_page, open_notebook
):
    """From the link to the next cell; from the editor of another cell to nowhere."""
    jupyter = start_jupyter(loopback_sandbox.variables)
    cells = [LOAD, "%gyazo_login", "1", "%gyazo_login --switch", "x = 1", "2"]
    notebook = open_notebook(jupyter, new_page(), cells, "7.4.0")
    for index in (0, 1, 3):
        notebook.run(index)
    notebook.link(3).wait_for()
    code = loopback_sandbox.sandbox.new_code()

    notebook.open_link(1).close()

    expect(notebook.output(1)).to_contain_text("Signed in as Sandy Box")
    expect(notebook.output(3)).to_contain_text("you signed in as Sandy Box with another panel")
    notebook.page.wait_for_function(f"({ACTIVE_CELL})() === 2")
    notebook.run(3)
    notebook.submit(3, code)
    notebook.page.locator(".jp-Notebook .jp-Cell").nth(5).locator(".cm-content").click()
    expect(notebook.output(3)).to_contain_text("Signed in as Sandy Box")
    notebook.page.wait_for_timeout(500)
    assert notebook.page.evaluate(ACTIVE_CELL) == 5


def test_texts_have_contrast_in_every_theme(server, start_jupyter, new_page, open_notebook):
    """4.5 for each text of the panel, the prompt, the results and the guide; 3 for the ring of the box."""
    cells = [
        LOAD,
        "%gyazo_login --sandbox",
        "%gyazo_login --mode prompt",
        "%gyazo_login",
        "%gyazo_logout",
    ]
    cells += ["%env GYAZO_CLIENT_ID=", "%gyazo_login", "%gyazo_login --switch"]
    notebook = open_notebook(start_jupyter(server.variables, own=True), new_page(), cells, "7.4.0")
    page, too_low = notebook.page, {}

    def measure(*indexes):
        for theme in ("JupyterLab Light", "JupyterLab Dark", "JupyterLab Dark High Contrast"):
            page.evaluate(
                "theme => window.jupyterapp.commands.execute('apputils:change-theme', {theme})",
                theme,
            )
            page.wait_for_function(f"() => document.body.dataset.jpThemeName === '{theme}'")
            for index in indexes:
                box = notebook.box(index)
                if box.count():
                    box.focus()
                found = notebook.output(index).evaluate(CONTRASTS)
                assert len(found) > 1 + 4 * bool(box.count())
                assert not box.count() or found.pop("ring") >= 3
                too_low.update({(theme, text): n for text, n in found.items() if n < 4.5})

    notebook.run(0)
    notebook.run(1)
    notebook.submit(1, "my password is secret")
    expect(notebook.output(1)).to_contain_text("blank inside")
    notebook.run(2, wait=False)
    notebook.prompt()
    measure(1, 2)
    notebook.answer_prompt(server.sandbox.new_code())
    expect(notebook.output(2)).to_contain_text("Signed in as")
    for index in (3, 4, 5, 6):
        notebook.run(index)
    expect(notebook.output(6)).to_contain_text("Register an application")
    measure(2, 3, 6)

    assert too_low == {}


def test_panel_of_a_restarted_kernel_says_so(server, start_jupyter, new_page, open_notebook):
    """The box, and a text in it, are hidden. The hint repeats the options."""
    jupyter = start_jupyter(server.variables)
    notebook = open_notebook(jupyter, new_page(), [LOAD, "%gyazo_login --profile work"], "7.4.0")
    notebook.run(0)
    notebook.run(1)
    notebook.box(1).click()
    notebook.page.keyboard.insert_text("not-sent-yet")

    notebook.page.evaluate(
        "() => window.jupyterapp.shell.currentWidget.sessionContext.session.kernel.restart()"
    )

    expect(notebook.output(1).get_by_text("The kernel of this sign-in has ended")).to_be_visible()
    expect(notebook.output(1)).to_contain_text(
        "run %load_ext gyazo_nb, then %gyazo_login --profile work."
    )
    expect(notebook.box(1)).to_be_hidden()


def test_check_box_keeps_the_user_signed_in(server, start_jupyter, new_page, open_notebook):
    """With Tab and Space. A narrow window shows all texts. The notebook and the widget state hold no token."""
    jupyter = start_jupyter(
        server.variables,
        lambda jupyter: jupyter.configure(
            "@jupyter-widgets/jupyterlab-manager:plugin", saveState=True
        ),
    )
    cells = [LOAD, "%gyazo_login", "%gyazo_login --wait", "%reload_ext gyazo_nb", "%gyazo_login"]
    page = new_page()
    page.set_viewport_size({"width": 420, "height": 900})
    notebook = open_notebook(jupyter, page, cells, "7.4.0")
    notebook.run(0)
    notebook.run(1)
    for widest in (notebook.box(1), notebook.output(1).get_by_text("Stay signed in")):
        assert widest.evaluate("one => one.scrollWidth <= one.clientWidth")
    notebook.button(1).focus()
    page.keyboard.press("Tab")
    page.keyboard.press("Space")
    expect(notebook.output(1).get_by_role("checkbox", name="Stay signed in")).to_be_checked()
    saved = [notebook.save()]

    notebook.submit(1, server.sandbox.new_code())

    expect(notebook.output(1)).to_contain_text("The token is saved in the file")
    expect(notebook.run(2)).to_contain_text("Already signed in as Sandy Box")
    notebook.run(3)
    expect(notebook.output(1)).to_contain_text("gyazo_nb was unloaded later")
    expect(notebook.run(4)).to_contain_text("The token is from a file in your configuration folder")
    saved.append(notebook.save())
    (token,) = server.sandbox._tokens
    assert not [text for text in saved if token in text]
