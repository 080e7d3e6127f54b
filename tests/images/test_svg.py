"""An SVG is rendered as the notebook shows it, or refused. It cannot read, reach or break anything."""

import base64
import gzip
import http.server
import importlib
import io
import os
import re
import signal
import struct
import threading
import tracemalloc
import zlib
from urllib.parse import quote
from xml.etree import ElementTree as ET

import hypothesis
import matplotlib as mpl
import numpy as np
import pytest
from hypothesis import strategies as st
from matplotlib.figure import Figure
from PIL import Image
from support.helpers import skip_missing
from support.pictures import open_part, picture_file

from gyazo_nb import PictureError
from gyazo_nb.images import svg, svg_sanitizer
from gyazo_nb.images.convert import file_part
from gyazo_nb.images.render import from_mime_bundle
from gyazo_nb.images.svg import render_svg
from gyazo_nb.images.svg_sanitizer import sanitize

SECRET_COLOR = (201, 7, 99)
NAMESPACES = (
    'xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink" '
    'xmlns:xi="http://www.w3.org/2001/XInclude" xmlns:h="http://www.w3.org/1999/xhtml"'
)


def document(content, attributes='width="30" height="20"', prolog=""):
    return f"{prolog}<svg {NAMESPACES} {attributes}>{content}</svg>"


def base64_url(data, media_type="image/png"):
    data = data.encode() if isinstance(data, str) else data
    return f"data:{media_type};base64,{base64.b64encode(data).decode()}"


def pixels(png):
    return np.asarray(Image.open(io.BytesIO(png)).convert("RGBA"))


GREEN = document('<rect width="30" height="20" fill="#00ff00"/>')
RED_PNG = picture_file("PNG", Image.new("RGB", (3, 2), (255, 0, 0)))


@pytest.fixture(params=["vl_convert", "cairosvg"])
def library(request, monkeypatch):
    """Render with one library only."""
    try:
        importlib.import_module(request.param)
    except OSError:
        skip_missing("cairosvg needs the cairo library of the system, which is not installed")
    monkeypatch.setattr(svg, "_LIBRARIES", (request.param,))
    return request.param


class Trap:
    """A private file, and a server on this machine that serves it and records each request."""

    def __init__(self, folder):
        self.requests = []
        self.file = folder / "private.png"
        Image.new("RGB", (30, 20), SECRET_COLOR).save(self.file)
        trap, data = self, self.file.read_bytes()

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                trap.requests.append(self.path)
                self.send_response(200)
                self.end_headers()
                self.wfile.write(data)

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}/private.png"
        self.thread = threading.Thread(target=self.server.serve_forever, args=(0.01,))
        self.thread.start()

    def stop(self):
        self.server.shutdown()
        self.thread.join()
        self.server.server_close()


@pytest.fixture
def trap(tmp_path, monkeypatch):
    folder = tmp_path / "folder"
    folder.mkdir()
    monkeypatch.chdir(folder)
    trap = Trap(tmp_path)
    yield trap
    trap.stop()


# ── references ───────────────────────────────────────────────────────────────────────────────────


def references(trap):
    """The same private picture, by every kind of address."""
    path = str(trap.file)
    return (
        path,
        "../private.png",
        f"file://{path}",
        f"file:{path}",
        f"FILE://localhost{path}",
        trap.url,
        trap.url.replace("http", "hTTp"),
        trap.url.removeprefix("http:"),
        f"  \t{trap.url}",
        f"&#104;ttp:{trap.url.removeprefix('http:')}",
        f"&#10;{path}",
    )


def test_the_renderer_itself_would_read_the_private_file(trap):
    """So the tests below check more than the renderer."""
    vl_convert = importlib.import_module("vl_convert")
    png = vl_convert.svg_to_png(
        document(f'<image href="{trap.file}" width="30" height="20"/>'),
    )

    assert tuple(pixels(png)[5, 5, :3]) == SECRET_COLOR


REFUSED = {
    "image href": '<image width="30" height="20" href="TARGET"/>',
    "image xlink:href": '<image width="30" height="20" xlink:href="TARGET"/>',
    "any other prefix": '<image width="30" height="20" xmlns:q="http://www.w3.org/1999/xlink" q:href="TARGET"/>',
    "href in the namespace of SVG": '<image xmlns:s="http://www.w3.org/2000/svg" s:href="TARGET"/>',
    "href in an unknown namespace": '<image xmlns:s="urn:a" s:href="TARGET"/>',
    "href in upper case": '<IMAGE HREF="TARGET"/>',
    "second href": '<image href="#a" xlink:href="TARGET"/>',
    "src": '<image src="TARGET"/>',
    "srcset": '<image srcset="TARGET 2x"/>',
    "object data": '<object data="TARGET"/>',
    "video poster": '<video poster="TARGET"/>',
    "use": '<use href="TARGET#a"/>',
    "use in defs": '<defs><use xlink:href="TARGET#a"/></defs>',
    "tref": '<text><tref xlink:href="TARGET#a"/></text>',
    "textPath": '<text><textPath href="TARGET#a">a</textPath></text>',
    "feImage": '<filter id="f"><feImage href="TARGET"/></filter><rect width="9" height="9" filter="url(#f)"/>',
    "pattern": '<pattern id="p" href="TARGET#a"/>',
    "gradient": '<linearGradient id="g" xlink:href="TARGET#a"/>',
    "fill": '<rect width="9" height="9" fill="url(TARGET#a)"/>',
    "stroke": '<rect stroke="url(&quot;TARGET#a&quot;)"/>',
    "filter": '<rect filter="url( TARGET#a )"/>',
    "mask": "<rect mask=\"url('TARGET#a')\"/>",
    "clip-path": '<rect clip-path="URL(TARGET#a)"/>',
    "marker-end": '<path d="M0 0L9 9" marker-end="url(TARGET#a)"/>',
    "cursor": '<rect cursor="url(TARGET), auto"/>',
    "style attribute": '<rect style="fill:url(TARGET#a)"/>',
    "background": '<rect style="background:url(TARGET)"/>',
    "escaped url": r'<rect style="fill:\75rl(TARGET#a)"/>',
    "escaped r": r'<rect fill="u\72l(TARGET#a)"/>',
    "long escape": r'<rect style="fill:\000075 rl(TARGET#a)"/>',
    "escape without need": r'<rect style="fill:u\rl(TARGET#a)"/>',
    "comment in the argument": '<rect style="fill:url(/**/TARGET#a)"/>',
    "comment in the name": '<rect style="fill:u/**/rl(TARGET#a)"/>',
    "character references": '<rect style="fill:&#117;&#x72;l(TARGET#a)"/>',
    "image()": "<rect style=\"fill:image('TARGET')\"/>",
    "image-set()": "<rect style=\"fill:-webkit-image-set('TARGET' 1x)\"/>",
    "src()": "<rect style=\"fill:src('TARGET')\"/>",
    "cross-fade()": "<rect style=\"fill:cross-fade(red, 'TARGET')\"/>",
    "style element": "<style>rect{fill:url(TARGET#a)}</style>",
    "style in CDATA": "<style><![CDATA[rect{fill:url(TARGET#a)}]]></style>",
    "style in two parts": "<style>rect{fill:u<![CDATA[rl(TARGET#a)}]]></style>",
    "import": "<style>@import 'TARGET';</style>",
    "import url": "<style>@IMPORT url(TARGET);</style>",
    "escaped import": r"<style>@\69mport 'TARGET';</style>",
    "font": "<style>@font-face{font-family:a;src:url(TARGET)}</style>",
    "href in CSS": "<style>image{href:TARGET}</style><image/>",
    "href in a style attribute": '<image style="href:TARGET"/>',
    "escaped href in CSS": r'<image style="\68 ref:TARGET"/>',
    "HTML image": '<foreignObject><h:img src="TARGET"/></foreignObject>',
    "HTML frame": '<foreignObject><h:iframe src="TARGET"/></foreignObject>',
    "HTML stylesheet": '<h:link rel="stylesheet" href="TARGET"/>',
    "XInclude": '<xi:include href="TARGET" parse="text"/>',
    "animated href": '<image><set begin="click" attributeName="href" to="TARGET"/></image><image href="TARGET"/>',
}


