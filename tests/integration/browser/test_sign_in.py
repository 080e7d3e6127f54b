"""The whole path in a real browser: link, allow, paste, signed in, upload, seen; and its mishaps."""

import json
import re
import sqlite3
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest
from playwright.sync_api import expect
from support.helpers import KERNELS
from support.jupyterlab_driver import Notebook

from gyazo_nb.sandbox import Sandbox, serve

LOAD = "%load_ext gyazo_nb"
# Real logging at its most talkative, and every random text that is made, into files.
WATCH = """
import logging, pathlib, secrets
logging.basicConfig(filename="debug.log", level=logging.DEBUG)
made = secrets.token_urlsafe
def noted(*args):
    text = made(*args)
    with pathlib.Path("made.txt").open("a") as file:
        print(text, file=file)
    return text
secrets.token_urlsafe = noted
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
for thing in (gyazo, gyazo.account):
    try:
        pickle.dumps(thing)
    except TypeError as error:
        print(error)
%config GyazoMagics
%xmode Verbose
%store gyazo
"""
EXPECT = 20_000


@pytest.fixture
def lab(sandbox, make_lab):
    def configure(lab):
        lab.configure("@jupyter-widgets/jupyterlab-manager:plugin", saveState=True)

    return make_lab(sandbox.variables, configure)


def says(locator, text):
    expect(locator).to_contain_text(text, timeout=EXPECT)


@pytest.mark.parametrize("by", ["Enter", "the button"])
@pytest.mark.parametrize("kernel", KERNELS)
def test_the_whole_path(sandbox, lab, make_page, open_notebook, kernel, by):
    """Load, follow the link, allow, paste, read the name, upload a figure, see it; nothing leaks."""
    page = make_page()
    notebook = open_notebook(lab, page, [WATCH, LOAD, "%gyazo_login", FIGURE, SHOW], kernel)
    notebook.run(0)
    notebook.run(1)
    notebook.run(2)

    tab = notebook.follow(2)
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

    says(notebook.output(2), "Signed in as Sandy Box")
    expect(notebook.box(2)).to_have_count(0)
    expect(notebook.link(2)).to_have_count(0)
    exchanges = [r for r in sandbox.sandbox.requests if r.path == "/oauth/token"]
    assert [r.status for r in exchanges][-1] == 200

    picture = notebook.run(3).get_by_role("img").first
    expect(picture).to_be_visible(timeout=EXPECT)
    assert picture.evaluate("image => image.decode().then(() => image.naturalWidth)") > 100
    assert len(sandbox.sandbox.images) == 1
    assert sandbox.sandbox.images[0].fields["title"] == "Loss curve"

    notebook.run(4)
    text = notebook.save()
    check_nothing_leaked(sandbox, lab, text, address)
    saved = json.loads(text)
    panel = saved["cells"][2]["outputs"]
    assert [kind for out in panel for kind in sorted(out["data"])] == ["text/html", "text/plain"]
    assert "Signed in as" in "".join(panel[0]["data"]["text/plain"])


def check_nothing_leaked(sandbox, lab, text, address):
    """Search every place where something may rest for everything that must not."""
    query = parse_qs(urlsplit(address).query)
    secrets = {
        "client secret": sandbox.variables["GYAZO_CLIENT_SECRET"],
        "code": query["code"][0],
        "state": query["state"][0],
        **{f"token {n}": t for n, t in enumerate(sandbox.sandbox._tokens)},
        **{f"made {n}": m for n, m in enumerate((lab.work / "made.txt").read_text().split())},
    }
    assert len(secrets) >= 6  # a token, a state and a verifier at least
    history = sqlite3.connect(lab.home / "ipython" / "profile_default" / "history.sqlite")
    places = {
        "notebook": text,
        "log": (lab.work / "debug.log").read_text(),
        "server log": (lab.root / "lab.log").read_text(),
        "history": "\n".join(history.iterdump()),
    }
    history.close()
    for folder in (lab.home, lab.work):
        for file in folder.rglob("*"):
            if file.is_file() and file.name != "made.txt":
                places[str(file)] = file.read_bytes().decode("latin-1")
    assert "oauth/token" in places["log"]  # it was talkative indeed
    assert "metadata" in places["notebook"]
    found = [
        (place, name) for place, held in places.items() for name, s in secrets.items() if s in held
    ]
    assert found == []


