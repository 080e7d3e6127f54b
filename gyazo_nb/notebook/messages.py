"""The words and the HTML of signing in: what the panel, the guide and a saved notebook show.

The law: strings in, strings out; everything is escaped; colours are the front end's own. Each page
comes as HTML and as plain text, so that no front end is left with nothing.
"""

from __future__ import annotations

from html import escape

from gyazo_nb.html import message, message_box
from gyazo_nb.settings import APPLICATIONS_URL, AUTHORIZED_URL

Bundle = dict[str, str]

_FONT = (
    "font-family:var(--jp-ui-font-family,system-ui,sans-serif);font-size:13px;line-height:1.55;"
    "white-space:normal;overflow-wrap:anywhere"
)
_TEXT = "color:var(--jp-ui-font-color1,inherit)"
_MUTED = "color:var(--jp-ui-font-color2,inherit)"
_CODE = (
    "font-family:var(--jp-code-font-family,monospace);overflow-wrap:anywhere;"
    "background:var(--jp-layout-color2,rgba(128,128,128,.15));padding:1px 4px;border-radius:3px"
)
_LINK = "color:var(--jp-content-link-color,#1976d2);text-decoration:underline"
# A link that looks like a button: a button widget could not open a tab without a script.
_ACTION = (
    "display:inline-block;padding:6px 14px;border-radius:4px;font-weight:600;text-decoration:none;"
    "background:var(--jp-brand-color1,#1976d2);color:var(--jp-ui-inverse-font-color1,#fff)"
)


def head(url: str, redirect_uri: str, note: str = "", *, listening: bool = False) -> str:
    """The upper part of the panel: what will happen, and the link."""
    step = (
        "2. If your browser runs on this machine, that is all. Otherwise it ends on a page that "
        "cannot be reached, which is expected: copy its <b>whole address</b> and paste it below."
        if listening
        else f"2. Your browser then ends on {_code(redirect_uri)}. If that page cannot be reached, "
        f"that is expected. Copy its <b>whole address</b> and paste it below."
    )
    extra = f'<div style="{_MUTED}">{escape(note)}</div>' if note else ""
    return (
        f'<div style="{_FONT};{_TEXT}">'
        f'<div style="font-size:16px;font-weight:600;margin-bottom:2px">Sign in to Gyazo</div>{extra}'
        f'<div style="margin:8px 0">{_external(url, "1. Open Gyazo and allow access ↗", _ACTION)}</div>'
        f"<div>{step}</div>"
        f'<div style="{_MUTED}">No box, or a box that takes no paste? '
        f"{_code('%gyazo_login --mode prompt')}</div></div>"
    )


def waiting(url: str, redirect_uri: str) -> Bundle:
    """What stands beside the widget for a front end that cannot show it."""
    step = "%gyazo_login --mode prompt"
    return {
        "text/html": message_box(
            f"<b>Sign in to Gyazo.</b> {_external(url, 'Open Gyazo and allow access')}. "
            f"If no box to paste the result into is shown here, this front end has no widgets, or the "
            f"notebook was opened again: run the cell again, or run {_code(step)}."
        ),
        "text/plain": (
            f"Sign in to Gyazo: open this link and allow access\n  {url}\n"
            f"then paste the address that begins with {redirect_uri} into the box. If there is no "
            f"box:\n  {step}"
        ),
    }


def prompt_link(url: str, redirect_uri: str) -> Bundle:
    """What stands above the hidden prompt."""
    return {
        "text/html": message_box(
            f"<b>Sign in to Gyazo.</b> {_external(url, 'Open Gyazo and allow access ↗')}. Your browser "
            f"then ends on {_code(redirect_uri)}; if that page cannot be reached, that is expected. "
            f"Copy its <b>whole address</b> for the prompt "
            f'<span style="{_MUTED}">(a panel instead: {_code("%gyazo_login --mode panel")})</span>.'
        ),
        "text/plain": (
            f"Sign in to Gyazo: open this link and allow access\n  {url}\n"
            f"Your browser then ends on {redirect_uri}; if that page cannot be reached,\n"
            f"that is expected. Copy its whole address for the prompt below."
        ),
    }


