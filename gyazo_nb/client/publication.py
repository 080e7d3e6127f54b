"""One call of `gyazo.publish`: reads a notebook, and writes its text after the uploads.

Guarantees: everything is checked before the first upload. The file is written in one step. A file that
`publish` did not write is replaced only with `overwrite`.
"""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from html import escape
from pathlib import Path
from typing import Any

from gyazo_nb import html
from gyazo_nb.api.image import Image, text_lines
from gyazo_nb.batch.report import Report
from gyazo_nb.errors import ArgumentError

from . import cosense
from .notebook_file import MARK, Draft, Notation, count

SUFFIXES = {"markdown": ".md", "cosense": ".txt"}
MAX_NOTEBOOK_BYTES = 512 * 2**20


@dataclass(frozen=True, slots=True)
class Published:
    """The result of `gyazo.publish`.

    - `path` is the written file, `text` its content, `markdown` the same content as Markdown.
    - `report` is the `Report` of the upload.
    - `notes` name the local pictures that were left as they are.
    """

    path: Path
    text: str = field(repr=False)
    markdown: str = field(repr=False)
    report: Report = field(repr=False)
    notes: tuple[str, ...] = ()

    @property
    def images(self) -> list[Image]:
        """The uploaded images, in the order of the notebook, each once."""
        return self.report.images

    def __repr__(self) -> str:
        return "\n".join([f"<{self._caption()}>", *text_lines(self.images), *self.notes])

    def _repr_html_(self) -> str:
        lines = "<br>".join(escape(line) for line in [self._caption(), *self.notes])
        return html.message_box(lines) + self.report._repr_html_()

    def _caption(self) -> str:
        return f"{self.path.name}: {count(len(self.images), 'picture')} on Gyazo"


class Publication:
    """One call of `gyazo.publish`, see this module."""

    def __init__(
        self,
        path: str | os.PathLike[str],
        to: str | os.PathLike[str] | None,
        notation: Notation,
        *,
        overwrite: bool,
    ) -> None:
        if notation not in SUFFIXES:
            raise ArgumentError(f"notation is 'markdown' or 'cosense', not {notation!r}.")
        if notation == "cosense":
            cosense.check_installed()
        self._notation, self._overwrite = notation, overwrite
        source = _user_path("path", path)
        notebook = _read(source)
        self._target = (
            source.with_suffix(SUFFIXES[notation]) if to is None else _user_path("to", to)
        )
        self._check_target(source)
        self.draft = Draft(notebook, source.parent)

    def print_summary(self) -> None:
        """Say how many pictures will be uploaded."""
        print(self.draft.summary)  # noqa: T201 -- before the progress bar

    def write(self, report: Report) -> Published:
        """Write the file, and return the result."""
        self.draft.check(
            report,
            "Call publish again to retry. With resume='FILE.jsonl', the retry uploads only the rest.",
        )
        text = self.draft.text(report.images, self._notation)
        markdown = self.draft.text(report.images)
        try:
            _write(self._target, text)
        except OSError as error:
            raise ArgumentError(
                f"The file {str(self._target)!r} cannot be written ({error.strerror}): pass the path of "
                f"a writable file as to=. The pictures are uploaded: see gyazo.report."
            ) from None
        return Published(self._target, text, markdown, report, tuple(self.draft.notes))

    def _check_target(self, source: Path) -> None:
        """Refuse to replace a file of the user."""
        target = self._target
        if os.path.realpath(target) == os.path.realpath(source):
            raise ArgumentError("to= names the notebook itself: pass the path of another file.")
        if not os.access(target.parent, os.W_OK):
            raise ArgumentError(
                f"The folder {str(target.parent)!r} does not exist, or you cannot write to it: pass the "
                f"path of another file as to=."
            )
        if target.is_dir():
            raise ArgumentError(
                f"{str(target)!r} is a folder: pass the path of a file in it as to=."
            )
        if self._overwrite or not target.exists():
            return
        with suppress(OSError, ValueError):
            if target.read_text("utf-8").rstrip().endswith(MARK):
                return
        raise ArgumentError(
            f"The file {str(target)!r} exists, and publish did not write it: pass another path as to=, or "
            f"overwrite=True to replace it."
        )


def _user_path(name: str, path: Any) -> Path:
    if not isinstance(path, str | os.PathLike):
        raise ArgumentError(f"{name} must be the path of a file, not {type(path).__name__}.")
    return Path(os.path.expanduser(path))  # noqa: PTH111 -- Path's raises for an unknown user


def _read(path: Path) -> Mapping[str, Any]:
    try:
        is_too_large = path.stat().st_size > MAX_NOTEBOOK_BYTES
        notebook = None if is_too_large else json.loads(path.read_text("utf-8-sig"))
    except OSError as error:
        raise ArgumentError(
            f"The notebook {str(path)!r} cannot be read ({error.strerror}): check the path."
        ) from None
    except (ValueError, RecursionError):
        is_too_large, notebook = False, None
    if is_too_large:
        raise ArgumentError(
            f"The notebook {str(path)!r} is larger than {MAX_NOTEBOOK_BYTES // 2**20} MB: publish it in "
            f"parts."
        )
    if not isinstance(notebook, Mapping) or not isinstance(notebook.get("cells"), list):
        raise ArgumentError(
            f"{str(path)!r} is not a notebook of format 4 (JSON with cells): pass the path of an .ipynb file. "
            f"If it is an older notebook, open it in JupyterLab, save it, and publish it again."
        )
    return notebook


def _write(path: Path, text: str) -> None:
    """Replace a file in one step."""
    file, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(file, "w", encoding="utf-8", newline="\n") as stream:
            stream.write(text)
        umask = os.umask(0o077)  # for a moment, also for the files of other threads
        os.umask(umask)
        Path(name).chmod(0o666 & ~umask)
        Path(name).replace(path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise
