"""Fixtures for the tests of the HTTP package."""

import ssl

import pytest
import trustme
from support.helpers import PNG

from gyazo_nb import Gyazo, Retry
from gyazo_nb.http.failures import OTHER_CERTIFICATES
from gyazo_nb.http.proxies import VARIABLES


@pytest.fixture
def gyazo(server, urls):
    """A session with a token, and short delays between attempts."""
    with Gyazo(server.sandbox.new_token(), **urls, retries=Retry(first=0.001)) as gyazo:
        yield gyazo


@pytest.fixture(params=["header", "parameter"])
def token_in(request):
    return request.param


@pytest.fixture
def session(server, urls, token_in):
    """A session that sends the token in each of the two ways."""
    with Gyazo(server.sandbox.new_token(), **urls, token_in=token_in) as session:
        yield session


@pytest.fixture
def make_every_call(call, session):
    """A function that makes each call that carries the token."""

    def make_every_call():
        image = call(session, "upload", PNG, title="loss")
        call(session, "me")
        call(session, "images", page=1)
        call(session, "image", image.image_id)
        call(session, "search", "loss & more=1")
        call(session, "update", image, desc="d")
        call(session, "request", "GET", "/api/images", params={"page": 1})
        call(session, "request", "PATCH", f"/api/images/{image.image_id}", form={"desc": "f"})
        call(session, "delete", image)

    return make_every_call


@pytest.fixture(scope="session")
def authority():
    """A certificate authority that no machine trusts."""
    return trustme.CA()


@pytest.fixture(scope="session")
def server_tls(authority):
    """The TLS settings of a server with a certificate for 127.0.0.1, gyazo.test and other.test."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1", "gyazo.test", "other.test").configure_cert(context)
    return context


@pytest.fixture(scope="session")
def authority_file(authority, tmp_path_factory):
    """The file to name in SSL_CERT_FILE."""
    path = tmp_path_factory.mktemp("certificates") / "authority.pem"
    authority.cert_pem.write_to_path(path)
    return str(path)


@pytest.fixture(autouse=True)
def _no_network_settings(monkeypatch):
    """Remove the proxies and the certificates of this machine."""
    for name in (*VARIABLES, *OTHER_CERTIFICATES, "SSL_CERT_FILE", "SSL_CERT_DIR"):
        monkeypatch.delenv(name, raising=False)
