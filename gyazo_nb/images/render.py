"""Renders figures, charts, SVG and other displayable objects as picture data.

An object is recognized by its methods and attributes, or by the library that defines its class. Where a
notebook has a formatter for its class, the picture is the one that the notebook shows: with its format, size
and options.

Guarantees: recognizing an object imports no picture library. If an exporter (kaleido, vl-convert) is missing,
the error says how to install it. An error inside another library becomes one `PictureError`. Data of a chart
that name an address or a file are refused, because they may come from elsewhere.
"""

from __future__ import annotations

import base64
import importlib
import io
import json
import re
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext, suppress
from functools import partial
from pathlib import Path
from types import ModuleType
from typing import Any, TypeAlias

from gyazo_nb.errors import PictureError, reason_of

from .animation import ProgressBar, render_animation
from .fonts import check_characters, missing_characters, plotly_texts
from .limits import check_pixels, to_bytes
from .pil_images import encode, encode_all_frames
from .png_encoder import encode_array
from .svg import render_chart_as_svg, render_svg
from .svg_sanitizer import decode_data_url
from .tables import render_table

# Returns the pictures, as a MIME bundle, that a notebook's formatters for the class of an object render. The
# bundle is empty if it has none. The extension for notebooks sets it.
Formatter: TypeAlias = Callable[[Any], Mapping[str, Any]]

# Where an object keeps its figure: Artists and seaborn's grids, scikit-learn's displays (`figure_`),
# a Colorbar (`ax`). The results of `pie` and `streamplot` keep only their Artists (`wedges`, `lines`).
_FIGURE_ATTRIBUTES = ("figure", "fig", "figure_", "ax", "wedges", "lines")
_NOT_CONTAINERS = (str, bytes, bytearray, memoryview, range)
_MAX_AXES = 1_000_000  # a larger array does not contain Axes
_MAX_DEPTH = 8  # steps from an object to its figure; a list may contain itself

_TABLES = {"DataFrame", "Styler"}
_PICTURE_TYPES = ("image/png", "image/jpeg", "image/gif", "image/webp")
_SVG_TYPE = "image/svg+xml"
_PLOTLY_TYPE = "application/vnd.plotly.v1+json"
_VEGALITE_PREFIX = "application/vnd.vegalite."  # a version follows
_VEGALITE_ROWS = {"values", "datasets"}  # the parts of a chart that contain only data
# Options of vega-embed that change the picture, and their names in vl-convert.
_EMBED_OPTIONS = {
    "theme": "theme",
    "config": "config",
    "formatLocale": "format_locale",
    "timeFormatLocale": "time_format_locale",
}
# The parts of a figure, and of the style of a map, whose addresses a browser loads.
_PLOTLY_ADDRESSES = {
    "source", "geojson", "style", "tiles", "url", "urls", "data", "sprite", "glyphs",
}  # fmt: skip
_PLOTLY_ROWS = {"geojson", "meta", "customdata"}  # the parts of a figure that contain only data
_PLOTLY_SIZES = {"width", "height", "autosize", "margin"}
# The types of traces on a map. A browser loads the tiles of the map, with every style and without one.
_PLOTLY_MAPS = (
    "scattermap", "choroplethmap", "densitymap",
    "scattermapbox", "choroplethmapbox", "densitymapbox",
)  # fmt: skip
# A relative path is also an address: the page of kaleido is a local file. A name, such as that of a style,
# contains none of these characters.
_ADDRESS = re.compile(r"(?![\0-\x20]*data:).*[:/\\]", re.DOTALL | re.IGNORECASE)
_EXTERNAL_PICTURE = re.compile(rb'<image\b[^>]*?\bhref="(?!data:)', re.IGNORECASE)
# Kaleido needs a Chrome; its error names another command for the terminal.
_PLOTLY_REMEDY = "if Chrome is missing, run  !plotly_get_chrome -y  and upload it again."
_PICTURE_RENDERERS = {"png", "jpeg", "svg"}  # of Plotly and Altair
# What to do with the charts that only a browser draws, by their library.
WAYS = {
    "bokeh": "A Bokeh plot is rendered by the browser, so there is no picture of it here. Run  "
    "bokeh.io.export_png(plot, filename='plot.png')  (it needs selenium), and upload the "
    "file  plot.png  that it writes.",
    "holoviews": "This HoloViews plot is rendered by the browser, so there is no picture of it here. Run  "
    "hv.save(plot, 'plot.png')  (for Bokeh it needs selenium), and upload the file  "
    "plot.png  that it writes.",
    "folium": "A folium map is rendered by the browser, so there is no picture of it here: upload a screenshot.",
}
_REMEDY = "check that the notebook can display it, then upload it again."

