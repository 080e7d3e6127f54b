"""All images of an account as one sequence, from any number of pages.

Guarantees: a page is fetched when it is needed. The order is that of Gyazo (newest first), and memory
stays constant. An iteration from the start skips no image that existed before it, even if others are
uploaded meanwhile. A new call of `gyazo.images()` has the new images.
`Images` and `AsyncImages` are the same line by line, over a `PageCache`.
"""

from __future__ import annotations

import asyncio
import operator
import threading
from collections import deque
from collections.abc import (
    AsyncGenerator,
    AsyncIterator,
    Awaitable,
    Callable,
    Generator,
    Iterator,
    Sequence,
)
from concurrent.futures import Future
from contextlib import aclosing, closing
from itertools import groupby, islice
from typing import Any, overload

from gyazo_nb.api.image import Image, Page, gallery, text_lines
from gyazo_nb.errors import GyazoError

from .page_cache import UNKNOWN, PageCache, is_older

PREFETCH_PAGES = 8  # pages fetched at the same time, after the first one
GALLERY_SIZE = 20
_OUT_OF_RANGE = "image index out of range"


class _Listing:
    """The part that both lists share: the page cache, and the slices that were taken."""

    _order = ", newest first"

    def __init__(self, cache: PageCache, slices: tuple[slice, ...] = ()) -> None:
        self._cache, self._slices = cache, slices

    def _indices(self, total: int) -> range:
        """The indices of these images among all images."""
        indices = range(total)
        for part in self._slices:
            indices = indices[part]
        return indices

    def _is_from_start(self, *index: int) -> bool:
        """Whether these images are counted from the first one, and not from the last one."""
        numbers = [n for part in self._slices for n in (part.start, part.stop, part.step)]
        return all(n is None or n >= 0 for n in (*numbers, *index))

    def _indices_from_start(self) -> range:
        """The indices, as far as they are known without counting all images."""
        total = self._cache.total
        return self._indices(UNKNOWN if total is None else total)

    def _count_limit(self) -> int:
        """How far the images must be counted to know the length of this list."""
        indices = self._indices(UNKNOWN) if self._is_from_start() else range(UNKNOWN)
        return indices[-1] + 1 if indices else 0

    def _deduplicated(self, page: Page, indices: list[int], seen: set[str]) -> list[Image]:
        """The images at these indices, without those that a new upload moved here from the previous page.

        A whole page is returned unchanged. If the server leaves out some images, a page can be longer than
        the first one.
        """
        if indices == list(self._cache.indices_of(indices[0])):
            images = list(page)
        else:
            found = [self._cache.image_at(page, index) for index in indices]
            images = [image for image in found if image is not None]
        fresh = [image for image in images if image.locked or image.image_id not in seen]
        seen.clear()
        seen.update(image.image_id for image in images)
        return fresh

    def __repr__(self) -> str:
        total = self._cache.total
        number = "images" if total is None else f"{len(self._indices(total))} images"
        return f"<{number}{self._order}>"


class Images(_Listing, Sequence[Image]):
    """Your images, newest first: to iterate, count, index and slice; in a notebook a gallery.

    >>> for image in gyazo.images(): print(image.title)
    >>> gyazo.images()[:500]

    Pages of 100 are fetched while you read, up to eight at once. To delete images in a loop, make a
    list first: `for image in list(gyazo.images())`. Raises the errors of every call.
    Source: https://gyazo.com/api/docs/image#list
    """

    @property
    def total(self) -> int:
        """How many images there are."""
        return len(self._indices(self._cache.count(self._count_limit())))

    def __len__(self) -> int:
        return self.total

    def __iter__(self) -> Iterator[Image]:
        seen: set[str] = set()
        done = 0
        # A second round is needed if an upload during the loop moved the last image by one.
        while done < len(indices := self._load_indices()):
            with closing(self._pages(indices[done:])) as pages:
                for page, page_indices in pages:
                    yield from self._deduplicated(page, page_indices, seen)
                    if not page:
                        break
            done = len(indices)

    @overload
    def __getitem__(self, index: int) -> Image: ...
    @overload
    def __getitem__(self, index: slice) -> Images: ...
    def __getitem__(self, index: int | slice) -> Image | Images:
        if isinstance(index, slice):
            return Images(self._cache, (*self._slices, index))
        index = _checked(index)
        position = _select(self._load_indices(index), index)
        page = self._cache.page(self._cache.page_number(position))
        return _existing(self._cache.image_at(page, position))

    def _load_indices(self, *index: int) -> range:
        self._cache.page(1)
        if self._is_from_start(*index):
            return self._indices_from_start()
        return self._indices(self._cache.checked_count())

    def _pages(self, indices: range) -> Generator[tuple[Page, list[int]], None, None]:
        """Yield each page with its indices. The next pages are fetched while the caller reads one."""
        groups = groupby(indices, self._cache.page_number)
        limit, requested = 1, deque[tuple[Future[Page], int, list[int]]]()
        page = None
        while True:
            for number, group in islice(groups, limit - len(requested)):
                future = _fetch_in_thread(self._cache.page, number)
                requested.append((future, number, list(group)))
            if not requested:
                return
            future, number, page_indices = requested.popleft()
            before, page = page, future.result()
            if is_older(page, before):
                page = self._cache.page(number, fetch_again=True)
            yield page, page_indices
            limit = min(2 * limit, PREFETCH_PAGES)

    def __str__(self) -> str:
        shown, total = self._first()
        return "\n".join([repr(self), *text_lines(shown, total=total)])

    def _repr_pretty_(self, printer: Any, _cycle: bool) -> None:
        """Show the links in a console, too. `repr` alone sends no request."""
        try:
            text = str(self)
        except GyazoError as error:
            text = f"{self!r}: {error}"
        printer.text(text)

    def _repr_html_(self) -> str | None:
        try:
            shown, total = self._first()
        except GyazoError:
            return None  # the text of the same output names the reason
        return gallery(shown, repr(self)[1:-1], total=total)

    def _first(self) -> tuple[list[Image], int]:
        """The first images, and how many there are, as far as it is known."""
        shown = list(self[:GALLERY_SIZE])
        total = self._cache.total
        return shown, len(shown) if total is None else len(self._indices(total))


