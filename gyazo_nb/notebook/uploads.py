"""`%gyazo`, `%gyazo ITEM …` and `%%gyazo`: upload what the notebook shows.

Guarantees: every uploaded image is shown as a card. If an upload failed, one sentence below the cards says
so, and the cell fails. The list of images is stored in a variable, and the report in the session.
"""

from __future__ import annotations

import argparse
import hashlib
import keyword
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from IPython.display import display

from gyazo_nb.api.image import Image
from gyazo_nb.batch.report import Report
from gyazo_nb.client.gyazo import Gyazo
from gyazo_nb.errors import AccessPolicyWarning, ArgumentError, NotLoggedInError, PictureError
from gyazo_nb.images import convert, page, render
from gyazo_nb.settings import AccessPolicy

from . import capture, line_parser
from .capture import Output
from .items import path_hint, resolve
from .shown import GIVE_THE_ITEM, ShownPictures, shows_page

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
    quotes_hint: str = ""
    cell: int | None = None
    on_error: bool = False

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


class UploadFlow:
    """Uploads the items that a line names, or the pictures that a cell shows."""

    def __init__(self, shell: Any, session: Gyazo, shown: ShownPictures) -> None:
        self._shell, self._session, self._shown = shell, session, shown

    def _options(self, parsed: argparse.Namespace) -> UploadOptions:
        """Check the options that need the session."""
        options = UploadOptions(**vars(parsed))
        if not options.into.isidentifier() or keyword.iskeyword(options.into):
            raise ArgumentError(f"--into takes the name of a variable, not {options.into!r}.")
        if self._shell.user_ns.get(options.into) is self._session:
            raise ArgumentError(
                f"--into {options.into} would replace the session: write  --into images  or "
                f"another name."
            )
        return options

    def run_line(self, parsed: argparse.Namespace, local_names: Mapping[str, Any]) -> None:
        """Upload the items that the line names, or else the pictures of a cell."""
        options = self._options(parsed)
        if not options.items:
            self._run_shown(options.expanded({**self._shell.user_ns, **local_names}))
            return
        if options.cell is not None:
            raise ArgumentError(
                "--cell uploads what a cell showed: run  %gyazo --cell N  without an item."
            )
        items: list[Any] = []
        hint = options.quotes_hint or path_hint(options.items)
        for word in options.items:
            items += resolve(word, self._shell.user_ns, self._shell.ev, hint)
        if any(isinstance(item, Image) for item in items):
            raise ArgumentError(
                "An item is an image that is already on Gyazo: run  display(image)  to show its card."
            )
        # After the items, whose calls may set a variable of the title.
        self._upload(items, options.expanded({**self._shell.user_ns, **local_names}))

    def _run_shown(self, options: UploadOptions) -> None:
        """Upload the pictures that a cell showed, and say which cell that was."""
        self._check_signed_in()
        capture.show_pending_figures(self._shell)
        for cell in self._shown.cells(options.cell):
            pictures, warning = _pictures_in(cell.candidates())
            if warning is not None:
                warning = PictureError(f"Cell [{cell.number}]: {warning}")
            if pictures or warning:
                note, is_newest = f"Shown by cell [{cell.number}]", options.cell is None
                if is_newest and (page_cell := self._shown.page_after(cell)) is not None:
                    # The user may mean the page: show the uploaded picture.
                    note += f". Cell [{page_cell}] showed a page, not a picture"
                    is_newest = False
                self._upload(pictures, options, warning, note, compact=is_newest)
                return
        raise self._shown.no_picture(options.cell)

    def _check_signed_in(self) -> None:
        if self._session.account is None:
            self._session.me()  # raises the error that says what to do

    def run_cell(self, parsed: argparse.Namespace, cell: str) -> None:
        """Run a cell, and upload the pictures that it displayed."""
        options = self._options(parsed)
        try:
            self._check_signed_in()  # before a long cell, not after it
        except NotLoggedInError as reason:
            raise NotLoggedInError(f"{reason} The cell did not run.") from None
        before = options.expanded(self._shell.user_ns)
        outer = self._shell.displayhook.exec_result
        outputs, result = capture.run(self._shell, cell)
        error = result.error_before_exec or result.error_in_exec
        # IPython expands the line before the cell runs. Here, names that the cell sets are known, too.
        options = options.expanded(self._shell.user_ns, before)
        if error is None or options.on_error:
            pictures, warning = _pictures_in(outputs.visible())
            try:
                self._upload(pictures, options, warning, compact=True)
                if not pictures:
                    print(_without_pictures(outputs))  # noqa: T201 -- under the cell
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
        note: str = "",
        *,
        compact: bool = False,
    ) -> None:
        """Upload, show the cards, set the variable, and raise an error if an upload failed."""
        # Before the upload: after an error, the list of an earlier cell must not remain.
        self._shell.user_ns[options.into] = []
        if not items:
            if warning is not None:
                raise warning
            return
        before = self._session.report
        try:
            with warnings.catch_warnings():
                # The cards contain these warnings. With `append`, the user's own filters come first.
                warnings.filterwarnings("ignore", category=AccessPolicyWarning, append=True)
                report = self._session.upload_all(
                    items,
                    progress=len(items) > _MAX_CARDS,
                    title=options.title,
                    desc=options.desc,
                    access_policy=options.access_policy,
                    collection_id=options.collection_id,
                )
        finally:  # also after a Stop, or when the token is revoked
            last = self._session.report
            if last is not None and last is not before:
                self._shell.user_ns[options.into] = last.images
                _show(last, note, compact=compact)
        if len(items) == 1 and report.failures:
            raise report.failures[0].error
        report.check()
        if warning is not None:
            raise warning


