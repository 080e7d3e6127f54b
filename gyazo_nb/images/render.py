"""Things that are no picture yet: figures, charts, arrays and whatever can show itself, drawn.

The law: no picture library is imported for recognising a thing. An object is known by what it can do,
or by the module that its class comes from; what draws it (kaleido, vl-convert, cairosvg) is loaded
only when there is something of its own to draw, and what is missing is named in one sentence.
"""

from __future__ import annotations

import base64
import importlib
import io
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from functools import partial
from typing import Any

from gyazo_nb.errors import PictureError

from .pil_images import encode
from .png_encoder import encode_array

# Seaborn's grids know their figure, scikit-learn's displays theirs; a Colorbar knows its Axes, and
# what `pie` and `streamplot` return knows nothing but the artists.
_LEADS = ("figure", "fig", "figure_", "ax", "wedges", "lines")
_NO_MEMBERS = (str, bytes, bytearray, memoryview, range)
_DEEP = 8  # steps from a thing to its figure; a list may hold itself


def figure_of(thing: Any) -> Any:
    """The figure that a thing belongs to; None without one.

    >>> figure_of(figure.axes) is figure               # doctest: +SKIP
    True
    """
    figures = figures_of(thing)
    if len(figures) > 1:
        raise PictureError(
            f"There are {len(figures)} figures in this {type(thing).__name__}: give one of them, or all "
            f"to upload_all."
        )
    return figures[0] if figures else None


def figures_of(thing: Any) -> list[Any]:
    """All figures that a thing or its members belong to, each once.

    >>> figures_of([figure, figure.axes[0], 5]) == [figure]    # doctest: +SKIP
    True
    """
    return list({id(figure): figure for figure in _figures(thing, _DEEP)}.values())


def _figures(thing: Any, steps: int) -> Iterator[Any]:
    if not steps:
        return
    if getattr(getattr(thing, "dtype", None), "kind", "") == "O" and hasattr(thing, "tolist"):
        thing = thing.tolist()  # an array of Axes, a Series of them
    if isinstance(thing, Mapping):  # what `boxplot` and `subplot_mosaic` return
        thing = list(thing.values())
    if isinstance(thing, Sequence) and not isinstance(thing, _NO_MEMBERS):
        for one in thing:
            yield from _figures(one, steps - 1)
        return
    inner = _next(thing)
    if inner is not None and inner is not thing:
        yield from _figures(inner, steps - 1)
    elif callable(getattr(thing, "savefig", None)):
        yield thing


def _next(thing: Any) -> Any:
    for name in _LEADS:
        inner = None
        with suppress(Exception):  # a property of somebody's that fails leads to no figure
            inner = getattr(thing, name, None)
        if inner is not None and not callable(inner):  # pyplot.figure is a function
            return inner
    if callable(getattr(thing, "get_figure", None)) and not isinstance(thing, type):
        return thing.get_figure()
    return None


_PICTURES = ("image/png", "image/jpeg", "image/gif", "image/webp")
_SVG = "image/svg+xml"
_PLOTLY = "application/vnd.plotly.v1+json"
_VEGALITE = "application/vnd.vegalite."


def render(thing: Any) -> bytes | None:
    """Draw a thing; None if nothing here knows how."""
    if isinstance(thing, type):  # what its objects can do, a class only names
        return None
    for draw in (_matplotlib, _pil, _array, _plotly, _altair, _display_data):
        if (data := draw(thing)) is not None:
            return data
    return _shown(thing)


def render_chart(thing: Any) -> bytes | None:
    """Draw a chart that shows itself as a script, not as a picture; None for anything else."""
    return _plotly(thing) or _altair(thing)


def from_mime_bundle(bundle: Mapping[str, Any]) -> bytes | None:
    """Take the picture out of what a thing shows itself as (the message of Jupyter's display)."""
    for kind in _PICTURES:
        if data := bundle.get(kind):
            return _decoded(data)
    if plotly := bundle.get(_PLOTLY):
        return _by_plotly(plotly)
    for kind, spec in bundle.items():
        if kind.startswith(_VEGALITE):
            return _by_vega(spec)
    if svg := bundle.get(_SVG):
        return render_svg(svg)
    return None


def render_svg(svg: str | bytes) -> bytes:
    """Draw an SVG, which Gyazo does not take, by whatever is installed for that."""
    text = svg.decode("utf-8", "replace") if isinstance(svg, bytes) else svg
    drawers: tuple[tuple[str, Callable[[Any], Any]], ...] = (
        ("cairosvg", lambda cairosvg: cairosvg.svg2png(bytestring=text.encode())),
        ("vl_convert", lambda vl_convert: vl_convert.svg_to_png(text)),
    )
    for name, draw in drawers:
        try:
            module = importlib.import_module(name)
        except (ImportError, OSError):  # OSError: cairosvg without the system's cairo
            continue
        return guarded(partial(draw, module), "SVG")
    raise PictureError(
        "Gyazo takes no SVG: run  %pip install cairosvg  and it is drawn as PNG, or give a PNG."
    )


