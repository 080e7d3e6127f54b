"""How far a batch has come, shown while it runs: a widget in notebooks, text elsewhere.

The law: tqdm is imported when there is something to show, and one thread alone draws.
"""

from __future__ import annotations

from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

if TYPE_CHECKING:  # takes longer to import than %load_ext may last
    from tqdm import tqdm


class Progress:
    """A bar, unless nobody wants one. Used in a `with`."""

    def __init__(self, *, wanted: bool, total: int | None, done: int) -> None:
        self._bar: tqdm[Any] | None = None
        if wanted:
            from tqdm.auto import tqdm  # noqa: PLC0415 -- see the top

            self._bar = tqdm(desc="Uploading", total=total, initial=done, unit="image")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if self._bar is not None:
            self._bar.close()

    def step(self, failed: int) -> None:
        """One more is settled; `failed` have failed so far."""
        if self._bar is not None:
            if failed:
                self._bar.set_postfix(failed=failed, refresh=False)
            self._bar.update()
