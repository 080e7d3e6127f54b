"""Reads the arguments of `%gyazo`: variables, expressions, paths and globs.

Guarantees: no argument is skipped silently. An argument is evaluated only if all names in it are known.
An argument in quotes is a path or a web address, and is never evaluated. Variables are expanded only in
the texts for which `expand` is called.
"""

from __future__ import annotations

import ast
import builtins
import glob
import os
import re
from collections.abc import Callable, Iterator, KeysView, Mapping, ValuesView
from contextlib import suppress
from pathlib import Path
from typing import Any

from IPython.utils.text import DollarFormatter, EvalFormatter

from gyazo_nb.batch.source import check_no_frames
from gyazo_nb.errors import ArgumentError
from gyazo_nb.images.convert import picture_url
from gyazo_nb.images.render import figures_of

_BRACKETS = {"(": ")", "[": "]", "{": "}"}
_COLLECTIONS = (list, tuple, set, frozenset, Mapping, KeysView, ValuesView, Iterator)
_QUOTES = "\"'"
_WITHOUT_EXPRESSION = re.compile(r"\{[}:!]")


def split(line: str) -> list[str]:
    """Split a line at blanks, but not inside quotes and brackets.

    >>> split('df.plot(x="a b") "my plot.png" --title "A b"')
    ['df.plot(x="a b")', '"my plot.png"', '--title', '"A b"']
    >>> split("fig;  # the final one")
    ['fig']

    As in Python, a comment and a semicolon at the end are not part of it. The tag in `--desc #tag` is a
    value and not a comment.
    """
    words: list[str] = []
    word, quote, closing = "", "", list[str]()
    for index, character in enumerate(line):
        if quote:
            quote = "" if character == quote else quote
        elif character == "#" and not (word or closing) and _is_comment(line[index:], words):
            break
        elif character in _QUOTES:
            quote = character
        elif character in _BRACKETS:
            closing.append(_BRACKETS[character])
        elif closing and character == closing[-1]:
            closing.pop()
        elif character.isspace() and not closing:
            if word:
                words.append(word)
            word = ""
            continue
        word += character
    if quote or closing:
        raise ArgumentError(f"A {quote or closing[-1]} is missing at the end of the line.")
    words.append(word)
    return [word for word in _without_semicolon(words) if word]


def _without_semicolon(words: list[str]) -> list[str]:
    """Remove a semicolon at the end of the line. The last word may be empty."""
    end = -1 if words[-1] else -2
    return [*words[:end], *(word.rstrip(";") for word in words[end:])]


def _is_comment(rest: str, words: list[str]) -> bool:
    """Whether a `#` after these words begins a comment, and not a tag: the value of an option."""
    before = words[-1] if words else ""
    is_tag = before.startswith("#") and not before.endswith(";") and not rest[1:2].isspace()
    return not (is_tag or before.startswith("--"))


def expand(word: str, names: Mapping[str, Any]) -> str:
    """Expand `{expression}` and `$name` in a text, as IPython does in the lines of other magics.

    >>> expand("Epoch {epoch + 1}", {"epoch": 6}), expand("{loss}", {})
    ('Epoch 7', '{loss}')

    If one of them cannot be expanded, the whole text stays as it is. `{{` and `$$` stand for `{` and `$`.
    """
    with suppress(Exception):  # an expression can raise any error
        return DollarFormatter().vformat(word, (), names)
    if not _WITHOUT_EXPRESSION.search(word):
        with suppress(Exception):  # for {loss:.2f}, which the first one does not know
            return EvalFormatter().vformat(word, (), names)
    return word


def unquoted(word: str) -> str:
    """Remove the quotes around a word."""
    return word[1:-1] if is_quoted(word) else word


def is_quoted(word: str) -> bool:
    """Whether the whole word is in quotes."""
    return len(word) > 1 and word[0] in _QUOTES and word[0] == word[-1]


def resolve(word: str, names: Mapping[str, Any], evaluate: Callable[[str], Any]) -> list[Any]:
    """Return the items that a word names: a variable, a web address, a file, an expression, a glob.

    >>> resolve("figures", {"figures": {"loss": b"GIF8", "roc": b"GIF9"}}, eval)
    [b'GIF8', b'GIF9']
    """
    text = unquoted(word)
    if not is_quoted(word) and text in names:
        return _expand(word, names[text])
    if picture_url(text):
        return [text]
    # The methods of Path raise for an unknown user, and for a text that is too long for a file name.
    path = os.path.expanduser(text)  # noqa: PTH111
    if os.path.exists(path):  # noqa: PTH110
        return [Path(text)]
    if not is_quoted(word) and _is_evaluable(text, names):
        return _expand(word, evaluate(text))
    if found := sorted(glob.glob(path, recursive=True)):  # noqa: PTH207 -- Path.glob takes no absolute one
        return [Path(file) for file in found]
    if glob.has_magic(text):
        raise ArgumentError(f"Cannot upload {word}: no file matches. Check the path.")
    raise ArgumentError(
        f"Cannot upload {word}: it is neither a variable nor a file. Name variables, expressions, paths "
        f"or globs."
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

    A plotting call such as `hist` returns artists and arrays, which belong to one figure. It never
    returns a figure or Axes: an array next to one of those is a separate picture.
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
