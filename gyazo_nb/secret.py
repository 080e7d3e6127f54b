"""`Secret` holds text that must not be shown: tokens, codes, the client secret, `state`, the verifier.

Guarantees: only `reveal()` returns the text. It is called where the text leaves the process. Printing,
formatting, logging, `vars()`, pickling and `%store` produce a mask or an error.
"""

from __future__ import annotations

import hmac
from collections.abc import Callable
from typing import NoReturn, Self, SupportsIndex


class Secret:
    """Text with a masked repr.

    >>> Secret("s3cr3t")
    Secret('***')
    >>> Secret("s3cr3t").reveal()
    's3cr3t'
    """

    # The text is in a closure: debuggers and variable inspectors show the values of attributes.
    __slots__ = ("_read",)

    def __init__(self, text: str) -> None:
        self._read: Callable[[], str] = lambda: text

    @classmethod
    def of(cls, text: str | Secret) -> Secret:
        """Wrap `text` in a `Secret`, unless it already is one."""
        return text if isinstance(text, Secret) else cls(text)

    def reveal(self) -> str:
        """Return the text. Search the code for `reveal` to find each place that uses a secret."""
        return self._read()

    def __repr__(self) -> str:
        return "Secret('***')"

    __str__ = __repr__

    def __format__(self, spec: str) -> str:
        return repr(self)

    def __bool__(self) -> bool:
        return bool(self._read())

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Secret):
            return NotImplemented
        # In constant time: the duration must not show how many characters of a guess are right.
        return hmac.compare_digest(
            self._read().encode("utf-8", "surrogatepass"),
            other.reveal().encode("utf-8", "surrogatepass"),
        )

    # A hash would be a fingerprint of the text, which a program could show by accident.
    __hash__ = None  # type: ignore[assignment]

    def __copy__(self) -> Self:
        return self

    def __deepcopy__(self, memo: dict[int, object]) -> Self:
        return self

    def __reduce_ex__(self, protocol: SupportsIndex) -> NoReturn:
        raise TypeError(
            "a Secret cannot be pickled or saved with %store: that would write it to a file"
        )
