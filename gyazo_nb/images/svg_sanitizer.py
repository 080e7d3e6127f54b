"""Checks an SVG, and writes the checked elements again.

The renderer gets only the output of `sanitize`: plain UTF-8 without declarations, whose references are
pictures as data: URLs, or fragments (`#id`) of the same SVG. So the renderer cannot read a file or reach
a host, and differences between XML parsers do not matter.

Guarantees:

- An SVG that refers to other resources is refused, because without them the picture would change. Parts
  that a renderer never shows are left out: scripts, metadata, the addresses of links, animations that a click
  starts.
- HTML and an animation in an SVG are refused: the renderers would leave them out.
- The number of elements, their depth, the text and the size of the picture are bounded.
- The encoding is the declared one.
"""

from __future__ import annotations

import base64
import codecs
import math
import re
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, NoReturn
from urllib.parse import unquote_to_bytes
from xml.parsers import expat

from gyazo_nb.errors import PictureError

from .fonts import with_generic_families, with_generic_family

MAX_BYTES = 64 * 2**20
_MAX_SIDE = 30_000  # pixels; cairo supports 32,767
_MAX_PIXELS = 50_000_000  # 200 MB of memory
_MAX_ELEMENTS = 500_000  # including those of pictures inside
_MAX_DEPTH = 200
_MAX_DECLARED_LENGTH = 1000  # of an entity, and of all default attributes

_SVG_NAMESPACE = "http://www.w3.org/2000/svg"
_HTML_NAMESPACE = "http://www.w3.org/1999/xhtml"
# The namespaces of the attributes that have a meaning in SVG, and the prefixes in the output.
_ATTRIBUTE_PREFIXES = {
    "": "",
    "http://www.w3.org/1999/xlink": "xlink:",
    "http://www.w3.org/XML/1998/namespace": "xml:",
}
# Renderers of still pictures ignore these elements.
_INVISIBLE = {"script", "metadata", "title", "desc", "cursor", "discard"}
# The attribute `begin` of an animation that starts at a time, and not at a click.
_STARTS_BY_ITSELF = re.compile(r"(?:^|;)\s*[+-]?[\d.]")
_REFERENCE_ATTRIBUTES = {"href", "src", "srcset", "data", "poster"}
# The selectors of a CSS rule that starts an animation. The atomic group keeps the time linear.
_ANIMATION = r"(?<![\w-])animation(?:-name)?\s*:(?!\s*(?:none|initial|unset)\b)"
_ANIMATED_STYLE = re.compile(_ANIMATION, re.IGNORECASE)
_ANIMATED_RULE = re.compile(rf"(?:^|[{{}}])(?>([^{{}}]*))\{{[^{{}}]*?{_ANIMATION}", re.IGNORECASE)
_INTERACTIVE = re.compile(r":(?:hover|focus|active)\b", re.IGNORECASE)
_SELECTOR_NAME = re.compile(r"[.#]([\w-]+)")
_NAME_ATTRIBUTES = {"id", "class"}  # any text, which no renderer reads as CSS
_EMBEDDING_ELEMENTS = {"image", "feImage"}  # may refer to a data: URL

# Without one of these, CSS loads no resource.
_CSS_SUSPECT = re.compile(r"[(\\@]|/\*|href", re.IGNORECASE)
# These may load a resource. A fragment or a data: URL as the only argument is harmless.
_CSS_FUNCTION = re.compile(r"(?:url|src|image|image-set|cross-fade)\s*\(", re.IGNORECASE)
_CSS_ARGUMENT = re.compile(r"""\s*(?:"([^"\\]*)"|'([^'\\]*)'|([^"'()\\\s]*))\s*\)""")
_CSS_ESCAPE = re.compile(
    r"\\(?:([0-9a-fA-F]{1,6})(?:\r\n|[ \t\r\n\f])?|(?:\r\n|\n|\r|\f)|(.))", re.DOTALL
)
_CSS_COMMENT = re.compile(r"/\*.*?(?:\*/|\Z)", re.DOTALL)
_CSS_HREF = re.compile(r"href\s*:", re.IGNORECASE)  # cairosvg reads attributes from CSS

