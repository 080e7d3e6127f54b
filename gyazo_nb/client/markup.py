"""Finds the pictures in Markdown and HTML, and makes Markdown blocks that do not affect each other.

Guarantees:

- A picture in a code block, a code span, a comment or a script is text, and is not found.
- The time is linear in the length of the text, for any text.
- A block is complete: an open code block, comment, script or `pre` of one cell does not hide the next cells.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from html import unescape
from typing import Literal

from gyazo_nb import html

Form = Literal["markdown", "html"]


@dataclass(frozen=True, slots=True)
class Reference:
    """A picture in a text: its address, and the part of the text that holds the address.

    `template` is the new content of that part, in which `{}` stands for the new address.
    """

    start: int
    end: int
    url: str
    alt: str
    form: Form
    template: str = "{}"
    is_definition: bool = False
    """Whether this only gives an address a name, which a picture of the same text may use."""


# The possessive quantifiers and the bounded code span keep the time linear.
_ESCAPED = r"\\[^\n]"
_TITLE = (
    rf""" "(?:[^"\\]|{_ESCAPED})*+" | '(?:[^'\\]|{_ESCAPED})*+' | \((?:[^()\\]|{_ESCAPED})*+\) """
)
_PICTURE = r"""<img\b(?P<attributes>(?:[^<>"']++|"[^"<]*+"|'[^'<]*+')*+)>"""
_HTML_TOKENS = rf"""
      <!--(?s:.)*?(?:-->|(?P<open_comment>\Z))
    | <(?P<raw>script|style|textarea)\b(?s:.)*?(?:</(?P=raw)\b[^>]*+>|(?P<open_raw>\Z))
    | {_PICTURE}
"""
_HTML = re.compile(_HTML_TOKENS, re.IGNORECASE | re.VERBOSE)
_MARKDOWN = re.compile(
    rf"""
      ^(?P<indent>[ \t>]*+(?:(?:[-*+]|\d{{1,9}}[.)])[ \t]++)*+)
       (?P<fence>`{{3,}}+(?=[^`\n]*+$)|~{{3,}}+)[^\n]*+
       (?:(?s:.)*?^[ \t>]*+(?P=fence)[`~]*+[ \t]*+$|(?P<open_fence>(?s:.)*+))
    | (?<!`)(?P<span>`++)(?s:.){{1,2000}}?(?<!`)(?P=span)(?!`)
    | `++
    | {_ESCAPED}
    | !\[(?P<alt>(?:[^\[\]\\]++|{_ESCAPED}|\[(?:[^\[\]\\]++|{_ESCAPED})*+\])*+)\]
       (?:\(\s*+(?:<(?P<angle>[^<>\n]*+)>|(?P<bare>(?:[^\s<>()\\]++|{_ESCAPED}|\([^\s<>()\\]*+\))*+))
            (?:\s+(?:{_TITLE}))?\s*+\)
        | (?P<label>\[[^\[\]]*+\])
        | (?!\()
       )
    | ^[ ]{{0,3}}\[(?P<defined>[^\[\]]++)\]:[ \t]*+\n?[ \t]*+
       (?:<(?P<defined_angle>[^<>\n]*+)>|(?P<defined_bare>[^\s<]\S*+))
    | ^[ ]{{0,3}}<(?P<pre>pre)(?=[\s>]|\Z)
    | </(?P<end_of_pre>pre)>
    | {_HTML_TOKENS}
    """,
    re.IGNORECASE | re.VERBOSE | re.MULTILINE,
)
_ATTRIBUTE = re.compile(
    r"""([^\s=>"'/]++)\s*+=\s*+(?:"(?P<double>[^"]*+)"|'(?P<single>[^']*+)'|(?P<plain>[^\s"'>]++))"""
)
_UNESCAPE = re.compile(r"\\([!-/:-@\[-`{-~])")
_HIDDEN = re.compile(
    r"(?:<!--(?s:.)*?(?:-->|\Z)|<(script|style)\b(?s:.)*?(?:</\1\b[^>]*+>|\Z))(?:[ \t]*+\n)*",
    re.IGNORECASE,
)
_CARD = re.compile(r'<(?:figure|div) class="gyazo-nb[" ]')
_LINK_OR_PICTURE = re.compile(rf"<a\b(?P<link>[^<>]*+)>|{_PICTURE}", re.IGNORECASE)
_BLANK_LINE = re.compile(r"\n[ \t]*(?=\n)")


def references(text: str, form: Form) -> list[Reference]:
    """The pictures of a text, in order.

    >>> [found.url for found in references("![a](attachment:b.png) `![c](d.png)`", "markdown")]
    ['attachment:b.png']
    """
    if form == "html":
        return [ref for match in _HTML.finditer(text) for ref in _html_reference(match)]
    matches = list(_MARKDOWN.finditer(text))
    definitions: dict[str, str] = {}
    for match in matches:
        if match["defined"]:
            definitions.setdefault(_normalized(match["defined"]), _definition(match).url)
    found: list[Reference] = []
    for match in matches:
        if match["alt"] is not None:
            found += _markdown_reference(match, definitions)
        elif match["defined"]:
            found.append(_definition(match))
        elif match["attributes"]:
            found += _html_reference(match)
    return found


