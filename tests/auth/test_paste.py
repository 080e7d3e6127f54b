"""Any pasted text yields a code or a `PasteError` with one sentence."""

import contextlib
import time
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gyazo_nb import DeniedError, PasteError, Secret
from gyazo_nb.auth.paste import read

STATE = "St4te_-abcdefghijklmnopqrstuvwxyz0123456789"
REDIRECT = "http://127.0.0.1:8765/callback"
WHOLE = f"{REDIRECT}?code=-Ab_9&state={STATE}"


def read_paste(text, redirect_uri=REDIRECT):
    found = read(Secret(text), redirect_uri=redirect_uri, state=Secret(STATE))
    return found.code.reveal(), found.state_checked


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("abc", "abc"),
        ("-Ab_9", "-Ab_9"),
        ("--help", "--help"),
        ("4/0AeaYSHB~x.y", "4/0AeaYSHB~x.y"),
        ("4%2F0AeaYSHB", "4/0AeaYSHB"),
        ("a+b/c==", "a+b/c=="),
        ("  abc\t\n", "abc"),
        ('"abc"', "abc"),
        ("'abc'", "abc"),
        ("`abc`", "abc"),
        ("<abc>", "abc"),
        ("“abc”", "abc"),
        ("\u200babc\ufeff", "abc"),
        ("a\u200bb\u00adc", "abc"),
        ("\u00a0abc\u00a0", "abc"),
        ("abc\ndef", "abcdef"),
        ("abc\r\n   def", "abcdef"),
        ("two words", "two words"),
        ("x" * 5000, "x" * 5000),
        ("code=abc", "abc"),
        ("code=-abc", "-abc"),
        ("?code=abc", "abc"),
        ("#code=abc", "abc"),
        ("&code=abc", "abc"),
        ("  ?code=abc  ", "abc"),
        ("code=a%2Bb", "a+b"),
        ("code=a+b", "a b"),
        ("'code=abc'", "abc"),
        ("code: abc", "abc"),
        ("Authorization code: abc", "abc"),
    ],
)
def test_a_bare_code_is_accepted_without_a_state(text, code):
    """Also as code=…, with quotes, line breaks or a label. `state_checked` is False."""
    assert read_paste(text) == (code, False)


@pytest.mark.parametrize(
    "text",
    [
        WHOLE,
        f"  {WHOLE}  ",
        f'"{WHOLE}"',
        f"<{WHOLE}>",
        f"\u200b{WHOLE}\u200b",
        f"{WHOLE}#_=_",
        f"{WHOLE}#",
        f"{WHOLE}&iss=https%3A%2F%2Fgyazo.com&unknown=1",
        f"{REDIRECT}?state={STATE}&code=-Ab_9",
        WHOLE[:40] + "\n" + WHOLE[40:],
        WHOLE[:40] + "\r\n    " + WHOLE[40:60] + "\n" + WHOLE[60:],
        f"{WHOLE}\nThis site can't be reached",
        f"This site can't be reached\n{WHOLE}",
        f"Here it is: {WHOLE} thanks",
        WHOLE.replace("&", "&amp;"),
        WHOLE.replace("http://", "HTTP://"),
        WHOLE.removeprefix("http://"),
        f"{REDIRECT}#code=-Ab_9&state={STATE}",
        f"?code=-Ab_9&state={STATE}",
        f"code=-Ab_9&state={STATE}",
        f"URL: {WHOLE}",
        f"[the page]({WHOLE})",
        f"It ended on {WHOLE}.",
        f"> {WHOLE[:40]}\n> {WHOLE[40:]}",
        f"-Ab_9&state={STATE}",
        f"?code=-Ab_9&state={STATE}&iss=https://api.gyazo.com",
        f"{WHOLE.removeprefix('http://')}&iss=https://api.gyazo.com",
        quote(WHOLE, safe=""),
    ],
)
def test_a_whole_address_is_accepted_and_its_state_is_checked(text):
    """The address as the browser shows it, and in the forms in which users copy it."""
    assert read_paste(text) == ("-Ab_9", True)