@pytest.mark.parametrize("content", REFUSED.values(), ids=REFUSED)
def test_reference_to_a_file_or_a_host_is_refused(trap, content):
    """In each attribute, element and spelling. The error says what to do, and hides the address."""
    for reference in references(trap):
        with pytest.raises(PictureError, match=r"This SVG (refers to|contains HTML)") as caught:
            file_part(document(content.replace("TARGET", reference)).encode())
        assert re.search(r": (embed|copy|put|save|write) .*, or use a PNG\.", str(caught.value))
        assert "private" not in str(caught.value)
    assert trap.requests == []


@pytest.mark.parametrize(
    "prolog",
    [
        '<?xml-stylesheet href="TARGET" type="text/css"?>',
        '<!DOCTYPE svg [<!ENTITY a SYSTEM "TARGET">]>',
        '<!DOCTYPE svg [<!ENTITY a PUBLIC "a" "TARGET">]>',
        '<!DOCTYPE svg [<!ENTITY % a SYSTEM "TARGET"> %a;]>',
        '<!DOCTYPE svg [<!NOTATION n SYSTEM "n"><!ENTITY a SYSTEM "TARGET" NDATA n>]>',
    ],
)
def test_reference_before_the_svg_is_refused(trap, prolog):
    """A stylesheet, or an entity of any kind."""
    for reference in references(trap):
        with pytest.raises(PictureError, match="or use a PNG"):
            render_svg(document("<g/>", prolog=prolog.replace("TARGET", reference)))
    assert trap.requests == []


def test_entity_is_expanded_before_the_check(trap):
    """In an attribute, in a style, as markup, and as a default attribute."""
    path = trap.file
    for declaration, content in (
        (f'<!ENTITY a "{path}">', '<image href="&a;"/>'),
        ('<!ENTITY a "url">', f"<style>g{{fill:&a;({path})}}</style>"),
        (f"<!ENTITY a '<image href=\"{path}\"/>'>", "&a;"),
        (f'<!ATTLIST image href CDATA "{path}">', "<image/>"),
        (f'<!ATTLIST image href CDATA #FIXED "{path}">', "<image/>"),
    ):
        with pytest.raises(PictureError, match="refers to a file"):
            render_svg(document(content, prolog=f"<!DOCTYPE svg [{declaration}]>"))


NESTED = document('<image width="30" height="20" href="TARGET"/>')


EMBEDDED = {
    "base64": lambda text: base64_url(text, "image/svg+xml"),
    "wrong type": lambda text: base64_url(text, "image/png"),
    "svgz": lambda text: base64_url(gzip.compress(text.encode()), "image/svg+xml"),
    "percent": lambda text: f"data:image/svg+xml,{quote(text)}",
    "upper case": lambda text: f"DATA:image/svg+xml;charset=utf-8,{quote(text)}",
    "utf-16": lambda text: base64_url(text.encode("utf-16"), "image/svg+xml"),
    "comment": lambda text: base64_url("<!-- a -->" + text, "text/plain"),
}


@pytest.mark.parametrize("embed", EMBEDDED.values(), ids=EMBEDDED)
def test_svg_inside_a_data_url_is_checked(trap, embed):
    """In every encoding. A checked one is rendered."""
    for reference in (str(trap.file), trap.url):
        with pytest.raises(PictureError, match="refers to a"):
            render_svg(NESTED.replace("TARGET", embed(NESTED.replace("TARGET", reference))))
    assert trap.requests == []
    assert (pixels(render_svg(NESTED.replace("TARGET", embed(GREEN)))) == (0, 255, 0, 255)).all()


OTHER_DATA = {
    "PDF": (b"%PDF-1.4", "neither PNG"),
    "EPS": (b"%!PS-Adobe-3.0 EPSF-3.0", "neither PNG"),
    "empty": (b"", "neither PNG"),
    "packed text": (gzip.compress(b"a" * 99), "neither PNG"),
    "damaged": (gzip.compress(GREEN.encode())[:5] + b"abcdef", "damaged"),
    "HTML": (b"<html/>", "not an SVG"),
    "large": (gzip.compress(b"<" * (svg_sanitizer.MAX_BYTES + 1), 1), "larger than 64 MB"),
}


@pytest.mark.parametrize(("data", "words"), OTHER_DATA.values(), ids=OTHER_DATA)
def test_data_url_of_another_format_is_refused(data, words):
    """The renderers would leave it out, or start another program."""
    with pytest.raises(PictureError, match=words):
        render_svg(NESTED.replace("TARGET", base64_url(data)))


