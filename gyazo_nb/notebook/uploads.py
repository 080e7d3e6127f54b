"""`%gyazo ITEM …` and `%%gyazo`: upload what the notebook shows.

Guarantees: every uploaded image is shown as a card. If an upload failed, one sentence below the cards says
so, and the cell fails. The list of images is stored in a variable, and the report in the session.
"""

from __future__ import annotations

import argparse
import base64
import hashlib
import keyword
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from html import unescape
from typing import Any
from urllib.parse import unquote_to_bytes

from IPython.core.error import UsageError
from IPython.display import display

from gyazo_nb.api.endpoints import AccessPolicy
from gyazo_nb.batch.report import Report
from gyazo_nb.client.gyazo import Gyazo
from gyazo_nb.errors import ArgumentError, PictureError
from gyazo_nb.images import convert, render

from . import capture, line_parser

_PDF = "application/pdf"
_SCRIPT = re.compile(r"<(script|style)\b.*?</\1\s*>", re.DOTALL | re.IGNORECASE)
_HTML_PICTURE = re.compile(
    r"""<img\b[^>]*?\bsrc\s*=\s*(?:["'](?P<quoted>data:image/[^"'>]+)|(?P<bare>data:image/[^\s>]+))""",
    re.IGNORECASE,
)
_EMBEDDED = {
    "text/html": (_HTML_PICTURE,),
    "text/markdown": (
        re.compile(r"!\[[^\]]*\]\(\s*<?(?P<url>data:image/[^)\s>]+)"),
        _HTML_PICTURE,
    ),
}
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

    def __init__(self, shell: Any, session: Gyazo) -> None:
        self._shell, self._session = shell, session

    def run_line(
        self, parser: argparse.ArgumentParser, line: str, local_names: Mapping[str, Any]
    ) -> None:
        """Upload the items that the line names. A function that calls the magic has local names."""
        options = UploadOptions.parse(parser, line)
        if not options.items:
            raise ArgumentError("Name the items to upload: %gyazo fig  or  %gyazo plots/*.png")
        items: list[Any] = []
        for word in options.items:
            items += line_parser.resolve(word, self._shell.user_ns, self._shell.ev)
        self._upload(items, options.expanded({**self._shell.user_ns, **local_names}))

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
            pictures, warning = _pictures_in(outputs)
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


def _pictures_in(
    outputs: capture.DisplayedOutputs,
) -> tuple[list[bytes | str], PictureError | None]:
    """Return the pictures among the outputs, each once, and the first error of one that cannot be rendered.

    A picture that the notebook shows by its web address is returned as that address.
    """
    pictures: dict[bytes, bytes | str] = {}
    warning = None
    for bundle, item in outputs.visible():
        try:
            data = (
                render.from_mime_bundle(bundle)
                or render.render_chart(item)
                or _picture_url(bundle, item)
            )
        except PictureError as error:
            warning = warning or error
            continue
        for one in [data] if data else _embedded_pictures(bundle):
            content = one.encode() if isinstance(one, str) else one
            pictures.setdefault(hashlib.sha256(content).digest(), one)
    return list(pictures.values()), warning


def _embedded_pictures(bundle: Mapping[str, Any]) -> list[bytes]:
    """Return the pictures that a page or a Markdown text contains as data: URLs, outside of scripts."""
    for mime_type, patterns in _EMBEDDED.items():
        if isinstance(text := bundle.get(mime_type), str) and "data:image/" in text:
            text = _SCRIPT.sub("", text)
            urls = [
                match[match.lastgroup or 0]
                for pattern in patterns
                for match in pattern.finditer(text)
            ]
            if urls:
                return [data for url in urls if (data := _decode_data_url(url))]
    return []


def _decode_data_url(url: str) -> bytes | None:
    header, _, text = url.partition(",")
    data = unquote_to_bytes(unescape(text))
    try:
        return base64.b64decode(data) if header.endswith(";base64") else data
    except ValueError:
        return None  # a browser shows no picture either


def _without_pictures(outputs: capture.DisplayedOutputs) -> str:
    """Say what a cell showed that showed no picture: a page can look like one."""
    shown = {mime_type for bundle, _ in outputs.visible() for mime_type in bundle}
    if shown <= {"text/plain", "text/latex"}:
        return "This cell showed no picture, so no image was uploaded."
    return (
        "This cell showed a page, not a picture, so no image was uploaded: give the figure itself, as in  "
        "%gyazo fig"
    )


def _picture_url(bundle: Mapping[str, Any], item: Any) -> str | None:
    """Return the web address of a picture that is not in the notebook. A string that is a URL is text."""
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
