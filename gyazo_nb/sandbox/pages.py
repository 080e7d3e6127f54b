"""The pages that a person sees.

The law: each says at a glance what happened and what to do next, works by keyboard and on a
narrow window, and keeps the words and element names of Doorkeeper's own pages where a client or a
test may look for them.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from urllib.parse import urlsplit

from starlette.responses import HTMLResponse

from .album import Image
from .asking import OUT_OF_BAND, Question
from .paper import PRIVATE, escape, sheet
from .people import Account

__all__ = [
    "PRIVATE",
    "consent",
    "home",
    "landing",
    "native",
    "not_found",
    "picture",
    "refused_form",
    "wrong_question",
]

_SCOPES = {
    "public": "See, upload and delete your pictures",
    "upload": "Upload pictures for you",
    "user": "See your name and e-mail address",
    "collection": "See and change your collections",
}


def consent(question: Question, accounts: Sequence[Account], key: str) -> HTMLResponse:
    """Ask whether an application may use an account."""
    name = escape(question.application.name)
    hidden = {"authenticity_token": key} | question.hidden()
    fields = "\n".join(
        f'<input type="hidden" name="{escape(field)}" value="{escape(text)}">'
        for field, text in hidden.items()
    )
    scopes = "".join(f"<li>{_SCOPES[scope]}</li>" for scope in question.scopes)
    there = (
        "The code will be shown here, to be copied."
        if question.redirect_uri == OUT_OF_BAND
        else f"Either way you go back to <code>{escape(question.redirect_uri)}</code>"
    )
    body = f"""<h1>Authorize {name} to use your account?</h1>
<p class="quiet">Nothing here is real: whatever you answer stays on this machine.</p>
<form action="/oauth/authorize" method="post">
{fields}
{_chooser(accounts)}
<h2>This application will be able to</h2>
<ul class="plain scopes">{scopes}</ul>
<div class="row"><button type="submit" name="commit" value="Allow">Allow</button>
<button type="submit" class="second" name="_method" value="delete">Deny</button></div>
</form>
<p class="quiet">{there}</p>"""
    # Chromium holds a form's redirects to form-action too, and they lead to the application.
    scheme = urlsplit(question.redirect_uri).scheme
    return sheet("Authorization required", body, form_action=f"'self' http: https: {scheme}:")


def _chooser(accounts: Sequence[Account]) -> str:
    if len(accounts) == 1:
        return f'<h2>Signed in as</h2><div class="who">{_face(accounts[0])}</div>'
    choices = "".join(
        f'<label class="who"><input type="radio" name="account" value="{escape(account.uid)}"'
        f"{' checked' if place == 0 else ''}>{_face(account)}</label>"
        for place, account in enumerate(accounts)
    )
    return f"<fieldset><legend><h2>Use the account</h2></legend>{choices}</fieldset>"


def _face(account: Account) -> str:
    return (
        f'<span class="face" aria-hidden="true">{escape(account.name[:1].upper() or "?")}</span>'
        f"<div><b>{escape(account.name)}</b><small>{escape(account.email)}</small></div>"
    )


def wrong_question(message: str) -> HTMLResponse:
    """Tell the person, and nobody else, what is wrong with an authorization request."""
    return sheet(
        "An error has occurred",
        f"""<h1>An error has occurred</h1>
<pre>{escape(message)}</pre>
<p>The application was told nothing and may still be waiting. Correct its settings and start the
sign-in again.</p>""",
        # Doorkeeper before 5.7 answers so: a client that opens the page sees a success.
        200,
    )


def refused_form() -> HTMLResponse:
    """Refuse a form that did not come from the consent page."""
    return sheet(
        "The form was refused",
        """<h1>The change you wanted was rejected</h1>
<p>This form did not come from the sandbox's own page. Open the authorize link again.</p>""",
        422,
    )


def not_found(sentence: str) -> HTMLResponse:
    """Say that there is nothing here."""
    body = f'<h1>Not found</h1>\n<p>{escape(sentence)}</p>\n<p><a href="/">See what is here</a></p>'
    return sheet("Not found", body, 404)


