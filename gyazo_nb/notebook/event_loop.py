"""Runs a coroutine inside a running event loop, as a kernel's is.

Guarantees: the event loop is patched in `run` only, when it is needed, by nest-asyncio2. The archived
nest_asyncio makes ipykernel 7 lose queued cells.
"""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

T = TypeVar("T")


def run(coroutine: Coroutine[Any, Any, T]) -> T:
    """Run a coroutine to its end, also where an event loop is running already (in every notebook).

    >>> run(gyazo.ame()).name                              # doctest: +SKIP
    """
    try:
        loop = asyncio.get_running_loop()
    except RuntimeError:
        return asyncio.run(coroutine)
    import nest_asyncio2  # noqa: PLC0415 -- needed only where a loop is running

    nest_asyncio2.apply(loop)
    return loop.run_until_complete(coroutine)
