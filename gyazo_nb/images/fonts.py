"""Finds the characters that no font has, and adds a generic font family where an SVG names fonts.

A renderer makes an empty box of a character that no font has, and reports no error. The browser of the user may
run on another machine, and show the character. vl-convert leaves out a text if none of its fonts is installed.
It contains a font for `sans-serif` only: a container may have no other font.
"""

from __future__ import annotations

import re
import subprocess
import sys
import unicodedata
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from gyazo_nb.errors import PictureError

# vl-convert asks for this font where an SVG names none.
DEFAULT_FAMILIES = "Times New Roman, serif, sans-serif"

_MONOSPACE = re.compile(r"mono|courier|consol|menlo|typewriter", re.IGNORECASE)
_SERIF = re.compile(r"times|roman|georgia|garamond|(?<!sans[- ])serif", re.IGNORECASE)
# The texts of a Plotly figure that its picture does not show.
_PLOTLY_NOT_SHOWN = {"ids", "meta", "customdata", "hovertext", "hovertemplate", "family"}
# The types of traces whose `text` only hovering shows, without another setting.
_PLOTLY_HOVER_TEXTS = ("scatter", "heatmap", "choropleth", "contour", "box", "violin")
_CSS_KEYWORDS = {"inherit", "initial", "unset", "revert", "revert-layer"}
_CSS_FONT = re.compile(
    r"""(\bfont(?:-family)?\s*:)((?:"[^"]*"|'[^']*'|[^;}!"'])++)""", re.IGNORECASE
)


def with_generic_family(families: str) -> str:
    """Append a generic family to a list of fonts, or to the shorthand `font`.

    >>> with_generic_family("Courier New")
    'Courier New, monospace, sans-serif'
    """
    families = families.strip()
    if families.lower() in _CSS_KEYWORDS:
        return families
    generic = "sans-serif"
    if _MONOSPACE.search(families):
        generic = "monospace, sans-serif"
    elif _SERIF.search(families):
        generic = "serif, sans-serif"
    return f"{families}, {generic}" if families else generic


def with_generic_families(css: str) -> str:
    """Append a generic family in each declaration of CSS that names fonts.

    >>> with_generic_families("a{font:9px Arial;fill:red}")
    'a{font:9px Arial, sans-serif;fill:red}'
    """
    return _CSS_FONT.sub(lambda found: found[1] + with_generic_family(found[2]), css)


def plotly_texts(nodes: Iterable[Mapping[str, Any]]) -> set[str]:
    """Return the texts that the picture of a Plotly figure shows. `nodes` are all mappings in the figure."""
    texts: set[str] = set()
    for node in nodes:
        hidden = _PLOTLY_NOT_SHOWN | ({"text"} if _shows_text_on_hover(node) else set())
        for name in node.keys() - hidden:
            texts.update(_texts_in(node[name]))
    return texts


def _shows_text_on_hover(trace: Mapping[str, Any]) -> bool:
    """Whether only hovering shows the `text` of a trace."""
    is_shown = "text" in str(trace.get("mode")) or trace.get("texttemplate")
    return str(trace.get("type")).startswith(_PLOTLY_HOVER_TEXTS) and not is_shown


def _texts_in(value: Any) -> Iterator[str]:
    """Yield the texts in a value of a figure, such as a list of labels."""
    if getattr(getattr(value, "dtype", None), "kind", "") in {"O", "U"}:
        value = value.tolist()
    if isinstance(value, str):
        yield value
    elif isinstance(value, list | tuple):
        for one in value:
            yield from _texts_in(one)


def missing_characters(text: str) -> list[str]:
    """Return the characters of a text that no font of this machine has. Without fontconfig, return none.

    Only Linux is checked. The other systems have fonts for most characters.
    """
    # Every font has the Latin letters. Marks, spaces and control characters have no shape of their own.
    characters = {
        one for one in text if one > "\u024f" and unicodedata.category(one)[0] not in "CMZ"
    }
    if not characters or sys.platform != "linux":
        return []
    command = ["fc-list", "--format", "%{charset} "]
    try:
        listed = subprocess.run(  # noqa: S603 -- a constant command
            command, capture_output=True, timeout=10, check=True
        ).stdout
    except (OSError, subprocess.SubprocessError):
        return []
    for part in {*listed.decode("ascii", "replace").split()}:  # such as "20-7e"
        first, _, last = part.partition("-")
        characters -= {
            one for one in characters if int(first, 16) <= ord(one) <= int(last or first, 16)
        }
    return sorted(characters)


def check_characters(characters: Iterable[str]) -> None:
    """Refuse characters for which a renderer finds no font. vl-convert finds none for some joined characters."""
    shown = "".join(dict.fromkeys(characters))[:20]
    if shown:
        raise PictureError(
            f"No font for the characters {shown!r} was found, and they would be empty boxes in the picture: "
            f"install a font that has them (on Debian or Ubuntu:  !apt-get install -y fonts-noto-cjk  for "
            f"Japanese,  fonts-noto-color-emoji  for emoji), or copy the file of such a font to  "
            f"~/.local/share/fonts  and upload the picture again. Or use a PNG."
        )
