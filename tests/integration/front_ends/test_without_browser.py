"""The places without a browser: nbclient, papermill, a terminal, a console, on every kernel."""

import os
import socket
import sqlite3
import subprocess
import sys
import time
import urllib.request

import nbformat
import pexpect
import pytest
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError
from support.helpers import KERNELS, BrowserUser, jupyter_environment, write_kernelspecs

from gyazo_nb.sandbox import Application, Sandbox, serve

# A terminal driven by its text can miss a line, and a console's first request to ipykernel 7 can remain
# unread, before any code of ours is there: about one run in fifty here.
pytestmark = pytest.mark.flaky(reruns=4)

LOAD = "%load_ext gyazo_nb"
TRAP = "print('later')"


@pytest.fixture
def home(tmp_path, monkeypatch):
    environment = jupyter_environment(tmp_path / "home")
    write_kernelspecs(tmp_path / "home" / "data")
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    return tmp_path / "home"


def notebook(*cells):
    return nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell) for cell in cells])


@pytest.mark.parametrize("kernel", KERNELS)
def test_nbclient_with_a_token_is_silent(home, server, monkeypatch, kernel):
    """GYAZO_ACCESS_TOKEN signs in without a word, a widget or a question."""
    monkeypatch.setenv("GYAZO_ACCESS_TOKEN", server.sandbox.new_token())
    monkeypatch.setenv("GYAZO_API_URL", server.url)
    run = notebook(LOAD, "%gyazo_login", "print(gyazo.me().name)")

    NotebookClient(run, kernel_name=f"ipykernel-{kernel}", timeout=60).execute()

    assert run.cells[1].outputs == []
    assert run.cells[2].outputs[0].text == "Sandy Box\n"
    assert "widgets" not in run.metadata


@pytest.mark.parametrize(
    "options",
    [
        "",
        "--wait",
        "--mode prompt",
        "--token",
        "--mode env",
        "--mode panel",
        "--mode panel --wait 60",
    ],
)
@pytest.mark.parametrize("kernel", KERNELS)
def test_nbclient_without_a_token_gets_one_line(home, server, monkeypatch, kernel, options):
    """The cell fails with one sentence that names the variable; nothing hangs; no widget state."""
    for name, value in server.variables.items():
        monkeypatch.setenv(name, value)
    run = notebook(LOAD, f"%gyazo_login {options}", TRAP)

    with pytest.raises(CellExecutionError, match="GYAZO_ACCESS_TOKEN"):
        NotebookClient(run, kernel_name=f"ipykernel-{kernel}", timeout=60).execute()

    error = run.cells[1].outputs[-1]
    assert error.output_type == "error"
    assert len(error.traceback) == 1
    assert "\n" not in error.traceback[0]
    assert run.cells[2].outputs == []
    assert "widgets" not in run.metadata
    state = parse_state(run)
    assert state is None


def parse_state(run):
    """Find a state that came to rest in the notebook."""
    text = nbformat.writes(run)
    return "state=" in text or None


def test_a_dead_token_is_one_line(home, server, monkeypatch):
    """A token that was revoked: who must act and what to do."""
    monkeypatch.setenv("GYAZO_ACCESS_TOKEN", "dead")
    monkeypatch.setenv("GYAZO_API_URL", server.url)
    run = notebook(LOAD, "%gyazo_login", TRAP)

    with pytest.raises(CellExecutionError, match="deleted, revoked or copied wrong"):
        NotebookClient(run, kernel_name=f"ipykernel-{KERNELS[-1]}", timeout=60).execute()

    assert run.cells[2].outputs == []


def papermill(tmp_path, environment, kernel):
    nbformat.write(
        nbformat.v4.new_notebook(
            cells=notebook(LOAD, "%gyazo_login", "print(gyazo.me().name)").cells,
            metadata={
                "kernelspec": {
                    "name": f"ipykernel-{kernel}",
                    "display_name": "",
                    "language": "python",
                }
            },
        ),
        tmp_path / "in.ipynb",
    )
    return subprocess.run(
        [sys.executable, "-m", "papermill", tmp_path / "in.ipynb", tmp_path / "out.ipynb"],
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )


@pytest.mark.parametrize("kernel", KERNELS)
def test_papermill(home, server, tmp_path, kernel):
    """With a token it goes through; without one it ends with the sentence."""
    token = {"GYAZO_ACCESS_TOKEN": server.sandbox.new_token(), "GYAZO_API_URL": server.url}
    assert papermill(tmp_path, token, kernel).returncode == 0
    assert "Sandy Box" in (tmp_path / "out.ipynb").read_text()

    failed = papermill(tmp_path, {}, kernel)
    assert failed.returncode != 0
    assert (
        "NotLoggedInError: Nobody can click or answer here: set GYAZO_ACCESS_TOKEN" in failed.stderr
    )


