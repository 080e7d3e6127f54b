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
from functools import partial
from typing import Any

from .errors import PictureError
from .pixels import png

_PICTURES = ("image/png", "image/jpeg", "image/gif", "image/webp")
_SVG = "image/svg+xml"
_PLOTLY = "application/vnd.plotly.v1+json"
_VEGALITE = "application/vnd.vegalite."


def drawn(thing: Any) -> bytes | None:
    """Draw a thing; None if nothing here knows how."""
    for draw in (_matplotlib, _pil, _array, _plotly, _altair, _display_data):
        if (data := draw(thing)) is not None:
            return data
    return from_bundle(_bundle(thing))


def chart(thing: Any) -> bytes | None:
    """Draw a chart that shows itself as a script, not as a picture; None for anything else."""
    return _plotly(thing) or _altair(thing)


def figure_of(thing: Any) -> Any:
    """The figure that an Axes, a seaborn grid or an array of Axes belongs to; None without one."""
    figures = {id(figure): figure for figure in _figures(thing)}
    if len(figures) > 1:
        raise PictureError(
            f"There are {len(figures)} figures in this {type(thing).__name__}: give one of them, or all "
            f"to upload_all."
        )
    return next(iter(figures.values()), None)


def from_bundle(bundle: Mapping[str, Any]) -> bytes | None:
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
        return from_svg(svg)
    return None


def from_svg(svg: str | bytes) -> bytes:
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
        return attempted(partial(draw, module), "SVG")
    raise PictureError(
        "Gyazo takes no SVG: run  %pip install cairosvg  and it is drawn as PNG, or give a PNG."
    )


def attempted(draw: Callable[[], Any], what: str) -> bytes:
    """Draw, and turn any error of another library's into a sentence."""
    try:
        return bytes(draw())
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

    return attempted(draw, what)


def _figures(thing: Any) -> Iterator[Any]:
    if _is_array(thing) and getattr(thing.dtype, "kind", "") == "O":
        thing = list(thing.ravel()) if hasattr(thing, "ravel") else list(thing)
    if isinstance(thing, Sequence) and not isinstance(thing, str | bytes | bytearray | memoryview):
        for one in thing:
            yield from _figures(one)
        return
    # Seaborn's grids know their figure; an Axes may be in a SubFigure, which knows its own.
    for _ in range(5):
        inner = getattr(thing, "figure", None) or getattr(thing, "fig", None)
        if inner is None and callable(getattr(thing, "get_figure", None)):
            inner = thing.get_figure()
        if inner is None or inner is thing or callable(inner):  # pyplot.figure is a function
            break
        thing = inner
    if _is_figure(thing):
        yield thing


def _is_figure(thing: Any) -> bool:
    return callable(getattr(thing, "savefig", None))


def _matplotlib(thing: Any) -> bytes | None:
    """Draw a figure as the notebook shows it: tight, on its own ground."""
    figure = figure_of(thing)
    if figure is None:
        return None
    return _written(lambda out: figure.savefig(out, format="png", bbox_inches="tight"), "figure")


def _pil(image: Any) -> bytes | None:
    """Write a PIL image in its own format if that loses nothing, as PNG otherwise."""
    if not callable(getattr(image, "save", None)) or not hasattr(image, "mode"):
        return None
    options: dict[str, Any] = {"format": "PNG", "save_all": getattr(image, "is_animated", False)}
    if image.format == "GIF":
        options = {"format": "GIF", "save_all": True}
    elif image.format == "JPEG":
        # "keep" writes the tables it was read with, so a JPEG is not made worse.
        options = {"format": "JPEG", "quality": "keep"}
    elif image.mode not in {"1", "L", "LA", "P", "RGB", "RGBA", "I", "I;16"}:
        image = image.convert("RGB")  # PNG knows no CMYK, HSV or floating point
    return _written(lambda out: image.save(out, **options), "image")


def _array(thing: Any) -> bytes | None:
    return png(thing) if _is_array(thing) else None


def _is_array(thing: Any) -> bool:
    """Numpy's arrays, and tensors that can become one; a table has `dtypes` instead."""
    return all(hasattr(thing, name) for name in ("__array__", "shape", "dtype"))


def _plotly(thing: Any) -> bytes | None:
    if not callable(getattr(thing, "to_image", None)):
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
    if not any(kind.__module__.startswith("altair.") for kind in type(thing).__mro__):
        return None
    return _exported(
        lambda: _written(lambda out: thing.save(out, format="png"), "chart"),
        "Altair chart",
        "vl_convert",
        "vl-convert-python",
    )


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
    return attempted(draw, what)


def _display_data(thing: Any) -> bytes | None:
    """The bytes inside of an IPython `Image`; its repr would have them in base64."""
    data = getattr(thing, "data", None)
    if not isinstance(data, bytes) or not hasattr(thing, "_repr_mimebundle_"):
        return None
    return data


def _bundle(thing: Any) -> dict[str, Any]:
    """What a thing shows itself as, asked as IPython does."""
    bundle: dict[str, Any] = {}
    if isinstance(thing, type):
        return bundle
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
            shown = method()
        except Exception as error:  # as in `attempted`
            raise PictureError(
                f"This {type(thing).__name__} could not be drawn ({type(error).__name__}: {error}): "
                f"see that it shows in the notebook, then upload it again."
            ) from error
        if isinstance(shown, tuple):  # with its metadata
            shown = shown[0]
        if shown:
            bundle.update(shown if kind is None else {kind: shown})
    return bundle


def _decoded(data: Any) -> bytes:
    """Give bytes; a picture's text is base64 in a message."""
    return base64.b64decode(data) if isinstance(data, str) else bytes(data)
