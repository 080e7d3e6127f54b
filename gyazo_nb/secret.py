"""`Secret` holds text that must not be shown: tokens, codes, the client secret, `state`, the verifier.

Guarantees:

- Only `reveal()` returns the text. It is called where the text leaves the process. Printing, formatting,
  logging, `vars()`, pickling and `%store` produce a mask or an error.
- A traceback contains no frame of a function that handles the text: each of them is decorated with
  `hides_frames`. Tools such as rich and error reporters show the local variables of all frames.
"""

from __future__ import annotations

import hmac
import inspect
from collections.abc import Callable
from functools import wraps
from typing import Any, NoReturn, ParamSpec, Self, SupportsIndex, TypeVar, cast

from .errors import GyazoError

P = ParamSpec("P")
T = TypeVar("T")


class Secret:
    """Text with a masked repr.

    >>> Secret("s3cr3t")
    Secret('***')
    >>> Secret("s3cr3t").reveal()
    's3cr3t'
    """

    # A method of the text itself: a debugger shows the values of attributes, and a traceback the variables
    # of a function that is written in Python.
    __slots__ = ("_read",)

    def __init__(self, text: str) -> None:
        read = str.__str__(text).__str__ if isinstance(text, str) else None  # type: ignore[redundant-expr]
        del text  # before an error: a traceback shows arguments
        if read is None:
            raise TypeError("Secret() takes a str")
        self._read: Callable[[], str] = read

    @classmethod
    def of(cls, text: str | Secret) -> Secret:
        """Wrap `text` in a `Secret`, unless it already is one."""
        return text if isinstance(text, Secret) else cls(text)

    @classmethod
    def or_none(cls, value: object) -> Secret | None:
        """Same as `of`, but None for an object that is not a text, so that the caller can raise an error.

        A function that receives a text from its caller replaces it first: `text = Secret.or_none(text)`.
        """
        return cls.of(value) if isinstance(value, str | Secret) else None

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
            "A Secret cannot be pickled or saved with %store: that would write it to a file."
        )


def hides_frames(function: Callable[P, T]) -> Callable[P, T]:
    """Decorate a function that handles plain text: its errors and interrupts show none of its frames.

    The arguments must not be plain text, because the frame of the decorator shows them. A `GyazoError`,
    an interrupt and a `MemoryError` stay, without the errors before them. Any other error may contain the
    text (as `UnicodeDecodeError` does), so a `RuntimeError` with its class and line replaces it.
    """
    if inspect.iscoroutinefunction(function):
        return cast("Callable[P, T]", _hides_frames_async(function))

    @wraps(function)
    def call(*args: P.args, **kwargs: P.kwargs) -> T:
        try:
            try:
                return function(*args, **kwargs)
            except BaseException as error:  # noqa: BLE001 -- raised below
                outcome = _without_frames(error)
        except BaseException as interrupt:  # noqa: BLE001 -- it arrived in the handler above
            outcome = _without_frames(interrupt)
        try:
            raise outcome
        finally:
            del outcome  # the error refers to this frame

    return call


def _hides_frames_async(function: Callable[..., Any]) -> Callable[..., Any]:
    @wraps(function)
    async def call(*args: Any, **kwargs: Any) -> Any:
        try:
            try:
                return await function(*args, **kwargs)
            except BaseException as error:  # noqa: BLE001 -- as above
                outcome = _without_frames(error)
        except BaseException as interrupt:  # noqa: BLE001 -- as above
            outcome = _without_frames(interrupt)
        try:
            raise outcome
        finally:
            del outcome

    return call


def _without_frames(error: BaseException) -> BaseException:
    if isinstance(error, Exception) and not isinstance(error, GyazoError | MemoryError):
        frames = error.__traceback__
        while frames is not None and frames.tb_next is not None:
            frames = frames.tb_next
        place = (
            f" in {frames.tb_frame.f_code.co_filename}, line {frames.tb_lineno}" if frames else ""
        )
        error = RuntimeError(
            f"Unexpected {type(error).__name__}{place} (its text is hidden, because it may contain a "
            f"secret): please report this as a bug of gyazo_nb."
        )
    error.__traceback__ = error.__context__ = error.__cause__ = None
    return error
