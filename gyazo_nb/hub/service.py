"""The routes of the service: pages for the browsers of hub users, and an API for their kernels.

| route | caller | does |
|---|---|---|
| `GET callback` | browser | keeps the redirect for the kernel that waits, then shows `done` |
| `GET done` | browser | one of two static pages |
| `GET oauth_callback` | browser | ends the sign-in to the hub, as JupyterHub provides it |
| `GET api/application` | kernel | the client id, the redirect URI, and the address of Gyazo |
| `POST api/code` | kernel | waits for the redirect: 200 with its query, or 204 |
| `POST api/token` | kernel | exchanges a code, and returns the reply of Gyazo as it is |

Guarantees:

- Only the cookie of the hub identifies a browser. Only the token of its server, in the header
  `Authorization`, identifies a kernel. For each request, the service asks the hub for the user, without a
  cache.
- The caller must be a user (not a service) whose token has a scope that gives access to this service.
- No page repeats a part of the request. A browser does not show a page in a frame, does not store it, and
  does not send its address to other sites.
"""

from __future__ import annotations

import asyncio
import logging
import os
import re
import time
from http import HTTPStatus
from typing import Any, NoReturn

from jupyterhub.services.auth import HubOAuth, HubOAuthCallbackHandler, HubOAuthenticated
from tornado import web
from tornado.escape import xhtml_escape
from tornado.httpserver import HTTPServer

from .configuration import Configuration, ConfigurationError
from .gyazo import NoReplyError, exchange
from .log import log, place_of
from .sign_ins import Limits, SignIns, TooManySignInsError

HUB_TIMEOUT = 10.0  # seconds for the answer of the hub
STOP_TIMEOUT = 5.0  # seconds for the exchanges that are running
REQUEST_TIMEOUT = 60  # seconds for a client to send its request
MAX_EXCHANGES = 4  # of one user at the same time: Gyazo may take long to reply
MAX_HUB_SIGN_INS = 5000  # browsers that are at the hub's login: every browser can begin one
MAX_QUERY_CHARACTERS = 4096
MAX_FORM_CHARACTERS = 4096

_AUTHORIZATION = re.compile(r"(?:token|bearer) +([\x21-\x7e]+)", re.IGNORECASE)
_SHA256 = re.compile(r"[0-9a-f]{64}")

_STYLE = "font:17px/1.6 system-ui,sans-serif;max-width:30em;margin:18vh auto;padding:0 1.5em;color-scheme:light dark"


def _page(title: str, text: str) -> str:
    return (
        f'<!doctype html><html lang="en"><meta charset="utf-8"><title>{title}</title>'
        f'<meta name="viewport" content="width=device-width,initial-scale=1">'
        f"<style>body{{{_STYLE}}}</style><h1>{title}</h1><p>{text}</p></html>"
    )


HOME_PAGE = _page(
    "Sign in to Gyazo",
    "This service signs you in to Gyazo from a notebook: run <code>%gyazo_login</code> there.",
)
ARRIVED_PAGE = _page(
    "Back to your notebook",
    "Gyazo has replied. You can close this tab: your notebook goes on by itself.",
)


def _other_page(user: str) -> str:
    name = xhtml_escape(user)
    return _page(
        "Another sign-in",
        f"No notebook of <b>{name}</b> waits for this sign-in, and this browser is signed in to the hub as "
        f"{name}. If another person sent you the link, do not use it: run <code>%gyazo_login</code> in a "
        f"notebook of your own, and open its link.",
    )


_ERROR_TEXTS = {
    HTTPStatus.NOT_FOUND: "This address does not belong to a sign-in: go back to your notebook.",
    HTTPStatus.FORBIDDEN: "You may not use this service, or the sign-in to the hub has expired: go back to "
    "your notebook, and open the link again. If this page comes back, ask the administrator of the hub.",
    HTTPStatus.SERVICE_UNAVAILABLE: "The hub does not answer: wait half a minute, then load this page again.",
}
_DEFAULT_TEXT = (
    "The request could not be completed: go back to your notebook, and open the link again. If this page "
    "comes back, ask the administrator of the hub."
)