def test_a_script_without_a_terminal_gets_one_line(home, server):
    """IPython fed from a pipe: nobody can answer, so nobody is asked."""
    done = subprocess.run(
        [sys.executable, "-m", "IPython", "-c", f"{LOAD}\n%gyazo_login"],
        env={**os.environ, **server.variables},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )

    assert "Nobody can click or answer here" in done.stdout
    assert "Traceback" not in done.stdout


class Terminal:
    """A person at a terminal."""

    def __init__(self, arguments, environment):
        self.child = pexpect.spawn(
            sys.executable,
            ["-m", *arguments],
            env={**os.environ, **environment, "TERM": "dumb", "PYTHONWARNINGS": ""},
            encoding="utf-8",
            timeout=20,
            dimensions=(40, 200),
        )
        self.seen = ""

    def until(self, pattern):
        self.child.expect(pattern)
        self.seen += self.child.before + str(self.child.after)
        return self.child.match

    def say(self, line):
        # As a person does; and a request in the very moment of a kernel's start is sometimes not read.
        time.sleep(1.0)
        self.child.sendline(line)

    def end(self):
        self.child.close(force=True)


@pytest.fixture
def terminal(home, server):
    opened = []

    def open_(*arguments, **more):
        opened.append(Terminal(arguments, {**server.variables, **more}))
        return opened[-1]

    yield open_
    for each in opened:
        each.end()


def sign_in_at(terminal, server, magic):
    """Go through a prompt: a denial, then nonsense, then the right address."""
    user = BrowserUser(server.url)
    terminal.until(r"In \[1\]: ")
    terminal.say(LOAD)
    terminal.until(r"In \[2\]: ")
    terminal.say(magic)
    link = terminal.until(r"(http://127\.0\.0\.1:\d+/oauth/authorize\?\S+)")[1]
    terminal.until("It stays hidden")
    terminal.until("Paste the whole address.*: ")
    terminal.say(user.authorize(link, "Deny"))
    terminal.until("Access was denied")
    terminal.until("Paste the whole address.*: ")
    terminal.say("{nonsense}")
    terminal.until("no code")
    terminal.until("Paste the whole address.*: ")
    address = user.authorize(link)
    terminal.say(address)
    terminal.until("Signed in as Sandy Box")
    terminal.until(r"In \[3\]: ")
    terminal.say("print(gyazo.me().name.upper())")
    terminal.until("SANDY BOX")
    terminal.until(r"In \[4\]: ")
    terminal.say("exit")
    return address.partition("code=")[2].partition("&state=")


def test_terminal_ipython(home, server, terminal):
    """%gyazo_login in a terminal chooses the prompt by itself; nothing typed is shown or kept."""
    window = terminal("IPython", "--simple-prompt", "--no-banner")

    code, _, state = sign_in_at(window, server, "%gyazo_login")

    window.until(pexpect.EOF)
    history = sqlite3.connect(home / "ipython" / "profile_default" / "history.sqlite")
    kept = "\n".join(history.iterdump())
    history.close()
    assert "gyazo_login" in kept
    assert code not in window.seen + kept
    assert state not in kept


@pytest.mark.parametrize("kernel", KERNELS)
def test_jupyter_console(home, server, terminal, kernel):
    """In a console the prompt is asked for; the answer stays hidden."""
    window = terminal("jupyter_console", "--simple-prompt", f"--kernel=ipykernel-{kernel}")

    code, _, _ = sign_in_at(window, server, "%gyazo_login --mode prompt")

    assert code not in window.seen


PLACES = [
    ("IPython", "--simple-prompt"),
    *[("jupyter_console", "--simple-prompt", f"--kernel=ipykernel-{k}") for k in KERNELS],
]


