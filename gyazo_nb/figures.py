"""Which matplotlib figure a thing belongs to: an Axes, a seaborn grid, what a plotting call returned.

The law: matplotlib is not imported. A figure is what can `savefig`; whatever leads to one, by an
attribute or as a member, stands for it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from typing import Any

from .errors import PictureError

# Seaborn's grids know their figure, scikit-learn's displays theirs; a Colorbar knows its Axes, and
# what `pie` and `streamplot` return knows nothing but the artists.
_LEADS = ("figure", "fig", "figure_", "ax", "wedges", "lines")
_NO_MEMBERS = (str, bytes, bytearray, memoryview, range)
_DEEP = 8  # steps from a thing to its figure; a list may hold itself


def figure_of(thing: Any) -> Any:
    """The figure that a thing belongs to; None without one.

    >>> figure_of(figure.axes) is figure               # doctest: +SKIP
    True
    """
    figures = figures_of(thing)
    if len(figures) > 1:
        raise PictureError(
            f"There are {len(figures)} figures in this {type(thing).__name__}: give one of them, or all "
            f"to upload_all."
        )
    return figures[0] if figures else None


def figures_of(thing: Any) -> list[Any]:
    """All figures that a thing or its members belong to, each once.

    >>> figures_of([figure, figure.axes[0], 5]) == [figure]    # doctest: +SKIP
    True
    """
    return list({id(figure): figure for figure in _figures(thing, _DEEP)}.values())


def _figures(thing: Any, steps: int) -> Iterator[Any]:
    if not steps:
        return
    if getattr(getattr(thing, "dtype", None), "kind", "") == "O" and hasattr(thing, "tolist"):
        thing = thing.tolist()  # an array of Axes, a Series of them
    if isinstance(thing, Mapping):  # what `boxplot` and `subplot_mosaic` return
        thing = list(thing.values())
    if isinstance(thing, Sequence) and not isinstance(thing, _NO_MEMBERS):
        for one in thing:
            yield from _figures(one, steps - 1)
        return
    inner = _next(thing)
    if inner is not None and inner is not thing:
        yield from _figures(inner, steps - 1)
    elif callable(getattr(thing, "savefig", None)):
        yield thing


def _next(thing: Any) -> Any:
    for name in _LEADS:
        inner = None
        with suppress(Exception):  # a property of somebody's that fails leads to no figure
            inner = getattr(thing, name, None)
        if inner is not None and not callable(inner):  # pyplot.figure is a function
            return inner
    if callable(getattr(thing, "get_figure", None)) and not isinstance(thing, type):
        return thing.get_figure()
    return None
