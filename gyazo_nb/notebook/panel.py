"""The panel that `%gyazo_login` shows: the link, the box, the button. A view, nothing more.

The law: a callback assumes no thread and no loop. It takes a lock, blocks while the exchange lasts,
never prints, sets traits and at the end updates its own output by display id. Nothing pasted stays:
the box is emptied before anything else happens, and at the end the panel becomes static text, which
still reads well when the saved notebook is opened without a kernel.
"""

from __future__ import annotations

import threading
import time
import traceback
import uuid
from collections.abc import Callable
from typing import Any

import ipywidgets as widgets
from IPython.core.getipython import get_ipython
from IPython.display import display
from traitlets import Unicode

from gyazo_nb.api.models import User
from gyazo_nb.auth import callback_server
from gyazo_nb.auth.login import Login
from gyazo_nb.auth.oauth import LIFETIME
from gyazo_nb.errors import GyazoError
from gyazo_nb.secret import Secret

from . import log_filter, messages

LONGEST_EXCHANGE = 60.0  # seconds for which a second redirect waits for the first
SAME_GESTURE = 1.0  # seconds between leaving the box for the button and the button's click


class Box(widgets.Text):
    """A box whose text the kernel does not send back, to this page or to any other that is open."""

    value = Unicode("").tag(sync=True, echo_update=False)