@pytest.mark.parametrize(
    "redirect_uri",
    [
        "http://localhost",
        "http://localhost/",
        "http://LOCALHOST:80",
        "https://example.com/a/b",
        "gyazocapture://oauth/callback",
        "http://[::1]:8080/callback",
        "http://127.0.0.1:8765/callback?keep=1",
        "http://127.0.0.1:8765/r%C3%BCck",
        "com.example.app:/callback",
        "com.example.app:callback",
    ],
)
def test_every_form_of_redirect_uri_is_recognized(redirect_uri):
    """Ports, paths, other schemes, IPv6. An empty path equals /."""
    base = redirect_uri.lower()
    base = f"{base}/" if base.count("/") == 2 else base
    text = f"{base}{'&' if '?' in base else '?'}code=abc&state={STATE}"

    assert read_paste(text, redirect_uri) == ("abc", True)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "text is empty"),
        (" \n\t\u200b ", "text is empty"),
        ('""', "text is empty"),
        (f"{REDIRECT}?error=access_denied&state={STATE}", "Access was denied"),
        ("error=access_denied&error_description=x", "Access was denied"),
        (f"{REDIRECT}?error=invalid_scope&state={STATE}", "invalid_scope"),
        (f"{REDIRECT}?error=%3Cscript%3E&state={STATE}", "script"),
        (f"{WHOLE}&code=other", "more than one code"),
        ("code=a&code=b", "more than one code"),
        (f"{WHOLE} {WHOLE}", "more than one address"),
        (f"{WHOLE}{WHOLE}", "more than one address"),
        (WHOLE.replace("8765", "8766"), "another page"),
        (WHOLE.replace("/callback", "/other"), "another page"),
        (WHOLE.replace("127.0.0.1", "localhost"), "another page"),
        (WHOLE.replace("http://", "https://"), "another page"),
        (WHOLE.replace("127.0.0.1", "127.0.0.1.evil.example"), "another page"),
        (WHOLE.replace("127.0.0.1", "127.0.0.1@evil.example"), "another page"),
        ("https://gyazo.com/captures", "another page"),
        (f"{REDIRECT}?code=abc", "no state"),
        (f"{REDIRECT}?code=abc&state=", "another sign-in"),
        (f"{REDIRECT}?code=abc&state={STATE}x", "another sign-in"),
        (f"{REDIRECT}?code=abc&state={STATE}&state={STATE}", "another sign-in"),
        ("code=abc&state=wrong", "another sign-in"),
        (f"{REDIRECT}?state={STATE}", "no code"),
        (f"{REDIRECT}?code=&state={STATE}", "no code"),
        (REDIRECT, "no code"),
        ("code=", "no code"),
        (f"state={STATE}", "no code"),
        (f"https://api.gyazo.com/oauth/authorize?client_id=x&state={STATE}", "the link itself"),
        (
            f"http://h/oauth/authorize?response_type=code&redirect_uri={quote(REDIRECT)}",
            "link itself",
        ),
        ("コード", "no code"),
        ("abc\x00def", "no code"),
        ('{"code": "abc"}', "no code"),
        ("x" * 20_001, "no code"),
        ("abc\ud800", "no code"),
        ("http://[::1", "no code"),
        ("http://127.0.0.1:99999/callback?code=abc", "no code"),
        ("code=%FF", "no code"),
        ("%FF%FE", "no code"),
    ],
)
def test_any_other_text_is_refused_with_the_reason(text, words):
    """The error names the mistake, and contains neither the state nor a line break."""
    with pytest.raises(PasteError, match=words) as caught:
        read_paste(text)

    assert STATE not in str(caught.value)
    assert str(caught.value).count("\n") == 0


def test_a_denied_access_has_its_own_error():
    """A caller can tell it from the other mistakes: `DeniedError`."""
    with pytest.raises(DeniedError):
        read_paste(f"{REDIRECT}?error=access_denied&state={STATE}")


def test_an_error_description_is_not_shown():
    """Anyone can write one into an address."""
    with pytest.raises(DeniedError) as caught:
        read_paste("error=access_denied&error_description=send+your+token+to+evil.example")

    assert "evil" not in str(caught.value)


@pytest.mark.parametrize(
    "text",
    [
        " the-client-secret ",
        "code=the-client-secret",
        f"{REDIRECT}?code=the-client-secret&state={STATE}",
        "GYAZO_CLIENT_SECRET=the-client-secret",
        "the-client-secret is my secret",
        "the-client-id",
    ],
)
def test_a_pasted_client_id_or_secret_is_refused(text):
    """The client secret is not sent as a code, nor as a part of a code."""
    with pytest.raises(PasteError, match="not the code"):
        read(
            Secret(text),
            redirect_uri=REDIRECT,
            state=Secret(STATE),
            not_codes=(Secret(""), Secret("the-client-id")),
            secrets=(Secret(""), Secret("the-client-secret")),
        )


def test_the_page_that_shows_the_code_needs_no_state():
    """Only with the out-of-band URN: there, the address of Gyazo's page has the code and no state."""
    page = "https://gyazo.com/oauth/authorize/native?code=abc"

    assert read_paste(page, "urn:ietf:wg:oauth:2.0:oob") == ("abc", False)


@pytest.mark.parametrize(
    "text", ["a" + " " * 19_000 + "b", "a" * 19_000, "http://" * 2_500, "\n" * 19_999]
)
def test_a_large_paste_is_read_quickly(text):
    """The time is proportional to the length, not to its square: the kernel does not freeze."""
    began = time.process_time()
    with contextlib.suppress(PasteError):
        read_paste(text)

    assert time.process_time() - began < 2


def test_the_traceback_of_a_refusal_does_not_hold_the_paste():
    """Tools such as a verbose traceback print the local variables of its frames."""
    with pytest.raises(PasteError) as caught:
        read_paste(f"{REDIRECT}?code=abc&state=wrong")
    frames = [frame.frame for frame in caught.traceback if "gyazo_nb" in str(frame.path)]

    assert caught.value.__context__ is None
    assert not [f for f in frames if "code=abc" in repr(dict(f.f_locals))]


_PIECES = st.sampled_from(
    [
        "code=",
        "state=",
        STATE,
        "error=",
        "http://",
        REDIRECT,
        "?",
        "&",
        "#",
        "%",
        "\n",
        "[",
        "]",
        "a",
        " ",
    ]
)


@given(st.one_of(st.text(), st.lists(_PIECES | st.text(max_size=3)).map("".join)))
def test_any_text_yields_a_code_or_a_paste_error(text):
    """A code is never empty, and no other exception is raised."""
    with contextlib.suppress(PasteError):
        code, _ = read_paste(text)
        assert code.isascii()
        assert code.strip()
