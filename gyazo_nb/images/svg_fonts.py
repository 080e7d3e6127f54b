"""Adds a generic font family wherever an SVG names fonts.

vl-convert leaves out a text, without an error, if none of its fonts is installed. Every system has fonts for
the generic families.
"""

from __future__ import annotations

import re

# vl-convert asks for this font where an SVG names none.
DEFAULT_FAMILIES = "Times New Roman, serif"

_KINDS = (
    (re.compile(r"mono|courier|consol|menlo|typewriter", re.IGNORECASE), "monospace"),
    (re.compile(r"times|roman|georgia|garamond|(?<!sans[- ])serif", re.IGNORECASE), "serif"),
)
_CSS_KEYWORDS = {"inherit", "initial", "unset", "revert", "revert-layer"}
_CSS_FONT = re.compile(
    r"""(\bfont(?:-family)?\s*:)((?:"[^"]*"|'[^']*'|[^;}!"'])++)""", re.IGNORECASE
)


def with_generic_family(families: str) -> str:
    """Append a generic family to a list of fonts, or to the shorthand `font`.

    >>> with_generic_family("Courier New")
    'Courier New, monospace'
    """
    families = families.strip()
    if families.lower() in _CSS_KEYWORDS:
        return families
    kinds = (generic for pattern, generic in _KINDS if pattern.search(families))
    generic = next(kinds, "sans-serif")
    return f"{families}, {generic}" if families else generic


def with_generic_families(css: str) -> str:
    """Append a generic family in each declaration of CSS that names fonts.

    >>> with_generic_families("a{font:9px Arial;fill:red}")
    'a{font:9px Arial, sans-serif;fill:red}'
    """
    return _CSS_FONT.sub(lambda found: found[1] + with_generic_family(found[2]), css)
