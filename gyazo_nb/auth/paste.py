"""Reads the text that a user pastes: it yields an authorization code, or an error with the next step.

Guarantees:

- Any text yields a code or a `PasteError`, never another exception. The time is proportional to the length.
- Only a redirect of this sign-in, or a bare code, yields a code. A text with any sign of an address (such
  as `://`, `code=` or a port) is read as an address, and never as a bare code. The text is read once: after
  a refusal, no other part of it is tried.
- An address must have the scheme, user, host, port and path of the redirect URI, and the `state` of this
  sign-in. Every `state` in it must match. Unknown parameters are ignored (RFC 6749 §4.1.2).
- A blank or a line break cannot hide an address, because these checks ignore both.

How a text is read:

1. Invisible characters, quotes around the text, and the `>` of a quoted mail are removed. HTML entities,
   the quoted-printable encoding of mails, and percent-encoding of the whole address are undone.
2. Blanks and line breaks inside an address are removed, because an address has none. There is one
   exception: a blank inside the code is an error, because it may replace another character.
3. Text before and after one address is allowed. A blank or a line break in front of the scheme, and after
   the `state`, is the border of the address. Two texts have no certain border, and are errors: a word or
   more after a code that comes last, and an address with one single word behind it.
4. An address without its scheme, `code=…` and `code=…&state=…` must begin the text.
5. A bare code is one word of at least 20 of the characters that RFC 9110 (§11.2) names token68: a code has
   at least 128 bits (RFC 6749 §10.10). Several lines are one code if they have the form of a code of
   Doorkeeper, the OAuth server of Gyazo, or are lines of one length, of at least 20 characters, and a last
   line that is not longer. A shorter code, or one with other characters, is accepted in an address or
   after `code=` or `code:` only.
"""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass
from html import unescape
from typing import NamedTuple
from urllib.parse import parse_qs, quote, unquote, unquote_plus, urlsplit

from gyazo_nb.errors import DeniedError, PasteError
from gyazo_nb.secret import Secret, hides_frames
from gyazo_nb.settings import Site

MAX_PASTE_CHARACTERS = 20_000  # a longer text is a document, not a code
# For a text that is only a code. 20 of the 94 visible ASCII characters hold at least 128 bits.
MIN_CODE_CHARACTERS = 20
# A shorter client secret, such as that of a test server, may be a part of any other text.
MIN_SECRET_CHARACTERS = 16

_GYAZO = Site().auth_url

# Characters without a width that are copied together with a text: those that Unicode calls
# Default_Ignorable_Code_Point.
_INVISIBLE = re.compile(
    "[\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u202a-\u202e\u2060-\u206f"
    "\u3164\ufe00-\ufe0f\ufeff\uffa0\ufff0-\ufff8\U0001bca0-\U0001bca3\U0001d173-\U0001d17a"
    "\U000e0000-\U000e0fff]"
)
_CONTROL = re.compile(r"[^\s\x20-\x7e\xa0-\U0010ffff]")
_QUOTES = "\"'`<>«»‹›‘’‚‛“”„‟′″「」『』｢｣〈〉《》【】〝〞〟＂＇❛❜❝❞"  # noqa: RUF001 -- these are the characters meant
_LINE_BREAK = re.compile("[\n\r\v\f\x1c-\x1e\x85\u2028\u2029]")
_MAIL_QUOTE = re.compile(r"\n>[> \n]*")
_HTML_ENTITY = re.compile(r"&(?:#[0-9]{1,7}|#[xX][0-9A-Fa-f]{1,6}|[A-Za-z]{2,8});")
_SOFT_LINE_BREAK = re.compile(r"=\n")  # of quoted-printable
_QUOTED_PRINTABLE = re.compile(r"=([2-7][0-9A-Fa-f])")
_BROKEN_QUOTED_PRINTABLE = re.compile(r"=(?:[ \n]3[ \n]?|3[ \n])D")

_LABEL = re.compile(r"(?:authorization[ \n])?code(?: ?:[ \n]?|\n)", re.IGNORECASE)
_MAY_CONTINUE_STATE = re.compile(r"[ \n][\w-]+", re.ASCII)  # one word, and no other text
# A value may end with =, as in Base64. With = or ? inside, two texts were joined.
_PARAMETER_VALUE = re.compile(r"[^=?]*=*")

