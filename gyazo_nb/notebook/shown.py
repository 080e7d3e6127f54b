"""Records the pictures that the cells show, from `%load_ext` on. `%gyazo` without an item uploads them.

Guarantees:

- The record contains only outputs that IPython has shown, in the form in which it showed them: pictures, and
  pages and charts that may contain a picture.
- It holds the newest cells: at most `MAX_CELLS`, with at most `MAX_MEGABYTES` (an estimate). All
  pictures of a cell are kept, or none. If `%gyazo` needs a cell whose pictures were dropped, an error says so.
- Outputs that were cleared or replaced do not count. The cards of this package do not count either.
- `%reset` drops the record. `close` drops it, too, and removes every hook.
"""

from __future__ import annotations

import re
import sys
import threading
import weakref
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, suppress
from functools import wraps
from typing import Any

from IPython.core.interactiveshell import InteractiveShell

from gyazo_nb import html
from gyazo_nb.errors import ArgumentError

from .capture import DisplayedOutputs, Listener, Output, Watch, parent_id, patch_method

MAX_MEGABYTES = 64
MAX_CELLS = 200

_MAX_BYTES = MAX_MEGABYTES * 2**20
_MAX_MEMBERS = 50  # of a list: the sizes of so many members are added
_MAX_DEPTH = 9
_CHARTS = (
    "application/pdf",  # an error says how to show a PNG instead
    "application/vnd.plotly.",
    "application/vnd.vegalite.",
    "application/vnd.bokehjs_exec.",
    "application/vnd.holoviews_exec.",
)
# A page without these contains no picture that `images.page` finds.
_PAGES = ("text/html", "text/markdown")
_MARKERS = ("data:image/", "data:video/", "<svg", "Plotly.newPlot", "vegaEmbed", "iframe_figures/")
# Objects that are kept, because their output may have a script, a widget or an address instead of a picture.
_CHART_LIBRARIES = {"plotly", "altair", "holoviews"}
_PICTURE_CLASSES = {"IPython.core.display.Image", "ipywidgets.widgets.widget_media.Image"}
_RESET = re.compile(r"^\s*%?reset\b", re.MULTILINE)
GIVE_THE_ITEM = (
    "give the figure itself, as in  %gyazo fig, or the file or web address of the picture."
)
_AGAIN = "Put %%gyazo on the first line of that cell, and run it again."


class Cell(DisplayedOutputs):
    """The outputs of one cell that may be pictures. `number` is its execution count."""

    def __init__(self, number: int, parent: str | None) -> None:
        super().__init__()
        self.number, self.parent = number, parent
        self.is_too_large = False
        self.showed_page = False

    def candidates(self) -> list[Output]:
        """Return the outputs that may be pictures. An output with a display id may become one later."""
        return [output for output in self.visible() if output.is_kept]

    def on_clear(self, widget: Any, *, wait: bool) -> None:
        """Clear the outputs. The next pictures of the cell may be small enough to be kept."""
        super().on_clear(widget, wait=wait)
        if not wait:
            self.is_too_large = False


