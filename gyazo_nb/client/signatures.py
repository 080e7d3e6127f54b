"""The parameters of the public methods, written once for the blocking and the async version of a call.

Guarantees: Shift-Tab, completion and type checkers show and check all parameters of both versions.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Coroutine
from functools import wraps
from typing import Any, ParamSpec, TypeVar

P = ParamSpec("P")
R = TypeVar("R")


def same_parameters(
    method: Callable[P, object],
) -> Callable[[Callable[..., Coroutine[Any, Any, R]]], Callable[P, Coroutine[Any, Any, R]]]:
    """Give an async method the parameters and the defaults of its blocking method."""
    signature = inspect.signature(method)

    def apply(
        async_method: Callable[..., Coroutine[Any, Any, R]],
    ) -> Callable[P, Coroutine[Any, Any, R]]:
        @wraps(async_method)
        async def call(*args: P.args, **kwargs: P.kwargs) -> R:
            try:
                bound = signature.bind(*args, **kwargs)
            except TypeError as error:
                raise TypeError(f"{async_method.__qualname__}() {error}") from None
            bound.apply_defaults()
            return await async_method(*bound.args, **bound.kwargs)

        returns = inspect.signature(async_method).return_annotation
        call.__signature__ = signature.replace(return_annotation=returns)  # type: ignore[attr-defined]  # read by inspect
        return call

    return apply
