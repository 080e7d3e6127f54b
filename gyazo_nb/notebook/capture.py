"""Runs a cell as usual and records the outputs that it displays. `%%gyazo` uploads their pictures.

Guarantees:

- The cell runs as it would without the magic. Its outputs appear at their usual places and in their
  order, `_` and `Out` are kept, and an error is shown once and fails the cell.
- After the cell, also after an error, the shell is as before.
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
from collections.abc import Callable, Coroutine, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from typing import Any, TypeVar

from IPython.core import async_helpers
from IPython.core.interactiveshell import ExecutionResult, InteractiveShell

T = TypeVar("T")


class DisplayedOutputs:
    """The outputs of a cell, in order: each is a MIME bundle, with its object where that is known.

    Calls from other threads are ignored: from a callback, or from a subshell of ipykernel 7.
    """

    def __init__(self) -> None:
        self._outputs: dict[object, tuple[Mapping[str, Any], Any]] = {}
        self._last_formatted: tuple[Any, Any] = (None, None)  # a bundle, and its object
        self._being_formatted: list[Any] = []
        self._clear_at_next_output = False
        self._thread = threading.get_ident()

    def visible(self) -> list[tuple[Mapping[str, Any], Any]]:
        """Return the outputs that are still visible, in order."""
        return list(self._outputs.values())

    @contextmanager
    def formatting(self, item: Any) -> Iterator[None]:
        """A context for the formatting of an object: some objects display themselves during it."""
        self._being_formatted.append(item)
        try:
            yield
        finally:
            self._being_formatted.pop()

    def on_formatted(self, item: Any, bundle: Any) -> None:
        """Record that an object was formatted as this bundle, which will be displayed next."""
        self._last_formatted = (bundle, item)

    def on_display(self, bundle: Any, transient: Any = None) -> None:
        """Record an output. It replaces an earlier output with the same display id."""
        if not self._is_same_thread() or not isinstance(bundle, Mapping):
            return
        self.on_write()
        display_id = transient.get("display_id") if isinstance(transient, Mapping) else None
        formatted, item = self._last_formatted
        if formatted is not bundle:
            item = self._being_formatted[-1] if self._being_formatted else None
        self._outputs[object() if display_id is None else display_id] = (dict(bundle), item)

    def on_write(self) -> None:
        """Record that something was printed or displayed: a pending clear takes effect now."""
        if self._clear_at_next_output and self._is_same_thread():
            self._outputs.clear()
            self._clear_at_next_output = False

    def on_clear(self, *, wait: bool) -> None:
        """Record that the outputs are cleared: now, or with `wait` at the next output."""
        if self._is_same_thread():
            if wait:
                self._clear_at_next_output = True
            else:
                self._outputs.clear()

    def _is_same_thread(self) -> bool:
        return threading.get_ident() == self._thread


def run(shell: InteractiveShell, cell: str) -> tuple[DisplayedOutputs, ExecutionResult]:
    """Run a cell in the user's namespace, and return its outputs and its result.

    Matplotlib's inline figures are displayed when the cell ends, by IPython's `post_execute`. That has
    happened when this function returns.
    """
    outputs = DisplayedOutputs()
    with _record_display(shell, outputs, cell), _use_running_loop(shell):
        result: ExecutionResult = shell.run_cell(cell, store_history=False)
    return outputs, result


@contextmanager
def _use_running_loop(shell: InteractiveShell) -> Iterator[None]:
    """Run a cell that awaits in the event loop that is running: IPython would start another one."""
    original = shell.loop_runner
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        yield  # a terminal: IPython's own runner is right
        return
    # Leave other runners unchanged: `%autoawait trio` sets one. The name is private; where it does not
    # exist, every runner is left unchanged.
    if original is not getattr(async_helpers, "_asyncio_runner", None):
        yield
        return
    shell.loop_runner = lambda coroutine: run_coroutine(_cancellable(coroutine))
    try:
        yield
    finally:
        shell.loop_runner = original


async def _cancellable(coroutine: Coroutine[Any, Any, T]) -> T:
    """Let SIGINT cancel the coroutine, as kernels do. A `KeyboardInterrupt` would end their loop."""
    loop, task = asyncio.get_running_loop(), asyncio.current_task()
    former_handler = signal.getsignal(signal.SIGINT)
    is_main_thread = threading.current_thread() is threading.main_thread()
    if task is None or former_handler is None or not is_main_thread:
        return await coroutine
    cancel = task.cancel

    def on_signal(*_: object) -> None:
        loop.call_soon_threadsafe(cancel)  # this also wakes up the loop

    signal.signal(signal.SIGINT, on_signal)
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


@contextmanager
def _record_display(
    shell: InteractiveShell, outputs: DisplayedOutputs, cell: str
) -> Iterator[None]:
    """Record every output that is displayed.

    The methods are patched on the objects that `capture_output` replaces: an output that it keeps from
    being displayed is not recorded either. An output that goes into an `Output` widget is recorded, also
    if the widget is not displayed. The hooks of ipykernel would record less: before ipykernel 7 they do
    not see `execute_result`.
    """
    publisher: Any = shell.display_pub
    hook: Any = shell.displayhook

    def publish(data: Any, *args: Any, **kwargs: Any) -> Any:
        outputs.on_display(data, kwargs.get("transient"))
        return original_publish(data, *args, **kwargs)

    def clear_output(wait: bool = False, *args: Any, **kwargs: Any) -> Any:
        result = original_clear(wait, *args, **kwargs)
        outputs.on_clear(wait=wait)  # afterwards: in a terminal, the original prints
        return result

    def write_format_data(data: Any, *args: Any, **kwargs: Any) -> Any:
        outputs.on_display(data)
        return original_write(data, *args, **kwargs)

    def format_(item: Any, *args: Any, **kwargs: Any) -> Any:
        with outputs.formatting(item):
            data, metadata = original_format(item, *args, **kwargs)
        outputs.on_formatted(item, data)
        return data, metadata

    def quiet() -> bool:
        # A `;` at the end of the cell hides its value. IPython looks for it in the history, where it
        # finds the outer cell, which ends with a bracket.
        return bool(hook.semicolon_at_end_of_expression(shell.transform_cell(cell)))

    with ExitStack() as stack:
        # Running a cell overwrites the result of the outer cell.
        stack.callback(setattr, hook, "exec_result", hook.exec_result)
        _patch_method(stack, hook, "quiet", quiet)
        for stream in (sys.stdout, sys.stderr):
            _hook_stream(stack, stream, outputs.on_write)
        original_format = _patch_method(stack, shell.display_formatter, "format", format_)
        original_publish = _patch_method(stack, publisher, "publish", publish)
        original_clear = _patch_method(stack, publisher, "clear_output", clear_output)
        original_write = _patch_method(stack, hook, "write_format_data", write_format_data)
        yield


def _hook_stream(stack: ExitStack, stream: Any, on_write: Callable[[], None]) -> None:
    def write(text: Any, *args: Any, **kwargs: Any) -> Any:
        if text:
            on_write()
        return original(text, *args, **kwargs)

    if hasattr(stream, "__dict__"):
        original = _patch_method(stack, stream, "write", write)


def _patch_method(stack: ExitStack, owner: Any, name: str, function: Callable[..., Any]) -> Any:
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
    """Run a coroutine to its end, also if an event loop is already running, as in every notebook.

    >>> run_coroutine(gyazo.ame()).name                              # doctest: +SKIP
    """
    try:
        loop = asyncio.get_running_loop()
    except RuntimeError:
        return asyncio.run(coroutine)
    import nest_asyncio2  # noqa: PLC0415 -- needed only if a loop is running

    nest_asyncio2.apply(loop)
    return loop.run_until_complete(coroutine)