@pytest.mark.parametrize(
    "content",
    [
        f'<use href="{base64_url(GREEN, "image/svg+xml")}#a"/>',
        f'<rect style="filter:url({base64_url(GREEN, "image/svg+xml")}#a)"/>',
        '<image href="javascript:alert(1)"/>',
        '<image href="data:image/png;base64,@@@"/>',
        '<image href="data:image/png;base64"/>',
        '<image href="ftp://example.com/a.png"/>',
        r'<image href="\\host\share\a.png"/>',
    ],
)
def test_other_reference_is_refused(content):
    with pytest.raises(PictureError, match=r"refers to|damaged"):
        render_svg(document(content))


LEFT_OUT = [
    '<a href="TARGET"><rect width="30" height="20" fill="#00ff00"/></a>',
    '<a xlink:href="TARGET" target="_top"><rect width="30" height="20" fill="#00ff00"/></a>',
    '<script href="TARGET"/>',
    "<script>fetch('TARGET')</script>",
    '<metadata><r:a xmlns:r="urn:rdf" r:resource="TARGET" href="TARGET"/></metadata>',
    "<title>TARGET</title><desc>url(TARGET)</desc>",
    '<q:namedview xmlns:q="http://www.inkscape.org/" href="TARGET"><image href="TARGET"/></q:namedview>',
    '<g xmlns:q="http://www.inkscape.org/" q:export-filename="TARGET" q:label="url(TARGET)"/>',
    '<g xml:base="TARGET" onclick="fetch(\'TARGET\')" data-a="url(TARGET)" id="url(TARGET)"/>',
    '<rect><animate begin="a.click" attributeName="fill" to="url(TARGET)"/></rect>',
    '<rect><set begin="mouseover; b.end+1s" attributeName="href" to="TARGET"/></rect>',
    '<q:set xmlns:q="http://www.inkscape.org/" to="TARGET"/>',
    '<foreignObject requiredExtensions="urn:a"><h:img src="TARGET"/></foreignObject>',
    "<!-- <image href='TARGET'/> -->",
    '<text fill="none">url(TARGET) file:TARGET</text>',
    '<h:p xmlns:h="urn:a"><image width="30" height="20" href="TARGET"/></h:p>',
]


@pytest.mark.parametrize("content", LEFT_OUT)
def test_address_that_no_renderer_loads_is_left_out(trap, content):
    """Links, scripts, metadata, notes and comments."""
    for reference in references(trap):
        clean = sanitize(document(content.replace("TARGET", reference))).data.decode()
        shown = re.sub(r"<text.*</text>| id=\"[^\"]*\"", "", clean, flags=re.DOTALL)
        assert "private" not in shown


@pytest.mark.slow
def test_svg_with_addresses_that_are_left_out_keeps_its_picture(trap, library):
    for reference in (str(trap.file), trap.url):
        content = "".join(LEFT_OUT).replace("TARGET", reference)
        part = file_part(
            document(f'<rect width="30" height="20" fill="#00ff00"/>{content}').encode()
        )
        assert (pixels(part.content) == (0, 255, 0, 255)).all()
    assert trap.requests == []


def test_svg_at_a_web_address_is_checked(gyazo, tmp_path, trap):
    """And from a path, an open file, a displayed object."""
    text = document(f'<image href="{trap.file}" width="30" height="20"/>')
    path = tmp_path / "a.svg"
    path.write_text(text)
    server = http.server.ThreadingHTTPServer(
        ("127.0.0.1", 0),
        lambda *args: http.server.SimpleHTTPRequestHandler(*args, directory=tmp_path),
    )
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()

    try:
        for item in (
            f"http://127.0.0.1:{server.server_port}/a.svg",
            path,
            io.BytesIO(path.read_bytes()),
        ):
            with pytest.raises(PictureError, match="refers to a file"):
                gyazo.upload(item)
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
    with pytest.raises(PictureError, match="refers to a file"):
        from_mime_bundle({"image/svg+xml": text})


# ── random spellings ─────────────────────────────────────────────────────────────────────────────

TARGETS = ("/etc/zq9.png", "../zq9.png", "http://zq9.example/a", "//zq9.example/a", "file:///zq9")


@st.composite
def spelled(draw, text, css):
    """The same text with character references; in CSS with escapes and comments."""
    out = []
    for character in text:
        how = draw(st.sampled_from(["", "", "", "decimal", "hex", "case", *(["css"] * css)]))
        if how == "decimal":
            out.append(f"&#{ord(character)};")
        elif how == "hex":
            out.append(f"&#x{ord(character):x};")
        elif how == "case":
            out.append(character.swapcase())
        elif how == "css":
            width = draw(st.integers(1, 6))
            out.append(
                f"\\{ord(character):0{width}x}{draw(st.sampled_from([' ', '&#10;', '&#9;']))}"
            )
        else:
            out.append({"&": "&amp;", '"': "&quot;", "<": "&lt;"}.get(character, character))
    return "".join(out)


@st.composite
def hostile_svg(draw):
    target = draw(st.sampled_from(TARGETS))
    space = draw(st.sampled_from(["", " ", "\n", "&#10;", "&#9;", "/**/"]))
    quoting = draw(st.sampled_from(["", "'", "&quot;"]))
    if draw(st.booleans()):
        name = draw(st.sampled_from(["href", "xlink:href", "src", "q:href"]))
        tag = draw(st.sampled_from(["image", "use", "feImage", "textPath", "mpath", "x"]))
        value = draw(spelled(target, css=False))
        space = space.strip("/*")
        return document(f'<{tag} xmlns:q="urn:q" {name}="{space}{value}{space}"/>')
    function = draw(spelled("url", css=True))
    value = draw(spelled(target, css=True))
    css = f"{function}({space}{quoting}{value}{quoting}{space})"
    attribute = draw(
        st.sampled_from(["fill", "style", "mask", "clip-path", "marker-mid", "cursor"])
    )
    if draw(st.booleans()):
        return document(f"<style>g{{fill:{space}{css}}}</style>")
    prefix = "fill:" if attribute == "style" else ""
    return document(f'<rect {attribute}="{prefix}{space}{css}"/>')


@hypothesis.given(hostile_svg())
@hypothesis.settings(deadline=None, max_examples=300)
def test_no_spelling_of_a_reference_survives(text):
    try:
        clean = sanitize(text).data.decode()
    except PictureError as error:
        assert "zq9" not in str(error)  # noqa: PT017 -- most examples are refused
        return
    # Another reader of CSS than ours: a swapped case may turn "url" into another escape.
    tinycss2 = importlib.import_module("tinycss2")
    for element in ET.fromstring(clean).iter():
        for name, value in element.attrib.items():
            assert not name.lower().endswith(("href", "src"))
            assert not list(urls(tinycss2.parse_component_value_list(value)))
        if element.tag.endswith("style"):
            assert not list(urls(tinycss2.parse_component_value_list(element.text or "")))


