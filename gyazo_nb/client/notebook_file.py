"""The text of a notebook, and the pictures in it that are uploaded.

Guarantees:

- The pictures are those that the notebook shows, in its order; identical ones are uploaded once.
- Every picture is read, checked and rendered before the first upload.
- A notebook may come from another person. So no address is fetched, and all sizes are limited. Only files in
  the folder of the notebook are read: no hidden file, and no link to another folder. Every SVG is sanitized.
- An error names the cell. The text contains no token, and no message of the sign-in or of `%gyazo_info`.
- The address of a local file that is not uploaded stays as it is, and a note says so.
"""

from __future__ import annotations

import base64
import re
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from html import escape
from pathlib import Path
from typing import Any, Literal
from urllib.parse import unquote, unquote_to_bytes

from gyazo_nb import html
from gyazo_nb.api.image import Image
from gyazo_nb.batch.report import Report
from gyazo_nb.errors import BatchError, PictureError
from gyazo_nb.images import convert, page, render

from . import cosense, markup
from .markup import Reference

Notation = Literal["markdown", "cosense"]

MAX_PICTURE_BYTES = 100 * 2**20
MAX_TOTAL_BYTES = 512 * 2**20  # of all pictures, which are in memory
MAX_PICTURES = 2000
MAX_SECONDS = 600  # to read and render all pictures
_MAX_NOTES = 50
_MAX_ALT = 300  # characters

# The last line of the file. A file without it was written by the user.
MARK = "<!-- Published by gyazo_nb -->"
_BASE64_TYPES = ("image/png", "image/jpeg", "image/gif", "image/webp")
_CHART_TYPES = ("application/vnd.plotly.v1+json", "application/vnd.vegalite.", "image/svg+xml")
_MARKDOWN_TYPES = {"", "text/markdown", "text/x-markdown"}  # of a raw cell
_SCHEME = re.compile(r"[a-z][a-z0-9+.-]*:|//", re.IGNORECASE)
_ANSI = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)|[@-Z\\^_])")
# The text of %gyazo_info: from its first line to the rows of its last part.
_INFO = re.compile(
    r"^Versions\n  gyazo_nb .*\n(?:(?!Versions$).*\n)*?Optional packages\n(?:  .*(?:\n|\Z))*",
    re.MULTILINE,
)
_OVERWRITTEN = re.compile(r"^[^\n]*\r(?!\n|\Z)", re.MULTILINE)  # by a progress bar


@dataclass(frozen=True, slots=True)
class Picture:
    """A picture of the notebook, which is uploaded once. `cell` names the first cell that shows it."""

    data: bytes = field(repr=False)
    cell: str
    alt: str


@dataclass(frozen=True, slots=True)
class _Slot:
    """The place in the text for the address of a picture."""

    picture: int
    alt: str
    form: Literal["embed", "markdown", "html"]


