"""The fixtures that every test may ask for: a sandbox, a person at its pages, sessions in two colours."""

import asyncio
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
    """No setting of the machine reaches a test."""
    for name in list(os.environ):
        if name.startswith("GYAZO_"):
            monkeypatch.delenv(name)


@pytest.fixture
def server():
    with serve(Sandbox()) as running:
        yield running


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
    """A session in which nobody is signed in."""
    with Gyazo(**urls) as gyazo:
        yield gyazo


@pytest.fixture
def gyazo(server, urls):
    """A session with a token."""
    with Gyazo(server.sandbox.new_token(), **urls) as gyazo:
        yield gyazo


@pytest.fixture
def shell(tmp_path, monkeypatch):
    monkeypatch.setenv("IPYTHONDIR", str(tmp_path))
    InteractiveShell.clear_instance()
    shell = InteractiveShell.instance()
    shell.history_manager.enabled = False
    shell.run_line_magic("unload_ext", "gyazo_nb")  # makes IPython load what it loads by itself
    yield shell
    shell.run_line_magic("unload_ext", "gyazo_nb")
    shell.history_manager.end_session()
    InteractiveShell.clear_instance()


@pytest.fixture
def keyring(monkeypatch):
    """A keyring in memory, in the place of the package's: a machine in a test has none."""
    kept = {}

    class Backend:
        pass

    module = types.ModuleType("keyring")
    module.backend = Backend()
    module.get_keyring = lambda: module.backend
    module.get_password = lambda service, name: kept.get((service, name))
    module.set_password = lambda service, name, text: kept.__setitem__((service, name), text)
    module.delete_password = lambda service, name: kept.pop((service, name))
    module.kept = kept
    monkeypatch.setitem(sys.modules, "keyring", module)
    return module


@pytest.fixture(params=["blocking", "async"])
def call(request):
    """Call a method of a session by its blocking name, in both colours."""
    if request.param == "blocking":
        yield lambda session, name, *args, **kwargs: getattr(session, name)(*args, **kwargs)
        return
    with asyncio.Runner() as runner:

        def awaited(session, name, *args, **kwargs):
            twin = getattr(session, f"a{name}")

            async def wait():
                awaitable = twin(*args, **kwargs)
                assert inspect.isawaitable(awaitable)
                return await awaitable

            return runner.run(wait())

        yield awaited  # nothing is closed here: the end of a loop closes its connections