def urls(tokens):
    for token in tokens:
        if token.type == "url" or (token.type == "function" and token.lower_name == "url"):
            yield token
        for name in ("content", "arguments"):
            if isinstance(children := getattr(token, name, None), list):
                yield from urls(children)


# ── size ─────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    "attributes",
    [
        'width="60000" height="60000"',
        'width="1" height="60000"',
        'width="6e4" height="6E+4"',
        'width="20000" height="20000"',
        'width="1000in" height="1mm"',
        'width="99999999999999999999999999999" height="1"',
        'width="1e999" height="1"',
        'viewBox="0 0 60000 60000"',
        'viewBox="0,0,6e4,1"',
        'viewBox="0 0 600 600" width="10000%" height="10000%"',
        'width="60000Q" height="60000Q"',
        'width="9999em" height="9999ex"',
        'width="60000" viewBox="0 0 5 5000"',
    ],
)
def test_huge_svg_is_refused_before_it_is_rendered(attributes):
    """With every unit, and without a size. The error names the limits."""
    with pytest.raises(PictureError, match=r"pixels\. The limit is 30,000 pixels per side and"):
        file_part(document("<g/>", attributes).encode())


@pytest.mark.parametrize(
    "attributes",
    [
        'width="NaN" height="5"',
        'width="-5" height="5"',
        'width="0" height="5"',
        'width="inf" height="5"',
        'width="5 5" height="5"',
        'width="5" height="calc(5px)"',
        'width="٣" height="5"',
    ],
)
def test_unreadable_size_is_refused(attributes):
    with pytest.raises(PictureError, match="set its width and height in pixels"):
        file_part(document("<g/>", attributes).encode())


@pytest.mark.parametrize(
    ("attributes", "size"),
    [
        ('width="72pt" height="36pt"', (96, 48)),
        ('width="1in" height="2PC"', (96, 32)),
        ('width=" 10px " height="1e1"', (10, 10)),
        ('width="50%" height="100%" viewBox="0 0 40 30"', (20, 30)),
        ('width="50" viewBox="0 0 40 30"', (50, 30)),
        ('width="auto" height="auto" viewBox="0 0 40 30"', (40, 30)),
        ("", (300, 150)),  # as a browser shows it
    ],
)
def test_svg_of_every_unit_has_its_size(attributes, size):
    """Each unit becomes pixels before the rendering."""
    assert open_part(file_part(document("<g/>", attributes).encode())).size == size


@pytest.mark.parametrize(
    ("attributes", "size"),
    [
        ('width="30" height="20"', (30, 20)),
        ('viewBox="0 0 40 30"', (40, 30)),
        ('width="30" height="20" viewBox="0 0 NaN 1"', (30, 20)),
        ('width="0.1" height="5"', (1, 5)),
    ],
)
def test_each_library_renders_the_size(library, attributes, size):
    assert open_part(file_part(document("<g/>", attributes).encode())).size == size


# ── numbers ──────────────────────────────────────────────────────────────────────────────────────

HUGE = 'width="60000" height="60000" patternUnits="userSpaceOnUse"'
# Each group uses the one before ten times: a billion rectangles.
USES = "".join(f'<g id="a{n + 1}">' + f'<use href="#a{n}"/>' * 10 + "</g>" for n in range(9))


@pytest.mark.slow
@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: "<g>" * 100_000 + "</g>" * 100_000, "nested more than 200 deep"),
        (lambda: "<g>" * 300 + "</g>" * 300, "nested more than 200 deep"),
        (lambda: "<metadata>" + "<g>" * 300 + "</g>" * 300 + "</metadata>", "more than 200 deep"),
        (lambda: "<g/>" * 500_001, "more than 500,000 elements"),
        (
            lambda: "<g>" * 99 + f'<image href="{base64_url(document("<g/>" * 500_000))}"/>',
            "more than",
        ),
        (lambda: "a" * svg_sanitizer.MAX_BYTES, "larger than 64 MB"),
    ],
)
def test_too_many_or_too_deep_elements_are_refused(make, words):
    with pytest.raises(PictureError, match=words):
        file_part(document(make()).encode())


@pytest.mark.parametrize(
    ("declarations", "content"),
    [
        (
            '<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;"><!ENTITY c "&b;&b;&b;">',
            "<text>&c;</text>",
        ),
        (f'<!ENTITY a "{"a" * 2000}">', "<text>&a;</text>"),
        (f'<!ENTITY a "{"a" * 999}">', f"<text>{'&a;' * 70_000}</text>"),
        (f'<!ATTLIST g a CDATA "{"a" * 2000}">', "<g/>"),
        ('<!ENTITY % a "b">', "<g/>"),
        ('<!ENTITY a "&a;">', "<text>&a;</text>"),
        ("", "<text>&a;</text>"),
    ],
)
def test_entity_that_may_expand_to_much_is_refused(declarations, content):
    with pytest.raises(PictureError, match=r"or use a PNG\."):
        render_svg(document(content, prolog=f"<!DOCTYPE svg [{declarations}]>"))


@pytest.mark.slow
@pytest.mark.parametrize(
    "content",
    [
        f'<defs><rect id="a0" width="1" height="1"/>{USES}</defs><use href="#a9"/>',
        f'<pattern id="p" {HUGE}><rect width="9" height="9"/></pattern><rect fill="url(#p)" {HUGE}/>',
        '<g opacity="0.5">' * 190 + '<rect width="7000" height="7000"/>' + "</g>" * 190,
    ],
    ids=["uses", "pattern", "layers"],
)
def test_svg_that_needs_too_much_memory_or_time_raises_an_error(library, monkeypatch, content):
    """The child process has limits; the kernel is not affected."""
    monkeypatch.setattr(svg, "TIMEOUT", 1)
    with pytest.raises(PictureError, match="simplify it, or use a PNG"):
        file_part(document(content, 'width="7000" height="7000"').encode())


