"""The HTML pages of the sandbox, and the routes that need no sign-in.

Guarantees: every page says what happened and what to do next, and works with a keyboard and in a
narrow window. A page has one style sheet and one script, both inline and both allowed by their
digest in the Content-Security-Policy; the browser loads no other code and refuses to show the page
in a frame. Text enters a page through `escape` only. Clients and tests find Doorkeeper's words and
element names.

The routes show every image without a sign-in, private images too: the sandbox is for its own user.
"""

from __future__ import annotations

import base64
import hashlib
import html
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from urllib.parse import quote, urlsplit

from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import Route

from .accounts import OUT_OF_BAND, Account, Application
from .image_store import CONTENT_TYPES, Image
from .state import Sandbox

PRIVATE = {"Cache-Control": "no-store", "Referrer-Policy": "no-referrer"}

_FILE_HEADERS = {"X-Content-Type-Options": "nosniff", "Cache-Control": "max-age=3600"}
_IMAGES_ON_HOME_PAGE = 24

_SCOPE_DESCRIPTIONS = {
    "public": "See, upload and delete your pictures",
    "upload": "Upload pictures for you",
    "user": "See your name and e-mail address",
    "collection": "See and change your collections",
}


class PublicPages:
    """Home page, landing page of a sign-in, and the images with their thumbnails and pages."""

    def __init__(self, sandbox: Sandbox) -> None:
        self._sandbox = sandbox

    def routes(self) -> list[Route]:
        """Return the routes."""
        return [
            Route("/", self.home),
            Route("/callback", self.landing),
            Route("/thumb/200/{name}.jpg", self.thumbnail),
            Route("/{image_id}.{image_type}", self.file),
            Route("/{image_id}", self.image),
        ]

    async def home(self, request: Request) -> Response:
        """Describe the sandbox, and show the newest images."""
        _ = request
        return home_page(self._sandbox.accounts, self._sandbox.images[:_IMAGES_ON_HOME_PAGE])

    async def landing(self, request: Request) -> Response:
        """Show the address that the notebook waits for."""
        query = request.query_params
        # The address as the browser has it: its host may differ from 127.0.0.1.
        return landing_page(str(request.url), query.get("code"), query.get("error"))

    async def thumbnail(self, request: Request) -> Response:
        """Send a thumbnail."""
        stored = self._sandbox.image_store.by_thumb_name(request.path_params["name"])
        if stored is None:
            return not_found("This thumbnail does not exist.")
        data, content_type = stored.thumb
        return Response(data, media_type=content_type, headers=_FILE_HEADERS)

    async def file(self, request: Request) -> Response:
        """Send the uploaded bytes of an image."""
        stored = self._sandbox.image_store.get(request.path_params["image_id"])
        if stored is None or stored.type != request.path_params["image_type"]:
            return not_found("This picture does not exist.")
        content_type = CONTENT_TYPES[stored.type]
        return Response(stored.data, media_type=content_type, headers=_FILE_HEADERS)

    async def image(self, request: Request) -> Response:
        """Show an image with its metadata."""
        stored = self._sandbox.image_store.get(request.path_params["image_id"])
        return not_found("This picture does not exist.") if stored is None else image_page(stored)


def consent(
    application: Application,
    redirect_uri: str,
    scopes: Sequence[str],
    accounts: Sequence[Account],
    form_fields: Mapping[str, str],
) -> HTMLResponse:
    """Ask the user to allow *application* to use an account."""
    hidden_inputs = "\n".join(
        f'<input type="hidden" name="{escape(name)}" value="{escape(text)}">'
        for name, text in form_fields.items()
    )
    scope_items = "".join(f"<li>{_SCOPE_DESCRIPTIONS[scope]}</li>" for scope in scopes)
    next_step = (
        "The next page shows the code to copy."
        if redirect_uri == OUT_OF_BAND
        else f"Both buttons take you back to <code>{escape(redirect_uri)}</code>"
    )
    body = f"""<h1>Authorize {escape(application.name)} to use your account?</h1>
<p class="quiet">This is a sandbox: your choice has no effect outside this machine.</p>
<form action="/oauth/authorize" method="post">
{hidden_inputs}
{_account_chooser(accounts)}
<h2>This application will be able to</h2>
<ul class="plain scopes">{scope_items}</ul>
<div class="row"><button type="submit" name="commit" value="Allow">Allow</button>
<button type="submit" class="second" name="_method" value="delete">Deny</button></div>
</form>
<p class="quiet">{next_step}</p>"""
    # Chromium applies form-action to the redirects of a form too, and they lead to the application.
    scheme = urlsplit(redirect_uri).scheme
    return html_page("Authorization required", body, form_action=f"'self' http: https: {scheme}:")


