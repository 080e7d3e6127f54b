"""Waits for the redirect of a sign-in on a JupyterHub: the hub's Gyazo service hands it over.

Guarantees: the wait survives a restart of the service or of the hub, because each request makes the sign-in
known again. It ends after ten minutes, and when it is stopped from any thread.
"""

from __future__ import annotations

import asyncio
import contextlib
import threading
import time
from collections.abc import Callable, Coroutine
from contextvars import Context
from queue import Empty, SimpleQueue
from typing import TYPE_CHECKING, Any

from gyazo_nb.errors import ConnectionFailedError, ExpiredError, GyazoError, ResponseError
from gyazo_nb.secret import Secret

from .callback_server import Subscriber
from .hub import query_hash
from .oauth import LIFETIME

if TYPE_CHECKING:
    from .login import Login

RETRY_INTERVAL = 1.0  # seconds: a service that was restarted waits a few seconds for its kernels
# The hub no longer knows this server, or the server may not use the service, or newer sign-ins wait.
_FINAL_STATUSES = frozenset({401, 403, 429})


class RedirectSubscription:
    """The wait of one sign-in for its redirect. It can start and stop any number of times.

    It has the methods of `callback_server.CallbackSubscription`. `on_error` receives an error that ends the
    wait; a service that does not answer does not end it.
    """

    def __init__(
        self, login: Login, subscriber: Subscriber, on_error: Callable[[GyazoError], object]
    ) -> None:
        self.redirect_uri = login.redirect_uri
        self._login, self._subscriber, self._on_error = login, subscriber, on_error
        self._lock = threading.Lock()
        self._wait: _Wait | None = None

    @property
    def is_active(self) -> bool:
        """Whether a redirect would be received."""
        return self._wait is not None

    def start(self) -> None:
        """Start waiting for the redirect of the current link, or begin the lifetime again."""
        self._replace(_Wait(self._run))

    def stop(self) -> None:
        """Stop waiting."""
        self._replace(None)

    def _replace(self, wait: _Wait | None) -> None:
        with self._lock:
            ended, self._wait = self._wait, wait
        if ended is not None:
            ended.cancel()
        if wait is not None:
            wait.start()

    async def _run(self, wait: _Wait) -> None:
        deadline = time.monotonic() + LIFETIME
        while time.monotonic() < deadline:
            try:
                address = await self._login.request_redirect()
            except (ConnectionFailedError, ResponseError) as error:
                if isinstance(error, ResponseError) and error.status in _FINAL_STATUSES:
                    if self._end(wait):
                        self._on_error(error)
                    return
                # During a restart, the hub's proxy does not know the service, and may reply 404.
                await asyncio.sleep(RETRY_INTERVAL)
                continue
            if address is not None and wait is self._wait:
                self._login.seen_redirect = query_hash(address)
                if self._subscriber.matches(address):
                    self._subscriber.on_redirect(address)
        if self._end(wait):
            self._subscriber.on_timeout()

    def _end(self, wait: _Wait) -> bool:
        """End this wait, and return whether no other call has ended it."""
        with self._lock:
            is_current = self._wait is wait
            if is_current:
                self._wait = None
        return is_current


class _Wait:
    """A coroutine in a thread with its own event loop, which can be cancelled from any thread."""

    def __init__(self, run: Callable[[_Wait], Coroutine[Any, Any, None]]) -> None:
        # Not a runner: a notebook may have patched asyncio.
        self._loop = asyncio.new_event_loop()
        # An empty context, like that of a new thread: the cell that starts the wait may have ended.
        self._task = self._loop.create_task(run(self), context=Context())

    def start(self) -> None:
        threading.Thread(target=self._thread, name="gyazo_nb hub", daemon=True).start()

    def cancel(self) -> None:
        with contextlib.suppress(RuntimeError):  # the coroutine has ended, so the loop is closed
            self._loop.call_soon_threadsafe(self._task.cancel)

    def _thread(self) -> None:
        try:
            with contextlib.suppress(asyncio.CancelledError):
                self._loop.run_until_complete(self._task)
        finally:
            self._loop.run_until_complete(self._loop.shutdown_asyncgens())
            self._loop.close()


def wait_for_redirect(login: Login) -> Secret:
    """Wait in this thread until the browser has come back, and return its address. Raises a `GyazoError`."""
    results: SimpleQueue[Secret | GyazoError] = SimpleQueue()
    late = ExpiredError(
        "The link was more than ten minutes old: run %gyazo_login to begin another sign-in."
    )

    def on_redirect(address: Secret) -> bool:
        results.put(address)
        return True

    subscriber = Subscriber(login.recognises, on_redirect, lambda: results.put(late))
    subscription = RedirectSubscription(login, subscriber, results.put)
    subscription.start()
    try:
        while True:
            try:
                # In short steps: on Windows, an interrupt does not end a longer one.
                result = results.get(timeout=0.2)
            except Empty:
                continue
            if isinstance(result, GyazoError):
                raise result
            return result
    finally:
        subscription.stop()
