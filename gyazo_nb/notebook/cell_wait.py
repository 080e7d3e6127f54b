"""`%gyazo_login --wait`: a cell that waits while its widgets keep working.

Guarantees: private names of ipykernel are used in this module only, after a check that they exist. An
interrupt ends the wait, and the queued cells do not run then.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from importlib.util import find_spec
from typing import Any, TypeVar

from .frontend import kernel_version

T = TypeVar("T")

ABORT_WINDOW = 1.0  # seconds for which ipykernel 6 goes on dropping queued cells
POLL_INTERVAL = (
    0.1  # seconds between two looks at what is waited for: an interrupt is noticed in between
)


class CellWait:
    """Lets a cell wait while its widgets stay alive, by whatever holds on this kernel.

    Measured on ipykernel 6.31 and 7.0 to 7.4 in JupyterLab and Notebook 7:

    - 6: nothing is handled while a cell runs, so messages are polled by jupyter_ui_poll;
    - 7.0 to 7.3: callbacks run on a thread of their own;
    - 7.4: they wait for the cell, unless the widgets' messages are led to a subshell of our own.
    """

    def __init__(self, shell: Any, comms: Iterable[Any], busy: Callable[[], bool]) -> None:
        self._kernel: Any = getattr(shell, "kernel", None)
        self._comms = [comm for comm in comms if comm is not None]
        self._busy = busy  # whether a widget's message is being handled

    @property
    def unsupported_reason(self) -> str:
        """Why a widget cannot end the wait here, or nothing."""
        if self._kernel is None:
            return "There is no kernel here to handle a box"
        if kernel_version() < (7, 0) and find_spec("jupyter_ui_poll") is None:
            return 'ipykernel 6 handles no box while a cell runs, without %pip install "gyazo-nb[wait]"'
        if self._leads_replies and self._subshell_maker() is None:
            return "This kernel handles no box while a cell runs"
        return ""

    def wait(self, done: Callable[[], bool], seconds: float) -> bool:
        """Wait until `done()` or the time is up, and say which. An interrupt ends it at once."""
        until = time.monotonic() + seconds
        with self._alive() as poll:
            while not done() and time.monotonic() < until:
                poll()
                time.sleep(POLL_INTERVAL)
        if not done():
            self.abort_later_cells()
        return done()

    @property
    def _leads_replies(self) -> bool:
        """7.4 leads a comm's messages to the shell that last sent on it: to the waiting cell's."""
        return any(hasattr(comm, "_reply_subshell_for") for comm in self._comms)

    @contextmanager
    def _alive(self) -> Iterator[Callable[[], object]]:
        if self._kernel is None:
            yield lambda: None
        elif kernel_version() < (7, 0) and find_spec("jupyter_ui_poll") is not None:
            with self._polled() as poll:
                yield poll
        elif self._leads_replies:
            with self._own_subshell():
                yield lambda: None
        else:
            yield lambda: None

    @contextmanager
    def _polled(self) -> Iterator[Callable[[], object]]:
        from jupyter_ui_poll import ui_events  # noqa: PLC0415 -- of use on ipykernel 6 only

        try:
            with ui_events() as poll:
                yield lambda: poll(10)
        except KeyboardInterrupt:
            self.abort_later_cells()
            raise

    def abort_later_cells(self) -> None:
        """Keep the cells that were queued from running, when this one is about to fail.

        jupyter_ui_poll holds them back and runs them when the cell has ended; by then a kernel of
        generation 6 has forgotten that it was aborting, unless it is told to remember for longer.
        """
        if self._kernel is None or kernel_version() >= (7, 0):
            return
        kernel, before = self._kernel, self._kernel.stop_on_error_timeout
        if before >= ABORT_WINDOW:
            return  # it was told so a moment ago
        kernel.stop_on_error_timeout = ABORT_WINDOW
        restore = threading.Timer(2.0, setattr, (kernel, "stop_on_error_timeout", before))
        restore.daemon = True
        restore.start()

    def _subshell_maker(self) -> Any:
        """The kernel's manager of subshells, if it has the parts that are needed here."""
        thread = getattr(self._kernel, "shell_channel_thread", None)
        manager = getattr(thread, "manager", None)
        needed = ("_create_subshell", "_delete_subshell")
        return manager if all(hasattr(manager, name) for name in needed) else None

    @contextmanager
    def _own_subshell(self) -> Iterator[None]:
        manager = self._subshell_maker()
        if manager is None:  # then the widgets are handled after the cell, as the obstacle says
            yield
            return
        subshell = self._on_shell_channel(manager._create_subshell)  # noqa: SLF001 -- probed above
        for comm in self._comms:
            comm._reply_subshell_for = lambda data, default: subshell  # noqa: ARG005, SLF001
        try:
            yield
        finally:
            for comm in self._comms:
                del comm._reply_subshell_for  # noqa: SLF001 -- ours, from above
            threading.Thread(target=self._end, args=(manager, subshell), daemon=True).start()

    def _end(self, manager: Any, subshell: Any) -> None:
        """End a subshell when nothing is on its way there, and nothing under way.

        Ending it waits for what it is at, and the whole shell channel waits along.
        """
        time.sleep(2.0)
        while self._busy():
            time.sleep(POLL_INTERVAL)
        self._on_shell_channel(lambda: manager._delete_subshell(subshell))  # noqa: SLF001

    def _on_shell_channel(self, function: Callable[[], T]) -> T:
        """Call something on the thread that alone may touch subshells."""
        result: Future[T] = Future()

        def call() -> None:
            try:
                result.set_result(function())
            except Exception as error:  # noqa: BLE001 -- handed over to the thread that asked
                result.set_exception(error)

        self._kernel.shell_channel_thread.io_loop.add_callback(call)
        return result.result(timeout=5)
