"""All of an account's images as one sequence, whatever the number of pages behind it.

The law: nothing is asked for before it is needed, the order is Gyazo's (newest first), and memory stays
constant. `Images` and `AsyncImages` are line-for-line twins over one `Book`. What was read stays
as it was; a new call of `gyazo.images()` sees what is new.
"""

from __future__ import annotations

import asyncio
import threading
from collections import deque
from collections.abc import (
    AsyncGenerator,
    AsyncIterator,
    Awaitable,
    Callable,
    Generator,
    Iterable,
    Iterator,
    Sequence,
)
from concurrent.futures import Future
from contextlib import aclosing, closing
from itertools import groupby, islice
from typing import Any, overload

from .book import OPEN, Book
from .models import Image, Page

AT_ONCE = 8  # pages asked for together, once it is clear that somebody reads on
_SHOWN = 20


class _Listing:
    """What both colours know: the book, and how it was sliced."""

    def __init__(self, book: Book, cuts: tuple[slice, ...] = ()) -> None:
        self._book, self._cuts = book, cuts

    def _span(self, total: int) -> range:
        """The places of these images among all of them."""
        span = range(total)
        for cut in self._cuts:
            span = span[cut]
        return span

    def _known(self, *index: int) -> range | None:
        """The places, as far as the list need not be counted for them."""
        if self._book.total is not None:
            return self._span(self._book.total)
        numbers = [n for cut in self._cuts for n in (cut.start, cut.stop, cut.step)]
        forward = all(n is None or n >= 0 for n in (*numbers, *index))
        return self._span(OPEN) if forward else None

    def _most(self) -> int:
        """How far the list must be counted to know how many of these there are."""
        span = self._known()
        return max(span[0], span[-1]) + 1 if span else OPEN

    def _fresh(self, page: Page, places: Iterable[int], seen: set[str]) -> list[Image]:
        """The images at these places, without those that an upload pushed over from the page before."""
        found = [self._book.on(page, place) for place in places]
        images = [image for image in found if image is not None]
        fresh = [image for image in images if image.locked or image.image_id not in seen]
        seen.clear()
        seen.update(image.image_id for image in images)
        return fresh

    def _at(self, page: Page, place: int) -> Image:
        if (image := self._book.on(page, place)) is None:
            raise IndexError("there are fewer images than that")
        return image

    def __repr__(self) -> str:
        total = self._book.total
        number = "images" if total is None else f"{len(self._span(total))} images"
        return f"<{number}, newest first>"


class Images(_Listing, Sequence[Image]):
    """Your images, newest first: to iterate, count, index and slice; in a notebook a gallery.

    >>> for image in gyazo.images(): print(image.title)      # doctest: +SKIP
    >>> gyazo.images()[:500]                                 # doctest: +SKIP

    Pages of 100 are asked for as you go, up to eight at once when you read on. To delete while you go
    through them, take the list first: `for image in list(gyazo.images())`. Raises what any call may.
    Source: https://gyazo.com/api/docs/image#list
    """

    @property
    def total(self) -> int:
        """How many images there are."""
        return len(self._span(self._book.counted(self._most())))

    def __len__(self) -> int:
        return self.total

    def __iter__(self) -> Iterator[Image]:
        seen: set[str] = set()
        done = 0
        # More than once only if somebody uploads meanwhile: what was last has moved on by one.
        while done < len(span := self._places()):
            rest = span[done:]
            numbers = (number for number, _ in groupby(rest, self._book.number))
            with closing(self._pages(numbers)) as pages:
                for page, (_, places) in zip(pages, groupby(rest, self._book.number), strict=True):
                    yield from self._fresh(page, places, seen)
                    if not page:
                        break
            done = len(span)

    @overload
    def __getitem__(self, index: int) -> Image: ...
    @overload
    def __getitem__(self, index: slice) -> Images: ...
    def __getitem__(self, index: int | slice) -> Image | Images:
        if isinstance(index, slice):
            return Images(self._book, (*self._cuts, index))
        at = _chosen(self._places(index), index)
        return self._at(self._book.page(self._book.number(at)), at)

    def _places(self, *index: int) -> range:
        self._book.page(1)
        span = self._known(*index)
        return self._span(self._book.counted()) if span is None else span

    def _pages(self, numbers: Iterator[int]) -> Generator[Page, None, None]:
        """The pages in order; the next ones are asked for while one is read."""
        room, asked = 1, deque[Future[Page]]()
        while True:
            for number in islice(numbers, room - len(asked)):
                asked.append(_apart(self._book.page, number))
            if not asked:
                return
            yield asked.popleft().result()
            room = min(2 * room, AT_ONCE)

    def _repr_html_(self) -> str:
        shown = tuple(self[:_SHOWN])
        return Page(shown, 1, _SHOWN, total=self._book.total)._repr_html_()


