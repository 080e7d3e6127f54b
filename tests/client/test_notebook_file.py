"""`gyazo.publish`: the text of a notebook, and its pictures on Gyazo."""

import os

import pytest
from support.notebooks import (
    SVG,
    base64_of,
    bytes_of,
    code_cell,
    data_url,
    markdown_cell,
    notebook,
    picture,
    printed,
    shown,
)

from gyazo_nb import ArgumentError, PictureError
from gyazo_nb.client import notebook_file
from gyazo_nb.client.notebook_file import MARK, Draft
from gyazo_nb.notebook import messages
from gyazo_nb.notebook.info import info_text

RED, BLUE, GOLD = picture("red"), picture("blue"), picture("gold")


# ── pictures ─────────────────────────────────────────────────────────────────────────────────────


def test_all_pictures_are_on_gyazo_in_order(gyazo, publish):
    """Attachments, outputs of each type, and pictures in HTML and Markdown outputs."""
    jpeg, gif, webp = (picture("green", kind) for kind in ("JPEG", "GIF", "WEBP"))
    published = publish(
        markdown_cell("![a](attachment:a.png)", **{"a.png": RED}),
        code_cell(
            shown({"image/jpeg": jpeg, "text/plain": "x"}),
            shown({"image/gif": gif}),
            shown({"image/webp": webp}),
            shown({"text/html": f"<b>x</b><img src='{data_url(BLUE)}'>"}),
            shown({"text/markdown": f"![m]({data_url(GOLD)})"}),
        ),
    )

    assert bytes_of(gyazo, published.markdown) == [RED, jpeg, gif, webp, BLUE, GOLD]
    assert [image.download() for image in published.images] == [RED, jpeg, gif, webp, BLUE, GOLD]
    assert published.path.read_text() == published.markdown == published.text
    assert "data:" not in published.markdown
    assert "attachment:" not in published.markdown


def test_an_identical_picture_is_uploaded_once(server, gyazo, publish):
    """It is shown at each of its places."""
    published = publish(
        markdown_cell(f"![a]({data_url(RED)}) ![b](attachment:b.png)", **{"b.png": RED}),
        code_cell(shown({"image/png": RED}), shown({"image/png": BLUE})),
    )

    assert bytes_of(gyazo, published.markdown) == [RED, RED, RED, BLUE]
    uploaded = [r for r in server.sandbox.requests if r.path == "/api/upload"]
    assert len(uploaded) == len(published.images) == 2


def test_an_svg_is_rendered(gyazo, publish):
    """As plain text in an output, and as base64 in an attachment or an address."""
    published = publish(
        code_cell(shown({"image/svg+xml": SVG, "text/plain": "x"})),
        markdown_cell(f"![a]({data_url(SVG.encode(), 'image/svg+xml')})"),
    )

    first, second = bytes_of(gyazo, published.markdown)
    assert first == second
    assert first.startswith(b"\x89PNG")


def test_a_hostile_svg_is_refused(publish):
    """It goes through the sanitizer, as every SVG."""
    hostile = SVG.replace("<rect", '<image href="file:///etc/passwd"/><rect')

    with pytest.raises(PictureError, match="^In cell 1"):
        publish(code_cell(shown({"image/svg+xml": hostile})))


def test_a_chart_is_rendered(gyazo, publish):
    """The data of a Vega-Lite chart, which Markdown cannot show."""
    chart = {"data": {"values": [{"a": 1}]}, "mark": "bar", "encoding": {"x": {"field": "a"}}}
    published = publish(
        code_cell(shown({"application/vnd.vegalite.v5+json": chart, "text/plain": "alt.Chart"}))
    )

    assert bytes_of(gyazo, published.markdown)[0].startswith(b"\x89PNG")
    assert "alt.Chart" not in published.markdown


def test_a_page_that_is_drawn_by_a_script_is_rendered(gyazo, publish):
    """Markdown shows no script. A page that refers to a file is not read."""
    chart = '{"mark": "bar", "data": {"values": [{"a": 1}]}, "encoding": {"x": {"field": "a"}}}'
    script = f"<div id=vis></div><script>var spec = {chart}; vegaEmbed('#vis', spec);</script>"
    frame = '<iframe src="iframe_figures/figure_1.html"></iframe>'
    published = publish(
        code_cell(shown({"text/html": script})),
        code_cell(shown({"text/html": f"<div>{SVG}</div>"})),
        code_cell(shown({"text/html": frame})),
    )

    assert [data[:4] for data in bytes_of(gyazo, published.markdown)] == [b"\x89PNG"] * 2
    assert frame in published.markdown


