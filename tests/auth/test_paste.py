"""Any pasted text yields a code or a `PasteError` with one sentence.

Only a complete redirect address of this sign-in, or a bare code, yields a code.
"""

import contextlib
import re
import time
import unicodedata
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gyazo_nb import DeniedError, PasteError, Secret
from gyazo_nb.auth import paste
from gyazo_nb.auth.paste import read

STATE = "St4te_-abcdefghijklmnopqrstuvwxyz0123456789"
REDIRECT = "http://127.0.0.1:8765/callback"
CODE = "Ab_9-cdefghijklmnopq"  # the shortest one that is accepted without code= before it
WHOLE = f"{REDIRECT}?code=-Ab_9&state={STATE}"
OUT_OF_BAND = "urn:ietf:wg:oauth:2.0:oob"


def read_paste(text, redirect_uri=REDIRECT):
    found = read(Secret(text), redirect_uri=redirect_uri, state=Secret(STATE))
    return found.code.reveal(), found.state_checked


def refusal(text, redirect_uri=REDIRECT):
    """The sentence of the error, or an empty text if the pasted text yields a code."""
    try:
        read_paste(text, redirect_uri)
    except PasteError as error:
        return str(error)
    return ""


@pytest.mark.parametrize(
    ("text", "code"),
    [
        (CODE, CODE),
        (f"-{CODE}_9", f"-{CODE}_9"),
        (f"--help{CODE}", f"--help{CODE}"),
        (f"4/{CODE}~x.y", f"4/{CODE}~x.y"),
        (f"4%2F{CODE}", f"4/{CODE}"),
        (f"a+b/{CODE}==", f"a+b/{CODE}=="),
        (f"  {CODE}\t\n", CODE),
        (f'"{CODE}"', CODE),
        (f"'{CODE}'", CODE),
        (f"`{CODE}`", CODE),
        (f"<{CODE}>", CODE),
        (f"“{CODE}”", CODE),
        (f"\u200b{CODE}\ufeff", CODE),
        (f"a\u200b{CODE}\u00adc", f"a{CODE}c"),
        (f"\u00a0{CODE}\u00a0", CODE),
        (f"{CODE}\ndef", f"{CODE}def"),
        (f"{CODE}\r\n   {CODE}\ndef", f"{CODE}{CODE}def"),
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
        ("Authorization code\n\n  abc", "abc"),
        ("code=abc\ndef", "abcdef"),
        (f"> {CODE}\n> def", f"{CODE}def"),
        (f"『{CODE}』", CODE),
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
        f"{REDIRECT}?iss=https://a.example&scope=email%20https://b.example/c&code=-Ab_9&state={STATE}",
        f"{WHOLE}&session_state=a==b&next=/page?x=1",
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
        (
            f"{REDIRECT}?error=access_denied&error_uri=https://a.example/b&state={STATE}",
            "was denied",
        ),
        (f"{REDIRECT}?error=invalid_scope&state={STATE}", "invalid_scope"),
        (f"{REDIRECT}?error=server_error&state={STATE}", "wait a minute"),
        (f"{REDIRECT}?error=temporarily_unavailable&state={STATE}", "wait a minute"),
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
            "link itself.*If Gyazo shows an error there, check the client id and the redirect URI",
        ),
        ("two words", "blank inside"),
        ("4/0Aea YSHB", "blank inside"),
        ("a\u00a0b\u3000c\td", "blank inside"),
        ("code=two words", "blank inside"),
        (f"{REDIRECT}?code=-Ab _9&state={STATE}", "blank inside"),
        (f"-Ab _9&state={STATE}", "blank inside"),
        ("abc.", "end is not certain"),
        ("hello", "too short"),
        ("12345678", "too short"),
        ("\u200bpassword ", "too short"),
        (CODE[:-1], "too short"),
        ("hello\nworld", "too short"),
        ("my password is secret", "blank inside"),
        ("correct horse battery staple", "blank inside"),
        ("correct\nhorse\nbattery\nstaple", "do not form one code"),
        ("extraordinary\npasswords", "do not form one code"),
        (f"{CODE}\n{CODE}x", "do not form one code"),
        (f"{REDIRECT}?state={STATE}&code=-Ab_9.", "end is not certain"),
        (f"{REDIRECT}?state={STATE}&code=-Ab_9\nThis site", "end is not certain"),
        (f"{REDIRECT}?state={STATE}&code=-Ab\n_9", "end is not certain"),
        (f"{WHOLE}\nx", "end is not certain"),
        (f"{WHOLE}&sta te", "damaged"),
        (f"{WHOLE}#state=x", "damaged"),
        (f"Here: code=-Ab_9&state={STATE}", "damaged"),
        ("コード", "no code"),
        ("ｃｏｄｅ＝ａｂｃ", "no code"),  # noqa: RUF001 -- the full-width characters of Japanese
        ("(abc)", "no code"),
        ("evil.example/abc", "no code"),
        ("abc&def", "no code"),
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


@pytest.mark.parametrize("secret", ["s", "secret", "callback", "code"])
def test_a_short_client_secret_may_be_a_part_of_the_address(secret):
    """A test server may have one. As the whole code, it is refused."""
    pasted = f"{REDIRECT}?code=secret-code&state={STATE}"
    values = {"redirect_uri": REDIRECT, "state": Secret(STATE), "secrets": (Secret(secret),)}

    assert read(Secret(pasted), **values).code.reveal() == "secret-code"
    with pytest.raises(PasteError, match="not the code"):
        read(Secret(pasted.replace("secret-code", secret)), **values)


def test_the_page_that_shows_the_code_needs_no_state():
    """Only with the out-of-band URN: there, the address of Gyazo's page has the code and no state."""
    page = "https://gyazo.com/oauth/authorize/native?code=abc"

    assert read_paste(page, OUT_OF_BAND) == ("abc", False)
    assert read_paste("Authorization code\nabc", OUT_OF_BAND) == ("abc", False)


def test_the_page_that_shows_the_code_is_that_of_the_site():
    """A sandbox, or another Gyazo server, shows the code at its own address."""
    page = "http://127.0.0.1:9999/oauth/authorize/native"

    found = read(
        Secret(f"{page}?code=abc"),
        redirect_uri=OUT_OF_BAND,
        state=Secret(STATE),
        auth_url="http://127.0.0.1:9999",
    )

    assert found.code.reveal() == "abc"
    assert refusal(f"{page}?code=abc", OUT_OF_BAND)


@pytest.mark.parametrize(
    "address",
    [
        "https://evil.example/oauth/authorize/native?code=EVIL",
        "http://gyazo.com/oauth/authorize/native?code=EVIL",
        "https://gyazo.com/x/oauth/authorize/native?code=EVIL",
        "https://gyazo.com/oauth/authorize/native?code=EVIL&state=WRONG",
        "https://gyazo.com@evil.example/oauth/authorize/native?code=EVIL",
    ],
)
def test_another_page_that_shows_a_code_is_refused(address):
    """Its host, path and state are checked, with a line break or a blank at any position."""
    for position in range(len(address)):
        for gap in ("\n", " "):
            assert refusal(address[:position] + gap + address[position:], OUT_OF_BAND)


_REPEATED = [
    "a",
    "a ",
    " ",
    "\n",
    "\n>",
    "> ",
    "http://",
    "?a=",
    "&",
    "&am",
    "%",
    "%41",
    "%3D",
    "=\n",
    "#",
]
_REPEATED += [
    "=3D",
    "code=",
    "code=a&",
    "state=",
    f"state={STATE}",
    ".",
    ".,",
    "a.",
    ":1",
    "www",
    "\u200b",
]


@pytest.mark.parametrize("piece", [*_REPEATED, "iss=http://", "&amp;", "'"])
def test_the_time_is_proportional_to_the_length(piece):
    """Eight times the text takes about eight times as long, and not 64 times: the kernel does not freeze."""

    def seconds(characters, front):
        text = front + (piece * characters)[:characters] + "b"
        times = []
        for _ in range(3):
            began = time.thread_time()
            with contextlib.suppress(PasteError):
                read_paste(text)
            times.append(time.thread_time() - began)
        return min(times)

    for front in ("", f"{REDIRECT}?code=", f"{WHOLE} "):
        short = max(seconds(2_400, front), 0.0005)  # below, the clock is too coarse
        assert seconds(19_200, front) < 30 * short


def test_the_traceback_of_a_refusal_does_not_hold_the_paste():
    """Tools such as a verbose traceback print the local variables of its frames."""
    with pytest.raises(PasteError) as caught:
        read_paste(f"{REDIRECT}?code=abc&state=wrong")
    frames = [frame.frame for frame in caught.traceback if "gyazo_nb" in str(frame.path)]

    assert caught.value.__context__ is None
    assert not [f for f in frames if "code=abc" in repr(dict(f.f_locals))]


# Characters that wrap an address: of terminals, mail programs, and copied web pages.
LINE_BREAKS = ("\n", "\r\n", "\n    ", "\n> ", "\n> > ", " \n", "\n\n", "\u2028", "\v", "\x85")
BLANKS = (" ", "\t", "\u00a0", "\u3000", "\u2009", "   ")
INVISIBLE = ("\u200b", "\u00ad", "\ufeff", "\u200e", "\u202e", "\u2060", "\ufe0f", "\U000e0041")
WRAPS = LINE_BREAKS + BLANKS + INVISIBLE
CONTROL_CHARACTERS = ("\x00", "\x1b[1m", "\x7f")

# Text in front of an address and after it.
SURROUNDINGS = [
    ("", ""),
    ("Here it is: ", " thanks"),
    ("This site can't be reached\n", "\nTry again."),
    ("[the page](", ")"),
    ("<", "|text>"),
    ("<", ">"),
    ('<a href="', '">link</a>'),
    ("curl '", "' -H 'Accept: */*'"),
    ("“", "”"),
    ("「", "」"),
    ("アドレスは", "です"),
    ("CODE\n", "\nCODE"),
    ("view-source:", ""),
    ("> ", "\n> Best regards"),
]

QUERY = f"code=EVIL&state={STATE}"
FOREIGN = [
    f"https://evil.example/callback?{QUERY}&iss=http://127.0.0.1:8765/callback",
    f"http://evil.example/callback?x=http://127.0.0.1:8765/callback&{QUERY}",
    f"{REDIRECT}?code=EVIL&state=WRONG&x=state={STATE}",
    f"{REDIRECT}?x=https://evil.example/?{QUERY}",
    f"https://evil.example/callback?{QUERY}",
    f"http://127.0.0.1:8766/callback?{QUERY}",
    f"http://127.0.0.1/callback?{QUERY}",
    f"https://127.0.0.1:8765/callback?{QUERY}",
    f"ftp://127.0.0.1:8765/callback?{QUERY}",
    f"http://localhost:8765/callback?{QUERY}",
    f"http://127.0.0.1.evil.example:8765/callback?{QUERY}",
    f"http://user@127.0.0.1:8765/callback?{QUERY}",
    f"http://user:x@127.0.0.1:8765/callback?{QUERY}",
    f"http://@127.0.0.1:8765/callback?{QUERY}",
    f"http://127.0.0.1:8765@evil.example/callback?{QUERY}",
    f"http://127.0.0.1:8765\\@evil.example/callback?{QUERY}",
    f"http://evil.example[::1]:8765/callback?{QUERY}",
    f"http://127.0.0.1:8765/?{QUERY}",
    f"http://127.0.0.1:8765?{QUERY}",
    f"http://127.0.0.1:8765/callback/?{QUERY}",
    f"http://127.0.0.1:8765/callback2?{QUERY}",
    f"http://127.0.0.1:8765/callback/../evil?{QUERY}",
    f"http://127.0.0.1:8765/%2Fcallback?{QUERY}",
    f"http://127.0.0.1:8765/Callback?{QUERY}",
    f"http://evil.example/{REDIRECT}?{QUERY}",
    f"http://evil.example/?next={REDIRECT}?{QUERY}",
    f"evil.example/callback?{QUERY}",
    f"evil.example?{QUERY}",
    f"//evil.example/callback?{QUERY}",
    f"http:/evil.example/callback?{QUERY}",
    f"127.0.0.1:8766/callback?{QUERY}",
    f"user@127.0.0.1:8765/callback?{QUERY}",
    f"com.evil.app:callback?{QUERY}",
    f"https://evil.example/callback#{QUERY}",
    "https://evil.example/callback?code=EVIL",
    "https://evil.example/EVIL",
    f"{REDIRECT}?code=EVIL&state=WRONG",
    f"{REDIRECT}?state=WRONG&code=EVIL",
    f"{REDIRECT}?code=EVIL&state=",
    f"{REDIRECT}?code=EVIL&state={STATE[:-1]}",
    f"{REDIRECT}?code=EVIL&state=x{STATE}",
    f"{REDIRECT}?code=EVIL&state={STATE.lower()}",
    f"{REDIRECT}?code=EVIL&State=WRONG",
    f"{REDIRECT}?code=EVIL&%73tate=WRONG",
    f"{REDIRECT}?code=EVIL&session_state={STATE}",
    f"{REDIRECT}?code=EVIL;state={STATE}",
    f"{REDIRECT}?code=EVIL",
    f"{REDIRECT}#code=EVIL",
    f"{REDIRECT}?{QUERY}&state={STATE}",
    f"{REDIRECT}?{QUERY}&state=WRONG",
    f"{REDIRECT}?state=WRONG&{QUERY}",
    f"{REDIRECT}?{QUERY}&code=EVIL",
    f"{REDIRECT}?code=OTHER&{QUERY}",
    f"{REDIRECT}?{QUERY}#code=OTHER",
    f"{REDIRECT}?{QUERY}#state=WRONG",
    f"{REDIRECT}?code=EVIL#state={STATE}",
    f"{REDIRECT}?state={STATE}#code=EVIL",
    "code=EVIL&state=WRONG",
    "?state=WRONG&code=EVIL",
    "#code=EVIL&STATE=WRONG",
    "code=EVIL&%73tate=WRONG",
    "EVIL&state=WRONG",
]
# An address of this sign-in up to here: only the rest of its state is wrong.
LONGER_STATE = f"{REDIRECT}?code=EVIL&state={STATE}x"


@pytest.mark.parametrize(
    "text",
    [
        f"{REDIRECT}?state=WRONG&\ncode=EVIL",
        "https://evil.example/callback? code=EVIL",
        f"http://127.0.0.1:8766/callback?code=EVIL\nCODE&state={STATE}",
        f"https://evil.example/callback?\n\n{QUERY}",
        f"evil.example/callback? {QUERY}",
        f"https://evil.example/\n{WHOLE}",
        f"{WHOLE}\nhttps://evil.example/callback?code=EVIL",
        f"{REDIRECT}?code=EVIL&state=WRONG\n{STATE}",
        f"{REDIRECT}?code=EVIL&state=WRONG\ncode=EVIL&state={STATE}",
        f"http://127.0.0.1:8766/callback\n?{QUERY}",
        f"www.evil.example/callback\nEVIL\n{WHOLE}",
        "https://evil.example/callback\nEVIL",
        "https：／／evil．example／callback？\ncode=EVIL",  # noqa: RUF001 -- full-width characters
        f"https://evil.example/callback\\?code\\={QUERY}",
        f"ht=\ntp:evil.example/callback?x=1&{QUERY}",
        "127.0=\n.0.1@evil.example/callback?x=1&code=EVIL",
        "code=EVIL\\u0026state\\u003dWRONG",
        "code=EVIL&iss=https://evil.example/callback",
        f"code=https://evil.example/&state={STATE}",
        f"{REDIRECT}?code=https%3A%2F%2Fevil.example%2F%3Fcode%3DEVIL&state={STATE}",
    ],
)
def test_no_part_of_a_refused_address_is_read_as_a_code(text):
    """After a refusal of the place or the state, the rest of the text yields no code."""
    assert refusal(text)


@pytest.mark.parametrize("address", [*FOREIGN, LONGER_STATE])
def test_a_foreign_address_yields_no_code_wherever_it_is_wrapped(address):
    """Each kind of line break at each position, also in the encoded forms that are decoded."""
    encoded = {quote(address, safe=""), address.replace("&", "&amp;"), address.replace("=", "=3D")}
    for text in {address, *encoded}:
        for wrap in ("\n", " ", "\n> ") if text == address else ("\n", " "):
            for position in range(len(text) + 1):
                assert refusal(text[:position] + wrap + text[position:]), (position, wrap)


@st.composite
def wrapped(draw, texts, wraps):
    """A text with several wraps, and other text around it."""
    text = draw(st.sampled_from(texts))
    for _ in range(draw(st.integers(0, 4))):
        position = draw(st.integers(0, len(text)))
        text = text[:position] + draw(st.sampled_from(wraps)) + text[position:]
    before, after = draw(st.sampled_from(SURROUNDINGS))
    return before + text + after


@given(wrapped(FOREIGN, WRAPS + CONTROL_CHARACTERS))
def test_a_wrapped_foreign_address_with_text_around_it_yields_no_code(text):
    """Several wraps at any positions."""
    assert refusal(text)


@given(st.sampled_from(FOREIGN), st.text(), st.text())
def test_a_foreign_address_within_any_text_yields_no_code(address, before, after):
    """Any text before it and after it."""
    assert refusal(before + address + after)


GOOD = [
    WHOLE,
    f"{WHOLE}&iss=https%3A%2F%2Fgyazo.com",
    f"{WHOLE}#_=_",
    f"{REDIRECT}?iss=https%3A%2F%2Fgyazo.com&code=-Ab_9&state={STATE}",
    f"{REDIRECT}#code=-Ab_9&state={STATE}",
    WHOLE.replace("&", "&amp;"),
    WHOLE.replace("=", "=3D"),
    quote(WHOLE, safe=""),
    WHOLE.removeprefix("http://"),
    f"code=-Ab_9&state={STATE}",
    f"-Ab_9&state={STATE}",
]


@pytest.mark.parametrize("wrap", LINE_BREAKS + INVISIBLE)
def test_line_breaks_and_invisible_characters_are_removed_from_an_address(wrap):
    """At each position. An address contains none, so the repair is certain."""
    for position in range(len(WHOLE) + 1):
        assert read_paste(WHOLE[:position] + wrap + WHOLE[position:]) == ("-Ab_9", True)


@pytest.mark.parametrize("blank", BLANKS)
def test_blanks_are_removed_from_an_address_but_not_from_its_code(blank):
    """A blank inside the code may replace another character: the error says so."""
    start = WHOLE.index("-Ab_9")
    for position in range(len(WHOLE) + 1):
        text = WHOLE[:position] + blank + WHOLE[position:]
        if start < position < start + len("-Ab_9"):
            assert "blank inside" in refusal(text)
        else:
            assert read_paste(text) == ("-Ab_9", True)


@given(wrapped(GOOD, WRAPS))
def test_a_wrapped_redirect_yields_its_code_or_an_error(text):
    """Never another code, and never a code without a checked state."""
    with contextlib.suppress(PasteError):
        assert read_paste(text) == ("-Ab_9", True)


@given(st.text(), st.text())
def test_a_redirect_within_any_text_yields_its_code_or_an_error(before, after):
    """Text around an address does not become a part of the code."""
    with contextlib.suppress(PasteError):
        assert read_paste(before + WHOLE + after) == ("-Ab_9", True)


@given(wrapped([f"{REDIRECT}?state={STATE}&code=-Ab_9"], WRAPS))
def test_a_code_at_the_end_of_an_address_yields_that_code_or_an_error(text):
    """Text after it does not become a part of the code."""
    with contextlib.suppress(PasteError):
        assert read_paste(text) == ("-Ab_9", True)


@pytest.mark.parametrize(
    ("before", "after"), [*SURROUNDINGS, ("URL:", ""), ("**", "**"), ("", "。")]
)
def test_text_around_an_address_is_allowed(before, after):
    """Quotes of all languages, Markdown, HTML, Slack, a shell command, a mail."""
    assert read_paste(before + WHOLE + after) == ("-Ab_9", True)


@pytest.mark.parametrize(
    "text",
    [
        WHOLE.replace("&", "&#38;"),
        WHOLE.replace("&", "&#x26;"),
        f"&lt;{WHOLE.replace('&', '&amp;')}&gt;",
        WHOLE.replace("=", "=3D"),
        WHOLE[:50].replace("=", "=3D") + "=\n" + WHOLE[50:].replace("=", "=3D"),
        quote(WHOLE),
        quote(WHOLE, safe="")[:60] + "\n" + quote(WHOLE, safe="")[60:],
        f"view-source:{WHOLE}",
        WHOLE.replace("127.0.0.1", "127.0.0.1."),
        WHOLE.replace("callback", "%63all%62ack"),
    ],
)
def test_an_encoded_address_is_decoded(text):
    """HTML entities, the quoted-printable encoding of mails, percent-encoding."""
    assert read_paste(text) == ("-Ab_9", True)


@pytest.mark.parametrize("text", [WHOLE.replace("code=-Ab_9", "code=3DAb"), "code=3DAb"])
def test_a_code_that_begins_like_an_encoded_character_stays_whole(text):
    """Only the state proves the quoted-printable encoding."""
    assert read_paste(text)[0] == "3DAb"


@pytest.mark.parametrize(
    ("redirect_uri", "address"),
    [
        ("http://localhost/cb", "HTTP://LocalHost:80/cb"),
        ("https://example.com/cb", "https://example.com:443/cb"),
        ("https://example.com/cb", "https://EXAMPLE.com./cb"),
        ("https://bücher.example/cb", "https://xn--bcher-kva.example/cb"),
        ("https://xn--bcher-kva.example/cb", "https://BÜCHER.example/cb"),
        ("http://[::1]:8080/cb", "http://[0:0:0:0:0:0:0:1]:8080/cb"),
        ("http://[2001:db8::a]/cb", "http://[2001:DB8:0::A]:80/cb"),
        ("http://localhost/a~b/r%c3%bcck", "http://localhost/a%7Eb/rück"),
        ("com.example.app:/cb", "COM.example.app:/cb"),
        (OUT_OF_BAND, OUT_OF_BAND),
    ],
)
def test_another_spelling_of_the_redirect_uri_is_accepted(redirect_uri, address):
    """Case, default port, last dot, international names, IPv6, percent-encoding (RFC 3986 §6.2)."""
    assert read_paste(f"{address}?code=abc&state={STATE}", redirect_uri) == ("abc", True)


@pytest.mark.parametrize(
    ("redirect_uri", "address"),
    [
        ("http://localhost/cb", "http://localhost../cb"),
        ("http://localhost/cb", "http://localhost:8080/cb"),
        ("http://localhost/a/b", "http://localhost/a%2Fb"),
        ("http://localhost/cb", "http://localhost//cb"),
        ("http://localhost/cb", "http://localhost/./cb"),
        ("http://127.0.0.1/cb", "http://127.1/cb"),
        ("http://127.0.0.1/cb", "http://１２７.0.0.1/cb"),  # noqa: RUF001 -- full-width digits
        ("http://127.0.0.1/cb", "http://[::ffff:127.0.0.1]/cb"),
        ("http://[::1]/cb", "http://evil.example[::1]/cb"),
        ("http://[::1]/cb", "http://[::1]evil.example:80/cb"),
        ("https://strasse.example/cb", "https://straße.example/cb"),
        ("gyazocapture://oauth/cb", "gyazocapture://oauth:0/cb"),
        ("com.example.app:/cb", "com.example.app:cb"),
        ("com.example.app:/cb", "com.example.app:///cb"),
        ("com.example.app:/cb", "net.com.example.app:/cb"),
        (OUT_OF_BAND, f"{OUT_OF_BAND}:auto"),
    ],
)
def test_a_similar_address_is_refused(redirect_uri, address):
    """Where it is not certain that two addresses are the same, the address is refused."""
    assert refusal(f"{address}?code=EVIL&state={STATE}", redirect_uri)


_TOKEN68 = st.from_regex(r"[A-Za-z0-9._~+/-]{1,60}={0,2}", fullmatch=True)


@given(_TOKEN68, st.sampled_from(["", *WRAPS]), st.integers(0, 60))
def test_a_wrapped_bare_code_yields_that_code_or_an_error(code, wrap, position):
    """Line breaks are removed, and a blank is an error."""
    with contextlib.suppress(PasteError):
        assert read_paste(code[:position] + wrap + code[position:]) == (code, False)


@given(
    st.from_regex(r"[A-Za-z0-9_-]{43}", fullmatch=True), st.sampled_from(LINE_BREAKS + INVISIBLE)
)
def test_a_code_of_gyazo_is_read_wherever_it_is_wrapped(code, wrap):
    """Doorkeeper, the OAuth server of Gyazo, makes codes of 43 characters."""
    for position in range(len(code) + 1):
        assert read_paste(code[:position] + wrap + code[position:]) == (code, False)


@pytest.mark.parametrize("text", [*FOREIGN, LONGER_STATE, "two words", f"{WHOLE} {WHOLE}"])
def test_an_error_does_not_repeat_the_pasted_text(text):
    """It is one sentence with the next step, and it names only the redirect URI."""
    sentence = refusal(text).replace(REDIRECT, "")

    assert not re.search(r"EVIL|evil|WRONG|-Ab_9|8766", sentence)
    assert sentence.endswith(".")
    assert re.search(r": (?:\w+ )*(?:paste|open|copy|check|the right one)", sentence)


def test_every_format_character_without_a_width_is_removed():
    """Except those that are visible, such as the signs of Arabic numbers."""
    visible = "\u0600-\u0605\u06dd\u070f\u0890\u0891\u08e2\ufff9-\ufffb\U000110bd\U000110cd"
    visible = re.compile(f"[{visible}\U00013430-\U0001343f]")
    for character in map(chr, range(0x110000)):
        if unicodedata.category(character) == "Cf" and not visible.match(character):
            assert read_paste(f"a{character}{CODE}") == (f"a{CODE}", False)


def test_an_interrupt_does_not_hold_the_paste(monkeypatch):
    """Stop may come while the text is read: the traceback of the interrupt has no frame with the text."""

    def interrupt(entity):
        raise KeyboardInterrupt

    monkeypatch.setattr(paste, "unescape", interrupt)
    with pytest.raises(KeyboardInterrupt) as caught:
        read_paste("co&#100;e=-Ab_9")
    frames = [frame.frame for frame in caught.traceback if "gyazo_nb" in str(frame.path)]

    assert frames
    assert not [f for f in frames if "-Ab_9" in repr(dict(f.f_locals))]


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
