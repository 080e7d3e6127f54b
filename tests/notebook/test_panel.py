"""The panel, driven through its controls in this process: one exchange and one result."""

import logging
import os
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from contextlib import contextmanager, suppress
from types import SimpleNamespace

import pytest
from IPython.utils.capture import capture_output
from support.helpers import BrowserUser, free_port

from gyazo_nb import Gyazo, Secret, StoreError
from gyazo_nb.auth import callback_server
from gyazo_nb.notebook import messages
from gyazo_nb.notebook import panel as panel_module
from gyazo_nb.notebook.panel import Panel
from gyazo_nb.sandbox import Application, Fault, Sandbox, serve


@pytest.fixture
def port():
    return free_port()


@pytest.fixture
def server(port, monkeypatch):
    """A sandbox whose application is registered with a loopback address at a free port."""
    uri = f"http://127.0.0.1:{port}/callback"
    with serve(Sandbox([Application(redirect_uris=(uri,))])) as running:
        for name, value in {**running.variables, "GYAZO_REDIRECT_URI": uri}.items():
            monkeypatch.setenv(name, value)
        yield running


@pytest.fixture
def gyazo(server):
    with Gyazo() as gyazo:
        yield gyazo


@pytest.fixture
def make_panel(gyazo, shell):
    panels = []

    def make(**options):
        panel = Panel(gyazo.login(), **options)
        panels.append(panel)
        with capture_output():
            panel.show()
        return panel

    yield make
    for panel in panels:
        panel.close()


def get(address):
    """Send a GET request as a browser does, and return the status and the page."""
    try:
        with urllib.request.urlopen(address, timeout=20) as reply:
            return reply.status, reply.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()


def is_free(port):
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
        return True


def test_failed_save_keeps_the_sign_in(make_panel, gyazo, server):
    """The panel shows the account, and that the token was not saved."""

    def fail():
        raise StoreError("a text that the panel does not show")

    panel = make_panel(save_token=fail)

    panel._box.value = server.sandbox.new_code()

    assert not panel.is_open
    assert gyazo.me().name == "Sandy Box"
    assert "Signed in as <b>Sandy Box</b>" in panel._head.value
    assert "The token was not saved: StoreError" in panel._head.value


def test_panel_without_commands_names_none(make_panel, server):
    """On a page of Voila, the user can run no cell."""
    panel = make_panel(prompt_command="", new_command="")
    assert "%gyazo" not in panel._head.value

    panel._box.value = server.sandbox.new_code()

    assert "Signed in as" in panel._head.value
    assert "%gyazo" not in panel._head.value
    assert "Next" not in panel._head.value


def test_panel_that_is_ended_during_its_exchange_shows_the_reason(make_panel, gyazo, server):
    """The code of the exchange is not used to sign in."""
    panel = make_panel()
    server.sandbox.faults.append(Fault(status=None, delay=0.3, path="/oauth/token"))
    exchange = threading.Thread(
        target=setattr, args=(panel._box, "value", server.sandbox.new_code())
    )
    exchange.start()
    while not panel.is_busy:
        time.sleep(0.001)

    panel.end(messages.panel_not_needed("Sandy Box"))
    exchange.join()

    assert not panel.is_open
    assert "you signed in as Sandy Box with another panel" in panel._head.value
    assert gyazo.account is None


def test_state_of_the_widgets_never_holds_the_token(make_panel, server):
    """Also with a checked check box: its state is only true or false."""
    panel = make_panel(stay_signed_in=True)
    states = [
        control.get_state() for control in (panel._stay, panel._box, panel._head, panel._status)
    ]

    panel._box.value = server.sandbox.new_code()
    states.append(panel._head.get_state())

    (token,) = server.sandbox._tokens
    assert states[0]["value"] is True
    assert token not in str(states)


@pytest.mark.slow
def test_reloaded_redirect_page_shows_the_result_of_the_first_request(make_panel, server):
    """During a slow exchange, which happens once."""
    panel = make_panel()
    address = BrowserUser(server.url).authorize(panel._login.url)
    server.sandbox.faults.append(Fault(status=None, delay=1.0, path="/oauth/token"))
    pages = []

    def open_page():
        with suppress(OSError):  # the port may be released before the second request arrives
            pages.append(get(address))

    threads = [threading.Thread(target=open_page) for _ in range(2)]
    threads[0].start()
    while server.sandbox.faults:
        time.sleep(0.001)
    threads[1].start()
    for thread in threads:
        thread.join()

    assert pages[0][0] == 200
    assert all("Signed in" in page for _, page in pages)
    assert [r.path for r in server.sandbox.requests].count("/oauth/token") == 1


