"""The items that a word after `%gyazo` names."""

from pathlib import Path

import pytest
from support.helpers import PNG

from gyazo_nb import ArgumentError
from gyazo_nb.notebook.items import path_hint, resolve


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


def test_unknown_word_names_the_nearest_variable():
    """The name may have a typing error."""
    with pytest.raises(
        ArgumentError, match="neither a variable nor a file. Did you mean loss_fig?"
    ):
        resolve("los_fig", {"loss_fig": 1, "_loss_fig": 2}, pytest.fail)


def test_variable_of_one_letter_is_not_the_nearest_name():
    """The word only begins with this letter."""
    with pytest.raises(ArgumentError, match="neither a variable nor a file. Name variables"):
        resolve("plot.png", {"p": 1, "pl": 2}, pytest.fail)


@pytest.mark.parametrize("word", ["plots/", "plots/a.png", "'plots/a'"])
def test_path_is_not_corrected_to_a_variable(word):
    """The slash shows that the word is a path."""
    with pytest.raises(ArgumentError, match="neither a variable nor a file. Check the path"):
        resolve(word, {"plot": 1}, pytest.fail)


@pytest.mark.parametrize("magic", ["login", "logout", "whoami", "info"])
def test_name_of_another_magic_is_recognized(magic):
    """`%gyazo login` lacks an underscore."""
    with pytest.raises(ArgumentError, match=rf"Did you mean %gyazo_{magic}\?"):
        resolve(magic, {}, pytest.fail)


@pytest.mark.parametrize(
    ("words", "quoted"),
    [
        (["my", "plots/"], "'my plots/'"),
        (["my\\", "plots"], "'my plots'"),
        (["it's", "a.png"], '"it\'s a.png"'),
        (["my", "plots", "x"], ""),
        (["my plots"], ""),
    ],
)
def test_hint_for_a_path_with_blanks_has_the_quotes(tmp_path, monkeypatch, words, quoted):
    """As in a shell, with and without a backslash."""
    monkeypatch.chdir(tmp_path)
    Path("my plots").mkdir()
    Path("it's a.png").touch()

    hint = path_hint(words)

    assert hint == (
        f"A path with blanks needs quotes around it: write  %gyazo {quoted}  instead."
        if quoted
        else ""
    )


def test_folder_stands_for_its_pictures_in_natural_order(tmp_path, monkeypatch, capsys):
    """A printed sentence names what is left out."""
    monkeypatch.chdir(tmp_path)
    Path("plots", "raw").mkdir(parents=True)
    for name in ("plot10.png", "plot9.png", "without_suffix"):
        Path("plots", name).write_bytes(PNG)
    Path("plots", "notes.txt").write_text("text")

    found = resolve("plots/", {}, pytest.fail)

    assert [path.name for path in found] == ["plot9.png", "plot10.png", "without_suffix"]
    assert capsys.readouterr().out == (
        "Left out of 'plots': not pictures: notes.txt; subfolders, which are not searched: raw (for them, "
        "use 'plots/**/*.png').\n"
    )
    assert [path.name for path in resolve("plots/*.png", {}, pytest.fail)] == [
        "plot9.png",
        "plot10.png",
    ]
