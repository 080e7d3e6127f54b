"""The results of a batch: `Report`, with the uploaded images and the failed items.

Guarantees: a report holds images, and the items that are not uploaded yet, in the order of the items; it
holds no picture bytes and no token. The printed name of an item is short. Of a web address it shows host
and path only, since the query may contain an access key.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from html import escape
from typing import Any, Protocol, overload
from urllib.parse import urlsplit

from gyazo_nb import html
from gyazo_nb.api.image import Image
from gyazo_nb.errors import BatchError

_MAX_THUMBNAILS = 60
_MAX_FAILURE_LINES = 20
_MAX_NAME_LENGTH = 80


@dataclass(frozen=True, slots=True)
class Failure:
    """One item of a batch that was not uploaded: its index, counted from 0, and the error."""

    index: int
    item: Any = field(repr=False)
    error: BaseException

    @property
    def thing(self) -> Any:
        """The item, by its name in version 0.1.0."""
        return self.item

    def __str__(self) -> str:
        return f"{self.index}: {_name_of(self.item)}: {self.error}"


class Retryable(Protocol):
    """What a report needs of its batch."""

    def run(self) -> None:
        """Upload what is not uploaded yet."""

    async def arun(self) -> None:
        """Same as `run`, async."""


class Report(Sequence[Image]):
    """The images of a batch, in the order of the items; in a notebook a gallery.

    >>> report = gyazo.upload_all(paths)               # doctest: +SKIP
    >>> report[0].permalink_url, len(report)           # doctest: +SKIP
    >>> report.failures                                # doctest: +SKIP
    >>> report.retry()                                 # doctest: +SKIP

    As a sequence it holds what is uploaded. `results` has an `Image`, a `Failure` or None (not reached)
    for each item. `failures` says what failed and why, `interrupted` that the batch was stopped before
    its end, `running` that it is not finished. `retry()` repeats what failed, continues with what was
    not reached, and returns this same report.
    """

    def __init__(self, batch: Retryable) -> None:
        self.results: list[Image | Failure | None] = []
        self.interrupted = False
        self.running = False
        self._batch = batch

    @property
    def images(self) -> list[Image]:
        """What is uploaded."""
        return [result for result in self.results if isinstance(result, Image)]

    @property
    def failures(self) -> list[Failure]:
        """The items that were tried and failed."""
        return [result for result in self.results if isinstance(result, Failure)]

    @property
    def ok(self) -> bool:
        """Whether every item is uploaded."""
        is_finished = not (self.interrupted or self.running)
        return is_finished and all(isinstance(result, Image) for result in self.results)

    def retry(self) -> Report:
        """Repeat what failed, continue with what was not reached, and return this report, updated.

        >>> gyazo.upload_all(paths).retry()                # doctest: +SKIP

        An item that failed while it was sent is sent as it was rendered then, up to 32 MB in all. Beyond
        that, and for a large file or an address, its present content is sent.
        """
        self._batch.run()
        return self

    async def aretry(self) -> Report:
        """Same as `retry`, async."""
        await self._batch.arun()
        return self

    def check(self) -> Report:
        """Raise `BatchError` unless everything is uploaded, else return this report.

        >>> gyazo.upload_all(paths).check()                # doctest: +SKIP
        """
        if not self.ok:
            failures = self.failures
            why = f" The first: {failures[0]}" if failures else ""
            raise BatchError(
                f"{self._caption()}: gyazo.report.retry() uploads the rest.{why}", self
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
            for i in images[:_MAX_THUMBNAILS]
        ]
        caption = self._caption()
        if len(images) > _MAX_THUMBNAILS:
            caption += f"; the first {_MAX_THUMBNAILS} are shown"
        lines = "".join(f"<li>{escape(line)}</li>" for line in self._failed_lines())
        return html.gallery(entries, caption) + (f"<ul>{lines}</ul>" if lines else "")

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
        more = len(failures) - _MAX_FAILURE_LINES
        return [
            *(str(failure) for failure in failures[:_MAX_FAILURE_LINES]),
            *([f"and {more} more: see gyazo.report.failures"] if more > 0 else []),
        ]


def _name_of(item: Any) -> str:
    """Name a path or address by itself, anyitem else by its class: its repr may be long."""
    path = getattr(item, "__fspath__", None)
    if not isinstance(item, str) and not callable(path):
        kind = type(item).__name__
        return f"{'an' if kind[0].lower() in 'aeiou' else 'a'} {kind}"
    name = str(path()) if callable(path) else str(item)
    if name[:8].lower().startswith(("http://", "https://")):
        with suppress(ValueError):
            parts = urlsplit(name)
            name = f"{parts.hostname or ''}{parts.path}"
    return (
        name
        if len(name) <= _MAX_NAME_LENGTH
        else f"{name[: _MAX_NAME_LENGTH // 2]}…{name[-_MAX_NAME_LENGTH // 2 + 1 :]}"
    )
