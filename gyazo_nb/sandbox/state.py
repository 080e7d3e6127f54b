"""`Sandbox`: the state of the sandbox, from registered applications to recorded requests.

Guarantees: this module knows no HTTP, and its only clock is the one passed to `Sandbox`. The server
runs in its own thread while a test reads the state, so one lock protects every change.
"""

from __future__ import annotations

import secrets
import threading
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Literal

from .accounts import Account, Application, new_secret
from .faults import Fault
from .image_store import Image, ImageStore, detect_type

SCOPES = ("public", "upload", "user", "collection")
DEFAULT_SCOPES = ("public",)
CODE_LIFETIME = 600.0
EASY_UPLOAD_LIFETIME = 600.0
MAX_RECORDED_REQUESTS = 1000

# The formats in which Gyazo writes dates; `api.format_date` writes them.
DateStyle = Literal["upload", "docs", "millis", "detail"]


@dataclass(frozen=True, slots=True)
class RecordedRequest:
    """One received request without its body. *status* is None when it was cut before a reply."""

    method: str
    path: str
    query: str = field(repr=False)
    headers: Mapping[str, str] = field(repr=False)
    content_length: int | None
    status: int | None


@dataclass(slots=True)
class Grant:
    """An authorization code, and the conditions for its use."""

    code: str = field(repr=False)
    application: Application
    account: Account
    redirect_uri: str
    scopes: tuple[str, ...]
    code_challenge: str | None
    code_challenge_method: str | None
    expires_at: float
    used: bool = False


@dataclass(slots=True)
class Token:
    """An access token."""

    text: str = field(repr=False)
    application: Application
    account: Account
    scopes: tuple[str, ...]
    created_at: float
    expires_at: float | None = None
    revoked: bool = False


@dataclass(frozen=True, slots=True)
class EasyUpload:
    """An image without an owner, until a browser claims it."""

    data: bytes = field(repr=False)
    image_type: str
    fields: Mapping[str, str]
    expires_at: float