def test_embedded_picture_that_needs_too_much_memory_raises_an_error(library):
    """Its header declares 2.5 billion pixels."""
    header = b"IHDR" + struct.pack(">IIBBBBB", 50_000, 50_000, 8, 2, 0, 0, 0)
    bomb = RED_PNG[:12] + header + struct.pack(">I", zlib.crc32(header)) + RED_PNG[33:]

    with pytest.raises(PictureError, match=r"too much memory.*simplify it, or use a PNG"):
        render_svg(document(f'<image width="9" height="9" href="{base64_url(bomb)}"/>'))


# ── the child process ────────────────────────────────────────────────────────────────────────────


@pytest.fixture
def renderer(tmp_path, monkeypatch):
    """Replace the library in the child process by the given code."""
    folder = tmp_path / "library"
    folder.mkdir()
    monkeypatch.syspath_prepend(folder)
    monkeypatch.setattr(svg, "_LIBRARIES", ("vl_convert",))

    def install(code):
        lines = code.replace("FOLDER", repr(str(folder))).splitlines()
        (folder / "vl_convert.py").write_text(
            "import os, sys, time\ndef svg_to_png(svg, **_):\n    "
            + "\n    ".join(lines)
            + "\nvegalite_to_svg = svg_to_png"
        )
        return folder

    return install


@pytest.mark.parametrize(
    ("code", "words"),
    [
        ("os.abort()", "crashed on this SVG"),
        ("os.kill(os.getpid(), 11)", "crashed on this SVG"),
        ("os._exit(134)", "crashed on this SVG"),
        ("raise ValueError('a reason')", r"could not be rendered \(ValueError: a reason\)"),
        ("raise BaseException('a panic')", r"could not be rendered \(BaseException: a panic\)"),
        ("raise SystemExit(0)", "could not be rendered"),
        ("raise MemoryError", "too much memory"),
        ("return bytes(bytearray(8 * 2**30))", "too much memory"),
        ("def f(): f()\nf()", r"could not be rendered \(RecursionError"),
        ("return b''", "returned no picture"),
        ("return b'<svg/>'", "returned no picture"),
        (f"return {RED_PNG[:-9]!r}", "returned no picture"),
        (f"return {RED_PNG!r}", "of 3 x 2 pixels instead of 30 x 20"),
        ("os.close(1)", "could not be rendered"),
        pytest.param(
            "while True: pass", "takes more than|too much memory or time", marks=pytest.mark.slow
        ),
        pytest.param("time.sleep(99)", "takes more than 1 seconds", marks=pytest.mark.slow),
    ],
)
def test_failed_renderer_raises_an_error_of_one_sentence(renderer, monkeypatch, code, words):
    """It crashes, hangs, runs out of memory, fails, or returns a wrong result."""
    if "takes more than" in words:
        monkeypatch.setattr(svg, "TIMEOUT", 1)
    renderer(code)

    with pytest.raises(PictureError, match=words) as caught:
        render_svg(GREEN)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("code", "words"),
    [
        ("os.abort()", "crashed on this chart"),
        ("raise ValueError('a reason')", r"chart could not be rendered \(ValueError: a reason\)"),
        pytest.param(
            "time.sleep(99)", "this chart takes more than 1 seconds", marks=pytest.mark.slow
        ),
        ("return '<b/>'", "not an SVG"),
        (
            """return '<svg xmlns="http://www.w3.org/2000/svg" width="99999" height="9"/>'""",
            "This chart is 99,999 x 9 pixels",
        ),
        ("return ' ' * 2**27", "it has more than 64 MB"),
    ],
)
def test_failed_chart_raises_an_error_of_one_sentence(renderer, monkeypatch, code, words):
    """The JavaScript that draws a chart ends its process if it needs too much memory."""
    if "takes more than" in words:
        monkeypatch.setattr(svg, "TIMEOUT", 1)
    renderer(code)

    with pytest.raises(PictureError, match=words):
        from_mime_bundle({"application/vnd.vegalite.v6+json": {"mark": "bar"}})


def test_log_of_the_renderer_uses_little_memory(renderer):
    """vl-convert logs texts of the SVG. This log has 12 MB, and a value that does not end."""
    renderer(
        "try:\n"
        " for _ in range(12): os.write(2, b\"\\nFailed to parse fill value: 'var\" + b'(' * 2**20)\n"
        "except OSError: pass\n"
        f"return {picture_file('PNG', Image.new('RGB', (30, 20)))!r}"
    )

    tracemalloc.start()
    try:
        with pytest.raises(PictureError, match=r"'var\({37}' \(fill\)"):
            render_svg(GREEN)
        assert tracemalloc.get_traced_memory()[1] < 6 * 2**20
    finally:
        tracemalloc.stop()


def test_child_process_gets_no_secret_and_imports_little(renderer, monkeypatch):
    monkeypatch.setenv("GYAZO_ACCESS_TOKEN", "s3cr3t")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "s3cr3t")
    renderer(
        "raise ValueError([n for n in os.environ if 'SECRET' in n or 'GYAZO' in n], "
        "sorted({'gyazo_nb', 'IPython', 'httpx', 'numpy', 'PIL', 'site'} & set(sys.modules)))"
    )

    with pytest.raises(PictureError, match=re.escape("ValueError: ([], [])")):
        render_svg(GREEN)


def test_stop_ends_the_child_process(renderer):
    """As an interrupt of the kernel: the error is KeyboardInterrupt, and no process remains."""
    folder = renderer("open(FOLDER + '/pid', 'w').write(str(os.getpid()))\ntime.sleep(99)")
    pid_file = folder / "pid"
    stopped = threading.Event()

    def stop():
        while not (pid_file.exists() and pid_file.read_text()):
            if stopped.wait(0.01):
                return
        os.kill(os.getpid(), signal.SIGINT)

    thread = threading.Thread(target=stop)
    thread.start()
    try:
        with pytest.raises(KeyboardInterrupt):
            render_svg(GREEN)
    finally:
        stopped.set()
        thread.join()
    with pytest.raises(ProcessLookupError):
        os.kill(int(pid_file.read_text()), 0)


def test_child_process_is_outside_of_the_process_group(renderer):
    """Ctrl-C in a terminal, and the interrupt of a kernel, are sent to the whole group."""
    renderer("raise ValueError(os.getpgid(0) == os.getpid() != os.getpgid(os.getppid()))")

    with pytest.raises(PictureError, match="ValueError: True"):
        render_svg(GREEN)