MISHAPS = [LOAD, "%gyazo_login", "%gyazo_login --switch", "import os", "gyazo.me().name"]


@pytest.mark.parametrize("by", ["Enter", "the button"])
def test_mishaps_and_then_a_good_code(make_lab, make_page, open_notebook, by):
    """Every mishap is one sentence in the panel, which stays usable; then a good code works."""
    with serve(Sandbox()) as sandbox:
        secret = sandbox.variables["GYAZO_CLIENT_SECRET"]
        lab = make_lab({**sandbox.variables, "GYAZO_CLIENT_SECRET": "wrong"})
        repair = f"import os; os.environ['GYAZO_CLIENT_SECRET'] = {secret!r}"
        notebook = open_notebook(lab, make_page(), [*MISHAPS[:3], repair, *MISHAPS[4:]], "7.4.0")
        for index in (0, 1, 2):
            notebook.run(index)
        panel = notebook.output(1)

        def asked():
            return sum(r.path == "/oauth/token" for r in sandbox.sandbox.requests)

        notebook.submit(1, notebook.copied(1, "Deny"), by)
        says(panel, "Access was denied")

        link = notebook.link(1).get_attribute("href")
        notebook.submit(1, link, by)
        says(panel, "That is the link itself")

        other = parse_qs(urlsplit(notebook.link(2).get_attribute("href")).query)["state"][0]
        redirect = sandbox.variables["GYAZO_REDIRECT_URI"]
        notebook.submit(1, f"{redirect}?code=abc&state={other}", by)
        says(panel, "belongs to another sign-in")
        assert asked() == 0

        used = sandbox.sandbox.new_code()
        sandbox.sandbox.redeem(sandbox.sandbox.grant(used))
        notebook.submit(1, notebook.copied(1), by)
        says(panel, "check GYAZO_CLIENT_ID")
        assert asked() == 1
        says(notebook.button(1, "Try again"), "Try again")

        notebook.run(3)
        notebook.submit(1, used, by)
        says(panel, "does not accept this code")
        assert asked() == 2
        assert notebook.box(1).input_value() == ""

        notebook.submit(1, notebook.copied(1), by)
        says(panel, "Signed in as Sandy Box")
        assert asked() == 3
        says(notebook.run(4), "Sandy Box")
        says(notebook.output(2), "2. Your browser then ends on")


def test_a_wrong_secret_corrected_is_sent_again_by_the_button(make_lab, make_page, open_notebook):
    """A code that met a wrong secret is not lost: the button sends it again."""
    with serve(Sandbox()) as sandbox:
        secret = sandbox.variables["GYAZO_CLIENT_SECRET"]
        lab = make_lab({**sandbox.variables, "GYAZO_CLIENT_SECRET": "wrong"})
        repair = f"import os; os.environ['GYAZO_CLIENT_SECRET'] = {secret!r}"
        notebook = open_notebook(lab, make_page(), [LOAD, "%gyazo_login", repair], "7.3.0")
        notebook.run(0)
        notebook.run(1)
        notebook.submit(1, notebook.copied(1), "Enter")
        says(notebook.output(1), "check GYAZO_CLIENT_ID")

        notebook.run(2)
        notebook.button(1, "Try again").click()

        says(notebook.output(1), "Signed in as Sandy Box")


def test_a_double_click_makes_one_exchange(sandbox, make_lab, make_page, open_notebook):
    """However often and fast the button is pressed, the code is sent once."""
    lab = make_lab(sandbox.variables)
    notebook = open_notebook(lab, make_page(), [LOAD, "%gyazo_login"], "7.3.0")
    notebook.run(0)
    notebook.run(1)
    before = sum(r.path == "/oauth/token" for r in sandbox.sandbox.requests)
    notebook.type(1, notebook.copied(1))

    notebook.button(1).click(click_count=3)

    says(notebook.output(1), "Signed in as")
    assert sum(r.path == "/oauth/token" for r in sandbox.sandbox.requests) == before + 1


