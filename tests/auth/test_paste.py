"""What a person pastes gives a code or one sentence, never another exception."""

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


def find(text, redirect_uri=REDIRECT):
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
def test_a_code_alone_is_taken_unchecked(text, code):
    """A bare code, or code=…, in whatever wrapping; nothing can be said about its state."""
    assert find(text) == (code, False)


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
def test_a_whole_address_is_taken_and_its_state_checked(text):
    """The address as the browser shows it, and as copies of it come out."""
    assert find(text) == ("-Ab_9", True)


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
def test_every_form_of_redirect_uri_is_recognised(redirect_uri):
    """Ports, paths, other schemes, IPv6; an empty path and / are one."""
    base = redirect_uri.lower()
    base = f"{base}/" if base.count("/") == 2 else base
    text = f"{base}{'&' if '?' in base else '?'}code=abc&state={STATE}"

    assert find(text, redirect_uri) == ("abc", True)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "Nothing was pasted"),
        (" \n\t\u200b ", "Nothing was pasted"),
        ('""', "Nothing was pasted"),
        (f"{REDIRECT}?error=access_denied&state={STATE}", "Access was denied"),
        ("error=access_denied&error_description=x", "Access was denied"),
        (f"{REDIRECT}?error=invalid_scope&state={STATE}", "invalid_scope"),
        (f"{REDIRECT}?error=%3Cscript%3E&state={STATE}", "script"),
        (f"{WHOLE}&code=other", "two codes"),
        ("code=a&code=b", "two codes"),
        (f"{WHOLE} {WHOLE}", "more than one"),
        (f"{WHOLE}{WHOLE}", "more than one"),
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
def test_anything_else_gets_a_sentence(text, words):
    """Each thing that people paste by mistake is named, with what to do next."""
    with pytest.raises(PasteError, match=words) as caught:
        find(text)

    assert STATE not in str(caught.value)
    assert str(caught.value).count("\n") == 0


def test_a_denial_is_told_apart():
    """Whoever handles errors can tell that the person said no."""
    with pytest.raises(DeniedError):
        find(f"{REDIRECT}?error=access_denied&state={STATE}")


def test_the_servers_own_words_are_not_shown():
    """Anybody can write an error_description into an address."""
    with pytest.raises(DeniedError) as caught:
        find("error=access_denied&error_description=send+your+token+to+evil.example")

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
def test_a_known_secret_is_recognised_and_not_taken(text):
    """The client secret pasted by mistake is not sent as a code, nor as a part of one."""
    with pytest.raises(PasteError, match="not the code"):
        read(
            Secret(text),
            redirect_uri=REDIRECT,
            state=Secret(STATE),
            never=(Secret(""), Secret("the-client-id")),
            secrets=(Secret(""), Secret("the-client-secret")),
        )


def test_the_page_that_shows_the_code_is_taken_out_of_band():
    """With the out-of-band URN, Gyazo's own page has the code in its address, and no state."""
    page = "https://gyazo.com/oauth/authorize/native?code=abc"

    assert find(page, "urn:ietf:wg:oauth:2.0:oob") == ("abc", False)


@pytest.mark.parametrize(
    "text", ["a" + " " * 19_000 + "b", "a" * 19_000, "http://" * 2_500, "\n" * 19_999]
)
def test_a_large_paste_is_read_at_once(text):
    """The time grows with the length and not with its square: a kernel must not freeze."""
    began = time.process_time()
    with contextlib.suppress(PasteError):
        find(text)

    assert time.process_time() - began < 2


def test_a_refusal_holds_nothing_of_what_was_pasted():
    """Not even its frames, which a verbose traceback of somebody else's error would print."""
    with pytest.raises(PasteError) as caught:
        find(f"{REDIRECT}?code=abc&state=wrong")
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
def test_any_text_gives_a_code_or_a_sentence(text):
    """No text at all raises anything but PasteError, and a code is never empty."""
    with contextlib.suppress(PasteError):
        code, _ = find(text)
        assert code.isascii()
        assert code.strip()