def test_other_threads_run_while_an_svg_is_rendered(renderer):
    folder = renderer(
        "open(FOLDER + '/started', 'w')\n"
        "while not os.path.exists(FOLDER + '/go'): time.sleep(0.01)\n"
        "raise ValueError('went on')"
    )
    stopped = threading.Event()

    def answer():
        while not (folder / "started").exists() and not stopped.wait(0.01):
            pass
        (folder / "go").touch()

    thread = threading.Thread(target=answer)
    thread.start()
    try:
        with pytest.raises(PictureError, match="went on"):
            render_svg(GREEN)
    finally:
        stopped.set()
        thread.join()


def test_library_that_cannot_be_loaded_is_replaced_by_the_next(tmp_path, monkeypatch):
    """As cairosvg without the cairo library of the system. If none remains, the error has the reason."""
    monkeypatch.syspath_prepend(tmp_path)
    (tmp_path / "broken_svg.py").write_text("raise OSError('no library called cairo')")
    monkeypatch.setattr(svg, "_LIBRARIES", ("broken_svg", "vl_convert"))
    assert (pixels(render_svg(GREEN)) == (0, 255, 0, 255)).all()

    monkeypatch.setattr(svg, "_LIBRARIES", ("broken_svg", "missing_svg"))
    with pytest.raises(
        PictureError, match="no library called cairo.*pip install vl-convert-python"
    ):
        render_svg(GREEN)
    monkeypatch.setattr(svg.sys, "executable", "/no/python")
    with pytest.raises(PictureError, match="cannot be started.*use a PNG"):
        render_svg(GREEN)


# ── what is shown ────────────────────────────────────────────────────────────────────────────────


def matplotlib_svg():
    """With hatches, a clip path, an embedded picture, a marker that is used twice, and text."""
    figure = Figure(figsize=(3, 2))
    axes = figure.subplots(1, 2)
    axes[0].bar([1, 2], [3, 4], hatch="/")
    axes[0].plot([1, 2], [1, 2], "o")
    axes[1].imshow(np.eye(3))
    axes[1].set_title("größer")
    out = io.StringIO()
    with mpl.rc_context({"svg.fonttype": "path"}):
        figure.savefig(out, format="svg")
    return out.getvalue()


GOOD = {
    "matplotlib": matplotlib_svg(),
    "graphviz": """<?xml version="1.0" encoding="UTF-8" standalone="no"?>
<!DOCTYPE svg PUBLIC "-//W3C//DTD SVG 1.1//EN" "http://www.w3.org/Graphics/SVG/1.1/DTD/svg11.dtd">
<!-- Generated by graphviz -->
<svg width="62pt" height="44pt" viewBox="0.00 0.00 62.00 44.00" xmlns="http://www.w3.org/2000/svg"
 xmlns:xlink="http://www.w3.org/1999/xlink"><g id="graph0" class="graph"
 transform="scale(1 1) rotate(0) translate(4 40)"><title>%3</title>
<polygon fill="white" stroke="transparent" points="-4,4 -4,-40 58,-40 58,4 -4,4"/>
<g id="a_node1"><a xlink:href="https://example.com/" xlink:title="a">
<ellipse fill="none" stroke="black" cx="27" cy="-18" rx="27" ry="18"/></a></g></g></svg>""",
    "plotly": """<svg class="main-svg" xmlns="http://www.w3.org/2000/svg"
 xmlns:xlink="http://www.w3.org/1999/xlink" width="70" height="50" style="" viewBox="0 0 70 50">
<rect x="0" y="0" width="70" height="50" style="fill: rgb(255, 255, 255); fill-opacity: 1;"/>
<defs id="defs-1"><g class="clips"><clipPath id="clip1xyplot" class="plotclip"><rect width="40" height="30"/>
</clipPath></g><g class="gradients"><linearGradient id="g-a" x1="1"><stop offset="0%" stop-color="red"/>
<stop offset="100%" stop-color="blue"/></linearGradient></g></defs>
<g transform="translate(5,5)" clip-path="url(#clip1xyplot)"><path d="M0,0H60V60H0Z"
 style="vector-effect: none; opacity: 1; fill: url(#g-a);"/></g></svg>""",
    "style element": document(
        "<style>/* a comment: b */ .a\\31 , .b { fill: #123456 } rect { stroke: red }</style>"
        '<rect class="b" width="20" height="10"/>'
    ),
    "gradients": document(
        '<defs><radialGradient id="r"><stop stop-color="lime"/><stop offset="1"/></radialGradient>'
        '<linearGradient id="l" xlink:href="#r"/></defs><rect width="30" height="10" fill="url(#r)"/>'
        '<rect y="10" width="30" height="10" fill="url( \'#l\' )"/>'
    ),
    "mask, pattern and marker": document(
        '<mask id="m"><rect width="9" height="9" fill="white"/></mask><pattern id="p" width="4" height="4" '
        'patternUnits="userSpaceOnUse"><rect width="2" height="2"/></pattern><marker id="k" '
        'markerWidth="3" markerHeight="3"><rect width="3" height="3"/></marker>'
        '<rect width="20" height="20" mask="url(#m)"/><rect x="9" width="9" height="20" fill="url(#p)"/>'
        '<path d="M2 2L20 15" stroke="red" marker-end="url(#k)"/>'
    ),
    "use and symbol": document(
        '<symbol id="s" viewBox="0 0 2 2"><rect width="1" height="1" fill="blue"/></symbol>'
        '<use href="#s" width="10" height="10"/><use xlink:href="#s" x="15" width="10" height="10"/>'
    ),
    "embedded picture": document(
        f'<image width="30" height="20" xlink:href="{base64_url(RED_PNG)}" preserveAspectRatio="none"/>'
    ),
    "text": document(
        '<text x="2" y="15" font-size="9" font-family="sans-serif" xml:space="preserve">a &amp; &lt;b&gt;  c&#13;</text>'
    ),
    "svg prefix": '<s:svg xmlns:s="http://www.w3.org/2000/svg" width="9" height="9">'
    '<s:rect width="5" height="5" fill="red"/></s:svg>',
}


@pytest.mark.parametrize("text", GOOD.values(), ids=GOOD)
def test_svg_is_rendered_as_before_the_check(library, text):
    """The renderer draws the same pixels from the original."""
    module = importlib.import_module(library)
    original = text.encode() if library == "cairosvg" else text
    draw = module.svg2png if library == "cairosvg" else module.svg_to_png

    sent = pixels(render_svg(text))

    expected = Image.open(io.BytesIO(draw(original)))
    if library == "vl_convert":  # it multiplies the colors by their opacity
        expected = Image.frombytes("RGBa", expected.size, expected.tobytes()).convert("RGBA")
    assert sent[:, :, 3].any()
    assert (sent == np.asarray(expected.convert("RGBA"))).all()


