"""The texts of the sign-in: every text from outside is escaped, and a sign-out names the remaining tokens."""

import re
from html import unescape

import pytest

from gyazo_nb.notebook import messages

MARKUP = "<script>&\"'"


@pytest.mark.parametrize(
    "html",
    [
        messages.panel_steps(MARKUP, MARKUP, MARKUP),
        messages.panel_steps(MARKUP, MARKUP, MARKUP, listening=True),
        messages.panel_fallback(MARKUP, MARKUP)["text/html"],
        messages.prompt_steps(MARKUP, MARKUP)["text/html"],
        messages.signed_in(MARKUP, MARKUP, MARKUP)["text/html"],
        messages.signed_out(MARKUP, MARKUP, saved=MARKUP)["text/html"],
        messages.text_message(MARKUP)["text/html"],
        messages.status_hint(MARKUP),
        messages.status_error(MARKUP),
    ],
)
def test_html_escapes_every_text(html):
    """A name or an address cannot add markup to the page."""
    assert "&lt;script&gt;&amp;&quot;&#x27;" in html
    assert "<script" not in html


def test_plain_text_keeps_every_text():
    """It is made from the HTML, without its tags."""
    assert messages.text_message(f"{MARKUP} &lt;")["text/plain"] == f"{MARKUP} &lt;"
    assert MARKUP in messages.signed_in(MARKUP, "gyazo")["text/plain"]
    assert "<" not in messages.prompt_steps("https://gyazo.com", "urn:ietf")["text/plain"]


def test_panel_of_an_ended_kernel_names_both_commands():
    """A new kernel has not loaded the extension. On a page of Voila, the user can run no command."""
    shown = unescape(re.sub("<[^>]*>", "", messages.panel_steps("https://gyazo.com", None)))
    page = messages.panel_steps("https://gyazo.com", None, prompt_command="", new_command="")

    assert "has ended: run %load_ext gyazo_nb, then %gyazo_login." in shown
    assert "has ended: load this page again." in page


def test_signed_out_names_the_revoke_page_only_for_a_removed_token():
    """Not for the tokens of a sandbox, and not if no token was removed."""
    page = "https://gyazo.com/oauth/authorized_applications"

    assert page in messages.signed_out("Name", None)["text/plain"]
    assert page in messages.signed_out(None, None, saved="work")["text/plain"]
    assert page not in messages.signed_out("Name", None, revocable=False)["text/plain"]
    assert page not in messages.signed_out(None, "GYAZO_ACCESS_TOKEN")["text/plain"]