class ShownPictures(Listener):
    """The record of the cells of one shell."""

    def __init__(self, shell: InteractiveShell) -> None:
        self._shell: Any = shell
        self._lock = threading.RLock()  # outputs come from any thread
        # Never empty after `open`: its last cell is the running cell, or the cell that ran last.
        self._cells: list[Cell] = []
        self._widgets: weakref.WeakKeyDictionary[Any, Cell] = weakref.WeakKeyDictionary()
        self._dropped: set[int] = set()  # the numbers of the cells whose pictures are not kept
        self._first = 0  # the number of the first recorded cell
        self._added = 0  # bytes, since they were counted
        self._names_before_reset: set[str] = set()
        self._hooks = ExitStack()

    def open(self) -> None:
        """Begin to record, also the next outputs of the cell that is running."""
        events = self._shell.events
        self._begin(is_stored=self._shell.display_trap.is_active)
        self._first = self._cells[0].number
        Watch(self._hooks, self._shell, self)
        events.register("pre_run_cell", self._on_cell)
        self._hooks.callback(events.unregister, "pre_run_cell", self._on_cell)
        self._drop_at_reset()

    def close(self) -> None:
        """Remove all hooks, and drop the record."""
        self._hooks.close()
        self.drop()

    def drop(self) -> None:
        """Drop the record. The next outputs of the running cell are recorded again."""
        with self._lock:
            self._cells = [Cell(cell.number, cell.parent) for cell in self._cells[-1:]]
            self._first = self._shell.execution_count - 1
            self._widgets.clear()
            self._dropped.clear()
            self._added = 0

    # ── questions ────────────────────────────────────────────────────────────────────────────────

    def cells(self, number: int | None) -> Iterator[Cell]:
        """Yield the cells that may show pictures, the newest first, or only the cell with this number.

        Raises `ArgumentError` at a cell whose pictures were too large to be kept.
        """
        self._drop_after_reset()
        with self._lock:
            cells = [
                cell for cell in reversed(self._cells) if number is None or cell.number == number
            ]
        for cell in cells:
            if cell.is_too_large:
                raise ArgumentError(
                    f"The pictures of cell [{cell.number}] need more than {MAX_MEGABYTES} MB, so they are not "
                    f"kept for %gyazo. {_AGAIN}"
                )
            if cell.candidates():
                yield cell

    def page_after(self, cell: Cell) -> int | None:
        """Return the number of the newest cell that showed a page, and no picture, after this cell."""
        with self._lock:
            for newer in reversed(self._cells):
                if newer is cell:
                    break
                if newer.showed_page:
                    return newer.number
        return None

    def no_picture(self, number: int | None) -> ArgumentError:
        """Return the error that says why there are no pictures of this cell, or of any cell."""
        if number is None:
            return ArgumentError(
                "No cell has shown a picture since %load_ext gyazo_nb or %reset. Name the items to upload, as  "
                "%gyazo fig  or  %gyazo plots/*.png  does."
            )
        if number < 1 or number > self._cells[-1].number:
            return ArgumentError(
                f"Cell [{number}] has not run in this session: --cell takes the number in the brackets beside "
                f"a cell."
            )
        if number in self._dropped:
            return ArgumentError(
                f"The pictures of cell [{number}] are no longer in memory: the newest {MAX_MEGABYTES} MB of at "
                f"most {MAX_CELLS} cells are kept. {_AGAIN}"
            )
        if number < self._first:
            return ArgumentError(
                f"Cell [{number}] ran before %load_ext gyazo_nb or %reset, so its pictures are not known. "
                f"{_AGAIN}"
            )
        if any(cell.showed_page for cell in self._cells if cell.number == number):
            return ArgumentError(f"Cell [{number}] showed a page, not a picture: {GIVE_THE_ITEM}")
        return ArgumentError(
            f"Cell [{number}] showed no picture. Name the items to upload, as  %gyazo fig  does."
        )

    # ── outputs, from `capture.Watch` ────────────────────────────────────────────────────────────

    def on_display(self, output: Output, display_id: object) -> None:
        """Record an output in its cell. It replaces the outputs with the same display id in all cells."""
        kept = _kept(output)
        with self._lock:
            if display_id is not None:
                for one in self._cells:
                    one.replace(display_id, kept)
            self.on_write(output.widget)
            cell = self._cell_of(output.widget)
            # An update also belongs to the cell that makes it, because that cell showed the picture.
            if cell is not None and not cell.is_too_large:
                cell.showed_page |= shows_page(output)
                if kept.is_kept or display_id is not None:
                    cell.on_display(kept, display_id)
                if output.widget is not None:
                    self._widgets[output.widget] = cell
            self._added += kept.size
            if self._added > _MAX_BYTES:
                self._limit_memory()

    def on_write(self, widget: Any) -> None:
        """Clear the outputs now, if a clear waited for this output."""
        with self._lock:
            for cell in self._affected_cells(widget):
                cell.on_write(widget)

    def on_clear(self, widget: Any, *, wait: bool) -> None:
        """Clear the outputs of the cell, or those of an `Output` widget, which any cell may have filled."""
        with self._lock:
            for cell in self._affected_cells(widget):
                cell.on_clear(widget, wait=wait)

    def _affected_cells(self, widget: Any) -> list[Cell]:
        if widget is not None:
            return self._cells
        cell = self._cell_of(None)
        return [] if cell is None else [cell]

    def _cell_of(self, widget: Any) -> Cell | None:
        """Return the cell of the current outputs. The outputs of a callback belong to no cell.

        If a callback writes into an `Output` widget, they belong to the cell that wrote into it before.
        """
        parent = parent_id(self._shell)
        for cell in reversed(self._cells):
            if cell.parent == parent:
                return cell
        return None if widget is None else self._widgets.get(widget)

    # ── cells ────────────────────────────────────────────────────────────────────────────────────

    def _on_cell(self, info: Any) -> None:
        self._drop_after_reset()
        if _RESET.search(info.raw_cell):
            self._names_before_reset = set(self._shell.user_ns)
        is_nested = self._shell.display_trap.is_active  # as in `%%time` or `%run`
        if not (is_nested and self._cells[-1].parent == parent_id(self._shell)):
            self._begin(is_stored=info.store_history)

    def _begin(self, *, is_stored: bool) -> None:
        # The shell counts a cell before the cell runs, if it is stored in the history.
        number = self._shell.execution_count - is_stored
        with self._lock:
            self._cells.append(Cell(number, parent_id(self._shell)))
            if len(self._cells) > MAX_CELLS:
                empty = (cell for cell in self._cells[:-1] if not cell.candidates())
                self._drop_cell(next(empty, self._cells[0]))

    def _limit_memory(self) -> None:
        """Drop the pictures of the oldest cells, so that the others fit."""
        total = 0
        for cell in reversed(self._cells[:]):
            size = sum(output.size for output in cell.visible())
            if size > _MAX_BYTES:
                cell.clear()
                cell.is_too_large = True
            elif total + size > _MAX_BYTES:
                self._drop_cell(cell)
            else:
                total += size
        self._added = total

    def _drop_cell(self, cell: Cell) -> None:
        if cell.is_too_large or cell.candidates():
            self._dropped.add(cell.number)
        self._cells.remove(cell)

    def _drop_at_reset(self) -> None:
        """Drop the record when the shell is reset. `%reset -s` removes the variables in another way."""
        original = self._shell.reset

        @wraps(original)
        def reset(*args: Any, **options: Any) -> Any:
            result = original(*args, **options)
            self.drop()
            return result

        patch_method(self._hooks, self._shell, "reset", reset)

    def _drop_after_reset(self) -> None:
        """Drop the record if a cell with `%reset` has removed variables."""
        names, self._names_before_reset = self._names_before_reset, set()
        if not names <= set(self._shell.user_ns):
            self.drop()


