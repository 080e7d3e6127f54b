"""The parameters of the public methods: the same for both versions of a call, and named in errors.

Guarantees: a wrong call raises a `TypeError` that names the public method and the nearest right parameter.
A notebook shows it as one line.
A method that takes a token is not wrapped: the frame of a wrapper would show it in a traceback.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Coroutine, Mapping, Sequence
from functools import partial, wraps
from typing import Any, ParamSpec, TypeVar

from gyazo_nb.errors import did_you_mean

P = ParamSpec("P")
R = TypeVar("R")
C = TypeVar("C", bound=type)


def same_parameters(
    method: Callable[P, object],
) -> Callable[[Callable[..., Coroutine[Any, Any, R]]], Callable[P, Coroutine[Any, Any, R]]]:
    """Give an async method the parameters and the defaults of its blocking method.

    Long signatures are written once. Shift-Tab, completion and type checkers show and check them all.
    """
    signature = inspect.signature(method)

    def apply(
        async_method: Callable[..., Coroutine[Any, Any, R]],
    ) -> Callable[P, Coroutine[Any, Any, R]]:
        @wraps(async_method)
        async def call(*args: P.args, **kwargs: P.kwargs) -> R:
            try:
                bound = signature.bind(*args, **kwargs)
            except TypeError:
                raise _wrong_call(async_method, signature, args, kwargs) from None
            bound.apply_defaults()
            return await async_method(*bound.args, **bound.kwargs)

        returns = inspect.signature(async_method).return_annotation
        call.__signature__ = signature.replace(return_annotation=returns)  # type: ignore[attr-defined]  # read by inspect
        return call

    return apply


def explains_wrong_calls(cls: C) -> C:
    """Decorate a class: the `TypeError` of a wrong call names the nearest parameter."""
    for name, member in list(vars(cls).items()):
        if name.startswith("_") or not inspect.isfunction(member):
            continue
        if "token" not in inspect.signature(member).parameters:
            setattr(cls, name, _explained(member))
    return cls


def _explained(method: Callable[..., Any]) -> Callable[..., Any]:
    if inspect.iscoroutinefunction(method):

        @wraps(method)
        async def acall(*args: Any, **kwargs: Any) -> Any:
            __tracebackhide__ = True  # IPython and pytest leave out this frame
            try:
                return await method(*args, **kwargs)
            except TypeError as error:
                if not _is_wrong_call(error):
                    raise
                raise _wrong_call(method, inspect.signature(method), args, kwargs) from None

        return acall

    @wraps(method)
    def call(*args: Any, **kwargs: Any) -> Any:
        __tracebackhide__ = True  # as above
        try:
            return method(*args, **kwargs)
        except TypeError as error:
            if not _is_wrong_call(error):
                raise
            raise _wrong_call(method, inspect.signature(method), args, kwargs) from None

    return call


def _is_wrong_call(error: TypeError) -> bool:
    """Whether an error comes from the call itself. One from inside of the method has further frames."""
    return error.__traceback__ is not None and error.__traceback__.tb_next is None


def _wrong_call(
    method: Callable[..., Any],
    signature: inspect.Signature,
    args: Sequence[Any],
    kwargs: Mapping[str, Any],
) -> TypeError:
    """Return an error that IPython shows as one line, as it shows a `GyazoError`."""
    error = TypeError(_sentence(method.__qualname__, signature, args, kwargs))
    error._render_traceback_ = partial(_lines, str(error))  # type: ignore[attr-defined]  # read by IPython
    return error


def _lines(sentence: str) -> list[str]:
    return [f"\x1b[31mTypeError\x1b[0m: {sentence}"]


def _sentence(
    name: str, signature: inspect.Signature, args: Sequence[Any], kwargs: Mapping[str, Any]
) -> str:
    """Say what is wrong with a call, and name the parameter that the user means."""
    parameters = [key for key in signature.parameters if key != "self"]
    for key in kwargs:
        if key not in parameters:
            way = did_you_mean(key, parameters) or f"it has {', '.join(parameters) or 'none'}."
            return f"{name}() got an unexpected keyword argument {key!r}: {way}"
    try:
        signature.bind(*args, **kwargs)
    except TypeError as error:
        reason = str(error)
    if "too many" not in reason:  # an argument is missing, or given twice
        return f"{name}(): {reason}"
    keyword_only = inspect.Parameter.KEYWORD_ONLY
    named = [key for key in parameters if signature.parameters[key].kind is keyword_only]
    others = " and ".join(key for key in parameters if key not in named) or "no arguments"
    if not named:
        return f"{name}() takes {others}: leave out the other arguments."
    return f"{name}() takes {others} by position: name the other arguments, as in {named[0]}=…"
