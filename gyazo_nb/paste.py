"""What a person pastes, read as an authorization code or as one sentence.

The law: any text at all gives a code or a `PasteError`, never another exception. The code's
alphabet and length are the server's business (RFC 6749 §4.1.2 allows every printable character), so
only what is plainly something else is refused. What came with a `state` is checked against ours;
a whole address must carry it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from urllib.parse import SplitResult, parse_qs, unquote, urlsplit

from .errors import DeniedError, PasteError
from .secret import Secret
from .site import origin

# Characters that are not seen but travel along in a copy.
_INVISIBLE = re.compile("[\u00ad\u180e\u200b-\u200f\u202a-\u202e\u2060-\u2064\u2066-\u206f\ufeff]")
_QUOTES = "\"'`<>«»‘’“”„‹›「」"  # noqa: RUF001 -- these are the characters meant
_WRAP = re.compile(r"[ \t]*[\r\n\v\f\x85\u2028\u2029]+[ \t]*")
_URL = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://")
_PAIR = re.compile(r"(?:^|[?&#\s])(?:code|error|state)=")


@dataclass(frozen=True, slots=True)
class Pasted:
    """The code that was found, and whether a `state` vouched for it."""

    code: Secret
    state_checked: bool


def read(
    pasted: Secret, *, redirect_uri: str, state: Secret, never: tuple[Secret, ...] = ()
) -> Pasted:
    """Find the authorization code in what was pasted.

    >>> read(Secret("code=abc"), redirect_uri="http://localhost/", state=Secret("s")).code.reveal()
    'abc'

    Takes the bare code, the whole address, `code=…` and `?code=…`, in quotes or angle brackets, with
    white space, invisible characters, wrapped lines or a fragment. `never` holds texts that are
    known to be something else (the client secret, a token). Raises `PasteError` with what to do.
    """
    text = _INVISIBLE.sub("", pasted.reveal()).replace("\u00a0", " ").replace("\u3000", " ")
    text = text.strip().strip(_QUOTES).strip()
    if not text:
        raise PasteError("Nothing was pasted: copy the whole address that the browser shows.")
    if any(Secret(text) == other for other in never if other):
        raise PasteError(
            "That is your client id, client secret or access token, not the code: it was not sent. "
            "Paste the address that your browser shows after you allowed the access."
        )
    try:
        if _URL.search(text) or _PAIR.search(text):
            return _from_address(text, redirect_uri, state)
        return Pasted(_code(unquote(_WRAP.sub("", text), errors="strict")), state_checked=False)
    except ValueError:  # urlsplit's and unquote's word for "no such thing"
        raise PasteError(_NO_CODE) from None


def carries(address: Secret, state: Secret) -> bool:
    """Whether an address is an answer to the sign-in of this `state`, yes or no."""
    try:
        values = parse_qs(urlsplit(address.reveal()).query, errors="strict")
    except ValueError:
        return False
    states = values.get("state", [])
    return (
        len(states) == 1 and Secret(states[0]) == state and bool({"code", "error"} & values.keys())
    )


_NO_CODE = (
    "There is no code in that: paste the whole address that your browser shows after you allowed "
    "the access, or just the part after code=."
)


def _from_address(text: str, redirect_uri: str, state: Secret) -> Pasted:
    """Read an address or a query: lines joined first, the first line alone if that fails."""
    joined = _WRAP.sub("", text).replace("&amp;", "&")
    try:
        return _from_words(joined.split(), redirect_uri, state)
    except DeniedError:
        raise
    except PasteError:
        lines = [line for line in _WRAP.split(text.replace("&amp;", "&")) if line]
        for line in lines if len(lines) > 1 else ():
            # One line may be the whole address, and the others something that was copied along.
            try:
                return _from_words(line.split(), redirect_uri, state)
            except PasteError:
                continue
        raise


def _from_words(words: list[str], redirect_uri: str, state: Secret) -> Pasted:
    """Choose the word that is the address; blanks cannot be part of one."""
    words = [word.strip(_QUOTES + ",;") for word in words]
    found = [word for word in words if _PAIR.search(word)]
    if len(found) > 1:
        raise PasteError("There is more than one address in that: paste only the last one.")
    word = found[0] if found else next((w for w in words if _URL.search(w)), "")
    start = _URL.search(word)
    if start:
        word = word[start.start() :]
    elif "?" in word and not word.startswith("?"):
        # A browser may hide the scheme when the address is copied in part.
        word = f"{urlsplit(redirect_uri).scheme}://{word}"
    else:
        word = "?" + word.lstrip("?#&")
    return _from_parts(urlsplit(word), redirect_uri, state)


def _from_parts(parts: SplitResult, redirect_uri: str, state: Secret) -> Pasted:
    whole = bool(parts.scheme)
    values = parse_qs(parts.query, keep_blank_values=True, errors="strict")
    if not {"code", "error"} & values.keys():
        # Some servers answer in the fragment.
        values |= parse_qs(parts.fragment, keep_blank_values=True, errors="strict")
    if (whole and "response_type" in values) or parts.path.endswith("/oauth/authorize"):
        raise PasteError(
            "That is the link itself, not its result: open it, allow the access, then copy the "
            "address that your browser shows at the end."
        )
    if whole and not _same_place(parts, redirect_uri):
        raise PasteError(
            f"That address is of another page: the right one begins with {redirect_uri}. "
            f"Allow the access first, then copy the address that your browser ends on."
        )
    states = values.get("state", [])
    checked = len(states) == 1 and Secret(states[0]) == state
    if states and not checked:
        raise PasteError(
            "That address belongs to another sign-in (its state is not this panel's): "
            "open the link of this panel, then paste the address that it ends on."
        )
    if "error" in values:
        raise _denied(values["error"][0])
    codes = values.get("code", [])
    if len(codes) > 1:
        raise PasteError(
            "There are two codes in that: open the link again and paste the new address."
        )
    if not codes or not codes[0]:
        raise PasteError(_NO_CODE)
    if whole and not checked:
        raise PasteError(
            "That address carries no state, so it cannot be told whether it belongs to this "
            "sign-in: open the link again, and paste the whole address that it ends on."
        )
    return Pasted(_code(codes[0]), state_checked=checked)


def _same_place(parts: SplitResult, redirect_uri: str) -> bool:
    """Compare scheme, host, port and path; an empty path and / are one (RFC 3986 §6.2.3)."""
    ours = urlsplit(redirect_uri)
    return origin(parts.geturl()) == origin(redirect_uri) and (parts.path or "/") == (
        ours.path or "/"
    )


def _denied(error: str) -> PasteError:
    """Word an error of RFC 6749 §4.1.2.1.

    The server's own description is not shown: without a checked `state` anybody may have written it.
    """
    if error == "access_denied":
        return DeniedError(
            "Access was denied on Gyazo's page: if you want to sign in, open the link again and "
            "choose to allow it."
        )
    name = re.sub(r"[^a-z_]", "", error)[:40] or "an error"
    return PasteError(
        f"Gyazo answered {name} instead of a code: check the application's client id and redirect "
        f"URI, then open the link again."
    )


def _code(text: str) -> Secret:
    """RFC 6749, appendix A.11: a code is made of visible ASCII characters and blanks."""
    text = text.strip()
    if not text or not text.isascii() or not text.isprintable():
        raise PasteError(_NO_CODE)
    return Secret(text)
