"""Finds the pictures in a page (HTML or Markdown) that a notebook shows.

A picture is a picture or video in a data: URL, an SVG, an animation of Matplotlib, or a chart of Plotly or
Vega-Lite that a script draws.

Guarantees: a picture in the data of a script does not count, because the page does not show it. A page is
read as text, and its scripts do not run. No web address is fetched. The only files that are read are the
pages of Plotly's renderer `iframe`.
"""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Iterator, Mapping
from contextlib import suppress
from html import unescape
from pathlib import Path
from typing import Any

from gyazo_nb.errors import PictureError

from .animation import join_frames
from .render import WAYS, from_mime_bundle, picture_errors, render_plotly_spec, render_vegalite_spec
from .svg import render_svg
from .svg_sanitizer import decode_data_url

# Parts that a page does not show. A part may have no end tag, and a tag ends at the next "<". This keeps the time
# linear in the length of a page.
_HIDDEN = re.compile(
    r"<(?P<tag>script|style|template|noscript)\b[^<>]*>?(?P<content>.*?)(?:</(?P=tag)\s*>|\Z)"
    r"|<!--.*?(?:-->|\Z)",
    re.DOTALL | re.IGNORECASE,
)
_URL = "data:(?:image|video)/"
_MEDIA = re.compile(
    r"<(?:img|video|source)\b[^<>]*?(?<![\w-])src\s*=\s*"
    rf"(?:\"(?P<double>{_URL}[^\"]+)|'(?P<single>{_URL}[^']+)|(?P<bare>{_URL}[^\s>]+))",
    re.IGNORECASE,
)
_MARKDOWN_PICTURE = re.compile(r"!\[[^\]]{0,1000}\]\(\s*<?(?P<url>data:image/[^)\s>]+)")
_SVG_TAG = re.compile(r"<(?P<end>/?)svg\b[^<>]*?(?P<empty>/?)>", re.IGNORECASE)
# The elements that only place an SVG.
_AROUND_SVG = re.compile(
    r"(?>\s|<\?xml[^<>]*>|<!DOCTYPE[^<>]*>|</?(?:div|p|center|figure|span|body|html)\b[^<>]*>)*+",
    re.IGNORECASE,
)
_PLOTLY_CALL = re.compile(r"Plotly\.newPlot\(\s*(?:'[^']*'|\"[^\"]*\"|\w+)\s*,\s*(?=\[)")
_PLOTLY_FILE = re.compile(
    r"<iframe\b[^<>]*?\bsrc=\"(iframe_figures/figure_\d+\.html)[\"?]", re.DOTALL
)
_VEGA_CALL = re.compile(r"\}\)\(\s*(?=\{)|\b(?:const|var|let) spec\s*=\s*(?=\{)")
_FRAME = re.compile(r"\bframes\[\d+\]\s*=\s*\"data:image/png;base64,([^\"]+)\"")
_INTERVAL = re.compile(r"new Animation\(frames,[^,]*,[^,]*,\s*([\d.]+)\s*,")
_LOOP = re.compile(r'value="(loop|reflect)"[^>]{0,500}?\bchecked\b', re.DOTALL)
_MAX_PAGE_BYTES = 64 * 2**20
_DECODER = json.JSONDecoder()
_SEPARATOR = re.compile(r"[\s,]*")


def pictures_in(bundle: Mapping[str, Any]) -> list[bytes]:
    """Return the pictures that a MIME bundle shows, in order.

    >>> pictures_in({"text/html": '<img src="data:image/gif;base64,R0lGODlh">'})
    [b'GIF89a']
    """
    if (data := from_mime_bundle(bundle)) is not None:
        return [data]
    for mime_type, pictures_of in (("text/html", _in_html), ("text/markdown", _in_markdown)):
        text = bundle.get(mime_type)
        if isinstance(text, str) and (found := [*pictures_of(text)]):
            return found
    return []


def picture_of_page(item: Any) -> bytes | None:
    """Return the picture that an `HTML`, a `Markdown` or a `Video` of IPython shows, or None."""
    if not type(item).__module__.startswith("IPython."):
        return None
    types = {"text/html": "_repr_html_", "text/markdown": "_repr_markdown_"}
    methods = {mime: getattr(item, name, None) for mime, name in types.items()}
    pictures = pictures_in({mime: method() for mime, method in methods.items() if callable(method)})
    if len(pictures) > 1:
        raise PictureError(
            f"This {type(item).__name__} shows {len(pictures)} pictures: display it, and run  %gyazo  alone "
            f"to upload all of them."
        )
    return pictures[0] if pictures else None