class Draft:
    """The text of a notebook, before its pictures are uploaded.

    `notebook` is the JSON of the file, `folder` its folder; without it, local pictures stay as they are.
    """

    def __init__(self, notebook: Mapping[str, Any], folder: Path | None) -> None:
        self.pictures: list[Picture] = []
        self.notes: list[str] = []
        self.places = 0  # where the notebook shows a picture
        self._folder = _resolved(folder)
        self._parts: list[str | _Slot] = []
        self._indexes: dict[bytes, int] = {}  # of the pictures, by the bytes in the notebook
        self._total = 0
        self._deadline = time.monotonic() + MAX_SECONDS
        self._language = _language(notebook)
        self._number, self._cell = 0, ""  # of the current cell
        for self._number, cell in enumerate(map(_mapping, _list(notebook.get("cells"))), 1):
            self._cell = f"cell {self._number}"
            if isinstance(number := cell.get("execution_count"), int):
                self._cell += f" (In [{number}])"
            try:
                self._add_cell(cell)
            except PictureError as error:
                raise PictureError(f"In {self._cell}: {error}") from None

    @property
    def summary(self) -> str:
        """How many pictures will be uploaded, and how many are identical. Without pictures: what to do."""
        if not self.pictures:
            return (
                "The saved file has no picture. If the notebook shows pictures, save it, then publish it "
                "again."
            )
        same = self.places - len(self.pictures)
        verb = "is" if same == 1 else "are"
        identical = f" ({same} more {verb} identical to one of them)" if same else ""
        return f"{count(len(self.pictures), 'picture')} to upload{identical}."

    @property
    def items(self) -> list[bytes]:
        """The pictures, for `upload_all`."""
        return [picture.data for picture in self.pictures]

    def title_of(self, item: bytes) -> str | None:
        """The title of an image if the call gives none: the text that describes it in the notebook."""
        return self.pictures[self._indexes[item]].alt or None

    def check(self, report: Report, retry: str) -> None:
        """Raise a `BatchError` that names the cells whose pictures were not uploaded."""
        if report.ok:
            return
        failures = report.failures
        first = failures[0]
        cells = list(dict.fromkeys(self.pictures[failure.index].cell for failure in failures))
        names = ", ".join(cells[:4]) + (", …" if cells[4:] else "")
        raise BatchError(
            f"{len(failures)} of {count(len(self.pictures), 'picture')} could not be uploaded ({names}), "
            f"so no file was written: {str(first.error).rstrip('.')}. {retry}",
            report,
        )

    def text(self, images: Sequence[Image], notation: Notation = "markdown") -> str:
        """The text, with the addresses of these images in place of the pictures."""
        parts = [
            part if isinstance(part, str) else self._embedded(part, images[part.picture])
            for part in self._parts
        ]
        text = "".join(parts).strip("\n")
        if notation == "cosense":
            known = {_address(image): image.cosense for image in images}
            return cosense.from_markdown(text, known)
        return f"{text}\n\n{MARK}\n"

    def _embedded(self, slot: _Slot, image: Image) -> str:
        url = _address(image)
        if slot.form == "html":
            return escape(url)
        if slot.form == "markdown":
            return url
        return html.markdown_embed(slot.alt, url, image.permalink_url or url)

    # ── cells ────────────────────────────────────────────────────────────────────────────────────

    def _add_cell(self, cell: Mapping[str, Any]) -> None:
        kind, source = cell.get("cell_type"), _text(cell.get("source"))
        metadata = _mapping(cell.get("metadata"))
        raw_type = _text(metadata.get("raw_mimetype"))
        if kind == "code":
            if source.strip():
                language = _text(metadata.get("magics_language")) or self._language
                self._add_block(markup.fenced(source, language))
            for output in _list(cell.get("outputs")):
                self._add_output(_mapping(output), metadata)
        elif kind == "markdown" or (kind == "raw" and raw_type in _MARKDOWN_TYPES):
            self._add_text(markup.block(source), "markdown", cell.get("attachments"))
        elif kind == "raw" and raw_type == "text/html":
            self._add_text(markup.html_block(source), "html", cell.get("attachments"))

    def _add_output(self, output: Mapping[str, Any], cell_metadata: Mapping[str, Any]) -> None:
        kind = _text(output.get("output_type"))
        if kind == "stream":
            self._add_plain(_INFO.sub("", _text(output.get("text"))))
        elif kind == "error":
            self._add_plain("\n".join(map(_text, _list(output.get("traceback")))))
        elif kind in {"display_data", "execute_result"}:
            data = {
                name: value if name.endswith("json") else _text(value)
                for name, value in _mapping(output.get("data")).items()
            }
            if html.is_session_message(data.get("text/html", "")):
                return
            mime_type, contents = _pictures_in(data)
            alt = _alt_text(_mapping(output.get("metadata")), mime_type, cell_metadata)
            for content in contents:
                index = self._register(content, alt)
                slot = _Slot(index, alt or f"Output of cell {self._number}", "embed")
                self._parts += ["\n\n", slot]
            if not contents:
                self._add_data(data)

    def _add_data(self, data: Mapping[str, Any]) -> None:
        """Add an output that is not a picture, in the form that the notebook shows."""
        if text := data.get("text/html"):
            if (cards := markup.cards(text)) is not None:
                self._add_block(cards)
            else:
                self._add_text(markup.html_block(markup.without_scripts(text)), "html")
        elif text := data.get("text/markdown"):
            self._add_text(markup.block(text), "markdown")
        elif text := data.get("text/latex"):
            self._add_block(markup.block(text))
        else:
            self._add_plain(data.get("text/plain", ""))

    def _add_plain(self, text: str) -> None:
        text = _OVERWRITTEN.sub("", _ANSI.sub("", text)).strip("\n")
        if text.strip():
            self._add_block(markup.fenced(text))

    def _add_text(self, text: str, form: markup.Form, attachments: Any = None) -> None:
        """Add a text, and replace its pictures."""
        if not text.strip():
            return
        contents: list[tuple[Reference, bytes]] = []
        for found in markup.references(text, form):
            content = self._content_of(found, _mapping(attachments))
            if content is None:
                continue
            if not found.is_definition:
                self._register(content, found.alt)
            contents.append((found, content))
        self._parts.append("\n\n")
        position = 0
        for found, content in contents:
            if content in self._indexes:
                before, after = found.template.split("{}")
                slot = _Slot(self._indexes[content], found.alt, found.form)
                self._parts += [text[position : found.start] + before, slot, after]
                position = found.end
        self._parts.append(text[position:])

    def _add_block(self, text: str) -> None:
        self._parts += ["\n\n", text]

    # ── pictures ─────────────────────────────────────────────────────────────────────────────────

    def _register(self, content: bytes, alt: str) -> int:
        """Add a picture, unless it is known, and return its index."""
        self.places += 1
        if content not in self._indexes:
            data = self._checked(content)
            index = self._indexes.setdefault(data, len(self.pictures))
            self._indexes[content] = index
            if index == len(self.pictures):
                self._check_size(data)
                self.pictures.append(Picture(data, self._cell, _one_line(alt)))
        return self._indexes[content]

    def _checked(self, content: bytes) -> bytes:
        """Return the bytes to upload: an SVG is rendered, and every other format is recognized."""
        _check_limit(len(content))
        if time.monotonic() > self._deadline:
            raise PictureError(
                f"Reading the pictures of the notebook takes more than {MAX_SECONDS} seconds: publish it in "
                f"parts."
            )
        part = convert.from_bytes(content, "The picture")
        if part.content_type == "application/octet-stream" or not isinstance(part.content, bytes):
            raise PictureError("The picture is damaged, or of a format that Gyazo does not accept.")
        return part.content

    def _check_size(self, data: bytes) -> None:
        self._total += len(data)
        if len(self.pictures) >= MAX_PICTURES or self._total > MAX_TOTAL_BYTES:
            raise PictureError(
                f"The notebook has more than {MAX_PICTURES} pictures, or more than "
                f"{MAX_TOTAL_BYTES // 2**20} MB of them: publish it in parts."
            )

    def _content_of(self, found: Reference, attachments: Mapping[str, Any]) -> bytes | None:
        """The bytes of a picture in the notebook or in its folder; None for any other address."""
        url = found.url.strip()
        if url[:5].lower() == "data:":
            return _decode_data_url(url)
        if url.startswith("attachment:"):
            name = url.removeprefix("attachment:")
            bundle = _mapping(attachments.get(name) or attachments.get(unquote(name)))
            for mime_type, data in bundle.items():
                return _decode(_text(data), mime_type)
            self._note(f"the attachment {name[:80]!r} is missing.")
            return None
        if not url or _SCHEME.match(url) or found.is_definition:
            return None
        try:
            return self._local(url)
        except PictureError as error:
            self._note(f"{url[:80]!r} {error}, so it was left as it is.")
            return None

    def _note(self, text: str) -> None:
        note = f"{self._cell}: {text}"
        if note not in self.notes and len(self.notes) < _MAX_NOTES:
            self.notes.append(note)

    def _local(self, url: str) -> bytes:
        """Read a local picture, or raise a `PictureError` with the reason why it is not uploaded."""
        if self._folder is None:
            raise PictureError("is a file, and the folder of the notebook is not known")
        name = unquote(re.split(r"[?#]", url, maxsplit=1)[0])
        # On Windows, two slashes begin the path of a server, which `resolve` would contact.
        path = None if re.match(r"[/\\]{2}", name) else _resolved(self._folder / name)
        if path is None or not path.is_relative_to(self._folder):
            raise PictureError("is outside of the notebook's folder")
        if any(part.startswith(".") for part in path.relative_to(self._folder).parts):
            raise PictureError("is a hidden file")
        try:
            if not path.is_file():
                raise PictureError("does not exist")
            _check_limit(path.stat().st_size)
            content = path.read_bytes()
        except OSError as error:
            raise PictureError(f"cannot be read ({error.strerror})") from None
        try:
            return self._checked(content)
        except PictureError as error:
            raise PictureError(f"cannot be uploaded ({str(error).rstrip('.')})") from None


