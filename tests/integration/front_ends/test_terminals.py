"""`%gyazo_login` in a terminal: IPython, and Jupyter Console on every kernel."""

import os
import sqlite3
import sys
import time
import urllib.request

import pexpect
import pytest
from support.helpers import KERNELS, BrowserUser

# A terminal can miss a line, and the first request to a new kernel of ipykernel 7 can remain unread:
# about one run of fifty.
pytestmark = pytest.mark.flaky(reruns=4)

LOAD = "%load_ext gyazo_nb"
IPYTHON = ("IPython", "--simple-prompt", "--no-banner")
CONSOLES = [("jupyter_console", "--simple-prompt", f"--kernel=ipykernel-{k}") for k in KERNELS]


class Terminal:
    """A program in a terminal, and the lines that a user types there."""

    def __init__(self, program, environment):
        self.child = pexpect.spawn(
            sys.executable,
            ["-m", *program],
            env={**os.environ, **environment, "TERM": "dumb", "PYTHONWARNINGS": ""},
            encoding="utf-8",
            timeout=20,
            dimensions=(40, 200),
        )
        self.seen = ""

    def wait_for(self, pattern):
        self.child.expect(pattern)
        self.seen += self.child.before + str(self.child.after)
        return self.child.match

    def type(self, line):
        # Later than the prompt, as a user: a new kernel sometimes misses a request in its first moment.
        time.sleep(1.0)
        self.child.sendline(line)

    def run(self, *lines):
        """Type each line at the next input prompt."""
        for line in lines:
            self.wait_for(r"In \[\d+\]: ")
            self.type(line)

    def close(self):
        self.child.close(force=True)


@pytest.fixture
def open_terminal(jupyter_home, server):
    opened = []

    def open_terminal(program, variables=None):
        opened.append(Terminal(program, server.variables if variables is None else variables))
        return opened[-1]

    yield open_terminal
    for terminal in opened:
        terminal.close()


def sign_in_at_prompt(terminal, server, magic, *last):
    """Paste a denial, a text without a code, and the correct address; return its code and state.

    The `last` lines are run before the terminal ends.
    """
    user = BrowserUser(server.url)
    terminal.run(LOAD, magic)
    link = terminal.wait_for(r"(http://127\.0\.0\.1:\d+/oauth/authorize\?\S+)")[1]
    terminal.wait_for("It stays hidden")
    terminal.wait_for("Paste the whole address.*: ")
    terminal.type(user.authorize(link, "Deny"))
    terminal.wait_for("Access was denied")
    terminal.wait_for("Paste the whole address.*: ")
    terminal.type("{nonsense}")
    terminal.wait_for("no code")
    terminal.wait_for("Paste the whole address.*: ")
    address = user.authorize(link)
    terminal.type(address)
    terminal.wait_for("Signed in as Sandy Box")
    terminal.run("print(gyazo.me().name.upper())")
    terminal.wait_for("SANDY BOX")
    terminal.run(*last, "exit")
    code, _, state = address.partition("code=")[2].partition("&state=")
    return code, state


def test_ipython_prompt_stores_no_secret(jupyter_home, server, open_terminal, tmp_path):
    """A terminal uses the prompt without --mode. The pasted text is not shown, and is in no file."""
    terminal = open_terminal(IPYTHON)
    file = tmp_path / "saved.ipynb"

    code, state = sign_in_at_prompt(terminal, server, "%gyazo_login", f"%notebook {file}")

    terminal.wait_for(pexpect.EOF)
    history = sqlite3.connect(jupyter_home / "ipython" / "profile_default" / "history.sqlite")
    saved = "\n".join(history.iterdump()) + file.read_text()
    history.close()
    assert "gyazo_login" in saved
    assert code not in terminal.seen + saved
    assert state not in saved


