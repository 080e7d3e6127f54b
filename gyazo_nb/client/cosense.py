"""Converts Markdown to the notation of Cosense (Scrapbox): text, headings, code, tables, lists, links, math.

Guarantees: plain text never becomes a link, a tag, a picture, a code block or a table. A bracket in a text
becomes code, and an address that is not a web address is left out. The package mistune, which reads the
Markdown, is imported only here.

Source: https://scrapbox.io/help/Syntax
"""

from __future__ import annotations

import importlib
import re
from collections.abc import Iterable, Mapping
from html.parser import HTMLParser
from typing import Any

from gyazo_nb import html
from gyazo_nb.errors import ArgumentError

_Token = Mapping[str, Any]

_PLUGINS = ("strikethrough", "table", "task_lists", "math", "url")
_MARKS = {"strong": "*", "emphasis": "/", "strikethrough": "-"}
_UNMARKED = re.compile(r"(\n|`[^`\n]*`|\[\$ .*? \])")  # a line break, inline code or a formula
_LARGEST_HEADING = 4  # stars, for a heading of level 1
_MAX_DEPTH = 40  # of nested lists and quotes; mistune itself stops earlier
_BRACKETS = re.compile(r"\[[^\[\]\n]*\]|[\[\]]")
_STARTS_BLOCK = re.compile(r"^\s*(?:(?:code|table):|[$%?] |>)")
# At the end of a text, the next token can be the tag.
_TAG = re.compile(r"(?<![^\s\[\]])#(?=\S|\Z)")
_GRAVE_ACCENT = "\u02cb"  # looks like a backtick, which would end the code
_RULE = "――――――――"
_BLOCK_TAGS = {
    "p", "div", "br", "tr", "table", "ul", "ol", "li", "h1", "h2", "h3", "h4", "h5", "h6", "pre",
    "figure", "figcaption", "details", "summary", "section", "article", "blockquote", "hr",
}  # fmt: skip
_MAX_TAGS = 1000
_HIDDEN_TAGS = {"script", "style", "template", "title", "button"}


def check_installed() -> Any:
    """Return the package mistune, or raise an error with the command that installs it."""
    try:
        return importlib.import_module("mistune")
    except ImportError:
        raise ArgumentError(
            "The notation Cosense needs the package mistune: run  %pip install 'gyazo-nb[nbconvert]'  "
            "and try it again."
        ) from None


def from_markdown(text: str, pictures: Mapping[str, str] | None = None) -> str:
    """Convert Markdown. `pictures` holds the notation of known pictures, by their address.

    >>> from_markdown("# Title")
    '[**** Title]'
    """
    parse = check_installed().create_markdown(renderer=None, plugins=list(_PLUGINS))
    lines = _Writer(pictures or {}).blocks(parse(text))
    return re.sub(r"\n{3,}", "\n\n", "\n".join(lines)).strip("\n") + "\n"


