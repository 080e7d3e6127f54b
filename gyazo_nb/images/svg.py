"""Renders an SVG as PNG, which Gyazo accepts, and a chart of Vega-Lite as SVG, in a child process.

Guarantees:

- The renderer of an SVG gets only the output of `sanitize`, and no setting of this process.
- The kernel survives if the renderer crashes, hangs or runs out of memory: a `PictureError` says so.
- Other threads continue to run. Stop ends the renderer, and `KeyboardInterrupt` propagates.
- A PNG of another size than the SVG is an error. With vl-convert, a character without a font is an error, too,
  and so is a value of CSS that it does not know.
"""

from __future__ import annotations

import importlib.util
import json
import os
import re
import struct
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from gyazo_nb.errors import PictureError

from . import svg_renderer
from .fonts import DEFAULT_FAMILIES, check_characters
from .png_encoder import PNG_SIGNATURE
from .svg_sanitizer import CleanSvg, sanitize

TIMEOUT = 60  # seconds, also of CPU time
# vl-convert first: it needs no library of the system.
_LIBRARIES = ("vl_convert", "cairosvg")
# The variables that the search for fonts and system libraries needs.
_VARIABLES = (
    "HOME", "XDG_CONFIG_HOME", "XDG_DATA_HOME", "XDG_CACHE_HOME", "FONTCONFIG_FILE", "FONTCONFIG_PATH",
    "PATH", "LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH", "DYLD_FALLBACK_LIBRARY_PATH",
    "SYSTEMROOT", "WINDIR", "TEMP", "TMP", "USERPROFILE", "LOCALAPPDATA",
)  # fmt: skip
_MAX_LOG_BYTES = 2**20
_INSTALL = "run  %pip install vl-convert-python  to upload it as PNG, or use a PNG."
# The warnings of vl-convert about values that it leaves out. A browser also ignores a number such as "NaN", and
# a reference to a missing element. The lengths are limited because the values are texts of the SVG.
_UNKNOWN_VALUE = re.compile(
    r"Failed to parse ([\w-]+) value: '(?![^']{0,300}(?:NaN|Infinity|undefined)|url\('?[^'()]{0,300}'?\)')"
    r"(?=[^']{0,300}(?:\(|\d(?:rem|[dls]?v(?:w|h|min|max)|ch|lh)\b|rebeccapurple|unset|revert))([^']{1,40})"
)
_ELEMENT = re.compile(r"<style.*?</style>|<[^>]*>", re.DOTALL)
# Most fonts have European letters, punctuation, arrows and symbols of mathematics.
_RARE_CHARACTERS = re.compile(r"[\u0590-\u1dff\u2600-\U0010ffff]+")
_WITHOUT_FONT = re.compile(r"No fonts with a (.{1,4})/U\+[0-9A-F]+ character were found")


def render_svg(svg: str | bytes) -> bytes:
    """Check an SVG, and render it as PNG with vl-convert or cairosvg."""
    unloadable = ""
    for library in _LIBRARIES:
        if not _is_installed(library):
            continue
        clean = sanitize(svg, DEFAULT_FAMILIES if library == "vl_convert" else "")
        if library == "cairosvg":
            _check_texts_for_cairosvg(clean.data.decode())
        done = _run(library, clean.data, "SVG")
        if done.returncode == svg_renderer.UNLOADABLE:
            unloadable = _reason(done)
            continue
        return _checked_png(done, clean)
    if unloadable:
        raise PictureError(
            f"The library that renders SVG cannot be loaded ({unloadable}): {_INSTALL}"
        )
    raise PictureError(f"Gyazo does not accept SVG: {_INSTALL}")


def render_chart_as_svg(chart: Any, options: Mapping[str, Any]) -> bytes:
    """Render a chart of Vega-Lite as SVG, with options of vl-convert. `render_svg` makes a PNG of it."""
    if not _is_installed("vl_convert"):
        raise PictureError(
            "A Vega-Lite chart is rendered by vl-convert-python, which is not installed: run  %pip install "
            "vl-convert-python  and upload it again."
        )
    done = _run(svg_renderer.CHART, json.dumps([chart, options]).encode(), "chart")
    if done.returncode == svg_renderer.UNLOADABLE:
        raise PictureError(
            f"The library that renders charts cannot be loaded ({_reason(done)}): run  %pip install "
            f"--force-reinstall vl-convert-python  and upload it again."
        )
    _check_exit(done, "chart")
    return done.stdout


