"""Runs a cell as usual and takes note of the pictures that it shows: what `%%gyazo` stands on.

The law: the cell runs as it would without us. Its outputs appear where they always do and in their
order, `_` and `Out` are kept, an error is shown once and fails the cell; and however the cell ends,
the shell is left as it was. Only what is still to be seen counts: what was cleared or replaced by an
update is gone.
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

Finish = Callable[[Coroutine[Any, Any, Any]], Any]


class DisplayedOutputs:
    """What a cell showed, in order: each as a mime bundle, with the thing itself where it is known."""

    def __init__(self) -> None:
        self._shown: dict[object, tuple[Mapping[str, Any], Any]] = {}
        self._formatted: tuple[Any, Any] = (None, None)
        self._showing: list[Any] = []
        self._clear_first = False
        self._thread = threading.get_ident()

    def all(self) -> list[tuple[Mapping[str, Any], Any]]:
        """What is to be seen, in order."""
        return list(self._shown.values())

    @contextmanager
    def formatting(self, thing: Any) -> Iterator[None]:
        """Around the making of a thing's bundle: some things show themselves meanwhile."""
        self._showing.append(thing)
        try:
            yield
        finally:
            self._showing.pop()

    def formatted(self, thing: Any, data: Any) -> None:
        """A thing was turned into a bundle, which is about to be shown."""
        self._formatted = (data, thing)

    def add(self, data: Any, transient: Any = None) -> None:
        """Something was shown; under the display id of an earlier one, it takes its place."""
        if not self._is_here() or not isinstance(data, Mapping):
            return
        self.wrote()
        key = (transient or {}).get("display_id") if isinstance(transient, Mapping) else None
        formatted, thing = self._formatted
        if formatted is not data:
            thing = self._showing[-1] if self._showing else None
        self._shown[object() if key is None else key] = (dict(data), thing)

    def wrote(self) -> None:
        """Something was printed, or shown: what was to be cleared by that is gone."""
        if self._clear_first and self._is_here():
            self._shown.clear()
            self._clear_first = False

    def clear(self, *, wait: bool) -> None:
        """The output was cleared, now or by the next thing that is printed or shown."""
        if self._is_here():
            if wait:
                self._clear_first = True
            else:
                self._shown.clear()

    def _is_here(self) -> bool:
        """Whether this is no other thread: a subshell of ipykernel 7, a callback."""
        return threading.get_ident() == self._thread


def run(
    shell: InteractiveShell, cell: str, finish: Finish
) -> tuple[DisplayedOutputs, ExecutionResult]:
    """Run a cell in the user's namespace, and give what it showed and how it ended.

    `finish` ends a coroutine inside of a running loop: a kernel's, where the cell awaits something.
    matplotlib's inline figures are shown when the cell ends, by IPython's `post_execute`: that has
    happened when this returns.
    """
    shown = DisplayedOutputs()
    with _watched(shell, shown, cell), _loop_at_hand(shell, finish):
        result: ExecutionResult = shell.run_cell(cell, store_history=False)
    return shown, result


@contextmanager
def _loop_at_hand(shell: InteractiveShell, finish: Finish) -> Iterator[None]:
    """Lead a cell that awaits to the loop that is running, where IPython would begin another."""
    before = shell.loop_runner
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        yield  # a terminal's: IPython's own way is the right one
        return
    # As %autoawait trio wants it; the name is private, and without it every runner is left alone.
    if before is not getattr(async_helpers, "_asyncio_runner", None):
        yield
        return
    shell.loop_runner = lambda coroutine: finish(_stoppable(coroutine))
    try:
        yield
    finally:
        shell.loop_runner = before


