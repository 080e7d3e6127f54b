"""Runs a cell as usual and takes note of the pictures that it shows: what `%%gyazo` stands on.

The law: the cell runs as it would without us. Its outputs appear where they always do and in their
order, `_` and `Out` are kept, an error is shown once and fails the cell; and however the cell ends,
the shell is left as it was. Only what is still to be seen counts: what was cleared or replaced by an
update is gone.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from typing import Any

from IPython.core.interactiveshell import ExecutionResult, InteractiveShell


class Shown:
    """What a cell showed, in order: each as a mime bundle, with the thing itself where it is known."""

    def __init__(self) -> None:
        self._shown: dict[object, tuple[Mapping[str, Any], Any]] = {}
        self._formatted: tuple[Any, Any] = (None, None)
        self._clear_first = False
        self._thread = threading.get_ident()

    def all(self) -> list[tuple[Mapping[str, Any], Any]]:
        """What is to be seen, in order."""
        return list(self._shown.values())

    def formatted(self, thing: Any, data: Any) -> None:
        """A thing was turned into a bundle, which is about to be shown."""
        self._formatted = (data, thing)

    def add(self, data: Any, transient: Any = None) -> None:
        """Something was shown; under the display id of an earlier one, it takes its place."""
        if threading.get_ident() != self._thread or not isinstance(data, Mapping):
            return  # another thread's: a subshell of ipykernel 7, a callback
        if self._clear_first:
            self._shown.clear()
            self._clear_first = False
        key = (transient or {}).get("display_id") if isinstance(transient, Mapping) else None
        formatted, thing = self._formatted
        self._shown[object() if key is None else key] = (
            dict(data),
            thing if formatted is data else None,
        )

    def clear(self, *, wait: bool) -> None:
        """The output was cleared, now or by the next thing that is shown."""
        if threading.get_ident() == self._thread:
            if wait:
                self._clear_first = True
            else:
                self._shown.clear()


def run(shell: InteractiveShell, cell: str) -> tuple[Shown, ExecutionResult]:
    """Run a cell in the user's namespace, and give what it showed and how it ended.

    matplotlib's inline figures are shown when the cell ends, by IPython's `post_execute`: that has
    happened when this returns.
    """
    shown = Shown()
    with _watched(shell, shown, cell):
        result: ExecutionResult = shell.run_cell(cell, store_history=False)  # type: ignore[no-untyped-call]
    return shown, result


def awaits(shell: InteractiveShell, cell: str) -> bool:
    """Whether a cell needs the event loop, which is busy with the cell that this is called from."""
    try:
        asyncio.get_running_loop()
        transformed = shell.transform_cell(cell)  # type: ignore[no-untyped-call]
        return bool(shell.should_run_async(cell, transformed_cell=transformed))
    except (
        RuntimeError,
        SyntaxError,
    ):  # no loop: IPython starts one by itself; or the cell's own error
        return False


def fail(outer: ExecutionResult | None, error: BaseException) -> None:
    """Let the cell that is running end with an error that has been shown already.

    To raise it would show it again, with our own frames above the user's: `outer`, by which the kernel
    answers, is told. Where no such cell is running, or one that calls the magic as a function and may
    want to handle its errors, there is only raising.
    """
    if outer is None or "%%gyazo" not in (getattr(outer.info, "raw_cell", None) or ""):
        raise error
    outer.error_in_exec = error


@contextmanager
def _watched(shell: InteractiveShell, shown: Shown, cell: str) -> Iterator[None]:
    """Look on at everything that is displayed.

    By an attribute of the very objects, which `capture_output` and an `Output` widget replace or lead
    elsewhere: what the user keeps from being seen is not seen here either. ipykernel's own hooks would
    see less: they know no `execute_result` before 7.
    """
    publisher: Any = shell.display_pub
    hook: Any = shell.displayhook

    def publish(data: Any, *args: Any, **kwargs: Any) -> Any:
        shown.add(data, kwargs.get("transient"))
        return original_publish(data, *args, **kwargs)

    def clear_output(wait: bool = False, *args: Any, **kwargs: Any) -> Any:
        shown.clear(wait=wait)
        return original_clear(wait, *args, **kwargs)

    def write_format_data(data: Any, *args: Any, **kwargs: Any) -> Any:
        shown.add(data)
        return original_write(data, *args, **kwargs)

    def format_(thing: Any, *args: Any, **kwargs: Any) -> Any:
        data, metadata = original_format(thing, *args, **kwargs)
        shown.formatted(thing, data)
        return data, metadata

    def quiet() -> bool:
        # IPython looks for the `;` that keeps a value from being shown at the end of the cell in its
        # history: the outer one, which ends in a bracket.
        transformed = shell.transform_cell(cell)  # type: ignore[no-untyped-call]
        return bool(hook.semicolon_at_end_of_expression(transformed))

    with ExitStack() as stack:
        stack.callback(
            setattr, hook, "exec_result", hook.exec_result
        )  # the outer cell's, else lost
        _shadow(stack, hook, "quiet", quiet)
        original_format = _shadow(stack, shell.display_formatter, "format", format_)
        original_publish = _shadow(stack, publisher, "publish", publish)
        original_clear = _shadow(stack, publisher, "clear_output", clear_output)
        original_write = _shadow(stack, hook, "write_format_data", write_format_data)
        yield


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