# The following patterns are for texts without blanks and line breaks.
_ADDRESS_SIGN = re.compile(
    r"://|www\.|:[0-9]+[/?#]|(?:code|state|error)=|[?&#][\w.\[\]%-]+=", re.IGNORECASE | re.ASCII
)
_RESULT_NAMES = frozenset({"code", "state", "error"})
_RESULT = re.compile(r"(?:code|state|error)=", re.IGNORECASE)
# Another parameter, whose value may be an address: `iss` (RFC 9207), `error_uri`, a `scope` of Google.
_OTHER_PARAMETER = re.compile(
    r"(?:^|[?&#])(?!(?:code|state|error)=)[\w.~-]+=[^&#]*", re.IGNORECASE | re.ASCII
)
_AUTHORIZE_LINK = re.compile(r"/oauth/authorize(?:[?#]|$)|[?&]response_type=")
_PART_OF_A_WORD = re.compile(r"[\w+.~?#&:-]$", re.ASCII)
_PART_OF_AN_ADDRESS = re.compile(r"[/@=\\%]$")
_PREFIX = re.compile(r"(?:view-source|url):$", re.IGNORECASE)
_PARAMETER_NAME = re.compile(r"(?:[\w.~\[\]-]|%[0-9A-Fa-f]{2})+", re.ASCII)
_DOORKEEPER_CODE = re.compile(r"[\w-]{43}|[0-9a-f]{64}", re.ASCII)
_TOKEN68 = re.compile(r"[A-Za-z0-9._~+/-]+=*")
_HOST_AND_PATH = re.compile(r"www\.|(?:localhost|[\w-]++(?:\.[\w-]++)++)/", re.IGNORECASE)
_PORT_AND_HOST = re.compile(r"(\[[0-9A-Fa-f:.]+\]|[^\[\]:]*)(?::[0-9]*)?")

# RFC 3986 §2. A text may continue after the address with any other character.
_URL_CHARACTERS = r"-A-Za-z0-9._~:/?#\[\]@!$&'()*+,;=%"
_URL_TEXT = re.compile(rf"[{_URL_CHARACTERS} \n]*")
_PUNCTUATION = ".,;:!?)]*'"  # the end of a sentence, or of a Markdown link

_NO_CODE = (
    "The pasted text contains no code: paste the whole address that your browser shows after you "
    "allow the access, or only the part after code=."
)
_BLANK_IN_CODE = (
    "The pasted code has a blank inside, so a part of it may be missing: copy it again in one piece, or "
    "paste the whole address that your browser shows."
)
_TOO_SHORT = (
    "This text is too short to be a code, so it was not sent: paste the whole address that your browser "
    "shows after you allow the access."
)
_WORDS_ON_LINES = (
    "The pasted text has several lines that do not form one code, so it was not sent: paste the whole "
    "address that your browser shows after you allow the access."
)
_TEXT_AFTER_CODE = (
    "Other text follows the code, so its end is not certain: paste only the address that your browser "
    "shows, without the text around it."
)
_TEXT_AFTER_ADDRESS = (
    "Another word follows the address, so its end is not certain: paste only the address that your "
    "browser shows."
)
_MORE_THAN_ONE_ADDRESS = (
    "The pasted text contains more than one address, or an address in pieces: paste only the last one, "
    "without the text around it."
)
_DAMAGED = (
    "The pasted address is damaged: copy the whole address from the address bar of your browser again, "
    "and paste only that."
)


@dataclass(frozen=True, slots=True)
class Pasted:
    """The code in a pasted text, and whether the text had the `state` of this sign-in."""

    code: Secret
    state_checked: bool


class _Place(NamedTuple):
    """An address, without its query, at which a sign-in can end."""

    url: str
    has_state: bool

    @property
    def prefix(self) -> str:
        """The scheme, and // if the address has a host. The scheme of an app may have none."""
        scheme, _, rest = self.url.partition(":")
        return f"{scheme}://" if rest.startswith("//") else f"{scheme}:"


class _Address(NamedTuple):
    """An address in a text. `query` is the text from its ? or # to the end of the whole text."""

    place: _Place | None  # None: the text is only a query
    query: str
    begins_text: bool


class _Parameter(NamedTuple):
    """A parameter of a query. Its value still has the blanks and line breaks, and is encoded."""

    name: str
    value: str
    is_last: bool


