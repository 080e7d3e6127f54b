"""The program that renders one picture in its own process: `python svg_renderer.py TASK SECONDS PATH…`.

The task is the library that renders an SVG as PNG, or `CHART`, which renders a chart of Vega-Lite as SVG. The
program reads standard input, and writes to standard output. `svg.py` starts it as a file, isolated and without
`site`. So it imports only the standard library and the rendering library, which it finds in the given paths.

Guarantees: the process has limits of memory and CPU time where the system supports them. The exit code
says why there is no picture: `OUT_OF_MEMORY`, `UNLOADABLE`, or 1 after an error, which stderr explains.
"""

from __future__ import annotations

import importlib
import io
import json
import re
import sys
import zlib
from binascii import a2b_base64
from contextlib import suppress
from typing import Any

OUT_OF_MEMORY = 74
UNLOADABLE = 75  # differs from the codes of a crash
CHART = "chart"
_OPAQUE = 255
_RGBA = 6  # the color type of a PNG
_MAX_SVG_BYTES = 64 * 2**20  # as in `svg_sanitizer.py`
_MAX_MEMORY = 2 * 2**30  # bytes; a picture of 50 million pixels takes 200 MB


def main(task: str, seconds: str, *paths: str) -> int:
    """Render one picture, and return the exit code."""
    sys.path.extend(paths)
    _limit_resources(int(seconds))
    data = sys.stdin.buffer.read()
    try:
        module = importlib.import_module("vl_convert" if task == CHART else task)
    except (ImportError, OSError) as error:  # OSError: the cairo library of the system is missing
        return _fail(error, UNLOADABLE)
    try:
        picture = (_render_chart if task == CHART else _render)(module, data)
    except MemoryError as error:
        return _fail(error, OUT_OF_MEMORY)
    except BaseException as error:  # noqa: BLE001 -- a panic in Rust is not an Exception
        return _fail(error, 1)
    sys.stdout.buffer.write(picture)
    sys.stdout.buffer.flush()
    return 0


def _render(module: Any, svg: bytes) -> bytes:
    if module.__name__ == "cairosvg":
        surface = importlib.import_module("cairosvg.surface").PNGSurface
        return bytes(surface.convert(bytestring=svg, url_fetcher=_fetch_data_only))
    with suppress(Exception):  # this call starts the log of vl-convert, which `svg.py` reads
        module.vega_to_html({}, bundle=False)
    png = bytes(module.svg_to_png(svg.decode()))
    if not png.startswith(b"\x89PNG") or png[25] != _RGBA:
        return png  # the parent process checks it
    if _is_opaque(png) or not _is_premultiplied(module):
        return png
    try:
        pillow = importlib.import_module("PIL.Image")
    except ImportError:
        raise RuntimeError("its transparent parts need Pillow: run  %pip install pillow") from None
    image, out = pillow.open(io.BytesIO(png)), io.BytesIO()
    pillow.frombytes("RGBa", image.size, image.tobytes()).convert("RGBA").save(out, "PNG")
    return out.getvalue()


def _rows(png: bytes) -> bytes:
    """Return the rows of a PNG, each with the number of its filter."""
    parts, position = [], 8
    while position < len(png):
        end = position + 12 + int.from_bytes(png[position : position + 4], "big")
        if png[position + 4 : position + 8] == b"IDAT":
            parts.append(png[position + 8 : end - 4])
        position = end
    return zlib.decompress(b"".join(parts))


def _is_opaque(png: bytes) -> bool:
    """Whether a PNG has no transparent pixel. True only if each row has the filter that vl-convert uses."""
    rows, length = _rows(png), 4 * int.from_bytes(png[16:20], "big") + 1
    # The filter "Sub" (1) stores the first pixel of a row, and then differences.
    return all(
        rows[start] == 1
        and rows[start + 4] == _OPAQUE
        and not any(rows[start + 8 : start + length : 4])
        for start in range(0, len(rows), length)
    )


def _is_premultiplied(module: Any) -> bool:
    """Whether vl-convert writes colors that are multiplied by their opacity. Version 1 does, and PNG does not."""
    red = '<svg xmlns="http://www.w3.org/2000/svg" width="1" height="1"><rect width="1" height="1" '
    png = bytes(module.svg_to_png(red + 'fill="red" fill-opacity="0.5"/></svg>'))
    return _rows(png)[1] < _OPAQUE


def _render_chart(module: Any, data: bytes) -> bytes:
    """Render a chart of Vega-Lite, or of Vega (from VegaFusion), as SVG. It cannot load an address."""
    chart, options = json.loads(data)
    options = {"allowed_base_urls": [], **options}
    schema = str(chart.get("$schema"))
    if "/vega/" in schema:
        locales = {
            name: value for name, value in options.items() if name not in {"theme", "config"}
        }
        return _limited(module.vega_to_svg(chart, **locales))
    version = re.search(r"/vega-lite/v(\d+\.\d+)", schema)
    if version and version[1] in module.get_vegalite_versions():
        options["vl_version"] = version[1]
    return _limited(module.vegalite_to_svg(chart, **options))


def _limited(svg: str) -> bytes:
    """Return the SVG of a chart as bytes. The parent process keeps it in memory."""
    data = svg.encode()
    if len(data) > _MAX_SVG_BYTES:
        raise ValueError(f"it has more than {_MAX_SVG_BYTES // 2**20} MB")
    return data


def _fetch_data_only(url: str, *_: Any) -> bytes:
    """Decode a data: URL for cairosvg. The sanitizer leaves no other address."""
    if not url.startswith("data:"):
        raise ValueError("an SVG refers to another resource")
    return a2b_base64(url.partition(",")[2])


def _limit_resources(seconds: int) -> None:
    try:
        resource = importlib.import_module("resource")
    except ImportError:  # Windows
        return
    for name, limit in (
        ("RLIMIT_DATA", _MAX_MEMORY),  # not RLIMIT_AS: the JavaScript of vl-convert reserves 1 TB
        ("RLIMIT_CPU", seconds),
        ("RLIMIT_CORE", 0),
        ("RLIMIT_FSIZE", 2**20),
    ):
        with suppress(AttributeError, OSError, ValueError):  # the system lacks it, or allows less
            resource.setrlimit(getattr(resource, name), (limit, limit))


def _fail(error: BaseException, code: int) -> int:
    sys.stderr.write(f"\n{type(error).__name__}: {' '.join(str(error).split())}")
    return code


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