@pytest.mark.parametrize(
    "output",
    [
        {"application/vnd.plotly.v1+json": {"layout": {"images": [{"source": "http://a/b.png"}]}}},
        {"application/vnd.plotly.v1+json": {"data": [{"geojson": "file:///etc/passwd"}]}},
        {
            "text/html": '<script>Plotly.newPlot("x", [{"source": "\\u0068ttp://a/b.png"}], {})</script>'
        },
        {"application/vnd.vegalite.v5+json": {"data": {"url": "http://a/b"}, "mark": "bar"}},
        {"application/vnd.bokehjs_exec.v0+json": "", "text/html": "<script></script>"},
    ],
)
def test_a_chart_that_needs_an_address_or_its_library_is_refused(publish, output):
    """No address is loaded, and no picture is left out silently."""
    with pytest.raises(PictureError, match="^In cell 1: "):
        publish(code_cell(shown(output)))


def test_the_description_of_a_picture_is_its_alternative_text_and_title(publish):
    """From the metadata of the output or its cell; the option `title` wins as the title."""
    cells = (
        code_cell(
            shown({"image/png": RED}, {"image/png": {"alt": "Red [x](javascript:a)\n\0*line*"}})
        ),
        code_cell(shown({"image/png": BLUE}), metadata={"caption": "Blue"}),
        code_cell(shown({"image/png": GOLD})),
    )
    published = publish(*cells)

    assert [image.title for image in published.images] == [
        "Red [x](javascript:a) *line*",
        "Blue",
        "",
    ]
    assert r"[![Red \[x\](javascript:a) \*line\*](http" in published.markdown
    assert "[![Blue](http" in published.markdown
    assert "[![Output of cell 3](http" in published.markdown


def test_a_card_becomes_its_picture_and_its_link(gyazo, publish):
    """The cards of `%gyazo`, a gallery, and a compact card. Their pictures are on Gyazo already."""
    image = gyazo.upload(RED, title="a [b]")
    images = gyazo.images(per_page=1)
    published = publish(
        code_cell(shown(image.mime_bundle()), source=""),
        code_cell(shown({"text/html": images._repr_html_()}), source=""),
        code_cell(shown(image.mime_bundle(compact=True)), source=""),
    )

    link = f"]({image.permalink_url})"
    thumbnail = f"[![a \\[b\\]]({images[0].thumb_url}){link}"
    assert published.markdown == (
        f"{image.markdown}\n\n{thumbnail}\n\n<{image.permalink_url}>\n\n{MARK}\n"
    )
    assert published.images == []


# ── local files ──────────────────────────────────────────────────────────────────────────────────


def test_a_local_picture_is_uploaded(gyazo, publish, path):
    """From the folder of the notebook, in Markdown and in HTML, and with an encoded name."""
    (path.parent / "img").mkdir(parents=True)
    (path.parent / "img" / "a b.png").write_bytes(RED)
    published = publish(
        markdown_cell('![a](img/a%20b.png "t") <img src="img/a%20b.png?x=1">'),
        code_cell(shown({"text/html": "<img src='./img/a b.png'>"})),
    )

    assert bytes_of(gyazo, published.markdown) == [RED] * 3


@pytest.mark.parametrize(
    ("address", "reason"),
    [
        ("../secret.png", "is outside of the notebook's folder"),
        ("%2e%2e/secret.png", "is outside of the notebook's folder"),
        ("link.png", "is outside of the notebook's folder"),
        ("linked/secret.png", "is outside of the notebook's folder"),
        ("{root}/secret.png", "is outside of the notebook's folder"),
        (".hidden/a.png", "is a hidden file"),
        ("missing.png", "does not exist"),
        ("pipe.png", "does not exist"),
        ("folder", "does not exist"),
        ("data.csv", "cannot be uploaded"),
        ("a%00b.png", "is outside of the notebook's folder"),
        ("attachment:none.png", "is missing"),
    ],
)
def test_a_picture_that_is_not_in_the_folder_stays_as_it_is(server, publish, path, address, reason):
    """It is not read, and a note says why."""
    work = path.parent
    for folder in (work / ".hidden", work / "folder"):
        folder.mkdir(parents=True)
    for file in (work.parent / "secret.png", work / ".hidden" / "a.png"):
        file.write_bytes(RED)
    (work / "data.csv").write_text("a,b\n1,2\n")
    (work / "link.png").symlink_to("../secret.png")
    (work / "linked").symlink_to("..")
    os.mkfifo(work / "pipe.png")
    address = address.format(root=work.parent)

    published = publish(markdown_cell(f"![a]({address})"))

    assert f"![a]({address})" in published.markdown
    (note,) = published.notes
    assert note.startswith("cell 1: ")
    assert reason in note
    assert server.sandbox.images == []