def block(text: str) -> str:
    r"""A Markdown text as a block of its own: an open code block, comment or script is closed.

    >>> block("```python")
    '```python\n```'
    """
    text = text.strip("\n").rstrip()
    is_in_pre = False  # unlike other HTML, a `pre` continues after a blank line
    for match in _MARKDOWN.finditer(text):
        if match["open_fence"] is not None:
            # A block in a list or a quote ends with it. After four blanks, the fence is the text of a code block.
            if re.fullmatch(" {0,3}", match["indent"]):
                text += f"\n{match['indent']}{match['fence']}"
        elif match["open_comment"] is not None and _is_at_line_start(match):
            text += "-->"
        elif match["open_raw"] is not None and _is_at_line_start(match):
            text += f"</{match['raw']}>"
        elif match["pre"] or match["end_of_pre"]:
            is_in_pre = match["pre"] is not None
    return f"{text}</pre>" if is_in_pre else text


def fenced(text: str, language: str = "") -> str:
    r"""A code block of any text.

    >>> fenced("1 + 1", "python")
    '```python\n1 + 1\n```'
    """
    runs = re.findall(r"`{3,}", text)
    fence = "`" * (max(map(len, runs), default=2) + 1)
    language = "".join(re.findall(r"[\w+#.-]", language))
    return f"{fence}{language}\n{text}\n{fence}"


def without_scripts(page: str) -> str:
    """An HTML text without scripts, styles and comments, which Markdown cannot show."""
    return _HIDDEN.sub("", page)


def cards(page: str) -> str | None:
    """The pictures and links of the cards and galleries of this package as Markdown; None for another page."""
    if not _CARD.search(page):
        return None
    links, pictures = [""], []
    for match in _LINK_OR_PICTURE.finditer(without_scripts(page)):
        if match["attributes"] is None:
            text = match["link"]
            links.append(unescape(text[slice(*_attributes(text).get("href", (0, 0)))]))
        else:
            pictures += [
                html.markdown_embed(found.alt, found.url, links[-1])
                for found in _html_reference(match)
            ]
    # A compact card has no picture, because its cell has just shown it.
    pictures = pictures or [f"<{html.web_address(link)}>" for link in links[1:2]]
    return " ".join(pictures) or None


def html_block(page: str) -> str:
    """HTML as one block of Markdown. It begins at its `<div>`. A blank line would end it, so it has none."""
    return f"<div>\n{_BLANK_LINE.sub(chr(10) + '&#10;', page.strip())}\n</div>"


def _definition(match: re.Match[str]) -> Reference:
    name = "defined_bare" if match["defined_angle"] is None else "defined_angle"
    return Reference(*match.span(name), _plain(match[name]), "", "markdown", is_definition=True)


def _markdown_reference(match: re.Match[str], definitions: dict[str, str]) -> Iterator[Reference]:
    alt = _plain(match["alt"])
    for name in ("angle", "bare"):
        if match[name] is not None:
            start, end = match.span(name)
            if name == "angle":  # the new address needs no brackets
                start, end = start - 1, end + 1
            yield Reference(start, end, _plain(match[name]), alt, "markdown")
            return
    # A reference: the address becomes part of the picture, because another cell may use the same label.
    label = (match["label"] or "").strip("[]") or match["alt"]
    if (url := definitions.get(_normalized(label))) is not None:
        end = match.end()
        start = match.start("label") if match["label"] else end
        yield Reference(start, end, url, alt, "markdown", "({})")


def _html_reference(match: re.Match[str]) -> Iterator[Reference]:
    text = match["attributes"] or ""
    values = _attributes(text)
    if "src" in values:
        offset = match.start("attributes")
        start, end = values["src"]
        url, alt = unescape(text[start:end]), unescape(text[slice(*values.get("alt", (0, 0)))])
        yield Reference(offset + start, offset + end, url, alt, "html")


def _attributes(text: str) -> dict[str, tuple[int, int]]:
    """The places of the values of an element, by the names of its attributes."""
    values: dict[str, tuple[int, int]] = {}
    for attribute in _ATTRIBUTE.finditer(text):
        values.setdefault(attribute[1].lower(), attribute.span(attribute.lastgroup or 0))
    return values


def _is_at_line_start(match: re.Match[str]) -> bool:
    """Whether HTML begins a block: inside of a line, an open comment is only text."""
    return not match.string[match.string.rfind("\n", 0, match.start()) + 1 : match.start()].strip()


def _plain(text: str) -> str:
    return unescape(_UNESCAPE.sub(r"\1", text))


def _normalized(label: str) -> str:
    return " ".join(label.split()).casefold()
