"""The texts and the HTML of the sign-in: what the panel, the setup guide and a saved notebook show.

Guarantees: the functions take strings and return strings. Every text is escaped, and colors are the front
end's own. Each message exists as HTML and as plain text, so that every front end can show one of them.
"""

from __future__ import annotations

import re
import time
from collections.abc import Sequence
from html import escape, unescape

from gyazo_nb.html import LINK_COLOR, MUTED_COLOR, PARAGRAPH, TEXT_COLOR, session_message
from gyazo_nb.settings import APPLICATIONS_URL, AUTHORIZED_URL

Bundle = dict[str, str]

_TAG = re.compile("<[^>]*>")
_UNREACHABLE = "If that page cannot be reached, this is expected: copy its <b>whole address</b> and"
_CODE = (
    f"{TEXT_COLOR};font-family:var(--jp-code-font-family,monospace);overflow-wrap:anywhere;"
    "background:var(--jp-layout-color2,rgba(128,128,128,.15));padding:1px 4px;border-radius:3px"
)
_LINK = f"{LINK_COLOR};text-decoration:underline"
# A link that looks like a button. A button widget cannot open a tab without a script.
_BUTTON = (
    "display:inline-block;padding:6px 14px;border-radius:4px;font-weight:600;text-decoration:none;"
    "background:var(--jp-brand-color1,#1976d2);color:var(--jp-ui-inverse-font-color1,#fff)"
)

# The classes of the panel and of its status line, which the style and the script find.
PANEL_CLASS, STATUS_CLASS = "gyazo-nb-panel", "gyazo-nb-status"

# Widgets take no style sheet and no role. Both come with the first widget of the panel, on each page that
# shows it. The class jupyter-widgets-disconnected is set by the front end when the kernel is gone.
_PANEL_CSS = f"""
.{PANEL_CLASS} a:focus-visible, .{PANEL_CLASS} button:focus-visible,
.{PANEL_CLASS} input[type=checkbox]:focus-visible, .{PANEL_CLASS} .widget-text input[type=text]:focus {{
  outline: 2px solid var(--jp-ui-font-color1, currentColor) !important; outline-offset: 1px }}
.{PANEL_CLASS} .widget-text input[type=text]::placeholder {{
  color: var(--jp-ui-font-color1, currentColor); opacity: .8 }}
.{PANEL_CLASS} .widget-checkbox .widget-label-basic {{ white-space: normal }}
.{PANEL_CLASS} .widget-checkbox input[type=checkbox] {{ vertical-align: middle }}
.gyazo-nb-lost, .{PANEL_CLASS}.jupyter-widgets-disconnected > :not(:first-child),
.{PANEL_CLASS}.jupyter-widgets-disconnected .gyazo-nb-open,
.{PANEL_CLASS}.jupyter-widgets-disconnected::before,
.{PANEL_CLASS} .jupyter-widgets-disconnected::before {{ display: none !important }}
.{PANEL_CLASS}.jupyter-widgets-disconnected .gyazo-nb-lost {{ display: block !important }}
"""

