"""The program that renders one SVG in its own process: `python svg_renderer.py LIBRARY SECONDS PATH…`.

It reads an SVG from standard input, and writes a PNG to standard output. `svg.py` starts it as a file,
isolated and without `site`. So it imports only the standard library and the rendering library, which it
finds in the given paths.

Guarantees: the process has limits of memory and CPU time where the system supports them. The exit code
says why there is no picture: `OUT_OF_MEMORY`, `UNLOADABLE`, or 1 after an error, which stderr explains.
"""

from __future__ import annotations

import importlib
import sys
from contextlib import suppress
from typing import Any

OUT_OF_MEMORY = 74
UNLOADABLE = 75  # differs from the codes of a crash
_MAX_MEMORY = 2 * 2**30  # address space in bytes; a picture of 50 million pixels takes 200 MB


def main(library: str, seconds: str, *paths: str) -> int:
    """Render one SVG, and return the exit code."""
    sys.path.extend(paths)
    _limit_resources(int(seconds))
    svg = sys.stdin.buffer.read()
    try:
        module = importlib.import_module(library)
    except (ImportError, OSError) as error:  # OSError: the cairo library of the system is missing
        return _fail(error, UNLOADABLE)
    try:
        png = _render(module, svg)
    except MemoryError as error:
        return _fail(error, OUT_OF_MEMORY)
    except BaseException as error:  # noqa: BLE001 -- a panic in Rust is not an Exception
        return _fail(error, 1)
    sys.stdout.buffer.write(png)
    sys.stdout.buffer.flush()
    return 0


def _render(module: Any, svg: bytes) -> bytes:
    if module.__name__ == "cairosvg":
        surface = importlib.import_module("cairosvg.surface").PNGSurface
        return bytes(surface.convert(bytestring=svg, url_fetcher=_fetch_data_only))
    return bytes(module.svg_to_png(svg.decode()))


def _fetch_data_only(url: str, *_: Any) -> bytes:
    """Decode a data: URL for cairosvg. The sanitizer leaves no other address."""
    if not url.startswith("data:"):
        raise ValueError("an SVG refers to another resource")
    a2b_base64 = importlib.import_module("binascii").a2b_base64
    return bytes(a2b_base64(url.partition(",")[2]))


def _limit_resources(seconds: int) -> None:
    try:
        resource = importlib.import_module("resource")
    except ImportError:  # Windows
        return
    for name, limit in (
        ("RLIMIT_AS", _MAX_MEMORY),
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
