"""Text that is used and never shown: tokens, codes, the client secret, `state`, the verifier.

The law: `reveal()` is the only way out, and it is called where the text leaves the process.
Printing, formatting, logging, `vars()`, pickling and `%store` give a mask or an error.
"""

from __future__ import annotations

import hmac
from collections.abc import Callable
from typing import NoReturn, Self, SupportsIndex


class Secret:
    """Text that hides itself.

    >>> Secret("s3cr3t")
    Secret('***')
    >>> Secret("s3cr3t").reveal()
    's3cr3t'
    """

    # A closure, not an attribute: debuggers and variable inspectors list attributes with values.
    __slots__ = ("_read",)

    def __init__(self, text: str) -> None:
        self._read: Callable[[], str] = lambda: text

    @classmethod
    def of(cls, text: str | Secret) -> Secret:
        """Hide `text`, unless it is hidden already."""
        return text if isinstance(text, Secret) else cls(text)

    def reveal(self) -> str:
        """Give the text itself. Search the code for this word to see where secrets leave."""
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
        # In constant time: how far a guess was right must not show.
        return hmac.compare_digest(
            self._read().encode("utf-8", "surrogatepass"),
            other.reveal().encode("utf-8", "surrogatepass"),
        )

    # A hash would be a fingerprint of the text that a program could show by accident.
    __hash__ = None  # type: ignore[assignment]

    def __copy__(self) -> Self:
        return self

    def __deepcopy__(self, memo: dict[int, object]) -> Self:
        return self

    def __reduce_ex__(self, protocol: SupportsIndex) -> NoReturn:
        raise TypeError("a Secret is not written anywhere: it cannot be pickled or %store'd")
