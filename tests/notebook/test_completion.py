"""Tab completion: options, values, variables, files, and the calls of the session."""

from pathlib import Path

import pytest
from IPython.core.completer import provisionalcompleter
from support.helpers import PNG

from gyazo_nb import Secret, Site
from gyazo_nb.auth.profiles import Profiles
from gyazo_nb.auth.token_store import Profile


@pytest.fixture
def complete(shell, tmp_path, monkeypatch):
    """Return a function that completes a line in a folder with pictures, after %load_ext."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / ".config"))
    Path("plots", "raw").mkdir(parents=True)
    for name in ("loss.png", "my plot.png", "plots/a.png", ".hidden.png"):
        Path(name).write_bytes(PNG)
    shell.run_line_magic("load_ext", "gyazo_nb")
    shell.user_ns.update(loss_fig=1, fig=2, _private=3)

    def completed(line):
        with provisionalcompleter():
            found = shell.Completer.completions(line, len(line))
            return [line[: one.start] + one.text for one in found]

    return completed


def test_variables_come_first_then_files(complete):
    """A name with blanks is put in quotes."""
    assert complete("%gyazo loss") == ["%gyazo loss_fig", "%gyazo loss.png"]
    assert complete("x = %gyazo my") == ['x = %gyazo "my plot.png"']
    assert complete('%gyazo "my p') == ['%gyazo "my plot.png']
    assert complete("%gyazo plots/") == ["%gyazo plots/a.png", "%gyazo plots/raw/"]
    found = complete("%gyazo fig ")
    assert found.index("%gyazo fig loss_fig") < found.index("%gyazo fig loss.png")
    assert found[-1].startswith("%gyazo fig --")
    assert not {"%gyazo fig gyazo", "%gyazo fig _private", "%gyazo fig .hidden.png"} & set(found)
    assert "%gyazo _private" in complete("%gyazo _pri")


def test_attributes_of_a_variable_are_completed_by_ipython(complete):
    """As in every other line."""
    assert complete("%gyazo fig.bit_l") == ["%gyazo fig.bit_length"]


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("%%gyazo --on", ["%%gyazo --on-error"]),
        ("%gyazo fig --acc", ["%gyazo fig --access-policy"]),
        ("%gyazo --access-policy ", ["anyone", "only_me"]),
        ("%gyazo --access-policy=o", ["%gyazo --access-policy=only_me"]),
        ("%gyazo_login --mode p", ["panel", "prompt"]),
        ("%gyazo_login --sandb", ["%gyazo_login --sandbox"]),
        ("%gyazo_info --", ["%gyazo_info --help"]),
        ("%gyazo --into ", ["gyazo_images"]),
    ],
)
def test_options_and_their_values_are_completed(complete, line, words):
    """`%%gyazo` has other options than `%gyazo`."""
    assert [word.rpartition(" ")[2] for word in complete(line)] == [
        word.rpartition(" ")[2] for word in words
    ]
    assert not any("--on-error" in word for word in complete("%gyazo --"))


def test_names_of_saved_accounts_are_completed(complete):
    """By their names only."""
    for name in ("work", "home"):
        Profiles().save("file", name, Profile(Secret("t0ken"), Site()))

    assert complete("%gyazo_login --profile ") == [
        "%gyazo_login --profile home",
        "%gyazo_login --profile work",
    ]
    assert complete("%gyazo_logout --profile w") == ["%gyazo_logout --profile work"]


def test_blocking_calls_come_before_their_async_versions(complete):
    """In alphabetical order each. Private names are left to IPython."""
    names = [line.removeprefix("gyazo.") for line in complete("gyazo.")]

    assert names.index("upload_all") < names.index("aclose") < names.index("aupload")
    assert names.index("account") < names.index("delete") < names.index("adelete")
    assert complete("x = gyazo.upl") == ["x = gyazo.upload", "x = gyazo.upload_all"]
    assert "gyazo._repr_html_" in complete("gyazo._repr")


@pytest.mark.slow
def test_other_lines_are_left_to_ipython(complete):
    """Another magic, another variable, and text that only looks like the session."""
    for line in ("%gyazo_unknown --", "fig.", "x.gyazo.", "1 + "):
        assert not {"--title", "upload"} & set(complete(line))
