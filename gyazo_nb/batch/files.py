"""The picture files that a folder or a glob names: `upload_all("plots")`, `upload_all("plots/*.png")`.

Guarantees: the files are in the natural order of their names (`plot2` before `plot10`). Of a folder, a file
counts as a picture by its name or by its first bytes. Subfolders are not searched. Hidden files are left
out silently; a sentence names all others that are left out.
"""

from __future__ import annotations

import glob
import os
import pathlib
import re
from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path, PurePath
from typing import Any, NamedTuple

from gyazo_nb.api.operation import one_line
from gyazo_nb.errors import ArgumentError
from gyazo_nb.images.convert import is_picture_file

_MAX_NAMES = 3  # in a sentence


class Files(NamedTuple):
    """The pictures that a folder or a glob names, and a sentence about what was left out."""

    pictures: list[Path]
    left_out: list[Path]
    sentence: str


def pictures_in(folder: Path) -> Files:
    """Return the pictures in a folder. Raises `ArgumentError` if it has none."""
    try:
        entries = natural_order(p for p in folder.iterdir() if not p.name.startswith("."))
    except OSError as error:
        raise ArgumentError(
            f"The folder {str(folder)!r} cannot be read ({error.strerror}): check its permissions."
        ) from None
    pictures = [path for path in entries if path.is_file() and is_picture_file(path)]
    folders = [path for path in entries if path.is_dir()]
    listed = {*pictures, *folders}
    others = [path for path in entries if path not in listed]
    parts = [f"not pictures: {_names(others)}"] if others else []
    if folders:
        pattern = str(Path(glob.escape(str(folder)), "**", "*.png"))
        parts.append(
            f"subfolders, which are not searched: {_names(folders)} (for them, use {pattern!r})"
        )
    rest = "; ".join(parts)
    if not pictures:
        raise ArgumentError(
            f"The folder {str(folder)!r} has no pictures{f' ({rest})' if rest else ', it is empty'}: check "
            f"the path."
        )
    sentence = f"Left out of {str(folder)!r}: {rest}." if rest else ""
    return Files(pictures, [*others, *folders], sentence)


def matching(pattern: str) -> list[Path]:
    """Return the files that match a glob, which may contain `~` and `**`. Folders do not count."""
    # The method of Path raises for an unknown user.
    found = _matching(os.path.expanduser(pattern))  # noqa: PTH111
    return natural_order(path for path in map(Path, found) if not path.is_dir())


def _matching(pattern: str) -> set[str]:
    """Return the paths that match a pattern. `glob` alone never ends where links lead back to a folder."""
    parts = Path(pattern).parts
    if "**" not in parts:
        return set(glob.glob(pattern))  # noqa: PTH207 -- Path.glob takes no absolute pattern
    index = parts.index("**")
    rest = parts[index + 1 :] or ("*",)
    found: set[str] = set()
    for top in _matching(str(Path(*parts[:index]))):
        for folder in _folders_below(top):
            found |= _matching(str(Path(glob.escape(folder), *rest)))
    return found


def _folders_below(top: str) -> Iterator[str]:
    """Yield a folder and the visible folders below it, each only once, even if a link leads to it again."""
    visited = set()
    for folder, subfolders, _ in os.walk(top, followlinks=True):
        with suppress(OSError):  # the folder was deleted meanwhile
            found = os.stat(folder)  # noqa: PTH116
            if (identity := (found.st_dev, found.st_ino)) in visited:
                subfolders.clear()
                continue
            visited.add(identity)
        visible = (name for name in subfolders if not name.startswith("."))
        # Links come last, so that a file gets its path without a link.
        subfolders[:] = sorted(visible, key=lambda name: Path(folder, name).is_symlink())
        yield folder


def named_by(items: Any) -> Files | None:
    """Return the files that a text or a path names. None if it is one file, or something else."""
    text = os.fsdecode(items)
    path = Path(os.path.expanduser(text))  # noqa: PTH111 -- as above
    try:
        is_folder, is_file = path.is_dir(), path.exists()
    except PermissionError as error:
        raise ArgumentError(
            f"{text[:200]!r} cannot be read ({error.strerror}): check the permissions of its folder."
        ) from None
    except (OSError, ValueError):  # too long for a path, or with a zero byte
        return None
    if is_folder:
        return pictures_in(path)
    if is_file or "\n" in text or "://" in text or text.startswith("data:"):
        return None
    if not glob.has_magic(text):
        raise ArgumentError(
            f"upload_all takes many pictures, but {text[:200]!r} does not exist: check the path."
        )
    if not (found := matching(text)):
        raise ArgumentError(
            f"upload_all takes many pictures, but no file matches {text[:200]!r}: check the path."
        )
    return Files(found, [], "")


def is_path_glob(items: Any) -> bool:
    """Whether this is the iterator of `Path.glob`, `rglob` or `iterdir`, which ends soon.

    Python 3.13 returns a `map` of a method of the path, earlier versions a generator.
    """
    code = getattr(items, "gi_code", None)
    if code is not None:
        return bool(code.co_filename == pathlib.__file__)
    if type(items) is not map:
        return False
    function = items.__reduce__()[1][0]
    return isinstance(getattr(function, "__self__", None), PurePath)


def natural_order(paths: Iterable[Path]) -> list[Path]:
    """Sort paths as people count.

    >>> [path.name for path in natural_order([Path("b10.png"), Path("b9.png"), Path("A.png")])]
    ['A.png', 'b9.png', 'b10.png']
    """
    return sorted(paths, key=_natural_key)


def _natural_key(path: Path) -> list[list[str | int]]:
    return [
        [int(part) if index % 2 else part for index, part in enumerate(re.split("([0-9]+)", name))]
        for name in map(str.casefold, path.parts)
    ]


def printable(name: str) -> str:
    """Return a file name as one line that a terminal can show. It may be in another encoding than UTF-8."""
    return one_line(name.encode("utf-8", "backslashreplace").decode())


def _names(paths: list[Path]) -> str:
    names = [printable(path.name) for path in paths[:_MAX_NAMES]]
    more = len(paths) - len(names)
    return ", ".join(names) + (f" and {more} more" if more else "")
