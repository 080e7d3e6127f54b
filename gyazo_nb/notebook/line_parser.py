"""Reads the line after a magic: words, options and their values.

Guarantees: every word is used, or is an error. An abbreviated option is an error. An error names the wrong
part of the line, and the most similar correct one. If a line may contain a secret, the error does not repeat
the values. Variables are expanded only in the texts for which `expand` is called.
"""

from __future__ import annotations

import argparse
import inspect
import re
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from functools import partial, wraps
from itertools import takewhile
from typing import Any

from IPython.core.error import UsageError
from IPython.utils.text import DollarFormatter, EvalFormatter

from gyazo_nb.errors import ArgumentError, did_you_mean

_BRACKETS = {"(": ")", "[": "]", "{": "}"}
_QUOTES = "\"'"
_WITHOUT_EXPRESSION = re.compile(r"\{[}:!]")
_OPTION = re.compile(r"--?[A-Za-z]")
_PLAIN_NAME = re.compile(r"--?[A-Za-z_-]{1,20}")  # too short for a token
_NO_SECRETS = (
    "Never write a code, token or secret on the line, because the notebook file stores it: paste it into "
    "the panel, or run %gyazo_login --token."
)


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


class LineParser(argparse.ArgumentParser):
    """The options of one magic, and the errors of a line.

    `argparse` only declares the options and prints the help. `parse` reads the line, because the errors of
    `argparse` do not name the right option, and because an item in quotes is a path: `argparse` would
    get the words without their quotes.
    """

    def __init__(self, name: str, description: str, *, may_contain_secrets: bool) -> None:
        super().__init__(
            prog=name,
            description=inspect.cleandoc(description),
            # The help is made when the extension is loaded, so its width does not depend on a window.
            formatter_class=partial(argparse.RawDescriptionHelpFormatter, width=88),
            add_help=False,
        )
        self._positionals.title = "items"
        self._may_contain_secrets = may_contain_secrets
        self.add_argument("-h", "--help", action="store_true", help="Show this help.")

    @property
    def options(self) -> dict[str, argparse.Action]:
        """Each option by its name, as in `--title`."""
        return dict(self._option_string_actions)

    @property
    def takes_items(self) -> bool:
        """Whether a line can have words that belong to no option."""
        return any(not action.option_strings for action in self._actions)

    def parse(self, line: str) -> argparse.Namespace | None:
        """Return the values of the line, or None if it asks for the help. Raises `UsageError`.

        For a magic that takes items, the values have a `quotes_hint`. If an option has a text of one word
        without quotes, and items follow, it says how to write all of them as one text in quotes.
        Otherwise it is empty.
        """
        try:
            words = deque(split(line))
        except ArgumentError as error:
            if not self._may_contain_secrets:
                raise
            raise self._error(str(error), has_values=True) from None
        if not {"-h", "--help"}.isdisjoint(words):
            return None
        options = argparse.Namespace(**{action.dest: action.default for action in self._actions})
        items: list[str] = []
        option = hint = ""
        text = ""  # the last option, with a text that is not in quotes
        while words:
            word = words.popleft()
            if _OPTION.match(word):
                option = word.partition("=")[0]
                text = self._read_option(word, words, options)
            elif self.takes_items and not (text and items and not hint):
                if text:
                    text = f"{text} {unquoted(word)}"
                    hint = _quotes_hint(text)
                items.append(word)
            else:
                raise self._unexpected([word, *words], option, text)
        if self.takes_items:
            options.items, options.quotes_hint = items, hint
        del options.help
        return options

    def _read_option(self, word: str, words: deque[str], options: argparse.Namespace) -> str:
        """Read an option and its value. Return both if the value is a text without quotes."""
        name, has_value, value = word.partition("=")
        action = self._option_string_actions.get(name)
        if action is None:
            raise self._unknown(name, value if has_value else next(iter(words), ""))
        if action.nargs == 0:
            if has_value:
                raise self._error(f"{name} takes no value.", has_values=True)
        elif not has_value and words and not _OPTION.match(words[0]):
            has_value, value = "=", words.popleft()
        if not has_value and action.nargs is None:
            raise self._wrong_value(f"{name} needs a value: {_form(name, action)}.")
        setattr(
            options, action.dest, self._value(name, action, value) if has_value else action.const
        )
        is_text = has_value and action.type is str and not is_quoted(value)
        return f"{name} {value}" if is_text else ""

    def _value(self, name: str, action: argparse.Action, word: str) -> Any:
        if action.type is str:  # the caller expands it, and then removes the quotes
            return word
        value = unquoted(word)
        given = "" if self._may_contain_secrets else f", not {value[:40]!r}"
        if action.choices is not None and value not in action.choices:
            choices = [str(choice) for choice in action.choices]
            question = did_you_mean(value, choices)
            sentence = f"{name} takes {' or '.join((', '.join(choices[:-1]), choices[-1]))}{given}"
            if question:
                raise UsageError(f"{sentence}: {question}")
            raise self._wrong_value(f"{sentence}.")
        convert: Any = action.type or str
        try:
            return convert(value)
        except ValueError:
            number = "a whole number" if action.type is int else "a number"
            raise self._wrong_value(f"{name} takes {number}{given}.") from None

    def _unknown(self, name: str, value: str) -> UsageError:
        question = did_you_mean(name, [key for key in self._option_string_actions if key != "-h"])
        is_shown = question or not self._may_contain_secrets or _PLAIN_NAME.fullmatch(name)
        sentence = f"{self.prog} has no {f'option {name}' if is_shown else 'such option'}"
        if question:
            is_secret = bool(value) and not self._accepts(question, value)
            return self._error(f"{sentence}: {question}", has_values=is_secret)
        return self._error(f"{sentence}.", has_values=bool(value), with_usage=True)

    def _accepts(self, question: str, value: str) -> bool:
        """Whether one of the options that a question names takes this value."""
        for name in re.findall(r"--[a-z-]+", question):
            action = self._option_string_actions[name]
            with suppress(UsageError):
                if _OPTION.match(value) or (action.nargs != 0 and self._value(name, action, value)):
                    return True
        return False

    def _unexpected(self, words: list[str], option: str, text: str) -> UsageError:
        """Return the error for the first of these words, which no option takes."""
        if meant := self._option_for(words[0]):
            return self._error(
                f"{self.prog} does not accept  {words[0]}  here: did you mean {meant}?"
            )
        rest = list(takewhile(lambda word: not _OPTION.match(word), words))
        place = f"after {option}" if option else "without an option"
        if self._may_contain_secrets:
            return self._error(
                f"{self.prog} does not accept the text {place}.", has_values=True, with_usage=True
            )
        sentence = f"{self.prog} does not accept  {' '.join(rest)}  {place}."
        if text:
            return self._error(f"{sentence} {_quotes_hint(' '.join((text, *map(unquoted, rest))))}")
        return self._error(sentence, with_usage=True)

    def _option_for(self, word: str) -> str:
        """Return the option whose name or value a word is, or an empty text."""
        for name, action in self._option_string_actions.items():
            if word == name.lstrip("-") and len(word) > 1:
                return name
            if word in (action.choices or ()):
                return f"{name} {word}"
        return ""

    def _wrong_value(self, sentence: str) -> UsageError:
        """Return an error. If the value may be a secret, the error shows the options instead."""
        return self._error(sentence, with_usage=self._may_contain_secrets)

    def _error(
        self, sentence: str, *, has_values: bool = False, with_usage: bool = False
    ) -> UsageError:
        """Return the error of a line. `has_values` means that the line holds a value which may be a secret."""
        parts = [sentence]
        if with_usage:
            usage = " ".join(self.format_usage().split()[2:])
            parts.append(f"{self.prog} takes: {usage}.")
        if has_values and self._may_contain_secrets:
            parts.append(_NO_SECRETS)
        return UsageError(" ".join(parts))


