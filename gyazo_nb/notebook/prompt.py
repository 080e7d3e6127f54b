"""Signing in by a prompt: for terminals, consoles, and front ends whose boxes take no paste.

The law: what is typed is hidden. `input()` is never used, since JupyterLab writes its answer into the
notebook's file. The prompt is never empty, and a line before it says where to type.
"""

from __future__ import annotations

import getpass
import warnings
from collections.abc import Callable

from IPython.core.error import StdinNotImplementedError

from gyazo_nb.api.models import User
from gyazo_nb.auth.login import Login
from gyazo_nb.errors import GyazoError, OtherAccountError, PromptError, WaitInterruptedError
from gyazo_nb.secret import Secret

TRIES = 5


def sign_in(login: Login, show_link: Callable[[], None]) -> User:
    """Ask for the address until it signs in. Every mishap is a line, and the prompt comes again.

    `show_link` is called when the link has become another one: printed here, its `state` would stay.
    """
    link = login.url
    for _ in range(TRIES):
        again = " (or nothing, to send the last one again)" if login.can_retry else ""
        answer = ask(f"Paste the whole address{again}, then press Enter: ")
        if not answer and not login.can_retry:
            raise PromptError(
                "Nothing was pasted: run %gyazo_login again when you have the address."
            )
        try:
            return login.finish(answer)
        except OtherAccountError:
            raise
        except GyazoError as error:
            say(str(error))
            if login.url != link:
                link = login.url
                show_link()
    raise PromptError(f"That was the try number {TRIES}: run %gyazo_login again.")


def ask(question: str) -> Secret:
    """Ask for something that is not shown while it is typed."""
    say("Type in the field below (in VS Code: at the top of the window). It stays hidden.")
    try:
        with warnings.catch_warnings():
            # Without a terminal to hide it on, getpass would show what is typed: refused instead.
            warnings.simplefilter("error", getpass.GetPassWarning)
            return Secret(getpass.getpass(question))
    except KeyboardInterrupt:
        raise WaitInterruptedError("Stopped: nothing was asked of Gyazo.") from None
    except (StdinNotImplementedError, EOFError, getpass.GetPassWarning):
        raise PromptError(
            "Nobody can be asked here: set GYAZO_ACCESS_TOKEN to a token from your application's page "
            "before this runs."
        ) from None


def say(text: str) -> None:
    """Write a line where the prompt will be."""
    print(text, flush=True)  # noqa: T201 -- a prompt speaks by printing