# A value is read up to a length: the search for its defaults takes quadratic time.
_BACKGROUND = re.compile(r"(?:^|;)\s*background(?:-color)?\s*:([^;!]{0,200})", re.IGNORECASE)
# The parts of `background` that change nothing where it has no picture. Browsers and minifiers write them.
_BACKGROUND_DEFAULTS = re.compile(
    r"(?<!\S)(?:none|0%?|/|auto|(?:no-)?repeat|scroll|(?:padding|border)-box)(?!\S)(?![^(]*\))",
    re.IGNORECASE,
)
_NO_BACKGROUND = {"", "transparent", "inherit", "initial", "unset", "revert"}
_CSS_COLOR = re.compile(r"#?\w+|(?:rgb|hsl)a?\([\d.,%\s]*\)", re.ASCII | re.IGNORECASE)

# The characters that must be written as references. The parser changes line breaks in attributes.
_ESCAPED_IN_TEXT = str.maketrans({one: f"&#{ord(one)};" for one in "&<>\r"})
_ESCAPED_IN_ATTRIBUTE = str.maketrans({one: f"&#{ord(one)};" for one in '&<>"\r\n\t'})

# The name of a group is the end of the media type, "image/…".
_RASTER = re.compile(
    rb"(?P<png>\x89PNG\r\n\x1a\n)|(?P<jpeg>\xff\xd8\xff)|(?P<gif>GIF8)|(?P<webp>RIFF.{4}WEBP)",
    re.DOTALL,
)
_FONT = re.compile(rb"wOF[F2]|OTTO|true|ttcf|\x00\x01\x00\x00", re.DOTALL)
_GZIP = b"\x1f\x8b"

_LENGTH = re.compile(r"\s*([+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?)([a-zA-Z]*|%)\s*", re.ASCII)
# CSS pixels. As in a notebook, the font size is 16 pixels.
_UNITS = {
    "": 1.0, "px": 1.0, "pt": 96 / 72, "pc": 16.0, "in": 96.0, "cm": 96 / 2.54, "mm": 96 / 25.4,
    "q": 96 / 101.6, "em": 16.0, "rem": 16.0, "ex": 8.0, "ch": 8.0,
}  # fmt: skip
_DEFAULT_SIZE = (300.0, 150.0)  # of a picture without any size, in CSS

# The encodings with several bytes per character, which expat cannot read.
_MULTIBYTE_ENCODINGS = {
    "shift_jis", "cp932", "euc_jp", "iso2022_jp", "gb2312", "gbk", "gb18030", "big5", "euc_kr", "cp949",
}  # fmt: skip
_DECLARED_ENCODING = re.compile(rb"""\s*<\?xml[^>]*?\sencoding\s*=\s*["']([\w.:-]+)["']""")


@dataclass(frozen=True, slots=True)
class CleanSvg:
    """A checked SVG, and the size of its picture in pixels."""

    data: bytes
    width: float
    height: float


def sanitize(svg: str | bytes, default_fonts: str = "") -> CleanSvg:
    """Check an SVG, and write it again without parts that could load another resource.

    `default_fonts` are for texts without a font.

    >>> sanitize('<svg width="2" height="1"><a href="https://example.com"/></svg>').data
    b'<svg xmlns="http://www.w3.org/2000/svg" ... width="2.0" height="1.0"><a></a></svg>'
    """
    if not isinstance(svg, str | bytes):
        raise PictureError(f"This SVG is a {type(svg).__name__}: pass it as text or as bytes.")
    return _Sanitizer(_Budget(), default_fonts).run(svg)


@dataclass(slots=True)
class _Budget:
    """The remaining limits of an SVG and the pictures inside it."""

    elements: int = _MAX_ELEMENTS
    input: int = MAX_BYTES
    output: int = 2 * MAX_BYTES  # entities and default attributes may make it longer than the input

    def check(self) -> None:
        if self.elements < 0:
            raise PictureError(
                f"This SVG has more than {_MAX_ELEMENTS:,} elements: simplify it, or use a PNG."
            )
        if self.input < 0 or self.output < 0:
            raise _too_large()


def _too_large() -> PictureError:
    return PictureError(
        f"This SVG is larger than {MAX_BYTES // 2**20} MB: simplify it, or use a PNG."
    )


