"""Watches the outputs that IPython displays, and runs the cell of `%%gyazo`, which uploads their pictures.

Guarantees:

- Watching changes no output, and keeps no object alive. Afterwards, the shell is as before.
- The cell of `%%gyazo` runs as it would without the magic. Its outputs appear at their usual places and in their
  order, `_` and `Out` are kept, and an error is shown once and fails the cell.
- Only visible outputs count: an output that was cleared, or replaced by an update, does not.
- Only `run_coroutine` patches the event loop, only when this is needed, and with nest-asyncio2. The
  archived nest_asyncio makes ipykernel 7 lose queued cells.
"""

from __future__ import annotations

import asyncio
import re
import signal
import sys
import threading
import weakref
from collections.abc import Callable, Coroutine, Mapping
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from typing import Any, TypeVar

from IPython.core import async_helpers
from IPython.core.interactiveshell import ExecutionResult, InteractiveShell

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Output:
    """One displayed output: its MIME bundle, its object where that is known, and the class of the object.

    `widget` is the `Output` widget of ipywidgets that shows it, or None for the output area of the cell.
    `size` is an estimate in bytes, where it is needed.
    """

    bundle: Mapping[str, Any]
    item: Any = None
    widget: Any = None
    size: int = 0
    item_class: type | None = None

    @property
    def is_kept(self) -> bool:
        """Whether it holds data or an object."""
        return bool(self.bundle) or self.item is not None


class Listener:
    """Gets every output that IPython displays. This class ignores them."""

    def on_display(self, output: Output, display_id: object) -> None:
        """An output is displayed, or updated."""

    def on_write(self, widget: Any) -> None:
        """A text is printed after `on_clear` with `wait`."""

    def on_clear(self, widget: Any, *, wait: bool) -> None:
        """The outputs are cleared: now, or with `wait` at the next output."""


class DisplayedOutputs(Listener):
    """The visible outputs of one cell, in order."""

    def __init__(self) -> None:
        self._outputs: dict[object, Output] = {}
        self._cleared_by_next: list[Any] = []  # the widgets, or None, with a pending clear

    def visible(self) -> list[Output]:
        """Return the outputs that are still visible, in order."""
        return list(self._outputs.values())

    def on_display(self, output: Output, display_id: object) -> None:
        """Record an output. It replaces an earlier output with the same display id."""
        self.on_write(output.widget)
        self._outputs[object() if display_id is None else display_id] = output

    def clear(self) -> None:
        """Forget all outputs."""
        self._outputs.clear()

    def replace(self, display_id: object, output: Output) -> None:
        """Replace the output with this display id, if there is one."""
        if display_id in self._outputs:
            self._outputs[display_id] = output

    def on_write(self, widget: Any) -> None:
        """Record that something was printed or displayed: a pending clear takes effect now."""
        if any(one is widget for one in self._cleared_by_next):
            self.on_clear(widget, wait=False)

    def on_clear(self, widget: Any, *, wait: bool) -> None:
        """Record that the outputs of a widget, or of the cell, are cleared: now, or at the next output."""
        self._cleared_by_next = [one for one in self._cleared_by_next if one is not widget]
        if wait:
            self._cleared_by_next.append(widget)
            return
        for key in [key for key, output in self._outputs.items() if output.widget is widget]:
            del self._outputs[key]


def show_pending_figures(shell: InteractiveShell) -> None:
    """Show the figures now that Matplotlib's inline backend shows when the cell ends."""
    backend: Any = sys.modules.get("matplotlib_inline.backend_inline")
    if backend is not None and backend.flush_figures in shell.events.callbacks["post_execute"]:
        backend.flush_figures()


def run(shell: InteractiveShell, cell: str) -> tuple[DisplayedOutputs, ExecutionResult]:
    """Run a cell. Return its outputs, which include the inline figures at its end, and its result."""
    outputs = DisplayedOutputs()
    hook: Any = shell.displayhook

    def quiet() -> bool:
        # A `;` at the end of the cell hides its value. IPython would look for it in the outer cell.
        return bool(hook.semicolon_at_end_of_expression(shell.transform_cell(cell)))

    with ExitStack() as stack:
        _use_running_loop(stack, shell)
        # Running a cell overwrites the result of the outer cell.
        stack.callback(setattr, hook, "exec_result", hook.exec_result)
        patch_method(stack, hook, "quiet", quiet)
        Watch(stack, shell, outputs, only_this_cell=True)
        result: ExecutionResult = shell.run_cell(cell, store_history=False)
    return outputs, result