# The methods by which an object displays itself, in IPython's order. Each of the last three returns
# data of one type.
_REPR_METHODS = (
    ("_repr_mimebundle_", None),
    ("_repr_png_", "image/png"),
    ("_repr_jpeg_", "image/jpeg"),
    ("_repr_svg_", _SVG_TYPE),
)


# ── the figure of an object ──────────────────────────────────────────────────────────────────────


def figures_of(item: Any) -> list[Any]:
    """Return all figures that an item or its members belong to, each once.

    >>> figures_of([figure, figure.axes[0], 5]) == [figure]
    True
    """
    figures = list(_figures(item, _MAX_DEPTH))
    # By their `id`, because a figure may not be hashable.
    return list(dict(zip(map(id, figures), figures, strict=True)).values())


def _figures(item: Any, depth: int) -> Iterator[Any]:
    if not depth or _is_from("matplotlib.animation", item) or _is_table(item):
        return
    if getattr(getattr(item, "dtype", None), "kind", "") == "O" and hasattr(item, "tolist"):
        if item.size > _MAX_AXES:
            return
        item = item.tolist()  # an array or a Series of Axes
    if isinstance(item, Mapping):  # the result of `boxplot` or `subplot_mosaic`
        item = list(item.values())
    if isinstance(item, Sequence) and not isinstance(item, _NOT_CONTAINERS):
        for member in item:
            yield from _figures(member, depth - 1)
        return
    owner = _owner(item)
    if owner is not None and owner is not item:
        yield from _figures(owner, depth - 1)
    elif callable(getattr(item, "savefig", None)):
        yield item


def _owner(item: Any) -> Any:
    """Return the object that leads from an item to its figure, or None."""
    for name in _FIGURE_ATTRIBUTES:
        value = None
        with suppress(Exception):  # a property may raise any error
            value = getattr(item, name, None)
        if value is not None and not callable(value):  # pyplot.figure is a function
            return value
    if callable(getattr(item, "get_figure", None)) and not isinstance(item, type):
        return item.get_figure()
    return None


# ── objects ──────────────────────────────────────────────────────────────────────────────────────


def render(
    item: Any, formatter: Formatter | None = None, progress_bar: ProgressBar = nullcontext
) -> bytes | None:
    """Render an item as picture data, or return None if it is not recognized. See `convert.file_part`."""
    if isinstance(item, type):  # a class has the methods of its objects, but no picture
        return None
    if _is_from("matplotlib.animation", item):
        return render_animation(item, progress_bar)
    if _is_table(item):
        return render_table(item)
    for renderer in (
        partial(_render_figure, formatter=formatter),
        _encode_pil_image,
        partial(_render_by, formatter),
        _encode_array,
        _render_plotly,
        _render_altair,
        _render_holoviews,
        _image_data,
        _render_repr,
    ):
        if (data := renderer(item)) is not None:
            return data
    for library, way in WAYS.items():
        if _is_from(library, item):
            raise PictureError(way)
    return None


def render_live(item: Any) -> bytes | None:
    """Render an item that a notebook shows as it is now: the canvas of ipympl (`%matplotlib widget`)."""
    figure = getattr(item, "figure", None) if _is_from("ipympl", item) else None
    if figure is None:
        return None
    with picture_errors("figure"):
        out = io.BytesIO()
        figure.savefig(out, format="png", dpi="figure")
        return out.getvalue()


