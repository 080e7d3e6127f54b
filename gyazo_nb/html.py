"""The HTML of images, galleries and messages in a notebook. It needs no script and no style sheet.

Guarantees: every text from outside is escaped, and only http and https addresses become links or
pictures. Colors are the front end's own, so that light and dark themes both fit.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from html import escape
from urllib.parse import quote, urlsplit

_MUTED = "color:var(--jp-ui-font-color2,inherit);opacity:.9"
# [ and ] stand around an IPv6 host, and end nothing here.
_ENDING = re.compile(r"[()<>\"\s`\\^{|}]")
_BOUND = "max-height:460px;overflow:auto"  # a hundred thumbnails do not push the next cell away
_LINE = "1px solid var(--jp-border-color2,rgba(128,128,128,.4))"
_FONT = "font-family:var(--jp-ui-font-family,system-ui,sans-serif);font-size:13px;line-height:1.5"
_LINK = "color:var(--jp-content-link-color,#1976d2)"
_MESSAGE = (
    "font-family:var(--jp-ui-font-family,system-ui,sans-serif);font-size:13px;line-height:1.55;"
    "white-space:normal;overflow-wrap:anywhere;color:var(--jp-ui-font-color1,inherit);max-width:680px"
)


def message(text: str) -> str:
    """A line of plain text."""
    return message_box(escape(text))


def message_box(content: str) -> str:
    """A box around HTML that is escaped already."""
    return f'<div style="{_MESSAGE}">{content}</div>'


def image_card(
    *, picture: str, link: str, title: str, details: str, notations: Mapping[str, str]
) -> str:
    """One image: the picture, its link, and what can be copied, selected whole by one click."""
    rows = "".join(
        f'<div style="display:flex;gap:8px;align-items:baseline">'
        f'<span style="flex:0 0 5.5em;{_MUTED}">{escape(name)}</span>'
        f'<code style="user-select:all;overflow-wrap:anywhere;background:none">{escape(text)}</code>'
        f"</div>"
        for name, text in notations.items()
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
        f'<figure style="margin:4px 0;max-width:640px;border:{_LINE};border-radius:6px;'
        f'overflow:hidden;{_FONT}">{_picture(picture, link, title, "max-height:360px")}'
        f'<figcaption style="padding:8px 12px;border-top:{_LINE}">{caption}'
        f"{_anchor(link, link)}{note}{copy}</figcaption></figure>"
    )


def gallery(entries: Iterable[tuple[str, str, str]], caption: str) -> str:
    """Thumbnails side by side. Each entry is a picture's address, its page and its title."""
    cells = "".join(
        f'<div style="width:150px;border:{_LINE};border-radius:6px;overflow:hidden">'
        f"{_picture(picture, link, title, 'height:110px')}"
        f'<div style="padding:4px 8px;white-space:nowrap;overflow:hidden;text-overflow:ellipsis" '
        f'title="{escape(title)}">{escape(title) or "&nbsp;"}</div></div>'
        for picture, link, title in entries
    )
    return (
        f'<div style="{_FONT}"><div style="display:flex;flex-wrap:wrap;gap:8px;{_BOUND}">{cells}</div>'
        f'<div style="margin-top:4px;{_MUTED}">{escape(caption)}</div></div>'
    )


def link_card(link: str, text: str, details: str) -> str:
    """A link that somebody is to open, and what there is to know about it."""
    return (
        f'<div style="margin:4px 0;max-width:640px;border:{_LINE};border-radius:6px;'
        f'padding:8px 12px;{_FONT}"><strong>{escape(text)}</strong>'
        f'<span style="{_MUTED}">{escape(details)}</span><br>{_anchor(link, link)}</div>'
    )


def web_address(url: str) -> str:
    """Give `url` if a browser may safely follow it, else nothing (`javascript:` and the like).

    What would end an address in Markdown or Cosense is written as an address has it.

    >>> web_address("javascript:alert(1)"), web_address("https://a/b c)")
    ('', 'https://a/b%20c%29')
    """
    try:
        known = urlsplit(url).scheme in {"http", "https"}
    except ValueError:
        return ""
    return _ENDING.sub(lambda found: quote(found[0], safe=""), url) if known else ""


def markdown(title: str, picture: str, link: str) -> str:
    """A picture that leads to its page, in Markdown."""
    picture, link = web_address(picture), web_address(link)
    text = "".join(f"\\{c}" if c in r"\[]`*_<>!" else c for c in " ".join(title.split()))
    return f"[![{text}]({picture})]({link})" if picture else f"[{text or link}]({link})"


def html(title: str, picture: str, link: str) -> str:
    """A picture that leads to its page, in HTML."""
    picture, link = web_address(picture), web_address(link)
    inner = f'<img src="{escape(picture)}" alt="{escape(title)}">' if picture else escape(title)
    return f'<a href="{escape(link)}">{inner or escape(link)}</a>'


def _picture(picture: str, link: str, title: str, size: str) -> str:
    address = web_address(picture)
    if not address:
        return ""
    image = (
        f'<img src="{escape(address)}" alt="{escape(title or "The uploaded picture")}" '
        f'loading="lazy" referrerpolicy="no-referrer" style="display:block;margin:0 auto;'
        f'max-width:100%;object-fit:contain;background:#fff;{size}">'
    )
    # White behind the picture alone: a figure is drawn for paper, and often transparent.
    frame = f'<div style="text-align:center">{image}</div>'
    if not web_address(link):
        return frame
    return f'<a href="{escape(link)}" target="_blank" rel="noopener noreferrer">{frame}</a>'


def _anchor(link: str, text: str) -> str:
    if not web_address(link):
        return escape(text)
    return (
        f'<a href="{escape(link)}" target="_blank" rel="noopener noreferrer" '
        f'style="{_LINK};overflow-wrap:anywhere">{escape(text)}</a>'
    )