@pytest.mark.parametrize(
    "name", [r"\\server\a.png", r"%5c%5cserver\a.png", r"/\server\a.png", r"%2f\server\a.png"]
)
def test_a_path_of_a_windows_server_is_not_opened(publish, path, name):
    """Windows would contact the server. On other systems it is the name of a file in the folder."""
    path.parent.mkdir(parents=True)
    (path.parent / r"\\server\a.png").write_bytes(RED)

    published = publish(markdown_cell(f'<img src="{name}">'))

    assert f'src="{name}"' in published.markdown
    assert "is outside of the notebook's folder" in published.notes[0]


@pytest.mark.parametrize("address", ["https://example.com/a.png", "//host/a.png", "file:///a.png"])
def test_no_address_is_fetched(server, publish, address):
    """An address stays as it is."""
    published = publish(markdown_cell(f'![a]({address}) <img src="{address}">'))

    assert published.markdown.count(address) == 2
    assert published.images == []


# ── damaged and large input ──────────────────────────────────────────────────────────────────────


ANIMATION_PAGE = (
    '<script>new Animation(frames, a, b, %s, c); frames[0] = "data:image/png;base64,%s"</script>'
)


@pytest.mark.parametrize(
    "output",
    [
        shown({"image/png": "not base64!"}),
        shown({"image/png": base64_of(RED)[1:]}),
        shown({"image/png": base64_of(b"no picture")}),
        shown({"image/jpeg": ["/9j/", 5]}) | {"data": {"image/jpeg": "A"}},
        shown({"text/html": '<img src="data:image/png;base64,@@@">'}),
        shown({"application/pdf": base64_of(b"%PDF-1.7")}),
        shown({"application/vnd.plotly.v1+json": [1]}),
        shown(
            {"application/vnd.vegalite.v5+json": '{"data": {"url": "http://127.0.0.1:9/a.csv"}}'}
        ),
        shown({"text/html": ANIMATION_PAGE % ("100", "abc")}),
        shown({"text/html": ANIMATION_PAGE % ("100", "AAAA")}),
        shown({"text/html": ANIMATION_PAGE % ("1.2.3", "AAAA")}),
    ],
)
def test_a_damaged_picture_names_its_cell(server, publish, path, output):
    """One sentence, before the first upload, and no file."""
    with pytest.raises(PictureError, match=r"^In cell 2 \(In \[7\]\): ") as raised:
        publish(code_cell(shown({"image/png": RED})), code_cell(output, count=7))

    assert "\n" not in str(raised.value)
    assert server.sandbox.images == []
    assert not path.with_suffix(".md").exists()


def test_an_empty_picture_is_named_as_damaged(publish):
    """The cell must run again; there is no item to pass."""
    with pytest.raises(PictureError, match="damaged .*: run the cell again"):
        publish(code_cell(shown({"image/png": "\n"})))


def test_sizes_are_limited(publish, monkeypatch):
    """Of one picture, of all, and of the time."""
    cell = code_cell(shown({"image/png": RED}), shown({"image/png": BLUE}))
    for name, value, pattern in (
        ("MAX_PICTURE_BYTES", 10, "In cell 1: The picture has more than"),
        ("MAX_TOTAL_BYTES", len(RED) + 1, "In cell 1: The notebook has more than"),
        ("MAX_SECONDS", -1, "In cell 1: Reading the pictures of the notebook takes more than"),
        ("MAX_PICTURES", 1, "In cell 1: The notebook has more than 1 picture"),
    ):
        with monkeypatch.context() as patch:
            patch.setattr(notebook_file, name, value)
            with pytest.raises((PictureError, ArgumentError), match=pattern):
                publish(cell)