def render_displayed(item: Any) -> bytes | None:
    """Render an item whose display contains no picture, but a script or a widget that draws one."""
    return (
        _render_plotly(item)
        or _render_altair(item)
        or _render_holoviews(item)
        or (_image_data(item) if _is_from("ipywidgets", item) else None)
    )


def _is_table(item: Any) -> bool:
    """Whether an item is a DataFrame of any library, or a Styler of pandas."""
    is_named = any(kind.__name__ in _TABLES for kind in type(item).__mro__)
    return is_named and callable(getattr(item, "_repr_html_", None))


def _render_by(formatter: Formatter | None, item: Any) -> bytes | None:
    """Render an item with the notebook's formatter for its class."""
    if formatter is None:
        return None
    with picture_errors(type(item).__name__):
        return from_mime_bundle(formatter(item))


def _render_figure(item: Any, formatter: Formatter | None) -> bytes | None:
    """Render the Matplotlib figure of an item as the notebook displays it."""
    figures = figures_of(item)
    if len(figures) > 1:
        raise PictureError(
            f"This {type(item).__name__} belongs to {len(figures)} figures: pass one of them, or run  "
            f"gyazo.upload_all([...])  with all of them."
        )
    if not figures:
        return None
    figure = figures[0]
    if callable(getattr(figure, "get_fignums", None)):  # the module pyplot or pylab
        figure = figure.gcf() if figure.get_fignums() else None
    if figure is None:
        raise _empty_figure(formatter)
    with picture_errors("figure"):
        if not hasattr(figure, "get_size_inches"):
            return _render_other_figure(figure)
        width, height = figure.get_size_inches() * figure.dpi
        check_pixels(width, height, "figure")
        if _is_blank(figure):
            raise _empty_figure(formatter)
        if formatter and (data := from_mime_bundle(formatter(figure))) is not None:
            return data
        out = io.BytesIO()
        figure.savefig(out, format="png", bbox_inches="tight")
        return out.getvalue()


class _OnlyFile(io.BytesIO):
    """A file that cannot be taken for a path: its text would become the name of a file."""

    def __str__(self) -> str:
        raise TypeError("this is a file, not a path")

    __repr__ = __str__


def _render_other_figure(figure: Any) -> bytes:
    """Render the figure of another library. Its `savefig` may accept only a file, or only a path."""
    out = _OnlyFile()
    with suppress(Exception):  # the next way raises the error
        figure.savefig(out, format="png", bbox_inches="tight")
    if out.getvalue():
        return out.getvalue()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "figure.png"
        figure.savefig(str(path))
        return path.read_bytes()


def _empty_figure(formatter: Formatter | None) -> PictureError:
    shown = (
        "" if formatter is None else "To share the picture that a cell showed, run  %gyazo  alone. "
    )
    return PictureError(
        f"This figure is empty: the notebook closes a figure after showing it. {shown}Upload it in the cell "
        f"that draws it, or keep it with  fig = plt.gcf()  in that cell."
    )


def _is_blank(artist: Any) -> bool:
    """Whether a figure, or an Artist in it, shows only empty Axes, as `plt.subplots()` creates them."""
    if callable(getattr(artist, "get_text", None)):
        return not artist.get_text() and getattr(artist, "arrow_patch", None) is None
    if callable(getattr(artist, "add_subplot", None)):  # a figure or a subfigure
        return all(_is_blank(child) for child in artist.get_children() if child is not artist.patch)
    if not hasattr(artist, "spines"):
        return False
    # Untouched Axes: the user chose everything else.
    frame = {artist.patch, artist.xaxis, artist.yaxis, *artist.spines.values()}
    return (
        artist.axison
        and artist.get_xlim() == artist.get_ylim() == (0, 1)
        and not artist.get_xlabel()
        and not artist.get_ylabel()
        and all(_is_blank(child) for child in artist.get_children() if child not in frame)
    )