def _account_chooser(accounts: Sequence[Account]) -> str:
    if len(accounts) == 1:
        return f'<h2>Signed in as</h2><div class="account">{_account_label(accounts[0])}</div>'
    choices = "".join(
        f'<label class="account"><input type="radio" name="account" value="{escape(account.uid)}"'
        f"{' checked' if index == 0 else ''}>{_account_label(account)}</label>"
        for index, account in enumerate(accounts)
    )
    return f"<fieldset><legend><h2>Use the account</h2></legend>{choices}</fieldset>"


def _account_label(account: Account) -> str:
    initial = escape(account.name[:1].upper() or "?")
    return (
        f'<span class="avatar" aria-hidden="true">{initial}</span>'
        f"<div><b>{escape(account.name)}</b><small>{escape(account.email)}</small></div>"
    )


def invalid_request(message: str) -> HTMLResponse:
    """Tell the user, but not the application, why an authorization request is invalid."""
    body = f"""<h1>An error has occurred</h1>
<pre>{escape(message)}</pre>
<p>The application did not receive this message and may still be waiting. Correct its settings and
start the sign-in again.</p>"""
    # Doorkeeper before 5.7 replies with 200: a client that opens the page sees a success.
    return html_page("An error has occurred", body, 200)


def rejected_form() -> HTMLResponse:
    """Reject a form that was not sent by the consent page."""
    body = """<h1>The change you wanted was rejected</h1>
<p>This form did not come from the sandbox's own page. Open the authorize link again.</p>"""
    return html_page("The form was rejected", body, 422)


def not_found(message: str) -> HTMLResponse:
    """Report that an address does not exist."""
    body = (
        f'<h1>Not found</h1>\n<p>{escape(message)}</p>\n<p><a href="/">Go to the start page</a></p>'
    )
    return html_page("Not found", body, 404)


def authorization_code(code: str | None, error: str | None) -> HTMLResponse:
    """Show the code of an application that cannot receive a redirect, or the error."""
    if code is None:
        return invalid_request(error or "Missing required parameter: code.")
    body = f"""<h1>Authorization code</h1>
<p>Copy this code and paste it into the notebook.</p>
<code class="block" id="authorization_code">{escape(code)}</code>"""
    return html_page("Authorization code", body)


def landing_page(address: str, code: str | None, error: str | None) -> HTMLResponse:
    """Show the address to paste: the end of a sign-in whose notebook runs on another machine."""
    if code is None and error is None:
        body = """<h1>A sign-in ends on this page</h1>
<p>There is no code to copy yet. Start the sign-in in the notebook: it shows a link.</p>"""
        return html_page("Sign-in", body)
    if code is None:
        title = "Access was denied"
        hint = "You can close this page. To inform the notebook, paste this address there."
        code_block = ""
    else:
        title = "Copy this whole address and paste it into the notebook"
        hint = "It is valid for ten minutes, and only once."
        code_block = (
            f"<h2>Or only the code</h2>\n<code class='block' id='code'>{escape(code)}</code>"
        )
    body = f"""<h1>{title}</h1>
<p class="quiet">{hint}</p>
<div class="row field"><input class="text" id="address" type="text" readonly
aria-label="Address of this page" value="{escape(address)}">
<button id="copy" type="button" aria-live="polite" hidden>Copy</button></div>
{code_block}"""
    return html_page(title, body, script=True)


def image_page(stored: Image) -> HTMLResponse:
    """Show an image with its metadata."""
    fields = stored.fields
    title = fields.get("title") or "Untitled picture"
    source = f"/{stored.image_id}.{stored.type}"
    alt = escape(stored.alt_text or fields.get("desc") or title)
    element = (
        f'<video controls src="{source}" aria-label="{alt}"></video>'
        if stored.type == "mp4"
        else f'<img src="{source}" alt="{alt}">'
    )
    facts = {
        "Uploaded": f"{datetime.fromtimestamp(stored.created_at, UTC):%Y-%m-%d %H:%M} UTC",
        "By": escape(stored.account.name),
        "App": escape(fields.get("app", "")),
        "Source": _link(fields.get("referer_url", "")),
        "Visible to": (
            "anyone with the link" if stored.access_policy == "anyone" else "its owner only"
        ),
        "File": f'<a href="{source}">{escape(stored.type)}</a>, {len(stored.data):,} bytes',
    }
    rows = "".join(f"<dt>{name}</dt><dd>{text}</dd>" for name, text in facts.items() if text)
    description = f"<p>{escape(fields['desc'])}</p>" if fields.get("desc") else ""
    body = (
        f"<figure>{element}</figure>\n<h1>{escape(title)}</h1>\n{description}"
        f'<dl>{rows}</dl>\n<p class="quiet">The sandbox keeps it until it stops.</p>'
    )
    return html_page(title, body, wide=True)


