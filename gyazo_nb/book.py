"""The pages behind a list of images, and how many images there are.

The law: the last few pages are kept and no more, and none of these is asked for twice. What Gyazo says
about numbers is believed as far as the pages bear it out: a total may be missing, too small or too large,
and a page shorter than was asked for.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from itertools import count

from .models import Image, Page

SIZE = 100  # images a page: the most that Gyazo gives at once
OPEN = 10**12  # more than anybody has: where a list ends that does not say so
_KEPT = 16  # pages: twice what is asked for at once


class Book:
    """The pages of one list, by number, fetched in either colour; the last few are kept."""

    def __init__(self, ask: Callable[[int], Page], aask: Callable[[int], Awaitable[Page]]) -> None:
        self._ask, self._aask = ask, aask
        self._kept: OrderedDict[int, Page] = OrderedDict()
        self._lock = threading.Lock()
        self._size = SIZE
        self._said: int | None = None  # how many Gyazo says that there are
        self._wrong = False  # it said less than was found
        self._reached, self._end = 0, OPEN  # how many there are at least, and at most

    @property
    def total(self) -> int | None:
        """How many there are, as soon as that is known."""
        if self._said is None:
            return None if self._end == OPEN else self._end
        return min(self._said, self._end)

    def number(self, place: int) -> int:
        """The page on which a place is."""
        return place // self._size + 1

    def on(self, page: Page, place: int) -> Image | None:
        """What is at a place of a page; a page may be shorter than it should be."""
        at = place % self._size
        return page[at] if at < len(page) else None

    def page(self, number: int) -> Page:
        """One page."""
        page = self._looked_up(number)
        return self._keep(number, self._ask(number)) if page is None else page

    async def apage(self, number: int) -> Page:
        """Same as `page`, awaited."""
        page = self._looked_up(number)
        return self._keep(number, await self._aask(number)) if page is None else page

    def counted(self, most: int = OPEN) -> int:
        """How many there are: as Gyazo says, else by turning the pages, until there are `most`."""
        for number in count(1):
            if self.total is not None or self._reached >= most:
                break
            self.page(number)
        return self._reached if self.total is None else self.total

    async def acounted(self, most: int = OPEN) -> int:
        """Same as `counted`, awaited."""
        for number in count(1):
            if self.total is not None or self._reached >= most:
                break
            await self.apage(number)
        return self._reached if self.total is None else self.total

    def _looked_up(self, number: int) -> Page | None:
        with self._lock:
            if number in self._kept:
                self._kept.move_to_end(number)
            return self._kept.get(number)

    def _keep(self, number: int, page: Page) -> Page:
        with self._lock:
            self._learn(number, page)
            self._kept[number] = page
            while len(self._kept) > _KEPT:
                self._kept.popitem(last=False)
        return page

    def _learn(self, number: int, page: Page) -> None:
        if page.total is not None and not self._wrong:
            # Never less: what was deleted meanwhile makes the last page shorter, no index wrong.
            self._said = max(page.total, self._said or 0)
        if number == 1 and 0 < page.per_page < SIZE:
            self._size = page.per_page  # it gives no more at once
        if number == 1 and 0 < len(page) < self._size and (self._said or 0) > len(page):
            self._size = len(page)  # and does not say so
        if page:
            self._reached = max(self._reached, (number - 1) * self._size + len(page))
        if self._said is not None and self._said < self._reached:
            self._said, self._wrong = None, True  # there are more: it is not to be believed
        if not page or (self._said is None and len(page) < self._size):
            self._end = min(self._end, (number - 1) * self._size + len(page))
