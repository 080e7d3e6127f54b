"""The kernel's side of a sign-in on a JupyterHub, with the real service and a stand-in for the hub."""

import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from support.frames import leaks
from support.helpers import BrowserUser
from support.hub_service import RunningService, StandInHub
from support.scripted_server import scripted_server

from gyazo_nb import (
    App,
    ConfigError,
    ConnectionFailedError,
    DeniedError,
    ForbiddenError,
    Gyazo,
    GyazoError,
    InvalidClientError,
    InvalidGrantError,
    NotFoundError,
    OtherAccountError,
    ServerError,
    TokenRequestError,
    TooManyRequestsError,
    UnreadableReplyError,
)
from gyazo_nb.api.operation import Reply
from gyazo_nb.auth import hub, hub_redirect, oauth
from gyazo_nb.auth.callback_server import Subscriber
from gyazo_nb.auth.hub_redirect import RedirectSubscription
from gyazo_nb.hub.sign_ins import Limits
from gyazo_nb.sandbox import Account, Fault
from gyazo_nb.secret import Secret
from gyazo_nb.settings import Settings, Site

SERVICE = hub.HubService("https://hub.example.org/services/gyazo", Secret("a-server-token"))
URI = "https://hub.example.org/services/gyazo/callback"

pytestmark = pytest.mark.usefixtures("server_of_a_user")


@pytest.fixture
def session():
    with Gyazo() as gyazo:
        yield gyazo


@pytest.fixture
def open_link(service):
    """Open a link in the browser of a user of the hub, in a thread; the result is the last page."""
    with ThreadPoolExecutor() as pool:

        def open_link(login, user="alice", **fields):
            address = BrowserUser(service.gyazo.url).authorize(login.url, **fields)
            return pool.submit(visit, user, address)

        def visit(user, address):
            with service.browser(user) as browser:
                return browser.get(address).text

        yield open_link


def state_of(login):
    return login.url.partition("&state=")[2].partition("&")[0]


def deny(service, login, user="alice"):
    state = state_of(login)
    with service.browser(user) as browser:
        return browser.get(f"{service.url}/callback?error=access_denied&state={state}").text


# ── a sign-in ────────────────────────────────────────────────────────────────────────────────────


def test_click_signs_in_without_a_paste_and_without_a_secret(session, open_link):
    """`finish` without a text waits for the browser."""
    login = session.login()
    page = open_link(login)

    user = login.finish()

    assert user.name == "Sandy Box"
    assert session.me() == user
    assert "Back to your notebook" in page.result()
    assert login.uses_hub


def test_own_application_in_the_settings_wins(session, service, monkeypatch):
    """Its redirect URI is on the user's machine, so a paste is needed."""
    monkeypatch.setenv("GYAZO_CLIENT_ID", "own")
    monkeypatch.setenv("GYAZO_CLIENT_SECRET", "own-secret")
    monkeypatch.setenv("GYAZO_REDIRECT_URI", "http://127.0.0.1:8765/callback")

    login = session.login()

    assert "client_id=own&" in login.url
    assert not login.uses_hub


def test_application_as_an_argument_wins(session):
    app = App("own", "own-secret", "http://127.0.0.1:8765/callback")

    assert "client_id=own&" in session.login(app).url


def test_client_id_without_a_secret_leaves_the_application_of_the_hub(session, monkeypatch):
    """A client id alone is for uploads without an account."""
    monkeypatch.setenv("GYAZO_CLIENT_ID", "own")

    assert session.login().uses_hub


def test_service_is_named_by_the_environment_only(monkeypatch):
    """A trait or an argument could send the token of the server elsewhere."""
    monkeypatch.delenv("GYAZO_HUB_SERVICE")

    assert hub.find_service(Settings({"hub_service": "https://evil.example"}.get)) is None


def test_quotes_around_the_address_of_the_service_are_removed(session, service, monkeypatch):
    """As around every other variable."""
    monkeypatch.setenv("GYAZO_HUB_SERVICE", f' "{service.url}/"\n')

    assert session.login().uses_hub


@pytest.mark.parametrize(
    ("url", "sentence"),
    [
        ("http://hub.example.org/services/gyazo", "must use https"),
        ("ftp://hub.example.org", "is not the address of a service"),
        ("hub.example.org/services/gyazo", "is not the address of a service"),
        ("https://user:pass@hub.example.org", "is not the address of a service"),
        ("https://hub.example.org/?a=b", "is not the address of a service"),
        ("https://[::1/services", "is not the address of a service"),
    ],
)
def test_unsafe_address_of_the_service_is_refused(session, monkeypatch, url, sentence):
    monkeypatch.setenv("GYAZO_HUB_SERVICE", url)

    with pytest.raises(ConfigError, match=sentence) as caught:
        session.login()

    assert "tell your administrator" in str(caught.value)
    assert "pass" not in str(caught.value)


