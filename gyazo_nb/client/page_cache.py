"""The pages behind a list of images, and how many images there are.

Guarantees: the last few pages are kept, and fetched again only after an upload (see `is_older`). A count
that Gyazo reports is checked against the pages: it may be missing, too small or too large, and a page may
be shorter than requested. Every list ends: a server that repeats a page, or sends more than 10,000 pages,
causes an error.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from dataclasses import replace
from http import HTTPStatus
from itertools import count
from typing import TYPE_CHECKING

from gyazo_nb.api import endpoints
from gyazo_nb.api.image import Image, Page
from gyazo_nb.api.operation import Operation
from gyazo_nb.errors import NotLoggedInError, UnreadableReplyError

if TYPE_CHECKING:
    from .connection import Connection

PAGE_SIZE = 100  # images; Gyazo returns no more at once
MAX_PAGES = 10_000
UNKNOWN = MAX_PAGES * PAGE_SIZE + 1  # if the number of images is unknown
_MAX_CACHED_PAGES = 16  # twice as many as are prefetched


class PageCache:
    """The last few pages of one list, by number, for the account that was current at the start."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._site, self._token = connection.signed_in()
        self._pages: OrderedDict[int, Page] = OrderedDict()
        self._lock = threading.Lock()
        self._page_size = PAGE_SIZE
        # The ids of the first page, if that page can be the whole list.
        self._possible_whole: tuple[str, ...] | None = None
        self._reported_total: int | None = None
        self._total_unreliable = False  # Gyazo reported less than was found
        self._seen, self._upper_bound = 0, UNKNOWN  # images, at least and at most
        self._numbers: dict[int, int] = {}  # the number of each page, by the hash of its image ids
        self._repeated_pages = 0  # one after the other

    @property
    def total(self) -> int | None:
        """How many images there are; None if that is not known yet."""
        if self._reported_total is None:
            return None if self._upper_bound == UNKNOWN else self._upper_bound
        return min(self._reported_total, self._upper_bound)

    def page_number(self, index: int) -> int:
        """The number of the page that holds an index."""
        return index // self._page_size + 1

    def indices_of(self, index: int) -> range:
        """The indices on the same page as this one."""
        start = index - index % self._page_size
        return range(start, start + self._page_size)

    def image_at(self, page: Page, index: int) -> Image | None:
        """The image at an index, which is on this page; None if the page is shorter than expected."""
        position = index % self._page_size
        return page[position] if position < len(page) else None

    def page(self, number: int, *, fetch_again: bool = False) -> Page:
        """Return one page."""
        page = None if fetch_again else self._cached(number)
        if page is None:
            page = self._store(number, self._connection.send(self._request(number)))
        return page

    async def apage(self, number: int, *, fetch_again: bool = False) -> Page:
        """Same as `page`, async."""
        page = None if fetch_again else self._cached(number)
        if page is None:
            page = self._store(number, await self._connection.asend(self._request(number)))
        return page

    def count(self, limit: int = UNKNOWN) -> int:
        """Count the images: as Gyazo reports, else page by page, up to at least `limit`."""
        numbers = count(1)
        while self.total is None and self._seen < limit:
            self.page(next(numbers))
        return self._seen if self.total is None else self.total

    async def acount(self, limit: int = UNKNOWN) -> int:
        """Same as `count`, async."""
        numbers = count(1)
        while self.total is None and self._seen < limit:
            await self.apage(next(numbers))
        return self._seen if self.total is None else self.total

    def checked_count(self) -> int:
        """Count the images, and fetch the last page to check the count: a list from its end begins there.

        If this page is empty, a binary search finds the last one: the reported number can be far too large.
        """
        before, index = None, self.count() - 1
        while self._seen < (total := self.count()) and before != (self._seen, total):
            before = self._seen, total
            self.page(self.page_number(index))
            index = (self._seen + self.count()) // 2
        return total

    async def achecked_count(self) -> int:
        """Same as `checked_count`, async."""
        before, index = None, await self.acount() - 1
        while self._seen < (total := await self.acount()) and before != (self._seen, total):
            before = self._seen, total
            await self.apage(self.page_number(index))
            index = (self._seen + await self.acount()) // 2
        return total

    def _request(self, number: int) -> Operation[Page]:
        if self._connection.signed_in()[1] != self._token:
            raise NotLoggedInError("The signed-in account has changed: call gyazo.images() again.")
        if number > MAX_PAGES:
            raise UnreadableReplyError(
                f"The list has more than {MAX_PAGES:,} pages, which is more than this package reads: read "
                f"a part of it, such as gyazo.images()[:1000], or check the URL in the settings.",
                status=HTTPStatus.OK,
            )
        return endpoints.images(self._site, self._token, page=number, per_page=PAGE_SIZE)

    def _cached(self, number: int) -> Page | None:
        with self._lock:
            if number in self._pages:
                self._pages.move_to_end(number)
            return self._pages.get(number)

    def _store(self, number: int, page: Page) -> Page:
        with self._lock:
            if number == 1:
                self._learn_page_size(page)
            elif _ids(page) == self._possible_whole:
                # The server ignores the page number, and the first page was the whole list.
                page = replace(page, images=())
            self._check_repetition(number, page)
            self._learn_total(number, page)
            self._pages[number] = page
            while len(self._pages) > _MAX_CACHED_PAGES:
                self._pages.popitem(last=False)
        return page

    def _check_repetition(self, number: int, page: Page) -> None:
        """Raise an error if the server ignores the page number. Otherwise a list would not end.

        One repeated page is possible: after 100 uploads during an iteration, a page contains the images of
        the page before it. Locked images have no id.
        """
        ids = _ids(page)
        is_repeated = any(ids) and self._numbers.setdefault(hash(ids), number) != number
        self._repeated_pages = self._repeated_pages + 1 if is_repeated else 0
        if self._repeated_pages > 1:
            raise UnreadableReplyError(
                "The server returned the same images on several pages, so the list cannot be read to its "
                "end: try again later, or check the URL in the settings.",
                status=HTTPStatus.OK,
            )

    def _learn_page_size(self, first: Page) -> None:
        if len(first) <= first.per_page < PAGE_SIZE and first.per_page > 0:
            self._page_size = first.per_page  # the server reports a smaller page size
        if 0 < len(first) < self._page_size and _total(first) != len(first):
            # The server may use a smaller size without a report. The next page shows whether it does.
            self._page_size, self._possible_whole = len(first), _ids(first)

    def _learn_total(self, number: int, page: Page) -> None:
        before = (number - 1) * self._page_size
        end = before + len(page)
        total = _total(page)
        if number == 1 and total == len(page) == self._page_size:
            # The total may be only the length of this page. The next page shows whether it is.
            total, self._possible_whole = None, _ids(page)
        if total is not None and not self._total_unreliable:
            # Never decrease it: after a deletion the last page is shorter, but every index stays right.
            self._reported_total = max(total, self._reported_total or 0)
        if page:
            self._seen = max(self._seen, end)
            if end > self._upper_bound:  # an upload moved images beyond the former end
                self._upper_bound = UNKNOWN
        if self._reported_total is not None and self._reported_total < self._seen:
            self._reported_total, self._total_unreliable = None, True
        # A short page is not the last one if a later page has images: pages can arrive in any order.
        is_last = self._seen == end and (
            self._reported_total is None or (self.total or 0) <= before + self._page_size
        )
        if not page and before - self._page_size < self._seen < before:
            end = self._seen  # the previous page is short, and the last one
        if not page or (is_last and len(page) < self._page_size):
            self._upper_bound = min(self._upper_bound, end)


def is_older(page: Page, before: Page | None) -> bool:
    """Whether this page was fetched before an upload, and the previous page after that upload.

    Pages can arrive in any order. The upload moved an image from the previous page to this one, and neither
    of the two fetched pages has it.
    """
    return (
        before is not None
        and page.total is not None
        and before.total is not None
        and page.total < before.total
    )


def _ids(page: Page) -> tuple[str, ...]:
    return tuple(image.image_id for image in page)


def _total(page: Page) -> int | None:
    """The number of images that a page reports. None for one that no account can have."""
    return page.total if page.total is not None and page.total < UNKNOWN else None