def test_a_notebook_of_wrong_types_is_read():
    """A value of a wrong type counts as missing."""
    cells = [5, {}, {"cell_type": "code", "outputs": 5}, {"cell_type": "markdown", "source": [1]}]
    cells += [{"cell_type": "code", "outputs": [{"output_type": "display_data", "data": []}, 3]}]
    cells += [{"cell_type": "markdown", "source": "![a](attachment:b)", "attachments": {"b": 3}}]

    cells += [{"cell_type": "code", "outputs": [{"output_type": [1]}], "execution_count": "\ud800"}]
    cells += [{"cell_type": "raw", "source": "half \ud800", "metadata": {"raw_mimetype": {}}}]

    draft = Draft({"cells": cells, "metadata": 7}, None)

    assert draft.text([]) == f"![a](attachment:b)\n\nhalf ?\n\n{MARK}\n"


# ── the text ─────────────────────────────────────────────────────────────────────────────────────


def test_the_text_is_that_of_the_notebook():
    """Markdown, code with its language, printed text without color codes, errors and tables."""
    error = {
        "output_type": "error",
        "ename": "E",
        "evalue": "v",
        "traceback": ["\x1b[31mE\x1b[0m", "v"],
    }
    draft = Draft(
        notebook(
            markdown_cell("# Title\n"),
            code_cell(printed("\x1b[1mbold\x1b[0m\n10%\r99%\n"), source="1"),
            code_cell(shown({"text/html": "<table></table>", "text/plain": "t"}), source=""),
            code_cell(shown({"text/latex": "$x$", "text/plain": "x"}), error, source=""),
            {"cell_type": "raw", "metadata": {}, "source": "raw"},
            {"cell_type": "raw", "metadata": {"raw_mimetype": "text/latex"}, "source": "hidden"},
        ),
        None,
    )

    assert draft.text([]) == (
        "# Title\n\n```python\n1\n```\n\n```\nbold\n99%\n```\n\n<div>\n<table></table>\n</div>\n\n"
        f"$x$\n\n```\nE\nv\n```\n\nraw\n\n{MARK}\n"
    )


def test_a_cell_does_not_hide_the_pictures_of_the_next(gyazo, publish):
    """Open code blocks, comments and scripts, backticks in code, and labels of another cell."""
    published = publish(
        markdown_cell("```\nopen"),
        markdown_cell("<!-- open"),
        markdown_cell("```\r\nclosed\r\n```\r\n"),
        markdown_cell(f"![a][x]\n\n[x]: {data_url(RED)}"),
        markdown_cell(f"![a][x]\n\n[x]: {data_url(BLUE)}"),
        code_cell(printed("```\n````"), source="'''\n```\n'''"),
        code_cell(shown({"text/html": "<style>\n\n x\n<script>\n\n</script><!--"})),
        code_cell(shown({"image/png": GOLD})),
    )

    assert bytes_of(gyazo, published.markdown) == [RED, BLUE, GOLD]


# ── messages of the sign-in ──────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    "message",
    [
        messages.signed_in("Sandbox User", "gyazo", "The token is saved in the file x."),
        messages.signed_out("Sandbox User", None),
        messages.text_message("Signed in as Sandbox User."),
        messages.prompt_steps("http://a/authorize?state=secret", "http://b/callback"),
        {
            "application/vnd.jupyter.widget-view+json": {"model_id": "1"},
            **messages.panel_fallback("http://a/authorize?state=secret", "http://b/callback"),
        },
    ],
    ids=["signed in", "signed out", "whoami", "prompt", "panel"],
)
def test_a_message_of_the_sign_in_is_left_out(message):
    """Such as the account, and the link with its state."""
    draft = Draft(notebook(code_cell(shown(message), source="%gyazo_login")), None)
    assert draft.text([]) == f"```python\n%gyazo_login\n```\n\n{MARK}\n"


def test_the_text_of_gyazo_info_is_left_out():
    """And not what the same cell prints before and after it."""
    text = f"before\n{info_text()}\nafter\n"
    draft = Draft(notebook(code_cell(printed(text), source="%gyazo_info")), None)
    assert draft.text([]).endswith(f"```\n\n```\nbefore\nafter\n```\n\n{MARK}\n")