def guarded(draw: Callable[[], Any], what: str) -> bytes:
    """Draw, and turn any error of another library's into a sentence."""
    try:
        return bytes(memoryview(draw()))  # of a number, `bytes` would make that many zeros
    except PictureError:
        raise
    except Exception as error:  # any of its errors means the same here
        reason = str(error).strip().split("\n")[0][:200]
        raise PictureError(
            f"This {what} could not be drawn ({type(error).__name__}: {reason}): "
            f"see that it shows in the notebook, then upload it again."
        ) from error


def _written(write: Callable[[io.BytesIO], object], what: str) -> bytes:
    def draw() -> bytes:
        out = io.BytesIO()
        write(out)
        return out.getvalue()

    return guarded(draw, what)


def _matplotlib(thing: Any) -> bytes | None:
    """Draw a figure as the notebook shows it: tight, on its own ground."""
    figure = figure_of(thing)
    if figure is None:
        return None
    return _written(lambda out: figure.savefig(out, format="png", bbox_inches="tight"), "figure")


def _pil(image: Any) -> bytes | None:
    if not callable(getattr(image, "save", None)) or not hasattr(image, "mode"):
        return None
    return guarded(lambda: encode(image), "image")


def _array(thing: Any) -> bytes | None:
    return encode_array(thing) if _is_array(thing) else None


def _is_array(thing: Any) -> bool:
    """Numpy's arrays, and tensors that can become one; a table has `dtypes` instead."""
    return all(hasattr(thing, name) for name in ("__array__", "shape", "dtype"))


def _plotly(thing: Any) -> bytes | None:
    # A page of a PDF library has a `to_image`, too.
    if not _is_of("plotly", thing) or not callable(getattr(thing, "to_image", None)):
        return None
    return _exported(lambda: thing.to_image(format="png"), "Plotly figure", "kaleido", "kaleido")


def _by_plotly(spec: Any) -> bytes:
    io_module = importlib.import_module("plotly.io")
    spec = {"data": spec.get("data"), "layout": spec.get("layout")}
    return _exported(
        lambda: io_module.to_image(spec, format="png", validate=False),
        "Plotly figure",
        "kaleido",
        "kaleido",
    )


def _altair(thing: Any) -> bytes | None:
    if not _is_of("altair", thing):
        return None
    return _exported(
        lambda: _written(lambda out: thing.save(out, format="png"), "chart"),
        "Altair chart",
        "vl_convert",
        "vl-convert-python",
    )


def _is_of(library: str, thing: Any) -> bool:
    return any(kind.__module__.startswith(f"{library}.") for kind in type(thing).__mro__)


def _by_vega(spec: Any) -> bytes:
    return _exported(
        lambda: importlib.import_module("vl_convert").vegalite_to_png(spec),
        "Vega-Lite chart",
        "vl_convert",
        "vl-convert-python",
    )


def _exported(draw: Callable[[], Any], what: str, module: str, package: str) -> bytes:
    """Draw by a library's own exporter, or say what to install for it."""
    try:
        importlib.import_module(module)
    except ImportError:
        raise PictureError(
            f"A {what} is drawn by {package}, which is not installed: run  %pip install {package}  "
            f"and upload it again."
        ) from None
    return guarded(draw, what)


def _display_data(thing: Any) -> bytes | None:
    """The bytes inside of an IPython `Image`; its repr would have them in base64."""
    data = getattr(thing, "data", None)
    if not isinstance(data, bytes) or not hasattr(thing, "_repr_mimebundle_"):
        return None
    return data


def _shown(thing: Any) -> bytes | None:
    """The picture in what a thing shows itself as, asked as IPython does: one failing, the next."""
    failed: PictureError | None = None
    for name, kind in (
        ("_repr_mimebundle_", None),
        ("_repr_png_", "image/png"),
        ("_repr_jpeg_", "image/jpeg"),
        ("_repr_svg_", _SVG),
    ):
        method = getattr(thing, name, None)
        if not callable(method):
            continue
        try:
            if data := guarded(partial(_picture, method, kind), type(thing).__name__):
                return data
        except PictureError as error:
            if not isinstance(error.__cause__, NotImplementedError):  # says: not this way
                failed = failed or error
    if failed is not None:
        raise failed
    return None


def _picture(method: Callable[..., Any], kind: str | None) -> bytes:
    shown = method() if kind else method(include=None, exclude=None)
    if isinstance(shown, tuple):  # with its metadata
        shown = shown[0]
    if not shown:
        return b""
    if kind:
        shown = {kind: shown}
    if not isinstance(shown, Mapping):
        raise TypeError(f"it shows itself as a {type(shown).__name__}")
    return from_mime_bundle(shown) or b""


def _decoded(data: Any) -> bytes:
    """Give bytes; a picture's text is base64 in a message."""
    return guarded(lambda: base64.b64decode(data) if isinstance(data, str) else data, "picture")