def _check_texts_for_cairosvg(svg: str) -> None:
    """Refuse characters that cairosvg may draw as empty boxes: it takes all characters of a text from one font."""
    if found := _RARE_CHARACTERS.search(_ELEMENT.sub("", svg)):
        raise PictureError(
            f"The library cairosvg may have no font for the characters {found[0][:20]!r} of this SVG: {_INSTALL}"
        )


def _is_installed(library: str) -> bool:
    try:
        return importlib.util.find_spec(library) is not None
    except (ImportError, ValueError):  # a module that was imported in an unusual way
        return False


def _run(task: str, data: bytes, what: str) -> subprocess.CompletedProcess[bytes]:
    """Run the renderer in its own process group, which Ctrl-C does not reach. `what` names its input."""
    # Without `site` and isolated, Python starts faster, and no variable or .pth file changes it.
    paths = [path for path in map(str, sys.path) if Path(path).is_absolute()]
    program = [sys.executable, "-I", "-S", svg_renderer.__file__, task, str(TIMEOUT), *paths]
    try:
        # The log repeats texts of the SVG. It goes to a file, whose size RLIMIT_FSIZE limits.
        with (
            tempfile.TemporaryFile() as log,
            subprocess.Popen(  # noqa: S603 -- our own program
                program,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                cwd=Path(svg_renderer.__file__).parent,
                env={name: os.environ[name] for name in _VARIABLES if name in os.environ}
                | {"RUST_LOG": "usvg=warn"},
                start_new_session=True,
                creationflags=getattr(subprocess, "CREATE_NEW_PROCESS_GROUP", 0),
            ) as process,
        ):
            try:
                output, _ = process.communicate(data, timeout=TIMEOUT)
            except BaseException:  # also KeyboardInterrupt
                process.kill()
                process.wait()
                raise
            log.seek(0)
            errors = log.read(_MAX_LOG_BYTES)
    except subprocess.TimeoutExpired:
        raise PictureError(
            f"Rendering this {what} takes more than {TIMEOUT} seconds: simplify it, or use a PNG."
        ) from None
    except (OSError, TypeError) as error:  # TypeError: an embedded Python without `sys.executable`
        raise PictureError(
            f"The process that renders this {what} cannot be started ({type(error).__name__}): use a PNG."
        ) from None
    return subprocess.CompletedProcess(program, process.returncode, output, errors)


def _check_exit(done: subprocess.CompletedProcess[bytes], what: str) -> None:
    if done.returncode not in {0, 1}:  # a signal, or an abort
        raise PictureError(
            f"The renderer crashed on this {what}, or it needed too much memory or time: simplify it, or "
            f"use a PNG."
        )
    if done.returncode:
        raise PictureError(
            f"This {what} could not be rendered ({_reason(done)}): simplify it, or use a PNG."
        )


def _checked_png(done: subprocess.CompletedProcess[bytes], svg: CleanSvg) -> bytes:
    """Return the PNG if it is complete and has the size of the SVG."""
    png = done.stdout
    _check_exit(done, "SVG")
    log = done.stderr.decode("utf-8", "replace")
    check_characters(_WITHOUT_FONT.findall(log))
    if unknown := _UNKNOWN_VALUE.search(log):
        raise PictureError(
            f"The renderer does not know the value {unknown[2]!r} ({unknown[1]}) of this SVG: write a "
            f"plain value, such as #ff0000 or 12px, or use a PNG."
        )
    if not png.startswith(PNG_SIGNATURE) or b"IEND" not in png[-12:]:
        raise PictureError("The renderer returned no picture of this SVG: use a PNG.")
    width, height = struct.unpack(">II", png[16:24])
    if abs(width - svg.width) >= 1 or abs(height - svg.height) >= 1:  # a renderer may round
        raise PictureError(
            f"The renderer returned a picture of {width} x {height} pixels instead of {svg.width:.0f} x "
            f"{svg.height:.0f}: use a PNG."
        )
    return png


def _reason(done: subprocess.CompletedProcess[bytes]) -> str:
    lines = done.stderr.decode("utf-8", "replace").strip().splitlines()
    return lines[-1][:500] if lines else "no reason"