class AsyncImages(_Listing):
    """Same as `Images`, awaited.

    >>> async for image in gyazo.aimages(): print(image.title)  # doctest: +SKIP
    >>> newest = await gyazo.aimages()[0]                       # doctest: +SKIP
    >>> page = await gyazo.aimages()                            # doctest: +SKIP

    A slice can be iterated too. Awaiting gives the first twenty as a `Page`.
    Source: https://gyazo.com/api/docs/image#list
    """

    async def total(self) -> int:
        """How many images there are."""
        return len(self._span(await self._book.acounted(self._most())))

    def __await__(self) -> Generator[Any, None, Page]:
        return self._newest().__await__()

    async def __aiter__(self) -> AsyncIterator[Image]:
        seen: set[str] = set()
        done = 0
        while done < len(span := await self._places()):
            rest = span[done:]
            numbers = (number for number, _ in groupby(rest, self._book.number))
            places = groupby(rest, self._book.number)
            async with aclosing(self._pages(numbers)) as pages:
                async for page in pages:
                    for image in self._fresh(page, next(places)[1], seen):
                        yield image
                    if not page:
                        break
            done = len(span)

    @overload
    def __getitem__(self, index: int) -> Awaitable[Image]: ...
    @overload
    def __getitem__(self, index: slice) -> AsyncImages: ...
    def __getitem__(self, index: int | slice) -> Awaitable[Image] | AsyncImages:
        if isinstance(index, slice):
            return AsyncImages(self._book, (*self._cuts, index))
        return self._one(index)

    async def _one(self, index: int) -> Image:
        at = _chosen(await self._places(index), index)
        return self._at(await self._book.apage(self._book.number(at)), at)

    async def _places(self, *index: int) -> range:
        await self._book.apage(1)
        span = self._known(*index)
        return self._span(await self._book.acounted()) if span is None else span

    async def _newest(self) -> Page:
        shown = [image async for image in self[:_SHOWN]]
        return Page(tuple(shown), 1, _SHOWN, total=self._book.total)

    async def _pages(self, numbers: Iterator[int]) -> AsyncGenerator[Page, None]:
        """Same as `Images._pages`, awaited."""
        room, asked = 1, deque[asyncio.Task[Page]]()
        try:
            while True:
                for number in islice(numbers, room - len(asked)):
                    asked.append(asyncio.create_task(self._book.apage(number)))
                if not asked:
                    return
                yield await asked.popleft()
                room = min(2 * room, AT_ONCE)
        finally:
            for task in asked:
                task.cancel()
            await asyncio.gather(*asked, return_exceptions=True)


def _chosen(places: range, index: int) -> int:
    try:
        return places[index]
    except IndexError:
        raise IndexError("there are fewer images than that") from None


def _apart(ask: Callable[[int], Page], number: int) -> Future[Page]:
    """Ask on a thread that keeps nobody from leaving, neither this loop nor Python."""
    future: Future[Page] = Future()

    def asking() -> None:
        try:
            future.set_result(ask(number))
        except BaseException as error:  # noqa: BLE001 -- handed over to the thread that reads
            future.set_exception(error)

    threading.Thread(target=asking, name="gyazo-list", daemon=True).start()
    return future
