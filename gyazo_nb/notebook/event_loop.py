"""Runs a coroutine inside a running event loop, such as the event loop of a kernel.

Guarantees: only `run` patches the event loop, only when this is needed, and with nest-asyncio2. The
archived nest_asyncio makes ipykernel 7 lose queued cells.
"""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

T = TypeVar("T")


def run(coroutine: Coroutine[Any, Any, T]) -> T:
    """Run a coroutine to its end, also if an event loop is already running, as in every notebook.

    >>> run(gyazo.ame()).name                              # doctest: +SKIP
    """
    try:
        loop = asyncio.get_running_loop()
    except RuntimeError:
        return asyncio.run(coroutine)
    import nest_asyncio2  # noqa: PLC0415 -- needed only if a loop is running

    nest_asyncio2.apply(loop)
    return loop.run_until_complete(coroutine)
