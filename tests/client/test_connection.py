"""`Connection` sends as the current account, and replaces it only where the caller asks for that."""

import asyncio
import io
import threading
import time

import pytest
from IPython.display import SVG
from support.helpers import PNG

from gyazo_nb import Account, OtherAccountError, Retry, Secret, Timeouts, User
from gyazo_nb.api import endpoints
from gyazo_nb.client.connection import Connection
from gyazo_nb.sandbox import Fault
from gyazo_nb.settings import Settings


@pytest.fixture
def connection(urls):
    connection = Connection(Settings(urls.get), Timeouts(), Retry())
    yield connection
    connection.close()


def account(connection, name, token=None):
    user = User(uid=name, name=name, email="")
    return Account(Secret(token or f"token-of-{name}"), connection.settings.site(), user, "a test")


def test_same_user_may_sign_in_again(connection):
    """A second sign-in returns another token."""
    connection.sign_in(account(connection, "A"), switch=False)

    connection.sign_in(account(connection, "A", "another"), switch=False)

    assert connection.known_token() == Secret("another")


def test_another_user_replaces_the_account_only_with_switch(connection):
    """The error names both."""
    connection.sign_in(account(connection, "A"), switch=False)

    with pytest.raises(OtherAccountError, match="This is B, but A is signed in: add --switch"):
        connection.sign_in(account(connection, "B"), switch=False)
    assert connection.known_user().name == "A"

    connection.sign_in(account(connection, "B"), switch=True)
    assert connection.known_user().name == "B"


@pytest.mark.slow
def test_account_that_signs_in_during_the_check_is_not_replaced(connection, server, monkeypatch):
    """To compare, the connection asks for the user of the environment's token, which takes time."""
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


def test_threads_share_one_transport(connection):
    """The first call creates it, also if 16 threads make the first call at the same time."""
    transports = []
    start = threading.Barrier(16)

    def work():
        start.wait()
        transports.append(connection.transport)

    threads = [threading.Thread(target=work) for _ in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert len(transports) == 16
    assert len(set(map(id, transports))) == 1


@pytest.mark.parametrize("kind", ["bytes", "path", "file", "SVG"])
def test_event_loop_runs_while_a_file_is_converted(connection, tmp_path, kind):
    """Rendering an SVG takes long."""
    svg = '<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"><circle r="4"/></svg>'
    (tmp_path / "a.svg").write_text(svg)
    picture = {
        "bytes": svg.encode(),
        "path": tmp_path / "a.svg",
        "file": io.BytesIO(svg.encode()),
        "SVG": SVG(svg),
    }[kind]

    async def convert():
        steps = 0
        task = asyncio.create_task(connection.afile_part(picture))
        while not task.done():
            steps += 1
            await asyncio.sleep(0)
        return await task, steps

    part, steps = asyncio.run(convert())

    assert part.content_type == "image/png"
    assert steps > 2  # in the thread of the loop it takes two steps


def test_object_that_may_belong_to_a_thread_is_rendered_in_the_thread_of_the_caller(connection):
    """Such as a figure of Matplotlib."""
    threads = []

    class Figure:
        def _repr_png_(self):
            threads.append(threading.current_thread())
            return PNG

    asyncio.run(connection.afile_part(Figure()))

    assert threads == [threading.main_thread()]
