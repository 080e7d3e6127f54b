"""`%gyazo_login` on a JupyterHub: the panel and the prompt without a paste, and the guide."""

import os
import signal
import threading
import time

import pytest
from IPython.utils.capture import capture_output
from support.helpers import BrowserUser

from gyazo_nb import ConfigError, ForbiddenError, Gyazo, WaitInterruptedError
from gyazo_nb.notebook import prompt
from gyazo_nb.notebook.panel import Panel
from gyazo_nb.sandbox import Fault

pytestmark = pytest.mark.usefixtures("server_of_a_user")


@pytest.fixture
def server(service):
    """For the fixture `run_magic`, which sets an application of the user otherwise."""

    class NoApplication:
        variables = {}  # noqa: RUF012 -- never changed

    return NoApplication()


@pytest.fixture
def make_panel(shell):
    opened = []

    def make(**options):
        session = Gyazo()
        panel = Panel(session.login(), **options)
        opened.append((panel, session))
        with capture_output():
            panel.show()
        return panel

    yield make
    for panel, session in opened:
        panel.close()
        session.close()


@pytest.fixture
def open_link(service):
    """Open a link in the browser of alice, and return the last page."""

    def open_link(link):
        with service.browser("alice") as browser:
            return browser.get(BrowserUser(service.gyazo.url).authorize(link)).text

    return open_link


@pytest.fixture
def deny(service):
    """Deny the access at a link in the browser of alice."""

    def deny(link):
        state = link.partition("&state=")[2].partition("&")[0]
        with service.browser("alice") as browser:
            browser.get(f"{service.url}/callback?error=access_denied&state={state}")

    return deny


def wait_until(condition):
    deadline = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_panel_goes_on_by_itself_and_has_no_box(make_panel, open_link):
    panel = make_panel()
    assert "2. That is all: this panel goes on by itself." in panel._head.value
    assert panel._row not in panel._view.children
    assert "paste" not in panel._head.value.lower().partition("<h3")[2]

    page = open_link(panel._login.url)

    assert "Back to your notebook" in page
    wait_until(lambda: "Signed in as <b>Sandy Box" in panel._head.value)
    assert not panel.is_open
    assert "state=" not in panel._head.value


def test_panel_tells_a_denial_and_waits_again(make_panel, deny, open_link):
    panel = make_panel()
    deny(panel._login.url)
    wait_until(lambda: "Access was denied" in panel._status.value)

    open_link(panel._login.url)

    wait_until(lambda: not panel.is_open)


def test_panel_offers_to_send_the_code_again(make_panel, open_link, service):
    """Gyazo does not reply to the service once."""
    panel = make_panel()
    service.gyazo.sandbox.faults.append(Fault(path="/oauth/token", cut="request"))
    open_link(panel._login.url)
    wait_until(lambda: panel._retry_button.layout.display != "none")
    wait_until(lambda: not panel.is_busy)
    assert "got no reply from Gyazo" in panel._status.value

    panel._retry_button.click()

    assert not panel.is_open


def test_two_panels_end_in_the_other_order(make_panel, open_link):
    first, second = make_panel(), make_panel()

    open_link(second._login.url)
    wait_until(lambda: not second.is_open)
    assert first.is_open
    open_link(first._login.url)

    wait_until(lambda: not first.is_open)


def test_panel_of_a_stopped_server_says_what_to_do(make_panel, service, monkeypatch):
    """The hub no longer knows the token of the server."""
    monkeypatch.setenv("JUPYTERHUB_API_TOKEN", "erin-kernel")
    panel = make_panel()
    assert panel.is_listening

    service.hub.stopped_servers.add("erin-kernel")
    panel._listen()

    wait_until(lambda: "restart it from the hub" in panel._status.value)
    assert "This panel no longer waits for your browser" in panel._head.value
    assert "Open Gyazo" not in panel._head.value
    assert not panel.is_listening


def test_closed_panel_ends_its_wait(make_panel):
    panel = make_panel()

    panel.close()

    wait_until(lambda: not [one for one in threading.enumerate() if one.name == "gyazo_nb hub"])


def test_panel_still_waits_after_its_cell_has_ended(make_panel):
    """`--wait` releases the port of another panel at the end. A hub needs neither a port nor a box."""
    panel = make_panel()

    panel.stop_listening()

    assert panel.is_listening


def test_prompt_waits_for_the_browser_and_asks_for_no_text(deny, open_link, capsys):
    """After a denial, the link can be opened again."""
    with Gyazo() as gyazo:
        login = gyazo.login()

        def use_browser():
            deny(login.url)
            wait_until(lambda: "Access was denied" in capsys.readouterr().out)
            open_link(login.url)

        thread = threading.Thread(target=use_browser)
        thread.start()
        user = prompt.sign_in_through_hub(login, lambda: None)
        thread.join()

    assert user.name == "Sandy Box"


def test_interrupt_ends_the_prompt_with_the_next_step():
    with Gyazo() as gyazo:
        login = gyazo.login()
        timer = threading.Timer(0.3, os.kill, [os.getpid(), signal.SIGINT])
        timer.start()

        with pytest.raises(WaitInterruptedError, match="run %gyazo_login again"):
            prompt.sign_in_through_hub(login, lambda: None)
        timer.join()


def test_magic_in_a_terminal_shows_the_link_and_waits(run_magic, terminal, open_link, monkeypatch):
    """`--mode prompt`, and each front end without widgets."""
    links = []

    def sign_in(login, show_link, command):
        links.append(login.url)
        show_link()
        threading.Thread(target=open_link, args=[login.url]).start()
        return login.finish()

    monkeypatch.setattr(prompt, "sign_in_through_hub", sign_in)

    shown = run_magic("%gyazo_login --mode prompt")

    assert links
    assert links[0] in shown
    assert "the sign-in goes on by itself" in shown
    assert "Signed in as Sandy Box" in shown


def test_user_without_access_gets_one_sentence(run_magic, terminal, monkeypatch):
    monkeypatch.setenv("JUPYTERHUB_API_TOKEN", "alice-noscope")

    with pytest.raises(ForbiddenError, match="to the roles user and server"):
        run_magic("%gyazo_login --mode prompt")


def test_guide_of_a_hub_without_the_service_names_a_token_first(run_magic, terminal, monkeypatch):
    """A client secret must not be in the server of a user."""
    monkeypatch.delenv("GYAZO_HUB_SERVICE")

    with capture_output() as captured, pytest.raises(ConfigError):
        run_magic("%gyazo_login --mode prompt")
    del captured
    guide = run_magic("%gyazo_login")

    assert guide.index("%gyazo_login --token") < guide.index("administrator")
    assert "GYAZO_HUB_SERVICE" in guide
    assert "GYAZO_CLIENT_SECRET" not in guide


def test_text_for_a_bug_report_names_the_service(run_magic, service):
    text = run_magic("%gyazo_info")

    assert "is not a setting" not in text
    assert "alice-kernel" not in text
