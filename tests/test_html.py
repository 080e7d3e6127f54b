"""Text from outside cannot inject HTML or Markdown, and only web addresses become links or pictures."""

import re
from dataclasses import replace
from html.parser import HTMLParser

import mistune
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


def test_newlines_and_tabs_of_a_title_are_blanks_in_markdown_and_html():
    """Each notation is one line."""
    entry = image(metadata={"title": "Loss\n\tcurve\r\n"})

    assert 'alt="Loss curve"' in entry.html
    assert entry.markdown.startswith("[![Loss curve](")


def test_entity_in_a_title_is_a_text_in_markdown():
    """Otherwise Markdown shows `&lt;` as `<`. Another `&` stays readable."""
    entry = image(metadata={"title": "R&D &lt; &#93; &amp"})

    assert mistune.html(entry.markdown).count('alt="R&amp;D &amp;lt; &amp;#93; &amp;amp"') == 1
    assert entry.markdown.startswith("[![R&D ")


# ── the buttons that copy ────────────────────────────────────────────────────────────────────────────────

HOSTILE_TITLES = [
    EVIL_TITLE,
    "</script></style><img src=x onerror=alert(1)>",
    "`;alert(1);`",
    "${alert(1)}",
    "\\",
    "'\\u0022'\"",
    "a\u2028b\u2029c",
    "</textarea><script>alert(1)</script>",
]


class Elements(HTMLParser):
    """The elements of a page, as a browser reads them."""

    def __init__(self, text):
        super().__init__(convert_charrefs=True)
        self.found, self.texts, self.open = [], {}, ""
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        self.found.append((tag, dict(attributes)))
        self.open = tag

    def handle_endtag(self, tag):
        self.open = ""

    def handle_data(self, data):
        self.texts[self.open] = self.texts.get(self.open, "") + data

    def attributes(self, tag):
        return [attributes for name, attributes in self.found if name == tag]


def script_of(shown):
    (style,) = Elements(shown).attributes("style")
    return style["onload"]


@pytest.mark.parametrize("title", HOSTILE_TITLES)
def test_title_cannot_break_out_of_a_field_or_into_the_script(title):
    """The script is the same on each card and gallery. The fields hold the exact texts."""
    entry = image(metadata={"title": title})
    card, shown = Elements(entry._repr_html_()), Elements(Page((entry,), 1, 20)._repr_html_())

    assert script_of(entry._repr_html_()) == script_of(Page((image(),), 1, 20)._repr_html_())
    notations = entry.permalink_url, entry.markdown, entry.html, entry.cosense, entry.url
    assert card.texts["textarea"] == "".join(notations)
    assert shown.texts["textarea"] == entry.markdown + entry.permalink_url
    for elements in (card, shown):
        assert not elements.attributes("script")
        assert len(elements.attributes("img")) == 1
        handlers = [n for _, attributes in elements.found for n in attributes if n.startswith("on")]
        assert handlers == ["onload"]


def test_card_has_no_button_without_its_script():
    """A front end that removes the script shows fields, which the keyboard can reach and select."""
    for shown in (image()._repr_html_(), Page((image(),), 1, 20)._repr_html_()):
        elements = Elements(shown)
        assert not elements.attributes("button")
        assert not elements.attributes("input")
        assert len(elements.attributes("textarea")) in {2, 5}


def test_card_and_gallery_stay_small():
    """A card has a few kilobytes. A gallery of 500 has the links of all of them."""
    entries = tuple(
        image(image_id=f"{n:032x}", permalink_url=f"https://gyazo.com/{n:032x}", metadata={})
        for n in range(500)
    )
    shown = Page(entries, 1, 500)._repr_html_()
    links = Elements(shown).texts["textarea"]

    assert len(image()._repr_html_()) < 8_000
    assert len(shown) < 200_000
    assert all(entry.permalink_url in links for entry in entries)


def test_more_links_than_fit_are_announced_as_the_first():
    entries = (image(metadata={"title": "&" * 300}),) * 600

    shown = Page(entries, 1, 500)._repr_html_()

    (number,) = set(re.findall(r"Copy the first (\d+) links", shown))
    assert 0 < int(number) < 500
    assert len(shown) < 800_000


def test_compact_card_has_no_picture():
    """It has the same link, fields and visibility, and a note."""
    entry = image(access_policy="only_me", metadata={"title": "Loss"})
    bundle = entry.mime_bundle(compact=True, note="The picture of cell [2]")

    assert "<img" not in bundle["text/html"].replace("&lt;img", "")
    assert "The picture of cell [2]" in bundle["text/html"]
    assert "Who can see it: only you" in bundle["text/html"]
    assert bundle["text/plain"] == f"{entry!r}  # The picture of cell [2]"
    assert entry.mime_bundle()["text/html"] == entry._repr_html_()
    public = replace(entry, access_policy="anyone", requested_policy="only_me")
    plain = public.mime_bundle(note="The picture of cell [2]")["text/plain"].splitlines()
    assert plain[0].endswith("  # The picture of cell [2]")
    assert plain[1].startswith("Warning: ")


def test_card_shows_the_description_in_one_line_of_plain_text():
    """Without control codes. A tag of Gyazo is text, not a link."""
    card = image(metadata={"desc": "#loss <b>of</b>\n\x1b[1mepoch\u202e 7"})._repr_html_()
    shown = Elements(card)

    assert "#loss <b>of</b> [1mepoch 7" in shown.texts["div"]
    assert [link["href"] for link in shown.attributes("a")] == [image().permalink_url] * 2
    assert not shown.attributes("b")
    assert "text-overflow:ellipsis" in card
    assert "text-overflow:ellipsis" not in image(metadata={})._repr_html_()


def test_title_is_not_read_as_mathematics():
    """JupyterLab would change $…$ and double backslashes in the text of a card."""
    assert "mathjax_ignore" in image()._repr_html_()
    assert "mathjax_ignore" in Page((image(),), 1, 20)._repr_html_()
