"""Signs in with a prompt: for terminals, consoles, and front ends whose text box accepts no paste.

Guarantees: the typed text is hidden. `input()` is never used, because JupyterLab writes its text into the
notebook file. The prompt is never empty, and a line before it says where to type.
"""

from __future__ import annotations

import getpass
import time
import warnings
from collections.abc import Callable

from IPython.core.error import StdinNotImplementedError

from gyazo_nb.api.models import User
from gyazo_nb.auth.login import Login
from gyazo_nb.errors import (
    DeniedError,
    ExpiredError,
    GyazoError,
    InvalidGrantError,
    OtherAccountError,
    PromptError,
    WaitInterruptedError,
)
from gyazo_nb.secret import Secret, hides_frames

MAX_ATTEMPTS = 5
RETRY_INTERVAL = 3.0  # seconds before a code is sent again, without a prompt


def sign_in(login: Login, show_link: Callable[[], None], command: str = "%gyazo_login") -> User:
    """Read addresses until one signs in. Each error is printed, and the prompt is shown again.

    `show_link` shows the link if it is a new one. It is not printed here, because a printed `state` would
    stay in the notebook. `command` is the line that starts the same sign-in again.
    """
    for _ in range(MAX_ATTEMPTS):
        show_link()
        retry = " (or leave it empty to send the last one again)" if login.can_retry else ""
        pasted = ask(f"Paste the whole address{retry}, then press Enter: ", command)
        if not pasted and not login.can_retry:
            raise PromptError(
                f"The pasted text is empty: run {command} again when you have the address."
            )
        try:
            return login.finish(pasted)
        except OtherAccountError:
            raise
        except GyazoError as error:
            say(str(error))
    raise PromptError(f"{MAX_ATTEMPTS} attempts failed: run {command} again.")


def sign_in_through_hub(
    login: Login, show_link: Callable[[], None], command: str = "%gyazo_login"
) -> User:
    """Wait until the browser has come back to the hub. No text is pasted. Else as `sign_in`."""
    for _ in range(MAX_ATTEMPTS):
        show_link()
        say("Waiting for your browser. To stop, press Ctrl-C or the stop button.")
        try:
            return login.finish()
        except KeyboardInterrupt:
            raise WaitInterruptedError(
                f"Stopped before the sign-in: run {command} again."
            ) from None
        except (OtherAccountError, ExpiredError):
            raise
        except GyazoError as error:
            # After a denial, the link can be opened again. A code that was not exchanged is sent again.
            if not (login.can_retry or isinstance(error, DeniedError | InvalidGrantError)):
                raise
            say(str(error))
            if login.can_retry:
                time.sleep(RETRY_INTERVAL)
    raise PromptError(f"{MAX_ATTEMPTS} attempts failed: run {command} again.")


@hides_frames
def ask(question: str, command: str = "%gyazo_login") -> Secret:
    """Read a text that stays hidden while it is typed. `command` is the line that starts again."""
    say("Type in the field below (in VS Code: at the top of the window). It stays hidden.")
    try:
        with warnings.catch_warnings():
            # Without a terminal that can hide the text, getpass would show it: an error instead.
            warnings.simplefilter("error", getpass.GetPassWarning)
            return Secret(getpass.getpass(question))
    except KeyboardInterrupt:
        raise WaitInterruptedError(f"Stopped before the sign-in: run {command} again.") from None
    except (StdinNotImplementedError, EOFError, getpass.GetPassWarning):
        raise PromptError(
            "This environment does not support prompts: set GYAZO_ACCESS_TOKEN to a token from your "
            "application's page before the notebook runs."
        ) from None


def say(text: str) -> None:
    """Print a line above the prompt."""
    print(text, flush=True)  # noqa: T201 -- a prompt is text in the output