def _resolved(path: Path | None) -> Path | None:
    """The real path, without links; None for a path that cannot exist."""
    try:
        return None if path is None else path.resolve()
    except (OSError, ValueError, RuntimeError):  # a zero byte, or a loop of links
        return None


# ── the data of a notebook ───────────────────────────────────────────────────────────────────────


def _pictures_in(data: Mapping[str, Any]) -> tuple[str, list[bytes]]:
    """The pictures that replace a whole output, with their type. Not those in the text of a page."""
    for mime_type in _BASE64_TYPES:
        if text := data.get(mime_type):
            return mime_type, [_decode(text, mime_type)]
    chart = next((name for name in data if name.startswith(_CHART_TYPES)), None)
    if chart is not None and (rendered := render.from_mime_bundle(data)):
        return chart, [rendered]
    for mime_type, text in data.items():
        if mime_type.startswith("image/") and _text(text):
            return mime_type, [_decode(_text(text), mime_type)]
    text = data.get("text/html", "")
    # The page of Plotly's renderer `iframe` is a file, which `page` would read from any folder.
    is_complete = "iframe_figures/" not in text and not _has_data_url(text)
    if text and is_complete and (drawn := page.pictures_in({"text/html": text})):  # by a script
        return "text/html", drawn
    if "application/pdf" in data:
        raise PictureError(
            "A figure is shown as PDF, which Gyazo does not accept: run  %config "
            "InlineBackend.figure_formats = ['png']  and the cell, save the notebook, and publish it again."
        )
    page.refuse_chart(data)
    return "", []