@pytest.mark.parametrize("program", CONSOLES)
def test_console_prompt_hides_the_code(server, open_terminal, program):
    """--mode prompt works in a console."""
    terminal = open_terminal(program)

    code, _ = sign_in_at_prompt(terminal, server, "%gyazo_login --mode prompt")

    assert code not in terminal.seen


@pytest.mark.parametrize("wait", ["", " --wait 60"])
@pytest.mark.parametrize("program", CONSOLES)
def test_console_receives_the_redirect(loopback_sandbox, open_terminal, program, wait):
    """A console shows no box, but a browser on the same machine completes the sign-in."""
    terminal = open_terminal(program, loopback_sandbox.variables)
    terminal.run(LOAD, f"%gyazo_login{wait}")
    link = terminal.wait_for(r"(http://127\.0\.0\.1:\d+/oauth/authorize\?\S+)")[1]
    if not wait:
        terminal.wait_for(r"In \[3\]: ")

    address = BrowserUser(loopback_sandbox.url).authorize(link)
    with urllib.request.urlopen(address, timeout=20) as page:
        assert "Signed in" in page.read().decode()

    if wait:
        terminal.wait_for(r"In \[3\]: ")
    terminal.type("print(gyazo.me().name.upper())")
    terminal.wait_for("SANDY BOX")


@pytest.mark.parametrize("program", CONSOLES)
def test_console_shows_link_and_next_step_as_text(open_terminal, program):
    """Without widgets, the text of the output has the link and names --mode prompt."""
    terminal = open_terminal(program)
    terminal.run(LOAD, "%gyazo_login")
    terminal.wait_for(r"/oauth/authorize\?\S+")
    terminal.wait_for("%gyazo_login --mode prompt")
    terminal.wait_for(r"In \[3\]: ")

    assert "VBox(" not in terminal.seen


def test_ctrl_c_at_the_prompt_gets_one_line(open_terminal):
    """No traceback."""
    terminal = open_terminal(IPYTHON)
    terminal.run(LOAD, "%gyazo_login --token")
    terminal.wait_for("Paste your access token.*: ")

    terminal.child.sendintr()

    terminal.wait_for("KeyboardInterrupt.*: Stopped before the sign-in")
    terminal.wait_for(r"In \[3\]: ")
    assert "Traceback" not in terminal.seen


@pytest.mark.parametrize("program", [IPYTHON, *CONSOLES])
def test_token_prompt_hides_the_token(server, open_terminal, program):
    """--token reads the token from a hidden prompt."""
    terminal = open_terminal(program)
    token = server.sandbox.new_token()
    terminal.run(LOAD, "%gyazo_login --token")
    terminal.wait_for("Paste your access token.*: ")
    terminal.type(token)
    terminal.wait_for("Signed in as Sandy Box")
    terminal.wait_for(r"In \[3\]: ")

    assert token not in terminal.seen


@pytest.mark.parametrize("program", [IPYTHON, *CONSOLES])
def test_token_in_the_environment_signs_in_at_once(server, open_terminal, program):
    """A note says that GYAZO_ACCESS_TOKEN was used."""
    token = {"GYAZO_ACCESS_TOKEN": server.sandbox.new_token()}
    terminal = open_terminal(program, server.variables | token)
    terminal.run(LOAD, "%gyazo_login")
    terminal.wait_for("Signed in as Sandy Box.*GYAZO_ACCESS_TOKEN")


def test_picture_that_a_console_cannot_show_is_shared(server, open_terminal):
    """The text below the cell has the link, and names the cell."""
    token = {"GYAZO_ACCESS_TOKEN": server.sandbox.new_token()}
    terminal = open_terminal(CONSOLES[-1], server.variables | token)
    terminal.run(LOAD, "from PIL import Image; Image.new('L', (3, 2))", "%gyazo")

    link = terminal.wait_for(r"Image\('(http://\S+)'.*# Shown by cell \[2\]")[1]
    assert server.sandbox.images[0].image_id == link.rpartition("/")[2]
