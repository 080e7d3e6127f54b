"""Loads a module of ours when something of it is first used, and not before.

The law: `%load_ext gyazo_nb` makes what is seen at once, the magics and the session; what a call needs
is loaded by the first call. Half of the time would go into classes that no cell may ever use. The price:
`typing.get_type_hints` does not find the names of these types at run time; type checkers do.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any


class _Later:
    """Stands in the place of a module; type checkers are shown the module itself."""

    def __init__(self, name: str) -> None:
        self._name = f"{__package__}.{name}"

    def __getattr__(self, name: str) -> Any:
        return getattr(import_module(self._name), name)


def later(name: str) -> Any:
    """Stand in for a module of this package.

    >>> later("paste").LONGEST
    20000
    """
    return _Later(name)