@pytest.mark.parametrize("wait", ["", " --wait 60"])
@pytest.mark.parametrize("place", PLACES[1:])
def test_a_console_catches_the_redirect(home, terminal, monkeypatch, place, wait):
    """No box is there to paste into, but a browser on this machine ends the sign-in by itself."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    uri = f"http://127.0.0.1:{port}/callback"
    with serve(Sandbox([Application(redirect_uris=(uri,))])) as server:
        window = terminal(*place, **{**server.variables, "GYAZO_REDIRECT_URI": uri})
        window.until(r"In \[1\]: ")
        window.say(LOAD)
        window.until(r"In \[2\]: ")
        window.say(f"%gyazo_login{wait}")
        link = window.until(r"(http://127\.0\.0\.1:\d+/oauth/authorize\?\S+)")[1]
        if not wait:
            window.until(r"In \[3\]: ")

        with urllib.request.urlopen(BrowserUser(server.url).authorize(link), timeout=20) as page:
            assert "Signed in" in page.read().decode()

        if wait:
            window.until(r"In \[3\]: ")
        window.say("print(gyazo.me().name.upper())")
        window.until("SANDY BOX")


@pytest.mark.parametrize("kernel", KERNELS)
def test_a_console_without_widgets_is_told_the_way(home, server, terminal, kernel):
    """%gyazo_login alone: the output's own text carries the link and the next step."""
    window = terminal("jupyter_console", "--simple-prompt", f"--kernel=ipykernel-{kernel}")
    window.until(r"In \[1\]: ")
    window.say(LOAD)
    window.until(r"In \[2\]: ")
    window.say("%gyazo_login")
    window.until(r"/oauth/authorize\?\S+")
    window.until("%gyazo_login --mode prompt")
    window.until(r"In \[3\]: ")

    assert "VBox(" not in window.seen


def test_ctrl_c_at_a_prompt_is_one_line(home, terminal):
    """No frames of somebody's library."""
    window = terminal("IPython", "--simple-prompt", "--no-banner")
    window.until(r"In \[1\]: ")
    window.say(LOAD)
    window.until(r"In \[2\]: ")
    window.say("%gyazo_login --token")
    window.until("Paste your access token.*: ")

    window.child.sendintr()

    window.until("KeyboardInterrupt.*: Stopped: nothing was asked of Gyazo")
    window.until(r"In \[3\]: ")
    assert "Traceback" not in window.seen


@pytest.mark.parametrize("place", PLACES)
def test_a_token_typed_at_a_terminal(home, server, terminal, place):
    """--token asks in a hidden prompt, in a terminal and in a console."""
    window = terminal(*place)
    token = server.sandbox.new_token()
    window.until(r"In \[1\]: ")
    window.say(LOAD)
    window.until(r"In \[2\]: ")
    window.say("%gyazo_login --token")
    window.until("Paste your access token.*: ")
    window.say(token)
    window.until("Signed in as Sandy Box")
    window.until(r"In \[3\]: ")

    assert token not in window.seen


@pytest.mark.parametrize("place", PLACES)
def test_a_token_in_the_environment_of_a_terminal(home, server, terminal, monkeypatch, place):
    """It signs in at once, and says from where."""
    monkeypatch.setenv("GYAZO_ACCESS_TOKEN", server.sandbox.new_token())
    window = terminal(*place)
    window.until(r"In \[1\]: ")
    window.say(LOAD)
    window.until(r"In \[2\]: ")
    window.say("%gyazo_login")
    window.until("Signed in as Sandy Box.*GYAZO_ACCESS_TOKEN")


def test_a_saved_token_signs_in_the_next_kernel(home, server, monkeypatch):
    """--save file in one kernel, nothing but %gyazo_login in the next; %gyazo_logout ends it."""
    monkeypatch.setenv("GYAZO_API_URL", server.url)
    for name, value in server.variables.items():
        monkeypatch.setenv(name, value)
    token = server.sandbox.new_token()
    monkeypatch.setenv("GYAZO_ACCESS_TOKEN", token)
    name = f"ipykernel-{KERNELS[-1]}"
    save = (
        "from gyazo_nb.auth.profiles import Profiles\nfrom gyazo_nb.auth.token_store import Profile\naccount = gyazo.account\n"
        "print(Profiles().save('file', 'default', Profile(account.token, account.site)))"
    )
    NotebookClient(notebook(LOAD, save), kernel_name=name).execute()
    monkeypatch.delenv("GYAZO_ACCESS_TOKEN")

    run = notebook(LOAD, "%gyazo_login", "print(gyazo.me().name)", "%gyazo_whoami", "%gyazo_logout")
    NotebookClient(run, kernel_name=name).execute()

    assert run.cells[2].outputs[0].text == "Sandy Box\n"
    assert "a file of yours" in run.cells[3].outputs[0].data["text/plain"]
    assert "The token saved as" in run.cells[4].outputs[0].data["text/plain"]
    assert token not in nbformat.writes(run)
    with pytest.raises(CellExecutionError, match="GYAZO_ACCESS_TOKEN"):
        NotebookClient(notebook(LOAD, "%gyazo_login"), kernel_name=name).execute()