def shows_page(output: Output) -> bool:
    """Whether an output is neither a text nor a picture, but may look like a picture."""
    if _is_own(output) or html.is_session_message(str(output.bundle.get("text/html"))):
        return False
    types = output.bundle.keys() - {"text/plain", "text/latex"}
    return bool(types) and not any(str(name).startswith("image/") for name in types)


def _is_own(output: Output) -> bool:
    """Whether an output is a card, a gallery or a report of this package."""
    return str(getattr(output.item_class, "__module__", "")).startswith("gyazo_nb.")


def _kept(output: Output) -> Output:
    """Return the part of an output that may be a picture, and its size."""
    if _is_own(output):
        return Output({}, widget=output.widget)
    bundle, item = output.bundle, None
    classes = {f"{one.__module__}.{one.__qualname__}" for one in type(output.item).__mro__}
    libraries = {name.partition(".")[0] for name in classes}
    kept = {name: value for name, value in bundle.items() if str(name).startswith("image/")}
    if "ipympl" in libraries:  # the notebook shows its figure as it is now, not as it was
        kept, item = {}, output.item
    elif not kept:
        kept = {name: value for name, value in bundle.items() if str(name).startswith(_CHARTS)}
        if kept and "text/plain" in bundle:  # `images.page.refuse_chart` needs it
            kept["text/plain"] = bundle["text/plain"]
        for name in _PAGES:
            text = bundle.get(name)
            if isinstance(text, str) and any(marker in text for marker in _MARKERS):
                kept[name] = text
        if classes & _PICTURE_CLASSES or libraries & _CHART_LIBRARIES:
            item = output.item
    # The object of a chart or a widget has its data in attributes.
    size = _size((kept, getattr(item, "__dict__", None)), set())
    return Output(kept, item, output.widget, size)


def _size(value: Any, measured: set[int], depth: int = _MAX_DEPTH) -> int:
    """Estimate how many bytes a value takes. Of a long list, only a sample is measured.

    `measured` has the ids of the lists and dictionaries that were counted: they may contain each other.
    """
    size = 0
    with suppress(Exception):  # a library may compute the size or the members, and fail
        # An array has `nbytes`, also if it is a view of another array.
        size = int(value.nbytes if hasattr(type(value), "nbytes") else sys.getsizeof(value))
        if depth and isinstance(value, dict | list | tuple) and id(value) not in measured:
            measured.add(id(value))
            members = list(value.values()) if isinstance(value, dict) else value
            sample = members[:: len(members) // _MAX_MEMBERS + 1]
            sampled = sum(_size(one, measured, depth - 1) for one in sample)
            size += sampled * len(members) // max(1, len(sample))
    return size


def formatter_of(shell: Any) -> Callable[[Any], Mapping[str, Any]] | None:
    """Return the function with which this notebook renders an object as pictures: `images.render.Formatter`.

    It uses IPython's formatters for the class of the object. Matplotlib registers one for its figures.
    In a terminal, which shows no pictures, this returns None.
    """
    if not shell.display_formatter.formatters["image/png"].enabled:
        return None

    def render(item: Any) -> Mapping[str, Any]:
        bundle: dict[str, Any] = {}
        for mime_type, formatter in shell.display_formatter.formatters.items():
            if not formatter.enabled or not mime_type.startswith("image/"):
                continue
            try:
                method = formatter.lookup(item)
            except KeyError:
                continue
            data = method(item)  # directly: the formatter would print its error, and return None
            if isinstance(data, tuple):  # with metadata
                data = data[0]
            if data is not None:
                bundle[mime_type] = data
        return bundle

    return render
