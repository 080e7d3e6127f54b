"""Tab completion for the options of the magics.

Guarantees: it uses IPython's own list of matchers, and `unregister` removes it from there.
"""

from __future__ import annotations

import re
from typing import Any

from IPython.core.completer import (
    CompletionContext,
    SimpleCompletion,
    SimpleMatcherResult,
    context_matcher,
)
from IPython.core.getipython import get_ipython

_LINE = re.compile(r"^\s*%{1,2}(gyazo\w*)\s(?:.*\s)?(\S*)$")


@context_matcher()
def complete_options(context: CompletionContext) -> SimpleMatcherResult:
    """Complete `--mo` to `--mode`, and `--mode p` to `panel` and `prompt`."""
    line = context.line_with_cursor[: context.cursor_position]
    match = _LINE.match(line)
    shell = get_ipython()
    if match is None or shell is None:
        return {"completions": []}
    function = shell.find_line_magic(match[1]) or shell.find_cell_magic(match[1])
    parser = getattr(function, "parser", None)
    if parser is None:
        return {"completions": []}
    known: dict[str, Any] = parser._option_string_actions  # noqa: SLF001 -- argparse has no public list
    before = line[: len(line) - len(match[2])].split()
    choices = getattr(known.get(before[-1]) if before else None, "choices", None)
    words = sorted(choices) if choices else sorted(name for name in known if name.startswith("--"))
    # IPython may split the line after the dashes, so that the token to complete lacks them.
    typed, token = match[2], context.token
    return {
        "completions": [
            SimpleCompletion(text=word[len(typed) - len(token) :] if token else word, type="magic")
            for word in words
            if word.startswith(typed)
        ],
        "suppress": True,
    }


def register(shell: Any) -> None:
    """Add the matcher to the shell's completer."""
    if getattr(shell, "Completer", None) is not None:
        shell.Completer.custom_matchers.append(complete_options)


def unregister(shell: Any) -> None:
    """Remove the matcher from the shell's completer."""
    completer = getattr(shell, "Completer", None)
    if completer is not None and complete_options in completer.custom_matchers:
        completer.custom_matchers.remove(complete_options)