@hides_frames
def read(
    pasted: Secret,
    *,
    redirect_uri: str,
    state: Secret,
    auth_url: str = _GYAZO,
    not_codes: tuple[Secret, ...] = (),
    secrets: tuple[Secret, ...] = (),
) -> Pasted:
    """Find the authorization code in a pasted text.

    >>> read(Secret("code=abc"), redirect_uri="http://localhost/", state=Secret("s")).code.reveal()
    'abc'

    `secrets` are the client secret and tokens. A text that equals one of them or of `not_codes` is refused,
    and so is a text that contains a long secret. Raises `PasteError` with the next step. `auth_url` is the
    site whose page shows the code if the redirect URI is a URN.
    """
    text = pasted.reveal()
    if len(text) > MAX_PASTE_CHARACTERS or _CONTROL.search(text):
        raise PasteError(_NO_CODE)
    text = _without_decoration(text)
    if not text:
        raise PasteError(
            "The pasted text is empty: paste the whole address that your browser shows."
        )
    _check_not_secret(text, not_codes, secrets)
    _check_not_secret(_joined(text), not_codes, secrets)
    try:
        text = _decoded(text, state)
        places = _places(redirect_uri, auth_url)
        if _contains_address(_joined(text), places):
            found = _read_address(text, places, state)
        else:
            found = Pasted(_only_code(text), state_checked=False)
    except ValueError:  # from urlsplit or unquote
        raise PasteError(_NO_CODE) from None
    _check_not_secret(found.code.reveal(), not_codes, secrets)
    return found


@hides_frames
def is_redirect_of(address: Secret, state: Secret) -> bool:
    """Whether an address is the redirect of the sign-in with this `state`: with a code or an error."""
    try:
        values = parse_qs(urlsplit(address.reveal()).query)
    except ValueError:
        return False
    states = values.get("state", [])
    return (
        len(states) == 1 and Secret(states[0]) == state and bool({"code", "error"} & values.keys())
    )


def _places(redirect_uri: str, auth_url: str) -> tuple[_Place, ...]:
    """The addresses at which the sign-in can end: the redirect URI, or the page that shows the code."""
    redirect = _Place(redirect_uri.partition("?")[0], has_state=True)
    if not redirect_uri.startswith("urn:"):
        return (redirect,)
    sites = ["https://gyazo.com"] if auth_url == _GYAZO else []
    # Gyazo drops the state here, because no client receives this redirect.
    pages = [_Place(f"{site}/oauth/authorize/native", False) for site in (*sites, auth_url)]
    return (*pages, redirect)


# --- Decoration ---------------------------------------------------------------------------------------


def _without_decoration(text: str) -> str:
    """Remove invisible characters and quotes. Each gap becomes one line break, or one blank."""
    text = _INVISIBLE.sub("", text)
    text = re.sub(r"\s+", lambda gap: "\n" if _LINE_BREAK.search(gap[0]) else " ", text)
    return _MAIL_QUOTE.sub("\n", text).strip(_QUOTES + " \n")


def _joined(text: str) -> str:
    """Remove the blanks and line breaks. The result does not depend on the wrapping."""
    return text.replace(" ", "").replace("\n", "")


def _spaced(text: str) -> str:
    """A pattern that matches a text with blanks or line breaks inside."""
    return "[ \n]?".join(map(re.escape, text))


def _check_not_secret(
    text: str, not_codes: tuple[Secret, ...], secrets: tuple[Secret, ...]
) -> None:
    is_secret = Secret(text) in (*not_codes, *secrets)
    if is_secret or any(
        len(plain := secret.reveal()) >= MIN_SECRET_CHARACTERS and plain in text
        for secret in secrets
    ):
        raise PasteError(
            "This is your client id, client secret or access token, not the code. It was not sent. "
            "Paste the address that your browser shows after you allow the access."
        )


def _decoded(text: str, state: Secret) -> str:
    """Undo the encoding of HTML, of mails, and of an address that is a part of another one."""
    text = _without_decoration(_HTML_ENTITY.sub(lambda entity: unescape(entity[0]), text))
    joined = _joined(text)
    # Only the state proves this encoding: a value may also begin with 3D.
    if f"state=3D{state.reveal()}" in _SOFT_LINE_BREAK.sub("", text).replace("\n", ""):
        if _BROKEN_QUOTED_PRINTABLE.search(text):
            raise PasteError(_DAMAGED)
        text = _SOFT_LINE_BREAK.sub("", text)
        return _QUOTED_PRINTABLE.sub(lambda escape: chr(int(escape[1], 16)), text)
    if not _ADDRESS_SIGN.search(joined) and _ADDRESS_SIGN.search(unquote(joined, errors="strict")):
        spaced_escape = r"%[ \n]?([0-9A-Fa-f])[ \n]?([0-9A-Fa-f])"
        text = unquote(re.sub(spaced_escape, r"%\1\2", text), errors="strict")
        return _without_decoration(text)
    return text