class _Sanitizer:
    """Reads one SVG. The handlers of the parser write the output."""

    def __init__(self, budget: _Budget, default_fonts: str, *, is_nested: bool = False) -> None:
        self._budget, self._default_fonts, self._is_nested = budget, default_fonts, is_nested
        self._output: list[str] = []
        self._depth = 0
        self._skip_from = 0  # the depth of the element that is left out, or 0
        self._html_from = 0  # the depth of a foreignObject, or 0
        self._namespace = _SVG_NAMESPACE
        self._style: list[str] | None = None  # the text of a <style>
        self._names: set[str] = set()  # the ids and classes of all elements
        self._animated: list[set[str]] = []  # those in each selector of an animation
        self._max_entity = self._defaults = 0  # lengths of declared texts
        self._size = _DEFAULT_SIZE
        self._has_background = False

    def run(self, svg: str | bytes) -> CleanSvg:
        data, encoding = _decode(svg)
        self._budget.input -= len(data)
        self._budget.check()
        self._ampersands = data.count(b"&")
        parser = expat.ParserCreate(encoding, namespace_separator=" ")
        parser.buffer_text = True
        parser.StartElementHandler = self._start
        parser.EndElementHandler = self._end
        parser.CharacterDataHandler = self._text
        parser.ProcessingInstructionHandler = self._instruction
        parser.EntityDeclHandler = self._entity
        parser.AttlistDeclHandler = self._default_attribute
        parser.SkippedEntityHandler = self._skipped_entity
        try:
            parser.Parse(data, True)
        except (expat.ExpatError, ValueError, LookupError) as error:
            # ValueError and LookupError: an unusable encoding.
            raise PictureError(
                f"This SVG is not well-formed XML ({error}): correct it, or use a PNG."
            ) from None
        return CleanSvg("".join(self._output).encode(), *self._size)

    # ── the handlers of the parser ───────────────────────────────────────────────────────────────

    def _start(self, name: str, attributes: dict[str, str]) -> None:
        self._budget.elements -= 1
        self._budget.check()
        self._depth += 1
        if self._depth > _MAX_DEPTH:
            raise PictureError(
                f"The elements of this SVG are nested more than {_MAX_DEPTH} deep: simplify it, or use "
                f"a PNG."
            )
        if self._skip_from:
            return
        namespace, _, tag = name.rpartition(" ")
        if self._depth == 1:
            self._namespace = namespace  # a notebook also shows an SVG without a namespace
            if tag != "svg" or namespace not in {"", _SVG_NAMESPACE}:
                raise PictureError("This XML is not an SVG: use an SVG or a PNG.")
        self._check_namespace(namespace)
        if self._style is not None:
            raise PictureError(
                f"A <style> of this SVG contains the element <{tag[:30]}>: remove it, or use a PNG."
            )
        # An element that only one program can show requires an extension.
        has_extension = tag == "foreignObject" and attributes.get("requiredExtensions", "").strip()
        is_foreign = namespace != self._namespace
        is_animation = not is_foreign and (tag == "set" or tag.startswith("animate"))
        if is_animation and _STARTS_BY_ITSELF.search(attributes.get("begin", "0s")):
            raise _animation_error(f"<{tag[:30]}>")
        if is_foreign or is_animation or tag in _INVISIBLE or has_extension:
            self._skip_from = self._depth
        elif tag == "foreignObject":
            self._html_from = self._depth  # an empty one is left out
        else:
            self._write_start(tag, attributes)

    def _end(self, name: str) -> None:
        depth, self._depth = self._depth, self._depth - 1
        if self._skip_from:
            if depth == self._skip_from:
                self._skip_from = 0
            return
        if depth == self._html_from:
            self._html_from = 0
            return
        tag = name.rpartition(" ")[2]
        if self._style is not None:
            css = "".join(self._style)
            self._check_css(css, declarations=True)
            for selectors in _ANIMATED_RULE.findall(_CSS_COMMENT.sub("", css)):
                self._animated += [
                    {*_SELECTOR_NAME.findall(one)}
                    for one in selectors.split(",")
                    if not _INTERACTIVE.search(one)
                ]
            self._write(with_generic_families(css).translate(_ESCAPED_IN_TEXT))
            self._style = None
        self._write(f"</{tag}>")
        if depth > 1:
            return
        if self._has_background:
            self._write("</svg>")
        if any(names <= self._names for names in self._animated):  # others match no element
            raise _animation_error("in CSS")

    def _text(self, text: str) -> None:
        if self._skip_from:
            return
        if self._html_from:
            if text.strip():
                raise _html_error()
            return
        if self._style is not None:
            self._style.append(text)  # checked at its end
        else:
            self._write(text.translate(_ESCAPED_IN_TEXT))

    def _instruction(self, target: str, _: str) -> None:
        if target.lower() == "xml-stylesheet":
            raise _reference_error("a stylesheet", "put the CSS into a <style> element of the SVG")

    def _entity(
        self, name: str, is_parameter: bool, value: str | None, _base: Any, *_other: Any
    ) -> None:
        """Accept a short text, as Adobe Illustrator declares for namespaces."""
        if is_parameter or value is None or "&" in value or "%" in value:
            raise PictureError(
                f"This SVG declares the entity {name[:50]!r} by another file or entity: save it without "
                f"entities (for example as “Plain SVG”), or use a PNG."
            )
        self._max_entity = max(self._max_entity, len(value))
        if len(value) > _MAX_DECLARED_LENGTH or self._max_entity * self._ampersands > MAX_BYTES:
            raise _too_large()

    def _default_attribute(
        self, _element: str, name: str, _type: str, value: str | None, _required: Any
    ) -> None:
        """Accept a few short values: the parser copies them to every element."""
        self._defaults += len(name) + len(value or "")
        if self._defaults > _MAX_DECLARED_LENGTH:
            raise _too_large()

    def _skipped_entity(self, name: str, _: bool) -> NoReturn:
        raise PictureError(
            f"This SVG uses the entity {name[:50]!r}, which it does not declare: write the character "
            f"itself, or use a PNG."
        )

    # ── elements and attributes ──────────────────────────────────────────────────────────────────

    def _write_start(self, tag: str, attributes: dict[str, str]) -> None:
        parts = [f"<{tag}"]
        if self._depth == 1:
            parts.append(f' xmlns="{_SVG_NAMESPACE}" xmlns:xlink="http://www.w3.org/1999/xlink"')
            attributes = self._root_attributes(attributes)
            if background := _background(attributes.get("style", "")):
                self._has_background = True  # the renderers leave it out
                color = background.translate(_ESCAPED_IN_ATTRIBUTE)
                width, height = self._size
                self._write(
                    f'<svg xmlns="{_SVG_NAMESPACE}" width="{width!r}" height="{height!r}">'
                    f'<rect width="100%" height="100%" fill="{color}"/>'
                )
        for full_name, value in attributes.items():
            name, clean = self._attribute(tag, full_name, value)
            if name:
                parts.append(f' {name}="{clean.translate(_ESCAPED_IN_ATTRIBUTE)}"')
        parts.append(">")
        self._write("".join(parts))
        if tag == "style":
            self._style = []

    def _check_namespace(self, namespace: str) -> None:
        if "xinclude" in namespace.lower():
            raise _reference_error("another document (XInclude)", "write its content into the SVG")
        if namespace == _HTML_NAMESPACE or self._html_from:
            raise _html_error()

    def _root_attributes(self, attributes: dict[str, str]) -> dict[str, str]:
        """Replace the size by pixels: every renderer then makes a picture of this size."""
        box = _view_box(attributes.get("viewBox", ""))
        whole = box or _DEFAULT_SIZE
        width = _pixels(attributes.get("width"), whole[0], "width")
        height = _pixels(attributes.get("height"), whole[1], "height")
        if max(width, height) > _MAX_SIDE or width * height > _MAX_PIXELS:
            raise PictureError(
                f"This SVG is {width:,.6g} x {height:,.6g} pixels. The limit is {_MAX_SIDE:,} pixels per "
                f"side and {_MAX_PIXELS:,} in total: make its width and height smaller."
            )
        self._size = (width, height)
        if not box:
            attributes.pop("viewBox", None)
        if self._default_fonts:
            attributes.setdefault("font-family", self._default_fonts)
        # The default font size of the renderers is smaller than that of a browser.
        return {"font-size": "16"} | attributes | {"width": repr(width), "height": repr(height)}

    def _attribute(self, tag: str, full_name: str, value: str) -> tuple[str, str]:
        """Return the name (empty to leave it out) and the value that the renderer gets."""
        namespace, _, name = full_name.rpartition(" ")
        lower = name.lower()
        if lower in _REFERENCE_ATTRIBUTES:
            if tag == "a" or not (value := self._checked_reference(tag, name, value)):
                return "", ""  # also the address of a hyperlink
        elif lower == "base" or lower.startswith(("on", "data-", "aria-")):
            return "", ""  # base, event handlers, notes
        elif name in _NAME_ATTRIBUTES:
            self._names.update(value.split())
        elif namespace in _ATTRIBUTE_PREFIXES:
            self._check_css(value, declarations=lower == "style")
            if name == "style":
                if _ANIMATED_STYLE.search(value):
                    raise _animation_error("in CSS")
                value = with_generic_families(value)
            elif name == "font-family":
                value = with_generic_family(value)
        prefix = _ATTRIBUTE_PREFIXES.get(namespace)
        return ("", "") if prefix is None else (prefix + name, value)

    # ── references ───────────────────────────────────────────────────────────────────────────────

    def _checked_reference(self, tag: str, name: str, value: str) -> str:
        """Return a fragment, or a data: URL of a checked picture. Refuse all other references."""
        value = value.strip("".join(map(chr, range(33))))
        if not value or value.startswith("#"):
            return value
        if tag in _EMBEDDING_ELEMENTS and _is_data_url(value):
            return self._checked_data_url(value)
        raise _reference_error(
            f"{_kind(value)} ({name} of <{tag[:30]}>)",
            "embed the picture as a data: URL"
            if tag in _EMBEDDING_ELEMENTS or name.lower() != "href"
            else "copy the element into the SVG, and refer to it by #id",
        )

    def _checked_data_url(self, url: str) -> str:
        if self._is_nested:  # vl-convert would leave it out
            raise PictureError(
                "An SVG picture inside this SVG contains another picture: embed it as PNG."
            )
        data = _data_of_url(url)
        if raster := _RASTER.match(data):
            media_type = raster.lastgroup
        else:
            data, media_type = self._checked_nested_svg(data), "svg+xml"
        return f"data:image/{media_type};base64,{base64.b64encode(data).decode()}"

    def _checked_nested_svg(self, data: bytes) -> bytes:
        if data.startswith(_GZIP):
            data = _decompress(data, self._budget.input)
        if not re.match(rb"[\xef\xbb\xbf\xff\xfe\s\0]*<", data):
            raise PictureError(
                "A picture inside this SVG is neither PNG, JPEG, GIF, WebP nor SVG: embed it as PNG."
            )
        return _Sanitizer(self._budget, self._default_fonts, is_nested=True).run(data).data

    def _check_css(self, text: str, *, declarations: bool) -> None:
        """Refuse CSS that refers to other resources, in any way that a parser could read it."""
        if not _CSS_SUSPECT.search(text):
            return
        for reading in _readings(text):
            if "@import" in reading.lower():
                raise _reference_error("a stylesheet (@import)", "put its CSS into the SVG")
            if declarations and _CSS_HREF.search(reading):
                raise _reference_error(
                    "a resource (href in CSS)", "embed the picture as a data: URL"
                )
            for function in _CSS_FUNCTION.finditer(reading):
                self._check_css_argument(reading, function.end())

    def _check_css_argument(self, text: str, position: int) -> None:
        found = _CSS_ARGUMENT.match(text, position)
        value = found[found.lastindex or 0].strip() if found else "?"
        if value.startswith("#"):
            return
        if _is_data_url(value):
            data = _data_of_url(value)
            if _RASTER.match(data) or _FONT.match(data):
                return
        raise _reference_error(f"{_kind(value)} (in CSS)", "embed it as a data: URL")

    def _write(self, text: str) -> None:
        self._budget.output -= len(text)
        self._budget.check()
        self._output.append(text)