class _Writer:
    """Writes the tokens of mistune."""

    def __init__(self, pictures: Mapping[str, str]) -> None:
        self._pictures = pictures
        self._is_marked = False  # whether the text is inside of bold, italic or struck-through text

    def blocks(self, tokens: Iterable[_Token], depth: int = 0) -> list[str]:
        return [line for token in tokens for line in self._block(token, depth)]

    def _block(self, token: _Token, depth: int) -> list[str]:  # noqa: PLR0911 -- one for each type
        children = token.get("children", ())
        match token["type"]:
            case "block_text":
                return self._text_lines(children)
            case "heading":
                stars = "*" * max(1, _LARGEST_HEADING + 1 - token["attrs"]["level"])
                text = self._marked(stars, children)
                return ["", *text.split("\n")] if text.strip() else []
            case "thematic_break":
                return ["", _RULE, ""]
            case "block_code":
                return _code_lines(token)
            case "block_math":
                return ["", _math(token["raw"]), ""]
            case "block_html":
                return ["", *self._html_lines(token["raw"]), ""]
            case "block_quote":
                lines = self.blocks(children, depth + 1) if depth < _MAX_DEPTH else []
                return ["", *(f"> {line}" for line in lines if line), ""]
            case "list":
                return self._list(token, depth) if depth < _MAX_DEPTH else []
            case "table":
                return self._table(children)
        return ["", *self._text_lines(children), ""] if children else []

    def _text_lines(self, tokens: Iterable[_Token]) -> list[str]:
        return [*map(_safe_line, self.inline(tokens).split("\n"))]

    def _list(self, token: _Token, depth: int) -> list[str]:
        attributes = token.get("attrs") or {}
        number = attributes.get("start", 1)
        lines = []
        for item in token["children"]:
            mark = f"{number}. " if attributes.get("ordered") else ""
            if "checked" in (item.get("attrs") or {}):
                mark = "☑ " if item["attrs"]["checked"] else "☐ "
            number += 1
            content = [line for line in self.blocks(item["children"], depth + 1) if line]
            first, *rest = content or [""]
            # Each level is one blank, which Cosense shows as a bullet.
            lines += [f" {mark}{first}", *(f" {line}" for line in rest)]
        return ["", *lines, ""] if depth == 0 else lines

    def _table(self, parts: Iterable[_Token]) -> list[str]:
        rows: list[_Token] = []
        for part in parts:
            rows += [part] if part["type"] == "table_head" else part["children"]
        return _table_lines(
            [[self.inline(cell["children"]) for cell in row["children"]] for row in rows]
        )

    def _html_lines(self, text: str) -> list[str]:
        if text.count("<") > _MAX_TAGS:
            # The parser of Python takes quadratic time for tags that do not end. This makes them text.
            text = re.sub(r"<(?=[^<>]*(?:<|$))", "&lt;", text)
        reader = _HtmlReader(self)
        reader.feed(text)
        reader.close()
        return [line.rstrip() for line in "".join(reader.parts).split("\n")]

    def inline(self, tokens: Iterable[_Token]) -> str:
        return "".join(map(self._inline_token, tokens))

    def _inline_token(self, token: _Token) -> str:  # noqa: PLR0911 -- one for each type
        kind = token["type"]
        match kind:
            case "text":
                return _escaped(token["raw"])
            case "codespan":
                return _code(token["raw"])
            case "linebreak" | "softbreak":
                return "\n"
            case "image":
                return self.picture(token["attrs"]["url"], self.inline(token["children"]))
            case "link":
                return self._inline_link(token)
            case "inline_math":
                return _math(token["raw"])
            case "inline_html":
                return self._inline_html(token["raw"])
        children = token.get("children", ())
        return self._marked(_MARKS[kind], children) if kind in _MARKS else self.inline(children)

    def _marked(self, mark: str, tokens: Iterable[_Token]) -> str:
        """Write a bold, italic or struck-through text: mark each part between line breaks, code and formulas.

        Cosense reads a notation inside of another one as a link. So the two marks are joined if the inner text
        is the whole text; otherwise the inner mark is left out.
        """
        content = list(tokens)
        while len(content) == 1 and (inner := _MARKS.get(content[0]["type"])):
            mark, content = mark if inner in mark else mark + inner, content[0]["children"]
        was_marked, self._is_marked = self._is_marked, True
        text = self.inline(content)
        self._is_marked = was_marked
        if was_marked:
            return text
        parts = _UNMARKED.split(text)
        for index in range(0, len(parts), 2):
            if words := parts[index].strip():  # `[* ]` would be a link, too
                parts[index] = parts[index].replace(words, f"[{mark} {words}]")
        return "".join(parts)

    def _inline_link(self, token: _Token) -> str:
        children, url = token["children"], token["attrs"]["url"]
        if len(children) == 1 and children[0]["type"] == "image":
            picture = children[0]["attrs"]["url"]
            if picture not in self._pictures and _url(picture) and _url(url):
                return f"[{_url(picture)} {_url(url)}]"
            return self.inline(children)
        return self.link(url, _plain_text(children))

    def _inline_html(self, raw: str) -> str:
        if re.match(r"<br\b", raw, re.IGNORECASE):
            return "\n"
        reader = _HtmlReader(self)
        reader.feed(raw)
        return "".join(reader.parts)

    def picture(self, url: str, alt: str) -> str:
        """A picture: in its known notation, as its address, or as the text that describes it."""
        if url in self._pictures:
            return self._pictures[url]
        return f"[{_url(url)}]" if _url(url) else _escaped(alt)

    def link(self, url: str, text: str) -> str:
        """A link with a text, or only the text if the address is not a web address."""
        text = " ".join(re.sub(r"[\[\]`]", " ", text).split())
        if not _url(url):
            return text
        # A text that is an address could name another one.
        is_address = text.lower().startswith(("http://", "https://"))
        return f"[{text} {_url(url)}]" if text and not is_address else _url(url)