class Sandbox:
    """The state of a local Gyazo look-alike. `serve` makes it reachable.

    Append to the list *faults* to add faults. Read *requests* to see the recorded requests.
    Both lists can be cleared. *date_style* selects the format of dates in lists and uploads.
    """

    def __init__(
        self,
        applications: Iterable[Application] | None = None,
        accounts: Iterable[Account] | None = None,
        *,
        clock: Callable[[], float] = time.time,
        date_style: DateStyle = "upload",
    ) -> None:
        self.applications = [Application()] if applications is None else list(applications)
        # The default account has a paid plan, so that every endpoint can be tried.
        self.accounts = [Account(is_pro=True)] if accounts is None else list(accounts)
        if not self.applications or not self.accounts:
            raise ValueError("A sandbox needs at least one application and one account.")
        self.clock = clock
        self.date_style: DateStyle = date_style
        self.url = ""
        self.faults: list[Fault] = []
        self.requests: list[RecordedRequest] = []
        self.image_store = ImageStore()
        # The consent page sends it back, so that other pages cannot post its form.
        self.authenticity_token = new_secret()
        self._lock = threading.RLock()
        self._grants: dict[str, Grant] = {}
        self._tokens: dict[str, Token] = {}
        self._easy_uploads: dict[str, EasyUpload] = {}

    # Accounts and applications.

    def application(self, client_id: str | None) -> Application | None:
        """Return the application with this client id."""
        return next((app for app in self.applications if app.client_id == client_id), None)

    def account(self, uid: str) -> Account | None:
        """Return the account with this uid."""
        return next((account for account in self.accounts if account.uid == uid), None)

    def redirect_uris(self, application: Application) -> tuple[str, ...]:
        """Return the registered redirect URIs of *application*."""
        landing_page = (f"{self.url}/callback",) if self.url else ()
        return application.redirect_uris or landing_page

    # Authorization codes and access tokens.

    def new_code(
        self,
        *,
        client_id: str | None = None,
        redirect_uri: str | None = None,
        code_challenge: str | None = None,
        code_challenge_method: str | None = "S256",
        scope: str = "public",
        account: Account | None = None,
    ) -> str:
        """Issue an authorization code without a browser.

        The defaults are the first application, its first redirect URI, and the first account.
        """
        application = self._application_or_first(client_id)
        redirect_uri = redirect_uri or next(iter(self.redirect_uris(application)), None)
        if redirect_uri is None:
            raise ValueError("Serve the sandbox first: its landing page has no address yet.")
        grant = Grant(
            code=new_secret(),
            application=application,
            account=account or self.accounts[0],
            redirect_uri=redirect_uri,
            scopes=tuple(scope.split()),
            code_challenge=code_challenge,
            code_challenge_method=code_challenge_method if code_challenge else None,
            expires_at=self.clock() + CODE_LIFETIME,
        )
        with self._lock:
            self._grants[grant.code] = grant
        return grant.code

    def grant(self, code: str) -> Grant | None:
        """Return the grant of a code, whether the code is still valid or not."""
        return self._grants.get(code)

    def redeem(self, grant: Grant) -> Token | None:
        """Exchange a code for a token, or return None when the code is used or expired."""
        with self._lock:
            if grant.used or self.clock() >= grant.expires_at:
                return None
            grant.used = True
            return self._add_token(grant.application, grant.account, grant.scopes, None)

    def new_token(
        self,
        *,
        client_id: str | None = None,
        account: Account | None = None,
        scope: str = "public",
        expires_in: float | None = None,
    ) -> str:
        """Create an access token, as Gyazo's page for developers does."""
        application = self._application_or_first(client_id)
        scopes = tuple(scope.split())
        return self._add_token(application, account or self.accounts[0], scopes, expires_in).text

    def token(self, text: str) -> Token | None:
        """Return the token with this text, whether it is still valid or not."""
        return self._tokens.get(text)

    def is_live(self, token: Token) -> bool:
        """Whether a token is neither revoked nor expired."""
        expired = token.expires_at is not None and self.clock() >= token.expires_at
        return not token.revoked and not expired

    def has_live_token(
        self, application: Application, account: Account, scopes: tuple[str, ...]
    ) -> bool:
        """Whether *account* has allowed *application* these scopes before."""
        with self._lock:
            return any(
                self.is_live(token)
                for token in self._tokens.values()
                if token.application == application
                and token.account == account
                and set(token.scopes) == set(scopes)
            )

    def revoke(self, token: str) -> None:
        """Revoke a token. An unknown token is ignored."""
        with self._lock:
            if stored := self._tokens.get(token):
                stored.revoked = True

    def _application_or_first(self, client_id: str | None) -> Application:
        if client_id is None:
            return self.applications[0]
        if application := self.application(client_id):
            return application
        raise ValueError("No application of the sandbox has this client id.")

    def _add_token(
        self,
        application: Application,
        account: Account,
        scopes: tuple[str, ...],
        expires_in: float | None,
    ) -> Token:
        now = self.clock()
        expires_at = None if expires_in is None else now + expires_in
        token = Token(new_secret(), application, account, scopes, now, expires_at)
        with self._lock:
            self._tokens[token.text] = token
        return token

    # Images.

    @property
    def images(self) -> list[Image]:
        """The images of all accounts, newest first."""
        return self.image_store.all()

    def add_image(self, data: bytes, *, account: Account | None = None, **fields: str) -> Image:
        """Store an image without an upload. *fields* are the form fields of an upload."""
        image_type = detect_type(data)
        if image_type is None:
            raise ValueError(
                "These bytes are not an image. Pass a PNG, JPEG, GIF, WebP, HEIC or MP4 file."
            )
        created_at = float(fields.pop("created_at", "") or self.clock())
        owner = account or self.accounts[0]
        return self.image_store.add(data, image_type, owner, created_at, fields)

    def lock(self, image_id: str) -> None:
        """Hide an image's id and addresses in lists, as a free plan does with old images."""
        if (image := self.image_store.get(image_id)) is None:
            raise KeyError(image_id)
        image.locked = True

    def add_easy_upload(
        self, data: bytes, image_type: str, fields: Mapping[str, str]
    ) -> tuple[str, int]:
        """Keep an image until a browser claims it; return its id and when it expires."""
        upload_id = secrets.token_hex(16)
        expires_at = self.clock() + EASY_UPLOAD_LIFETIME
        with self._lock:
            self._easy_uploads[upload_id] = EasyUpload(data, image_type, fields, expires_at)
        return upload_id, int(expires_at)

    def claim_easy_upload(self, upload_id: str) -> Image | None:
        """Store a waiting image for the first account, once."""
        with self._lock:
            easy = self._easy_uploads.pop(upload_id, None)
        if easy is None or self.clock() >= easy.expires_at:
            return None
        owner = self.accounts[0]
        return self.image_store.add(easy.data, easy.image_type, owner, self.clock(), easy.fields)

    # Recorded requests and faults.

    def record_request(self, request: RecordedRequest) -> None:
        """Record a request, and drop the oldest ones above the limit."""
        with self._lock:
            self.requests.append(request)
            del self.requests[:-MAX_RECORDED_REQUESTS]

    def take_fault(self, method: str, path: str) -> Fault | None:
        """Use the first fault that matches; remove it when it is used up."""
        with self._lock:
            for fault in self.faults:
                if fault.times > 0 and fault.matches(method, path):
                    fault.times -= 1
                    if not fault.times:
                        self.faults.remove(fault)
                    return fault
        return None