def test_service_without_the_token_of_a_server_is_refused(session, monkeypatch):
    monkeypatch.delenv("JUPYTERHUB_API_TOKEN")

    with pytest.raises(ConfigError, match="run this in a server of the hub"):
        session.login()


def test_denied_access_leaves_the_link_open(session, service, open_link):
    """The user denies the access, and then allows it with the same link."""
    login = session.login()
    with ThreadPoolExecutor() as pool:
        page = pool.submit(deny, service, login)
        with pytest.raises(DeniedError, match="Access was denied"):
            login.finish()
        page.result()
    open_link(login)

    assert login.finish().name == "Sandy Box"


def test_code_is_sent_again_after_a_failure_of_the_network(session, service, open_link):
    """Gyazo does not reply to the service. The user does not need to open the link again."""
    login = session.login()
    open_link(login)
    service.gyazo.sandbox.faults.append(Fault(path="/oauth/token", cut="request"))
    with pytest.raises(ServerError, match="got no reply from Gyazo"):
        login.finish()

    assert login.can_retry
    assert login.finish().name == "Sandy Box"


def test_another_account_needs_switch(session, service, open_link):
    other = Account("Other", "other@example.com", "b" * 24)
    session.use_token(service.gyazo.sandbox.new_token(account=other))
    login = session.login()
    open_link(login)
    with pytest.raises(OtherAccountError, match="--switch"):
        login.finish()

    login = session.login(switch=True)
    open_link(login)

    assert login.finish().name == "Sandy Box"


def test_two_sign_ins_end_in_the_other_order(session, open_link):
    first, second = session.login(), session.login()
    open_link(second)
    assert second.finish().name == "Sandy Box"
    open_link(first)

    assert first.finish().name == "Sandy Box"


# ── restarts ─────────────────────────────────────────────────────────────────────────────────────


def test_service_restarted_during_the_wait_goes_on(session, tmp_path, monkeypatch):
    """The kernel makes the sign-in known to the new service."""
    monkeypatch.setattr(hub_redirect, "RETRY_INTERVAL", 0.1)
    with StandInHub() as stand_in:
        service = RunningService(stand_in, tmp_path, Limits(unknown_state=10))
        try:
            monkeypatch.setenv("GYAZO_HUB_SERVICE", service.url)
            for name in ("AUTH", "API", "UPLOAD"):
                monkeypatch.setenv(f"GYAZO_{name}_URL", service.gyazo.url)
            login = session.login()
            with ThreadPoolExecutor() as pool, service.browser("alice") as browser:
                signed_in = pool.submit(login.finish)
                time.sleep(0.1)
                service.stop()
                service.start()
                page = browser.get(BrowserUser(service.gyazo.url).authorize(login.url))

                assert "Back to your notebook" in page.text
                assert signed_in.result().name == "Sandy Box"
        finally:
            service.close()


# ── the subscription ─────────────────────────────────────────────────────────────────────────────


class Events:
    """What a subscription reported."""

    def __init__(self, login):
        self.happened = threading.Event()
        self.results = []
        subscriber = Subscriber(login.recognises, self.add, lambda: self.add("timeout"))
        self.subscription = RedirectSubscription(login, subscriber, self.add)

    def add(self, result):
        self.results.append(result)
        self.happened.set()
        return True


def hub_threads():
    return [one for one in threading.enumerate() if one.name == "gyazo_nb hub"]


def test_stopped_subscription_ends_its_thread_at_once(session):
    others = hub_threads()  # of earlier tests: their end may take a moment
    events = Events(session.login())
    events.subscription.start()
    assert events.subscription.is_active
    (thread,) = set(hub_threads()).difference(others)

    events.subscription.stop()

    thread.join(5)
    assert not thread.is_alive()
    assert not events.subscription.is_active
    assert events.results == []


def test_redirect_is_delivered_once_also_after_a_new_start(session, open_link):
    login = session.login()
    events = Events(login)
    events.subscription.start()
    open_link(login).result()
    assert events.happened.wait(10)

    events.subscription.start()
    time.sleep(0.1)
    events.subscription.stop()

    assert len(events.results) == 1