def test_transparent_color_keeps_its_brightness(library):
    part = document('<rect width="30" height="20" fill="#ff0000" fill-opacity="0.5"/>')
    assert (abs(pixels(render_svg(part)) - (255.0, 0, 0, 128)) <= 1).all()


def test_transparent_color_without_pillow_is_refused(tmp_path, monkeypatch):
    """An opaque SVG needs no Pillow."""
    monkeypatch.setattr(svg, "_LIBRARIES", ("vl_convert",))
    (tmp_path / "PIL.py").write_text("raise ImportError")
    monkeypatch.setattr(svg.sys, "path", [str(tmp_path), *svg.sys.path])

    assert (pixels(render_svg(GREEN)) == (0, 255, 0, 255)).all()
    with pytest.raises(PictureError, match=r"need Pillow: run  ?%pip install pillow"):
        render_svg(document('<circle r="9" fill="red"/>'))


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (
            "<style>svg{--a:red} rect{fill:var(--a)}</style><rect width='9' height='9'/>",
            r"'var\(--a\)' \(fill\)",
        ),
        ('<rect style="transform: rotate(20deg)"/>', r"'rotate\(20deg\)' \(transform\)"),
        ('<rect width="2rem" height="9" fill="red"/>', r"'2rem' \(width\)"),
        ('<rect fill="oklch(0.7 0.2 30)" width="9" height="9"/>', r"oklch.*plain value, such as"),
        ('<rect fill="rebeccapurple" width="9" height="9"/>', r"'rebeccapurple' \(fill\)"),
    ],
)
def test_value_that_the_renderer_does_not_know_is_refused(monkeypatch, content, words):
    """vl-convert itself would use black, or leave out the shape."""
    monkeypatch.setattr(svg, "_LIBRARIES", ("vl_convert",))
    with pytest.raises(PictureError, match=words):
        render_svg(document(content))


@pytest.mark.parametrize(
    ("style", "color"),
    [
        ("background: #00ff00", (0, 255, 0, 255)),
        ("fill: red; BACKGROUND-COLOR:rgb(0, 255, 0) !important;", (0, 255, 0, 255)),
        ("background: red; background: lime", (0, 255, 0, 255)),
        ("background: none", (0, 0, 0, 0)),
        ("background:0 0", (0, 0, 0, 0)),
        (
            "background: none 0% 0% / auto repeat scroll padding-box border-box lime",
            (0, 255, 0, 255),
        ),
        ("background-color: transparent", (0, 0, 0, 0)),
    ],
)
def test_background_of_an_svg_is_rendered(library, style, color):
    """Behind its content, also outside of its view box."""
    blue = '<rect x="10" y="10" width="1" height="2" fill="#0000ff"/>'
    box = f'width="40" height="20" viewBox="10 10 2 2" style="{style}"'

    sent = pixels(render_svg(document(blue, box)))

    assert (sent[:, 10:20] == (0, 0, 255, 255)).all()
    assert (sent[:, :10] == color).all()
    assert (sent[:, 20:] == color).all()


def test_background_that_is_not_a_color_is_refused():
    style = 'width="40" height="20" style="background: linear-gradient(red, blue)"'
    with pytest.raises(PictureError, match="background that is not a plain color"):
        sanitize(document("", style))


@pytest.mark.parametrize(
    "attributes",
    [
        'transform="translate(NaN,0)"',
        'transform="translate(-Infinity,0)"',
        'marker-end="url(#missing)"',
        """style="mask: url('#missing')" """,
        'stroke="undefined"',
    ],
)
def test_value_that_a_browser_ignores_is_ignored(monkeypatch, attributes):
    monkeypatch.setattr(svg, "_LIBRARIES", ("vl_convert",))
    path = f'<path d="M0 0H99V99H0z" fill="lime" {attributes}/>'

    assert (pixels(render_svg(document(path))) == (0, 255, 0, 255)).all()


def test_embedded_picture_of_every_format_is_rendered(library):
    """By both attributes, with line breaks in its data, and with a wrong type."""
    formats = ("PNG", "JPEG", "GIF", "WEBP")
    images = []
    for y, file_format in enumerate(formats):
        url = base64_url(picture_file(file_format, Image.new("RGB", (10, 20), (255, 0, 0))))
        urls = (url, f"{url[:40]}\n  {url[40:]}", url.replace("image/png", ""))
        images += [
            f'<image x="{10 * x}" y="{20 * y}" width="10" height="20" {name}="{url}"/>'
            for x, (name, url) in enumerate(zip(("href", "xlink:href", "href"), urls, strict=True))
        ]

    sent = pixels(render_svg(document("".join(images), 'width="30" height="80"')))

    for y, file_format in enumerate(formats):
        for x in range(3):
            color = sent[20 * y + 10, 10 * x + 5].astype(int)
            assert (np.abs(color - (255, 0, 0, 255)) <= 3).all(), (file_format, x)


FONTS = (
    "",
    'font-family=""',
    'font-family="No Such Font"',
    'font-family="cursive"',
    'font-family="serif"',
    'font-family="Courier New"',
    'style="font-family: No Such Font; fill: #000"',
    "style=\"font: 12px 'No Such Font'\"",
    'style="font-family: inherit"',
    'class="a"',
)


def test_text_is_rendered_without_its_font(library):
    """The library itself may leave out such a text without an error."""
    texts = [f'<text x="2" y="{20 * n + 15}" {font}>Text</text>' for n, font in enumerate(FONTS)]
    style = "<style>.a{font-family:No Such Font}</style>"
    svg = document(style + "".join(texts), f'width="60" height="{20 * len(FONTS)}"')

    lines = pixels(render_svg(svg))[:, :, 3].reshape(len(FONTS), 20, 60)

    assert [font for font, line in zip(FONTS, lines, strict=True) if not line.any()] == []


def test_text_without_a_font_size_has_that_of_a_browser(library):
    """16 pixels, unless the SVG sets another size for all texts."""

    def text(root="", own=""):
        content = f'<text y="15" font-family="sans-serif" {own}>Text</text>'
        return pixels(render_svg(document(content, f'width="60" height="20" {root}')))

    assert (text() == text(own='font-size="16px"')).all()
    for root in ('font-size="9px"', 'style="font-size:9px"'):
        assert (text(root) == text(own='font-size="9px"')).all()


