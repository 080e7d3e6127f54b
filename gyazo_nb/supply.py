"""Where the things of a batch come from: anything to loop over, plain or async.

The law: things are asked for one at a time, when the next is needed; one that was handed out is never
lost, at whatever moment an interrupt strikes. Where one may have been lost in the source itself, which
cannot be asked again, that is said, and nothing pretends that all were there.
"""

from __future__ import annotations

from collections import deque
from collections.abc import AsyncIterable, AsyncIterator, Iterable, Iterator, Sized
from contextlib import suppress
from itertools import chain, islice
from typing import Any

from .errors import ArgumentError
from .waiting import Waiting

Things = Iterable[Any] | AsyncIterable[Any]

# What goes before and behind what the source gives: it was asked, and it has answered.
_ASKED, _DONE = object(), object()


class Supply:
    """The things of one batch, from its start to its last retry."""

    def __init__(self, things: Any) -> None:  # a caller's: it is looked at here
        if _is_one(things):
            raise ArgumentError(
                "upload_all takes many pictures: a list of them, Path('folder').glob('*.png') or "
                "anything else to loop over. One picture is for upload."
            )
        if not isinstance(things, Iterable | AsyncIterable):
            raise ArgumentError(
                f"upload_all takes many pictures, and a {type(things).__name__} is not a thing to loop "
                f"over: give it in a list."
            )
        self.total = len(things) if isinstance(things, Sized) else None
        self.is_lost = False
        """It was interrupted at its own work, and cannot go on."""
        self._things = things
        self._plain: Iterator[Any] | None = iter(things) if isinstance(things, Iterable) else None
        self._async: AsyncIterator[Any] | None = None
        self._is_at_end = False
        self._box: deque[Any] = deque()

    @property
    def is_async(self) -> bool:
        """Whether there is no getting at the things without awaiting them."""
        return self._plain is None

    async def take(self, waiting: Waiting) -> tuple[Any, ...]:
        """Give the next thing, alone in a tuple; an empty one at the end."""
        if not self._box:  # else it was filled when an interrupt struck
            if self._is_at_end:
                return ()
            self._check()
            if self._plain is None:
                await self._wait()
            else:
                self._step(self._plain, waiting)
        _, *taken, _ = self._box
        self._box.clear()
        self._is_at_end = not taken
        return tuple(taken)

    def _step(self, plain: Iterator[Any], waiting: Waiting) -> None:
        try:
            with waiting.at_once():
                # In a single step of the interpreter's: between asking and keeping nothing can strike.
                self._box.extend(chain((_ASKED,), islice(plain, 1), (_DONE,)))
        except BaseException:
            self._judge()
            raise

    async def _wait(self) -> None:
        if self._async is None:
            assert isinstance(self._things, AsyncIterable)  # noqa: S101 -- for mypy: __init__ saw to it
            self._async = aiter(self._things)
        self._box.append(_ASKED)
        try:
            with suppress(StopAsyncIteration):
                self._box.append(await anext(self._async))
            self._box.append(_DONE)
        except BaseException:
            self._judge()
            raise

    def _judge(self) -> None:
        """Tell whether it struck within the source: nobody knows what became of what was being made."""
        if self._box and self._box[-1] is _ASKED:
            self.is_lost = True
            self._box.clear()

    def _check(self) -> None:
        """Refuse a generator that was closed: the end of an event loop does that to its async ones."""
        source = self._plain if self._async is None else self._async
        begun = self._is_begun
        self._is_begun = True
        frame = getattr(source, "gi_frame", getattr(source, "ag_frame", source))
        if self.is_lost or (begun and frame is None):
            self.is_lost = True
            raise ArgumentError(
                "What gives the things of this batch was stopped, or ended with an error, and cannot be "
                "asked again: call upload_all anew (with resume=, so that nothing is sent twice)."
            )

    _is_begun = False


def _is_one(things: Any) -> bool:
    """Whether this is one picture, though it can be looped over: by its letters, lines or rows."""
    if isinstance(things, str | bytes | bytearray | memoryview) or hasattr(things, "__fspath__"):
        return True
    if callable(getattr(things, "read", None)):
        return True
    shape, kind = getattr(things, "shape", None), str(getattr(things, "dtype", "object"))
    if not isinstance(shape, tuple) or kind == "object":  # an array of Axes holds figures
        return False
    return len(shape) == 2 or (len(shape) == 3 and shape[-1] in {3, 4})  # noqa: PLR2004 -- rows, columns, colours
