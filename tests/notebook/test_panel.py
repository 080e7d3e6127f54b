"""The panel, driven by its own controls in this process: one exchange, one end, whatever strikes."""

import signal
import socket
import threading
import time
import urllib.error
import urllib.request
from contextlib import contextmanager

import pytest
from IPython.utils.capture import capture_output
from support.helpers import BrowserUser

from gyazo_nb import Gyazo, StoreError
from gyazo_nb.auth import callback_server
from gyazo_nb.notebook import panel as panels
from gyazo_nb.notebook.panel import Panel
from gyazo_nb.sandbox import Application, Fault, Sandbox, serve


@pytest.fixture
def port():
    with socket.create_server(("127.0.0.1", 0)) as free:
        return free.getsockname()[1]


@pytest.fixture
def server(port, monkeypatch):
    """A sandbox whose application is registered with a loopback address that nobody holds."""
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
    made = []

    def make(**options):
        panel = Panel(gyazo.login(), **options)
        made.append(panel)
        with capture_output():
            panel.show()
        return panel

    yield make
    for panel in made:
        panel.close()


def get(address):
    """Ask as a browser does, and give the status and the page."""
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


def test_trouble_after_the_sign_in_does_not_undo_it(make_panel, gyazo, server):
    """The panel ends as signed in, and says what did not follow."""

    def broken():
        raise StoreError("not for your eyes")

    panel = make_panel(after=broken)

    panel._box.value = server.sandbox.new_code()

    assert not panel.is_open
    assert gyazo.me().name == "Sandy Box"
    assert "Signed in as <b>Sandy Box</b>" in panel._head.value
    assert "broken off: StoreError" in panel._head.value


def test_a_redirect_that_arrives_twice_says_signed_in_twice(make_panel, gyazo, server):
    """A tab that is loaded again during a slow exchange shows what came of the first."""
    panel = make_panel()
    address = BrowserUser(server.url).authorize(panel._login.url)
    server.sandbox.faults.append(Fault(status=None, delay=1.0, path="/oauth/token"))
    pages = []
    threads = [threading.Thread(target=lambda: pages.append(get(address))) for _ in range(2)]

    for thread in threads:
        thread.start()
        time.sleep(0.3)
    for thread in threads:
        thread.join()

    # The port may be let go before the second is answered: then it met nobody, and nothing is wrong.
    assert pages[0][0] == 200
    assert all("Signed in" in page for _, page in pages)
    assert [r.path for r in server.sandbox.requests].count("/oauth/token") == 1


def test_the_port_is_free_when_the_link_is_too_old(make_panel, server, port, monkeypatch):
    """Another notebook may want it; the box is there still, and listens again for a new link."""
    monkeypatch.setattr(panels, "LIFETIME", 0.2)
    panel = make_panel()
    assert panel.is_listening

    deadline = time.monotonic() + 10
    while panel.is_listening:
        assert time.monotonic() < deadline
        time.sleep(0.05)

    while not is_free(port):
        assert time.monotonic() < deadline
    panel._box.value = server.sandbox.new_code()
    assert not panel.is_open


def test_anothers_redirect_is_told_where_to_go(make_panel, port):
    """Two notebooks, one port: the address in the browser is what the other panel wants."""
    make_panel()

    status, page = get(f"http://127.0.0.1:{port}/callback?code=a&state=of-another")

    assert status == 400
    assert "paste it there" in page
    assert get(f"http://127.0.0.1:{port}/callback") == (400, callback_server.NOT_FOUND_PAGE)


def test_the_end_is_shown_where_the_panel_stands(make_panel, server, shell):
    """Also if a cell that captures what is displayed runs when the sign-in ends."""
    shown = []
    publish = shell.display_pub.publish
    shell.display_pub.publish = lambda data, **more: shown.append((data, more))
    try:
        panel = make_panel()
        with capture_output() as captured:
            panel._box.value = server.sandbox.new_code()
    finally:
        shell.display_pub.publish = publish

    data, more = shown[-1]
    assert more["update"]
    assert "Signed in as Sandy Box" in data["text/plain"]
    assert captured.outputs == []


@contextmanager
def interrupted(seconds):
    """Press Ctrl-C that much later, by a real signal: it strikes wherever Python looks at signals."""
    before = signal.signal(signal.SIGALRM, signal.default_int_handler)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def sign_in(shell, code):
    """%gyazo_login and a paste, as far as they come."""
    with capture_output():
        shell.run_line_magic("gyazo_login", "--mode panel")
        (panel,) = shell.magics_manager.registry["GyazoMagics"].sign_in._panels[-1:]
        panel._box.value = code
    return panel


# A widget of ipywidgets that was half made when it was struck complains when it is forgotten.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_an_interrupt_at_any_moment_leaves_a_session_that_can_sign_in(shell, server, port):
    """Two hundred moments, from the magic to the end of the panel; then it is tried again, and works."""
    shell.run_line_magic("load_ext", "gyazo_nb")
    sign_in(shell, server.sandbox.new_code())  # loads what is loaded once
    began = time.perf_counter()
    sign_in(shell, server.sandbox.new_code())
    whole = time.perf_counter() - began
    struck = 0
    for moment in range(1, 201):
        with capture_output():
            shell.run_line_magic("gyazo_logout", "")
        try:
            with interrupted(whole * moment / 200):
                panel = sign_in(shell, server.sandbox.new_code())
            struck += panel.was_interrupted or "broken off" in panel._head.value
        except KeyboardInterrupt:
            struck += 1

        panel = sign_in(shell, server.sandbox.new_code())

        assert not panel.is_open, moment
        assert shell.user_ns["gyazo"].account.user.name == "Sandy Box", moment
    shell.run_line_magic("unload_ext", "gyazo_nb")

    assert struck > 5  # how many strike before the end is chance
    assert is_free(port)
    assert not [thread for thread in threading.enumerate() if "listener" in thread.name]