def test_character_that_no_font_has_is_refused(monkeypatch):
    """vl-convert itself would render an empty box. A browser may show the character."""
    monkeypatch.setattr(svg, "_LIBRARIES", ("vl_convert",))
    accepted = document('<text y="15">e\u0301, 1\u202f000, a\u200db, c\ufe0f</text>')
    refused = document('<text y="15" font-family="Arial">a \U0010fffd \U0010fffc</text>')

    assert pixels(render_svg(accepted))[:, :, 3].any()
    with pytest.raises(PictureError, match=r"for the characters '\S{2,20}' was .*install a font"):
        render_svg(refused)


@pytest.mark.parametrize("library", ["cairosvg"], indirect=True)
@pytest.mark.usefixtures("library")
def test_character_that_cairosvg_may_not_draw_is_refused():
    """It takes all characters of a text from one font. Other characters become empty boxes."""
    text = document('<text y="15" font-family="Arial" id="\u65e5">TEXT</text>')

    with pytest.raises(
        PictureError, match="characters '\u65e5\u672c' .*pip install vl-convert-python"
    ):
        render_svg(text.replace("TEXT", "a \u65e5\u672c"))
    render_svg(text.replace("TEXT", "\u03a9 \u2212 \u2192"))


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (
            f'<image href="{base64_url(NESTED.replace("TARGET", base64_url(RED_PNG)))}"/>',
            "contains another picture: embed it as PNG",
        ),
        (
            '<g><animateTransform dur="1s"/></g>',
            "is an animation .<animateTransform>.*save it as GIF",
        ),
        ('<g><set begin="click; 2s" to="a"/></g>', "is an animation"),
        ("<style>@keyframes a{to{x:1}} b,g{animation:a 1s}</style>", "is an animation .in CSS"),
        ("<style>.a #b{/**/ANIMATION-name : a}</style><g class='c a' id='b'/>", "in CSS"),
        ("<g style='fill:red;animation:a 1s'/>", "in CSS"),
        ("<style>a{}<g/></style>", "style> of this SVG contains the element <g>"),
        ("<style>a{}<style>b{}</style></style>", "contains the element <style>"),
    ],
)
def test_part_that_a_renderer_would_leave_out_is_refused(content, words):
    with pytest.raises(PictureError, match=words):
        render_svg(document(content))


def test_animation_that_does_not_start_is_accepted():
    """Mermaid declares an animation in every diagram, but only few diagrams have the class that starts it."""
    css = ".b .unused, rect:hover {animation: a 1s} g {animation: none}"

    sanitize(document(f"<style>{css}</style><g class='b' style='animation-name:none'/>"))


def test_svg_without_a_namespace_is_rendered(library):
    """A notebook shows it, too."""
    assert (pixels(render_svg(GREEN.replace(NAMESPACES, ""))) == (0, 255, 0, 255)).all()


def test_internal_entity_is_expanded():
    """As Adobe Illustrator declares for its namespaces."""
    prolog = '<!DOCTYPE svg [<!ENTITY ns "http://www.w3.org/2000/svg"><!ENTITY c "#00ff00">]>'
    text = GREEN.replace('xmlns="http://www.w3.org/2000/svg"', 'xmlns="&ns;"').replace(
        "#00ff00", "&c;"
    )

    assert (pixels(render_svg(prolog + text)) == (0, 255, 0, 255)).all()


@pytest.mark.parametrize(
    ("text", "encoding", "declared"),
    [
        ("größer", "iso-8859-1", "ISO-8859-1"),
        ("größer", "cp1252", "windows-1252"),
        ("größer", "utf-8", None),
        ("größer", "utf-8-sig", "utf-8"),
        ("größer", "utf-16", "UTF-16"),
        ("größer", "utf-16", None),
        ("Ж", "shift_jis", "Shift_JIS"),
        ("Ж", "euc_jp", "EUC-JP"),
        ("Ж", "iso2022_jp", "ISO-2022-JP"),
        ("Ж", "gb18030", "GB18030"),
    ],
)
def test_text_keeps_its_characters_in_every_encoding(text, encoding, declared):
    """The declared encoding is used. In a str, it no longer applies."""
    declaration = f'<?xml version="1.0" encoding="{declared}"?>' if declared else ""
    original = document(f"<text>{text}</text>", prolog=declaration)

    assert f"<text>{text}</text>" in sanitize(original.encode(encoding)).data.decode()
    assert f"<text>{text}</text>" in sanitize(original).data.decode()
    assert open_part(file_part(original.encode(encoding))).size == (30, 20)


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (document("größer").encode("latin-1"), "not well-formed XML"),
        (
            b'<?xml version="1.0" encoding="shift_jis"?><svg>\x81</svg>',
            "do not belong to its encoding",
        ),
        (b'<?xml version="1.0" encoding="no-such"?><svg/>', "encoding of this SVG is unknown"),
        (b'<?xml version="1.0" encoding="zip"?><svg/>', "not well-formed XML"),
        (b'<?xml version="1.0" encoding="punycode"?><svg/>', "or use a PNG"),
        (b"<svg", "not well-formed XML"),
        (b"<svg><g></svg>", "not well-formed XML"),
        (b"<svg></svg><svg/>", "not well-formed XML"),
        (b"<svg xlink:href='#a'/>", "not well-formed XML"),
        ("<svg>\ud800</svg>", "do not belong to its encoding"),
        ("<svg>\0</svg>", "not well-formed XML"),
        (b"<svg xmlns='urn:a'/>", "not an SVG"),
        (5, "pass it as text or as bytes"),
    ],
)
def test_unreadable_svg_is_refused(data, words):
    with pytest.raises(PictureError, match=words):
        render_svg(data)


@pytest.mark.parametrize(
    "content",
    [
        "<foreignObject><h:div>label</h:div></foreignObject>",
        "<foreignObject>label</foreignObject>",
        "<switch><foreignObject><h:p>a</h:p></foreignObject><text>a</text></switch>",
        "<g><foreignObject><text>a</text></foreignObject></g>",
        '<foreignObject><m:math xmlns:m="http://www.w3.org/1998/Math/MathML"/></foreignObject>',
        "<h:p>a</h:p>",
    ],
)
def test_html_in_an_svg_is_refused(content):
    """The renderers would leave the labels out without an error."""
    with pytest.raises(PictureError, match=r"contains HTML \(foreignObject\).*plain SVG text"):
        render_svg(document(content))
    assert sanitize(document("<foreignObject> </foreignObject>")).data.endswith(b"></svg>")
