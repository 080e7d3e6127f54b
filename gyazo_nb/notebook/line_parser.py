"""What is written after `%gyazo`: variables, expressions, paths and globs, told apart.

The law: nothing is refused in silence, and nothing is run that cannot run: a word is evaluated only
if all its names are known. What is in quotes is a path or an address, never an expression.
"""

from __future__ import annotations

import ast
import builtins
import glob
import os
from collections.abc import Callable, Iterator, KeysView, Mapping, ValuesView
from pathlib import Path
from typing import Any

from gyazo_nb.errors import ArgumentError
from gyazo_nb.images.convert import picture_url
from gyazo_nb.images.render import figures_of

_PAIRS = {"(": ")", "[": "]", "{": "}"}
_MANY = (list, tuple, set, frozenset, Mapping, KeysView, ValuesView, Iterator)
_QUOTES = "\"'"


def split(line: str) -> list[str]:
    """Split at blanks, but not inside of quotes and brackets.

    >>> split('df.plot(x="a b") "my plot.png" --title "A b"')
    ['df.plot(x="a b")', '"my plot.png"', '--title', '"A b"']
    """
    words, word, quote, open_ = [], "", "", []
    for character in line:
        if quote:
            quote = "" if character == quote else quote
        elif character in _QUOTES:
            quote = character
        elif character in _PAIRS:
            open_.append(_PAIRS[character])
        elif open_ and character == open_[-1]:
            open_.pop()
        elif character.isspace() and not open_:
            if word:
                words.append(word)
            word = ""
            continue
        word += character
    if quote or open_:
        raise ArgumentError(f"A {quote or open_[-1]} is missing at the end of the line.")
    return [*words, word] if word else words


def unquoted(word: str) -> str:
    """A word without the quotes around it."""
    return word[1:-1] if is_quoted(word) else word


def is_quoted(word: str) -> bool:
    """Whether all of a word is in quotes."""
    return len(word) > 1 and word[0] in _QUOTES and word[0] == word[-1]


def resolve(word: str, names: Mapping[str, Any], evaluate: Callable[[str], Any]) -> list[Any]:
    """The things that a word means: a variable, a file, an expression, files, a web address.

    >>> things("figures", {"figures": {"loss": b"GIF8", "roc": b"GIF9"}}, eval)
    [b'GIF8', b'GIF9']
    """
    text = unquoted(word)
    if not is_quoted(word) and text in names:
        return _spread(word, names[text])
    if picture_url(text):
        return [text]
    # Path's own functions raise for an unknown user and for what is too long to be a name.
    home = os.path.expanduser(text)  # noqa: PTH111
    if os.path.exists(home):  # noqa: PTH110
        return [Path(text)]
    if not is_quoted(word) and _can_run(text, names):
        return _spread(word, evaluate(text))
    if found := sorted(glob.glob(home, recursive=True)):  # noqa: PTH207 -- of Path's, none takes an absolute one
        return [Path(path) for path in found]
    kind = "no files are" if glob.has_magic(text) else "it is neither a variable nor a file"
    raise ArgumentError(
        f"Nothing is uploaded for {word}: {kind} there. Give variables, expressions, paths or globs."
    )


def _can_run(text: str, names: Mapping[str, Any]) -> bool:
    """Whether this is an expression all of whose free names are known."""
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


def _spread(word: str, value: Any) -> list[Any]:
    """The members of a list, a dictionary, a generator: each is a thing."""
    if not isinstance(value, _MANY) or hasattr(value, "read"):  # an open file would give its lines
        return [value]
    members = list(value.values() if isinstance(value, Mapping) else value)
    if not members:
        raise ArgumentError(f"Nothing is uploaded for {word}: it is empty.")
    if isinstance(value, Iterator) and len(set(map(id, members))) < len(members):
        raise ArgumentError(
            f"{word} gives one object again and again, which is at its last state by now: make it anew "
            f"for gyazo.upload_all(…), which draws each as it comes."
        )
    return [members] if _is_one(members, returned=isinstance(value, tuple)) else members


def _is_one(members: list[Any], *, returned: bool) -> bool:
    """Whether these are parts of one figure, and nothing of their own.

    A plotting call returns numbers beside its artists, as `hist` does. It returns no figure or Axes:
    an array beside one of those is a picture that somebody wants to share as well.
    """
    if len(figures_of(members)) != 1:
        return False
    others = [one for one in members if not figures_of(one) and not _is_nothing(one)]
    if returned and not any(hasattr(one, "add_artist") for one in members):
        others = [one for one in others if not hasattr(one, "__array__")]
    return not others


def _is_nothing(thing: Any) -> bool:
    """What stands in for artists that were not wanted: `errorbar(fmt="none")`, `boxplot()`."""
    return thing is None or (isinstance(thing, list | tuple) and not thing)
