"""What the front end of the running cell can do.

Guarantees: a capability is tested when it is needed, and never guessed from the name of a product.
"""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass
from importlib.util import find_spec
from typing import Any


@dataclass(frozen=True, slots=True)
class Frontend:
    """Whether widgets can be shown to the user of a cell, and whether the user can answer a prompt."""

    in_kernel: bool
    can_prompt: bool
    shows_widgets: bool

    @property
    def is_headless(self) -> bool:
        """The user can neither click nor answer: nbclient, nbconvert, papermill, a script."""
        return not self.can_prompt and not self.shows_widgets

    @property
    def is_page(self) -> bool:
        """The user sees a page without cells, and can run no command there: Voila."""
        return not self.can_prompt and self.shows_widgets


def detect_frontend(shell: Any) -> Frontend:
    """Detect what the front end of the running cell can do."""
    kernel = getattr(shell, "kernel", None)
    if kernel is None:
        return Frontend(in_kernel=False, can_prompt=_has_terminal(), shows_widgets=False)
    content = request_of(kernel).get("content", {})
    can_prompt = bool(content.get("allow_stdin", True))
    # Voila does not support prompts either, but it shows widgets. It sets this variable to its name.
    is_voila = os.environ.get("SERVER_SOFTWARE", "").startswith("voila")
    return Frontend(
        in_kernel=True,
        can_prompt=can_prompt,
        shows_widgets=(can_prompt or is_voila) and find_spec("ipywidgets") is not None,
    )


def _has_terminal() -> bool:
    try:
        return sys.stdin.isatty()
    except (AttributeError, ValueError):  # standard input is missing or closed
        return False


def request_of(kernel: Any) -> dict[str, Any]:
    """Return the message that requested the running cell."""
    try:
        parent = kernel.get_parent("shell")
    except TypeError:  # a kernel whose get_parent takes no channel
        parent = kernel.get_parent()
    return parent or {}


def send_idle_status(shell: Any) -> None:
    """Tell the front end that the kernel has handled a widget's message.

    ipykernel 7.4 does not send this status while a cell awaits. The front end then sends no further
    change of that widget, so a second paste would never arrive. Remove this when ipykernel sends it.
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
    """Whether the kernel handles widget messages while a cell awaits. ipykernel 7 and later do."""
    return getattr(shell, "kernel", None) is None or kernel_version() >= (7, 0)


def kernel_version() -> tuple[int, ...]:
    """The first two numbers of the version of ipykernel, as in `(7, 4)`."""
    from ipykernel._version import version_info  # noqa: PLC0415 -- only in a kernel

    return tuple(part for part in version_info[:2] if isinstance(part, int))