def _quotes_hint(text: str) -> str:
    name, _, words = text.partition(" ")
    quote = "'" if '"' in words else '"'
    return f"A text of several words needs quotes around it: write  {name} {quote}{words}{quote}  instead."


def _form(name: str, action: argparse.Action) -> str:
    """How to write an option with its value."""
    if action.choices is not None:
        return " or ".join(f"{name} {choice}" for choice in action.choices)
    return f"{name} {action.metavar or action.dest.upper()}"


def parses_line(
    name: str = "", *, options: Sequence[Any] = (), may_contain_secrets: bool = False
) -> Callable[[Any], Any]:
    """Decorate a magic that takes the values of its line. `--help` prints the help, which is its docstring.

    Its options are `options`, and those of IPython's `argument` that are written below this decorator.
    """

    def decorate(magic: Any) -> Any:
        parser = LineParser(
            name or f"%{magic.__name__}",
            magic.__doc__ or "",
            may_contain_secrets=may_contain_secrets,
        )
        for option in (*options, *reversed(getattr(magic, "decorators", ()))):
            option.add_to_parser(parser, None)

        @wraps(magic)
        def run(self: Any, line: str, *args: Any, **kwargs: Any) -> None:
            values = parser.parse(line)
            if values is None:
                print(parser.format_help(), end="")  # noqa: T201 -- the output of --help
            else:
                magic(self, values, *args, **kwargs)

        run.__doc__ = parser.format_help()
        run.line_parser = parser  # type: ignore[attr-defined]  # IPython expects its own class at .parser
        return run

    return decorate
