"""The fixtures of all tests: a sandbox, a user with a browser, and sessions, blocking and async."""

import asyncio
import atexit
import gc
import inspect
import os
import threading
from collections import Counter

import pytest
from IPython.core.interactiveshell import InteractiveShell
from keyring import set_keyring as set_keyring_backend
from keyring.backends.SecretService import Keyring as SecretServiceKeyring
from support.helpers import BrowserUser, skip_missing
from support.keyrings import GnomeKeyring, missing_programs

from gyazo_nb import App, Gyazo
from gyazo_nb.sandbox import Sandbox, serve


def pytest_collection_modifyitems(items):
    """Run the slow files first, so that the processes of `make test` end at about the same time."""
    slow = Counter(item.path for item in items if item.get_closest_marker("slow"))
    items.sort(key=lambda item: ("integration" not in item.path.parts, -slow[item.path]))


@pytest.hookimpl(optionalhook=True)
def pytest_handlecrashitem(crashitem):
    """End the run if one of its processes ends.

    pytest-xdist would leave out the remaining tests of that process, and `make` would repeat only the failed one.
    """
    pytest.exit(f"{crashitem} ended its process, so further tests did not run.", returncode=3)


def pytest_collection_finish():
    """Let the garbage collector skip the objects of all modules and tests: many tests collect garbage."""
    gc.collect()
    gc.freeze()


@pytest.fixture(scope="session", autouse=True)
def _matplotlib_cache(tmp_path_factory):
    """One cache of fonts for all kernels: without it, each spends two seconds on its own."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MPLCONFIGDIR", str(tmp_path_factory.getbasetemp().parent / "matplotlib"))
        yield


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


@pytest.fixture(scope="module")
def service(tmp_path_factory):
    """The Gyazo service of a hub. The browser may reach it much earlier than the kernel."""
    from support import hub_service  # noqa: PLC0415 -- most tests need no JupyterHub

    with hub_service.StandInHub() as stand_in:
        limits = hub_service.Limits(unknown_state=10)
        service = hub_service.RunningService(stand_in, tmp_path_factory.mktemp("service"), limits)
        yield service
        service.close()


@pytest.fixture
def server_of_a_user(service, monkeypatch):
    """The environment of alice's server on the hub. It has no client secret."""
    monkeypatch.setenv("GYAZO_HUB_SERVICE", service.url)
    monkeypatch.setenv("JUPYTERHUB_API_TOKEN", "alice-kernel")
    for name in ("AUTH", "API", "UPLOAD"):
        monkeypatch.setenv(f"GYAZO_{name}_URL", service.gyazo.url)


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
    history = shell.history_manager
    history.end_session()
    if history.save_thread is not None:  # it lives as long as the process, with two open files
        history.save_thread.stop()
    history.db.close()
    # At the exit it would collect the garbage of all tests, once for each shell: minutes in all.
    atexit.unregister(shell.atexit_operations)
    InteractiveShell.clear_instance()


@pytest.fixture
def set_keyring(monkeypatch):
    """Return the function that sets the keyring of the package `keyring`, for one test."""
    monkeypatch.setattr("keyring.core._keyring_backend", None)
    return set_keyring_backend


@pytest.fixture(scope="session")
def gnome_keyring(tmp_path_factory):
    """GNOME's keyring in its own D-Bus session."""
    if missing := missing_programs():
        skip_missing(f"{' and '.join(missing)} not found: apt-get install gnome-keyring dbus")
    keyring = GnomeKeyring(tmp_path_factory.mktemp("keyring"))
    yield keyring
    keyring.close()


@pytest.fixture
def keyring(gnome_keyring, set_keyring, monkeypatch):
    """GNOME's keyring as the keyring of this process: empty, unlocked and running at first."""
    monkeypatch.setenv("DBUS_SESSION_BUS_ADDRESS", gnome_keyring.address)
    set_keyring(SecretServiceKeyring())
    yield gnome_keyring
    gnome_keyring.resume()
    for thread in threading.enumerate():
        # A call that was interrupted can still save a token.
        if thread.name == "gyazo_nb keyring" and thread.is_alive():
            thread.join(10)
    gnome_keyring.unlock()
    gnome_keyring.remove_all()


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