class BrowserAuth(HubOAuth):  # type: ignore[misc]  # JupyterHub has no types
    """Identifies a browser only by the cookie of the hub, and asks the hub each time."""

    def get_token(self, handler: web.RequestHandler, in_cookie: bool = True) -> str | None:
        """Return the token in the cookie. One in a header or in the address does not count."""
        return self._get_token_cookie(handler) if in_cookie else None

    async def user_for_token(self, token: str, *_: Any, **__: Any) -> dict[str, Any] | None:
        """Ask the hub for the user of a token; None if the hub does not know the token.

        It does not use the cache, which accepts a stopped server for five more minutes. Every error is 503.
        """
        try:
            async with asyncio.timeout(HUB_TIMEOUT):
                user: dict[str, Any] | None = await super().user_for_token(
                    token, use_cache=False, sync=False
                )
        except (web.HTTPError, TimeoutError, ValueError):
            log.error("The hub does not answer: check that it runs, and JUPYTERHUB_API_URL")
            raise web.HTTPError(HTTPStatus.SERVICE_UNAVAILABLE) from None
        return user

    async def token_for_code(self, code: str, **options: Any) -> str:
        """Get the token of a browser from the hub, which checks the token of this service."""
        try:
            async with asyncio.timeout(HUB_TIMEOUT):
                token: str = await super().token_for_code(code, **options)
        except (web.HTTPError, TimeoutError, ValueError, KeyError):
            log.error(
                "The hub gave no token for a browser: check that it runs, and that JUPYTERHUB_API_TOKEN and "
                "JUPYTERHUB_CLIENT_ID belong to this service"
            )
            raise web.HTTPError(HTTPStatus.BAD_GATEWAY) from None
        return token

    def generate_state(self, *args: Any, **kwargs: Any) -> str:
        """Begin the sign-in of a browser to the hub. Only the newest sign-ins are kept."""
        sign_ins = self._oauth_states
        while len(sign_ins) >= MAX_HUB_SIGN_INS:
            sign_ins.pop(next(iter(sign_ins.values)), None)
        state: str = super().generate_state(*args, **kwargs)
        return state


class Service:
    """The parts that the routes share. It belongs to one event loop."""

    def __init__(self, configuration: Configuration, limits: Limits | None = None) -> None:
        self.configuration = configuration
        self.sign_ins = SignIns(limits or Limits())
        self.exchanges: set[TokenApi] = set()  # the running ones
        self._server: HTTPServer | None = None
        self.auth = BrowserAuth(
            api_url=configuration.api_url,
            api_token=configuration.api_token,
            base_url=configuration.prefix,
            hub_prefix=configuration.hub_prefix,
            hub_host=configuration.hub_host,
            oauth_client_id=configuration.oauth_client_id,
            access_scopes=set(configuration.access_scopes),
            allow_token_in_url=False,
        )

    async def listen(self) -> None:
        """Accept connections. Raises `OSError` if the address cannot be used."""
        # A request of a kernel or a browser is small, and the hub's proxy sends it at once.
        self._server = HTTPServer(
            self._application(),
            max_body_size=2**16,
            max_header_size=2**16,
            idle_connection_timeout=REQUEST_TIMEOUT,
            body_timeout=REQUEST_TIMEOUT,
        )
        self._server.listen(self.configuration.port, self.configuration.host)
        log.info("The service listens at %s:%d", self.configuration.host, self.configuration.port)

    async def close(self) -> None:
        """Stop listening. A running exchange gets a few seconds, because a code can be used once."""
        if self._server is not None:
            self._server.stop()
        end = time.monotonic() + STOP_TIMEOUT
        while self.exchanges and time.monotonic() < end:  # noqa: ASYNC110 -- once, at the end
            await asyncio.sleep(0.05)
        if self._server is not None:
            await self._server.close_all_connections()
        await _close_connections_to_hub()
        log.info("The service has ended")

    def _application(self) -> web.Application:
        """The web application, with all routes below the prefix of the service."""
        routes: list[tuple[str, type[web.RequestHandler]]] = [
            ("", HomePage),
            ("callback", CallbackPage),
            ("done", DonePage),
            ("oauth_callback", HubSignInPage),
            ("api/application", ApplicationApi),
            ("api/code", CodeApi),
            ("api/token", TokenApi),
        ]
        prefix, shared = re.escape(self.configuration.prefix), {"service": self}
        return web.Application(
            [(f"{prefix}{re.escape(path)}", handler, shared) for path, handler in routes],
            default_handler_class=UnknownPage,
            default_handler_args=shared,
            # New after each restart. Then the browser gets a new cookie, and the user is not asked.
            cookie_secret=os.urandom(32),
            log_function=_log_request,
        )

    def is_allowed(self, user: dict[str, Any]) -> bool:
        """Whether the hub says that this is a user who has access to this service."""
        return user.get("kind") == "user" and bool(
            self.auth.check_scopes(self.auth.access_scopes, user)
        )


async def _close_connections_to_hub() -> None:
    """Close the client of JupyterHub 6. Version 5 uses the client of tornado, which need not be closed."""
    try:
        from jupyterhub.httpclient import JupyterHubHTTPClient  # noqa: PLC0415 -- since version 6
    except ImportError:
        return
    await JupyterHubHTTPClient.loop_instance().close()