def test_redirects_at_the_same_time_get_the_same_result(make_panel, server):
    """A browser can send its request twice. Before, a page could say that the sign-in failed."""
    panel = make_panel()
    address = Secret(BrowserUser(server.url).authorize(panel._login.url))
    results = []
    threads = [
        threading.Thread(target=lambda: results.append(panel._on_redirect(address)))
        for _ in range(20)
    ]
    with panel._busy:  # all threads wait
        for thread in threads:
            thread.start()
    for thread in threads:
        thread.join()

    assert results == [True] * 20


def test_click_during_the_exchange_keeps_the_error(make_panel, monkeypatch):
    """The click that left the box can run on another thread, before the exchange of the text ends."""
    panel = make_panel()
    listen = panel._listen

    def click_and_listen():
        panel._on_click(None)
        listen()

    monkeypatch.setattr(panel, "_listen", click_and_listen)

    panel._box.value = "コード"

    assert "contains no code" in panel._status.value


def test_expired_link_releases_the_port(make_panel, server, port, monkeypatch):
    """Another notebook may need the port. The box still works."""
    monkeypatch.setattr(panel_module, "LIFETIME", 60)
    panel = make_panel()
    assert panel.is_listening
    panel._subscription._lifetime = 0.2
    panel._subscription.start()  # begins the lifetime again

    deadline = time.monotonic() + 60
    while panel.is_listening:
        assert time.monotonic() < deadline
        time.sleep(0.05)

    while not is_free(port):
        assert time.monotonic() < deadline
    panel._box.value = server.sandbox.new_code()
    assert not panel.is_open


def test_redirect_of_another_notebook_gets_the_next_step(make_panel, port):
    """The page says to paste its address into the other notebook's panel."""
    make_panel()

    status, page = get(f"http://127.0.0.1:{port}/callback?code=a&state=of-another")

    assert status == 400
    assert "paste it there" in page
    assert get(f"http://127.0.0.1:{port}/callback") == (400, callback_server.NOT_FOUND_PAGE)


def test_result_replaces_the_panel_while_another_cell_captures_outputs(make_panel, server, shell):
    """A running %%capture does not get the result."""
    published = []
    publish = shell.display_pub.publish
    shell.display_pub.publish = lambda data, **more: published.append((data, more))
    try:
        panel = make_panel()
        with capture_output() as captured:
            panel._box.value = server.sandbox.new_code()
    finally:
        shell.display_pub.publish = publish

    data, more = published[-1]
    assert more["update"]
    assert "Signed in as Sandy Box" in data["text/plain"]
    assert captured.outputs == []


def test_text_replaces_the_panel_before_its_controls_change(make_panel, server, shell):
    """A notebook that is saved after the change of a control must not hold the view of the panel."""
    controls = []
    publish = shell.display_pub.publish
    shell.display_pub.publish = lambda data, **more: controls.append(panel._head.value)
    try:
        panel = make_panel()
        panel._box.value = server.sandbox.new_code()
    finally:
        shell.display_pub.publish = publish

    assert "Signed in as" not in controls[-1]
    assert "Signed in as" in panel._head.value


@contextmanager
def interrupted(seconds):
    """Raise KeyboardInterrupt after some seconds, with a real signal, at any point of the code."""
    before = signal.signal(signal.SIGALRM, signal.default_int_handler)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def sign_in(shell, code):
    """Run %gyazo_login, paste a code, and return the panel."""
    with capture_output():
        shell.run_line_magic("gyazo_login", "--mode panel")
        (panel,) = shell.magics_manager.registry["GyazoMagics"].sign_in._panels[-1:]
        panel._box.value = code
    return panel


