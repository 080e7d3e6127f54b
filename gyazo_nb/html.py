"""The HTML of images, galleries and messages in a notebook, and the notations to embed an image.

Guarantees: every text from outside is escaped, and only http and https addresses become links or
pictures. The size of the HTML is bounded for any data from a server. The HTML needs no script and no
style sheet. It uses the colors of the front end, so that it fits light and dark themes.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from html import escape
from urllib.parse import quote, urlsplit

# Styles that notebook/messages.py uses, too.
TEXT_COLOR = "color:var(--jp-ui-font-color1,inherit)"
MUTED_COLOR = "color:var(--jp-ui-font-color2,inherit)"
LINK_COLOR = "color:var(--jp-content-link-color,#1976d2)"
_FONT = "font-family:var(--jp-ui-font-family,system-ui,sans-serif);font-size:13px"
PARAGRAPH = f"{_FONT};line-height:1.55;white-space:normal;overflow-wrap:anywhere"

_CARD_FONT = f"{_FONT};line-height:1.5"
_MUTED = f"{MUTED_COLOR};opacity:.9"
_BORDER = "1px solid var(--jp-border-color2,rgba(128,128,128,.4))"
_SCROLLABLE = "max-height:460px;overflow:auto"  # a hundred thumbnails must not hide the next cell

MAX_THUMBNAILS = 100
MAX_ADDRESS_LENGTH = 2**12
_MAX_TEXT_LENGTH = 300
_MAX_NOTATION_LENGTH = 4 * MAX_ADDRESS_LENGTH

# Characters that would end an address in Markdown or HTML. An IPv6 host needs [ and ].
_DELIMITERS = re.compile(r"[()<>\"\s`\\^{|}]")


def message(text: str) -> str:
    """A message of plain text."""
    return message_box(escape(text))


def message_box(content: str) -> str:
    """A message of HTML that is already escaped."""
    return f'<div style="{PARAGRAPH};{TEXT_COLOR};max-width:680px">{content}</div>'


def image_card(
    *, picture: str, link: str, title: str, details: str, notations: Mapping[str, str]
) -> str:
    """One image: the picture, its link, and the notations to copy. One click selects a notation."""
    title, details = shortened(title), shortened(details)
    rows = "".join(
        f'<div style="display:flex;gap:8px;align-items:baseline">'
        f'<span style="flex:0 0 5.5em;{_MUTED}">{escape(name)}</span>'
        f'<code style="user-select:all;overflow-wrap:anywhere;background:none">{escape(text)}</code>'
        f"</div>"
        for name, text in notations.items()
        if len(text) <= _MAX_NOTATION_LENGTH
    )
    copy = (
        f'<details style="margin-top:4px"><summary style="cursor:pointer;{_MUTED}">Copy as…</summary>'
        f'<div style="margin-top:4px">{rows}</div></details>'
        if rows
        else ""
    )
    caption = f"<strong>{escape(title)}</strong><br>" if title else ""
    note = f'<span style="{_MUTED}"> · {escape(details)}</span>' if details else ""
    return (
        f'<figure style="margin:4px 0;max-width:640px;border:{_BORDER};border-radius:6px;'
        f'overflow:hidden;{_CARD_FONT}">{_picture(picture, link, title, "max-height:360px")}'
        f'<figcaption style="padding:8px 12px;border-top:{_BORDER}">{caption}'
        f"{_anchor(link, link)}{note}{copy}</figcaption></figure>"
    )


def gallery(entries: Sequence[tuple[str, str, str]], caption: str) -> str:
    """Thumbnails side by side. An entry has the address of a picture, the address of its page, and a title.

    The first 100 are shown, so that the notebook stays small.
    """
    cells = "".join(map(_thumbnail, entries[:MAX_THUMBNAILS]))
    if len(entries) > MAX_THUMBNAILS:
        caption += f"; the first {MAX_THUMBNAILS} are shown"
    return (
        f'<div style="{_CARD_FONT}">'
        f'<div style="display:flex;flex-wrap:wrap;gap:8px;{_SCROLLABLE}">{cells}</div>'
        f'<div style="margin-top:4px;{_MUTED}">{escape(caption)}</div></div>'
    )


def link_card(link: str, text: str, details: str) -> str:
    """A link that the user should open, with a heading and details."""
    return (
        f'<div style="margin:4px 0;max-width:640px;border:{_BORDER};border-radius:6px;'
        f'padding:8px 12px;{_CARD_FONT}"><strong>{escape(text)}</strong>'
        f'<span style="{_MUTED}">{escape(details)}</span><br>{_anchor(link, link)}</div>'
    )


def shortened(text: str) -> str:
    """The beginning of a text that is too long to be shown."""
    return text if len(text) <= _MAX_TEXT_LENGTH else f"{text[:_MAX_TEXT_LENGTH]}…"


def web_address(url: str) -> str:
    """Return `url` if it is safe to open in a browser, else an empty text (as for `javascript:`).

    Characters that would end the address in Markdown or Cosense are percent-encoded.

    >>> web_address("javascript:alert(1)"), web_address("https://a/b c)")
    ('', 'https://a/b%20c%29')
    """
    if len(url) > MAX_ADDRESS_LENGTH:
        return ""
    try:
        safe = urlsplit(url).scheme in {"http", "https"}
    except ValueError:
        return ""
    return _DELIMITERS.sub(lambda found: quote(found[0], safe=""), url) if safe else ""


def markdown_embed(title: str, picture: str, link: str) -> str:
    """A picture that links to its page, in Markdown."""
    picture, link = web_address(picture), web_address(link)
    text = "".join(f"\\{c}" if c in r"\[]`*_<>!" else c for c in " ".join(title.split()))
    return f"[![{text}]({picture})]({link})" if picture else f"[{text or link}]({link})"


def html_embed(title: str, picture: str, link: str) -> str:
    """A picture that links to its page, in HTML."""
    picture, link = web_address(picture), web_address(link)
    inner = f'<img src="{escape(picture)}" alt="{escape(title)}">' if picture else escape(title)
    return f'<a href="{escape(link)}">{inner or escape(link)}</a>'


def _thumbnail(entry: tuple[str, str, str]) -> str:
    picture, link, title = entry
    title = shortened(title)
    return (
        f'<div style="width:150px;border:{_BORDER};border-radius:6px;overflow:hidden">'
        f"{_picture(picture, link, title, 'height:110px')}"
        f'<div style="padding:4px 8px;white-space:nowrap;overflow:hidden;text-overflow:ellipsis" '
        f'title="{escape(title)}">{escape(title) or "&nbsp;"}</div></div>'
    )


def _picture(picture: str, link: str, title: str, size: str) -> str:
    address = web_address(picture)
    if not address:
        return ""
    image = (
        f'<img src="{escape(address)}" alt="{escape(title or "The uploaded picture")}" '
        f'loading="lazy" referrerpolicy="no-referrer" style="display:block;margin:0 auto;'
        f'max-width:100%;object-fit:contain;background:#fff;{size}">'
    )
    # Only the picture gets a white background: many figures are transparent, made for white paper.
    frame = f'<div style="text-align:center">{image}</div>'
    if not web_address(link):
        return frame
    return f'<a href="{escape(link)}" target="_blank" rel="noopener noreferrer">{frame}</a>'


def _anchor(link: str, text: str) -> str:
    if not web_address(link):
        return escape(shortened(text))
    return (
        f'<a href="{escape(link)}" target="_blank" rel="noopener noreferrer" '
        f'style="{LINK_COLOR};overflow-wrap:anywhere">{escape(text)}</a>'
    )
