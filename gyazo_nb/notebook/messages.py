"""The texts and the HTML of the sign-in: what the panel, the setup guide and a saved notebook show.

Guarantees: the functions take strings and return strings. Every text is escaped, and colors are the front
end's own. Each message exists as HTML and as plain text, so that every front end can show one of them.
"""

from __future__ import annotations

from html import escape

from gyazo_nb.html import LINK_COLOR, MUTED_COLOR, PARAGRAPH, TEXT_COLOR, message, message_box
from gyazo_nb.settings import APPLICATIONS_URL, AUTHORIZED_URL

Bundle = dict[str, str]

_CODE = (
    "font-family:var(--jp-code-font-family,monospace);overflow-wrap:anywhere;"
    "background:var(--jp-layout-color2,rgba(128,128,128,.15));padding:1px 4px;border-radius:3px"
)
_LINK = f"{LINK_COLOR};text-decoration:underline"
# A link that looks like a button. A button widget cannot open a tab without a script.
_BUTTON = (
    "display:inline-block;padding:6px 14px;border-radius:4px;font-weight:600;text-decoration:none;"
    "background:var(--jp-brand-color1,#1976d2);color:var(--jp-ui-inverse-font-color1,#fff)"
)


def panel_steps(url: str, redirect_uri: str, note: str = "", *, listening: bool = False) -> str:
    """The upper part of the panel: the link, and what to do after it."""
    step = (
        "2. If your browser runs on this machine, you are done. Otherwise it ends on a page that "
        "cannot be reached. This is expected: copy the <b>whole address</b> of that page and paste it "
        "below."
        if listening
        else f"2. Your browser then ends on {_code(redirect_uri)}. If that page cannot be reached, this "
        f"is expected: copy its <b>whole address</b> and paste it below."
    )
    extra = f'<div style="{MUTED_COLOR}">{escape(note)}</div>' if note else ""
    return (
        f'<div style="{PARAGRAPH};{TEXT_COLOR}">'
        f'<div style="font-size:16px;font-weight:600;margin-bottom:2px">Sign in to Gyazo</div>{extra}'
        f'<div style="margin:8px 0">{_external_link(url, "1. Open Gyazo and allow access ↗", _BUTTON)}'
        f"</div><div>{step}</div>"
        f'<div style="{MUTED_COLOR}">If there is no box, or if you cannot paste into it: '
        f"{_code('%gyazo_login --mode prompt')}</div></div>"
    )


def panel_fallback(url: str, redirect_uri: str) -> Bundle:
    """The alternative to the panel, for a front end that cannot show widgets."""
    command = "%gyazo_login --mode prompt"
    return {
        "text/html": message_box(
            f"<b>Sign in to Gyazo.</b> {_external_link(url, 'Open Gyazo and allow access')}. "
            f"If there is no box here to paste the result into, this front end cannot show widgets, or "
            f"the notebook was opened again: run the cell again, or run {_code(command)}."
        ),
        "text/plain": (
            f"Sign in to Gyazo: open this link and allow access\n  {url}\n"
            f"then paste the address that begins with {redirect_uri} into the box. If there is no "
            f"box, run:\n  {command}"
        ),
    }


def prompt_steps(url: str, redirect_uri: str) -> Bundle:
    """The link, and what to do after it, above the hidden prompt."""
    return {
        "text/html": message_box(
            f"<b>Sign in to Gyazo.</b> {_external_link(url, 'Open Gyazo and allow access ↗')}. Your "
            f"browser then ends on {_code(redirect_uri)}. If that page cannot be reached, this is "
            f"expected: copy its <b>whole address</b> and paste it into the prompt "
            f'<span style="{MUTED_COLOR}">(for a panel instead: {_code("%gyazo_login --mode panel")})</span>.'
        ),
        "text/plain": (
            f"Sign in to Gyazo: open this link and allow access\n  {url}\n"
            f"Your browser then ends on {redirect_uri}. If that page cannot be\n"
            f"reached, this is expected: copy its whole address and paste it into the prompt below."
        ),
    }