async def _stoppable(coroutine: Coroutine[Any, Any, T]) -> T:
    """Let a Stop cancel what is awaited, as kernels do: as an exception it would end their loop."""
    loop, task = asyncio.get_running_loop(), asyncio.current_task()
    before = signal.getsignal(signal.SIGINT)
    if task is None or before is None or threading.current_thread() is not threading.main_thread():
        return await coroutine
    cancel = task.cancel

    def stopped(*_: object) -> None:
        loop.call_soon_threadsafe(cancel)  # which also wakes it up

    signal.signal(signal.SIGINT, stopped)
    try:
        return await coroutine
    finally:
        signal.signal(signal.SIGINT, before)


def fail(outer: ExecutionResult | None, error: BaseException) -> None:
    """Let the cell that is running end with an error that has been shown already.

    To raise it would show it again, with our own frames above the user's: `outer`, by which the kernel
    answers, is told. Where no such cell is running, or one that calls the magic as a function and may
    want to handle its errors, there is only raising.
    """
    cell = (getattr(outer.info, "raw_cell", None) or "") if outer is not None else ""
    if outer is None or not re.search(r"^\s*%%gyazo\b", cell, re.MULTILINE):
        raise error
    outer.error_in_exec = error


@contextmanager
def _watched(shell: InteractiveShell, shown: DisplayedOutputs, cell: str) -> Iterator[None]:
    """Look on at everything that is displayed.

    By an attribute of the very objects, which `capture_output` replaces: what it keeps from being seen
    is not seen here either. What an `Output` widget takes in counts as shown, whether or not the widget
    is. ipykernel's own hooks would see less: they know no `execute_result` before 7.
    """
    publisher: Any = shell.display_pub
    hook: Any = shell.displayhook

    def publish(data: Any, *args: Any, **kwargs: Any) -> Any:
        shown.add(data, kwargs.get("transient"))
        return original_publish(data, *args, **kwargs)

    def clear_output(wait: bool = False, *args: Any, **kwargs: Any) -> Any:
        done = original_clear(wait, *args, **kwargs)
        shown.clear(wait=wait)  # behind it: a terminal is cleared by what is printed
        return done

    def write_format_data(data: Any, *args: Any, **kwargs: Any) -> Any:
        shown.add(data)
        return original_write(data, *args, **kwargs)

    def format_(thing: Any, *args: Any, **kwargs: Any) -> Any:
        with shown.formatting(thing):
            data, metadata = original_format(thing, *args, **kwargs)
        shown.formatted(thing, data)
        return data, metadata

    def quiet() -> bool:
        # IPython looks for the `;` that keeps a value from being shown at the end of the cell in its
        # history: the outer one, which ends in a bracket.
        transformed = shell.transform_cell(cell)
        return bool(hook.semicolon_at_end_of_expression(transformed))

    with ExitStack() as stack:
        stack.callback(
            setattr, hook, "exec_result", hook.exec_result
        )  # the outer cell's, else lost
        _shadow(stack, hook, "quiet", quiet)
        for stream in (sys.stdout, sys.stderr):
            _tell(stack, stream, shown.wrote)
        original_format = _shadow(stack, shell.display_formatter, "format", format_)
        original_publish = _shadow(stack, publisher, "publish", publish)
        original_clear = _shadow(stack, publisher, "clear_output", clear_output)
        original_write = _shadow(stack, hook, "write_format_data", write_format_data)
        yield


def _tell(stack: ExitStack, stream: Any, wrote: Callable[[], None]) -> None:
    """Have it told when something is written to a stream."""

    def write(text: Any, *args: Any, **kwargs: Any) -> Any:
        if text:
            wrote()
        return original(text, *args, **kwargs)

    if hasattr(stream, "__dict__"):
        original = _shadow(stack, stream, "write", write)


def _shadow(stack: ExitStack, owner: Any, name: str, function: Callable[..., Any]) -> Any:
    """Put a function before a method of one object, until the stack is unwound."""
    original = getattr(owner, name)
    before = vars(owner).get(name)
    setattr(owner, name, function)

    def restore() -> None:
        if vars(owner).get(name) is not function:
            return  # somebody else put theirs before it meanwhile
        if before is None:
            delattr(owner, name)
        else:
            setattr(owner, name, before)

    stack.callback(restore)
    return original
