"""What the package promises: its names, its version, its words."""

import inspect
import re
import tomllib
from pathlib import Path

import pytest

import gyazo_nb

CALLS = [
    "me",
    "upload",
    "upload_all",
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


def test_all_is_what_it_says():
    """`__all__` holds every public name, sorted, and each is there."""
    modules = {name for name, value in vars(gyazo_nb).items() if inspect.ismodule(value)}
    public = {name for name in vars(gyazo_nb) if not name.startswith("_")} - modules
    public -= {"annotations", "TYPE_CHECKING", "import_module"}
    later = {name for names in gyazo_nb._LATER.values() for name in names}

    assert sorted(gyazo_nb.__all__, key=str.casefold) == sorted(public | later, key=str.casefold)


def test_what_is_loaded_later_is_what_type_checkers_see():
    """Each name of the list is imported for types from the module that it is loaded from."""
    source = (ROOT / "gyazo_nb" / "__init__.py").read_text()
    block = source.partition("if TYPE_CHECKING:")[2].partition("\n\n\n")[0]
    seen = {
        module: tuple(names.split(", "))
        for module, names in re.findall(r"from \.(\w+) import (.+)", block)
    }

    assert seen == gyazo_nb._LATER
    for module, names in gyazo_nb._LATER.items():
        for name in names:
            assert getattr(gyazo_nb, name).__module__ == f"gyazo_nb.{module}"
    with pytest.raises(AttributeError, match="no attribute 'Nothing'"):
        _ = gyazo_nb.Nothing


def test_the_changelog_is_about_this_version():
    """The newest entry of the changelog is the package's version."""
    newest = re.search(r"^## \[?(\d[^\] ]*)", (ROOT / "CHANGELOG.md").read_text(), re.MULTILINE)

    assert newest[1] == gyazo_nb.__version__


def test_every_awaited_twin_has_the_same_signature():
    """`upload` and `aupload` take the same arguments."""
    methods = dict(inspect.getmembers(gyazo_nb.Gyazo, inspect.isfunction))
    twins = [name for name in methods if f"a{name}" in methods]

    assert set(CALLS) | {"close"} == set(twins)
    for name in twins:
        one, two = (inspect.signature(methods[n]).parameters for n in (name, f"a{name}"))
        assert one == two, name


def test_every_public_thing_is_documented():
    """Shift-Tab shows something for each public name and method."""
    things = [getattr(gyazo_nb, name) for name in gyazo_nb.__all__]
    methods = [m for t in things if inspect.isclass(t) for n, m in vars(t).items() if n[0] != "_"]

    undocumented = [t for t in [*things, *methods] if callable(t) and not inspect.getdoc(t)]
    assert undocumented == []


def test_every_module_says_what_it_is_for():
    """Each module opens with a docstring that states its law, and none is long."""
    for path in (ROOT / "gyazo_nb").rglob("*.py"):
        text = path.read_text()
        assert text.startswith('"""'), path
        assert text.count("\n") <= 300, path


def test_every_module_has_its_place_in_the_layers():
    """And none is forgotten among those that the sandbox may not import, or that know no httpx."""
    linter = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]
    contracts = {contract["name"]: contract for contract in linter["contracts"]}
    layers = contracts["A module imports only from the lines below its own"]["layers"]
    modules = {path.stem for path in (ROOT / "gyazo_nb").glob("[!_]*.py")}
    island = contracts["The sandbox shares no code with the client it checks"]["forbidden_modules"]
    no_httpx = {
        name.removeprefix("gyazo_nb.")
        for contract in contracts.values()
        if "httpx" in contract.get("forbidden_modules", ())
        for name in contract["source_modules"]
    }

    assert {name.strip() for line in layers for name in line.split("|")} == modules
    assert {name.removeprefix("gyazo_nb.") for name in island} == modules
    assert modules - no_httpx == {"transport", "wire", "clients", "fetch"}


def test_every_dependency_has_its_reason():
    """Beside each dependency stands why."""
    text = (ROOT / "pyproject.toml").read_text()
    project = tomllib.loads(text)["project"]
    names = [*project["dependencies"], *project["optional-dependencies"]["sandbox"]]

    for name in names:
        assert re.search(rf'"{re.escape(name)}",\s+# \w', text), name
