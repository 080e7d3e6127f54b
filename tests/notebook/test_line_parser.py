"""The arguments of `%gyazo`: how a line is split, and which items a word names."""

from pathlib import Path

import pytest

from gyazo_nb import ArgumentError
from gyazo_nb.notebook.line_parser import resolve, split


def test_line_is_split_at_blanks_outside_quotes_and_brackets():
    """Brackets and quotes may be nested."""
    assert split("  a  b[1, 2] f(x, 'y )') \"c d\" {1: (2, 3)} ") == [
        "a",
        "b[1, 2]",
        "f(x, 'y )')",
        '"c d"',
        "{1: (2, 3)}",
    ]


@pytest.mark.parametrize("word", ["unknown(known)", "1 + 1", "'known'", "known +"])
def test_word_is_evaluated_only_if_it_is_an_expression_of_known_names(word):
    """Not with an unknown name, without any name, in quotes, or with a syntax error."""
    with pytest.raises(ArgumentError, match="neither a variable nor a file"):
        resolve(word, {"known": 1}, pytest.fail)


def test_file_is_preferred_to_an_expression_and_a_variable_to_a_file(tmp_path, monkeypatch):
    """A file name may look like an expression."""
    monkeypatch.chdir(tmp_path)
    Path("a-b").touch()
    names = {"a": 3, "b": 1}

    assert resolve("a-b", names, pytest.fail) == [Path("a-b")]
    assert resolve("b-a", names, lambda text: eval(text, names.copy())) == [-2]
    Path("a").touch()
    assert resolve("a", names, pytest.fail) == [3]
    assert resolve("'a'", names, pytest.fail) == [Path("a")]
