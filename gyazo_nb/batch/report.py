"""The results of a batch: `Report`, with the uploaded images and the failed items.

Guarantees: a report holds images and failed items, in the order of the items, and no token. It can
always be pickled, whatever its items are. The printed name of an item is short. Of a web address it shows
host and path only: the query may contain an access key.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path, PurePath
from typing import TYPE_CHECKING, Any, overload
from urllib.parse import urlsplit

from gyazo_nb.api.image import Image, gallery, text_lines
from gyazo_nb.api.operation import one_line
from gyazo_nb.errors import ArgumentError, BatchError, GyazoError
from gyazo_nb.html import shortened, text_list

from .files import printable

if TYPE_CHECKING:  # runner.py imports this module
    from .runner import Batch

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
        return f"{self.index}: {_name_of(self.item)}: {_text_of(self.error)}"


@dataclass(eq=False, repr=False)
class Report(Sequence[Image]):
    """The images of a batch, in the order of the items; in a notebook a gallery.

    >>> report = gyazo.upload_all(paths)
    >>> report[0].permalink_url, len(report)
    >>> report.failures
    >>> report.retry()

    As a sequence it holds the uploaded images. A pickle holds the results, and only the names of the
    failed items.

    - `results` has an `Image`, a `Failure` or None (not reached) for each item.
    - `failures` holds the failed items and their errors.
    - `interrupted` is True if the batch was stopped before its end, `running` while it runs.
    - `skipped` is the number of images that the resume file had. They were not sent again.
    - `left_out` holds the files and subfolders of a folder that are not items.
    - `retry()` repeats the failed items, continues with the items that were not reached, and returns this
      report.
    """

    _batch: Batch | None
    results: list[Image | Failure | None] = field(default_factory=list)
    interrupted: bool = False
    running: bool = False
    skipped: int = 0
    left_out: list[Path] = field(default_factory=list)

    @property
    def images(self) -> list[Image]:
        """The uploaded images."""
        return [result for result in self.results if isinstance(result, Image)]

    @property
    def failures(self) -> list[Failure]:
        """The items that were tried and failed."""
        return [result for result in self.results if isinstance(result, Failure)]

    @property
    def markdown(self) -> str:
        """The pictures with their links, one a line, to paste into Markdown."""
        return "\n".join(image.markdown for image in self.images)

    @property
    def ok(self) -> bool:
        """Whether every item is uploaded."""
        is_finished = not (self.interrupted or self.running)
        return is_finished and all(isinstance(result, Image) for result in self.results)

    def retry(self) -> Report:
        """Repeat the failed items, continue with the items that were not reached, and return this report.

        >>> gyazo.upload_all(paths).retry()

        An item whose upload failed is sent as it was rendered then, up to 32 MB in all. Of further items,
        large files and web addresses, the current content is sent.
        """
        self._own_batch().run()
        return self

    async def aretry(self) -> Report:
        """Same as `retry`, async."""
        await self._own_batch().arun()
        return self

    def _own_batch(self) -> Batch:
        if self._batch is None:
            raise ArgumentError(
                "This report came from a pickle, without its items: call upload_all again. With resume= it "
                "skips the items that are already uploaded."
            )
        return self._batch

    def check(self) -> Report:
        """Return this report if every item is uploaded, else raise `BatchError`.

        >>> gyazo.upload_all(paths).check()
        """
        if not self.ok:
            failures = self.failures
            first = f" The first failure: {failures[0]}" if failures else ""
            raise BatchError(
                f"{self._caption()}: gyazo.report.retry() uploads the rest.{first}", self
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
        lines = [f"<{self._caption()}>", *text_lines(self.images), *self._failed_lines()]
        return "\n".join(lines)

    def __reduce__(self) -> tuple[Any, ...]:
        results = [_without_item(one) if isinstance(one, Failure) else one for one in self.results]
        state = {
            "results": results,
            "interrupted": self.interrupted or self.running,
            "skipped": self.skipped,
            "left_out": self.left_out,
        }
        return Report, (None,), state

    def __copy__(self) -> Report:
        return self

    def __deepcopy__(self, memo: dict[int, object]) -> Report:
        return self

    def _repr_html_(self) -> str:
        shown = gallery(self.images, self._caption(), shown=_MAX_THUMBNAILS)
        return shown + text_list(self._failed_lines())

    def _caption(self) -> str:
        images = self.images
        if existing := sum(image.was_there for image in images):
            caption = f"{len(images) - existing} uploaded now, {existing} existed before"
            if self.skipped:
                caption += f" ({self.skipped} recorded in the resume file, not sent again)"
        else:
            caption = f"{len(images)} uploaded"
        parts = [caption]
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
        lines = [str(failure) for failure in failures[:_MAX_FAILURE_LINES]]
        return [*lines, f"and {more} more: see gyazo.report.failures"] if more > 0 else lines


def _without_item(failure: Failure) -> Failure:
    """A failure that can be pickled: with a path or the name of the item, and an error of this package."""
    item, error = failure.item, failure.error
    if not isinstance(item, PurePath):
        item = _name_of(item)
    if not isinstance(error, GyazoError):
        error = GyazoError(one_line(f"{type(error).__name__}: {error}"))
    return Failure(failure.index, item, error)


def _text_of(error: BaseException) -> str:
    """The text of an error in one line. A single word, such as the key of a KeyError, follows its class."""
    if isinstance(error, GyazoError):
        return str(error)
    text = one_line(str(error))
    if isinstance(error, KeyError) or " " not in text:
        text = f"{type(error).__name__}: {text}".removesuffix(": ")
    return shortened(text)


def _name_of(item: Any) -> str:
    """Name a path or an address by its text, any other item by its class: its repr may be long."""
    path = getattr(item, "__fspath__", None)
    if not isinstance(item, str) and not callable(path):
        kind = type(item).__name__
        return f"{'an' if kind[0].lower() in 'aeiou' else 'a'} {kind}"
    name = str(path()) if callable(path) else str(item)
    if name[:8].lower().startswith(("http://", "https://")):
        with suppress(ValueError):
            parts = urlsplit(name)
            name = f"{parts.hostname or ''}{parts.path}"
    name = printable(name)
    half = _MAX_NAME_LENGTH // 2
    return name if len(name) <= _MAX_NAME_LENGTH else f"{name[:half]}…{name[1 - half :]}"