# ── references ───────────────────────────────────────────────────────────────────────────────────


def _reference_error(kind: str, remedy: str) -> PictureError:
    return PictureError(
        f"This SVG refers to {kind}, which is not loaded for safety: {remedy}, or use a PNG."
    )


def _animation_error(how: str) -> PictureError:
    return PictureError(
        f"This SVG is an animation ({how}), and its picture would not move: save it as GIF, or remove the "
        f"animation."
    )


def _html_error() -> PictureError:
    return PictureError(
        "This SVG contains HTML (foreignObject), which would be missing in the picture: save it with "
        "plain SVG text, or use a PNG."
    )


def _kind(reference: str) -> str:
    """Name the kind of a reference. The reference itself may contain a secret."""
    text = re.sub(r"[\0-\x20]", "", reference).lower().replace("\\", "/")
    if text.startswith(("http:", "https:", "//", "ftp:")):
        return "a web address"
    if text.startswith("data:"):
        return "a data: URL that is not a picture"
    return "a file or another resource"


def _is_data_url(text: str) -> bool:
    return text[:5].lower() == "data:"


def _data_of_url(url: str) -> bytes:
    try:
        return decode_data_url(url)
    except ValueError:
        raise PictureError("A data: URL of this SVG is damaged: embed the picture again.") from None


