"""The panel that `%gyazo_login` shows: the link, the box, the button. A view, nothing more.

The law: a callback assumes no thread and no loop. It takes a lock, blocks while the exchange lasts,
never prints, sets traits and at the end updates its own output by display id. Nothing pasted stays:
the box is emptied before anything else happens, and at the end the panel becomes static text, which
still reads well when the saved notebook is opened without a kernel.
"""

from __future__ import annotations

import threading
import traceback
import uuid
from typing import Any, Protocol

import ipywidgets as widgets
from IPython.display import display

from . import pages
from .errors import GyazoError
from .models import User
from .secret import Secret


class Login(Protocol):
    """What the panel needs of a sign-in."""

    @property
    def url(self) -> str:
        """The link to open; it may become another one when `finish` fails."""

    @property
    def redirect_uri(self) -> str:
        """Where the browser ends."""

    @property
    def can_retry(self) -> bool:
        """Whether `finish` with nothing sends the same code again."""

    def finish(self, pasted: Secret) -> User:
        """Sign in, or raise a `GyazoError`."""


class Panel:
    """Shows a `Login` and carries it through. `session_name` is the variable named at the end."""

    def __init__(self, login: Login, *, session_name: str = "gyazo", note: str = "") -> None:
        self._login, self._session_name, self._note = login, session_name, note
        self._display_id = uuid.uuid4().hex
        self._busy = threading.Lock()
        self._open = True

        # Controls of ipywidgets itself: they reach every front end. With continuous_update=False the
        # text travels once, when Enter is pressed or the box is left (by Tab, or by a click on the
        # button), and cannot arrive cut short; so its arrival is the one signal to begin.
        self._head = widgets.HTML()
        self._box = widgets.Text(
            description="Address or code",
            placeholder="Paste here, then press Enter",
            continuous_update=False,
            style={"description_width": "initial"},
            layout=widgets.Layout(flex="1 1 320px", width="auto", min_width="0"),
        )
        self._button = widgets.Button(
            description="Sign in",
            button_style="primary",
            tooltip="Exchange what you pasted for access",
            layout=widgets.Layout(flex="0 0 auto", width="auto", min_width="110px"),
        )
        self._status = widgets.HTML()
        row = widgets.HBox(
            [self._box, self._button],
            layout=widgets.Layout(flex_flow="row wrap", align_items="center"),
        )
        self._view = widgets.VBox(
            [self._head, row, self._status],
            layout=widgets.Layout(max_width="680px", padding="4px 0", overflow="visible"),
        )
        self._box.observe(self._on_text, names="value")
        self._button.on_click(self._on_click)
        self._show_link()

    def show(self) -> None:
        """Put the panel on the page. HTML and text go along for a front end without widgets."""
        display(
            {
                "application/vnd.jupyter.widget-view+json": {
                    "version_major": 2,
                    "version_minor": 0,
                    "model_id": self._view.model_id,
                },
                **pages.waiting(self._login.url, self._login.redirect_uri, self._session_name),
            },
            raw=True,
            display_id=self._display_id,
        )

    @property
    def is_open(self) -> bool:
        """Whether nobody has finished or closed it yet."""
        return self._open

    def close(self) -> None:
        """End a panel that nobody finished: at unload, or when its kernel forgets it."""
        with self._busy:
            if self._open:
                self._become(pages.closed())

    # ── what the person does ──────────────────────────────────────────────────────────────────

    def _on_text(self, change: Any) -> None:
        del change  # it holds the text; the box does too, until the next line but one
        text = Secret(self._box.value)
        self._box.value = ""
        if text:
            self._finish(text)

    def _on_click(self, button: Any) -> None:
        # The text, if there was one, came before the click: leaving the box sent it.
        del button
        self._finish(Secret(""))

    def _finish(self, text: Secret) -> None:
        if not self._busy.acquire(blocking=False):
            return  # a double click, or the click that made the box send its text
        try:
            if not self._open:
                return
            if text or self._login.can_retry:
                self._exchange(text)
            elif not self._status.value:
                self._say(pages.hint("Paste the address that your browser shows into the box."))
        finally:
            self._busy.release()

    def _exchange(self, text: Secret) -> None:
        self._button.description, self._button.icon = "Signing in…", "spinner"
        self._say(pages.hint("Asking Gyazo…"))
        try:
            user = self._login.finish(text)
        except GyazoError as error:
            self._say(pages.problem(str(error)))
        except Exception as error:  # noqa: BLE001 -- shown: elsewhere nobody would see it, and the
            # frames of a traceback would show what was pasted.
            at = traceback.extract_tb(error.__traceback__)[-1]
            where = f"{type(error).__name__} in {at.name}, line {at.lineno}"
            self._say(pages.problem(f"A fault of gyazo_nb itself: {where}. Please report it."))
        else:
            self._become(pages.signed_in(str(user), self._session_name))
            return
        # The link may have become another one, and there may be something to send again.
        self._show_link()
        self._button.description = "Try again" if self._login.can_retry else "Sign in"
        self._button.icon = ""

    # ── what the person sees ──────────────────────────────────────────────────────────────────

    def _show_link(self) -> None:
        self._head.value = pages.head(self._login.url, self._login.redirect_uri, self._note)

    def _say(self, html: str) -> None:
        self._status.value = html

    def _become(self, bundle: dict[str, str]) -> None:
        """Turn into static text: in the widgets for a page that was reloaded, and in the file."""
        self._open = False
        self._head.value = bundle["text/html"]
        self._status.value = ""
        self._view.children = [self._head]
        self._box.close()
        self._button.close()
        self._status.close()
        display(bundle, raw=True, display_id=self._display_id, update=True)
