"""Real hubs, one of each version, which all tests of this folder share."""

import pytest
from support.helpers import skip_missing
from support.jupyterhub_driver import ACCOUNTS, USERS, JupyterHub, KernelSide, missing_part

from gyazo_nb.sandbox import Application, Sandbox, serve

# The installed version starts the service itself; the older one has it as a process of its own.
HUBS = {"newest": "jupyterhub_config.py", "5.5.4": "jupyterhub_config_own_process.py"}


def pytest_collection_modifyitems(items):
    for item in items:
        if "hub" in item.path.parts:
            item.add_marker(pytest.mark.hub)


def start_hub(folder, example, version=None):
    if reason := missing_part(version):
        skip_missing(reason)
    hub = JupyterHub(folder, example, version)
    # Registered for the service, and for the sign-in to the hub itself.
    uris = (hub.redirect_uri, f"{hub.url}/hub/oauth_callback")
    sandbox = serve(Sandbox([Application(redirect_uris=uris)], ACCOUNTS.values()))
    try:
        hub.configure(sandbox)
        hub.start()
        yield hub
    finally:
        hub.stop()
        sandbox.close()


@pytest.fixture(scope="session", params=HUBS)
def hub(request, tmp_path_factory):
    """A hub whose users alice and bob have a server."""
    version = None if request.param == "newest" else request.param
    for hub in start_hub(tmp_path_factory.mktemp("hub"), HUBS[request.param], version):
        hub.start_servers(*USERS)
        yield hub


@pytest.fixture(scope="module")
def gyazo_login_hub(tmp_path_factory):
    """A hub to which its users sign in with Gyazo."""
    yield from start_hub(tmp_path_factory.mktemp("hub"), "jupyterhub_config_gyazo_login.py")


@pytest.fixture
def kernel_side(hub):
    """The requests of a user's kernel to the service, with the token of the server."""
    opened = []

    def kernel_side(name):
        opened.append(KernelSide(hub, hub.server_token(name)))
        return opened[-1]

    yield kernel_side
    for one in opened:
        one.close()


@pytest.fixture
def browser(hub):
    """A browser in which a user has signed in to the hub."""
    opened = []

    def browser(user):
        opened.append(hub.sign_in(user))
        return opened[-1]

    yield browser
    for one in opened:
        one.close()


@pytest.fixture
def kernel(hub):
    """A real kernel on the server of a user."""
    opened = []

    def kernel(name):
        opened.append(hub.start_kernel(name))
        return opened[-1]

    yield kernel
    for one in opened:
        one.close()