def _pictures_in(outputs: Sequence[Output]) -> tuple[list[bytes | str], PictureError | None]:
    """Return each picture (or its web address) once, and the first error of one that cannot be rendered."""
    pictures: dict[bytes, bytes | str] = {}
    warning = None
    for output in outputs:
        try:
            for one in _pictures_of(output):
                content = one.encode() if isinstance(one, str) else one
                pictures.setdefault(hashlib.sha256(content).digest(), one)
        except PictureError as error:
            warning = warning or error
    return list(pictures.values()), warning


def _pictures_of(output: Output) -> Sequence[bytes | str]:
    """Return the pictures of one output. Its data come before its object, which may have changed later."""
    if (data := render.render_live(output.item)) is not None:
        return [data]
    error = None
    try:
        if pictures := page.pictures_in(output.bundle):
            return pictures
    except PictureError as failure:  # for example a map: only the figure itself is rendered
        error = failure
    if (data := render.render_displayed(output.item)) is not None:
        return [data]
    if error is not None:
        raise error
    page.refuse_chart(output.bundle)
    if "application/pdf" in output.bundle:
        raise PictureError(
            "A figure was shown as PDF, which Gyazo does not support: run  %config "
            "InlineBackend.figure_formats = ['png']  (Plotly: pio.renderers.default = 'png')  and then the "
            "cell again."
        )
    # A string is a text, also if it is a web address.
    url = None if isinstance(output.item, str) else convert.picture_url(output.item)
    return [] if url is None else [url]


def _without_pictures(outputs: capture.DisplayedOutputs) -> str:
    """Say why no image was uploaded. A page can look like a picture."""
    if not any(shows_page(output) for output in outputs.visible()):
        return "This cell showed no picture, so no image was uploaded."
    return f"This cell showed a page, not a picture, so no image was uploaded: {GIVE_THE_ITEM}"


@dataclass(frozen=True, slots=True)
class _Card:
    """The card of an image, with a note. As an object of this package, it does not count as shown."""

    image: Image
    note: str
    compact: bool

    def _repr_mimebundle_(self, **_: Any) -> dict[str, str]:
        return self.image.mime_bundle(compact=self.compact, note=self.note)


def _show(report: Report, note: str, *, compact: bool) -> None:
    if len(report) > _MAX_CARDS:
        if note:
            print(note)  # noqa: T201 -- above the gallery
        display(report)
    else:
        for image in report:
            display(_Card(image, note, compact))
