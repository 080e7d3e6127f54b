"""Renders a table (a pandas DataFrame or Styler) as a picture with the library dataframe_image.

Guarantees: the rows and columns are those that the notebook shows, with the colors of a Styler. Fonts, borders
and alignment are those of the library, which uses Matplotlib: no browser and no network are needed. What would
be missing in the picture, such as a bar in a cell or a character without a glyph, is an error.
"""

from __future__ import annotations

import importlib
import io
import re
import sys
import warnings
from typing import Any

from gyazo_nb.errors import PictureError, reason_of

_MAX_CELLS = 10_000  # each becomes several objects of Matplotlib
# The library would leave out a gradient or a picture, and show a hidden cell.
_NOT_RENDERED = re.compile(
    r"background(?:-image)?\s*:[^;}]*(?:gradient|url)\s*\(|(?:display\s*:\s*none|visibility\s*:\s*hidden)"
    r"|<(?:img|svg|canvas)\b",
    re.IGNORECASE,
)
# The library takes colors only from the rules of single cells, and ignores some properties. Values that change
# nothing are accepted, such as black for a text.
_RULE = re.compile(r"([^{}]+)\{([^{}]*)\}")
_CELLS = re.compile(r"(?:\s*#T_[\w-]+?_(?:row|level)\d+\w*\s*,?)+")
_INTERACTIVE = re.compile(r":(?:hover|focus|active)\b")
_IGNORED = re.compile(
    r"(?<![\w-])(?:background|opacity)\s*:(?!\s*(?:none|inherit|initial|unset|transparent|1)\s*(?:;|$))[^;]*",
    re.IGNORECASE,
)
_COLOR = re.compile(
    r"(?<![\w-])(?:background-|(?!color\s*:\s*(?:black|#000(?:000)?)\b))color\s*:"
    r"(?!\s*(?:none|inherit|initial|unset|transparent)\b)[^;]*",
    re.IGNORECASE,
)
_INLINE_COLOR = re.compile(
    r"""style\s*=\s*["'][^"']*(?<![\w-])(?:background|color)[^"']*""", re.IGNORECASE
)


def render_table(item: Any) -> bytes:
    """Render a table as PNG."""
    pandas = sys.modules.get("pandas")
    table = getattr(item, "data", None) if type(item).__name__ == "Styler" else item
    if pandas is None or not isinstance(table, pandas.DataFrame):
        raise PictureError(
            "Only tables of pandas are rendered: convert this one, for example with  table.to_pandas()."
        )
    sizes = _shown_sizes(pandas, table) if table is item else {"max_rows": -1, "max_cols": -1}
    _check(item, table, sizes)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            library = importlib.import_module("dataframe_image")
        except ImportError:
            raise PictureError(
                f"This {type(item).__name__} is not a picture, and dataframe_image, which renders tables, "
                f"is not installed: run  %pip install dataframe_image  and upload it again."
            ) from None
        out = io.BytesIO()
        try:
            matplotlib = importlib.import_module("matplotlib")
            with matplotlib.rc_context({"text.parse_math": False}):  # a dollar sign is text
                library.export(item, out, table_conversion="matplotlib", **sizes)
        except Exception as error:
            raise PictureError(
                f"This table could not be rendered ({type(error).__name__}: {reason_of(error)}): upload a "
                f"plot of it, or a screenshot."
            ) from error
    if any("missing from" in str(warning.message) for warning in caught):
        raise PictureError(
            "The font of Matplotlib lacks characters of this table: choose a font that has them, for "
            "example  plt.rcParams['font.family'] = 'Noto Sans CJK JP'."
        )
    return out.getvalue()


def _shown_sizes(pandas: Any, table: Any) -> dict[str, int]:
    """Return how many rows and columns the notebook shows. -1 means all."""
    options = pandas.options.display
    rows, columns = options.max_rows, options.max_columns
    if rows and len(table) > rows:
        rows = min(options.min_rows or rows, rows)
    return {"max_rows": rows or -1, "max_cols": columns or -1}


def _check(item: Any, table: Any, sizes: dict[str, int]) -> None:
    if table.shape == (0, 0) and not getattr(item, "caption", None):
        raise PictureError(
            "This table is empty: it has no rows and no columns. Fill it, and upload it again."
        )
    shown = [
        total if limit < 0 else min(total, limit)
        for total, limit in zip(table.shape, sizes.values(), strict=True)
    ]
    if shown[0] * shown[1] > _MAX_CELLS:
        raise PictureError(
            f"This table shows {shown[0]:,} x {shown[1]:,} cells, and the limit is {_MAX_CELLS:,}: pass a "
            f"part of it, for example  table.head(50)."
        )
    if item is not table and (lost := _lost_style(item.to_html())):
        raise PictureError(
            f"This table is styled with {lost[:40]!r}, which would be missing in the picture: remove it, or "
            f"upload a screenshot. The picture keeps each  color  and  background-color  that  "
            f"Styler.map  or  Styler.map_index  sets."
        )


def _lost_style(html: str) -> str | None:
    """Return a part of the style of a table that the library would leave out, or None."""
    css, _, body = html.partition("</style>")
    if found := _NOT_RENDERED.search(html) or _INLINE_COLOR.search(body):
        return found[0]
    for selectors, declarations in _RULE.findall(css.partition(">")[2]):
        found = _IGNORED.search(declarations)
        if not _CELLS.fullmatch(selectors):
            found = found or _COLOR.search(declarations)
        if found and not _INTERACTIVE.search(selectors):
            return f"{selectors.split()[-1]} {{{found[0].strip()}}}"
    return None