class AsyncImages(_Listing):
    """Same as `Images`, async.

    >>> async for image in gyazo.aimages(): print(image.title)
    >>> newest = await gyazo.aimages()[0]
    >>> page = await gyazo.aimages()

    A slice can be iterated too. Awaiting returns the first twenty as a `Page`.
    Source: https://gyazo.com/api/docs/image#list
    """

    async def total(self) -> int:
        """How many images there are."""
        return len(self._indices(await self._cache.acount(self._count_limit())))

    _order = ", newest first: await it for the first twenty, or use async for"

    def __await__(self) -> Generator[Any, None, Page]:
        return self._newest().__await__()

    async def __aiter__(self) -> AsyncIterator[Image]:
        seen: set[str] = set()
        done = 0
        while done < len(indices := await self._load_indices()):
            async with aclosing(self._pages(indices[done:])) as pages:
                async for page, page_indices in pages:
                    for image in self._deduplicated(page, page_indices, seen):
                        yield image
                    if not page:
                        break
            done = len(indices)

    @overload
    def __getitem__(self, index: int) -> Awaitable[Image]: ...
    @overload
    def __getitem__(self, index: slice) -> AsyncImages: ...
    def __getitem__(self, index: int | slice) -> Awaitable[Image] | AsyncImages:
        if isinstance(index, slice):
            return AsyncImages(self._cache, (*self._slices, index))
        return self._image_at(_checked(index))

    async def _image_at(self, index: int) -> Image:
        position = _select(await self._load_indices(index), index)
        page = await self._cache.apage(self._cache.page_number(position))
        return _existing(self._cache.image_at(page, position))

    async def _load_indices(self, *index: int) -> range:
        await self._cache.apage(1)
        if self._is_from_start(*index):
            return self._indices_from_start()
        return self._indices(await self._cache.achecked_count())

    async def _newest(self) -> Page:
        shown = [image async for image in self[:GALLERY_SIZE]]
        return Page(tuple(shown), 1, GALLERY_SIZE, total=self._cache.total)

    async def _pages(self, indices: range) -> AsyncGenerator[tuple[Page, list[int]], None]:
        """Same as `Images._pages`, async."""
        groups = groupby(indices, self._cache.page_number)
        limit, requested = 1, deque[tuple[asyncio.Task[Page], int, list[int]]]()
        page = None
        try:
            while True:
                for number, group in islice(groups, limit - len(requested)):
                    task = asyncio.create_task(self._cache.apage(number))
                    requested.append((task, number, list(group)))
                if not requested:
                    return
                task, number, page_indices = requested.popleft()
                before, page = page, await task
                if is_older(page, before):
                    page = await self._cache.apage(number, fetch_again=True)
                yield page, page_indices
                limit = min(2 * limit, PREFETCH_PAGES)
        finally:
            tasks = [task for task, *_ in requested]
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)


def _checked(index: Any) -> int:
    """Return an index as an int. Raises `TypeError`, as a list does."""
    try:
        return operator.index(index)
    except TypeError:
        raise TypeError(
            f"An index must be a whole number or a slice, not {type(index).__name__}. For one image by its id, "
            f"call gyazo.image(id)."
        ) from None


def _select(indices: range, index: int) -> int:
    try:
        return indices[index]
    except IndexError:
        raise IndexError(_OUT_OF_RANGE) from None


def _existing(image: Image | None) -> Image:
    if image is None:  # the reported number of images is too large
        raise IndexError(_OUT_OF_RANGE)
    return image


def _fetch_in_thread(fetch: Callable[[int], Page], number: int) -> Future[Page]:
    """Fetch in a daemon thread, so that neither this loop nor interpreter exit waits for it."""
    future: Future[Page] = Future()

    def run() -> None:
        try:
            future.set_result(fetch(number))
        except BaseException as error:  # noqa: BLE001 -- raised in the thread that reads
            future.set_exception(error)

    threading.Thread(target=run, name="gyazo-list", daemon=True).start()
    return future
