"""The sign-ins of a session that are not finished, and the cells that await one."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING
from weakref import WeakSet

if TYPE_CHECKING:  # %load_ext makes one of these, and must not import the sign-in
    from .login import Login


def _always_allowed() -> None:
    """The check of a session that no notebook uses: a cell can always await a sign-in."""


@dataclass
class OpenLogins:
    """The sign-ins of one session that are not finished, and the cells that await one.

    `check_can_await` raises where a cell that awaits would block the panel.
    """

    logins: WeakSet[Login] = field(default_factory=WeakSet)
    awaiting_cells: int = 0
    check_can_await: Callable[[], None] = _always_allowed

    @property
    def has_open(self) -> bool:
        """Whether any of the sign-ins can still succeed."""
        return any(login.is_open for login in self.logins)