def decode_data_url(url: str) -> bytes:
    """Decode a data: URL (RFC 2397) as a browser does, or raise `ValueError`."""
    header, comma, body = url.partition(",")
    if not comma:
        raise ValueError("a data: URL without data")
    data = unquote_to_bytes(body)
    if not header.rstrip().lower().endswith("base64"):
        return data
    data = b"".join(data.partition(b"#")[0].split())
    return base64.b64decode(data + b"=" * (-len(data) % 4), validate=True)


def _decompress(data: bytes, limit: int) -> bytes:
    decompressor = zlib.decompressobj(wbits=16 + zlib.MAX_WBITS)
    try:
        result = decompressor.decompress(data, limit + 1)
    except zlib.error:
        raise PictureError(
            "A compressed picture of this SVG is damaged: embed the picture again."
        ) from None
    if len(result) > limit:
        raise _too_large()
    return result


# ── text ─────────────────────────────────────────────────────────────────────────────────────────


def _readings(css: str) -> Iterator[str]:
    """The text, the text without comments, and both without escapes."""
    for text in dict.fromkeys((css, _CSS_COMMENT.sub("", css))):
        yield text
        if "\\" in text:
            plain = _CSS_ESCAPE.sub(_unescape, text)
            yield plain
            yield _CSS_COMMENT.sub("", plain)


