"""The service with a small stand-in for the hub: real sockets, no JupyterHub."""

import base64
import hashlib
import logging
import secrets
from concurrent.futures import ThreadPoolExecutor
from functools import cached_property
from io import StringIO
from urllib.parse import urlencode

import httpx
import pytest
from support.helpers import BrowserUser
from support.hub_service import Limits, RunningService, StandInHub

from gyazo_nb.hub import log


@pytest.fixture(scope="session")
def stand_in_hub():
    with StandInHub() as hub:
        yield hub


@pytest.fixture(scope="session")
def service(stand_in_hub, tmp_path_factory):
    """A service that all tests share."""
    service = RunningService(stand_in_hub, tmp_path_factory.mktemp("service"))
    yield service
    service.close()


@pytest.fixture
def own_service(stand_in_hub, tmp_path, monkeypatch):
    """A service of one test, which can stop it or change its files."""
    monkeypatch.setattr("gyazo_nb.hub.service.STOP_TIMEOUT", 0.05)
    service = RunningService(stand_in_hub, tmp_path, Limits(unknown_state=30))
    yield service
    service.close()


@pytest.fixture
def service_log(service):
    """The log of the service and of its libraries, at DEBUG."""
    text = StringIO()
    handler = logging.StreamHandler(text)
    # The clients of the tests run in this process, too.
    handler.addFilter(lambda record: not record.name.startswith(("httpx", "httpcore")))
    root = logging.getLogger()
    level = root.level
    log.start(logging.DEBUG)
    root.addHandler(handler)
    root.setLevel(logging.DEBUG)
    yield text
    root.removeHandler(handler)
    root.setLevel(level)


class Kernel:
    """A kernel of a user of the hub, request by request."""

    def __init__(self, service, token):
        self.service, self.user = service, token.partition("-")[0]
        headers = {"Authorization": f"token {token}"}
        url = f"{service.url}/api/"
        self.client = httpx.Client(base_url=url, headers=headers, timeout=20, verify=False)
        self.pool = ThreadPoolExecutor(64)

    @cached_property
    def application(self):
        return self.client.get("application").raise_for_status().json()

    def begin(self):
        """Make a sign-in for the application of the service."""
        return SignIn(self.application)

    def wait(self, sign_in, seen="", seconds=10):
        """Wait for the redirect in a thread."""
        form = {"state_hash": sign_in.state_hash, "seen": seen, "seconds": seconds}
        return self.pool.submit(self.client.post, "code", data=form)

    def exchange(self, code, verifier, **more):
        return self.client.post("token", data={"code": code, "code_verifier": verifier, **more})

    def close(self):
        self.pool.shutdown(cancel_futures=True)
        self.client.close()


class SignIn:
    """One attempt to sign in, as a kernel makes it."""

    def __init__(self, application):
        self.state, self.verifier = secrets.token_urlsafe(32), secrets.token_urlsafe(32)
        self.state_hash = hashlib.sha256(self.state.encode()).hexdigest()
        digest = hashlib.sha256(self.verifier.encode()).digest()
        query = {
            "client_id": application["client_id"],
            "redirect_uri": application["redirect_uri"],
            "response_type": "code",
            "state": self.state,
            "code_challenge": base64.urlsafe_b64encode(digest).rstrip(b"=").decode(),
            "code_challenge_method": "S256",
        }
        self.link = f"{application['auth_url']}/oauth/authorize?{urlencode(query)}"
        self.gyazo = application["auth_url"]

    def redirect(self, button="Allow"):
        """Allow access at Gyazo. Returns the address to which the browser is sent."""
        return BrowserUser(self.gyazo).authorize(self.link, button)


@pytest.fixture
def new_kernel():
    """Make the kernel of a user at a service."""
    kernels = []

    def new_kernel(service, token):
        kernels.append(Kernel(service, token))
        return kernels[-1]

    yield new_kernel
    for one in kernels:
        one.close()


@pytest.fixture
def kernel(service, new_kernel):
    return lambda token: new_kernel(service, token)


@pytest.fixture
def browser(service):
    """A browser that is signed in to the hub as a user."""
    browsers = []

    def browser(user):
        browsers.append(service.browser(user))
        return browsers[-1]

    yield browser
    for one in browsers:
        one.close()
