"""Sign in to Gyazo from a notebook, and share the pictures that you see there.

    %load_ext gyazo_nb
    %gyazo_login
    gyazo.upload(fig, title="Loss curve")

`Gyazo` is the session that signs in and uploads, also in a script. CONTRIBUTING.md has a map of the packages.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

from .api.image import Deleted, Image, Page
from .api.models import Annotation, EasyUpload, Embed, Location, Metadata, Ocr, User
from .api.retry import Retry, Timeouts
from .client.gyazo import Gyazo
from .client.image_list import AsyncImages, Images
from .errors import (
    AccessPolicyWarning,
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
from .secret import Secret
from .settings import App, Site

if TYPE_CHECKING:
    from IPython.core.interactiveshell import InteractiveShell

    from .auth.account import Account
    from .auth.login import Login
    from .batch.report import Failure, Report
    from .client.publication import Published

__version__ = "0.1.0"

__all__ = [
    "AccessPolicyWarning",
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
    "Published",
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


# Classes that calls take and return. They are imported at the first use, so that %load_ext is fast.
_IMPORTED_LATER = {
    "Account": "auth.account",
    "Failure": "batch.report",
    "Login": "auth.login",
    "Published": "client.publication",
    "Report": "batch.report",
}


def __getattr__(name: str) -> object:
    if name in _IMPORTED_LATER:
        return getattr(import_module(f".{_IMPORTED_LATER[name]}", __name__), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})


def load_ipython_extension(shell: InteractiveShell) -> None:
    """Register the magics, and add a `Gyazo` session to the namespace: `%load_ext gyazo_nb`."""
    from .notebook import magics  # noqa: PLC0415 -- a script that uses `Gyazo` needs no IPython

    magics.load(shell)


def unload_ipython_extension(shell: InteractiveShell) -> None:
    """Remove everything that loading added, and forget the token: `%unload_ext gyazo_nb`."""
    from .notebook import magics  # noqa: PLC0415 -- as above

    magics.unload(shell)
