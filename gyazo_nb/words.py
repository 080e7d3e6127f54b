"""What is written after `%gyazo`: variables, expressions, paths and globs, told apart.

The law: nothing is refused in silence, and nothing is run that cannot run: a word is evaluated only
if all its names are known. What is in quotes is a path or an address, never an expression.
"""

from __future__ import annotations

import ast
import builtins
import glob
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from .errors import ArgumentError
from .picture import address

_PAIRS = {"(": ")", "[": "]", "{": "}"}
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


def things(word: str, names: Mapping[str, Any], evaluate: Callable[[str], Any]) -> list[Any]:
    """The things that a word means: a variable, a file, an expression, files, a web address."""
    text = unquoted(word)
    if not is_quoted(word) and text in names:
        return _spread(names[text])
    if address(text):
        return [text]
    if Path(text).expanduser().exists():
        return [Path(text)]
    if not is_quoted(word) and _can_run(text, names):
        return _spread(evaluate(text))
    if found := sorted(glob.glob(str(Path(text).expanduser()), recursive=True)):  # noqa: PTH207 -- of Path's, none takes an absolute one
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


def _spread(value: Any) -> list[Any]:
    """The members of a list or a tuple: each is a thing. Artists of one figure are one."""
    if isinstance(value, list | tuple) and value and not _is_artist(value[0]):
        return list(value)
    return [value]


def _is_artist(thing: Any) -> bool:
    return callable(getattr(thing, "get_figure", None)) and not hasattr(thing, "savefig")
