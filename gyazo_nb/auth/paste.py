"""Reads the text that a user pastes: it yields an authorization code, or an error with the next step.

Guarantees:

- Any text yields a code or a `PasteError`, never another exception.
- A `state` in the text must be the `state` of this sign-in. A whole address must have one.
- A code may have any length and any printable character, as RFC 6749 §4.1.2 allows. Only a text that
  is plainly something else is refused.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from urllib.parse import SplitResult, parse_qs, unquote, urlsplit

from gyazo_nb.errors import DeniedError, PasteError
from gyazo_nb.secret import Secret
from gyazo_nb.settings import origin

MAX_PASTE_CHARACTERS = 20_000  # a longer text is a document, not a code

# Invisible characters that are copied together with a text.
_INVISIBLE = re.compile("[\u00ad\u180e\u200b-\u200f\u202a-\u202e\u2060-\u2064\u2066-\u206f\ufeff]")
_QUOTES = "\"'`<>«»‘’“”„‹›「」"  # noqa: RUF001 -- these are the characters meant
# With the blanks around it, and with the quote mark of a mail.
_LINE_BREAK = re.compile(r"[ \t]*+[\r\n\v\f\x85\u2028\u2029]+(?:> ?)?[ \t]*+")
_URL_START = re.compile(r"(?<![A-Za-z0-9+.-])[A-Za-z][A-Za-z0-9+.-]*+://")
_PARAMETER = re.compile(r"(?:^|[?&#\s])(?:code|error|state)=")
_LABEL = re.compile(r"^(?:authorization )?code\s*:\s*", re.IGNORECASE)

_NO_CODE = (
    "The pasted text contains no code: paste the whole address that your browser shows after you "
    "allow the access, or only the part after code=."
)


@dataclass(frozen=True, slots=True)
class Pasted:
    """The code in a pasted text, and whether the text had the `state` of this sign-in."""

    code: Secret
    state_checked: bool


def read(
    pasted: Secret,
    *,
    redirect_uri: str,
    state: Secret,
    not_codes: tuple[Secret, ...] = (),
    secrets: tuple[Secret, ...] = (),
) -> Pasted:
    """Find the authorization code in a pasted text.

    >>> read(Secret("code=abc"), redirect_uri="http://localhost/", state=Secret("s")).code.reveal()
    'abc'

    Accepts the bare code, the whole address, `code=…` and `?code=…`. Quotes, angle brackets, white space,
    invisible characters, line breaks and a fragment are allowed. A text that equals one of `not_codes`,
    or contains one of `secrets` (the client secret, a token), is refused. Raises `PasteError` with the
    next step.
    """
    try:
        return _read_text(pasted.reveal(), redirect_uri, state, not_codes, secrets)
    except PasteError as error:
        refusal = error.with_traceback(None)  # the frames hold the pasted text
    refusal.__context__ = None
    raise refusal


def is_redirect_of(address: Secret, state: Secret) -> bool:
    """Whether an address is the redirect of the sign-in with this `state`: with a code or an error."""
    try:
        values = parse_qs(urlsplit(address.reveal()).query, errors="strict")
    except ValueError:
        return False
    states = values.get("state", [])
    return (
        len(states) == 1 and Secret(states[0]) == state and bool({"code", "error"} & values.keys())
    )


def _read_text(
    text: str,
    redirect_uri: str,
    state: Secret,
    not_codes: tuple[Secret, ...],
    secrets: tuple[Secret, ...],
) -> Pasted:
    if len(text) > MAX_PASTE_CHARACTERS:
        raise PasteError(_NO_CODE)
    text = _INVISIBLE.sub("", text).replace("\u00a0", " ").replace("\u3000", " ")
    text = text.strip().strip(_QUOTES).strip()
    if not text:
        raise PasteError(
            "The pasted text is empty: paste the whole address that your browser shows."
        )
    if any(other and Secret(text) == other for other in not_codes) or any(
        secret and secret.reveal() in text for secret in secrets
    ):
        raise PasteError(
            "This is your client id, client secret or access token, not the code. It was not sent. "
            "Paste the address that your browser shows after you allow the access."
        )
    try:
        if _contains_address(text, redirect_uri):
            return _read_address(text, redirect_uri, state)
        text = _LABEL.sub("", unquote(_LINE_BREAK.sub("", text), errors="strict"))
        if _contains_address(text, redirect_uri):  # the whole address was percent-encoded
            return _read_address(text, redirect_uri, state)
        return Pasted(_checked_code(text), state_checked=False)
    except ValueError:  # from urlsplit, parse_qs or unquote
        raise PasteError(_NO_CODE) from None


def _contains_address(text: str, redirect_uri: str) -> bool:
    """Whether a text contains an address, or a parameter of one. Otherwise it may be a bare code."""
    scheme = f"{urlsplit(redirect_uri).scheme}:"
    return bool(
        _URL_START.search(text) or _PARAMETER.search(text) or text.lower().startswith(scheme)
    )


def _read_address(text: str, redirect_uri: str, state: Secret) -> Pasted:
    """Read a text that contains an address: first with its lines joined, then line by line."""
    joined = _LINE_BREAK.sub("", text).replace("&amp;", "&")
    try:
        return _read_words(joined.split(), redirect_uri, state)
    except DeniedError:
        raise
    except PasteError:
        lines = [line for line in _LINE_BREAK.split(text.replace("&amp;", "&")) if line]
        # One line may be the whole address, and the others text around it.
        for line in lines if len(lines) > 1 else ():
            try:
                return _read_words(line.split(), redirect_uri, state)
            except PasteError:
                continue
        raise


def _read_words(words: list[str], redirect_uri: str, state: Secret) -> Pasted:
    """Find the word that is the address, and read it. An address contains no blanks."""
    words = [word.strip(_QUOTES + ",;") for word in words]
    found = [word for word in words if _PARAMETER.search(word)]
    if len(found) > 1 or (found and found[0].count(redirect_uri) > 1):
        raise PasteError("The pasted text contains more than one address: paste only the last one.")
    word = found[0] if found else next((w for w in words if _contains_address(w, redirect_uri)), "")
    address = _complete(word, redirect_uri)
    try:
        return _read_parts(urlsplit(address), redirect_uri, state)
    except PasteError:
        shorter = address.rstrip(").,;]>")  # the end of a sentence, or of a Markdown link
        if shorter == address:
            raise
        return _read_parts(urlsplit(shorter), redirect_uri, state)


def _complete(word: str, redirect_uri: str) -> str:
    """Turn a word into a whole address, or into a query if it has no address."""
    scheme = urlsplit(redirect_uri).scheme
    before, query, _ = word.partition("?")
    start = _URL_START.search(before)
    if start:
        return word[start.start() :]
    if word.lower().startswith(f"{scheme}:"):
        return word  # the scheme of an app may have no //
    if query and before:
        return f"{scheme}://{word}"  # a browser may hide the scheme when a part is copied
    word = word.lstrip("?#&")
    # Without a name in front, it is the text after "code=", with further parameters.
    return f"?{word}" if re.match(r"[a-z_]+=", word) else f"?code={word}"


def _read_parts(parts: SplitResult, redirect_uri: str, state: Secret) -> Pasted:
    """Check an address, or a query without an address, and return its code."""
    values = _parameters(parts)
    _check_not_authorize_link(parts, values)
    is_address = bool(parts.scheme) and not _is_code_page(parts, redirect_uri)
    if is_address:
        _check_redirect_uri(parts, redirect_uri)
    state_checked = _check_state(values, state)
    if "error" in values:
        raise _authorization_error(values["error"][0])
    code = _only_code(values)
    if is_address and not state_checked:
        raise PasteError(
            "This address has no state, so it may belong to another sign-in: open the link again, and "
            "paste the whole address that your browser shows at the end."
        )
    return Pasted(_checked_code(code), state_checked=state_checked)


def _parameters(parts: SplitResult) -> dict[str, list[str]]:
    """The parameters of the query, and those of the fragment if the query has no result."""
    values = parse_qs(parts.query, keep_blank_values=True, errors="strict")
    if not {"code", "error"} & values.keys():
        # Some servers put the result into the fragment.
        values |= parse_qs(parts.fragment, keep_blank_values=True, errors="strict")
    return values


def _check_not_authorize_link(parts: SplitResult, values: dict[str, list[str]]) -> None:
    if (parts.scheme and "response_type" in values) or parts.path.endswith("/oauth/authorize"):
        raise PasteError(
            "This is the link itself, not its result: open it, allow the access, then copy the "
            "address that your browser shows at the end."
        )


def _is_code_page(parts: SplitResult, redirect_uri: str) -> bool:
    """Whether it is the page on which Gyazo itself shows the code. Its address has no `state`."""
    return redirect_uri.startswith("urn:") and parts.path.endswith("/oauth/authorize/native")


def _check_redirect_uri(parts: SplitResult, redirect_uri: str) -> None:
    """Compare scheme, host, port and path. An empty path equals / (RFC 3986 §6.2.3)."""
    expected = urlsplit(redirect_uri)
    if origin(parts.geturl()) != origin(redirect_uri) or (
        unquote(parts.path or "/") != unquote(expected.path or "/")
    ):
        raise PasteError(
            f"This is the address of another page: the right one begins with {redirect_uri}. "
            f"Allow the access first, then copy the address that your browser shows at the end."
        )


def _check_state(values: dict[str, list[str]], state: Secret) -> bool:
    """Return whether there is a `state`. Any other `state` than the one of this sign-in is refused."""
    states = values.get("state", [])
    if not states:
        return False
    if len(states) > 1 or Secret(states[0]) != state:
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
    name = re.sub(r"[^a-z_]", "", error)[:40]
    shown = f"the error {name}" if name else "an error"
    return PasteError(
        f"Gyazo returned {shown} instead of a code: check the application's client id and redirect "
        f"URI, then open the link again."
    )


def _only_code(values: dict[str, list[str]]) -> str:
    codes = values.get("code", [])
    if len(codes) > 1:
        raise PasteError(
            "The pasted text contains more than one code: open the link again, and paste the new "
            "address."
        )
    if not codes or not codes[0]:
        raise PasteError(_NO_CODE)
    return codes[0]


def _checked_code(text: str) -> Secret:
    """Hide a code. It consists of visible ASCII characters and blanks (RFC 6749, appendix A.11)."""
    text = text.strip()
    is_json = text.startswith("{") and text.endswith("}")
    if not text or not text.isascii() or not text.isprintable() or is_json:
        raise PasteError(_NO_CODE)
    return Secret(text)
