"""The paper that every page of the sandbox is printed on: frame, style, and guarding headers.

The law: one style sheet and one script, both inside the page and both named to the browser by
their digest. Nothing else may load, run, or frame it, and text enters through `escape` alone.
"""

from __future__ import annotations

import base64
import hashlib
import html
from urllib.parse import quote

from starlette.responses import HTMLResponse

PRIVATE = {"Cache-Control": "no-store", "Referrer-Policy": "no-referrer"}

_CASTLE = (
    '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 32 32">'
    '<path fill="#c98a2b" d="M15.2 2h1.6v6h-1.6z"/>'
    '<path fill="#0f6657" d="M16.8 2.4 24 5l-7.2 2.6z"/>'
    '<path fill="#e0a94a" d="M11 10h2.4v2h2v-2h1.2v2h2v-2H21v9H11z"/>'
    '<path fill="#d2963a" d="M4 16h2.6v2h2v-2H11v2h10v-2h2.4v2h2v-2H28v12H4z"/>'
    '<path fill="#7d4f14" d="M13 28v-4a3 3 0 0 1 6 0v4z"/>'
    "</svg>"
)

STYLE = """
:root{color-scheme:light dark;--paper:#f4eee3;--card:#fffdf9;--ink:#2a241e;--quiet:#675c50;
--line:#e0d5c3;--field:#faf6ee;--accent:#0f6657;--on-accent:#fff;--edge:#8b7d6b}
@media(prefers-color-scheme:dark){:root{--paper:#161310;--card:#211d18;--ink:#f2eadf;
--quiet:#b7aa99;--line:#3b342b;--field:#181511;--accent:#82d6c2;--on-accent:#0b221c;--edge:#857867}}
*{box-sizing:border-box}
body{margin:0;min-height:100vh;min-height:100dvh;display:flex;flex-direction:column;
align-items:center;justify-content:center;gap:1.1rem;padding:1.5rem 1rem;background:var(--paper);
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
.who{display:flex;align-items:center;gap:.75rem;padding:.65rem .8rem;border:1px solid var(--line);
border-radius:.7rem;background:var(--field);overflow-wrap:anywhere}
label.who{cursor:pointer;margin-top:.5rem}label.who:has(:checked){border-color:var(--accent)}
.who input{accent-color:var(--accent);width:1.1rem;height:1.1rem;margin:0;flex:none}
.who b,.who small{display:block;line-height:1.35}.who small{color:var(--quiet);font-size:.875rem}
.face{flex:none;display:grid;place-items:center;width:2.2rem;height:2.2rem;border-radius:50%;
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

# The landing page works without it: it selects the address, and adds a button that copies it.
SCRIPT = """
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
    """Make text safe between tags and in attributes, with the apostrophe that Rails writes."""
    return html.escape(text).replace("&#x27;", "&#39;")


def sheet(
    title: str,
    body: str,
    status: int = 200,
    *,
    wide: bool = False,
    script: bool = False,
    form_action: str = "'none'",
) -> HTMLResponse:
    """Print a page; *body* is finished HTML, *title* is text."""
    kind = ' class="wide"' if wide else ""
    code = f"<script>{SCRIPT}</script>" if script else ""
    page = f"""<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{escape(title)} · Sandbox</title>
<link rel="icon" href="data:image/svg+xml,{quote(_CASTLE)}">
<style>{STYLE}</style>
</head>
<body>
<header>{_CASTLE.replace("<svg", '<svg aria-hidden="true"')}
<a href="/"><strong>Sandbox</strong>A pretend Gyazo on your own machine</a></header>
<main{kind}>
{body}
</main>
{code}</body>
</html>
"""
    return HTMLResponse(page, status, PRIVATE | {"Content-Security-Policy": _policy(form_action)})


def _policy(form_action: str) -> str:
    rules = {
        "default-src": "'none'",
        "style-src": _digest(STYLE),
        "script-src": _digest(SCRIPT),
        "img-src": "'self' data:",
        "media-src": "'self'",
        "form-action": form_action,
        "base-uri": "'none'",
        "frame-ancestors": "'none'",
    }
    return "; ".join(f"{name} {sources}" for name, sources in rules.items())


def _digest(text: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"
