"""The source of a batch: a folder, a glob, or any iterable or async iterable of items, such as futures.

Guarantees: an item is requested when it is needed, one at a time. An interrupt never loses a received
item. If the source itself was interrupted and cannot continue, an error says so: the batch never counts
as complete.
"""

from __future__ import annotations

import asyncio
import os
from collections import deque
from collections.abc import AsyncIterable, Iterable, Iterator, Mapping, Sized
from concurrent.futures import CancelledError
from contextlib import suppress
from itertools import chain, islice
from pathlib import Path
from typing import Any

from gyazo_nb.errors import ArgumentError, PictureError

from . import files
from .drivers import Driver

Items = str | os.PathLike[str] | Iterable[Any] | AsyncIterable[Any]

# Markers in the buffer: one before the item, and one after it (or after the end of the source).
_REQUESTED, _RECEIVED = object(), object()


class ItemSource:
    """The items of one batch, from its start to its last retry."""

    def __init__(self, items: Any) -> None:
        self.left_out: list[Path] = []  # the files of a folder that are not items
        self.note = ""  # a sentence about them
        if isinstance(items, str | os.PathLike) and (found := files.named_by(items)) is not None:
            items, self.left_out, self.note = found
        elif isinstance(items, Iterator) and files.is_path_glob(items):
            items = list(items)  # soon done, and then the number of items is known
        if _is_one_picture(items):
            raise ArgumentError(
                "upload_all takes many pictures: a folder, a glob such as 'plots/*.png', a list, or "
                "another iterable. Use upload for one picture."
            )
        check_no_frames(items)
        if isinstance(items, Mapping):
            items = items.values()
        if not isinstance(items, Iterable | AsyncIterable):
            raise ArgumentError(
                f"upload_all takes many pictures, but this {type(items).__name__} is not iterable: pass "
                f"a list."
            )
        self.total = len(items) if isinstance(items, Sized) else None
        self.is_async = not isinstance(items, Iterable)
        self.is_broken = False  # interrupted while it made an item, so that it cannot continue
        self._iterator: Any = iter(items) if isinstance(items, Iterable) else aiter(items)
        self._is_started = False
        self._is_at_end = False
        self._buffer: deque[Any] = deque()

    async def next_item(self, driver: Driver) -> tuple[Any, ...]:
        """Return the next item in a tuple of one; an empty tuple at the end."""
        if not self._buffer:  # otherwise an interrupt came after the item was received
            if self._is_at_end:
                return ()
            try:
                await self._receive(driver)
            except BaseException:
                # If the source itself was interrupted, the item that it made is lost.
                if self._buffer and self._buffer[-1] is _REQUESTED:
                    self.is_broken = True
                    self._buffer.clear()
                raise
        _, *item, _ = self._buffer
        self._buffer.clear()
        self._is_at_end = not item
        return tuple(item)

    async def _receive(self, driver: Driver) -> None:
        if not self.is_async:
            with driver.interruptible():
                # One step of the interpreter: no signal handler runs between receiving and storing.
                self._buffer.extend(chain((_REQUESTED,), islice(self._iterator, 1), (_RECEIVED,)))
            return
        self._buffer.append(_REQUESTED)
        with suppress(StopAsyncIteration):
            self._buffer.append(await anext(self._iterator))
        self._buffer.append(_RECEIVED)

    def can_continue(self) -> bool:
        """Whether there can be further items. A closed generator has none.

        The end of an event loop closes its async generators.
        """
        was_started, self._is_started = self._is_started, True
        frame = getattr(self._iterator, "gi_frame", getattr(self._iterator, "ag_frame", self))
        if was_started and frame is None and not self._is_at_end and not self._buffer:
            self.is_broken = True
        return not self.is_broken


def check_no_frames(items: Any) -> None:
    """Refuse the iterator of Pillow over the frames of a picture: it yields the whole picture each time."""
    kind = type(items)
    if (kind.__module__, kind.__name__) == ("PIL.ImageSequence", "Iterator"):
        raise ArgumentError(
            "These are the frames of one moving picture. gyazo.upload(image) uploads the moving picture; "
            "gyazo.upload_all(frame.copy() for frame in frames) uploads each frame as a picture."
        )


def _is_one_picture(items: Any) -> bool:
    """Whether this is one picture. It may be iterable: a string by letters, an array by rows."""
    if isinstance(items, str | bytes | bytearray | memoryview) or hasattr(items, "__fspath__"):
        return True
    if is_future(items) or callable(getattr(items, "read", None)):  # both may be iterable
        return True
    shape, dtype = getattr(items, "shape", None), str(getattr(items, "dtype", "object"))
    if not isinstance(shape, tuple) or dtype == "object":  # an array of Axes holds figures
        return False
    return len(shape) == 2 or (len(shape) == 3 and shape[-1] in {3, 4})  # noqa: PLR2004 -- rows, columns, colors


def is_future(item: Any) -> bool:
    """Whether an item is a future: of concurrent.futures, asyncio, Dask or a similar library.

    The class is checked, because objects such as Dask's `Delayed` have any attribute.
    """
    kind = type(item)
    return hasattr(kind, "done") and hasattr(kind, "result") and hasattr(kind, "add_done_callback")


def needs_event_loop(future: Any) -> bool:
    """Whether a future is finished by an event loop, which a blocking call would stop."""
    client = getattr(future, "client", None)  # of Dask
    return asyncio.isfuture(future) or getattr(client, "asynchronous", False) is True


def outcome_of(future: Any) -> tuple[Any, BaseException | None]:
    """Return the result of a finished future, and its error: the original one if it has a sentence."""
    name = type(future).__name__
    try:
        return future.result(), None
    except (CancelledError, asyncio.CancelledError):
        return None, PictureError(
            f"This {name} was cancelled, so it has no picture: submit the work again, and upload the new "
            f"{name}."
        )
    except Exception as error:  # noqa: BLE001 -- recorded as the failure of this item
        return None, error
    except BaseException as error:  # noqa: BLE001 -- an interrupt of the process that did the work
        return None, PictureError(
            f"The work of this {name} was stopped by a {type(error).__name__}: submit it again, and "
            f"upload the new {name}."
        )
