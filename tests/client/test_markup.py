"""Pictures in Markdown and HTML, and blocks that do not change their neighbors."""

import time
from pkgutil import resolve_name

import pytest

from gyazo_nb.client import markup


def markdown2html(text):
    return resolve_name("nbconvert.filters:markdown2html")(text)  # takes two seconds to import


def urls(text, form="markdown"):
    return [found.url for found in markup.references(text, form) if not found.is_definition]


@pytest.mark.parametrize(
    "text",
    [
        "![a](b.png)",
        '![a](b.png "Title")',
        "![a]( <b.png> )",
        "![a [nested] text](b.png)",
        "[![a](b.png)](https://example.com)",
        "- item\n\n  ![a](b.png)",
        "| a |\n|---|\n| ![a](b.png) |",
        '<img src="b.png">',
        "<IMG alt='1 > 0' width=3 src=b.png />",
        "![a][name]\n\n[name]: b.png",
        "![name][]\n\n[Name]: <b.png>",
        "![name]\n\n[name]: b.png",
        "Unmatched ` backtick ![a](b.png)",
        "~~~\ncode\n~~~\n![a](b.png)",
    ],
)
def test_a_picture_is_found(text):
    """In each form that Markdown has for one."""
    assert urls(text) == ["b.png"]


@pytest.mark.parametrize(
    "text",
    [
        "`![a](b.png)`",
        "``code ` ![a](b.png)``",
        "```\n![a](b.png)\n```",
        "> ~~~\n> ![a](b.png)",
        "- ```\n  ![a](b.png)\n  ```",
        r"\![a](b.png)",
        "<!-- ![a](b.png) -->",
        "<script>'<img src=\"b.png\">'</script>",
        "[a](b.png)",
        '<img data-src="b.png">',
        '<img alt="src=b.png">',
    ],
)
def test_a_text_that_looks_like_a_picture_is_not_found(text):
    """In code, a comment or a script, escaped, or as a link."""
    assert urls(text) == []


def test_a_web_page_has_no_markdown():
    """In HTML, only elements are pictures."""
    assert urls('![a](b.png) <img src="c.png?a=1&amp;b=2">', "html") == ["c.png?a=1&b=2"]


@pytest.mark.parametrize(
    "text",
    [
        "```python\nprint(1)",
        "> ```\n> code",
        "- ```\n  code",
        "1. one\n\n   ```\n   code",
        "   ```\n   code",
        "text:\n\n    ```\n    code",
        "~~~~ text",
        "<!-- comment",
        "<script>\nlet a",
        "<style>",
        "<pre>a</pre>\n\n<pre>\n\nb",
    ],
)
def test_a_block_does_not_hide_the_next_one(text):
    """An open code block, comment, script or `pre` is closed."""
    page = markdown2html(f"{markup.block(text)}\n\n![a](b.png)")

    assert '<img src="b.png"' in page


@pytest.mark.parametrize(
    "text",
    ["```\ncode\n```", "a <!-- b", "`<script>`", "<pre>\n\n</pre>", "a <pre>", "plain"],
)
def test_a_complete_block_stays_as_it_is(text):
    """A text without an open code block, comment or script is not changed."""
    assert markup.block(text) == text


def test_a_code_block_can_hold_a_code_block():
    """Its fence is longer than each fence in it."""
    assert markup.fenced("````\n```", "c++\n") == "`````c++\n````\n```\n`````"


def test_html_is_one_block_of_markdown():
    """Blank lines and indented lines do not end it, and scripts and styles are left out."""
    html = "<style>a\n\n{}</style><table>\n\n    <tr><td>1\n\n    2</td></tr></table><script>x</script>"
    block = markup.html_block(markup.without_scripts(html))

    assert markdown2html(block).strip() == block
    assert "<pre>" not in markdown2html(block)
    assert "script" not in block
    assert "{}" not in block


@pytest.mark.parametrize(
    "unit",
    [
        "![",
        "`a``",
        "<img '",
        "<!--",
        "<script>",
        "![a][",
        '![](a "',
        "![](",
        "\\",
        "```\n",
        "[a]:\n",
        "> ",
    ],
)
def test_the_time_is_linear(unit):
    """Eight times the text takes far less than 64 times the time."""

    def seconds(count):
        text = unit * count
        times = []
        for _ in range(3):  # the smallest is the least disturbed one
            start = time.process_time()
            markup.references(text, "markdown")
            markup.references(text, "html")
            markup.cards(f'<div class="gyazo-nb">{text}')
            markup.html_block(markup.without_scripts(markup.block(text)))
            times.append(time.process_time() - start)
        return min(times)

    assert seconds(16_000) < 32 * seconds(2_000)
