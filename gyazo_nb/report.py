"""What became of a batch: `Report`, the images that arrived and the things that did not.

The law: it holds no picture's bytes and no token, only images, and of the things themselves those that
are still to be uploaded. Everything is in the order of the things. What is printed of a thing is short,
and of an address no more than where it leads: what follows may be somebody's key.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from html import escape
from typing import Any, overload
from urllib.parse import urlsplit

from . import cards
from .errors import BatchError
from .models import Image

_SHOWN = 60  # thumbnails: a page of a thousand pictures helps nobody
_LISTED = 20  # failures
_LONGEST = 80  # characters of a name


@dataclass(frozen=True, slots=True)
class Failure:
    """One thing of a batch that was not uploaded: which one, counted from 0, and why."""

    index: int
    thing: Any = field(repr=False)
    error: BaseException

    def __str__(self) -> str:
        return f"{self.index}: {_named(self.thing)}: {self.error}"


class Report(Sequence[Image]):
    """The images of a batch, in the order of the things; in a notebook a gallery.

    >>> report = gyazo.upload_all(paths)               # doctest: +SKIP
    >>> report[0].permalink_url, len(report)           # doctest: +SKIP
    >>> report.failures                                # doctest: +SKIP
    >>> report.retry()                                 # doctest: +SKIP

    As a sequence it holds what arrived. `results` has an `Image`, a `Failure` or None (not reached) for
    each thing; `failures` says what went wrong and why, `interrupted` that the batch was stopped before
    its end, `running` that it is under way. `retry()` repeats what failed, takes up what was not
    reached, and gives this same report.
    """

    def __init__(
        self, again: Callable[[], None], again_awaited: Callable[[], Awaitable[None]]
    ) -> None:
        self.results: list[Image | Failure | None] = []
        self.interrupted = False
        self.running = False
        self._again = again
        self._again_awaited = again_awaited

    @property
    def images(self) -> list[Image]:
        """What arrived."""
        return [one for one in self.results if isinstance(one, Image)]

    @property
    def failures(self) -> list[Failure]:
        """What was tried and did not arrive."""
        return [one for one in self.results if isinstance(one, Failure)]

    @property
    def ok(self) -> bool:
        """Whether every thing arrived."""
        over = not (self.interrupted or self.running)
        return over and all(isinstance(one, Image) for one in self.results)

    def retry(self) -> Report:
        """Repeat what failed and take up what was not reached. Gives this report, brought up to date.

        >>> gyazo.upload_all(paths).retry()                # doctest: +SKIP

        What failed on its way is sent as it was then, within 32 MB in all; beyond that, and of a large
        file or an address, what is there now.
        """
        self._again()
        return self

    async def aretry(self) -> Report:
        """Same as `retry`, awaited."""
        await self._again_awaited()
        return self

    def check(self) -> Report:
        """Raise `BatchError` unless everything arrived, else give this report.

        >>> gyazo.upload_all(paths).check()                # doctest: +SKIP
        """
        if not self.ok:
            failures = self.failures
            why = f" The first: {failures[0]}" if failures else ""
            raise BatchError(
                f"{self._caption()}: gyazo.report.retry() takes up the rest.{why}", self
            )
        return self

    @overload
    def __getitem__(self, index: int) -> Image: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[Image]: ...
    def __getitem__(self, index: int | slice) -> Image | Sequence[Image]:
        return self.images[index]

    def __len__(self) -> int:
        return len(self.images)

    def __iter__(self) -> Iterator[Image]:
        return iter(self.images)

    def __repr__(self) -> str:
        lines = [f"<{self._caption()}>", *self._failed_lines()]
        return "\n".join(lines)

    def _repr_html_(self) -> str:
        images = self.images
        entries = [
            (i.thumb_url or i.url or "", i.permalink_url or "", i.title or i.image_id)
            for i in images[:_SHOWN]
        ]
        caption = self._caption()
        if len(images) > _SHOWN:
            caption += f"; the first {_SHOWN} are shown"
        lines = "".join(f"<li>{escape(line)}</li>" for line in self._failed_lines())
        return cards.gallery(entries, caption) + (f"<ul>{lines}</ul>" if lines else "")

    def _caption(self) -> str:
        images = self.images
        there = sum(image.was_there for image in images)
        parts = [f"{len(images)} uploaded" + (f" ({there} there already)" if there else "")]
        if failed := len(self.failures):
            parts.append(f"{failed} failed")
        if self.running:
            parts.append("still running")
        elif self.interrupted:
            parts.append("stopped before the end")
        return ", ".join(parts)

    def _failed_lines(self) -> list[str]:
        failures = self.failures
        more = len(failures) - _LISTED
        return [
            *(str(failure) for failure in failures[:_LISTED]),
            *([f"and {more} more: see gyazo.report.failures"] if more > 0 else []),
        ]


def _named(thing: Any) -> str:
    """A path is named by itself, a figure by its class: its repr may be anything."""
    path = getattr(thing, "__fspath__", None)
    if not isinstance(thing, str) and not callable(path):
        kind = type(thing).__name__
        return f"{'an' if kind[0].lower() in 'aeiou' else 'a'} {kind}"
    name = str(path()) if callable(path) else str(thing)
    if name[:8].lower().startswith(("http://", "https://")):
        with suppress(ValueError):
            parts = urlsplit(name)
            name = f"{parts.hostname or ''}{parts.path}"
    return (
        name if len(name) <= _LONGEST else f"{name[: _LONGEST // 2]}…{name[-_LONGEST // 2 + 1 :]}"
    )