class Panel:
    """Shows a `Login` and carries it through, by its box or by the browser's own redirect.

    `session_name` is the variable that is named at the end; `save_token` is called after the sign-in, and
    returns a line to add; `on_message_handled` is called after each message of the front end.
    """

    def __init__(
        self,
        login: Login,
        *,
        session_name: str = "gyazo",
        note: str = "",
        save_token: Callable[[], str] = str,
        on_message_handled: Callable[[], None] = lambda: None,
    ) -> None:
        self._login, self._session_name, self._note = login, session_name, note
        self._save_token, self._on_message_handled = save_token, on_message_handled
        self._display_id = uuid.uuid4().hex
        self._busy = threading.Lock()
        self._open = True
        self.was_interrupted = False
        self._answered = -SAME_GESTURE
        # Kept: a later cell may have led what is displayed elsewhere when the sign-in ends (%%capture).
        self._publisher = getattr(get_ipython(), "display_pub", None)
        self._door = callback_server.Subscriber(login.recognises, self._on_redirect)
        self._watch = callback_server.CallbackSubscription(login.redirect_uri, self._door)
        self._late: threading.Timer | None = None

        # Controls of ipywidgets itself: they reach every front end. With continuous_update=False the
        # text travels once, when Enter is pressed or the box is left (by Tab, or by a click on the
        # button), and cannot arrive cut short; so its arrival is the one signal to begin.
        self._head = widgets.HTML()
        self._box = Box(
            description="Address or code",
            placeholder="Paste here; Enter sends it, and so does leaving the box",
            continuous_update=False,
            style={"description_width": "initial"},
            layout=widgets.Layout(
                flex="1 1 260px", flex_flow="row wrap", width="auto", height="auto"
            ),
        )
        self._button = widgets.Button(
            description="Sign in",
            button_style="primary",
            tooltip="Exchange what you pasted for access",
            layout=widgets.Layout(flex="0 0 auto", width="auto", min_width="110px"),
        )
        # Its own button: a click on the other one arrives after the text that leaving the box sent,
        # and would otherwise send a code that has just failed once more.
        self._again = widgets.Button(
            description="Try again",
            icon="refresh",
            tooltip="Send the same code once more: it is still good",
            layout=widgets.Layout(width="auto", align_self="flex-start", display="none"),
        )
        self._status = widgets.HTML()
        self._row = widgets.HBox(
            [self._box, self._button],
            layout=widgets.Layout(flex_flow="row wrap", align_items="center"),
        )
        self._view = widgets.VBox(
            [self._head, self._row, self._status, self._again],
            layout=widgets.Layout(max_width="680px", padding="4px 0", overflow="visible"),
        )
        self._masked = log_filter.WidgetLogFilter(
            self._box.model_id, log_filter.kernel_log(get_ipython())
        )
        self._box.observe(self._on_text, names="value")
        self._button.on_click(self._on_click)
        self._again.on_click(self._on_again)

    def show(self) -> None:
        """Put the panel on the page, and listen. HTML and text go along for a page without widgets."""
        self._masked.start()
        self._listen()
        self._show_link()
        display(
            {
                "application/vnd.jupyter.widget-view+json": {
                    "version_major": 2,
                    "version_minor": 0,
                    "model_id": self._view.model_id,
                },
                **messages.waiting(self._login.url, self._login.redirect_uri),
            },
            raw=True,
            display_id=self._display_id,
        )

    @property
    def is_open(self) -> bool:
        """Whether nobody has finished or closed it yet."""
        return self._open

    @property
    def is_busy(self) -> bool:
        """Whether Gyazo is being asked."""
        return self._busy.locked()

    @property
    def is_listening(self) -> bool:
        """Whether a browser on this machine ends the sign-in by itself."""
        return self._watch.is_on

    @property
    def comms(self) -> list[Any]:
        """What carries the messages of the controls."""
        return [control.comm for control in (self._box, self._button, self._again)]

    def add_note(self, text: str) -> None:
        """Say one thing more above the link."""
        self._note = f"{self._note} {text}".strip()

    def stop_listening(self) -> None:
        """Let go of the port. The box stays; what is pasted into it begins the listening again."""
        self._watch.end()
        if self._open:
            self._show_link()

    def close(self) -> None:
        """Let go of everything, at unload. What is on the page stays as static text."""
        self._login.cancel()
        if self._open:
            self._become(messages.closed())
        for widget in (self._view, self._head):
            _dispose(widget)

    # ── what the person does ──────────────────────────────────────────────────────────────────

    def _on_text(self, change: Any) -> None:
        del change  # it holds the text; the box does too, until the next line but one
        text = Secret(self._box.value)
        self._box.value = ""
        if text:
            self._finish(text)

    def _on_click(self, button: Any) -> None:
        del button
        # What was in the box has come already: leaving it for the button sent it.
        # A click that comes right after that text belongs to it, and must not hide what came of it.
        if self._open and time.monotonic() - self._answered > SAME_GESTURE:
            self._say(messages.hint("Paste the address that your browser shows into the box."))

    def _on_again(self, button: Any) -> None:
        del button
        if self._login.can_retry:
            self._finish(Secret(""))

    def _on_redirect(self, address: Secret) -> bool:
        """Take what the browser brought by itself, and say whether that was the end.

        A tab that is loaded again while Gyazo is being asked gets the answer of the first.
        """
        if self._busy.acquire(timeout=LONGEST_EXCHANGE):
            self._busy.release()
            if self._open:
                self._finish(address)
        return not self._open

    def _finish(self, text: Secret) -> None:
        if not self._busy.acquire(blocking=False):
            # A double click, or the other door was quicker. Nothing is thrown away in silence.
            self._say(messages.hint("Still asking Gyazo: paste again if this fails."))
            return
        try:
            if self._open:
                self._exchange(text)
        finally:
            self._answered = time.monotonic()
            self._busy.release()
            self._on_message_handled()

    def _exchange(self, text: Secret) -> None:
        self._button.description, self._button.icon = "Signing in…", "spinner"
        self._again.layout.display = "none"
        self._say(messages.hint("Asking Gyazo…"))
        try:
            user = self._login.finish(text)
            self._signed_in(user)
        except GyazoError as error:
            self._say(messages.problem(str(error)))
        except BaseException as error:  # noqa: BLE001 -- an interrupt too: this was what it stopped
            # Shown: elsewhere nobody would see it, and the frames of a traceback show the paste.
            self.was_interrupted = isinstance(error, KeyboardInterrupt)
            at = traceback.extract_tb(error.__traceback__)[-1]
            where = f"{type(error).__name__} in {at.name}, line {at.lineno}"
            self._say(messages.problem(f"The sign-in was broken off ({where}): try again."))
        finally:
            if self._open:
                # The link may have become another one, and there may be something to send again.
                self._listen()
                self._show_link()
                self._button.description, self._button.icon = "Sign in", ""
                self._again.layout.display = "" if self._login.can_retry else "none"

    def _signed_in(self, user: User) -> None:
        """End, whatever becomes of the rest: to try again would say that this sign-in is finished."""
        try:
            note = self._save_token()
        except BaseException as error:  # noqa: BLE001 -- an interrupt, above all
            note = f"(What was to follow was broken off: {type(error).__name__}.)"
        self._become(messages.signed_in(user.called, self._session_name, note))

    # ── the other door ────────────────────────────────────────────────────────────────────────

    def _listen(self) -> None:
        """Wait for the browser's redirect too, where that is possible; the box is there anyway."""
        if self._watch.redirect_uri != self._login.redirect_uri:  # a corrected setting
            self._watch.end()
            self._watch = callback_server.CallbackSubscription(self._login.redirect_uri, self._door)
        self._watch.begin()
        if not self._open:  # closed meanwhile
            self._watch.end()
            return
        # Nobody's code is good for longer, and another notebook may want the port.
        if self._late is not None:
            self._late.cancel()
        self._late = threading.Timer(LIFETIME, self.stop_listening)
        self._late.daemon = True
        self._late.start()

    # ── what the person sees ──────────────────────────────────────────────────────────────────

    def _show_link(self) -> None:
        self._head.value = messages.head(
            self._login.url, self._login.redirect_uri, self._note, listening=self.is_listening
        )

    def _say(self, html: str) -> None:
        self._status.value = html

    def _become(self, bundle: messages.Bundle) -> None:
        """Turn into static text: in the widgets for a page that was reloaded, and in the file."""
        self._open = False
        self._watch.end()
        if self._late is not None:
            self._late.cancel()
        self._head.value = bundle["text/html"]
        self._status.value = ""
        self._view.children = [self._head]
        self._masked.stop()
        # The row too: a page that is loaded again asks for every model that is left, and would wait
        # for ever for the closed ones in it.
        for control in (self._row, self._box, self._button, self._again, self._status):
            _dispose(control)
        if self._publisher is not None:
            self._publisher.publish(
                data=bundle, transient={"display_id": self._display_id}, update=True
            )


def _dispose(widget: Any) -> None:
    """Close a widget and the models that it brought along."""
    for part in (widget.layout, getattr(widget, "style", None), widget):
        if part is not None:
            part.close()
