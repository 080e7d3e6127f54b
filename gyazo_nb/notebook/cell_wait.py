"""`%gyazo_login --wait`: the cell waits, and its widgets work during the wait.

Guarantees: private names of ipykernel are used in this module only, after a check that they exist. An
interrupt ends the wait, and then the queued cells do not run.
"""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, nullcontext
from importlib.util import find_spec
from typing import Any, TypeVar

from .frontend import kernel_version

T = TypeVar("T")

ABORT_WINDOW = 1.0  # seconds for which ipykernel 6 drops queued cells after an error
POLL_INTERVAL = 0.1  # seconds; an interrupt takes effect between two polls


class CellWait:
    """Lets a cell wait while its widgets keep working. The method depends on the kernel.

    Measured on ipykernel 6.31 and 7.0 to 7.4 in JupyterLab and Notebook 7:

    - 6: the kernel handles no message while a cell runs, so jupyter_ui_poll polls the messages;
    - 7.0 to 7.3: widget callbacks run on a separate thread;
    - 7.4: widget messages wait for the cell, unless they are routed to a subshell, made here.
    """

    def __init__(self, shell: Any, comms: Iterable[Any], busy: Callable[[], bool]) -> None:
        self._kernel: Any = getattr(shell, "kernel", None)
        self._comms = [comm for comm in comms if comm is not None]
        self._busy = busy  # returns whether a widget callback is running
        self._is_ipykernel_6 = self._kernel is not None and kernel_version() < (7, 0)

    @property
    def unsupported_reason(self) -> str:
        """Why a widget cannot end the wait here, or an empty text."""
        if self._kernel is None:
            return "Without a kernel, the box does not work"
        if self._is_ipykernel_6 and find_spec("jupyter_ui_poll") is None:
            return 'ipykernel 6 needs  %pip install "gyazo-nb[wait]"  to handle the box while a cell runs'
        if self._routes_replies and self._subshell_manager() is None:
            return "This kernel cannot handle the box while a cell runs"
        return ""

    def wait(self, done: Callable[[], bool], seconds: float) -> bool:
        """Wait until `done()` or a timeout, and return `done()`. An interrupt ends the wait at once."""
        deadline = time.monotonic() + seconds
        with self._handling_messages() as poll:
            while not done() and time.monotonic() < deadline:
                poll()
                time.sleep(POLL_INTERVAL)
        if not done():
            self.abort_later_cells()
        return done()

    @property
    def _routes_replies(self) -> bool:
        """Whether the kernel routes a comm's messages to the shell that used it last (the cell's)."""
        return any(hasattr(comm, "_reply_subshell_for") for comm in self._comms)

    @contextmanager
    def _handling_messages(self) -> Iterator[Callable[[], object]]:
        manager = self._subshell_manager() if self._routes_replies else None
        if self._is_ipykernel_6 and find_spec("jupyter_ui_poll") is not None:
            from jupyter_ui_poll import ui_events  # noqa: PLC0415 -- used on ipykernel 6 only

            try:
                with ui_events() as poll:
                    yield lambda: poll(10)
            except KeyboardInterrupt:
                self.abort_later_cells()
                raise
        else:
            with self._own_subshell(manager) if manager is not None else nullcontext():
                yield lambda: None

    def abort_later_cells(self) -> None:
        """Prevent the queued cells from running, when this cell is about to fail.

        jupyter_ui_poll holds them back, and runs them after the cell. By then ipykernel 6 has stopped
        dropping cells, unless its timeout is longer.
        """
        if not self._is_ipykernel_6:
            return
        kernel, before = self._kernel, self._kernel.stop_on_error_timeout
        if before >= ABORT_WINDOW:
            return  # an earlier call has set it
        kernel.stop_on_error_timeout = ABORT_WINDOW
        restore = threading.Timer(2.0, setattr, (kernel, "stop_on_error_timeout", before))
        restore.daemon = True
        restore.start()

    def _subshell_manager(self) -> Any:
        """The kernel's subshell manager, if it has the methods that are used here."""
        thread = getattr(self._kernel, "shell_channel_thread", None)
        manager = getattr(thread, "manager", None)
        needed = ("_create_subshell", "_delete_subshell")
        return manager if all(hasattr(manager, name) for name in needed) else None

    @contextmanager
    def _own_subshell(self, manager: Any) -> Iterator[None]:
        subshell = self._on_shell_channel(manager._create_subshell)  # noqa: SLF001 -- checked above
        for comm in self._comms:
            comm._reply_subshell_for = lambda data, default: subshell  # noqa: ARG005, SLF001
        try:
            yield
        finally:
            for comm in self._comms:
                del comm._reply_subshell_for  # noqa: SLF001 -- ours, from above
            threading.Thread(
                target=self._end_subshell, args=(manager, subshell), daemon=True
            ).start()

    def _end_subshell(self, manager: Any, subshell: Any) -> None:
        """End a subshell when no message is pending. Earlier, this would block the whole shell channel."""
        time.sleep(2.0)
        while self._busy():
            time.sleep(POLL_INTERVAL)
        self._on_shell_channel(lambda: manager._delete_subshell(subshell))  # noqa: SLF001

    def _on_shell_channel(self, function: Callable[[], T]) -> T:
        """Call a function on the shell channel's thread, the only one that may use subshells."""

        async def call() -> T:
            return function()

        loop = self._kernel.shell_channel_thread.io_loop.asyncio_loop
        return asyncio.run_coroutine_threadsafe(call(), loop).result(timeout=5)