def _has_data_url(html: str) -> bool:
    return any(found.url[:5].lower() == "data:" for found in markup.references(html, "html"))


def _decode(text: str, mime_type: str) -> bytes:
    """Decode the base64 text of a picture. An SVG may be plain text."""
    if mime_type == "image/svg+xml" and text.lstrip().startswith("<"):
        return text.encode()
    _check_limit(len(text) * 3 // 4)
    clean = "".join(text.split()).rstrip("=")
    with suppress(ValueError):
        if data := base64.b64decode(clean + "=" * (-len(clean) % 4), validate=True):
            return data
    raise PictureError("The picture is damaged (its base64 text is not valid): run the cell again.")


def _decode_data_url(url: str) -> bytes | None:
    """Decode a data: URL; None if its data are not a picture."""
    header, comma, body = url.partition(",")
    if not comma or not header[5:].lstrip().lower().startswith("image/"):
        return None
    mime_type = header[5:].partition(";")[0].strip().lower()
    if header.rstrip().lower().endswith("base64"):
        return _decode(unquote(body), mime_type)
    return unquote_to_bytes(body)


def _check_limit(size: int) -> None:
    if size > MAX_PICTURE_BYTES:
        raise PictureError(
            f"The picture has more than {MAX_PICTURE_BYTES // 2**20} MB: make it smaller."
        )


def _alt_text(metadata: Mapping[str, Any], mime_type: str, cell: Mapping[str, Any]) -> str:
    """The text that describes a picture: of the output, else of its cell."""
    for source in (_mapping(metadata.get(mime_type)), metadata, cell):
        for name in ("alt", "caption"):
            if text := _one_line(_text(source.get(name))):
                return text
    return ""


def _one_line(text: str) -> str:
    return "".join(c for c in " ".join(text[:_MAX_ALT].split()) if c.isprintable()).strip()


def _address(image: Image) -> str:
    """The address of the picture, which is safe in Markdown and HTML."""
    preview = image._preview_url  # noqa: SLF001 -- for a video, the picture that a card shows
    url = html.web_address(preview or "") or html.web_address(image.permalink_url or "")
    if not url:
        raise PictureError("Gyazo sent no web address for a picture: publish the notebook again.")
    return url


def _language(notebook: Mapping[str, Any]) -> str:
    metadata = _mapping(notebook.get("metadata"))
    info, kernel = _mapping(metadata.get("language_info")), _mapping(metadata.get("kernelspec"))
    return _text(info.get("name")) or _text(kernel.get("language"))


def _text(value: Any) -> str:
    """A text, which a notebook stores as one string or as its lines."""
    if isinstance(value, list) and all(isinstance(line, str) for line in value):
        value = "".join(value)
    if not isinstance(value, str):
        return ""
    text = value.replace("\r\n", "\n")
    # JSON can contain half of a surrogate pair, which cannot be written as UTF-8.
    return text if text.isascii() else text.encode("utf-8", "replace").decode()


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def count(number: int, word: str) -> str:
    """A number with its noun, as in "2 pictures"."""
    return f"{number} {word}{'' if number == 1 else 's'}"