def _encode_pil_image(item: Any) -> bytes | None:
    with picture_errors("image"):
        if _is_from("PIL.ImageSequence", item) and hasattr(item, "im"):
            return encode_all_frames(item.im)
        return encode(item) if _is_from("PIL", item) and hasattr(item, "getbands") else None


def _encode_array(item: Any) -> bytes | None:
    """Encode a numpy array, or a tensor that numpy can read. A table has `dtypes`, not `dtype`."""
    if _is_from("pandas", item) and hasattr(item, "to_frame"):
        raise PictureError(
            f"This {type(item).__name__} is not a picture, but shown as text: plot it, or pass the table  "
            f"series.to_frame()."
        )
    if all(hasattr(item, name) for name in ("__array__", "shape", "dtype")):
        with picture_errors("array"):
            return encode_array(item)
    return None


def _render_plotly(item: Any) -> bytes | None:
    # The library is checked because other objects have a `to_image`, too, such as a page of a PDF.
    if not _is_from("plotly", item) or not callable(getattr(item, "to_image", None)):
        return None
    if _is_blank_plotly(item):
        raise PictureError(
            "This Plotly figure is empty: add data to it, for example  fig.add_scatter(y=[1, 2])  and "
            "upload it again."
        )
    _import_exporter("kaleido", "kaleido")
    with picture_errors("Plotly figure", _PLOTLY_REMEDY):
        renderers = str(importlib.import_module("plotly.io").renderers.default).split("+")
        if not _PICTURE_RENDERERS.isdisjoint(renderers):  # with the user's size and scale
            return from_mime_bundle(item._repr_mimebundle_())
        _check_plotly_texts(item.to_plotly_json())
        return to_bytes(item.to_image(format="png"))


def _is_blank_plotly(figure: Any) -> bool:
    """Whether a Plotly figure is as `go.Figure()` creates it, except for its size and its template."""
    with picture_errors("Plotly figure"):
        layout = figure.layout.to_plotly_json()
        template = layout.pop("template", {}).get("layout", {})
        has_drawing = any(template.get(name) for name in ("annotations", "images", "shapes"))
        return not (figure.data or has_drawing or layout.keys() - _PLOTLY_SIZES)


def _render_altair(item: Any) -> bytes | None:
    if not _is_from("altair", item) or not callable(getattr(item, "save", None)):
        return None
    spec = io.StringIO()
    with picture_errors("chart"):
        altair = importlib.import_module("altair")
        if altair.data_transformers.active.startswith("vegafusion"):  # it needs a chart of Vega
            chart = item.to_dict(format="vega")
        else:
            item.save(spec, format="json")  # as for a PNG: with the data inside
            chart = json.loads(spec.getvalue())
        if altair.renderers.active not in _PICTURE_RENDERERS:
            return render_vegalite_spec(chart, altair.renderers.options.get("embed_options"))
        _check_vegalite(chart)
        return from_mime_bundle(_call_repr(item._repr_mimebundle_, None))


def _render_holoviews(item: Any) -> bytes | None:
    """Render a HoloViews plot with Matplotlib or Plotly, if one of them is its current backend."""
    if not _is_from("holoviews", item) or not hasattr(item, "opts"):
        return None
    holoviews = importlib.import_module("holoviews")
    backend = holoviews.Store.current_backend
    with picture_errors("HoloViews plot"):
        if backend == "matplotlib":
            return to_bytes(holoviews.Store.renderers[backend](item, fmt="png")[0])
        if backend == "plotly":
            return _render_plotly_data(holoviews.render(item))
    raise PictureError(WAYS["holoviews"])


def _check_vegalite(spec: Any) -> None:
    """Refuse a chart with data that vl-convert may fail to load: it would show only empty axes."""
    # vl-convert also takes JSON as a text, which is not checked here.
    if not isinstance(spec, Mapping):
        raise PictureError("The data of this Vega-Lite chart are damaged: run the cell again.")
    for node in _nodes(spec, _VEGALITE_ROWS):
        data = node.get("data")
        for source in data if isinstance(data, list) else [data]:
            if isinstance(source, Mapping) and source.get("url") is not None:
                raise PictureError(
                    "This chart takes its data from a file or an address, which is not loaded here: pass "
                    "the data itself, for example  alt.Chart(pd.read_csv(…))."
                )