# The panel is a labelled group with a status region. When the panel ends, its focused control disappears:
# then the next cell gets the focus, so that Shift+Enter runs it, and the result is announced.
_PANEL_SCRIPT = f"""
const panel = this.closest('.{PANEL_CLASS}');
if (panel && !panel.hasAttribute('role')) {{
  panel.setAttribute('role', 'group');
  panel.setAttribute('aria-label', 'Sign in to Gyazo');
  const cell = panel.closest('.jp-Cell');
  const spoken = document.createElement('div');
  spoken.setAttribute('role', 'status');
  spoken.style.cssText = 'position:fixed;width:1px;height:1px;overflow:hidden;clip-path:inset(50%)';
  document.body.append(spoken);
  let focused = null, shown = false;
  const follow = event => {{ focused = panel.contains(event.target) ? event.target : null; }};
  const check = () => {{
    const status = panel.querySelector('.{STATUS_CLASS}');
    if (status && !status.hasAttribute('role')) status.setAttribute('role', 'status');
    const open = panel.isConnected && panel.querySelector('.gyazo-nb-open');
    const lost = focused && !focused.isConnected && document.activeElement === document.body;
    shown = shown || open;
    if (open && lost) (panel.querySelector('a') || open).focus();
    // The text of the panel ends first, and its focused control a moment later.
    if (open || !shown || panel.contains(document.activeElement)) return;
    observer.disconnect();
    document.removeEventListener('focusin', follow);
    const next = cell && cell.nextElementSibling;
    if (lost && cell) (next && next.matches('.jp-Cell') ? next : cell).focus();
    setTimeout(() => {{
      const output = cell && cell.querySelector('.jp-Cell-outputArea');
      spoken.textContent = output ? output.textContent : '';
      setTimeout(() => spoken.remove(), 10000);
    }}, 300);
  }};
  const observer = new MutationObserver(check);
  setTimeout(check, 300);
  document.addEventListener('focusin', follow);
  observer.observe(cell || document.body, {{childList: true, subtree: true}});
}}
"""
_PANEL_HEAD = f'<style onload="{escape(_PANEL_SCRIPT)}">{_PANEL_CSS}</style>'


def panel_steps(
    url: str,
    redirect_uri: str | None,
    note: str = "",
    *,
    listening: bool = False,
    prompt_command: str = "%gyazo_login --mode prompt",
    new_command: str = "%gyazo_login",
) -> str:
    """The upper part of the panel: the link, and what to do after it.

    A command is empty where the user cannot run it. `redirect_uri` is None where the hub receives the
    redirect.
    """
    again = f"run {_code(new_command)} again" if new_command else "load this page again"
    restart = (
        f"run {_code('%load_ext gyazo_nb')}, then {_code(new_command)}" if new_command else again
    )
    extra = f'<div style="{MUTED_COLOR}">{escape(note)}</div>' if note else ""
    link = _external_link(url, "1. Open Gyazo and allow access ↗", _BUTTON)
    other = ""
    if redirect_uri is None and listening:
        step = "2. That is all: this panel goes on by itself."
    elif redirect_uri is None:  # after the link, a page of the hub would say the same
        link, step = "", f"This panel no longer waits for your browser: {again}."
    else:
        step = (
            "2. If your browser runs on the machine of the kernel, you are done. Otherwise it ends on a page "
            "that cannot be reached. This is expected: copy the <b>whole address</b> of that page and paste "
            "it below."
            if listening
            else f"2. Your browser then ends on {_code(redirect_uri)}. {_UNREACHABLE} paste it below."
        )
        if prompt_command:
            other = (
                f'<div style="{MUTED_COLOR}">If there is no box, or if you cannot paste into it: '
                f"{_code(prompt_command)}</div>"
            )
    return (
        f'{_PANEL_HEAD}<div style="{PARAGRAPH};{TEXT_COLOR}"><div class="gyazo-nb-open">'
        f'<h3 style="font-size:16px;font-weight:600;margin:0 0 2px">Sign in to Gyazo</h3>{extra}'
        f'<div style="margin:8px 0">{link}</div><div>{step}</div>{other}</div>'
        f'<div class="gyazo-nb-lost">The kernel of this sign-in has ended: {restart}.</div></div>'
    )


def panel_fallback(
    url: str, redirect_uri: str | None, prompt_command: str = "%gyazo_login --mode prompt"
) -> Bundle:
    """The alternative to the panel, for a front end that cannot show widgets."""
    if redirect_uri is None:
        return _link_steps(url, "That is all: the sign-in goes on by itself.")
    other = f", or run {_code(prompt_command)}" if prompt_command else ""
    plain = f" If there is no box, run:\n  {prompt_command}" if prompt_command else ""
    return _link_steps(
        url,
        f"If there is no box here to paste the result into, this front end cannot show widgets, or the "
        f"notebook was opened again: run the cell again{other}.",
        f"then paste the address that begins with {redirect_uri} into the box.{plain}",
    )


