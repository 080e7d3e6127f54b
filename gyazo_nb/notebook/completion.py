"""Tab completion for the lines of the magics, and for the calls of the session.

Guarantees: it uses IPython's own list of matchers, and `unregister` removes it from there. It reads names
of variables, files and saved accounts, and no value of one.
"""

from __future__ import annotations

import argparse
import inspect
import os
import re
from collections.abc import Iterable
from contextlib import suppress
from typing import Any

from IPython.core.completer import (
    CompletionContext,
    SimpleCompletion,
    SimpleMatcherResult,
    context_matcher,
)
from IPython.core.getipython import get_ipython

from gyazo_nb.client.gyazo import Gyazo
from gyazo_nb.errors import StoreError

from .line_parser import LineParser

_LINE = re.compile(r"^\s*(?:[\w., ]+=\s*)?(%{1,2})(gyazo\w*)\s(.*)$", re.DOTALL)
_CALL = re.compile(r"(?<![\w.)\]])([^\W\d]\w*)\.([^\W_]\w*)?$")
# All words but the last one, which may be a text with blanks whose quote is not closed yet.
_COMPLETE_WORDS = re.compile(r"""(?:(?:"[^"]*"|'[^']*'|[^\s"'])*\s)*""")
_NEEDS_QUOTES = re.compile(r"[\s'\"#;(){}\[\]$]")


@context_matcher()
def complete_line(context: CompletionContext) -> SimpleMatcherResult:
    """Complete options, their values, and the items of `%gyazo`: variables, then files.

    `--mo` becomes `--mode`, and `--mode p` becomes `panel` or `prompt`.
    """
    match = _LINE.match(context.line_with_cursor[: context.cursor_position])
    if match is None:
        return {"completions": []}
    shell: Any = get_ipython()
    kind = "cell" if match[1] == "%%" else "line"
    parser = getattr(shell.magics_manager.magics[kind].get(match[2]), "line_parser", None)
    if not isinstance(parser, LineParser):
        return {"completions": []}
    typed = _COMPLETE_WORDS.sub("", match[3], count=1)
    before = match[3].removesuffix(typed).split()
    option, is_value, value = typed.partition("=")
    if is_value and option in parser.options:  # --mode=p
        typed = value
    else:
        option = before[-1] if before else ""
    return _result(typed, _words(shell, parser, option, typed))


def _words(shell: Any, parser: LineParser, option: str, typed: str) -> list[tuple[str, str]]:
    action = parser.options.get(option)
    if action is not None and action.nargs != 0 and not typed.startswith("-"):
        return [(word, "magic") for word in _values(action)]
    words: list[tuple[str, str]] = []
    if parser.takes_items:
        if "." in typed and typed.partition(".")[0] in shell.user_ns:
            return []  # IPython completes attributes
        is_private = typed.startswith("_")
        words += [
            (name, "instance")
            for name in sorted(set(shell.user_ns) - set(shell.user_ns_hidden))
            if name.startswith("_") == is_private and not isinstance(shell.user_ns[name], Gyazo)
        ]
        words += [(name, "path") for name in _files(typed)]
    return words + [(name, "magic") for name in sorted(parser.options) if name.startswith("--")]


def _values(action: argparse.Action) -> Iterable[str]:
    if action.dest == "profile":
        from gyazo_nb.auth.profiles import Profiles  # noqa: PLC0415 -- %load_ext must stay fast

        with suppress(StoreError):
            return Profiles().names()
    return [str(choice) for choice in action.choices or (action.default,) if choice is not None]


def _files(typed: str) -> list[str]:
    """Return the files and folders that a path can be completed to, in quotes where they are needed."""
    quote = typed[:1] if typed[:1] in {"'", '"'} else ""
    folder, slash, start = typed.removeprefix(quote).rpartition("/")
    place = os.path.expanduser(folder + slash) or "."  # noqa: PTH111 -- Path's raises for an unknown user
    found: list[str] = []
    with suppress(OSError, ValueError), os.scandir(place) as entries:
        for entry in entries:
            if entry.name.startswith(start) and (start or not entry.name.startswith(".")):
                path = f"{folder}{slash}{entry.name}"
                own = '"' if not quote and _NEEDS_QUOTES.search(path) else ""
                found.append(f"{quote}{own}{path}{'/' if entry.is_dir() else own}")
    return sorted(found)


@context_matcher()
def complete_call(context: CompletionContext) -> SimpleMatcherResult:
    """Complete the calls of a session: first the blocking ones, then their async versions."""
    match = _CALL.search(context.line_with_cursor[: context.cursor_position])
    shell: Any = get_ipython()
    if match is None or not isinstance(session := shell.user_ns.get(match[1]), Gyazo):
        return {"completions": []}
    names = {name for name in dir(session) if not name.startswith("_")}
    is_async = {name: name[0] == "a" and name[1:] in names for name in names}
    return _result(
        match[2] or "",
        [
            (name, "function" if inspect.isroutine(getattr(Gyazo, name, None)) else "instance")
            for name in sorted(names, key=lambda name: (is_async[name], name))
        ],
    )


def _result(typed: str, words: list[tuple[str, str]]) -> SimpleMatcherResult:
    return {
        "completions": [
            SimpleCompletion(text=word, type=kind)
            for word, kind in words
            if word.startswith((typed, f'"{typed}'))
        ],
        "matched_fragment": typed,
        "suppress": True,
        "ordered": True,
    }


_MATCHERS = (complete_line, complete_call)


def register(shell: Any) -> None:
    """Add the matchers to the shell's completer."""
    shell.Completer.custom_matchers.extend(_MATCHERS)


def unregister(shell: Any) -> None:
    """Remove the matchers from the shell's completer."""
    for matcher in _MATCHERS:
        if matcher in shell.Completer.custom_matchers:
            shell.Completer.custom_matchers.remove(matcher)