# --- A bare code --------------------------------------------------------------------------------------


def _contains_address(joined: str, places: tuple[_Place, ...]) -> bool:
    """Whether a text has any sign of an address. Otherwise it may be a bare code."""
    return bool(_ADDRESS_SIGN.search(joined)) or joined.lower().startswith(
        tuple(place.prefix.lower() for place in places)
    )


def _only_code(text: str) -> Secret:
    """Read a text that is only a code, or a code after a label. Any other text is refused."""
    unlabeled = _LABEL.sub("", text, count=1)
    code = _bare_code(unlabeled)
    if unlabeled != text:
        return code
    if len(code.reveal()) < MIN_CODE_CHARACTERS:
        raise PasteError(_TOO_SHORT)
    *full_lines, last = unlabeled.split("\n")
    widths = {len(line) for line in full_lines}
    is_block = len(widths) <= 1 and max(MIN_CODE_CHARACTERS, len(last)) <= max(widths, default=0)
    if full_lines and not is_block and not _DOORKEEPER_CODE.fullmatch(code.reveal()):
        raise PasteError(_WORDS_ON_LINES)
    return code


def _bare_code(text: str) -> Secret:
    """Read a text that is only a code, and may be percent-encoded."""
    code = unquote(_joined(text), errors="strict")
    if not _TOKEN68.fullmatch(code) or _HOST_AND_PATH.match(code):
        raise PasteError(_NO_CODE)
    if " " in text:
        raise PasteError(_BLANK_IN_CODE)
    if code.endswith("."):
        raise PasteError(_TEXT_AFTER_CODE)
    return Secret(code)


# --- An address, or a part of one ---------------------------------------------------------------------


def _read_address(text: str, places: tuple[_Place, ...], state: Secret) -> Pasted:
    """Read a text that contains an address, or only its query."""
    joined = _joined(text)
    if _AUTHORIZE_LINK.search(joined) and not re.search(r"[?&#](?:code|error)=", joined):
        raise PasteError(
            "This is the link itself, not its result: open it, allow the access, then copy the "
            "address that your browser shows at the end. If Gyazo shows an error there, check the "
            "client id and the redirect URI in your settings."
        )
    if _OTHER_PARAMETER.sub("", joined).count("://") > 1:
        raise PasteError(_MORE_THAN_ONE_ADDRESS)
    address = _find_address(text, places)
    place = address.place
    parameters = _parameters(address, state)
    state_checked = _check_state(parameters, state)
    if errors := _named(parameters, "error"):
        raise _authorization_error(unquote_plus(_joined(errors[0].value)))
    code = _code(parameters, is_only_code=place is None and len(parameters) == 1)
    # A query has no state if the user copied only the code, but then it has no address either.
    if not state_checked and (
        "://" in unquote(joined, errors="replace") if place is None else place.has_state
    ):
        raise PasteError(
            "This address has no state, so it may belong to another sign-in: open the link again, and "
            "paste the whole address that your browser shows at the end."
        )
    return Pasted(code, state_checked=state_checked)


def _find_address(text: str, places: tuple[_Place, ...]) -> _Address:
    """Find the address, and check its place."""
    prefixes = "|".join([_spaced(place.prefix) for place in places])
    # After "=", it is the value of a parameter.
    start = re.search(rf"(?<!=)(?<!=[ \n])(?:{prefixes})", text, re.IGNORECASE | re.ASCII)
    if start:
        before = text[: start.start()]
        _check_text_before(before, places)
        address, query = _partition(text[start.start() :])
        return _Address(_check_place(address, places), query, begins_text=not before)
    if "://" in _OTHER_PARAMETER.sub("", _joined(text)):
        raise _other_place(places)
    address, query = _partition(text)
    if not address:
        return _Address(None, query, begins_text=True)
    if "=" in address or "&" in address:
        return _Address(None, f"?{text}", begins_text=True)
    # A browser may hide the scheme when a part of the address is copied.
    scheme = places[0].prefix if places[0].prefix.endswith("//") else ""
    return _Address(_check_place(scheme + address, places), query, begins_text=True)


