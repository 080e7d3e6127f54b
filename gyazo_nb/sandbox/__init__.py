"""A pretend Gyazo on your own machine: no account, no network, every answer of the real one.

The law: it imports nothing of the client that it checks, and it listens on 127.0.0.1 alone.

    with serve(Sandbox()) as server:
        server.url        # "http://127.0.0.1:54321"
        server.variables  # what a client has to be told

`faults` orders trouble · `state` remembers · `album` keeps pictures · `oauth` grants · `api` and
`uploads` answer · `pages` is what a person sees · `door` counts and breaks · `server` listens.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from .album import Image
from .faults import Fault
from .people import Account, Application
from .state import Asked, Sandbox

if TYPE_CHECKING:
    from .server import Server, serve

__all__ = [
    "Account",
    "Application",
    "Asked",
    "Fault",
    "Image",
    "Sandbox",
    "Server",
    "serve",
]


def __getattr__(name: str) -> object:
    """Load the server when it is first asked for, or say what to install for it."""
    if name not in {"Server", "serve"}:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    try:
        # Here and not above, so that `python -m gyazo_nb.sandbox` can answer in one sentence.
        from . import server  # noqa: PLC0415
    except ModuleNotFoundError as error:
        raise ImportError(
            'The sandbox needs three more packages: pip install "gyazo-nb[sandbox]"',
            name=error.name,
        ) from error
    return getattr(server, name)
