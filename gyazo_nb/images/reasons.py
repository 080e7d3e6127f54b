"""The reason of an error of another library, as a part of our sentence."""

from __future__ import annotations

import textwrap

_MAX_LENGTH = 500  # the last words are often the remedy


def reason_of(error: BaseException) -> str:
    r"""Return the text of an error in one line. A long text is cut between two words.

    >>> reason_of(ValueError("bad value.\n\nPass a number."))
    'bad value. Pass a number'
    """
    return textwrap.shorten(str(error), _MAX_LENGTH, placeholder=" …").rstrip(".")