def _partition(text: str) -> tuple[str, str]:
    """Split before the first ? or #. Without both, the address ends at the first gap."""
    mark = re.search("[?#]", text)
    if mark:
        return text[: mark.start()], text[mark.start() :]
    return (text if "=" in text or "&" in text else text.split(maxsplit=1)[0]), ""


def _check_text_before(before: str, places: tuple[_Place, ...]) -> None:
    """Check that an address begins here: that it does not belong to another address in front of it."""
    joined = _joined(before)
    if _ADDRESS_SIGN.search(joined):
        raise PasteError(_MORE_THAN_ONE_ADDRESS)
    is_attached = before[-1:].strip() and _PART_OF_A_WORD.search(joined)
    if _PART_OF_AN_ADDRESS.search(joined) or (is_attached and not _PREFIX.search(joined)):
        raise _other_place(places)


def _check_place(address: str, places: tuple[_Place, ...]) -> _Place:
    """Return the place that equals an address. Raises `PasteError` if there is none."""
    normalized = _normalized(_joined(address))
    for place in places:
        if normalized == _normalized(place.url):
            return place
    raise _other_place(places)


def _other_place(places: tuple[_Place, ...]) -> PasteError:
    return PasteError(
        f"This is the address of another page: the right one begins with {places[0].url}. "
        f"Allow the access first, then copy the address that your browser shows at the end."
    )


def _normalized(url: str) -> tuple[str, bool, str, str, int | None, str]:
    """Scheme, whether there is a host, user, host, port and path, in the normal form of RFC 3986 §6.2."""
    parts = urlsplit(url)
    user, at, host_and_port = parts.netloc.rpartition("@")
    host = _PORT_AND_HOST.fullmatch(host_and_port)
    if not host:
        raise ValueError("not a host and a port")
    port = {"http": 80, "https": 443}.get(parts.scheme) if parts.port is None else parts.port
    return (
        parts.scheme,
        url[len(parts.scheme) + 1 :].startswith("//"),
        user + at,
        _normalized_host(host[1]),
        port,
        normalized_path(parts.path or ("/" if parts.netloc else "")),
    )


def _normalized_host(host: str) -> str:
    if host.startswith("["):
        return ipaddress.IPv6Address(host[1:-1]).compressed
    host = host.lower().removesuffix(".")
    if host.isascii():
        return host
    encoded = host.encode("idna")
    # The codec replaces some characters by similar ones, which may name another host.
    return encoded.decode() if encoded.decode("idna") == host else host


def normalized_path(path: str) -> str:
    """Decode the characters that need no percent-encoding, and encode those that need it."""

    def normalized(escape: re.Match[str]) -> str:
        character = chr(int(escape[1], 16))
        is_unreserved = character.isascii() and (character.isalnum() or character in "-._~")
        return character if is_unreserved else escape[0].upper()

    path = re.sub("%([0-9A-Fa-f]{2})", normalized, path)
    return re.sub(r"[^\x00-\x7f]+", lambda text: quote(text[0]), path)


# --- The parameters of an address ---------------------------------------------------------------------


def _parameters(address: _Address, state: Secret) -> list[_Parameter]:
    """The parameters of the query, or those of the fragment: some servers put the result there."""
    text, after = _address_end(address.query, state)
    if _ADDRESS_SIGN.search(_joined(after)):
        raise PasteError(_MORE_THAN_ONE_ADDRESS)
    if address.begins_text and _MAY_CONTINUE_STATE.fullmatch(after):
        raise PasteError(_TEXT_AFTER_ADDRESS)
    if address.place is None:
        if after and not _joined(text).endswith(f"={state.reveal()}"):
            raise PasteError(_DAMAGED)
        text = "?" + text.lstrip("?#& \n")
        code, ampersand, _ = text[1:].partition("&")
        if ampersand and "=" not in code:  # the part after code=
            _bare_code(code)
            if "&state=" not in _joined(text).lower():
                raise PasteError(_DAMAGED)
            text = f"?code={text[1:]}"
    before, mark, fragment = text.partition("#")
    # If the text has no address, another parameter may contain one.
    any_value = address.place is not None
    query = before.removeprefix("?")
    in_query = _split_parameters(query, ends_text=not mark, allow_any_value=any_value)
    if "=" not in _joined(fragment).replace("_=_", ""):  # Facebook adds #_=_ to every redirect
        return in_query
    if in_query and (address.place is None or _RESULT.search(_joined(before))):
        raise PasteError(_DAMAGED)
    return _split_parameters(fragment, ends_text=True, allow_any_value=any_value)