def _is_from(library: str, item: Any) -> bool:
    """Whether a class of an item is defined in a library, or in one of its modules."""
    return any(f"{kind.__module__}.".startswith(f"{library}.") for kind in type(item).__mro__)


def address_of(item: Any) -> str | None:
    """Return the address of an IPython `Image`, or of the `Image` of ipywidgets, that has no data."""
    if _is_from("ipywidgets", item):
        value = getattr(item, "value", None)
        if getattr(item, "format", None) == "url" and isinstance(value, bytes | memoryview):
            return bytes(value).decode("utf-8", "replace")
        return None
    if not hasattr(item, "_repr_mimebundle_") or getattr(item, "data", b"") is not None:
        return None
    url = getattr(item, "url", None)
    return url if isinstance(url, str) else None


def _image_data(item: Any) -> bytes | None:
    """Return the data of an IPython `Image` or of the `Image` of ipywidgets."""
    if (url := address_of(item)) is not None:
        return _data_of_url(url)
    if _is_from("ipywidgets", item):
        value = getattr(item, "value", None)
        return bytes(value) if isinstance(value, bytes | memoryview) else None
    data = getattr(item, "data", None) if hasattr(item, "_repr_mimebundle_") else None
    return data if isinstance(data, bytes) else None


def _data_of_url(url: str) -> bytes:
    """Decode a data: URL. A web address was downloaded before."""
    if url[:5].lower() != "data:":
        raise PictureError(
            "This picture has an address that only the page of the notebook can load: pass the path of "
            "the file, or a complete web address."
        )
    with picture_errors("picture"):
        return decode_data_url(url)


def _render_repr(item: Any) -> bytes | None:
    """Return the picture that IPython would display. If one method fails, the next is tried."""
    first_error: PictureError | None = None
    for name, mime_type in _REPR_METHODS:
        method = getattr(item, name, None)
        if not callable(method):
            continue
        try:
            with picture_errors(type(item).__name__):
                if data := from_mime_bundle(_call_repr(method, mime_type)):
                    return data
        except PictureError as error:
            # NotImplementedError means that the item has no picture of this type.
            if not isinstance(error.__cause__, NotImplementedError):
                first_error = first_error or error
    if first_error is not None:
        raise first_error
    return None


def _call_repr(method: Callable[..., Any], mime_type: str | None) -> Mapping[str, Any]:
    """Call a method of `_REPR_METHODS`, and return its result as a MIME bundle."""
    result = method() if mime_type else method(include=None, exclude=None)
    if isinstance(result, tuple):  # data and metadata
        result = result[0]
    if not result:
        return {}
    if mime_type:
        return {mime_type: result}
    if not isinstance(result, Mapping):
        raise TypeError(f"it displays itself as a {type(result).__name__}")
    return result


# ── displayed data ───────────────────────────────────────────────────────────────────────────────


def from_mime_bundle(bundle: Mapping[str, Any]) -> bytes | None:
    """Return the picture of a MIME bundle (the data of Jupyter's `display_data`), or None."""
    for mime_type in _PICTURE_TYPES:
        data = bundle.get(mime_type)
        if data is not None and not (isinstance(data, str | bytes) and not data):
            with picture_errors("picture"):
                return base64.b64decode(data) if isinstance(data, str) else to_bytes(data)
    if plotly := bundle.get(_PLOTLY_TYPE):
        return render_plotly_spec(plotly)
    for mime_type, spec in bundle.items():
        if mime_type.startswith(_VEGALITE_PREFIX):
            return render_vegalite_spec(spec)
    if svg := bundle.get(_SVG_TYPE):
        return render_svg(svg)
    return None


