"""The line after a magic: how it is split, its options, and the errors that name the right ones."""

from pathlib import Path

import pytest
from IPython.core.error import UsageError
from IPython.utils.capture import capture_output

from gyazo_nb.notebook.line_parser import LineParser, expand, split


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
def test_comment_and_final_semicolon_are_not_words(line, words):
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


# ── options ────────────────────────────────────────────────────────────────────────────────────


@pytest.fixture
def parser():
    """A magic with options of each kind, and with items."""
    parser = LineParser("%share", "Share items.", may_contain_secrets=False)
    parser.add_argument("--title", type=str, metavar="TEXT")
    parser.add_argument("--access-policy", choices=("anyone", "only_me"))
    parser.add_argument("--cell", type=int, metavar="N")
    parser.add_argument("--wait", nargs="?", type=float, const=300.0)
    parser.add_argument("--into", default="images")
    parser.add_argument("--on-error", action="store_true")
    parser.add_argument("items", nargs="*")
    return parser


def test_options_and_items_are_read_in_any_order(parser):
    """Quotes around a value are removed, except for a text that is expanded later."""
    line = """a --title "A b" b --access-policy 'only_me' --cell=5 --wait --on-error "c d.png" """

    options = parser.parse(line)

    assert options.items == ["a", "b", '"c d.png"']
    assert (options.title, options.access_policy, options.cell) == ('"A b"', "only_me", 5)
    assert (options.wait, options.on_error, options.into) == (300.0, True, "images")
    assert parser.parse("--wait 5").wait == 5.0
    assert parser.parse("").items == []


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("--titel x", "%share has no option --titel: did you mean --title?"),
        ("--tit x", "%share has no option --tit: did you mean --title?"),
        ("-title x", "%share has no option -title: did you mean --title?"),
        ("--access_policy only_me", "--access_policy: did you mean --access-policy?"),
        ("--wiat 5", "--wiat: did you mean --wait?"),
        ("--title-text x", "--title-text: did you mean --title?"),
        ("--color x", "%share has no option --color. %share takes: [-h] [--title TEXT]"),
        (
            "--access-policy onlyme",
            "--access-policy takes anyone or only_me, not 'onlyme': did you mean only_me?",
        ),
        ("--access-policy x", "--access-policy takes anyone or only_me, not 'x'."),
        ("--cell five", "--cell takes a whole number, not 'five'."),
        ("--wait long", "--wait takes a number, not 'long'."),
        ("--title", "--title needs a value: --title TEXT."),
        ("--access-policy --cell 5", "--access-policy anyone or --access-policy only_me"),
        ("--on-error=yes", "--on-error takes no value."),
        (
            "fig --title My nice title",
            'A text of several words needs quotes around it: write  --title "My nice title"  instead.',
        ),
    ],
)
def test_error_names_the_wrong_part_and_the_right_one(parser, line, message):
    """An option is never abbreviated."""
    with pytest.raises(UsageError) as caught:
        parser.parse(line)

    assert message in str(caught.value)


def test_items_after_a_text_without_quotes_get_a_hint(parser):
    """They may be items, so that the hint is shown only if they are unknown."""
    options = parser.parse("--title My nice title")

    assert (options.title, options.items) == ("My", ["nice", "title"])
    assert options.quotes_hint.endswith('write  --title "My nice title"  instead.')
    assert parser.parse("--title 'My nice title' fig").quotes_hint == ""


@pytest.mark.parametrize("line", ["--help", "-h", "fig --title x --help"])
def test_help_wins_over_everything_else(parser, line):
    """The line is not read further."""
    assert parser.parse(line) is None


def test_value_is_not_repeated_where_it_may_be_a_secret():
    """An unknown option is repeated only if it cannot be a token."""
    parser = LineParser("%login", "Sign in.", may_contain_secrets=True)
    parser.add_argument("--mode", choices=("panel", "prompt"))
    parser.add_argument("--token", action="store_true")
    for line in (
        "s3cr3t",
        "--token s3cr3t",
        "--token=s3cr3t",
        "--tokn s3cr3t",
        "--mode s3cr3t",
        "--mod s3cr3t",
        "--code=s3cr3t",
        "--s3cr3t",
        "-s3cr3t",
        "'s3cr3t",
    ):
        with pytest.raises(UsageError) as caught:
            parser.parse(line)
        assert "s3cr3t" not in str(caught.value), line
    for line, meant in (
        ("--mode pannel", "panel"),
        ("panel", "--mode panel"),
        ("token", "--token"),
    ):
        with pytest.raises(UsageError, match=rf"did you mean {meant}\?") as caught:
            parser.parse(line)
        assert "secret" not in str(caught.value)


# ── the help of the magics ─────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    "magic", ["%gyazo", "%%gyazo", "%gyazo_login", "%gyazo_logout", "%gyazo_whoami", "%gyazo_info"]
)
def test_every_magic_prints_its_help(shell, magic):
    """The same text as that of `%magic?`. Nothing is run."""
    shell.run_line_magic("load_ext", "gyazo_nb")
    kind = "cell" if magic == "%%gyazo" else "line"
    with capture_output() as captured:
        if kind == "cell":
            shell.run_cell_magic("gyazo", "--help", "pytest.fail()")
        else:
            shell.run_line_magic(magic[1:], "--help")

    text = captured.stdout
    assert text.startswith(f"usage: {magic} [-h]")
    assert text == shell.magics_manager.magics[kind][magic.strip("%")].__doc__
    for word in ("secret on the line", "doctest", "%%%", "\x1b"):
        assert word not in text


@pytest.mark.parametrize(
    "cell", ["%%gyazo --help", "%%gyazo --title x -h\n", "%%gyazo --help\n1 / 0"]
)
def test_help_of_a_cell_needs_no_body(shell, cell):
    """IPython calls a cell magic only with a body."""
    shell.run_line_magic("load_ext", "gyazo_nb")
    with capture_output() as captured:
        shell.run_cell(cell).raise_error()

    assert captured.stdout.startswith("usage: %%gyazo [-h]")
