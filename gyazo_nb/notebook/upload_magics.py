"""`%gyazo THING …` and `%%gyazo`: what is seen in the notebook, shared by one word.

The law: cards appear for everything that arrived, and the rest is one sentence beneath them, with the
cell failed. What was shared is in a variable, and the report of it in the session.
"""

from __future__ import annotations

import argparse
import hashlib
import keyword
from collections.abc import Mapping, Sequence
from typing import Any

from IPython.core.error import UsageError
from IPython.core.magic import cell_magic, line_magic, no_var_expand
from IPython.core.magic_arguments import argument, magic_arguments
from IPython.display import display

from gyazo_nb.batch.report import Report
from gyazo_nb.client.gyazo import Gyazo
from gyazo_nb.errors import ArgumentError, PictureError
from gyazo_nb.images import convert, render

from . import capture, event_loop, line_parser

INTO = "gyazo_images"
_PDF = "application/pdf"
_CARDS = 12  # more of them are shown as a gallery


def _fields(function: Any) -> Any:
    """The options that `%gyazo` and `%%gyazo` have in common."""
    for option in (
        argument("--title", help="The title of each picture."),
        argument("--desc", help="A comment; #word becomes a tag."),
        argument("--access-policy", choices=("anyone", "only_me"), help="Who may see them."),
        argument("--collection", metavar="ID", help="A collection that you own or have joined."),
        argument(
            "--into",
            default=INTO,
            metavar="NAME",
            help=f"The variable for the list of images; {INTO}.",
        ),
    ):
        function = option(function)
    return function


class UploadMagics:
    """The magics that upload. Part of `GyazoMagics`."""

    shell: Any  # Magics': an InteractiveShell
    session: Gyazo

    @no_var_expand
    @magic_arguments()
    @_fields
    @argument(
        "things", nargs="*", metavar="THING", help="A variable, an expression, a path or a glob."
    )
    @line_magic
    def gyazo(self, line: str) -> None:
        """Upload what is named, and show its cards.

        %gyazo fig
        %gyazo fig axes[1] plots/*.png --title "Loss curve" --access-policy only_me
        """
        options = self._options(self.gyazo, line)
        if not options.things:
            raise ArgumentError("Name what to upload: %gyazo fig  or  %gyazo plots/*.png")
        found = [
            thing
            for word in options.things
            for thing in line_parser.resolve(word, self.shell.user_ns, self.shell.ev)
        ]
        self._share(found, options)

    @no_var_expand
    @magic_arguments("%%gyazo")
    @_fields
    @argument("--on-error", action="store_true", help="Upload what was shown before an error, too.")
    @cell_magic("gyazo")  # type: ignore[arg-type]  # its types know no method
    def gyazo_cell(self, line: str, cell: str) -> None:
        """Run the cell, then upload every figure that it showed, in order, and show their cards.

        The list of images is in `gyazo_images`, or the variable named by --into.
        """
        options = self._options(self.gyazo_cell, line)
        if self.session.account is None:
            self.session.me()  # says to sign in: before a long cell, not after it
        outer = self.shell.displayhook.exec_result
        shown, result = capture.run(self.shell, cell, event_loop.run)
        error = result.error_before_exec or result.error_in_exec
        if error is None or options.on_error:
            pictures, complaint = _drawn(shown)
            try:
                self._share(pictures, options, complaint)
            except Exception:
                if error is None:
                    raise
                self.shell.showtraceback()  # beneath the cell's own error, which is the one that counts
        if error is not None:
            capture.fail(outer, error)

    def _share(
        self,
        things: Sequence[Any],
        options: argparse.Namespace,
        complaint: PictureError | None = None,
    ) -> None:
        """Upload, show the cards, leave the list, and say what failed."""
        self.shell.user_ns[options.into] = []  # and not an earlier cell's, whatever happens
        if not things:
            if complaint is not None:
                raise complaint
            print("This cell showed no picture: nothing was uploaded.")  # noqa: T201 -- under the cell
            return
        fields = {
            "title": options.title,
            "desc": options.desc,
            "access_policy": options.access_policy,
            "collection_id": options.collection,
        }
        before = self.session.report
        try:
            self.session.upload_all(things, progress=len(things) > _CARDS, **fields)
        finally:  # also after a Stop, or when the token dies: what arrived is seen
            report = self.session.report
            if report is not None and report is not before:
                self.shell.user_ns[options.into] = report.images
                _show(report)
        assert report is not None  # noqa: S101 -- for mypy: the batch has ended well
        if len(things) == 1 and report.failures:
            raise report.failures[0].error
        report.check()
        if complaint is not None:
            raise complaint

    def _options(self, magic: Any, line: str) -> argparse.Namespace:
        try:
            options: argparse.Namespace = magic.parser.parse_args(line_parser.split(line))
        except UsageError as error:
            raise UsageError(f"{error}. See %gyazo? and %%gyazo? for the options.") from None
        for name in ("title", "desc", "collection", "into"):
            text = getattr(options, name)
            setattr(options, name, text if text is None else line_parser.unquoted(text))
        if not options.into.isidentifier() or keyword.iskeyword(options.into):
            raise ArgumentError(f"--into needs the name of a variable, not {options.into!r}.")
        return options


def _drawn(shown: capture.Shown) -> tuple[list[bytes | str], PictureError | None]:
    """The pictures among what was shown, each once, and the first that could not be drawn.

    One that is shown by its address alone is that address.
    """
    pictures: dict[bytes, bytes | str] = {}
    complaint = None
    for bundle, thing in shown.all():
        try:
            data = (
                render.from_mime_bundle(bundle)
                or render.render_chart(thing)
                or _address(bundle, thing)
            )
        except PictureError as error:
            complaint = complaint or error
            continue
        if data:
            known_by = data.encode() if isinstance(data, str) else data
            pictures.setdefault(hashlib.sha256(known_by).digest(), data)
    return list(pictures.values()), complaint


def _address(bundle: Mapping[str, Any], thing: Any) -> str | None:
    """The address of a picture that is not in the notebook; a text that is one is a text."""
    if _PDF in bundle:
        raise PictureError(
            "A figure was shown as PDF, which Gyazo does not take: run  %config "
            "InlineBackend.figure_formats = ['png']  and then this cell again."
        )
    return None if isinstance(thing, str) else convert.picture_url(thing)


def _show(report: Report) -> None:
    if len(report) > _CARDS:
        display(report)
    else:
        for image in report:
            display(image)
