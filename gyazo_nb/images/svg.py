"""Renders an SVG as PNG, which Gyazo accepts, in a child process.

Guarantees:

- The renderer gets only the output of `sanitize`, and no setting of this process.
- The kernel survives if the renderer crashes, hangs or runs out of memory: a `PictureError` says so.
- Other threads continue to run. Stop ends the renderer, and `KeyboardInterrupt` propagates.
- A PNG of another size than the SVG is an error.
"""

from __future__ import annotations

import importlib.util
import os
import struct
import subprocess
import sys
from pathlib import Path

from gyazo_nb.errors import PictureError

from . import svg_renderer
from .png_encoder import PNG_SIGNATURE
from .svg_fonts import DEFAULT_FAMILIES
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
_INSTALL = "run  %pip install vl-convert-python  to upload it as PNG, or use a PNG."


def render_svg(svg: str | bytes) -> bytes:
    """Check an SVG, and render it as PNG with vl-convert or cairosvg."""
    unloadable = ""
    for library in _LIBRARIES:
        if not _is_installed(library):
            continue
        clean = sanitize(svg, DEFAULT_FAMILIES if library == "vl_convert" else "")
        done = _run(library, clean.data)
        if done.returncode == svg_renderer.UNLOADABLE:
            unloadable = _reason(done)
            continue
        return _checked_png(done, clean)
    if unloadable:
        raise PictureError(
            f"The library that renders SVG cannot be loaded ({unloadable}): {_INSTALL}"
        )
    raise PictureError(f"Gyazo does not accept SVG: {_INSTALL}")


def _is_installed(library: str) -> bool:
    try:
        return importlib.util.find_spec(library) is not None
    except (ImportError, ValueError):  # a module that was imported in an unusual way
        return False


def _run(library: str, svg: bytes) -> subprocess.CompletedProcess[bytes]:
    """Run the renderer in its own process group, which Ctrl-C does not reach."""
    # Without `site` and isolated, Python starts faster, and no variable or .pth file changes it.
    paths = [path for path in map(str, sys.path) if Path(path).is_absolute()]
    program = [sys.executable, "-I", "-S", svg_renderer.__file__, library, str(TIMEOUT), *paths]
    try:
        with subprocess.Popen(  # noqa: S603 -- our own program
            program,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            cwd=Path(svg_renderer.__file__).parent,
            env={name: os.environ[name] for name in _VARIABLES if name in os.environ},
            start_new_session=True,
            creationflags=getattr(subprocess, "CREATE_NEW_PROCESS_GROUP", 0),
        ) as process:
            try:
                png, errors = process.communicate(svg, timeout=TIMEOUT)
            except BaseException:  # also KeyboardInterrupt
                process.kill()
                process.wait()
                raise
    except subprocess.TimeoutExpired:
        raise PictureError(
            f"Rendering this SVG takes more than {TIMEOUT} seconds: simplify it, or use a PNG."
        ) from None
    except (OSError, TypeError) as error:  # TypeError: an embedded Python without `sys.executable`
        raise PictureError(
            f"The process that renders SVG cannot be started ({type(error).__name__}): use a PNG."
        ) from None
    return subprocess.CompletedProcess(program, process.returncode, png, errors)


def _checked_png(done: subprocess.CompletedProcess[bytes], svg: CleanSvg) -> bytes:
    """Return the PNG if it is complete and has the size of the SVG."""
    png = done.stdout
    if done.returncode not in {0, 1}:  # a signal, or an abort
        raise PictureError(
            "The renderer crashed on this SVG, or it needed too much memory or time: simplify it, or "
            "use a PNG."
        )
    if done.returncode:
        raise PictureError(
            f"This SVG could not be rendered ({_reason(done)}): simplify it, or use a PNG."
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
