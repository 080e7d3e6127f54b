"""What the pretend Gyazo remembers: who it knows, what it granted, what it was asked.

The law: no HTTP here, and no clock but the one handed in. The server works in its own thread while
a test looks on, so every change happens under one lock.
"""

from __future__ import annotations

import secrets
import threading
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Literal

from .album import Album, Image
from .faults import Fault
from .people import Account, Application, new_secret
from .pictures import kind_of

SCOPES = ("public", "upload", "user", "collection")
DEFAULT_SCOPES = ("public",)
CODE_LIFETIME = 600.0
EASY_LIFETIME = 600.0
REQUESTS_KEPT = 1000

# The forms in which Gyazo has been seen to write a date; `shapes` writes them.
DateStyle = Literal["upload", "docs", "millis", "detail"]


@dataclass(frozen=True, slots=True)
class Asked:
    """One request as it came, without its body; no status when the connection was cut unanswered."""

    method: str
    path: str
    query: str = field(repr=False)
    headers: Mapping[str, str] = field(repr=False)
    content_length: int | None
    status: int | None


@dataclass(slots=True)
class Grant:
    """A code, and everything it was given out for."""

    code: str = field(repr=False)
    application: Application
    account: Account
    redirect_uri: str
    scopes: tuple[str, ...]
    challenge: str | None
    challenge_method: str | None
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
    """A picture without an owner, until a browser with an account comes for it."""

    data: bytes = field(repr=False)
    kind: str
    fields: Mapping[str, str]
    expires_at: float


class Sandbox:
    """A pretend Gyazo, before anybody serves it.

    *faults* is a list to append to, *requests* a list to look at; both may be cleared.
    *date_style* chooses among the four forms in which real lists and uploads have written dates.
    """

    def __init__(
        self,
        applications: Iterable[Application] | None = None,
        accounts: Iterable[Account] | None = None,
        *,
        clock: Callable[[], float] = time.time,
        date_style: DateStyle = "upload",
    ) -> None:
        # The default account has a paid plan, so that everything can be tried.
        self.applications = [Application()] if applications is None else list(applications)
        self.accounts = [Account(is_pro=True)] if accounts is None else list(accounts)
        if not self.applications or not self.accounts:
            raise ValueError("A sandbox needs at least one application and one account.")
        self.clock = clock
        self.date_style: DateStyle = date_style
        self.url = ""
        self.faults: list[Fault] = []
        self.requests: list[Asked] = []
        self.album = Album()
        self.form_key = new_secret()
        self._lock = threading.RLock()
        self._grants: dict[str, Grant] = {}
        self._tokens: dict[str, Token] = {}
        self._easy: dict[str, EasyUpload] = {}

    @property
    def images(self) -> list[Image]:
        """Every stored picture, newest first."""
        return self.album.everything()

    def application(self, client_id: str | None) -> Application | None:
        """Return the application with this id."""
        return next((one for one in self.applications if one.client_id == client_id), None)

    def account(self, uid: str) -> Account | None:
        """Return the account with this id."""
        return next((one for one in self.accounts if one.uid == uid), None)

    def redirect_uris(self, application: Application) -> tuple[str, ...]:
        """Return the addresses that *application* may be answered at."""
        landing = (f"{self.url}/callback",) if self.url else ()
        return application.redirect_uris or landing

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
        """Grant a code without a browser; everything left out is the first there is."""
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
            challenge=code_challenge,
            challenge_method=code_challenge_method if code_challenge else None,
            expires_at=self.clock() + CODE_LIFETIME,
        )
        with self._lock:
            self._grants[grant.code] = grant
        return grant.code

    def grant(self, code: str) -> Grant | None:
        """Return what a code was given out for, whether it is still good or not."""
        return self._grants.get(code)

    def is_good(self, grant: Grant) -> bool:
        """Whether a code is neither used nor too old."""
        return not grant.used and self.clock() < grant.expires_at

    def redeem(self, grant: Grant) -> Token | None:
        """Turn a code into a token, once; None for the second who comes."""
        with self._lock:
            if not self.is_good(grant):
                return None
            grant.used = True
            return self._keep_token(grant.application, grant.account, grant.scopes, None)

    def new_token(
        self,
        *,
        client_id: str | None = None,
        account: Account | None = None,
        scope: str = "public",
        expires_in: float | None = None,
    ) -> str:
        """Make a token as the developer page does."""
        application = self._application_or_first(client_id)
        scopes = tuple(scope.split())
        return self._keep_token(application, account or self.accounts[0], scopes, expires_in).text

    def token(self, text: str) -> Token | None:
        """Return the token of this text, dead or alive."""
        return self._tokens.get(text)

    def is_live(self, token: Token) -> bool:
        """Whether a token still opens anything."""
        expired = token.expires_at is not None and self.clock() >= token.expires_at
        return not token.revoked and not expired

    def has_live_token(
        self, application: Application, account: Account, scopes: tuple[str, ...]
    ) -> bool:
        """Whether *account* said yes to the same question before."""
        with self._lock:
            return any(
                self.is_live(token)
                for token in self._tokens.values()
                if token.application == application
                and token.account == account
                and set(token.scopes) == set(scopes)
            )

    def revoke(self, token: str) -> None:
        """Revoke a token; an unknown one is no error."""
        with self._lock:
            if known := self._tokens.get(token):
                known.revoked = True

    def _application_or_first(self, client_id: str | None) -> Application:
        if client_id is None:
            return self.applications[0]
        if application := self.application(client_id):
            return application
        raise ValueError("No application of the sandbox has this client id.")

    def _keep_token(
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

    def add_image(self, data: bytes, *, account: Account | None = None, **fields: str) -> Image:
        """Put a picture into the album without an upload; *fields* are those of the form."""
        kind = kind_of(data)
        if kind is None:
            raise ValueError("These bytes are no picture.")
        created_at = float(fields.pop("created_at", "") or self.clock())
        return self.album.add(data, kind, account or self.accounts[0], created_at, fields)

    def lock(self, image_id: str) -> None:
        """Make a picture appear without id and addresses, as old ones do on a free plan."""
        if (image := self.album.get(image_id)) is None:
            raise KeyError(image_id)
        image.locked = True

    def keep_easy(self, data: bytes, kind: str, fields: Mapping[str, str]) -> tuple[str, int]:
        """Keep a picture until a browser claims it; return its key and when it is thrown away."""
        key = secrets.token_hex(16)
        expires_at = self.clock() + EASY_LIFETIME
        with self._lock:
            self._easy[key] = EasyUpload(data, kind, fields, expires_at)
        return key, int(expires_at)

    def claim_easy(self, key: str) -> Image | None:
        """Give a waiting picture to the first account, once."""
        with self._lock:
            easy = self._easy.pop(key, None)
        if easy is None or self.clock() >= easy.expires_at:
            return None
        return self.album.add(easy.data, easy.kind, self.accounts[0], self.clock(), easy.fields)

    def note(self, asked: Asked) -> None:
        """Remember a request, and forget the oldest beyond the thousandth."""
        with self._lock:
            self.requests.append(asked)
            del self.requests[:-REQUESTS_KEPT]

    def take_fault(self, method: str, path: str) -> Fault | None:
        """Use up the first fault that fits."""
        with self._lock:
            for fault in self.faults:
                if fault.times > 0 and fault.fits(method, path):
                    fault.times -= 1
                    if not fault.times:
                        self.faults.remove(fault)
                    return fault
        return None