# A widget whose constructor was interrupted causes a warning when it is garbage-collected.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.slow
def test_sign_in_works_after_an_interrupt_at_any_moment(shell, server, port):
    """200 moments, from the start of the magic to the end of the panel."""
    shell.run_line_magic("load_ext", "gyazo_nb")
    sign_in(shell, server.sandbox.new_code())  # the first one imports modules
    start = time.perf_counter()
    sign_in(shell, server.sandbox.new_code())
    duration = time.perf_counter() - start
    interrupts = 0
    for moment in range(1, 201):
        with capture_output():
            shell.run_line_magic("gyazo_logout", "")
        try:
            with interrupted(duration * moment / 200):
                panel = sign_in(shell, server.sandbox.new_code())
            interrupts += panel.was_interrupted or "was not saved" in panel._head.value
        except KeyboardInterrupt:
            interrupts += 1

        panel = sign_in(shell, server.sandbox.new_code())

        assert not panel.is_open, moment
        assert shell.user_ns["gyazo"].account.user.name == "Sandy Box", moment
    shell.run_line_magic("unload_ext", "gyazo_nb")

    assert interrupts > 5  # the others came after the end of the sign-in
    assert is_free(port)
    assert not [thread for thread in threading.enumerate() if "callback server" in thread.name]


WAIT_SCRIPT = """
import os, signal, sys, threading
from IPython.core.interactiveshell import InteractiveShell
from IPython.utils.capture import capture_output
from gyazo_nb import WaitInterruptedError
from gyazo_nb.notebook import panel

panel.LIFETIME = 1.0
shell = InteractiveShell.instance()
shell.run_line_magic("load_ext", "gyazo_nb")
interrupts = 0
for moment in range(40):
    interrupt = threading.Timer(moment / 40 * 0.2, os.kill, (os.getpid(), signal.SIGINT))
    with capture_output():
        try:
            interrupt.start()
            shell.run_line_magic("gyazo_login", "--mode panel --wait")
        except (KeyboardInterrupt, WaitInterruptedError):
            interrupts += 1
print(interrupts, flush=True)
sys.stdin.read()
"""


@pytest.mark.slow
def test_stop_at_any_moment_of_a_waiting_cell_releases_the_port(server, port, tmp_path):
    """40 real interrupts of `%gyazo_login --wait`. The process goes on, and the panels stay open."""
    with subprocess.Popen(
        [sys.executable, "-c", WAIT_SCRIPT],
        env={**os.environ, "IPYTHONDIR": str(tmp_path), "XDG_CONFIG_HOME": str(tmp_path)},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            assert process.stdout.readline() == "40\n"
            deadline = time.monotonic() + 60
            while not is_free(port):
                assert time.monotonic() < deadline
                time.sleep(0.02)
            assert process.poll() is None
        finally:
            process.kill()


@pytest.mark.usefixtures("server")
def test_stop_while_the_panel_of_a_waiting_cell_is_displayed_releases_the_port(
    shell, port, monkeypatch
):
    def interrupted(*_, **__):
        monkeypatch.undo()
        raise KeyboardInterrupt

    shell.run_line_magic("load_ext", "gyazo_nb")
    monkeypatch.setattr(shell.display_pub, "publish", interrupted)
    with pytest.raises(KeyboardInterrupt):
        shell.run_line_magic("gyazo_login", "--mode panel --wait")

    assert is_free(port)


def test_close_releases_the_port_after_an_interrupted_end(shell, server, port, monkeypatch):
    """The interrupt comes when the finished panel stops to listen."""

    def interrupted_stop():
        monkeypatch.undo()
        raise KeyboardInterrupt

    shell.run_line_magic("load_ext", "gyazo_nb")
    with capture_output():
        shell.run_line_magic("gyazo_login", "--mode panel")
    panel = shell.magics_manager.registry["GyazoMagics"].sign_in._panels[0]
    monkeypatch.setattr(panel._subscription, "stop", interrupted_stop)
    panel._box.value = server.sandbox.new_code()

    assert panel.was_interrupted
    shell.run_line_magic("unload_ext", "gyazo_nb")
    assert is_free(port)


def test_kernel_without_a_usual_logger_shows_the_panel(make_panel, shell, monkeypatch):
    """Such as a kernel of another project."""
    monkeypatch.setattr(shell, "kernel", SimpleNamespace(log=print), raising=False)

    assert make_panel().is_open


def test_text_in_the_box_is_masked_in_the_log_of_a_kernel(make_panel, shell, monkeypatch, caplog):
    """Its logger may be inside of adapters."""
    log = logging.LoggerAdapter(logging.LoggerAdapter(logging.getLogger("a-kernel"), {}), {})
    monkeypatch.setattr(shell, "kernel", SimpleNamespace(log=log), raising=False)
    panel = make_panel()

    log.warning("%s", {"comm_id": panel._box.model_id, "value": "s3cr3t"})

    assert "s3cr3t" not in caplog.text
    assert "not logged" in caplog.text
