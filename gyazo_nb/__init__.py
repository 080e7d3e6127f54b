"""Sign in to Gyazo from a notebook, and share the pictures you see there.

    %load_ext gyazo_nb
    %gyazo_login
    gyazo.upload(fig, title="Loss curve")

The modules, in the order in which they build on each other:

    1 words              errors secret site · later (what is loaded at its first use)
    2 values             operation (a request and how to read its reply) · patience (when to ask again) ·
                         fields models user links (what Gyazo sends back) · cards pages (its looks) ·
                         picture drawing figures pillow pixels (whatever a notebook shows, as a file)
    3 questions          paste oauth (signing in) · arguments api (one function an endpoint) · anything (the rest)
    4 the outside world  environment (GYAZO_…) · wire clients transport fetch (they alone know httpx) ·
                         loopback (catches the redirect) · stores profiles (saved tokens)
    5 in the hand        identity (who is signed in) · login (one attempt) · connection · book listing ·
                         sign_in, looking and session (`Gyazo`)
                         many at once: pool progress stop journal report · waiting supply ·
                         batch · uploads
    6 the notebook       config (traits) · kernel (what the place can do) · logs completion ·
                         panel (the widget) · prompt · keys (tokens that are there) · words capture sharing
    7 all together       doors (which way of signing in) · magics
    sandbox/             a pretend Gyazo on this machine; imports none of the others
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

from .errors import (
    ArgumentError,
    BatchError,
    BatchInterruptedError,
    ConfigError,
    ConnectionFailedError,
    DeniedError,
    ExpiredError,
    ForbiddenError,
    GyazoError,
    InvalidClientError,
    InvalidGrantError,
    InvalidRequestError,
    JournalError,
    NotFoundError,
    NotLoggedInError,
    OtherAccountError,
    PasteError,
    PictureError,
    PlanError,
    PromptError,
    ResponseError,
    ServerError,
    StoppedError,
    StoreError,
    StoreLateError,
    TokenRequestError,
    TooManyRequestsError,
    UnauthorizedError,
    UnreadableReplyError,
    WaitInterruptedError,
)
from .identity import Account
from .secret import Secret
from .session import Gyazo
from .site import App, Site

if TYPE_CHECKING:
    from IPython.core.interactiveshell import InteractiveShell

    from .fields import Annotation, Location, Metadata, Ocr
    from .links import EasyUpload, Embed
    from .listing import AsyncImages, Images
    from .login import Login
    from .models import Deleted, Image, Page
    from .patience import Retry, Timeouts
    from .report import Failure, Report
    from .user import User

__version__ = "0.1.0"

__all__ = [
    "Account",
    "Annotation",
    "App",
    "ArgumentError",
    "AsyncImages",
    "BatchError",
    "BatchInterruptedError",
    "ConfigError",
    "ConnectionFailedError",
    "Deleted",
    "DeniedError",
    "EasyUpload",
    "Embed",
    "ExpiredError",
    "Failure",
    "ForbiddenError",
    "Gyazo",
    "GyazoError",
    "Image",
    "Images",
    "InvalidClientError",
    "InvalidGrantError",
    "InvalidRequestError",
    "JournalError",
    "Location",
    "Login",
    "Metadata",
    "NotFoundError",
    "NotLoggedInError",
    "Ocr",
    "OtherAccountError",
    "Page",
    "PasteError",
    "PictureError",
    "PlanError",
    "PromptError",
    "Report",
    "ResponseError",
    "Retry",
    "Secret",
    "ServerError",
    "Site",
    "StoppedError",
    "StoreError",
    "StoreLateError",
    "Timeouts",
    "TokenRequestError",
    "TooManyRequestsError",
    "UnauthorizedError",
    "UnreadableReplyError",
    "User",
    "WaitInterruptedError",
    "load_ipython_extension",
    "unload_ipython_extension",
]


# What calls give, and where it is: loaded with the first call, see `later`.
_LATER = {
    "fields": ("Annotation", "Location", "Metadata", "Ocr"),
    "links": ("EasyUpload", "Embed"),
    "listing": ("AsyncImages", "Images"),
    "login": ("Login",),
    "models": ("Deleted", "Image", "Page"),
    "patience": ("Retry", "Timeouts"),
    "report": ("Failure", "Report"),
    "user": ("User",),
}


def __getattr__(name: str) -> object:
    for module, names in _LATER.items():
        if name in names:
            return getattr(import_module(f".{module}", __name__), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})


def load_ipython_extension(shell: InteractiveShell) -> None:
    """Register the magics and put one `Gyazo` into the namespace: `%load_ext gyazo_nb`."""
    from . import magics  # noqa: PLC0415 -- `import gyazo_nb` in a script needs no IPython

    magics.load(shell)


def unload_ipython_extension(shell: InteractiveShell) -> None:
    """Take everything back and forget the token: `%unload_ext gyazo_nb`."""
    from . import magics  # noqa: PLC0415 -- as above

    magics.unload(shell)