def prompt_steps(
    url: str, redirect_uri: str | None, panel_command: str = "%gyazo_login --mode panel"
) -> Bundle:
    """The link, and what to do after it, above the hidden prompt."""
    other = f" (for a panel instead: {_code(panel_command)})" if panel_command else ""
    if redirect_uri is None:
        return _link_steps(url, f"That is all: the sign-in goes on by itself{other}.")
    return _link_steps(
        url,
        f"Your browser then ends on {_code(redirect_uri)}.\n{_UNREACHABLE}\npaste it into the prompt"
        f"{other}.",
    )


def _link_steps(url: str, html: str, plain: str = "") -> Bundle:
    """The link, and what to do after it: as HTML, and as plain text if that differs."""
    link = _external_link(url, "Open Gyazo and allow access ↗")
    return {
        "text/html": session_message(f"<b>Sign in to Gyazo.</b> {link}. {html}"),
        "text/plain": f"Sign in to Gyazo: open this link and allow access\n  {url}\n{plain or _plain(html)}",
    }


def signed_in(who: str, session_name: str, note: str = "", *, commands: bool = True) -> Bundle:
    """The text that stays in the notebook after the sign-in, with its time.

    A reader of the saved notebook sees the text later, in a kernel that may not be signed in.
    `commands` tells whether the user can run commands there.
    """
    html = f"✓ Signed in as <b>{escape(who)}</b> {time.strftime('on %Y-%m-%d at %H:%M')}."
    extra = f" {escape(note)}" if note else ""
    if not commands:
        return _bundle(html + extra)
    return _bundle(
        f"{html} Next: {_code(f'{session_name}.upload(fig)')}.{extra} "
        f'<span style="{MUTED_COLOR}">Not you? Run {_code("%gyazo_logout")}.</span>'
    )


def already_signed_in(who: str, note: str, switch_command: str) -> Bundle:
    """The line of a sign-in that was not needed."""
    extra = f" {escape(note)}" if note else ""
    other = f" Another account: {_code(switch_command)}" if switch_command else ""
    return _bundle(f"Already signed in as <b>{escape(who)}</b>.{extra}{other}")


def was_signed_in(who: str) -> Bundle:
    """The text in place of `signed_in` when the extension is unloaded or loaded again."""
    return text_message(
        f"Signed in as {who}. The extension gyazo_nb was unloaded later, and the session was signed out."
    )


def panel_closed(command: str) -> Bundle:
    """The text that stays in the notebook when a panel is closed before the sign-in."""
    again = f"run {command} to start a new one" if command else "load this page again"
    return text_message(f"This sign-in was closed before it was finished: {again}.")


def panel_not_needed(who: str) -> Bundle:
    """The text that replaces an open panel when another one of the session has signed in."""
    return text_message(f"This sign-in was ended: you signed in as {who} with another panel.")


def setup_guide(command: str, *, note: str, can_prompt: bool) -> Bundle:
    """The steps to take when no application is configured. `note` is a sentence above them."""
    token = f"enter it with {_code('%gyazo_login --token')}, or set it" if can_prompt else "set it"
    uri = "http://127.0.0.1:8765/callback"
    settings = (
        f"export GYAZO_CLIENT_ID=…\nexport GYAZO_CLIENT_SECRET=…\nexport GYAZO_REDIRECT_URI={uri}"
    )
    return _bundle(
        f"{_note(note)}<b>Set up Gyazo (needed once):</b>"
        f'<ol style="margin:6px 0;padding-left:1.6em">\n'
        f"<li>Register an application at {_external_link(APPLICATIONS_URL)} with any name, and\n"
        f"with {_code(uri)} as <i>Callback URL</i>. (If another page opens\n"
        f"because you must sign in first, open the link again.)</li>\n"
        f"<li>Set these variables before you start Jupyter. The first two values are on the\n"
        f"application's page:\n"
        f'<pre style="{_CODE};padding:6px 8px;margin:4px 0;white-space:pre-wrap">{settings}</pre></li>\n'
        f"<li>Run {_code(command)} again.</li></ol>\n"
        f"<b>Without these variables:</b> create a token on the application's page\n"
        f"(<i>Your access token</i>) and {token} as {_code('GYAZO_ACCESS_TOKEN')}.\n"
        f"To try everything without an account, run {_code('%gyazo_login --sandbox')}:\n"
        f"it starts a sandbox, a local Gyazo look-alike."
    )


