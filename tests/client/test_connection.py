"""The connection sends as the current account, and replaces it only where the caller asks for it."""

import threading
import time

import pytest

from gyazo_nb import Account, OtherAccountError, Secret, User
from gyazo_nb.api import endpoints
from gyazo_nb.client.connection import Connection
from gyazo_nb.sandbox import Fault
from gyazo_nb.settings import Settings


@pytest.fixture
def connection(urls):
    connection = Connection(Settings(urls.get))
    yield connection
    connection.close()


def account(connection, name, token=None):
    user = User(uid=name, name=name, email="") if name else None
    return Account(Secret(token or f"token-of-{name}"), connection.settings.site(), user, "a test")


def test_the_same_user_may_sign_in_again(connection):
    """With another token, as after a second sign-in."""
    connection.sign_in(account(connection, "A"), switch=False)

    connection.sign_in(account(connection, "A", "another"), switch=False)

    assert connection.known_token() == Secret("another")


def test_an_account_that_signed_in_during_the_check_is_not_replaced(
    connection, server, monkeypatch
):
    """Asking for the user of the environment's token takes time; the sign-in of that time counts."""
    monkeypatch.setenv("GYAZO_ACCESS_TOKEN", server.sandbox.new_token())
    user = connection.send_once(endpoints.me(*connection.signed_in()))
    server.sandbox.faults.append(Fault(path="/api/users/me", delay=0.5))
    errors = []

    def sign_in():
        try:
            connection.sign_in(account(connection, user.uid), switch=False)
        except OtherAccountError as error:
            errors.append(str(error))

    thread = threading.Thread(target=sign_in)
    thread.start()
    while server.sandbox.faults:
        time.sleep(0.01)
    connection.current.sign_in(account(connection, "A"))
    thread.join()

    assert connection.current.account.user.name == "A"
    (message,) = errors
    assert message.startswith(f"This is {user.uid}, but A is signed in: add --switch")