def test_subscription_goes_on_after_a_reply_without_a_redirect(session, monkeypatch):
    """A proxy can send such a reply during a restart."""
    monkeypatch.setattr(hub_redirect, "RETRY_INTERVAL", 0.01)
    application = {"client_id": "id", "redirect_uri": URI, "auth_url": "https://api.gyazo.com"}
    redirects = [b"<html>"]
    replies = {"/api/application": lambda: application, "/api/code": lambda: redirects.pop(0)}
    with scripted_server(lambda _, path: (200, {}, replies[path]())) as (url, _):
        monkeypatch.setenv("GYAZO_HUB_SERVICE", url)
        login = session.login()
        redirects.append({"query": f"code=a-code&state={state_of(login)}"})
        events = Events(login)
        events.subscription.start()
        assert events.happened.wait(10)
        events.subscription.stop()

    assert events.results[0].reveal().startswith(f"{URI}?code=a-code&")


def test_subscription_ends_after_its_lifetime(session, monkeypatch):
    monkeypatch.setattr(hub_redirect, "LIFETIME", 0)
    events = Events(session.login())
    events.subscription.start()

    assert events.happened.wait(10)
    assert events.results == ["timeout"]
    assert not events.subscription.is_active


def test_stopped_server_ends_the_wait_with_one_sentence(session, service, monkeypatch):
    """The hub no longer knows the token."""
    monkeypatch.setenv("JUPYTERHUB_API_TOKEN", "dave-kernel")
    events = Events(session.login())
    service.hub.stopped_servers.add("dave-kernel")

    events.subscription.start()

    assert events.happened.wait(10)
    assert "restart it from the hub's control panel" in str(events.results[0])


# ── sentences ────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("token", "kind", "sentence"),
    [
        (
            "unknown",
            ForbiddenError,
            (
                "The hub does not know this server any more: restart it from the hub's control panel, then "
                "run %gyazo_login again."
            ),
        ),
        (
            "alice-noscope",
            ForbiddenError,
            (
                "This server may not use the hub's Gyazo service: ask your administrator to give "
                "access:services!service=gyazo to the roles user and server, then restart your server."
            ),
        ),
        ("grafana-service", ForbiddenError, "This server may not use the hub's Gyazo service"),
        ("broken-kernel", ServerError, "does not answer: wait half a minute"),
    ],
)
def test_refused_server_says_what_to_do(session, monkeypatch, token, kind, sentence):
    monkeypatch.setenv("JUPYTERHUB_API_TOKEN", token)

    with pytest.raises(kind) as caught:
        session.login()

    assert sentence in str(caught.value)
    assert token not in str(caught.value)


def test_error_of_a_refused_server_names_the_service():
    """The administrator can choose another name than gyazo."""
    service = hub.HubService("https://hub.example.org/services/share", Secret("a-token"))

    with pytest.raises(ForbiddenError, match="access:services!service=share to the roles"):
        hub.application(service).read(Reply(403, {}, b"{}"))


def test_service_that_does_not_listen_says_what_to_do(session, monkeypatch):
    monkeypatch.setenv("GYAZO_HUB_SERVICE", "http://127.0.0.1:1/services/gyazo")

    with pytest.raises(ConnectionFailedError) as caught:
        session.login()

    assert str(caught.value).startswith(
        "The hub's Gyazo service at http://127.0.0.1:1/services/gyazo cannot be reached: if the hub is "
        "restarting, wait half a minute, then try again. Otherwise tell your administrator. (GET 127.0.0.1:1"
    )


@pytest.mark.parametrize(
    ("status", "body", "kind", "sentence"),
    [
        (404, b"<html>", NotFoundError, "There is no Gyazo service at"),
        (302, b"", NotFoundError, "There is no Gyazo service at"),
        (200, b"<html>", UnreadableReplyError, "There is no Gyazo service at"),
        (200, b'{"client_id": "x"}', UnreadableReplyError, "check GYAZO_HUB_SERVICE"),
        (502, b"", ServerError, "does not answer"),
        (503, b"<html>", ServerError, "does not answer"),
        (500, b'{"message": "it broke"}', ServerError, "has a problem (it broke): tell your"),
        (429, b"", TooManyRequestsError, "run %gyazo_login again"),
    ],
)
def test_other_reply_than_an_application_says_what_to_do(status, body, kind, sentence):
    operation = hub.application(SERVICE)

    with pytest.raises(kind) as caught:
        operation.read(Reply(status, {}, body))

    assert sentence in str(caught.value)


