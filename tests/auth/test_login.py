"""One attempt to sign in: a good code is not lost, and no code is used twice."""

import dataclasses
import logging
import threading
import time

import pytest
from support.helpers import BrowserUser
from support.scripted_server import scripted_server

from gyazo_nb import (
    App,
    ConfigError,
    ConnectionFailedError,
    DeniedError,
    ExpiredError,
    Gyazo,
    GyazoError,
    InvalidClientError,
    InvalidGrantError,
    NotLoggedInError,
    OtherAccountError,
    PasteError,
    ServerError,
    TokenRequestError,
    UnauthorizedError,
)
from gyazo_nb.sandbox import Account, Application, Fault, Sandbox, serve


def request_count(server, path="/oauth/token"):
    return sum(request.path == path for request in server.sandbox.requests)


def code_of(address):
    return address.partition("code=")[2].partition("&")[0]


def test_the_whole_address_signs_in(signed_out, app, user):
    """`finish` returns the user, and the session is signed in."""
    login = signed_out.login(app)

    me = login.finish(user.authorize(login.url))

    assert str(me) == "Sandy Box (sandy@example.com)"
    assert signed_out.me() == me
    assert "Sandy Box" in repr(signed_out)


def test_a_bare_code_signs_in(signed_out, app, user):
    """`finish` also accepts only the code."""
    login = signed_out.login(app)

    assert login.finish(code_of(user.authorize(login.url))).name == "Sandy Box"


def test_without_arguments_the_app_comes_from_the_environment(server, user, monkeypatch):
    """The addresses too."""
    for name, value in server.variables.items():
        monkeypatch.setenv(name, value)
    with Gyazo() as gyazo:
        login = gyazo.login()

        assert login.finish(user.authorize(login.url)).name == "Sandy Box"


def test_a_client_secret_comes_from_a_file(server, user, monkeypatch, tmp_path):
    """GYAZO_CLIENT_SECRET_FILE names the file. White space around the secret is ignored."""
    for name, value in server.variables.items():
        monkeypatch.setenv(name, value)
    file = tmp_path / "secret"
    file.write_text(f"{server.variables['GYAZO_CLIENT_SECRET']}\n")
    monkeypatch.delenv("GYAZO_CLIENT_SECRET")
    monkeypatch.setenv("GYAZO_CLIENT_SECRET_FILE", str(file))
    with Gyazo() as gyazo:
        login = gyazo.login()
        assert login.finish(user.authorize(login.url)).name == "Sandy Box"

    file.unlink()
    with pytest.raises(ConfigError, match="GYAZO_CLIENT_SECRET_FILE"):
        gyazo.login()


def test_a_denied_access_leaves_the_attempt_open(signed_out, app, user, server):
    """The user denies the access, then allows it with the same link."""
    login = signed_out.login(app)
    with pytest.raises(DeniedError):
        login.finish(user.authorize(login.url, "Deny"))
    assert request_count(server) == 0

    assert login.finish(user.authorize(login.url)).name == "Sandy Box"


def test_a_used_code_is_refused_and_the_attempt_stays_open(signed_out, app, user, server):
    """After `invalid_grant`, the same attempt accepts a new code."""
    first = signed_out.login(app)
    used = user.authorize(first.url)
    first.finish(used)
    login = signed_out.login(app)
    with pytest.raises(InvalidGrantError, match="Open the link again"):
        login.finish(code_of(used))
    assert not login.can_retry

    assert login.finish(user.authorize(login.url)).name == "Sandy Box"


def test_the_address_of_another_attempt_is_refused(signed_out, app, user, server):
    """Each attempt has its own state. With another state, no request is sent."""
    one, two = signed_out.login(app), signed_out.login(app)
    address = user.authorize(one.url)

    with pytest.raises(PasteError, match="another sign-in"):
        two.finish(address)

    assert request_count(server) == 0
    assert one.finish(address).name == "Sandy Box"


def test_an_attempt_signs_in_once(signed_out, app, user, server):
    """A finished attempt refuses the same address, and sends no request."""
    login = signed_out.login(app)
    address = user.authorize(login.url)
    login.finish(address)

    with pytest.raises(ExpiredError, match="finished"):
        login.finish(address)

    assert request_count(server) == 1