class _HtmlReader(HTMLParser):
    """Reads the tables, pictures, links and texts of HTML."""

    def __init__(self, writer: _Writer) -> None:
        super().__init__(convert_charrefs=True)
        self.parts: list[str] = []
        self._writer = writer
        self._rows: list[list[str]] | None = None
        self._cell: list[str] | None = None
        self._href: str | None = None
        self._link_parts: list[str] = []
        self._hidden = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = dict(attrs)
        if tag in _HIDDEN_TAGS:
            self._hidden += 1
        elif tag == "table" and self._rows is None:
            self._rows = []
        elif tag == "tr" and self._rows is not None:
            self._rows.append([])
        elif tag in {"td", "th"} and self._rows:
            self._end_cell()
            self._cell = []
        elif tag == "a" and _url(values.get("href") or ""):
            self._href, self._link_parts = values["href"] or "", []
        elif tag == "img":
            self._write(self._writer.picture(values.get("src") or "", values.get("alt") or ""))
        elif tag in _BLOCK_TAGS:
            self._write("\n")

    def handle_endtag(self, tag: str) -> None:
        if tag in _HIDDEN_TAGS:
            self._hidden = max(0, self._hidden - 1)
        elif tag in {"td", "th", "tr"} and self._rows is not None:
            self._end_cell()
        elif tag == "table" and self._rows is not None:
            self._end_cell()
            rows, self._rows = self._rows, None
            lines = _table_lines([row for row in rows if row])
            self.parts.append("\n".join(["", *lines, ""]))
        elif tag == "a" and self._href is not None:
            href, self._href = self._href, None
            text = "".join(self._link_parts)
            # A picture in a link has its own link, so the outer link is not needed.
            self._write(text if text.lstrip().startswith("[") else self._writer.link(href, text))
        elif tag in _BLOCK_TAGS:
            self._write("\n")

    def handle_data(self, data: str) -> None:
        if self._hidden:
            return
        text = re.sub(r"\s+", " ", data)
        self._write(text if self._href is not None else _escaped(text))

    def _write(self, text: str) -> None:
        if self._href is not None:
            self._link_parts.append(text)
        elif self._cell is not None:
            self._cell.append(text)
        elif self._rows is None:
            if not self.parts or self.parts[-1].endswith("\n"):  # a blank would begin a list
                text = text if text == "\n" else _safe_line(text)
            self.parts.append(text)

    def _end_cell(self) -> None:
        if self._cell is not None and self._rows:
            self._rows[-1].append(" ".join("".join(self._cell).split()))
        self._cell = None


def _code_lines(token: _Token) -> list[str]:
    info = (token.get("attrs") or {}).get("info") or ""
    name = "".join(re.findall(r"[\w+#.-]", "".join(info.split()[:1]))) or "text"
    code = str(token["raw"]).rstrip("\n").split("\n")
    return ["", f"code:{name}", *(f" {line}" for line in code), ""]


def _table_lines(rows: list[list[str]]) -> list[str]:
    if not rows:
        return []
    cells = ("\t".join(" ".join(cell.split()) for cell in row) for row in rows)
    return ["", "table:table", *(f" {line}" for line in cells), ""]


def _plain_text(tokens: Iterable[_Token]) -> str:
    return "".join(
        _plain_text(token["children"]) if "children" in token else str(token.get("raw", " "))
        for token in tokens
    )


def _escaped(text: str) -> str:
    """A text without notation: Cosense has no escape character, so a bracket becomes code."""
    text = _TAG.sub("\u200b#", text.replace("`", _GRAVE_ACCENT))
    return _BRACKETS.sub(lambda found: f"`{found[0]}`", text)


def _safe_line(line: str) -> str:
    """A line of text that does not begin a list, a code block, a table, a quote, a command or a question."""
    line = line.lstrip()
    return f"\u200b{line}" if _STARTS_BLOCK.match(line) else line


def _code(text: str) -> str:
    return f"`{text.replace('`', _GRAVE_ACCENT)}`"


def _math(text: str) -> str:
    return f"[$ {' '.join(text.split()).replace(' ]', ' {}]')} ]"  # " ]" would end it


def _url(url: str) -> str:
    """A web address that cannot end the brackets around it; an empty text for any other address."""
    return html.web_address(url).replace("[", "%5B").replace("]", "%5D")