def _link(url: str) -> str:
    # Only a web address becomes a link.
    if urlsplit(url).scheme in {"http", "https"}:
        return f'<a href="{escape(url)}" rel="noreferrer">{escape(url)}</a>'
    return escape(url)


def home_page(accounts: Iterable[Account], images: Sequence[Image]) -> HTMLResponse:
    """Describe the sandbox, and show the newest images."""
    names = escape(", ".join(account.name for account in accounts))
    thumbnails = "".join(
        f'<li><a href="/{stored.image_id}"><img src="/thumb/200/{stored.thumb_name}.jpg" '
        f'alt="{escape(stored.fields.get("title") or "Untitled picture")}"></a></li>'
        for stored in images
    )
    grid = f'<ul class="grid">{thumbnails}</ul>' if thumbnails else "<p>No pictures yet.</p>"
    body = f"""<h1>A sandbox for Gyazo</h1>
<p>This server replies like Gyazo. It keeps all data in its memory until it stops. Its accounts:
{names}.</p>
<h2>Newest pictures</h2>
{grid}"""
    return html_page("Home", body, wide=True)


# The template of all pages.

_LOGO = (
    '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 32 32">'
    '<path fill="#c98a2b" d="M15.2 2h1.6v6h-1.6z"/>'
    '<path fill="#0f6657" d="M16.8 2.4 24 5l-7.2 2.6z"/>'
    '<path fill="#e0a94a" d="M11 10h2.4v2h2v-2h1.2v2h2v-2H21v9H11z"/>'
    '<path fill="#d2963a" d="M4 16h2.6v2h2v-2H11v2h10v-2h2.4v2h2v-2H28v12H4z"/>'
    '<path fill="#7d4f14" d="M13 28v-4a3 3 0 0 1 6 0v4z"/>'
    "</svg>"
)

_STYLE = """
:root{color-scheme:light dark;--page:#f4eee3;--card:#fffdf9;--ink:#2a241e;--quiet:#675c50;
--line:#e0d5c3;--field:#faf6ee;--accent:#0f6657;--on-accent:#fff;--edge:#8b7d6b}
@media(prefers-color-scheme:dark){:root{--page:#161310;--card:#211d18;--ink:#f2eadf;
--quiet:#b7aa99;--line:#3b342b;--field:#181511;--accent:#82d6c2;--on-accent:#0b221c;--edge:#857867}}
*{box-sizing:border-box}
body{margin:0;min-height:100vh;min-height:100dvh;display:flex;flex-direction:column;
align-items:center;justify-content:center;gap:1.1rem;padding:1.5rem 1rem;background:var(--page);
color:var(--ink);font:1rem/1.55 system-ui,-apple-system,"Segoe UI",Roboto,sans-serif}
header{display:flex;align-items:center;gap:.6rem;font-size:.9rem;color:var(--quiet)}
header svg{width:1.9rem;height:1.9rem;flex:none}
header a{color:inherit;text-decoration:none}
header strong{display:block;color:var(--ink);font-size:1rem;line-height:1.2}
main{width:100%;max-width:31rem;background:var(--card);border:1px solid var(--line);
border-radius:1rem;padding:clamp(1.25rem,5vw,2.1rem);box-shadow:0 1px 2px #0001,0 12px 32px #0000000f}
main.wide{max-width:58rem}
h1{margin:0 0 .75rem;font-size:clamp(1.2rem,4.5vw,1.45rem);line-height:1.3;
letter-spacing:-.01em;text-wrap:balance;overflow-wrap:anywhere}
h2{margin:1.5rem 0 .4rem;font-size:.85rem;font-weight:600;color:var(--quiet)}
p{margin:.6rem 0}.quiet{color:var(--quiet);font-size:.9rem}
a{color:var(--accent)}
code,pre,input.text{font-family:ui-monospace,SFMono-Regular,Menlo,Consolas,monospace;font-size:.875rem}
code{overflow-wrap:anywhere}
pre,code.block{display:block;margin:.75rem 0;padding:.75rem .9rem;background:var(--field);
border:1px solid var(--line);border-radius:.6rem;white-space:pre-wrap;overflow-wrap:anywhere}
code.block{user-select:all;-webkit-user-select:all}
ul.plain{list-style:none;margin:0;padding:0}
ul.scopes li{display:flex;gap:.6rem;padding:.2rem 0}
ul.scopes li::before{content:"";flex:none;width:.4rem;height:.4rem;margin-top:.6rem;
border-radius:50%;background:var(--accent)}
fieldset{border:0;margin:1.5rem 0 0;padding:0;min-width:0}
legend{padding:0}legend h2{margin:0}main>:last-child{margin-bottom:0}
.account{display:flex;align-items:center;gap:.75rem;padding:.65rem .8rem;border:1px solid var(--line);
border-radius:.7rem;background:var(--field);overflow-wrap:anywhere}
label.account{cursor:pointer;margin-top:.5rem}label.account:has(:checked){border-color:var(--accent)}
.account input{accent-color:var(--accent);width:1.1rem;height:1.1rem;margin:0;flex:none}
.account b,.account small{display:block;line-height:1.35}.account small{color:var(--quiet);font-size:.875rem}
.avatar{flex:none;display:grid;place-items:center;width:2.2rem;height:2.2rem;border-radius:50%;
background:var(--accent);color:var(--on-accent);font-weight:600}
.row{display:flex;gap:.75rem;margin-top:1.5rem}
.row>*{flex:1}.row.field{margin-top:1rem}.row.field>button{flex:none;min-width:6.5rem}
button{font:inherit;font-weight:600;padding:.65rem 1.1rem;border-radius:.65rem;cursor:pointer;
border:1px solid var(--accent);background:var(--accent);color:var(--on-accent)}
button.second{background:transparent;border-color:var(--edge);color:var(--ink)}
button:hover{filter:brightness(1.08)}[hidden]{display:none}
input.text{width:100%;min-width:0;padding:.65rem .8rem;border:1px solid var(--edge);
border-radius:.65rem;background:var(--field);color:var(--ink)}
:focus-visible{outline:3px solid var(--accent);outline-offset:2px}
figure{margin:0 0 1.25rem;display:grid;place-items:center;background:var(--field);
border:1px solid var(--line);border-radius:.7rem;overflow:hidden}
figure img,figure video{display:block;max-width:100%;max-height:70vh;height:auto}
dl{display:grid;grid-template-columns:auto 1fr;gap:.35rem 1rem;margin:1rem 0 0;font-size:.9rem}
dt{color:var(--quiet)}dd{margin:0;overflow-wrap:anywhere}
.grid{display:grid;grid-template-columns:repeat(auto-fill,minmax(7.5rem,1fr));gap:.75rem;
list-style:none;margin:0;padding:0}
.grid a{display:grid;place-items:center;height:7.5rem;overflow:hidden;background:var(--field);
border:1px solid var(--line);border-radius:.6rem}
.grid img{max-width:100%;max-height:100%}
@media(max-width:26rem){.row{flex-direction:column}dl{grid-template-columns:1fr;gap:0}
dd{margin-bottom:.5rem}}
@media(prefers-reduced-motion:no-preference){button{transition:filter .15s}}
"""