def test_a_reopened_notebook_shows_plain_text(sandbox, make_lab, make_page, open_notebook):
    """After the sign-in the file, opened again without its kernel, reads well and has no dead form."""
    lab = make_lab(sandbox.variables)
    notebook = open_notebook(lab, make_page(), [LOAD, "%gyazo_login"], "7.4.0")
    notebook.run(0)
    notebook.run(1)
    notebook.submit(1, notebook.copied(1), "Enter")
    says(notebook.output(1), "Signed in as")
    notebook.save()
    notebook.page.evaluate("() => window.jupyterapp.commands.execute('kernelmenu:shutdown')")

    page = make_page()
    again = type(notebook)(page, lab, notebook.path)
    page.goto(f"{lab.url}/lab/workspaces/again/tree/{notebook.path.name}")

    says(again.output(1), "Signed in as Sandy Box")
    assert again.output(1).get_by_role("textbox").count() == 0
    assert "Error displaying widget" not in again.output(1).inner_text()


def test_a_silent_server_and_a_missing_app_are_sentences(make_lab, make_page, open_notebook):
    """Without settings the guide; with a server that is not there, one sentence each."""
    variables = {
        "GYAZO_CLIENT_SECRET": "secret",
        "GYAZO_REDIRECT_URI": "https://example.com/callback",
        "GYAZO_AUTH_URL": "http://127.0.0.1:1",
    }
    cells = [LOAD, "%gyazo_login", "%env GYAZO_CLIENT_ID=an-id", "%gyazo_login", "gyazo.me()"]
    notebook = open_notebook(make_lab(variables), make_page(), cells, "7.4.0")
    for index in range(4):
        notebook.run(index)
    says(notebook.output(1), "Register an application")

    notebook.submit(3, "a-code", "Enter")

    says(notebook.output(3), "could not be reached (Connection refused)")
    assert re.fullmatch(
        r"NotLoggedInError: Nobody is signed in to Gyazo yet: finish the sign-in that is open.*",
        notebook.run(4).inner_text().strip(),
    )


def test_the_first_notebook_from_top_to_bottom(sandbox, make_lab, make_page):
    """notebooks/01_login.ipynb, as a person goes through it: every code cell, and the panel between."""
    lab = make_lab(sandbox.variables)
    path = lab.work / "01_login.ipynb"
    path.write_text((Path(__file__).parents[3] / "notebooks" / path.name).read_text())
    cells = json.loads(path.read_text())["cells"]
    code = [index for index, cell in enumerate(cells) if cell["cell_type"] == "code"]
    page = make_page()
    notebook = Notebook(page, lab, path).open()
    load, login, upload, gallery, whoami, logout = code
    notebook.run(load)
    notebook.run(login)
    notebook.submit(login, notebook.copied(login), "Enter")
    says(notebook.output(login), "Signed in as Sandy Box")

    expect(notebook.run(upload).get_by_role("img").first).to_be_visible(timeout=EXPECT)
    expect(notebook.run(gallery).get_by_role("img").first).to_be_visible(timeout=EXPECT)
    says(notebook.run(whoami), "Signed in as Sandy Box")
    says(notebook.run(logout), "Forgot the token of Sandy Box")


def test_a_reloaded_page_goes_on_and_ends_as_text(sandbox, make_lab, make_page, open_notebook):
    """Reload while the panel waits, sign in, save, reload again: static text, not a dead form."""
    lab = make_lab(sandbox.variables)
    notebook = open_notebook(lab, make_page(), [LOAD, "%gyazo_login"], "7.4.0")
    notebook.run(0)
    notebook.run(1)
    notebook.box(1).wait_for()
    notebook.save()
    notebook.open()
    notebook.box(1).wait_for(timeout=EXPECT)
    notebook.submit(1, notebook.copied(1), "Enter")
    says(notebook.output(1), "Signed in as Sandy Box")
    notebook.save()

    notebook.open()

    says(notebook.output(1), "Signed in as Sandy Box")
    expect(notebook.box(1)).to_have_count(0)
