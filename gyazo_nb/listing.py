"""All of an account's images as one sequence, whatever the number of pages behind it.

The law: nothing is asked for before it is needed, the order is Gyazo's (newest first), and memory stays
constant: the last few pages are kept, no more. `Images` and `AsyncImages` are line-for-line twins over
one `Book`. What was read stays as it was; a new call of `gyazo.images()` sees what is new.
"""

from __future__ import annotations

import asyncio
import threading
from collections import OrderedDict, deque
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
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import aclosing, closing
from itertools import count, groupby, islice
from typing import Any, overload

from .models import Image, Page

SIZE = 100  # images a page: the most that Gyazo gives at once
AT_ONCE = 8  # pages asked for together, once it is clear that somebody reads on
_KEPT = 2 * AT_ONCE
_SHOWN = 20


class Book:
    """The pages of one list, by number, fetched in either colour; the last few are kept."""

    def __init__(self, ask: Callable[[int], Page], aask: Callable[[int], Awaitable[Page]]) -> None:
        self._ask, self._aask = ask, aask
        self._kept: OrderedDict[int, Page] = OrderedDict()
        self._lock = threading.Lock()
        self.total: int | None = None

    def page(self, number: int) -> Page:
        """One page."""
        page = self._looked_up(number)
        return self._keep(number, self._ask(number)) if page is None else page

    async def apage(self, number: int) -> Page:
        """Same as `page`, awaited."""
        page = self._looked_up(number)
        return self._keep(number, await self._aask(number)) if page is None else page

    def counted(self) -> int:
        """How many there are: as Gyazo says, else by turning the pages."""
        for number in count(1):
            if self.total is not None:
                break
            self._short(number, self.page(number))
        return self.total or 0

    async def acounted(self) -> int:
        """Same as `counted`, awaited."""
        for number in count(1):
            if self.total is not None:
                break
            self._short(number, await self.apage(number))
        return self.total or 0

    def _looked_up(self, number: int) -> Page | None:
        with self._lock:
            if number in self._kept:
                self._kept.move_to_end(number)
            return self._kept.get(number)

    def _keep(self, number: int, page: Page) -> Page:
        with self._lock:
            if page.total is not None:
                # Never less: what was deleted meanwhile makes the last page shorter, no index wrong.
                self.total = max(page.total, self.total or 0)
            self._kept[number] = page
            while len(self._kept) > _KEPT:
                self._kept.popitem(last=False)
        return page

    def _short(self, number: int, page: Page) -> None:
        if self.total is None and len(page) < SIZE:
            self.total = (number - 1) * SIZE + len(page)


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
        return len(self._span(self._book.counted()))

    def __len__(self) -> int:
        return self.total

    def __iter__(self) -> Iterator[Image]:
        seen: set[str] = set()
        done = 0
        # More than once only if somebody uploads meanwhile: what was last has moved on by one.
        while done < len(span := self._span(self._book.counted())):
            numbers = (number for number, _ in groupby(span[done:], _number))
            with closing(self._pages(numbers)) as pages:
                for page, (_, places) in zip(pages, groupby(span[done:], _number), strict=True):
                    yield from _fresh(page, places, seen)
            done = len(span)

    @overload
    def __getitem__(self, index: int) -> Image: ...
    @overload
    def __getitem__(self, index: slice) -> Images: ...
    def __getitem__(self, index: int | slice) -> Image | Images:
        if isinstance(index, slice):
            return Images(self._book, (*self._cuts, index))
        at = self._span(self._book.counted())[index]
        return self._book.page(_number(at))[at % SIZE]

    def _pages(self, numbers: Iterator[int]) -> Generator[Page, None, None]:
        """The pages in order; the next ones are asked for while one is read."""
        pool, room, asked = ThreadPoolExecutor(AT_ONCE), 1, deque[Future[Page]]()
        try:
            while True:
                for number in islice(numbers, room - len(asked)):
                    asked.append(pool.submit(self._book.page, number))
                if not asked:
                    return
                yield asked.popleft().result()
                room = min(2 * room, AT_ONCE)
        finally:
            pool.shutdown(wait=False, cancel_futures=True)

    def _repr_html_(self) -> str:
        return Page(tuple(self[:_SHOWN]), 1, _SHOWN, total=self.total)._repr_html_()


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
        return len(self._span(await self._book.acounted()))

    def __await__(self) -> Generator[Any, None, Page]:
        return self._newest().__await__()

    async def __aiter__(self) -> AsyncIterator[Image]:
        seen: set[str] = set()
        done = 0
        while done < len(span := self._span(await self._book.acounted())):
            numbers = (number for number, _ in groupby(span[done:], _number))
            places = groupby(span[done:], _number)
            async with aclosing(self._pages(numbers)) as pages:
                async for page in pages:
                    for image in _fresh(page, next(places)[1], seen):
                        yield image
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
        at = self._span(await self._book.acounted())[index]
        return (await self._book.apage(_number(at)))[at % SIZE]

    async def _newest(self) -> Page:
        shown = [image async for image in self[:_SHOWN]]
        return Page(tuple(shown), 1, _SHOWN, total=await self.total())

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


def _number(place: int) -> int:
    return place // SIZE + 1


def _fresh(page: Page, places: Iterable[int], seen: set[str]) -> list[Image]:
    """The images at these places, without those that an upload pushed over from the page before."""
    images = [page[place % SIZE] for place in places if place % SIZE < len(page)]
    fresh = [image for image in images if image.locked or image.image_id not in seen]
    seen.clear()
    seen.update(image.image_id for image in images)
    return fresh