def render_plotly_spec(spec: Any) -> bytes:
    """Render the data of a Plotly figure, which may come from elsewhere: an address in it is refused."""
    if not isinstance(spec, Mapping):
        raise PictureError("The data of this Plotly figure are damaged: run the cell again.")
    if _has_plotly_address(spec.get("data"), spec.get("layout")):
        raise PictureError(
            "This Plotly figure needs a picture or a map from an address, which is not loaded here: give "
            "each picture as a data: URL, upload the figure itself, or run  import plotly.io as pio; "
            "pio.renderers.default = 'png'  and then run the cell again."
        )
    return _render_plotly_data(spec)


def _render_plotly_data(spec: Mapping[str, Any]) -> bytes:
    plotly_io = _import_exporter("plotly.io", "plotly")
    _import_exporter("kaleido", "kaleido")
    figure = {"data": spec.get("data"), "layout": spec.get("layout")}
    with picture_errors("Plotly figure", _PLOTLY_REMEDY):
        _check_plotly_texts(figure)
        return to_bytes(plotly_io.to_image(figure, format="png", validate=False))


def _check_plotly_texts(figure: Mapping[str, Any]) -> None:
    """Refuse texts that need a font which the browser that renders a figure does not have."""
    texts = plotly_texts(_nodes([figure["data"], figure["layout"]], _PLOTLY_ROWS))
    check_characters(missing_characters("".join(texts)))


def _has_plotly_address(traces: Any, layout: Any) -> bool:
    """Whether the browser that draws a figure would load an address or a file for it."""
    for trace in traces if isinstance(traces, list) else []:
        if isinstance(trace, Mapping) and trace.get("type") in _PLOTLY_MAPS:
            return True
    for node in _nodes([traces, layout], _PLOTLY_ROWS):
        for name in _PLOTLY_ADDRESSES & node.keys():
            values = node[name] if isinstance(node[name], list) else [node[name]]
            if any(isinstance(value, str) and _ADDRESS.match(value) for value in values):
                return True
    return False


def _nodes(spec: Any, skipped: set[str]) -> Iterator[Mapping[str, Any]]:
    """All JSON objects of a specification, except in the members with a skipped name."""
    nodes = [spec]
    while nodes:
        node = nodes.pop()
        if isinstance(node, Mapping):
            yield node
            nodes += [value for name, value in node.items() if name not in skipped]
        elif isinstance(node, list):
            nodes += node


def render_vegalite_spec(spec: Any, embed_options: Any = None) -> bytes:
    """Render the specification of a Vega-Lite chart. `embed_options` are those of vega-embed in its page."""
    with picture_errors("Vega-Lite chart"):
        _check_vegalite(spec)
        own_options = (spec.get("usermeta") or {}).get("embedOptions") or {}
        options = (embed_options or {}) | own_options
        svg = render_chart_as_svg(
            spec, {name: options[key] for key, name in _EMBED_OPTIONS.items() if options.get(key)}
        )
        if _EXTERNAL_PICTURE.search(svg):
            raise PictureError(
                "This chart shows pictures of files or addresses, which are not loaded here: give "
                "each as a data: URL."
            )
        try:
            return render_svg(svg)
        except PictureError as error:
            raise PictureError(str(error).replace("his SVG", "his chart")) from None


# ── other libraries ──────────────────────────────────────────────────────────────────────────────


def _import_exporter(module: str, package: str) -> ModuleType:
    """Import a library that renders a Plotly figure, or say how to install it."""
    try:
        return importlib.import_module(module)
    except ImportError:
        raise PictureError(
            f"A Plotly figure is rendered by {package}, which is not installed: run  %pip install {package}  "
            f"and upload it again."
        ) from None


@contextmanager
def picture_errors(what: str, remedy: str = _REMEDY) -> Iterator[None]:
    """Turn every error of another library into a `PictureError` that contains its reason."""
    try:
        yield
    except PictureError:
        raise
    except MemoryError as error:
        raise PictureError(f"This {what} needs too much memory: pass a smaller one.") from error
    except Exception as error:
        raise PictureError(
            f"This {what} could not be rendered ({type(error).__name__}: {reason_of(error)}): {remedy}"
        ) from error
