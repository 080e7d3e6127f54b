"""`%gyazo ITEM …` and `%%gyazo`: upload what the notebook shows.

Guarantees: everything that was uploaded is shown as a card. What failed is one sentence below the cards,
and the cell fails. The list of images is in a variable, and the report in the session.
"""

from __future__ import annotations

import argparse
import hashlib
import keyword
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from IPython.core.error import UsageError
from IPython.display import display

from gyazo_nb.api.endpoints import AccessPolicy
from gyazo_nb.batch.report import Report
from gyazo_nb.client.gyazo import Gyazo
from gyazo_nb.errors import ArgumentError, PictureError
from gyazo_nb.images import convert, render

from . import capture, event_loop, line_parser

_PDF = "application/pdf"
_MAX_CARDS = 12  # more images are shown as a gallery


@dataclass(frozen=True, slots=True)
class UploadOptions:
    """What the user wrote behind `%gyazo` or `%%gyazo`."""

    into: str
    title: str | None = None
    desc: str | None = None
    access_policy: AccessPolicy | None = None
    collection: str | None = None
    items: Sequence[str] = ()
    on_error: bool = False

    @classmethod
    def parse(cls, parser: argparse.ArgumentParser, line: str) -> UploadOptions:
        """Parse a line with the parser of its magic. Raises `UsageError` or `ArgumentError`."""
        try:
            parsed = vars(parser.parse_args(line_parser.split(line)))
        except UsageError as error:
            raise UsageError(f"{error}. See %gyazo? and %%gyazo? for the options.") from None
        for name in ("title", "desc", "collection", "into"):
            if parsed[name] is not None:
                parsed[name] = line_parser.unquoted(parsed[name])
        if not parsed["into"].isidentifier() or keyword.iskeyword(parsed["into"]):
            raise ArgumentError(f"--into takes the name of a variable, not {parsed['into']!r}.")
        return cls(**parsed)

    def fields(self) -> dict[str, Any]:
        """The fields for `Gyazo.upload_all`."""
        return {
            "title": self.title,
            "desc": self.desc,
            "access_policy": self.access_policy,
            "collection_id": self.collection,
        }


class UploadFlow:
    """Uploads what a line names, or what a cell shows. One for each loaded extension."""

    def __init__(self, shell: Any, session: Gyazo) -> None:
        self._shell, self._session = shell, session

    def run_line(self, options: UploadOptions) -> None:
        """Upload the items that the options name."""
        if not options.items:
            raise ArgumentError("Name what to upload: %gyazo fig  or  %gyazo plots/*.png")
        items: list[Any] = []
        for word in options.items:
            items += line_parser.resolve(word, self._shell.user_ns, self._shell.ev)
        self._upload(items, options)

    def run_cell(self, options: UploadOptions, cell: str) -> None:
        """Run a cell, and upload the pictures that it showed."""
        if self._session.account is None:
            self._session.me()  # raises the error of a missing sign-in before a long cell, not after
        outer = self._shell.displayhook.exec_result
        shown, result = capture.run(self._shell, cell, event_loop.run)
        error = result.error_before_exec or result.error_in_exec
        if error is None or options.on_error:
            pictures, warning = _pictures_in(shown)
            try:
                self._upload(pictures, options, warning)
            except Exception:
                if error is None:
                    raise
                self._shell.showtraceback()  # below the error of the cell, which stays the main one
        if error is not None:
            capture.fail(outer, error)

    def _upload(
        self, items: Sequence[Any], options: UploadOptions, warning: PictureError | None = None
    ) -> None:
        """Upload, show the cards, set the variable, and raise what failed."""
        # An earlier cell's list must not stay, whatever happens.
        self._shell.user_ns[options.into] = []
        if not items:
            if warning is not None:
                raise warning
            print("This cell showed no picture: nothing was uploaded.")  # noqa: T201 -- under the cell
            return
        before = self._session.report
        try:
            self._session.upload_all(items, progress=len(items) > _MAX_CARDS, **options.fields())
        finally:  # also after a Stop, or when the token is revoked
            report = self._session.report
            if report is not None and report is not before:
                self._shell.user_ns[options.into] = report.images
                _show(report)
        assert report is not None  # noqa: S101 -- for mypy: the batch has ended without an error
        if len(items) == 1 and report.failures:
            raise report.failures[0].error
        report.check()
        if warning is not None:
            raise warning


def _pictures_in(
    shown: capture.DisplayedOutputs,
) -> tuple[list[bytes | str], PictureError | None]:
    """The pictures that a cell showed, each once, and the first error of one that cannot be rendered.

    A picture that is shown by its address only is that address.
    """
    pictures: dict[bytes, bytes | str] = {}
    warning = None
    for bundle, item in shown.all():
        try:
            data = (
                render.from_mime_bundle(bundle)
                or render.render_chart(item)
                or _picture_url(bundle, item)
            )
        except PictureError as error:
            warning = warning or error
            continue
        if data:
            content = data.encode() if isinstance(data, str) else data
            pictures.setdefault(hashlib.sha256(content).digest(), data)
    return list(pictures.values()), warning


def _picture_url(bundle: Mapping[str, Any], item: Any) -> str | None:
    """The address of a picture that is not in the notebook. A text is a text, also if it is a URL."""
    if _PDF in bundle:
        raise PictureError(
            "A figure was shown as PDF, which Gyazo does not support: run  %config "
            "InlineBackend.figure_formats = ['png']  and then this cell again."
        )
    return None if isinstance(item, str) else convert.picture_url(item)


def _show(report: Report) -> None:
    if len(report) > _MAX_CARDS:
        display(report)
    else:
        for image in report:
            display(image)