def test_many_threads_make_one_exchange(signed_out, app, user, server):
    """Eight threads call `finish` at the same time: the code is sent once."""
    login = signed_out.login(app)
    address = user.authorize(login.url)
    outcomes = []

    def finish():
        try:
            outcomes.append(login.finish(address).name)
        except ExpiredError:
            outcomes.append("finished")

    threads = [threading.Thread(target=finish) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert sorted(outcomes) == ["Sandy Box"] + ["finished"] * 7
    assert request_count(server) == 1


@pytest.mark.parametrize("seconds", [601, -60])
def test_after_ten_minutes_the_attempt_makes_a_new_link(
    signed_out, app, user, server, monkeypatch, seconds
):
    """An expired state is refused, also if the clock was set back. The attempt gets a new link."""
    login = signed_out.login(app)
    old, address = login.url, user.authorize(login.url)
    now = time.time
    monkeypatch.setattr(time, "time", lambda: now() + seconds)
    with pytest.raises(ExpiredError, match="more than ten minutes"):
        login.finish(address)

    assert login.url != old
    assert request_count(server) == 0


def test_after_a_corrected_secret_the_same_code_is_sent_again(server, user, monkeypatch):
    """The attempt keeps the code, and reads the setting again."""
    for name, value in server.variables.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("GYAZO_CLIENT_SECRET", "wrong")
    with Gyazo() as gyazo:
        login = gyazo.login()
        with pytest.raises(InvalidClientError, match="GYAZO_CLIENT_SECRET"):
            login.finish(user.authorize(login.url))
        assert login.can_retry

        monkeypatch.setenv("GYAZO_CLIENT_SECRET", server.variables["GYAZO_CLIENT_SECRET"])

        assert login.finish().name == "Sandy Box"


@pytest.mark.parametrize(
    "fault",
    [
        Fault(status=503, path="/oauth/token"),
        Fault(cut="request", path="/oauth/token"),
        Fault(status=200, body="<html>proxy</html>", path="/oauth/token"),
        Fault(status=500, path="/api/users/me"),
        Fault(cut="request", path="/api/users/me"),
    ],
)
def test_a_temporary_failure_loses_no_code(signed_out, app, user, server, fault):
    """After a failure of the server or the network, the same code or token is used again."""
    login = signed_out.login(app)
    address = user.authorize(login.url)
    server.sandbox.faults.append(dataclasses.replace(fault))  # a fault counts its uses
    with pytest.raises(GyazoError, match="(?i)try again|broke off|check the URL"):
        login.finish(address)
    assert login.can_retry

    assert login.finish().name == "Sandy Box"


def test_a_token_that_may_not_read_its_user_signs_in(signed_out, app, user, server):
    """The scope of a token may exclude users/me: the user then has no name."""
    server.sandbox.faults.append(Fault(status=403, path="/api/users/me"))
    login = signed_out.login(app)

    assert login.finish(user.authorize(login.url)).uid == ""
    assert signed_out.images().total == 0


def test_a_token_that_gyazo_refuses_at_once_is_not_kept(signed_out, app, user, server):
    """A 401 of users/me means that the token is not valid."""
    server.sandbox.faults.append(Fault(status=401, path="/api/users/me"))
    login = signed_out.login(app)

    with pytest.raises(UnauthorizedError):
        login.finish(user.authorize(login.url))

    assert signed_out.account is None
    assert not login.can_retry


def test_an_unreachable_server_raises_one_error(app):
    """Without the error of the HTTP library as its context."""
    with Gyazo(auth_url="http://127.0.0.1:1", api_url="http://127.0.0.1:1") as gyazo:
        with pytest.raises(ConnectionFailedError, match="could not be reached") as caught:
            gyazo.login(app).finish("a-code-of-20-characters")

        assert caught.value.__context__ is None


def test_changed_settings_make_a_new_link(server, user, monkeypatch):
    """A code of the old application is not sent for the new one."""
    for name, value in server.variables.items():
        monkeypatch.setenv(name, value)
    with Gyazo() as gyazo:
        login = gyazo.login()
        address = user.authorize(login.url)
        monkeypatch.setenv("GYAZO_CLIENT_ID", "another")

        with pytest.raises(ExpiredError, match="settings have changed"):
            login.finish(address)

        assert "client_id=another" in login.url


@pytest.mark.parametrize(
    "missing", ["GYAZO_CLIENT_ID", "GYAZO_CLIENT_SECRET", "GYAZO_REDIRECT_URI"]
)
def test_a_missing_setting_is_named(server, monkeypatch, missing):
    """The error contains the name of the variable."""
    for name, value in server.variables.items():
        monkeypatch.setenv(name, value)
    monkeypatch.delenv(missing)

    with pytest.raises(ConfigError, match=missing):
        Gyazo().login()


@pytest.fixture
def two_accounts():
    application = Application(redirect_uris=("http://127.0.0.1:8765/callback",))
    accounts = [Account(name="One", uid="1" * 24), Account(name="Two", uid="2" * 24)]
    with serve(Sandbox(applications=[application], accounts=accounts)) as server:
        yield (
            server,
            App(application.client_id, application.client_secret, *application.redirect_uris),
        )


def sign_in(gyazo, server, app, account, **options):
    """Sign in as one of the accounts, with a code that the sandbox made for it."""
    login = gyazo.login(app, **options)
    challenge = login.url.partition("code_challenge=")[2].partition("&")[0]
    code = server.sandbox.new_code(account=account, code_challenge=challenge)
    return login.finish(code)


def test_another_account_is_refused_unless_switching(two_accounts):
    """A code from an attacker cannot change the account of the session."""
    server, app = two_accounts
    one, two = server.sandbox.accounts
    with Gyazo(auth_url=server.url, api_url=server.url, upload_url=server.url) as gyazo:
        sign_in(gyazo, server, app, one)
        with pytest.raises(
            OtherAccountError, match="This is Two, but One is signed in: add --switch"
        ):
            sign_in(gyazo, server, app, two)
        assert gyazo.me().name == "One"

        assert sign_in(gyazo, server, app, one).name == "One"
        assert sign_in(gyazo, server, app, two, switch=True).name == "Two"
        assert gyazo.me().name == "Two"


def test_the_account_of_the_environment_is_not_replaced_without_switching(
    two_accounts, monkeypatch
):
    """The token in GYAZO_ACCESS_TOKEN signs in an account, too."""
    server, app = two_accounts
    one, two = server.sandbox.accounts
    monkeypatch.setenv("GYAZO_ACCESS_TOKEN", server.sandbox.new_token(account=one))
    with Gyazo(auth_url=server.url, api_url=server.url, upload_url=server.url) as gyazo:
        with pytest.raises(OtherAccountError):
            sign_in(gyazo, server, app, two)

        assert gyazo.me().name == "One"


def test_two_accounts_without_a_name_are_not_the_same(two_accounts):
    """Users without an id cannot be compared, so the second one is refused."""
    server, app = two_accounts
    one, two = server.sandbox.accounts
    with Gyazo(auth_url=server.url, api_url=server.url, upload_url=server.url) as gyazo:
        server.sandbox.faults += [Fault(status=403, path="/api/users/me", times=2)]
        sign_in(gyazo, server, app, one)
        with pytest.raises(OtherAccountError):
            sign_in(gyazo, server, app, two)


def test_a_token_in_use_is_not_sent_as_a_code(gyazo, app, server):
    """A token that the user pastes by mistake is not sent."""
    with pytest.raises(PasteError, match="access token"):
        gyazo.login(app).finish(gyazo.account.token)

    assert request_count(server) == 0


def test_a_new_paste_is_checked_even_if_a_token_exists(signed_out, app, user, server, monkeypatch):
    """After ten minutes only the request for the user may be repeated; another address is refused."""
    login = signed_out.login(app)
    address = user.authorize(login.url)
    server.sandbox.faults.append(Fault(status=500, path="/api/users/me"))
    with pytest.raises(ServerError):
        login.finish(address)
    now = time.time
    monkeypatch.setattr(time, "time", lambda: now() + 3600)

    with pytest.raises(ExpiredError):
        login.finish(address)


@pytest.mark.parametrize(
    ("fault", "words"),
    [
        (Fault(status=404, body="<html>"), "GYAZO_AUTH_URL"),
        (Fault(status=403, body=""), "GYAZO_AUTH_URL"),
        (Fault(status=401, body=""), "GYAZO_AUTH_URL"),
        (Fault(status=200, body={"error": "invalid_grant"}), "Open the link again"),
        (Fault(status=400, body={"error": "invalid_scope"}), "invalid_scope"),
    ],
)
def test_errors_of_the_token_endpoint_name_the_next_step(
    signed_out, app, user, server, fault, words
):
    """A 404 is a wrong address, not a missing image. An error with status 200 is an error."""
    login = signed_out.login(app)
    fault = dataclasses.replace(fault, path="/oauth/token")
    server.sandbox.faults.append(fault)

    with pytest.raises(TokenRequestError, match=words):
        login.finish(user.authorize(login.url))


def test_no_secret_of_a_sign_in_is_shown(signed_out, app, user, server, caplog):
    """Code, state, verifier, client secret and token are in no repr, and in no log at DEBUG."""
    caplog.set_level(logging.DEBUG)
    login = signed_out.login(app)
    attempt = login._authorization
    address = user.authorize(login.url)
    caplog.clear()  # of the requests of the browser
    secrets = [attempt.state.reveal(), attempt.verifier.reveal(), code_of(address)]
    shown = [repr(login), repr(vars(login)), repr(attempt)]
    login.finish(address)
    secrets += [app.secret.reveal(), signed_out.account.token.reveal()]
    shown += [repr(login), repr(vars(login)), repr(signed_out), caplog.text]

    assert "/oauth/token" in caplog.text
    assert not [(s, text) for s in secrets for text in shown if s in text]


def test_the_browser_user_of_the_tests_ends_on_the_redirect_uri(signed_out, app, server):
    """Its address has the code first, then the state."""
    login = signed_out.login(app)

    address = BrowserUser(server.url).authorize(login.url)

    assert address.startswith(f"{app.redirect_uri}?code=")
    assert "&state=" in address


def test_after_a_revoked_token_the_environment_is_used_only_after_sign_out(
    two_accounts, monkeypatch
):
    """Otherwise the next upload would go to the account of the environment."""
    server, app = two_accounts
    one, two = server.sandbox.accounts
    monkeypatch.setenv("GYAZO_ACCESS_TOKEN", server.sandbox.new_token(account=one))
    with Gyazo(auth_url=server.url, api_url=server.url, upload_url=server.url) as gyazo:
        sign_in(gyazo, server, app, two, switch=True)
        server.sandbox.revoke(gyazo.account.token.reveal())
        with pytest.raises(UnauthorizedError):
            gyazo.me()
        with pytest.raises(NotLoggedInError, match="deleted or revoked"):
            gyazo.me()

        gyazo.logout()
        assert gyazo.me().name == "One"


def test_a_cancel_during_the_comparison_of_two_accounts_prevents_the_sign_in():
    """%gyazo_logout cancels while the sign-in requests the user of the token in the environment."""
    tokens = []

    def reply(_, path):
        if path == "/oauth/token":
            return 200, {}, {"access_token": "new", "token_type": "Bearer"}
        tokens.append(received[-1][2]["Authorization"])
        if tokens[-1] == "Bearer old":
            login.cancel()
            gyazo.logout()
        return 200, {}, {"user": {"uid": "1", "name": "One"}}

    with (
        scripted_server(reply) as (url, received),
        Gyazo("old", auth_url=url, api_url=url, upload_url=url) as gyazo,
    ):
        login = gyazo.login(App("id", "secret", "http://127.0.0.1:8765/callback"))
        with pytest.raises(ExpiredError, match="closed"):
            login.finish("code=abc")

        assert tokens == ["Bearer new", "Bearer old"]
        assert gyazo.account is None


def test_a_cancelled_attempt_does_not_sign_in(signed_out, app, user, server):
    """Also if it is cancelled during a request, as %unload_ext does."""
    login = signed_out.login(app)
    address = user.authorize(login.url)
    server.sandbox.faults.append(Fault(status=None, delay=0.3, path="/api/users/me"))

    def cancel():
        while server.sandbox.faults:
            time.sleep(0.001)
        login.cancel()

    thread = threading.Thread(target=cancel)
    thread.start()

    with pytest.raises(ExpiredError, match="closed"):
        login.finish(address)

    thread.join()
    assert signed_out.account is None