class _Route(web.RequestHandler):
    service: Service
    user_name = "-"  # for the log

    def initialize(self, service: Service) -> None:
        self.service = service

    def set_default_headers(self) -> None:
        self.set_header("Cache-Control", "no-store")
        self.set_header("Referrer-Policy", "no-referrer")
        self.set_header("X-Content-Type-Options", "nosniff")
        self.set_header(
            "Content-Security-Policy",
            "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'",
        )
        self.set_header("Server", "gyazo_nb.hub")

    def log_exception(
        self, typ: type[BaseException] | None, value: BaseException | None, tb: Any
    ) -> None:
        """Log an unexpected error without its text, which may contain the address of the request."""
        del typ, tb
        if value is not None and not isinstance(value, web.HTTPError):
            log.error("%s failed: %s", type(self).__name__, place_of(value))

    def write_error(self, status_code: int, **_: Any) -> None:
        text = _ERROR_TEXTS.get(HTTPStatus(status_code), _DEFAULT_TEXT)
        self.finish(_page("Not signed in", text))


def _log_request(route: web.RequestHandler) -> None:
    status = route.get_status()
    user = getattr(route, "user_name", "-")
    level = logging.ERROR if status >= HTTPStatus.INTERNAL_SERVER_ERROR else logging.INFO
    log.log(
        level,
        "%s %s %d %s %.0f ms",
        route.request.method if route.request.method in {"GET", "POST"} else "other method",
        type(route).__name__,
        status,
        user if user.isprintable() else repr(user),  # a name can contain a line break
        1000 * route.request.request_time(),
    )


# ── pages, for the browsers of users ─────────────────────────────────────────────────────────────


class UnknownPage(_Route):
    """Every address that is not a route of the service."""

    def prepare(self) -> None:
        """Reply 404 to every method."""
        raise web.HTTPError(HTTPStatus.NOT_FOUND)


class HomePage(_Route):
    """The page that the menu of the hub opens."""

    def get(self) -> None:
        """Say how to sign in."""
        self.finish(HOME_PAGE)


class _UserPage(HubOAuthenticated, _Route):  # type: ignore[misc]  # JupyterHub has no types
    """A page for a browser that is signed in to the hub. Another one is sent to the hub's login."""

    def initialize(self, service: Service) -> None:
        super().initialize(service)
        self.hub_auth = service.auth

    _user: dict[str, Any] | None = None

    async def prepare(self) -> None:
        """Ask the hub who this is, without blocking the event loop as the method of JupyterHub does."""
        if "Authorization" in self.request.headers:
            raise web.HTTPError(HTTPStatus.FORBIDDEN)
        if len(self.request.query) > MAX_QUERY_CHARACTERS:
            raise web.HTTPError(HTTPStatus.NOT_FOUND)
        self._user = await self.hub_auth.get_user(self, sync=False)
        if self._user is not None:
            self.user_name = self._user["name"]
            if not self.service.is_allowed(self._user):
                raise web.HTTPError(HTTPStatus.FORBIDDEN)

    def get_current_user(self) -> dict[str, Any] | None:
        """Return the user. For None, `web.authenticated` sends the browser to the hub's login."""
        return self._user


class CallbackPage(_UserPage):
    """The redirect URI of the application: Gyazo sends the browser here, with a code or an error."""

    @web.authenticated
    async def get(self) -> None:
        """Keep the query for the kernel, then remove the code from the address bar."""
        query = self.request.query
        states = self.get_query_arguments("state")
        codes, errors = self.get_query_arguments("code"), self.get_query_arguments("error")
        if len(states) != 1 or len(codes + errors) != 1:
            raise web.HTTPError(HTTPStatus.NOT_FOUND)
        is_known = await self.service.sign_ins.bring_redirect(
            self.current_user["name"], states[0], query, "".join(codes)
        )
        how = "ok" if is_known else "other"
        self.redirect(f"{self.service.configuration.prefix}done?how={how}", status=303)


class DonePage(_UserPage):
    """The last page in the browser."""

    @web.authenticated
    async def get(self) -> None:
        """Say that the notebook continues, or which hub user is signed in in this browser."""
        if self.get_query_argument("how", "") == "ok":
            self.finish(ARRIVED_PAGE)
        else:
            self.set_status(HTTPStatus.NOT_FOUND)
            self.finish(_other_page(self.current_user["name"]))


class HubSignInPage(HubOAuthCallbackHandler, _Route):  # type: ignore[misc]  # JupyterHub has no types
    """Receives the hub's own redirect, after the browser signed in to the hub."""

    def initialize(self, service: Service) -> None:
        """Use the same settings of the hub as the other pages."""
        super().initialize(service)
        self.hub_auth = service.auth

    def get_current_user(self) -> None:
        """Return None: a browser that opens this page has not signed in yet."""


# ── the API, for kernels ─────────────────────────────────────────────────────────────────────────


