"""The public names, the layout of the packages, and the rules for docstrings and words."""

import ast
import inspect
import re
import tomllib
from pathlib import Path

import pytest

import gyazo_nb
from gyazo_nb import errors

CALLS = [
    "me",
    "upload",
    "upload_all",
    "publish",
    "images",
    "image",
    "delete",
    "search",
    "oembed",
    "easy_upload",
    "update",
    "request",
]
ROOT = Path(__file__).parent.parent
PYPROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
PACKAGE = ROOT / "gyazo_nb"
MODULES = sorted(PACKAGE.rglob("*.py"))
MAX_LINES = 600
# Signatures and docstrings of all public calls: the body of each is a few lines.
LONG_MODULES = {"client/gyazo.py": 720}
MAX_MODULES = 74
# Readers of this project have many first languages. CONTRIBUTING says which words to use.
BANNED = re.compile(
    r"""
    the\ law\b | nobody | somebody | whoever | \banew\b | once\ more | by\ hand | own\ accord
    | (?<!there\ )\b(?:is|are)\ no\ (?!longer)[a-z]
    | pretend | colour | \btwins?\b | \blets?\ go\ of | \bstranger | \bask(?:ed)?\ again
    | \bawaited\ (?:call|method|version) | \bdead\ token
    """,
    re.IGNORECASE | re.VERBOSE,
)
ALLOWED = ()  # quoted data, such as a reply of Gyazo
TEXTS = sorted(
    path
    for pattern in ("gyazo_nb/**/*.py", "tests/**/*.py", "**/*.md", "notebooks/*.ipynb", "*.toml")
    for path in ROOT.glob(pattern)
    if not any(part.startswith(".") for part in path.relative_to(ROOT).parts)
)
TEXTS += [ROOT / "Makefile", ROOT / ".ci" / "run"]


# ── names ────────────────────────────────────────────────────────────────────────────────────────


def test_all_lists_every_public_name():
    """`__all__` holds also the names that are imported later."""
    modules = {name for name, value in vars(gyazo_nb).items() if inspect.ismodule(value)}
    public = {name for name in vars(gyazo_nb) if not name.startswith("_")} - modules
    public -= {"annotations", "TYPE_CHECKING", "import_module"}
    public |= gyazo_nb._IMPORTED_LATER.keys()

    assert sorted(gyazo_nb.__all__, key=str.casefold) == sorted(public, key=str.casefold)


def test_names_that_are_imported_later_are_those_that_type_checkers_see():
    """The `TYPE_CHECKING` block and `_IMPORTED_LATER` name the same modules."""
    source = (PACKAGE / "__init__.py").read_text()
    block = source.partition("if TYPE_CHECKING:")[2].partition("\n\n__version__")[0]
    seen = {
        name: module
        for module, names in re.findall(r"from \.([\w.]+) import (.+)", block)
        for name in names.split(", ")
    }

    assert seen == gyazo_nb._IMPORTED_LATER
    for name, module in gyazo_nb._IMPORTED_LATER.items():
        assert getattr(gyazo_nb, name).__module__ == f"gyazo_nb.{module}"
    with pytest.raises(AttributeError, match="no attribute 'Nothing'"):
        _ = gyazo_nb.Nothing


def test_the_changelog_describes_this_version():
    """Its newest release is the version of the package."""
    newest = re.search(r"^## \[?(\d[^\] ]*)", (ROOT / "CHANGELOG.md").read_text(), re.MULTILINE)

    assert newest[1] == gyazo_nb.__version__


def test_an_async_method_has_the_parameters_of_its_blocking_method():
    """`upload` and `aupload` take the same arguments."""
    methods = dict(inspect.getmembers(gyazo_nb.Gyazo, inspect.isfunction))
    pairs = [name for name in methods if f"a{name}" in methods]

    assert set(CALLS) | {"close"} == set(pairs)
    for name in pairs:
        one, two = (inspect.signature(methods[n]).parameters for n in (name, f"a{name}"))
        assert one == two, name


def test_every_public_object_is_documented():
    """Shift-Tab shows a text for each public name and method."""
    items = [getattr(gyazo_nb, name) for name in gyazo_nb.__all__]
    methods = [m for t in items if inspect.isclass(t) for n, m in vars(t).items() if n[0] != "_"]

    undocumented = [t for t in [*items, *methods] if callable(t) and not inspect.getdoc(t)]
    assert undocumented == []


