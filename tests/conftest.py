"""The fixtures of all tests: a sandbox, a user with a browser, and sessions, blocking and async."""

import asyncio
import atexit
import inspect
import os
import sys
import types

import pytest
from IPython.core.interactiveshell import InteractiveShell
from support.helpers import BrowserUser

from gyazo_nb import App, Gyazo
from gyazo_nb.sandbox import Sandbox, serve


@pytest.fixture(autouse=True)
def _no_settings(monkeypatch):
    """Remove the settings of this machine."""
    for name in list(os.environ):
        if name.startswith("GYAZO_"):
            monkeypatch.delenv(name)


@pytest.fixture
def server():
    with serve(Sandbox()) as server:
        yield server


@pytest.fixture
def user(server):
    return BrowserUser(server.url)


@pytest.fixture
def app(server):
    names = ("GYAZO_CLIENT_ID", "GYAZO_CLIENT_SECRET", "GYAZO_REDIRECT_URI")
    return App(*(server.variables[name] for name in names))


@pytest.fixture
def urls(server):
    return dict.fromkeys(("auth_url", "api_url", "upload_url"), server.url)


@pytest.fixture
def signed_out(urls):
    """A session without a token."""
    with Gyazo(**urls) as gyazo:
        yield gyazo


@pytest.fixture
def gyazo(server, urls):
    """A session with a token."""
    with Gyazo(server.sandbox.new_token(), **urls) as gyazo:
        yield gyazo


@pytest.fixture
def shell(tmp_path, monkeypatch):
    """An IPython shell without a kernel, in which the extension is not loaded."""
    monkeypatch.setenv("IPYTHONDIR", str(tmp_path))
    InteractiveShell.clear_instance()
    shell = InteractiveShell.instance()
    shell.history_manager.enabled = False
    shell.run_line_magic("unload_ext", "gyazo_nb")  # also makes IPython load its default extensions
    yield shell
    shell.run_line_magic("unload_ext", "gyazo_nb")
    shell.history_manager.end_session()
    # At the exit it would collect the garbage of all tests, once for each shell: minutes in all.
    atexit.unregister(shell.atexit_operations)
    InteractiveShell.clear_instance()


@pytest.fixture
def keyring(monkeypatch):
    """A keyring in memory that replaces the package `keyring`: a test machine has no real one."""
    passwords = {}

    class Backend:
        pass

    module = types.ModuleType("keyring")
    module.backend = Backend()
    module.get_keyring = lambda: module.backend
    module.get_password = lambda service, name: passwords.get((service, name))
    module.set_password = lambda service, name, text: passwords.__setitem__((service, name), text)
    module.delete_password = lambda service, name: passwords.pop((service, name))
    module.passwords = passwords
    monkeypatch.setitem(sys.modules, "keyring", module)
    return module


@pytest.fixture(params=["blocking", "async"])
def call(request):
    """Call a method of a session by its blocking name: the method itself, or its async version."""
    if request.param == "blocking":
        yield lambda session, name, *args, **kwargs: getattr(session, name)(*args, **kwargs)
        return
    with asyncio.Runner() as runner:

        def call_async(session, name, *args, **kwargs):
            method = getattr(session, f"a{name}")

            async def wait():
                awaitable = method(*args, **kwargs)
                assert inspect.isawaitable(awaitable)
                return await awaitable

            return runner.run(wait())

        yield call_async  # the session stays open: the end of the loop closes its connections