def _use_running_loop(stack: ExitStack, shell: InteractiveShell) -> None:
    """Run a cell that awaits in the event loop that is running: IPython would start another one."""
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return  # a terminal: IPython's own runner is right
    original = shell.loop_runner
    # Leave other runners unchanged: `%autoawait trio` sets one. The name is private; where it does not
    # exist, every runner is left unchanged.
    if original is getattr(async_helpers, "_asyncio_runner", None):
        stack.callback(setattr, shell, "loop_runner", original)
        shell.loop_runner = lambda coroutine: run_coroutine(_cancellable(coroutine))


async def _cancellable(coroutine: Coroutine[Any, Any, T]) -> T:
    """Let SIGINT cancel the coroutine, as kernels do. A `KeyboardInterrupt` would end their loop."""
    loop, task = asyncio.get_running_loop(), asyncio.current_task()
    former_handler = signal.getsignal(signal.SIGINT)
    is_main_thread = threading.current_thread() is threading.main_thread()
    if task is None or former_handler is None or not is_main_thread:
        return await coroutine
    # Not `cancel` alone: the loop must wake up.
    signal.signal(signal.SIGINT, lambda *_: loop.call_soon_threadsafe(task.cancel))
    try:
        return await coroutine
    finally:
        signal.signal(signal.SIGINT, former_handler)


def fail(outer: ExecutionResult | None, error: BaseException) -> None:
    """Let the running cell fail with an error that is already shown.

    Raising it would show it a second time, with frames of this package above the user's. So it is stored
    in `outer`, the result from which the kernel makes its reply. The error is raised where `outer` does
    not belong to a `%%gyazo` cell: the caller may have called the magic as a function, in a `try`.
    """
    cell = (getattr(outer.info, "raw_cell", None) or "") if outer is not None else ""
    if outer is None or not re.search(r"^\s*%%gyazo\b", cell, re.MULTILINE):
        raise error
    outer.error_in_exec = error


