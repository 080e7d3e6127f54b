"""`%gyazo`, `%gyazo ITEM …` and `%%gyazo`: upload what the notebook shows.

Guarantees: every uploaded image is shown as a card. If an upload failed, one sentence below the cards says
so, and the cell fails. The list of images is stored in a variable, and the report in the session.
"""

from __future__ import annotations

import argparse
import hashlib
import keyword
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from IPython.core.error import UsageError
from IPython.display import display

from gyazo_nb.api.endpoints import AccessPolicy
from gyazo_nb.batch.report import Report
from gyazo_nb.client.gyazo import Gyazo
from gyazo_nb.errors import ArgumentError, PictureError
from gyazo_nb.images import convert, page, render

from . import capture, line_parser
from .capture import Output
from .shown import ShownPictures

_MAX_CARDS = 12  # more images are shown as a gallery


@dataclass(frozen=True, slots=True)
class UploadOptions:
    """The options of one `%gyazo` or `%%gyazo` line."""

    into: str
    title: str | None = None
    desc: str | None = None
    access_policy: AccessPolicy | None = None
    collection_id: str | None = None
    items: Sequence[str] = ()
    cell: int | None = None
    on_error: bool = False

    @classmethod
    def parse(cls, parser: argparse.ArgumentParser, line: str) -> UploadOptions:
        """Parse a line with the parser of its magic. Raises `UsageError` or `ArgumentError`."""
        try:
            parsed = vars(parser.parse_args(line_parser.split(line)))
        except UsageError as error:
            raise UsageError(f"{error}. See %gyazo? and %%gyazo? for the options.") from None
        for name in ("collection_id", "into"):
            if parsed[name] is not None:
                parsed[name] = line_parser.unquoted(parsed[name])
        if not parsed["into"].isidentifier() or keyword.iskeyword(parsed["into"]):
            raise ArgumentError(f"--into takes the name of a variable, not {parsed['into']!r}.")
        return cls(**parsed)

    def expanded(
        self, names: Mapping[str, Any], before: UploadOptions | None = None
    ) -> UploadOptions:
        """Expand the variables in the title and the description, and remove the quotes around them.

        A text that was expanded in `before` is not expanded a second time.
        """
        texts: dict[str, str] = {}
        for name in ("title", "desc"):
            if (word := getattr(self, name)) is not None:
                text = getattr(before, name, None)
                if text is None or text == line_parser.unquoted(word):
                    text = line_parser.unquoted(line_parser.expand(word, names))
                texts[name] = text
        return replace(self, **texts)  # type: ignore[arg-type]  # two texts

    def fields(self) -> dict[str, Any]:
        """Return the fields for `Gyazo.upload_all`."""
        names = ("title", "desc", "access_policy", "collection_id")
        return {name: getattr(self, name) for name in names}


