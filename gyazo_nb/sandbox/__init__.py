"""A local Gyazo look-alike: try and test a client without an account and without a network.

Guarantees: it shares no code with the client that it tests. It listens on 127.0.0.1 only.

    with serve(Sandbox()) as server:
        server.url        # "http://127.0.0.1:54321"
        server.variables  # the environment variables that a client needs

The modules:

    accounts       accounts and registered applications
    state          `Sandbox`: codes, tokens, images, recorded requests, faults
    image_store    the stored images, and how their type and size are read
    faults         errors, delays and broken connections that a test adds
    http_messages  reads parameters and tokens from requests, builds replies
    oauth          the authorization server
    api            the endpoints that list, change and search images
    uploads        the two endpoints that receive images
    pages          the HTML pages
    server         runs all of this in a thread; the middleware that applies the faults
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from .accounts import Account, Application
from .faults import Fault
from .image_store import Image
from .state import RecordedRequest, Sandbox

if TYPE_CHECKING:
    from .server import Server, serve

# The earlier name of the class.
Asked = RecordedRequest

__all__ = [
    "Account",
    "Application",
    "Asked",
    "Fault",
    "Image",
    "RecordedRequest",
    "Sandbox",
    "Server",
    "serve",
]


def __getattr__(name: str) -> object:
    """Import the server on first use, or say which packages it needs."""
    if name not in {"Server", "serve"}:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    try:
        # A late import, so that `python -m gyazo_nb.sandbox` can report a missing package.
        from . import server  # noqa: PLC0415
    except ModuleNotFoundError as error:
        raise ImportError(
            'The sandbox needs three more packages: run  pip install "gyazo-nb[sandbox]"  first.',
            name=error.name,
        ) from error
    return getattr(server, name)
