"""The HTML of images, galleries and messages in a notebook, and the notations to embed an image.

Guarantees: every text from outside is escaped, and only http and https addresses become links or
pictures. The size of the HTML is bounded for any data from a server. Everything can be read, reached with
the keyboard and selected without a script and without a style sheet. A script adds the buttons that copy:
where a front end removes scripts, as in an untrusted notebook, no button without a function is visible.
The HTML uses the colors of the front end, so that it fits light and dark themes.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from html import escape
from urllib.parse import quote, urlsplit

# Styles that notebook/messages.py uses, too.
TEXT_COLOR = "color:var(--jp-ui-font-color1,inherit)"
MUTED_COLOR = "color:var(--jp-ui-font-color2,inherit)"
LINK_COLOR = "color:var(--jp-content-link-color,#1976d2)"
_FONT = "font-family:var(--jp-ui-font-family,system-ui,sans-serif);font-size:13px"
PARAGRAPH = f"{_FONT};line-height:1.55;white-space:normal;overflow-wrap:anywhere"

_CARD_FONT = f"{_FONT};line-height:1.5;{TEXT_COLOR}"
_MUTED = "opacity:.8"  # of the text color: the contrast stays above 4.5 : 1, also in dark themes
_BORDER = "1px solid var(--jp-border-color2,rgba(128,128,128,.4))"
_SCROLLABLE = "max-height:460px;overflow:auto"  # a hundred thumbnails must not hide the next cell
# Without this class, JupyterLab reads \\ and $…$ in a title as mathematics.
_CLASS = "gyazo-nb mathjax_ignore"
_FRAME = f"border:{_BORDER};border-radius:6px"
_ROW = "display:flex;flex-wrap:wrap;gap:4px 12px;align-items:baseline"
_ONE_LINE = "white-space:nowrap;overflow:hidden;text-overflow:ellipsis"

# Begins a message about the session, which a published notebook leaves out.
_SESSION_MESSAGE = '<div class="gyazo-nb-session">'

MAX_THUMBNAILS = 100
MAX_ADDRESS_LENGTH = 2**12
_MARKDOWN_ESCAPES = {ord(char): f"\\{char}" for char in r"\[]`*_<>!"}
_ENTITY = re.compile(r"&(?=#?\w+;)")
_MAX_TEXT_LENGTH = 300
_MAX_NOTATION_LENGTH = 4 * MAX_ADDRESS_LENGTH
_MAX_LINKS_LENGTH = 2**17  # of all lines of one notation; 500 images take 50,000 to 80,000

# Characters that would end an address in Markdown or HTML. An IPv6 host needs [ and ].
_DELIMITERS = re.compile(r"[()<>\"\s`\\^{|}]")

_STYLE = """
.gyazo-nb button { font: inherit; color: inherit; background: none; border: 1px solid currentColor;
border-radius: 4px; padding: 0 10px; flex: none; cursor: pointer }
.gyazo-nb-image button { margin: 0 0 8px }
.gyazo-nb button:hover { background: var(--jp-layout-color2, rgba(128, 128, 128, .2)) }
.gyazo-nb :focus-visible { outline: 2px solid var(--jp-content-link-color, #1976d2); outline-offset: 1px }
"""
# `this` is the style element of a card that the front end shows. The script adds the buttons, and a region
# that tells the result to a screen reader. It reads the texts from the fields: it is the same on each card.
_SCRIPT = """
const card = this.parentNode;
const add = (parent, name) => parent.appendChild(document.createElement(name));
if (card.querySelector(`[role=status]`)) return;
const status = add(card, `span`);
status.setAttribute(`role`, `status`);
status.style.cssText = `position:absolute;width:1px;height:1px;overflow:hidden;clip-path:inset(50%)`;
const addButton = (parent, label, name, text, field) => {
  const button = add(parent, `button`);
  const show = (label, name) => {
    button.textContent = label;
    button.setAttribute(`aria-label`, name);
  };
  button.type = `button`;
  show(label, name);
  button.onclick = async () => {
    let copied = true;
    try {
      await navigator.clipboard.writeText(text);
    } catch {
      const area = add(document.body, `textarea`);
      area.style.cssText = `position:fixed;top:0;opacity:0`;
      area.value = text;
      area.select();
      copied = document.execCommand(`copy`);
      area.remove();
      button.focus();
    }
    if (!copied) {
      field.closest(`details`).open = true;
      field.select();
    }
    const result = copied ? `Copied` : `Press Ctrl+C`;
    button.style.minWidth = `${button.offsetWidth}px`;
    show(result, result);
    status.textContent = result;
    setTimeout(() => { show(label, name); status.textContent = ``; }, 2000);
  };
};
const fields = [...card.querySelectorAll(`.gyazo-nb-field`)];
const main = card.querySelector(`.gyazo-nb-main`);
if (fields.length) addButton(main, main.title, main.title, fields[0].value, fields[0]);
main.removeAttribute(`title`);
for (const field of fields) {
  field.readOnly = true;
  field.onfocus = () => field.select();
  addButton(field.closest(`div`), `Copy`, `Copy ${field.title}`, field.value, field);
}
for (const image of card.querySelectorAll(`.gyazo-nb-image`)) {
  const link = image.querySelector(`a`);
  if (link) addButton(image, `Copy link`, `Copy the link of ${image.title}`, link.href, fields[1]);
}
"""


def _in_one_line(code: str) -> str:
    return " ".join(line.strip() for line in code.strip().splitlines())


_COPY_BUTTONS = f'<style onload="{escape(_in_one_line(_SCRIPT))}">{_in_one_line(_STYLE)}</style>'


@dataclass(frozen=True, slots=True)
class Notation:
    """One way to write the link of an image: its name, as a label and as a full name, and the text."""

    label: str
    name: str
    text: str


def message(text: str) -> str:
    """A message of plain text."""
    return message_box(escape(text))


def message_box(content: str) -> str:
    """A message of HTML that is already escaped."""
    return f'<div style="{PARAGRAPH};{TEXT_COLOR};max-width:680px">{content}</div>'


def text_list(lines: Iterable[str]) -> str:
    """Lines of text below each other, in the font of a gallery."""
    items = "".join(f"<li>{escape(line)}</li>" for line in lines)
    return f'<ul class="{_CLASS}" style="{_CARD_FONT}">{items}</ul>' if items else ""


def session_message(content: str) -> str:
    """A message about the sign-in or the session, of HTML that is already escaped."""
    return f"{_SESSION_MESSAGE}{message_box(content)}</div>"


def is_session_message(page: str) -> bool:
    """Whether an output is a `session_message`, or a panel with one for a page without widgets."""
    return page.startswith(_SESSION_MESSAGE)


def image_card(
    *,
    picture: str,
    link: str,
    title: str,
    details: Sequence[str],
    description: str = "",
    notations: Sequence[Notation] = (),
    alt: str = "",
    warning: str = "",
    compact: bool = False,
) -> str:
    """One image: the picture, its link, and the notations to copy, the link first.

    `description` is cut to one line below the title. `details` are short lines below the link. A compact card
    has no picture: it is for a picture that the notebook just showed.
    """
    title, description = shortened(title), shortened(description)
    fields = "".join(
        _field(notation)
        for notation in notations
        if notation.text and len(notation.text) <= _MAX_NOTATION_LENGTH
    )
    shown = "" if compact else _picture(picture, link, alt or title, "max-height:360px", tab=False)
    line = f"border-top:{_BORDER}" if shown else ""
    caption = f'<strong style="overflow-wrap:anywhere">{escape(title)}</strong>' if title else ""
    if description:
        caption += f'<div style="{_MUTED};{_ONE_LINE}">{escape(description)}</div>'
    notes = "".join(f'<div style="{_MUTED}">{escape(shortened(text))}</div>' for text in details)
    return (
        f'<figure class="{_CLASS}" style="margin:4px 0;max-width:640px;{_FRAME};'
        f'overflow:hidden;{_CARD_FONT}">{shown}'
        f'<figcaption style="padding:8px 12px;{line}">{_warning(warning)}{caption}'
        f'<div style="{_ROW}">{_text_link(link)}{_main_button("Copy link")}</div>'
        f"{notes}{_copy_fields('Copy as…', fields)}</figcaption></figure>"
    )


def gallery(
    entries: Sequence[tuple[str, str, str]],
    caption: str,
    *,
    markdown: Iterable[str] = (),
    links: Iterable[str] = (),
    number: int = 0,
    warning: str = "",
) -> str:
    """Thumbnails side by side. An entry has the address of a picture, the address of its page, and a title.

    `markdown` and `links` are lines to copy: one for each of the `number` images, with or without a thumbnail.
    """
    cells = "".join(map(_thumbnail, entries))
    main, fields = "Copy all links", ""
    for label, kind, lines in (("Markdown", "Markdown", markdown), ("Links", "links", links)):
        if text := _joined(lines):
            count = text.count("\n") + 1
            first = f"the first {count} " if count < number else ""
            if first and not fields:
                main = f"Copy {first}links"
            fields += _field(Notation(label, f"{first}lines of {kind}", text), rows=4)
    return (
        f'<div class="{_CLASS}" style="{_CARD_FONT};position:relative">{_warning(warning)}'
        f'<div style="display:flex;flex-wrap:wrap;gap:8px;padding:2px;{_SCROLLABLE}">{cells}</div>'
        f'<div style="{_ROW};margin-top:4px"><span>{escape(caption)}</span>'
        f"{_main_button(main)}</div>{_copy_fields(f'{main} as…', fields)}</div>"
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
    text = _ENTITY.sub(r"\&", " ".join(title.split()).translate(_MARKDOWN_ESCAPES))
    return f"[![{text}]({picture})]({link})" if picture else f"[{text or link}]({link})"


def html_embed(title: str, picture: str, link: str) -> str:
    """A picture that links to its page, in HTML."""
    picture, link = web_address(picture), web_address(link)
    text = escape(" ".join(title.split()))
    inner = f'<img src="{escape(picture)}" alt="{text}">' if picture else text
    return f'<a href="{escape(link)}">{inner or escape(link)}</a>'


def _main_button(label: str) -> str:
    """The place of the first button. The script takes the label from the title."""
    return f'<span class="gyazo-nb-main" title="{escape(label)}"></span>'


def _copy_fields(summary: str, fields: str) -> str:
    """The fields below a line that opens them, and the script that adds the buttons."""
    if not fields:
        return ""
    return (
        f'<details style="margin-top:4px"><summary style="cursor:pointer;width:fit-content">'
        f"{escape(summary)}</summary>{fields}</details>{_COPY_BUTTONS}"
    )


def _field(notation: Notation, *, rows: int = 1) -> str:
    """A text that can be selected with the keyboard in every front end, and that the script copies.

    Not an `input`, which JupyterLab disables in an untrusted notebook. And not read-only there: Ctrl+A
    would select all cells, and not the text.
    """
    style = (
        "flex:1;min-width:0;box-sizing:border-box;font-family:var(--jp-code-font-family,monospace);"
        f"font-size:12px;line-height:1.4;{TEXT_COLOR};background:var(--jp-layout-color1,transparent);"
        f"border:{_BORDER};border-radius:3px;padding:2px 6px"
    )
    if rows == 1:
        style += ";resize:none;overflow:hidden"
    return (
        f'<div style="display:flex;gap:8px;align-items:center;margin-top:4px">'
        f'<label style="display:flex;flex:1;min-width:0;gap:8px;align-items:center">'
        f'<span style="flex:0 0 5.5em">{escape(notation.label)}</span>'
        f'<textarea class="gyazo-nb-field" rows="{rows}" wrap="off" spellcheck="false" '
        f'title="{escape(notation.name)}" style="{style}">{escape(notation.text)}</textarea></label></div>'
    )


def _joined(lines: Iterable[str]) -> str:
    """As many lines as the limit allows, also after they are escaped."""
    fitting, size = [], 0
    for line in lines:
        size += len(escape(line)) + 1
        if size > _MAX_LINKS_LENGTH:
            break
        fitting.append(line)
    return "\n".join(fitting)


def _warning(text: str) -> str:
    """A warning that stands out: its first sentence is bold. A screen reader reads it at once."""
    if not text:
        return ""
    first, dot, rest = text.partition(". ")
    return (
        f'<div role="alert" style="margin:0 0 8px;padding:6px 10px;overflow-wrap:anywhere;'
        f'border:2px solid var(--jp-error-color1,#d32f2f);border-left-width:8px;border-radius:4px">'
        f"<strong>⚠&nbsp;{escape(first)}{dot}</strong>{escape(rest)}</div>"
    )


def _thumbnail(entry: tuple[str, str, str]) -> str:
    picture, link, title = entry
    title = shortened(title)
    return (
        f'<div class="gyazo-nb-image" title="{escape(title)}" style="width:150px;{_FRAME};'
        f'overflow:hidden;text-align:center">'
        f"{_picture(picture, link, title, 'height:110px')}"
        f'<div style="padding:4px 8px;{_ONE_LINE}">'
        f"{escape(title) or '&nbsp;'}</div></div>"
    )


def _picture(picture: str, link: str, alt: str, size: str, *, tab: bool = True) -> str:
    """A picture that links to its page. Without `tab`, another link to the same page has the focus."""
    if not (address := web_address(picture)):
        return ""
    image = (
        f'<img src="{escape(address)}" alt="{escape(shortened(alt) or "The uploaded picture")}" '
        f'loading="lazy" referrerpolicy="no-referrer" style="display:block;margin:0 auto;'
        f'max-width:100%;object-fit:contain;background:#fff;{size}">'
    )
    # Only the picture gets a white background: many figures are transparent, made for white paper.
    frame = f'<div style="text-align:center">{image}</div>'
    return _anchor(link, frame, "" if tab else 'tabindex="-1"') if web_address(link) else frame


def _text_link(link: str) -> str:
    if not web_address(link):
        return escape(shortened(link))
    return _anchor(link, escape(link), f'style="{LINK_COLOR};overflow-wrap:anywhere"')


def _anchor(link: str, content: str, attributes: str) -> str:
    """A link that opens in another tab, which cannot control the notebook."""
    return f'<a href="{escape(link)}" target="_blank" rel="noopener noreferrer" {attributes}>{content}</a>'