class UploadFlow:
    """Uploads the items that a line names, or the pictures that a cell shows. One for each extension."""

    def __init__(self, shell: Any, session: Gyazo, shown: ShownPictures) -> None:
        self._shell, self._session, self._shown = shell, session, shown

    def run_line(
        self, parser: argparse.ArgumentParser, line: str, local_names: Mapping[str, Any]
    ) -> None:
        """Upload the items that the line names, or else the pictures of a cell.

        A function that calls the magic has local names.
        """
        options = UploadOptions.parse(parser, line)
        if not options.items:
            self._run_shown(options.expanded({**self._shell.user_ns, **local_names}))
            return
        if options.cell is not None:
            raise ArgumentError(
                "--cell uploads what a cell showed: run  %gyazo --cell N  without an item."
            )
        items: list[Any] = []
        for word in options.items:
            items += line_parser.resolve(word, self._shell.user_ns, self._shell.ev)
        self._upload(items, options.expanded({**self._shell.user_ns, **local_names}))

    def _run_shown(self, options: UploadOptions) -> None:
        """Upload the pictures that a cell showed, and say which cell that was."""
        capture.show_pending_figures(self._shell)
        for cell in self._shown.cells(options.cell):
            pictures, warning = _pictures_in(cell.candidates())
            if warning is not None:
                warning = PictureError(f"Cell [{cell.number}]: {warning}")
            if pictures:
                number = "1 picture" if len(pictures) == 1 else f"{len(pictures)} pictures"
                print(f"Uploading {number} of cell [{cell.number}]")  # noqa: T201 -- above the cards
            if pictures or warning:
                self._upload(pictures, options, warning)
                return
        raise self._shown.no_picture(options.cell)

    def run_cell(self, parser: argparse.ArgumentParser, line: str, cell: str) -> None:
        """Run a cell, and upload the pictures that it displayed."""
        options = UploadOptions.parse(parser, line)
        if self._session.account is None:
            self._session.me()  # raises before a long cell, not after it
        before = options.expanded(self._shell.user_ns)
        outer = self._shell.displayhook.exec_result
        outputs, result = capture.run(self._shell, cell)
        error = result.error_before_exec or result.error_in_exec
        # IPython expands the line of a cell before the cell runs. A name that it sets is known afterwards.
        options = options.expanded(self._shell.user_ns, before)
        if error is None or options.on_error:
            pictures, warning = _pictures_in(outputs.visible())
            try:
                self._upload(pictures, options, warning, _without_pictures(outputs))
            except Exception:
                if error is None:
                    raise
                # The error of the cell stays the main one: this one is shown below it.
                self._shell.showtraceback()
        if error is not None:
            capture.fail(outer, error)

    def _upload(
        self,
        items: Sequence[Any],
        options: UploadOptions,
        warning: PictureError | None = None,
        without_pictures: str = "",
    ) -> None:
        """Upload, show the cards, set the variable, and raise an error if an upload failed."""
        # First: after an error, the list of an earlier cell must not remain.
        self._shell.user_ns[options.into] = []
        if not items:
            if warning is not None:
                raise warning
            print(without_pictures)  # noqa: T201 -- under the cell
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


def _pictures_in(outputs: Sequence[Output]) -> tuple[list[bytes | str], PictureError | None]:
    """Return the pictures among the outputs, each once, and the first error of one that cannot be rendered.

    A picture that the notebook shows by its web address is returned as that address.
    """
    pictures: dict[bytes, bytes | str] = {}
    warning = None
    for output in outputs:
        try:
            found = _pictures_of(output)
        except PictureError as error:
            warning = warning or error
            continue
        for one in found:
            content = one.encode() if isinstance(one, str) else one
            pictures.setdefault(hashlib.sha256(content).digest(), one)
    return list(pictures.values()), warning


def _pictures_of(output: Output) -> Sequence[bytes | str]:
    """Return the pictures of one output. Its data are first: its object may have changed since then."""
    if pictures := page.pictures_in(output.bundle):
        return pictures
    if (data := render.render_displayed(output.item)) is not None:
        return [data]
    if "application/pdf" in output.bundle:
        raise PictureError(
            "A figure was shown as PDF, which Gyazo does not support: run  %config "
            "InlineBackend.figure_formats = ['png']  and then this cell again."
        )
    # A string that is a web address is text.
    url = None if isinstance(output.item, str) else convert.picture_url(output.item)
    return [] if url is None else [url]


def _without_pictures(outputs: capture.DisplayedOutputs) -> str:
    """Say what a cell showed that showed no picture: a page can look like one."""
    shown = {mime_type for output in outputs.visible() for mime_type in output.bundle}
    if shown <= {"text/plain", "text/latex"}:
        return "This cell showed no picture, so no image was uploaded."
    return (
        "This cell showed a page, not a picture, so no image was uploaded: give the figure itself, as in  "
        "%gyazo fig"
    )


def _show(report: Report) -> None:
    if len(report) > _MAX_CARDS:
        display(report)
    else:
        for image in report:
            display(image)
