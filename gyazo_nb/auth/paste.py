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

from gyazo_nb.errors import DeniedError, PasteError
from gyazo_nb.secret import Secret
from gyazo_nb.settings import origin

LONGEST = 20_000  # characters: whatever is longer is a whole text, and no code

# Characters that are not seen but travel along in a copy.
_INVISIBLE = re.compile("[\u00ad\u180e\u200b-\u200f\u202a-\u202e\u2060-\u2064\u2066-\u206f\ufeff]")
_QUOTES = "\"'`<>«»‘’“”„‹›「」"  # noqa: RUF001 -- these are the characters meant
_WRAP = re.compile(r"[ \t]*+[\r\n\v\f\x85\u2028\u2029]+(?:> ?)?[ \t]*+")  # and a mail's quote mark
_URL = re.compile(r"(?<![A-Za-z0-9+.-])[A-Za-z][A-Za-z0-9+.-]*+://")
_PAIR = re.compile(r"(?:^|[?&#\s])(?:code|error|state)=")
_LABEL = re.compile(r"^(?:authorization )?code\s*:\s*", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Pasted:
    """The code that was found, and whether a `state` vouched for it."""

    code: Secret
    state_checked: bool


def read(
    pasted: Secret,
    *,
    redirect_uri: str,
    state: Secret,
    never: tuple[Secret, ...] = (),
    secrets: tuple[Secret, ...] = (),
) -> Pasted:
    """Find the authorization code in what was pasted.

    >>> read(Secret("code=abc"), redirect_uri="http://localhost/", state=Secret("s")).code.reveal()
    'abc'

    Takes the bare code, the whole address, `code=…` and `?code=…`, in quotes or angle brackets, with
    white space, invisible characters, wrapped lines or a fragment. `never` holds texts that are
    known to be something else, `secrets` those that may not even be a part of what is sent (the client
    secret, a token). Raises `PasteError` with what to do.
    """
    try:
        return _found(pasted.reveal(), redirect_uri, state, never, secrets)
    except PasteError as error:
        refusal = error.with_traceback(None)  # its frames hold what was pasted
    refusal.__context__ = None
    raise refusal


def _found(
    text: str,
    redirect_uri: str,
    state: Secret,
    never: tuple[Secret, ...],
    secrets: tuple[Secret, ...],
) -> Pasted:
    if len(text) > LONGEST:
        raise PasteError(_NO_CODE)
    text = _INVISIBLE.sub("", text).replace("\u00a0", " ").replace("\u3000", " ")
    text = text.strip().strip(_QUOTES).strip()
    if not text:
        raise PasteError("Nothing was pasted: copy the whole address that the browser shows.")
    if any(other and Secret(text) == other for other in never) or any(
        other and other.reveal() in text for other in secrets
    ):
        raise PasteError(
            "That is your client id, client secret or access token, not the code: it was not sent. "
            "Paste the address that your browser shows after you allowed the access."
        )
    try:
        if _is_address(text, redirect_uri):
            return _from_address(text, redirect_uri, state)
        text = _LABEL.sub("", unquote(_WRAP.sub("", text), errors="strict"))
        if _is_address(text, redirect_uri):  # it was percent-encoded as a whole
            return _from_address(text, redirect_uri, state)
        return Pasted(_code(text), state_checked=False)
    except ValueError:  # urlsplit's and unquote's word for "no such thing"
        raise PasteError(_NO_CODE) from None


def _is_address(text: str, redirect_uri: str) -> bool:
    scheme = f"{urlsplit(redirect_uri).scheme}:"
    return bool(_URL.search(text) or _PAIR.search(text) or text.lower().startswith(scheme))


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
    if len(found) > 1 or (found and found[0].count(redirect_uri) > 1):
        raise PasteError("There is more than one address in that: paste only the last one.")
    word = found[0] if found else next((w for w in words if _is_address(w, redirect_uri)), "")
    address = _as_address(word, redirect_uri)
    try:
        return _from_parts(urlsplit(address), redirect_uri, state)
    except PasteError:
        bare = address.rstrip(").,;]>")  # the end of a sentence, or of a Markdown link
        if bare == address:
            raise
        return _from_parts(urlsplit(bare), redirect_uri, state)


def _as_address(word: str, redirect_uri: str) -> str:
    """Spell a word as a whole address, or as a query where it is none."""
    scheme = urlsplit(redirect_uri).scheme
    before, query, _ = word.partition("?")
    start = _URL.search(before)
    if start:
        return word[start.start() :]
    if word.lower().startswith(f"{scheme}:"):
        return word  # a scheme of an app's own need not have //
    if query and before:
        return f"{scheme}://{word}"  # a browser may hide the scheme when a part is copied
    word = word.lstrip("?#&")
    # "The part after code=", with more behind it.
    return f"?{word}" if re.match(r"[a-z_]+=", word) else f"?code={word}"


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
    if redirect_uri.startswith("urn:") and parts.path.endswith("/oauth/authorize/native"):
        whole = False  # Gyazo's own page that shows the code; it drops the state
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
    return origin(parts.geturl()) == origin(redirect_uri) and unquote(parts.path or "/") == unquote(
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
    is_json = text.startswith("{") and text.endswith("}")
    if not text or not text.isascii() or not text.isprintable() or is_json:
        raise PasteError(_NO_CODE)
    return Secret(text)