def hub_guide(command: str, *, note: str, can_prompt: bool) -> Bundle:
    """The steps to take on a JupyterHub without the service: a token, or the help of the administrator."""
    enter = (
        f"run {_code('%gyazo_login --token')}"
        if can_prompt
        else f"set it as {_code('GYAZO_ACCESS_TOKEN')}"
    )
    return _bundle(
        f"{_note(note)}<b>Sign in on this JupyterHub with a token:</b> register an application at\n"
        f"{_external_link(APPLICATIONS_URL)} and create a token on its page\n"
        f"(<i>Your access token</i>). Then {enter}.<br>\n"
        f"<b>To sign in with one click,</b> ask your administrator to add the service\n"
        f"{_code('gyazo_nb.hub')} to this hub and to set {_code('GYAZO_HUB_SERVICE')} for all servers.\n"
        f"Then restart your server, and run {_code(command)} again.\n"
        f"To try everything without an account, run {_code('%gyazo_login --sandbox')}."
    )


def signed_out(
    who: str | None,
    remaining: str | None,
    *,
    saved: str | None = None,
    missing: str | None = None,
    others: Sequence[str] = (),
    revocable: bool = True,
) -> Bundle:
    """The results of a sign-out: the account and the profile that were removed, and the tokens that remain.

    `missing` is the name of a profile that does not exist, and `others` those that are still saved.
    `remaining` is the source of a token that still signs in. `revocable` tokens stay valid until the
    user revokes them.
    """
    text = (
        f"Signed out {who}: this kernel no longer holds the token."
        if who
        else "You were not signed in with %gyazo_login."
    )
    if saved:
        text += f" The token saved as {saved} was removed, too."
    if missing:
        text += f" No token is saved as {missing}."
    if others:
        text += (
            f" Still saved on this machine: {', '.join(others)} (to remove one: %gyazo_logout --profile "
            f"{others[0]})."
        )
    if remaining:
        text += (
            f" {remaining} is still set and still signs you in: unset it to sign out completely."
        )
    html = escape(text)
    if revocable and (who or saved):
        html += (
            f" The token itself stays valid until you revoke it at {_external_link(AUTHORIZED_URL)}"
        )
    return _bundle(html)


def text_message(text: str) -> Bundle:
    """One line of plain text."""
    return _bundle(escape(text))


def status_hint(text: str) -> str:
    """A line under the box with a hint or the progress."""
    return f'<div style="{PARAGRAPH};{MUTED_COLOR}">{escape(text)}</div>'


def status_error(text: str) -> str:
    """A line under the box with an error and the next step. A screen reader reads it at once."""
    return (
        f'<div role="alert" style="{PARAGRAPH};{TEXT_COLOR};padding:6px 10px;'
        f'border-left:3px solid var(--jp-error-color1,#d32f2f)">{escape(text)}</div>'
    )


def _bundle(html: str) -> Bundle:
    """A message as HTML, which is escaped already, and as plain text."""
    return {"text/html": session_message(html), "text/plain": _plain(html)}


def _plain(html: str) -> str:
    # Every text in the HTML is escaped: the characters < and > occur only in tags.
    return unescape(_TAG.sub("", html.removeprefix("✓ ").replace("<li>", "- ")))


def _note(text: str) -> str:
    return f"<div>{escape(text)}</div>\n" if text else ""


def _code(text: str) -> str:
    return f'<code style="{_CODE}">{escape(text)}</code>'


def _external_link(url: str, text: str = "", style: str = _LINK) -> str:
    return (
        f'<a href="{escape(url)}" target="_blank" rel="noopener noreferrer" style="{style}">'
        f"{escape(text or url)}</a>"
    )
