"""Finds the items that a word after `%gyazo` names: variables, expressions, files, folders and globs.

Guarantees: an argument is evaluated only if all names in it are known. An argument in quotes is a path or a
web address, and is never evaluated.
"""

from __future__ import annotations

import ast
import builtins
import glob
import os
from collections.abc import Callable, Iterator, KeysView, Mapping, Sequence, ValuesView
from pathlib import Path
from typing import Any

from gyazo_nb.batch import files
from gyazo_nb.batch.source import check_no_frames
from gyazo_nb.errors import ArgumentError, did_you_mean
from gyazo_nb.images.convert import picture_url
from gyazo_nb.images.render import figures_of

from .line_parser import is_quoted, unquoted

_OTHER_MAGICS = ("login", "logout", "whoami", "info")
_COLLECTIONS = (list, tuple, set, frozenset, Mapping, KeysView, ValuesView, Iterator)


def resolve(
    word: str, names: Mapping[str, Any], evaluate: Callable[[str], Any], quotes_hint: str = ""
) -> list[Any]:
    """Return the items that a word names: a variable, an address, a file, a folder, an expression, a glob.

    >>> resolve("figures", {"figures": {"loss": b"GIF8", "roc": b"GIF9"}}, eval)
    [b'GIF8', b'GIF9']
    """
    text = unquoted(word)
    if not is_quoted(word) and text in names:
        return _expand(word, names[text])
    if picture_url(text):
        return [text]
    # Not the methods of Path: they raise for an unknown user, and for a text that is too long for a name.
    path = os.path.expanduser(text)  # noqa: PTH111
    if os.path.isdir(path):  # noqa: PTH112
        found = files.pictures_in(Path(path))
        if found.sentence:
            print(found.sentence)  # noqa: T201 -- above the cards
        return list(found.pictures)
    if os.path.exists(path):  # noqa: PTH110
        return [Path(text)]
    if not is_quoted(word) and _is_evaluable(text, names):
        return _expand(word, evaluate(text))
    if glob.has_magic(text):
        if matching := files.matching(text):
            return list(matching)
        raise ArgumentError(f"Cannot upload {word}: no file matches. Check the path.")
    if text in _OTHER_MAGICS:
        quotes_hint = f"Did you mean %gyazo_{text}?"
    own = (name for name in names if not name.startswith("_"))
    meant = "check the path." if "/" in text else did_you_mean(text, own)
    way = meant or "name variables, expressions, paths or globs."
    raise ArgumentError(
        f"Cannot upload {word}: it is neither a variable nor a file. "
        f"{quotes_hint or way[0].upper() + way[1:]}"
    )


def path_hint(words: Sequence[str]) -> str:
    r"""Say how to write a path with blanks, if the words are one: with quotes, not with ``\``."""
    text = " ".join(words).replace("\\ ", " ")
    if not words[1:] or not os.path.exists(os.path.expanduser(text)):  # noqa: PTH110, PTH111
        return ""
    quote = '"' if "'" in text else "'"
    return (
        f"A path with blanks needs quotes around it: write  %gyazo {quote}{text}{quote}  instead."
    )


def _is_evaluable(text: str, names: Mapping[str, Any]) -> bool:
    """Whether this is an expression with names, and all of its free names are known."""
    try:
        tree = ast.parse(text, mode="eval")
    except (SyntaxError, ValueError):
        return False
    nodes = [node for node in ast.walk(tree) if isinstance(node, ast.Name)]
    bound = {node.id for node in nodes if isinstance(node.ctx, ast.Store)}  # in comprehensions
    bound |= {node.arg for node in ast.walk(tree) if isinstance(node, ast.arg)}
    return bool(nodes) and all(
        node.id in bound or node.id in names or hasattr(builtins, node.id) for node in nodes
    )


def _expand(word: str, value: Any) -> list[Any]:
    """Return the members of a list, a dictionary or an iterator, else the value itself."""
    if not isinstance(value, _COLLECTIONS) or hasattr(value, "read"):  # a file iterates over lines
        return [value]
    check_no_frames(value)
    members = list(value.values() if isinstance(value, Mapping) else value)
    if not members:
        raise ArgumentError(f"Cannot upload {word}: it is empty. Name a collection that has items.")
    if isinstance(value, Iterator) and len(set(map(id, members))) < len(members):
        raise ArgumentError(
            f"{word} yields the same object every time, so only its last state is left. Pass a new "
            f"generator to gyazo.upload_all(…), which renders each item as it is produced."
        )
    if _is_single_figure(members, is_call_result=isinstance(value, tuple)):
        return [members]
    return members


def _is_single_figure(members: list[Any], *, is_call_result: bool) -> bool:
    """Whether all members are parts of one figure.

    A plotting call such as `hist` returns artists and arrays, which belong to one figure. It never returns
    a figure or Axes. So an array beside a figure or Axes is a separate picture.
    """
    if len(figures_of(members)) != 1:
        return False
    others = [one for one in members if not figures_of(one) and not _is_placeholder(one)]
    if is_call_result and not any(hasattr(one, "add_artist") for one in members):
        others = [one for one in others if not hasattr(one, "__array__")]
    return not others


def _is_placeholder(member: Any) -> bool:
    """Whether this replaces artists that were not drawn: `errorbar(fmt="none")`, `boxplot()`."""
    return member is None or (isinstance(member, list | tuple) and not member)
