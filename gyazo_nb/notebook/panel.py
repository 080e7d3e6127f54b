"""The panel of `%gyazo_login`: the link, the text box and the buttons. It contains no sign-in logic.

Guarantees:

- A widget callback assumes no thread and no event loop. It takes a lock, blocks during the exchange,
  never prints, sets traits, and at the end updates its own output by display id.
- No pasted text stays: the box is emptied first. At the end the panel becomes static text, which a
  reader of the saved notebook sees without a kernel.
"""

from __future__ import annotations

import logging
import threading
import time
import traceback
import uuid
from collections.abc import Callable
from math import inf
from typing import Any

import ipywidgets as widgets
from IPython.core.getipython import get_ipython
from IPython.display import display
from traitlets import Unicode

from gyazo_nb.api.models import User
from gyazo_nb.auth import callback_server, hub_redirect
from gyazo_nb.auth.login import Login
from gyazo_nb.auth.oauth import LIFETIME
from gyazo_nb.errors import GyazoError
from gyazo_nb.secret import Secret, hides_frames

from . import messages

EXCHANGE_TIMEOUT = 60.0  # seconds for which a second redirect waits for the first
BLUR_CLICK_WINDOW = 1.0  # seconds: a click on the button first takes the focus from the box


class Box(widgets.Text):
    """A text box whose content the kernel does not send back, to this page or to any other open page."""

    value = Unicode("").tag(sync=True, echo_update=False)