def signed_in(who: str, session_name: str, note: str = "") -> Bundle:
    """The text that stays in the notebook after the sign-in."""
    extra = f" {note}" if note else ""
    return {
        "text/html": message_box(
            f'<span style="color:var(--jp-success-color1,#2e7d32)">✓</span> '
            f'<span role="status">Signed in as <b>{escape(who)}</b>.</span> '
            f"Next: {_code(f'{session_name}.upload(fig)')}.{escape(extra)} "
            f'<span style="{MUTED_COLOR}">Not you? Run {_code("%gyazo_logout")}.</span>'
        ),
        "text/plain": (
            f"Signed in as {who}. Next: {session_name}.upload(fig).{extra} Not you? Run %gyazo_logout."
        ),
    }


def panel_closed() -> Bundle:
    """The text that stays in the notebook when a panel is closed before the sign-in."""
    return text_message(
        "This sign-in was closed before it was finished: run %gyazo_login to start a new one."
    )


def setup_guide() -> Bundle:
    """The steps to take when no application is configured."""
    uri = "http://127.0.0.1:8765/callback"
    settings = f"GYAZO_CLIENT_ID=…\nGYAZO_CLIENT_SECRET=…\nGYAZO_REDIRECT_URI={uri}"
    return {
        "text/html": message_box(
            f"<b>Set up Gyazo (needed once):</b>"
            f'<ol style="margin:6px 0;padding-left:1.6em">'
            f"<li>Register an application at {_external_link(APPLICATIONS_URL, APPLICATIONS_URL)}. "
            f"Choose any name, and enter {_code(uri)} as <i>Callback URL</i>. (If another page opens "
            f"because you have to log in first, open the link again.)</li>"
            f"<li>Set these variables before you start Jupyter. The first two values are on the "
            f"application's page:"
            f'<pre style="{_CODE};padding:6px 8px;margin:4px 0;white-space:pre-wrap">{settings}'
            f"</pre></li><li>Run {_code('%gyazo_login')} again.</li></ol>"
            f"<b>Without an application:</b> create a token on the same page "
            f"(<i>Your access token</i>) and enter it with {_code('%gyazo_login --token')}, or set it as "
            f"{_code('GYAZO_ACCESS_TOKEN')}. To try everything without an account, run "
            f"{_code('%gyazo_login --sandbox')}: it starts a sandbox, a local Gyazo look-alike."
        ),
        "text/plain": (
            f"Set up Gyazo (needed once). Register an application at {APPLICATIONS_URL}\n"
            f"with the callback URL {uri}, then set these variables before you\n"
            f"start Jupyter:\n\n{settings}\n\n"
            f"Without an application: create a token on the same page and enter it with\n"
            f"%gyazo_login --token, or set it as GYAZO_ACCESS_TOKEN. To try everything without an\n"
            f"account, run  %gyazo_login --sandbox  (a sandbox, a local Gyazo look-alike)."
        ),
    }


def signed_out(
    who: str | None, remaining: str | None, *, saved: str | None = None, revocable: bool = True
) -> Bundle:
    """The results of a sign-out: the account and the profile that are removed, and what remains.

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
    if remaining:
        text += (
            f" {remaining} is still set and still signs you in: unset it to sign out completely."
        )
    html = escape(text)
    if revocable and (who or saved):
        revoke = " The token itself stays valid until you revoke it at "
        html += f"{revoke}{_external_link(AUTHORIZED_URL, AUTHORIZED_URL)}."
        text += f"{revoke}{AUTHORIZED_URL}"
    return {"text/html": message_box(html), "text/plain": text}


def text_message(text: str) -> Bundle:
    """One line of plain text."""
    return {"text/html": message(text), "text/plain": text}


def status_hint(text: str) -> str:
    """A line under the box with a hint or the progress."""
    return f'<div role="status" style="{PARAGRAPH};{MUTED_COLOR}">{escape(text)}</div>'


def status_error(text: str) -> str:
    """A line under the box with an error and the next step. A screen reader reads it at once."""
    return (
        f'<div role="alert" style="{PARAGRAPH};{TEXT_COLOR};padding:6px 10px;'
        f'border-left:3px solid var(--jp-error-color1,#d32f2f)">{escape(text)}</div>'
    )


def _code(text: str) -> str:
    return f'<code style="{_CODE}">{escape(text)}</code>'


def _external_link(url: str, text: str, style: str = _LINK) -> str:
    return (
        f'<a href="{escape(url)}" target="_blank" rel="noopener noreferrer" style="{style}">'
        f"{escape(text)}</a>"
    )
