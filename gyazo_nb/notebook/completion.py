"""Tab completes the options of the magics.

The law: through IPython's own list of matchers, and taken out of it again.
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
def options(context: CompletionContext) -> SimpleMatcherResult:
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
    known: dict[str, Any] = parser._option_string_actions  # noqa: SLF001 -- argparse offers no other way
    before = line[: len(line) - len(match[2])].split()
    choices = getattr(known.get(before[-1]) if before else None, "choices", None)
    words = sorted(choices) if choices else sorted(name for name in known if name.startswith("--"))
    # IPython's splitter may have left dashes out of the token that is being completed.
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
    """Begin to complete."""
    if getattr(shell, "Completer", None) is not None:
        shell.Completer.custom_matchers.append(options)


def unregister(shell: Any) -> None:
    """Stop completing."""
    completer = getattr(shell, "Completer", None)
    if completer is not None and options in completer.custom_matchers:
        completer.custom_matchers.remove(options)
