"""The arguments of `%gyazo`: how a line is split, and which items a word names."""

from pathlib import Path

import pytest

from gyazo_nb import ArgumentError
from gyazo_nb.notebook.items import resolve
from gyazo_nb.notebook.line_parser import expand, split


def test_line_is_split_at_blanks_outside_quotes_and_brackets():
    """Brackets and quotes may be nested."""
    assert split("  a  b[1, 2] f(x, 'y )') \"c d\" {1: (2, 3)} ") == [
        "a",
        "b[1, 2]",
        "f(x, 'y )')",
        '"c d"',
        "{1: (2, 3)}",
    ]


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("fig;", ["fig"]),
        ("fig ;", ["fig"]),
        ("fig # why", ["fig"]),
        ("fig #why", ["fig"]),
        ("fig; # don't", ["fig"]),
        ("fig[0]  # [", ["fig[0]"]),
        ("fig --into mine # --title x", ["fig", "--into", "mine"]),
        ("# nothing", []),
        ("fig --desc #tag", ["fig", "--desc", "#tag"]),
        ("fig --desc #one #two", ["fig", "--desc", "#one", "#two"]),
        ("fig --desc #one; #why", ["fig", "--desc", "#one"]),
        ("fig --desc #one # why", ["fig", "--desc", "#one"]),
        ("fig --desc '#one # two;'", ["fig", "--desc", "'#one # two;'"]),
        ("a#b.png 'c;'", ["a#b.png", "'c;'"]),
        ("f('a # b', {1: '#'});", ["f('a # b', {1: '#'})"]),
    ],
)
def test_comment_and_final_semicolon_are_no_words(line, words):
    """As in Python. A tag, and the inside of a word, stay."""
    assert split(line) == words


@pytest.mark.parametrize(
    ("word", "text"),
    [
        ("Epoch {epoch}", "Epoch 7"),
        ("Epoch $epoch", "Epoch 7"),
        ("{run.name}: {loss:.2f}, {epoch + 1}", "a: 0.12, 8"),
        ("{{epoch}} $$epoch", "{epoch} $epoch"),
        ("{unknown}", "{unknown}"),
        ("{epoch} of {unknown}", "{epoch} of {unknown}"),
        ("a { b", "a { b"),
        ("{}", "{}"),
        (r"$\alpha$ {a: 1}", r"$\alpha$ {a: 1}"),
        ("{1 / 0}", "{1 / 0}"),
        ("'$epoch' {epoch}", "'$epoch' 7"),
    ],
)
def test_variables_are_expanded_as_in_other_magics(word, text):
    """Text that cannot be expanded stays as it is."""
    names = {"epoch": 7, "loss": 0.123, "run": Path("a")}

    assert expand(word, names) == text


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