class Panel:
    """Shows a `Login` and finishes it, with the text from the box or with the browser's redirect.

    `session_name` is the variable to name at the end. `stay_signed_in` is the first state of the check
    box, or None for a panel without one. `prompt_command` and `new_command` are the lines for another
    method and for a new sign-in; both are empty where the user cannot run them. `save_token` is called
    after the sign-in, and returns a line to add. Then `on_signed_in` is called.
    `on_message_handled` is called after each message of the front end.
    """

    def __init__(
        self,
        login: Login,
        *,
        session_name: str = "gyazo",
        note: str = "",
        stay_signed_in: bool | None = None,
        prompt_command: str = "%gyazo_login --mode prompt",
        new_command: str = "%gyazo_login",
        save_token: Callable[[], str] = str,
        on_signed_in: Callable[[User], object] = str,
        on_message_handled: Callable[[], None] = lambda: None,
    ) -> None:
        self._login, self._session_name, self._note = login, session_name, note
        self._prompt_command = prompt_command
        self.new_command = new_command
        self._save_token, self._on_signed_in = save_token, on_signed_in
        self._on_message_handled = on_message_handled
        self._display_id = uuid.uuid4().hex
        self._busy = threading.Lock()
        self.is_open = True  # neither finished nor closed
        self._user: User | None = None  # who signed in here
        self._end_text: messages.Bundle | None = None  # for an exchange that runs at the end
        self.was_interrupted = False
        self._last_result_at = -inf
        # Stored now: when the sign-in ends, a later cell may have redirected the outputs (%%capture).
        shell: Any = get_ipython()
        self._publisher = shell.display_pub
        self._subscriber = callback_server.Subscriber(
            login.recognises, self._on_redirect, on_timeout=self._show_link
        )
        self._subscription = self._new_subscription()

        # Plain controls of ipywidgets, which work in every front end. With continuous_update=False the
        # text arrives once and complete: when the user presses Enter or leaves the box (with Tab, or
        # with a click on the button). So the arrival of the text is the only signal to start.
        self._head = widgets.HTML()
        self._box = Box(
            description="Address or code",
            placeholder="Paste here",
            continuous_update=False,
            style={"description_width": "initial"},
            layout=widgets.Layout(
                flex="1 1 260px", flex_flow="row wrap", width="auto", height="auto"
            ),
        )
        self._button = widgets.Button(
            description="Sign in",
            button_style="primary",
            tooltip="Sign in with the pasted address or code (pressing Enter or leaving the box does the same)",
            layout=widgets.Layout(flex="0 0 auto", width="auto", min_width="110px"),
        )
        # A separate button: a click on "Sign in" arrives after the text that it took from the box, and
        # would send a code again that has just failed.
        self._retry_button = widgets.Button(
            description="Try again",
            icon="refresh",
            tooltip="Send the same code again: it is still valid",
            layout=widgets.Layout(width="auto", align_self="flex-start", display="none"),
        )
        self._stay = widgets.Checkbox(
            value=bool(stay_signed_in),
            description="Stay signed in on this machine",
            tooltip="Save the token for later kernels, until you run %gyazo_logout",
            indent=False,
            layout=widgets.Layout(
                width="auto", height="auto", display="none" if stay_signed_in is None else ""
            ),
        )
        self._status = widgets.HTML()
        self._status.add_class(messages.STATUS_CLASS)
        self._row = widgets.HBox(
            [self._box, self._button],
            layout=widgets.Layout(flex_flow="row wrap", align_items="center"),
        )
        # If the hub receives the redirect, there is no box: the browser shows no address to paste.
        rows = [] if login.uses_hub else [self._row]
        self._view = widgets.VBox(
            [self._head, *rows, self._stay, self._status, self._retry_button],
            # In a very narrow window, the output scrolls: otherwise each line would hold one letter.
            layout=widgets.Layout(
                max_width="680px", min_width="240px", padding="4px 2px", overflow="visible"
            ),
        )
        self._view.add_class(messages.PANEL_CLASS)
        self._log_filter = WidgetLogFilter(self._box.model_id)
        self._box.observe(self._on_text, names="value")
        self._button.on_click(self._on_click)
        self._retry_button.on_click(self._on_retry)

    def show(self) -> None:
        """Display the panel, and listen. HTML and plain text are added for a page without widgets."""
        self._log_filter.start()
        self._listen()
        self._show_link()
        self._display()

    @hides_frames
    def _display(self) -> None:
        display(
            {
                "application/vnd.jupyter.widget-view+json": {
                    "version_major": 2,
                    "version_minor": 0,
                    "model_id": self._view.model_id,
                },
                **messages.panel_fallback(self._login.url, self._pasted_uri, self._prompt_command),
            },
            raw=True,
            display_id=self._display_id,
        )

    @property
    def is_busy(self) -> bool:
        """Whether a request to Gyazo is running."""
        return self._busy.locked()

    @property
    def _pasted_uri(self) -> str | None:
        return None if self._login.uses_hub else self._login.redirect_uri

    @property
    def is_listening(self) -> bool:
        """Whether the redirect of a browser on this machine finishes the sign-in."""
        return self._subscription.is_active

    @property
    def comms(self) -> list[Any]:
        """The comms that carry the messages of the controls."""
        controls = (self._box, self._button, self._retry_button, self._stay)
        return [control.comm for control in controls]

    @property
    def stays_signed_in(self) -> bool:
        """Whether the user wants the token to be saved."""
        return self._stay.value is True

    def add_note(self, text: str) -> None:
        """Add a sentence above the link."""
        self._note = f"{self._note} {text}".strip()

    def stop_listening(self) -> None:
        """Release the port. The box stays; a text pasted into it starts the listening again.

        Where the hub receives the redirect, no port is used, and the panel has no box: it goes on.
        """
        if not self._login.uses_hub:
            self._subscription.stop()
            self._show_link()

    def close(self) -> None:
        """End the sign-in and release everything, at unload. The output becomes static text."""
        self._login.cancel()
        if self.is_open:
            self._replace_with(messages.panel_closed(self.new_command))
        elif self._user is not None:
            self._publish(messages.was_signed_in(self._user.called))
        self._release()  # an interrupt may have ended an earlier call
        for widget in (self._view, self._head):
            _close_widget(widget)

    def end(self, text: messages.Bundle) -> None:
        """End the sign-in from outside, if it is open. The output becomes `text`."""
        self._end_text = text
        self._login.cancel()
        if self._busy.acquire(blocking=False):  # otherwise the running exchange ends the panel
            try:
                if self.is_open:
                    self._replace_with(text)
            finally:
                self._busy.release()

    # ── what the user does ───────────────────────────────────────────────────────────────────────

    def _on_text(self, change: Any) -> None:
        # The change contains the text. The box does, too, until it is emptied below.
        del change
        text = Secret(self._box.value)
        self._box.value = ""
        if text:
            self._submit(text)

    def _on_click(self, _: Any) -> None:
        # The text of the box has already arrived: the click took the focus from the box, which sent it.
        # A click during the exchange of that text, or right after it, must not hide its result.
        if not self.is_open or self.is_busy:
            return
        if time.monotonic() - self._last_result_at > BLUR_CLICK_WINDOW:
            self._status.value = messages.status_hint(
                "Paste the address that your browser shows into the box."
            )

    def _on_retry(self, _: Any) -> None:
        if self._login.can_retry:
            self._submit(Secret(""))

    def _on_redirect(self, address: Secret) -> bool:
        """Use the address of the browser's redirect, and return whether the panel is finished.

        A tab that is reloaded during the exchange gets the result of the first request.
        """
        if self._busy.acquire(timeout=EXCHANGE_TIMEOUT):
            self._exchange(address)
        return not self.is_open

    def _submit(self, text: Secret) -> None:
        if not self._busy.acquire(blocking=False):
            # A double click, or a redirect during the exchange. The user must see that it is ignored.
            self._status.value = messages.status_hint(
                "Still signing in: paste again if this fails."
            )
            return
        self._exchange(text)

    def _exchange(self, text: Secret) -> None:
        """Finish the sign-in if the panel is open, and release `_busy`, which the caller has acquired."""
        try:
            if self.is_open:
                self._finish_login(text)
        finally:
            self._last_result_at = time.monotonic()
            self._busy.release()
            self._on_message_handled()

    def _finish_login(self, text: Secret) -> None:
        self._button.description, self._button.icon = "Signing in…", "spinner"
        self._retry_button.layout.display = "none"
        self._status.value = messages.status_hint("Asking Gyazo…")
        try:
            user = self._login.finish(text)
            self._show_signed_in(user)
        except GyazoError as error:
            self._status.value = messages.status_error(str(error))
        except BaseException as error:  # noqa: BLE001 -- also an interrupt, which stops this callback only
            # Shown in the panel: a front end may not show a callback's traceback, and its frames
            # contain the pasted text.
            self.was_interrupted = isinstance(error, KeyboardInterrupt)
            frame = traceback.extract_tb(error.__traceback__)[-1]
            where = f"{type(error).__name__} in {frame.name}, line {frame.lineno}"
            self._status.value = messages.status_error(
                f"The sign-in was interrupted ({where}): try again."
            )
        finally:
            if self.is_open and self._end_text is not None:
                self._replace_with(self._end_text)
            elif self.is_open:
                # The link may be a new one, and there may be a code to send again.
                self._listen()
                self._show_link()
                self._button.description, self._button.icon = "Sign in", ""
                self._retry_button.layout.display = "" if self._login.can_retry else "none"

    def _show_signed_in(self, user: User) -> None:
        """Finish the panel, also if the token cannot be saved: the sign-in cannot be repeated."""
        try:
            note = self._save_token()
        except BaseException as error:  # noqa: BLE001 -- above all an interrupt
            reason = "interrupted" if isinstance(error, KeyboardInterrupt) else type(error).__name__
            note = f"(The token was not saved: {reason}.)"
        self._user = user
        self._replace_with(
            messages.signed_in(
                user.called, self._session_name, note, commands=bool(self.new_command)
            )
        )
        self._on_signed_in(user)

    # ── the browser's redirect ───────────────────────────────────────────────────────────────────

    def _listen(self) -> None:
        """Wait for the browser's redirect, if that is possible. The box works in any case."""
        if self._subscription.redirect_uri != self._login.redirect_uri:  # a corrected setting
            self._subscription.stop()
            self._subscription = self._new_subscription()
        self._subscription.start()
        if not self.is_open:  # closed at the same time, on another thread
            self._subscription.stop()

    def _new_subscription(
        self,
    ) -> callback_server.CallbackSubscription | hub_redirect.RedirectSubscription:
        if self._login.uses_hub:
            return hub_redirect.RedirectSubscription(
                self._login, self._subscriber, self._on_hub_error
            )
        # The link is valid no longer than LIFETIME, and another notebook may need the port.
        return callback_server.CallbackSubscription(
            self._login.redirect_uri, self._subscriber, lifetime=LIFETIME
        )

    def _on_hub_error(self, error: GyazoError) -> None:
        self._show_link()
        if self.is_open:
            self._status.value = messages.status_error(str(error))

    # ── what the user sees ───────────────────────────────────────────────────────────────────────

    @hides_frames  # the link contains the `state`
    def _show_link(self) -> None:
        if not self.is_open:
            return
        self._head.value = messages.panel_steps(
            self._login.url,
            self._pasted_uri,
            self._note,
            listening=self.is_listening,
            prompt_command=self._prompt_command,
            new_command=self.new_command,
        )

    def _release(self) -> None:
        self._subscription.stop()
        self._log_filter.stop()

    def _replace_with(self, bundle: messages.Bundle) -> None:
        """Become static text: in the notebook file, and in the widgets, which a reloaded page shows.

        The output is replaced first: a notebook that is saved before the widgets change must not contain
        the view of a widget.
        """
        self.is_open = False
        self._release()
        self._publish(bundle)
        self._head.value = bundle["text/html"]
        self._status.value = ""
        self._view.children = [self._head]
        # The row, too: a page that is reloaded requests every remaining model, and would wait forever
        # for the closed controls in the row.
        controls = (self._box, self._button, self._stay, self._retry_button, self._status)
        for widget in (self._row, *controls):
            _close_widget(widget)

    def _publish(self, bundle: messages.Bundle) -> None:
        self._publisher.publish(
            data=bundle, transient={"display_id": self._display_id}, update=True
        )