def refuse_chart(bundle: Mapping[str, Any]) -> None:
    """Raise the error for a chart that only its own library can draw."""
    if "application/vnd.bokehjs_exec.v0+json" in bundle:
        raise PictureError(WAYS["bokeh"])
    # `hv.extension` displays scripts of the same type, without a text.
    if "application/vnd.holoviews_exec.v0+json" in bundle and "text/plain" in bundle:
        raise PictureError(WAYS["holoviews"])


def _in_html(text: str) -> Iterator[bytes]:
    if file := _PLOTLY_FILE.search(text):
        text = _read_page(Path(file[1]))
    if "Plotly.newPlot" in text:
        for call in _PLOTLY_CALL.finditer(text):
            if (spec := _json_values(text, call.end(), 2)) is not None:
                yield render_plotly_spec({"data": spec[0], "layout": spec[1]})
        return
    if "vegaEmbed" in text:
        for call in _VEGA_CALL.finditer(text):
            # The second argument, where there is one, has the options of vega-embed.
            spec = _json_values(text, call.end(), 2) or _json_values(text, call.end(), 1)
            if spec is not None:
                yield render_vegalite_spec(*spec)
        return
    if (interval := _INTERVAL.search(text)) and (frames := _FRAME.findall(text)):
        with picture_errors("animation"):
            pictures = [base64.b64decode(frame) for frame in frames]
            plays = 0 if _LOOP.search(text) else 1
            joined = join_frames(pictures, float(interval[1]), plays=plays)
        yield joined
        return
    page = _HIDDEN.sub("", text)
    if svgs := _only_svgs(page):
        yield from _rendered(svgs, text)
        return
    yield from _data_urls(_MEDIA, page)


def _in_markdown(text: str) -> Iterator[bytes]:
    visible = _HIDDEN.sub("", text)
    yield from _data_urls(_MARKDOWN_PICTURE, visible)
    yield from _data_urls(_MEDIA, visible)


def _only_svgs(page: str) -> list[str]:
    """Return the SVGs of a page that shows only SVGs, else an empty list."""
    svgs, depth, start, end = [], 0, 0, 0
    for tag in _SVG_TAG.finditer(page):
        if not depth:
            start = tag.start()
            if not _AROUND_SVG.fullmatch(page, end, start):
                return []
        if not tag["empty"]:
            depth += -1 if tag["end"] else 1
        if not depth:
            end = tag.end()
            svgs.append(page[start:end])
    return svgs if _AROUND_SVG.fullmatch(page, end) else []


def _rendered(svgs: list[str], text: str) -> Iterator[bytes]:
    """Render the SVGs of a page. A browser applies each style of the page to all of them."""
    styles = "".join(
        f"<style>{hidden['content']}</style>"
        for hidden in _HIDDEN.finditer(text)
        if (hidden["tag"] or "").lower() == "style"
    )
    for svg in svgs:
        end = svg.rindex("<")
        yield render_svg(svg[:end] + styles + svg[end:])


def _data_urls(pattern: re.Pattern[str], text: str) -> Iterator[bytes]:
    for match in pattern.finditer(text):
        with suppress(ValueError):  # a browser shows no picture either
            yield decode_data_url(unescape(match[match.lastgroup or 0]))


def _json_values(text: str, start: int, number: int) -> list[Any] | None:
    """Read the JSON arguments of a call that begins at `start`, or return None for another code."""
    values = []
    with suppress(ValueError, RecursionError):
        for _ in range(number):
            value, end = _DECODER.raw_decode(text, start)
            values.append(value)
            start = _SEPARATOR.match(text, end).end()  # type: ignore[union-attr]  # it matches ""
        return values
    return None


def _read_page(path: Path) -> str:
    """Read the page that Plotly wrote for its renderer `iframe`. The cell that showed it has just written it."""
    try:
        with path.open("rb") as file:
            return file.read(_MAX_PAGE_BYTES).decode("utf-8", "replace")
    except OSError as error:
        raise PictureError(
            f"The page {str(path)!r} of this Plotly figure cannot be read ({error.strerror}): run  "
            f"%gyazo fig  to upload the figure itself."
        ) from None