@pytest.mark.parametrize("body", [b"<html>", b"{}", b"[]", b"[" * 100_000])
def test_other_reply_than_a_redirect_says_what_to_do(body):
    authorization = oauth.begin(Site(), App("id", "", URI), needs_secret=False)
    operation = hub.redirect(SERVICE, authorization, seen="", seconds=1)

    with pytest.raises(UnreadableReplyError, match="There is no Gyazo service at"):
        operation.read(Reply(200, {}, body))


@pytest.mark.parametrize(
    ("status", "headers", "body", "kind", "sentence"),
    [
        (
            401,
            {"x-gyazo-status": "401"},
            b'{"error": "invalid_client"}',
            InvalidClientError,
            (
                "Gyazo does not know this hub's application: tell your administrator (client id and secret "
                "are the hub's, not yours)."
            ),
        ),
        (
            400,
            {"x-gyazo-status": "400"},
            b'{"error": "unauthorized_client"}',
            TokenRequestError,
            "this hub's application (unauthorized_client): tell your administrator.",
        ),
        (
            403,
            {"x-gyazo-status": "403"},
            b"<html>",
            TokenRequestError,
            "this hub's application (status 403): tell your administrator.",
        ),
        (400, {}, b'{"error": "invalid_grant"}', InvalidGrantError, "Open the link again"),
        (401, {}, b'{"message": "x"}', ForbiddenError, "does not know this server"),
        (503, {}, b"", ServerError, "The hub's Gyazo service at"),
        (503, {"x-gyazo-status": "503"}, b"", ServerError, "the server has a problem"),
        (504, {}, b"", ServerError, "got no reply from Gyazo"),
    ],
)
def test_failed_exchange_says_who_must_act(status, headers, body, kind, sentence):
    authorization = oauth.begin(Site(), App("id", "", URI), needs_secret=False)
    operation = hub.exchange(SERVICE, authorization, Secret("a-code"))

    with pytest.raises(kind) as caught:
        operation.read(Reply(status, headers, body))

    assert sentence in str(caught.value)


def test_requests_send_the_token_in_the_header_and_no_state(session, monkeypatch):
    """The service gets the hash of the state only."""
    application = {"client_id": "id", "redirect_uri": URI, "auth_url": "https://api.gyazo.com"}
    replies = {"/api/application": application, "/api/code": {"query": "code=a-code&state=x"}}
    with scripted_server(lambda _, path: (200, {}, replies[path])) as (url, received):
        monkeypatch.setenv("GYAZO_HUB_SERVICE", url)
        login = session.login()
        state = state_of(login)
        operation = hub.redirect(
            hub.HubService(url, Secret("alice-kernel")), login._authorization, seen="", seconds=1
        )
        address = session._connection.send_once(operation)

    assert address.reveal() == f"{URI}?code=a-code&state=x"
    assert all(headers["Authorization"] == "Bearer alice-kernel" for _, _, headers, _ in received)
    assert all(state.encode() not in body for *_, body in received)
    assert "a-code" not in repr(operation)


@pytest.mark.parametrize(
    "reply_to_exchange",
    [
        (400, {}, {"error": "invalid_grant", "error_description": "a-marked-code"}),
        (200, {}, {"access_token": "a-marked-token with blanks"}),
        (200, {}, b"a-marked-token"),
        (500, {}, {"message": "a-marked-code and a-marked-server-token"}),
    ],
)
def test_error_of_an_exchange_contains_no_secret(session, monkeypatch, reply_to_exchange):
    """Neither its text nor the local variables of its frames."""
    monkeypatch.setenv("JUPYTERHUB_API_TOKEN", "a-marked-server-token")
    login = None

    def reply(_, path):
        if path == "/api/application":
            application = {"client_id": "id", "redirect_uri": URI}
            return 200, {}, {**application, "auth_url": "https://api.gyazo.com"}
        if path == "/api/code":
            return 200, {}, {"query": f"code=a-marked-code&state={state_of(login)}"}
        return reply_to_exchange

    with scripted_server(reply) as (url, _):
        monkeypatch.setenv("GYAZO_HUB_SERVICE", url)
        login = session.login()
        with pytest.raises(GyazoError) as caught:
            login.finish()
        for thread in hub_threads():  # its request, which holds the token, may still be running
            thread.join()

    authorization = login._authorization
    secrets = ["a-marked", authorization.state.reveal(), authorization.verifier.reveal()]
    assert leaks(caught.value, secrets) == []
    assert "a-marked" not in f"{caught.value} {vars(caught.value)}"
