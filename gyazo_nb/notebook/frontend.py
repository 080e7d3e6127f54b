"""What the front end of the running cell can do.

Guarantees: a capability is tested at the moment when it is needed, and never guessed from the name of a
product.
"""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass
from importlib.util import find_spec
from typing import Any


@dataclass(frozen=True, slots=True)
class Frontend:
    """Where a cell runs: what can be shown there, and whether somebody can be asked."""

    in_kernel: bool
    can_prompt: bool
    """Somebody can answer a prompt."""
    shows_widgets: bool
    """Widgets can be made, and a front end may show them."""

    @property
    def is_headless(self) -> bool:
        """Nobody is there to click or to answer: nbclient, nbconvert, papermill, a script."""
        return not self.can_prompt and not self.shows_widgets


def detect_frontend(shell: Any) -> Frontend:
    """Find out what the place can do, for the cell that is running."""
    kernel = getattr(shell, "kernel", None)
    if kernel is None:
        return Frontend(in_kernel=False, can_prompt=_has_terminal(), shows_widgets=False)
    content = _request(kernel).get("content", {})
    can_prompt = bool(content.get("allow_stdin", True))
    # Voila answers no prompt either, but it shows widgets; it names itself in this variable.
    serves_page = os.environ.get("SERVER_SOFTWARE", "").startswith("voila")
    return Frontend(
        in_kernel=True,
        can_prompt=can_prompt,
        shows_widgets=(can_prompt or serves_page) and find_spec("ipywidgets") is not None,
    )


def _has_terminal() -> bool:
    try:
        return sys.stdin.isatty()
    except (AttributeError, ValueError):  # no standard input at all, or a closed one
        return False


def _request(kernel: Any) -> dict[str, Any]:
    """Give the message that made the running cell run."""
    try:
        parent = kernel.get_parent("shell")
    except TypeError:  # a kernel that knows one channel only
        parent = kernel.get_parent()
    return parent or {}


def send_idle_status(shell: Any) -> None:
    """Tell the front end that a widget's message has been handled.

    ipykernel 7.4 does not when a cell is awaiting at the same time, and the front end then sends no
    further change of that widget: a second paste would never arrive. Remove when it does.
    """
    kernel = getattr(shell, "kernel", None)
    if kernel is None:
        return
    kernel.session.send(
        kernel.iopub_socket,
        "status",
        {"execution_state": "idle"},
        parent=kernel.get_parent(),
        ident=f"kernel.{kernel.ident}.status".encode(),
    )


def handles_widgets_while_awaiting(shell: Any) -> bool:
    """Whether a widget's message is handled while a cell awaits: from ipykernel 7 on."""
    return getattr(shell, "kernel", None) is None or kernel_version() >= (7, 0)


def kernel_version() -> tuple[int, ...]:
    """The first two numbers of the version of ipykernel, as in `(7, 4)`."""
    from ipykernel._version import version_info  # noqa: PLC0415 -- there is a kernel, so it is there

    return tuple(part for part in version_info[:2] if isinstance(part, int))