def _close_widget(widget: Any) -> None:
    for part in (widget.layout, getattr(widget, "style", None), widget):
        if part is not None:
            part.close()


# ── logs: at DEBUG, `comm` and a kernel that was started with --debug log every message completely ──────

# Here, and not in each panel: getLogger takes the lock of the whole package `logging`, and Python 3.11 keeps
# that lock for ever if an interrupt comes between its acquisition and its `try`.
_COMM_LOG = logging.getLogger("Comm")


class WidgetLogFilter(logging.Filter):
    """Masks the log records about one widget, which it recognizes by the id of the widget's model."""

    def __init__(self, model_id: str) -> None:
        super().__init__()
        self._model_id = model_id
        self._loggers = [_COMM_LOG]
        log = getattr(getattr(get_ipython(), "kernel", None), "log", None)
        while isinstance(log, logging.LoggerAdapter):
            log = log.logger
        if isinstance(log, logging.Logger):  # a kernel of another project may have something else
            self._loggers.append(log)

    def start(self) -> None:
        """Add the filter to the loggers."""
        for logger in self._loggers:
            logger.addFilter(self)

    def stop(self) -> None:
        """Remove the filter from the loggers."""
        for logger in self._loggers:
            logger.removeFilter(self)

    def filter(self, record: logging.LogRecord) -> bool:
        """Pass every record, but without the content if it is about this widget."""
        if record.args and self._model_id in repr(record.args):
            record.msg = "message of the gyazo_nb panel (not logged: it may contain a secret)"
            record.args = ()
        return True