# The landing page works without it. It selects the address, and adds a copy button.
_SCRIPT = """
const field = document.getElementById("address"), button = document.getElementById("copy");
if (field) {
  field.addEventListener("focus", () => field.select());
  field.focus();
  if (navigator.clipboard) {
    button.hidden = false;
    button.addEventListener("click", () => navigator.clipboard.writeText(field.value).then(
      () => { button.textContent = "Copied"; }, () => field.focus()));
  }
}
"""


def escape(text: str) -> str:
    """Escape text for use between tags and in attributes. The apostrophe is Rails' `&#39;`."""
    return html.escape(text).replace("&#x27;", "&#39;")


def html_page(
    title: str,
    body: str,
    status: int = 200,
    *,
    wide: bool = False,
    script: bool = False,
    form_action: str = "'none'",
) -> HTMLResponse:
    """Put *body*, which is HTML, into the page template. *title* is plain text."""
    main_class = ' class="wide"' if wide else ""
    script_element = f"<script>{_SCRIPT}</script>" if script else ""
    page = f"""<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{escape(title)} · Sandbox</title>
<link rel="icon" href="data:image/svg+xml,{quote(_LOGO)}">
<style>{_STYLE}</style>
</head>
<body>
<header>{_LOGO.replace("<svg", '<svg aria-hidden="true"')}
<a href="/"><strong>Sandbox</strong>A local Gyazo look-alike</a></header>
<main{main_class}>
{body}
</main>
{script_element}</body>
</html>
"""
    headers = PRIVATE | {"Content-Security-Policy": _content_security_policy(form_action)}
    return HTMLResponse(page, status, headers)


def _content_security_policy(form_action: str) -> str:
    rules = {
        "default-src": "'none'",
        "style-src": _digest(_STYLE),
        "script-src": _digest(_SCRIPT),
        "img-src": "'self' data:",
        "media-src": "'self'",
        "form-action": form_action,
        "base-uri": "'none'",
        "frame-ancestors": "'none'",
    }
    return "; ".join(f"{name} {sources}" for name, sources in rules.items())


def _digest(text: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"