def signed_in(who: str, session_name: str, note: str = "") -> Bundle:
    """What remains in the notebook after the sign-in."""
    extra = f" {note}" if note else ""
    return {
        "text/html": message_box(
            f'<span style="color:var(--jp-success-color1,#2e7d32)">✓</span> '
            f'<span role="status">Signed in as <b>{escape(who)}</b>.</span> '
            f"Next: {_code(f'{session_name}.upload(fig)')}.{escape(extra)} "
            f'<span style="{_MUTED}">Not you? Run {_code("%gyazo_logout")}.</span>'
        ),
        "text/plain": (
            f"Signed in as {who}. Next: {session_name}.upload(fig).{extra} Not you? %gyazo_logout"
        ),
    }


def closed() -> Bundle:
    """What remains of a panel that nobody finished."""
    text_message = (
        "This sign-in was closed before it was finished: run %gyazo_login to begin another."
    )
    return {"text/html": message_box(escape(text_message)), "text/plain": text_message}


def setup_guide() -> Bundle:
    """What to do when no application is configured."""
    uri = "http://127.0.0.1:8765/callback"
    settings = f"GYAZO_CLIENT_ID={escape('…')}\nGYAZO_CLIENT_SECRET={escape('…')}\nGYAZO_REDIRECT_URI={uri}"
    return {
        "text/html": message_box(
            f"<b>Gyazo does not know this notebook yet.</b> Once, and for good:"
            f'<ol style="margin:6px 0;padding-left:1.6em">'
            f"<li>Register an application at {_external(APPLICATIONS_URL, APPLICATIONS_URL)}. Any name "
            f"will do; as <i>Callback URL</i> enter {_code(uri)}. (If you land elsewhere because you "
            f"had to log in first, open the link again.)</li>"
            f"<li>Before you start Jupyter, set these variables, the first two from the application's "
            f'page:<pre style="{_CODE};padding:6px 8px;margin:4px 0;white-space:pre-wrap">{settings}'
            f"</pre></li><li>Run {_code('%gyazo_login')} again.</li></ol>"
            f"<b>Without an application:</b> make a token on the same page "
            f"(<i>Your access token</i>) and give it to {_code('%gyazo_login --token')}, or set it as "
            f"{_code('GYAZO_ACCESS_TOKEN')}; or try "
            f"everything on a pretend Gyazo on this machine with {_code('%gyazo_login --sandbox')}."
        ),
        "text/plain": (
            f"Gyazo does not know this notebook yet. Register an application at {APPLICATIONS_URL}\n"
            f"with the callback URL {uri}, then set these before you start:\n\n{settings}\n\n"
            f"Without an application: make a token on the same page and give it to\n"
            f"%gyazo_login --token, or set it as GYAZO_ACCESS_TOKEN; or try everything on a pretend\n"
            f"Gyazo with  %gyazo_login --sandbox"
        ),
    }


def logged_out(
    who: str | None, still: str | None, *, saved: str | None = None, real: bool = True
) -> Bundle:
    """What a logout did, and what it could not do."""
    did = f"Forgot the token of {who}." if who else "Nobody was signed in by %gyazo_login."
    if saved:
        did += f" The token saved as {saved} is removed too."
    left = (
        f" {still} is still set and still signs you in: unset it to end that too." if still else ""
    )
    revoke = "The token itself lives on until you revoke it at "
    lives_on = real and bool(who or saved)
    return {
        "text/html": message_box(
            f"{escape(did)}{escape(left)} "
            + (f"{revoke}{_external(AUTHORIZED_URL, AUTHORIZED_URL)}." if lives_on else "")
        ),
        "text/plain": f"{did}{left}" + (f" {revoke}{AUTHORIZED_URL}" if lives_on else ""),
    }


def text_message(text: str) -> Bundle:
    """One line of plain words."""
    return {"text/html": message(text), "text/plain": text}


def hint(text: str) -> str:
    """A line under the box that asks for nothing urgent."""
    return f'<div role="status" style="{_FONT};{_MUTED}">{escape(text)}</div>'


def problem(text: str) -> str:
    """A line under the box that says what went wrong and what to do. Read out at once."""
    return (
        f'<div role="alert" style="{_FONT};{_TEXT};padding:6px 10px;'
        f'border-left:3px solid var(--jp-error-color1,#d32f2f)">{escape(text)}</div>'
    )


def _code(text: str) -> str:
    return f'<code style="{_CODE}">{escape(text)}</code>'


def _external(url: str, text: str, style: str = _LINK) -> str:
    return (
        f'<a href="{escape(url)}" target="_blank" rel="noopener noreferrer" style="{style}">'
        f"{escape(text)}</a>"
    )