def native(code: str | None, denial: str | None) -> HTMLResponse:
    """Show the code of an application that listens nowhere, or that there is none."""
    if code is None:
        return wrong_question(denial or "Missing required parameter: code.")
    return sheet(
        "Authorization code",
        f"""<h1>Authorization code</h1>
<p>Copy this code and paste it into the notebook.</p>
<code class="block" id="authorization_code">{escape(code)}</code>""",
    )


def landing(address: str, code: str | None, error: str | None) -> HTMLResponse:
    """Show the address that the notebook waits for: the end of a sign-in on another machine."""
    if code is None and error is None:
        return sheet(
            "Sign-in",
            """<h1>This is where a sign-in ends</h1>
<p>There is nothing to copy yet. Start from the notebook, which gives you a link.</p>""",
        )
    if code is None:
        title, lead, below = (
            "Access was denied",
            "You may close this page, or paste this address too: then the notebook knows.",
            "",
        )
    else:
        title, lead, below = (
            "Copy this whole address and paste it into the notebook",
            "It is good for ten minutes, and once.",
            f"<h2>Or the code alone</h2>\n<code class='block' id='code'>{escape(code)}</code>",
        )
    body = f"""<h1>{title}</h1>
<p class="quiet">{lead}</p>
<div class="row field"><input class="text" id="address" type="text" readonly
aria-label="Address of this page" value="{escape(address)}">
<button id="copy" type="button" aria-live="polite" hidden>Copy</button></div>
{below}"""
    return sheet(title, body, script=True)


def picture(image: Image) -> HTMLResponse:
    """Show a picture with what is known about it."""
    fields = image.fields
    title = fields.get("title") or "Untitled picture"
    source = f"/{image.image_id}.{image.type}"
    alt = escape(image.alt_text or fields.get("desc") or title)
    shown = (
        f'<video controls src="{source}" aria-label="{alt}"></video>'
        if image.type == "mp4"
        else f'<img src="{source}" alt="{alt}">'
    )
    facts = {
        "Uploaded": f"{datetime.fromtimestamp(image.created_at, UTC):%Y-%m-%d %H:%M} UTC",
        "By": escape(image.account.name),
        "App": escape(fields.get("app", "")),
        "From": _link(fields.get("referer_url", "")),
        "For": "everybody with the link" if image.access_policy == "anyone" else "its owner only",
        "File": f'<a href="{source}">{escape(image.type)}</a>, {len(image.data):,} bytes',
    }
    rows = "".join(f"<dt>{name}</dt><dd>{text}</dd>" for name, text in facts.items() if text)
    desc = f"<p>{escape(fields['desc'])}</p>" if fields.get("desc") else ""
    body = (
        f"<figure>{shown}</figure>\n<h1>{escape(title)}</h1>\n{desc}"
        f'<dl>{rows}</dl>\n<p class="quiet">It lives as long as the sandbox runs.</p>'
    )
    return sheet(title, body, wide=True)


def _link(url: str) -> str:
    # What is no web address is shown, and leads nowhere.
    if urlsplit(url).scheme in {"http", "https"}:
        return f'<a href="{escape(url)}" rel="noreferrer">{escape(url)}</a>'
    return escape(url)


def home(accounts: Iterable[Account], images: Sequence[Image]) -> HTMLResponse:
    """Say what this is, and show the newest pictures."""
    names = escape(", ".join(account.name for account in accounts))
    thumbs = "".join(
        f'<li><a href="/{image.image_id}"><img src="/thumb/200/{image.thumb_name}.jpg" '
        f'alt="{escape(image.fields.get("title") or "Untitled picture")}"></a></li>'
        for image in images
    )
    shelf = f'<ul class="grid">{thumbs}</ul>' if thumbs else "<p>No pictures yet.</p>"
    return sheet(
        "Home",
        f"""<h1>A place to practise</h1>
<p>This answers as Gyazo does and keeps everything in its memory, until it is stopped. Here lives
{names}.</p>
<h2>Newest pictures</h2>
{shelf}""",
        wide=True,
    )