class Watch:
    """Tells a listener about every output that is displayed, until `stack` is closed.

    The methods are patched on the objects that `capture_output` replaces: an output that it keeps from
    being displayed is not recorded either. An output that goes into an `Output` widget is recorded, also
    if the widget is not displayed. With `only_this_cell`, outputs that the front end does not add to the
    running cell are ignored: those of a callback, or of a task that another cell started. The hooks of
    ipykernel would record less: before ipykernel 7 they do not see `execute_result`.
    """

    def __init__(
        self,
        stack: ExitStack,
        shell: InteractiveShell,
        listener: Listener,
        *,
        only_this_cell: bool = False,
    ) -> None:
        self._shell, self._own_listener = shell, listener
        self._only_this_cell, self._parent = only_this_cell, parent_id(shell)
        self._being_formatted: list[Any] = []  # some objects display themselves meanwhile
        # The last bundle, its object, and the class of the object.
        self._formatted: tuple[Any, weakref.ref[Any] | None, type] | None = None
        self._waiting = stack.enter_context(ExitStack())  # patches until the next printed text
        # Other code may have patched a method, too, and still call this one.
        stack.callback(setattr, self, "_own_listener", Listener())
        publisher, hook = shell.display_pub, shell.displayhook
        self._format = patch_method(stack, shell.display_formatter, "format", self._on_format)
        self._publish = patch_method(stack, publisher, "publish", self._on_publish)
        self._clear = patch_method(stack, publisher, "clear_output", self._on_clear)
        self._write = patch_method(stack, hook, "write_format_data", self._on_result)

    @property
    def _listener(self) -> Listener:
        is_other = self._only_this_cell and parent_id(self._shell) != self._parent
        return Listener() if is_other else self._own_listener

    def _on_format(self, item: Any, *args: Any, **kwargs: Any) -> Any:
        self._being_formatted.append(item)
        try:
            bundle, metadata = self._format(item, *args, **kwargs)
        finally:
            self._being_formatted.pop()
        reference: weakref.ref[Any] | None = None
        with suppress(TypeError):  # a number, a text, or an object with slots
            reference = weakref.ref(item)
        self._formatted = bundle, reference, type(item)
        return bundle, metadata

    def _on_publish(self, data: Any, *args: Any, **kwargs: Any) -> Any:
        self._record(data, kwargs.get("transient"))
        return self._publish(data, *args, **kwargs)

    def _on_result(self, data: Any, *args: Any, **kwargs: Any) -> Any:
        self._record(data, None)
        return self._write(data, *args, **kwargs)

    def _record(self, bundle: Any, transient: Any) -> None:
        self._waiting.close()
        formatted, self._formatted = self._formatted, None
        if not isinstance(bundle, Mapping):
            return
        item, item_class = None, None
        if formatted is not None and formatted[0] is bundle:
            _, reference, item_class = formatted
            item = reference() if reference else None
        elif self._being_formatted and bundle:  # an empty bundle displays nothing
            item = self._being_formatted[-1]
            item_class = type(item)
        display_id = transient.get("display_id") if isinstance(transient, Mapping) else None
        output = Output(dict(bundle), item, _active_widget(self._shell), item_class=item_class)
        self._listener.on_display(output, display_id)

    def _on_clear(self, wait: bool = False, *args: Any, **kwargs: Any) -> Any:
        result = self._clear(wait, *args, **kwargs)
        # Afterwards: in a terminal, the original prints.
        self._listener.on_clear(_active_widget(self._shell), wait=wait)
        if wait:
            self._waiting.close()
            for stream in (sys.stdout, sys.stderr):
                _hook_stream(self._waiting, stream, self._on_write)
        return result

    def _on_write(self) -> None:
        self._waiting.close()
        self._listener.on_write(_active_widget(self._shell))


def parent_id(shell: InteractiveShell) -> str | None:
    """Return the id of the message to which the front end adds the outputs. A terminal has none."""
    header = getattr(shell.display_pub, "parent_header", None)
    return header.get("msg_id") if isinstance(header, Mapping) else None


def _active_widget(shell: InteractiveShell) -> Any:
    """Return the `Output` widget of ipywidgets that gets the outputs now, or None."""
    widgets: Any = sys.modules.get("ipywidgets")
    if widgets is None or (parent := parent_id(shell)) is None:
        return None
    # The registry is private. Where it does not exist, outputs count as those of the cell.
    known = getattr(sys.modules.get("ipywidgets.widgets.widget"), "_instances", {})
    active = [
        one
        for one in list(known.values())
        if isinstance(one, widgets.Output) and one.msg_id == parent
    ]
    return active[-1] if active else None


def _hook_stream(stack: ExitStack, stream: Any, on_write: Callable[[], None]) -> None:
    def write(text: Any, *args: Any, **kwargs: Any) -> Any:
        if text:
            on_write()
        return original(text, *args, **kwargs)

    if hasattr(stream, "__dict__"):
        original = patch_method(stack, stream, "write", write)


def patch_method(stack: ExitStack, owner: Any, name: str, function: Callable[..., Any]) -> Any:
    """Replace a method of one object until the stack is closed, and return the original method."""
    original = getattr(owner, name)
    own = vars(owner).get(name)  # None if the method is that of the class
    setattr(owner, name, function)

    def restore() -> None:
        if vars(owner).get(name) is not function:
            return  # other code has replaced the method since then
        if own is None:
            delattr(owner, name)
        else:
            setattr(owner, name, own)

    stack.callback(restore)
    return original


def run_coroutine(coroutine: Coroutine[Any, Any, T]) -> T:
    """Run a coroutine to its end in the event loop that is already running, as in every notebook."""
    import nest_asyncio2  # noqa: PLC0415 -- needed only if a loop is running

    loop = asyncio.get_running_loop()
    nest_asyncio2.apply(loop)
    return loop.run_until_complete(coroutine)