def _unescape(match: re.Match[str]) -> str:
    code, character = match.groups()
    if code:
        number = int(code, 16)
        return chr(number) if number < 0x110000 else "\ufffd"  # noqa: PLR2004 -- the end of Unicode
    return character or ""


def _decode(svg: str | bytes) -> tuple[bytes, str | None]:
    """Return the bytes for expat, and their encoding, or None if expat must detect it."""
    try:
        if isinstance(svg, str):  # the declared encoding was that of the file
            return svg.removeprefix("\ufeff").encode(), "utf-8"
        declared = _DECLARED_ENCODING.match(svg[:1000])
        if declared:
            codec = codecs.lookup(declared[1].decode("ascii")).name
            if codec in _MULTIBYTE_ENCODINGS:
                return svg.decode(codec).encode(), "utf-8"
    except UnicodeError:
        raise PictureError(
            "This SVG contains bytes that do not belong to its encoding: save it as UTF-8."
        ) from None
    except LookupError:
        raise PictureError("The encoding of this SVG is unknown: save it as UTF-8.") from None
    return svg, None


def _background(style: str) -> str | None:
    """Return the color behind an SVG, or None."""
    values: list[str] = _BACKGROUND.findall(style)
    color = _BACKGROUND_DEFAULTS.sub("", values[-1]).strip() if values else ""
    if color.lower() in _NO_BACKGROUND:
        return None
    if not _CSS_COLOR.fullmatch(color):
        raise PictureError(
            "This SVG has a background that is not a plain color, which would be missing in the picture: "
            "use a plain color or a <rect>, or use a PNG."
        )
    return color


# ── size ─────────────────────────────────────────────────────────────────────────────────────────


def _pixels(text: str | None, whole: float, name: str) -> float:
    """Convert a length to pixels. A percentage refers to the view box."""
    if text is None or text.strip().lower() in {"", "auto"}:
        return whole
    found = _LENGTH.fullmatch(text)
    unit = found[2].lower() if found else "?"
    if found and (unit == "%" or unit in _UNITS):
        value = float(found[1]) * (whole / 100 if unit == "%" else _UNITS[unit])
        if value > 0:
            return max(value, 1.0)
    raise PictureError(
        f"This SVG has the {name} {text[:30]!r}: set its width and height in pixels."
    )


def _view_box(text: str) -> tuple[float, float] | None:
    """Return the width and the height of a view box, or None if it is missing or invalid."""
    try:
        numbers = [float(number) for number in re.split(r"[\s,]+", text.strip())]
    except ValueError:
        return None
    if len(numbers) != 4 or not all(map(math.isfinite, numbers)) or min(numbers[2:]) <= 0:  # noqa: PLR2004
        return None
    return numbers[2], numbers[3]