class _Api(_Route):
    """A request of a kernel, which sends the token of its server. Cookies do not count."""

    async def prepare(self) -> None:
        """Ask the hub for the user of the token."""
        token = _AUTHORIZATION.fullmatch(self.request.headers.get("Authorization", ""))
        try:
            user = await self.service.auth.user_for_token(token[1]) if token else None
        except web.HTTPError:
            self.refuse(HTTPStatus.SERVICE_UNAVAILABLE, "The hub does not answer.")
        if user is None:
            self.refuse(HTTPStatus.UNAUTHORIZED, "The hub does not know this token.")
        self.user_name = user["name"]
        if not self.service.is_allowed(user):
            self.refuse(HTTPStatus.FORBIDDEN, "This token may not use the service.")

    def refuse(self, status: HTTPStatus, message: str, error: str = "") -> NoReturn:
        """Reply with an error."""
        self.set_status(status)
        self.finish(
            {"error": error, "error_description": message} if error else {"message": message}
        )
        raise web.Finish

    def argument(self, name: str) -> str:
        """A field of the form; empty if it is missing or too long."""
        text: str = self.get_body_argument(name, "")
        return text if len(text) <= MAX_FORM_CHARACTERS else ""

    def write_error(self, status_code: int, **_: Any) -> None:
        self.finish({"message": HTTPStatus(status_code).phrase})


class ApplicationApi(_Api):
    """The values that a kernel needs to make the link."""

    def get(self) -> None:
        """Reply with the application, without its secret."""
        configuration = self.service.configuration
        self.finish(
            {
                "client_id": configuration.client_id,
                "redirect_uri": configuration.redirect_uri,
                "auth_url": configuration.auth_url,
            }
        )


class CodeApi(_Api):
    """The wait of a kernel for its redirect."""

    _waiting: asyncio.Task[str | None] | None = None

    async def post(self) -> None:
        """Reply with the query of the redirect, or with 204 after a while.

        `state_hash` is the SHA-256 of the `state`, `seen` that of a query that the kernel has already, and
        `seconds` how long the kernel waits.
        """
        state_hash, seen = self.argument("state_hash"), self.argument("seen")
        seconds = self.argument("seconds")
        if not _SHA256.fullmatch(state_hash):
            self.refuse(
                HTTPStatus.BAD_REQUEST, "state_hash must be a SHA-256 in hexadecimal digits."
            )
        self._waiting = asyncio.ensure_future(
            self.service.sign_ins.wait_for_redirect(
                self.user_name,
                state_hash,
                seen=seen,
                seconds=float(seconds) if re.fullmatch(r"[0-9]{1,3}(\.[0-9]+)?", seconds) else 25.0,
            )
        )
        try:
            query = await self._waiting
        except asyncio.CancelledError:  # the kernel went away, or the service ends
            query = None
        except TooManySignInsError:
            self.refuse(HTTPStatus.TOO_MANY_REQUESTS, "Newer sign-ins of this user wait.")
        if query is None:
            self.set_status(HTTPStatus.NO_CONTENT)
        else:
            self.finish({"query": query})

    def on_connection_close(self) -> None:
        """Stop waiting: the kernel has closed the connection."""
        if self._waiting is not None:
            self._waiting.cancel()


class TokenApi(_Api):
    """The exchange of a code."""

    async def post(self) -> None:
        """Reply as Gyazo does. Only for a code that arrived in a browser of this user."""
        code, verifier = self.argument("code"), self.argument("code_verifier")
        sign_ins = self.service.sign_ins
        if not code or not sign_ins.has_code(self.user_name, code):
            self.refuse(
                HTTPStatus.BAD_REQUEST,
                "This code did not arrive in a browser of this user.",
                error="invalid_grant",
            )
        exchanges = self.service.exchanges
        if sum(one.user_name == self.user_name for one in exchanges) >= MAX_EXCHANGES:
            self.refuse(HTTPStatus.TOO_MANY_REQUESTS, "Other exchanges of this user are running.")
        exchanges.add(self)
        try:
            reply = await exchange(self.service.configuration, code, verifier)
        except ConfigurationError as error:
            log.error("%s", error)
            self.refuse(HTTPStatus.INTERNAL_SERVER_ERROR, "The service cannot read its secret.")
        except NoReplyError as error:
            log.error("Gyazo did not reply (%s)", error)
            self.refuse(HTTPStatus.GATEWAY_TIMEOUT, "Gyazo did not reply.")
        if reply.status == HTTPStatus.OK and reply.has_token:
            sign_ins.forget(self.user_name, code)
        self.set_status(reply.status, "Reply of Gyazo")
        # The reply of Gyazo, not of the service or of the hub's proxy.
        self.set_header("X-Gyazo-Status", str(reply.status))
        self.set_header("Content-Type", "application/json")
        self.finish(reply.body)

    def on_finish(self) -> None:
        """The reply was written."""
        self.service.exchanges.discard(self)