def test_help_shows_no_directive_of_doctest():
    """A notebook shows the docstrings as they are written."""
    assert [path for path in MODULES if re.search(r"#\s*doctest:", path.read_text())] == []


# ── layout ───────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_a_module_opens_with_a_docstring_and_is_not_too_long(path):
    """The docstring of a package or module says what it is for."""
    text = path.read_text()

    assert text.startswith('"""')
    assert "The law" not in text
    assert text.count("\n") <= LONG_MODULES.get(str(path.relative_to(PACKAGE)), MAX_LINES)


def test_the_number_of_modules_stays_small():
    """Without the sandbox, the service of a hub, and the `__init__` of each package."""
    counted = [
        path
        for path in MODULES
        if path.name != "__init__.py"
        and path.relative_to(PACKAGE).parts[0] not in {"hub", "sandbox"}
    ]

    assert len(counted) <= MAX_MODULES


def test_import_rules_cover_every_package():
    """A rule names packages, so that it covers each new module; the one exception is allowed by name."""
    parts = {
        path.stem
        for path in PACKAGE.iterdir()
        if path.stem != "__init__" and (path.suffix == ".py" or (path / "__init__.py").is_file())
    }
    client = {f"gyazo_nb.{part}" for part in parts - {"hub", "sandbox"}}
    contracts = PYPROJECT["tool"]["importlinter"]["contracts"]
    layers, *forbidden = contracts

    assert layers["type"] == "layers"
    assert layers["exhaustive"]
    assert {name.strip() for line in layers["layers"] for name in line.split("|")} == parts - {
        "hub",
        "sandbox",
    }
    rules = {
        tuple(contract["forbidden_modules"]): set(contract["source_modules"])
        for contract in forbidden
    }
    everything = client | {"gyazo_nb.hub", "gyazo_nb.sandbox"}
    assert rules == {
        ("httpx",): everything - {"gyazo_nb.http"},
        ("IPython", "ipywidgets", "traitlets"): everything - {"gyazo_nb.notebook"},
        ("asyncio", "socket", "threading", "time"): {"gyazo_nb.api", "gyazo_nb.images"},
        tuple(sorted(client)): {"gyazo_nb.hub", "gyazo_nb.sandbox"},
        ("gyazo_nb.hub", "gyazo_nb.sandbox"): client | {"gyazo_nb.hub"},
    }
    assert [rule for contract in contracts for rule in contract.get("ignore_imports", ())] == [
        "gyazo_nb.notebook.sign_in -> gyazo_nb.sandbox"
    ]


def test_every_dependency_has_its_reason():
    """Each dependency has a comment."""
    text = (ROOT / "pyproject.toml").read_text()
    project, groups = PYPROJECT["project"], PYPROJECT["dependency-groups"]
    names = [*project["dependencies"]]
    for group in [*project["optional-dependencies"].values(), *groups.values()]:
        names += [name for name in group if isinstance(name, str)]

    for name in names:
        assert re.search(rf'"{re.escape(name)}",\s+# \S', text), name


# ── words ────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("path", TEXTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_a_text_uses_plain_words(path):
    """Code, tests, pages and notebooks avoid phrases that are hard to translate."""
    if path == Path(__file__):
        return
    lines = enumerate(path.read_text().splitlines(), 1)

    assert [
        f"{number}: {line.strip()}"
        for number, line in lines
        if BANNED.search(line) and not any(text in line for text in ALLOWED)
    ] == []


@pytest.mark.slow
def test_an_error_message_ends_with_a_period():
    """Or with a question mark. A text that begins with a small letter is a part of a message."""
    names = {*filter(re.compile("Error$").search, vars(errors)), "UsageError"}
    messages = [
        "".join(part.value if isinstance(part, ast.Constant) else "{}" for part in parts)
        for path in MODULES
        for call in ast.walk(ast.parse(path.read_text()))
        if isinstance(call, ast.Call) and getattr(call.func, "id", "") in names and call.args
        for parts in [getattr(call.args[0], "values", call.args[:1])]
        if all(isinstance(part, ast.Constant | ast.FormattedValue) for part in parts)
    ]

    assert len(messages) > 100
    assert [text for text in messages if not re.search(r"^[a-z]|([.?]|\{\})\)?$", text)] == []
