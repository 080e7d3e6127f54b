"""Text from outside cannot inject HTML or Markdown, and only web addresses become links or pictures."""

import pytest
from support.replies import recorded

from gyazo_nb import Image, Page

EVIL_TITLE = '"><script>alert(1)</script>'


def image(**fields):
    return Image.from_json(recorded("upload") | fields)


def test_title_is_escaped_in_cards_galleries_and_html():
    entry = image(metadata={"title": EVIL_TITLE})
    shown = entry._repr_html_() + Page((entry,), 1, 20)._repr_html_() + entry.html

    assert "<script" not in shown


@pytest.mark.parametrize(
    "url", ["javascript:alert(1)", "data:text/html,x", "file:///etc/passwd", "//x", "http://["]
)
def test_only_web_addresses_become_links_and_pictures(url):
    entry = image(permalink_url=url, url=url, thumb_url=url)
    shown = entry._repr_html_() + Page((entry,), 1, 20)._repr_html_()

    assert "<a" not in shown
    assert "<img" not in shown
    assert url not in entry.html + entry.markdown


def test_address_with_delimiters_cannot_inject_markdown_or_html():
    """The delimiters are percent-encoded."""
    entry = Image(
        "8980c52421e452ac3355ca3e5cfe7a0c",
        "https://gyazo.com/8980c52421e452ac3355ca3e5cfe7a0c",
        url="https://i/a.png) <img src=x onerror=alert(1)>",
    )

    assert "<img" not in entry.markdown
    assert entry.markdown.count(")") == 2
    assert "onerror=alert(1)" not in entry.html