def _address_end(query: str, state: Secret) -> tuple[str, str]:
    """Split the query from the text after the address."""
    end_of_state = re.compile(
        rf"[?&#][ \n]?(?i:{_spaced('state=')})[ \n]?{_spaced(state.reveal())}"
        rf"(?=[{re.escape(_PUNCTUATION)}]*+(?![{_URL_CHARACTERS}])(?![ \n]?[&#]))"
    ).search(query)
    end = end_of_state.end() if end_of_state else len(query)
    url_text = _URL_TEXT.match(query, 0, end)
    end = url_text.end() if url_text else 0
    return query[:end], query[end:]


def _split_parameters(text: str, *, ends_text: bool, allow_any_value: bool) -> list[_Parameter]:
    """Split a query. A part of another form shows that something was lost or added.

    With `allow_any_value`, unknown parameters may have any value.
    """
    parameters = []
    parts = text.split("&")
    for index, part in enumerate(parts):
        name, equals, value = part.partition("=")
        name = _joined(name)
        if not part.strip():
            continue
        if not equals or not _PARAMETER_NAME.fullmatch(name):
            raise PasteError(_DAMAGED)
        name = unquote_plus(name).strip().lower()
        is_unchecked = allow_any_value and name not in _RESULT_NAMES
        if not (is_unchecked or _PARAMETER_VALUE.fullmatch(value)):
            raise PasteError(_DAMAGED)
        parameters.append(_Parameter(name, value, ends_text and index == len(parts) - 1))
    return parameters


def _named(parameters: list[_Parameter], name: str) -> list[_Parameter]:
    return [parameter for parameter in parameters if parameter.name == name]


def _check_state(parameters: list[_Parameter], state: Secret) -> bool:
    """Return whether there is a `state`. Any other `state` than the one of this sign-in is refused."""
    states = _named(parameters, "state")
    if not states:
        return False
    found = Secret(unquote_plus(_joined(states[0].value), errors="strict"))
    if len(states) > 1 or found != state:
        raise PasteError(
            "This address belongs to another sign-in (its state is different): open the link of this "
            "sign-in, then paste the address that your browser shows at the end."
        )
    return True


def _authorization_error(error: str) -> PasteError:
    """Make the error for an `error` parameter (RFC 6749 §4.1.2.1).

    `error_description` is not shown: anyone can write one into an address without a `state`.
    """
    if error == "access_denied":
        return DeniedError(
            "Access was denied on Gyazo's page: to sign in, open the link again and allow the access."
        )
    if error in {"server_error", "temporarily_unavailable"}:
        return PasteError(
            f"Gyazo has a problem at the moment ({error}): wait a minute, then open the link again."
        )
    name = re.sub(r"[^a-z_]", "", error)[:40]
    shown = f"the error {name}" if name else "an error"
    return PasteError(
        f"Gyazo returned {shown} instead of a code: check the application's client id and redirect "
        f"URI, then open the link again."
    )


def _code(parameters: list[_Parameter], *, is_only_code: bool) -> Secret:
    """Read the one code. It consists of visible ASCII characters and blanks (RFC 6749, appendix A.11)."""
    codes = _named(parameters, "code")
    if len(codes) > 1:
        raise PasteError(
            "The pasted text contains more than one code: open the link again, and paste the new "
            "address."
        )
    if not codes or not _joined(codes[0].value):
        raise PasteError(_NO_CODE)
    value = codes[0].value
    if codes[0].is_last:
        if is_only_code and " " in value:
            raise PasteError(_BLANK_IN_CODE)
        if value.endswith(tuple(_PUNCTUATION)) or (value != _joined(value) and not is_only_code):
            raise PasteError(_TEXT_AFTER_CODE)
    if " " in value.strip():
        raise PasteError(_BLANK_IN_CODE)
    code = unquote_plus(_joined(value), errors="strict").strip()
    if not code or not code.isascii() or not code.isprintable():
        raise PasteError(_NO_CODE)
    if _ADDRESS_SIGN.search(unquote(code)):
        raise PasteError(_DAMAGED)
    return Secret(code)
