"""Ctrl-C, and Jupyter's Stop, at a moment when nothing is lost by it.

The law: an interrupt is noted, and seen where the work looks for it; it strikes at once only while the
user's own code runs, or when it comes a second time. Whatever handled it before handles it again after.
"""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType, TracebackType
from typing import Any, Self


class Stop:
    """Whether somebody asked to stop. Used in a `with`.

    An interrupt reaches the main thread alone: in any other one nobody ever asks.
    """

    def __init__(self) -> None:
        self.asked = False
        self._strikes = False
        self._before: Any = None

    def check(self) -> None:
        """Stop here, if somebody asked for it."""
        if self.asked:
            raise KeyboardInterrupt

    @contextmanager
    def at_once(self) -> Iterator[None]:
        """Let an interrupt strike where it will: in the user's code, which may take long."""
        self.check()
        self._strikes = True
        try:
            yield
        finally:
            self._strikes = False

    def __enter__(self) -> Self:
        if threading.current_thread() is threading.main_thread():
            self._before = signal.getsignal(signal.SIGINT)
            if self._before is not None:  # None: not Python's, and not to be had back
                signal.signal(signal.SIGINT, self._interrupted)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if self._before is not None:
            signal.signal(signal.SIGINT, self._before)
            self._before = None

    def _interrupted(self, number: int, frame: FrameType | None) -> None:
        _ = number, frame
        strikes = self._strikes or self.asked
        self.asked, self._strikes = True, False  # also where the user's code swallows it
        if strikes:
            raise KeyboardInterrupt
