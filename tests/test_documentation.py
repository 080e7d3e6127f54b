"""The README, the guides and the notebooks describe the package as it is."""

import ast
import importlib
import json
import re
import sys
import threading
from collections import defaultdict
from pathlib import Path
from pkgutil import resolve_name

import matplotlib.pyplot as plt
import pytest
from IPython.utils.capture import capture_output
from support.helpers import PNG

import gyazo_nb
from gyazo_nb.notebook.magics import GyazoMagics
from gyazo_nb.notebook.traits import GyazoTraits

ROOT = Path(__file__).parent.parent
PAGES = {
    name: (ROOT / name).read_text()
    for name in (
        "README.md",
        "CONTRIBUTING.md",
        "SECURITY.md",
        "CHANGELOG.md",
        "tests/replies/README.md",
        *(str(path.relative_to(ROOT)) for path in sorted((ROOT / "docs").glob("*.md"))),
    )
}
USER_PAGES = {name: text for name, text in PAGES.items() if name.startswith(("README", "docs/"))}
README = PAGES["README.md"]
NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))


# ── the pages ────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("page", USER_PAGES)
def test_every_call_that_a_page_names_exists(page):
    """Each `gyazo.name` is a member of the session, and each `%magic` a magic."""
    magics = (ROOT / "gyazo_nb" / "notebook" / "magics.py").read_text()

    for name in re.findall(r"(?<![\w./])gyazo\.(?!com\b)(\w+)", USER_PAGES[page]):
        assert hasattr(gyazo_nb.Gyazo, name), name
    for name in re.findall(r"%(gyazo\w+)", USER_PAGES[page]):
        assert f"def {name}(" in magics, name


@pytest.mark.parametrize("page", USER_PAGES)
def test_every_option_that_a_page_names_exists(page):
    """The options after a magic are in its help."""
    for percents, magic, words in re.findall(r"(%%?)(gyazo\w*)([^`\n]*)", USER_PAGES[page]):
        method = getattr(GyazoMagics, "gyazo_cell" if percents == "%%" else magic)
        for option in re.findall(r"(?<= )--[a-z-]+", words):
            assert option in method.__doc__, (magic, option)


def test_every_call_is_in_the_documentation():
    """Each blocking method of the session is on a page of the guide, not only in the API reference."""
    guide = "\n".join(text for page, text in USER_PAGES.items() if page != "docs/api.md")
    methods = {
        name
        for name, value in vars(gyazo_nb.Gyazo).items()
        if callable(value) and not name.startswith("_") and f"a{name}" in vars(gyazo_nb.Gyazo)
    }

    assert len(methods) > 10
    assert {name for name in methods if f"gyazo.{name}" not in guide} == set()


def test_the_api_reference_has_every_public_name():
    """Classes by their name, errors by their module."""
    page = PAGES["docs/api.md"]
    functions = {"load_ipython_extension", "unload_ipython_extension"}
    errors = {name for name in gyazo_nb.__all__ if hasattr(gyazo_nb.errors, name)}

    assert "automodule:: gyazo_nb.errors" in page
    for name in set(gyazo_nb.__all__) - functions - errors:
        assert f"autoclass:: gyazo_nb.{name}\n" in page, name


def test_every_setting_is_in_the_documentation():
    """Each trait, by its name and by its variable."""
    page = PAGES["docs/configuration.md"]
    for name in GyazoTraits.class_own_traits(config=True):
        assert f"c.GyazoMagics.{name}" in page, name
        if name != "client_secret_variable":
            assert f"GYAZO_{name.upper()}" in page, name


@pytest.mark.parametrize("page", PAGES)
def test_every_variable_that_a_page_names_exists(page):
    """Each name that begins with `GYAZO_` is in the code or the tests."""
    files = [*(ROOT / "gyazo_nb").rglob("*.py"), *(ROOT / "tests").rglob("*.py"), ROOT / ".ci/run"]
    code = "\n".join(path.read_text() for path in files if path != Path(__file__))
    examples = {"GYAZO_TOKEN"}  # a name that the user chooses, in the store of another site

    for name in set(re.findall(r"\bGYAZO_[A-Z_]+\b", PAGES[page])) - examples:
        assert name in code or name.lower().removeprefix("gyazo_") in code, name


def _sentences():
    """The texts of the package, with `…` for each value."""
    texts = []
    for path in (ROOT / "gyazo_nb").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.JoinedStr):
                parts = [v.value if isinstance(v, ast.Constant) else "…" for v in node.values]
                texts.append("".join(parts))
            elif isinstance(node, ast.Constant) and isinstance(node.value, str):
                texts.append(node.value)
    return "\n".join(texts)


def test_every_sentence_of_the_troubleshooting_page_is_in_the_code():
    """The quoted texts at the beginning of a row."""
    sentences = _sentences()
    quoted = re.findall(r'^\| "([^"]+)" \|', PAGES["docs/troubleshooting.md"], re.MULTILINE)

    assert len(quoted) > 30
    others = {"Error displaying widget: model not found"}  # a sentence of JupyterLab
    assert [text for text in quoted if text not in sentences and text not in others] == []


def test_every_make_target_in_a_page_exists():
    """`make demo` and others."""
    makefile = (ROOT / "Makefile").read_text()

    for page in PAGES.values():
        for target in re.findall(r"(?:`|^)make ([a-z-]+)", page, re.MULTILINE):
            assert re.search(rf"^{target}:", makefile, re.MULTILINE), target


@pytest.mark.parametrize("page", PAGES)
def test_every_file_that_a_page_names_exists(page):
    """Links to files, paths of tests, and modules of the package."""
    text = PAGES[page]
    folder = (ROOT / page).parent
    links = [folder / t for t in re.findall(r"\]\((?!http)([^)#]+)(?:#[^)]*)?\)", text)]
    tests = [ROOT / path for path in re.findall(r"`(tests/[\w/.]+)`", text)]
    named = set(re.findall(r"`([\w/]+\.py)`", text))
    named = {name for name in named if not name.endswith("_config.py")}  # files of the user
    modules = [ROOT / "gyazo_nb" / name for name in named if not (ROOT / name).exists()]

    assert [path for path in [*links, *tests, *modules] if not path.exists()] == []


def test_the_quick_start_runs_as_it_is_written(server, shell, monkeypatch):
    """Its cells run one after the other, and the last one uploads the figure."""
    for name, value in server.variables.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("GYAZO_ACCESS_TOKEN", server.sandbox.new_token())
    quick_start = README.partition("## Quick start")[2].partition("\n## ")[0]
    quick_start = re.sub(r"<!-- not run:.*?```python.*?```", "", quick_start, flags=re.DOTALL)
    cells = re.findall(r"```python\n(.*?)```", quick_start, re.DOTALL)

    with capture_output():
        for cell in cells:
            shell.run_cell(cell).raise_error()
    plt.close("all")

    assert len(cells) == 3
    assert [image.title for image in shell.user_ns["gyazo"].images()] == ["Loss curve"]


# ── CONTRIBUTING: the walkthroughs ───────────────────────────────────────────────────────────────


def walkthrough(title):
    """Return the functions that a walkthrough names, as (file, name)."""
    text = PAGES["CONTRIBUTING.md"].partition(f"### {title}")[2].partition("\n#")[0]
    steps = re.findall(r"^\d+\. `([\w/]+\.py)`: (.+?) —", text, re.MULTILINE | re.DOTALL)
    return [(file, name) for file, names in steps for name in re.findall(r"`([\w.]+)`", names)]


@pytest.fixture
def calls(monkeypatch):
    """Record the functions of the package that are called from now on, in every thread."""
    called = defaultdict(set)
    package = f"{ROOT / 'gyazo_nb'}/"

    def record(frame, event, _):
        if event == "call" and frame.f_code.co_filename.startswith(package):
            file = frame.f_code.co_filename.removeprefix(package)
            called[file].add(frame.f_code.co_qualname)

    before = sys.getprofile()
    threading.setprofile(record)
    sys.setprofile(record)
    yield called
    sys.setprofile(before)
    threading.setprofile(before)


def check(title, called):
    """Fail for each function of a walkthrough that does not exist, or was not called."""
    functions = walkthrough(title)
    assert len(functions) > 20
    for file, name in functions:
        target = importlib.import_module(f"gyazo_nb.{file.removesuffix('.py').replace('/', '.')}")
        for part in name.split("."):
            target = getattr(target, part)
    assert [(file, name) for file, name in functions if name not in called[file]] == []


def test_the_walkthrough_of_a_sign_in_names_called_functions(
    server, user, shell, monkeypatch, calls
):
    """Each named function is called between the paste and the signed-in account."""
    for name, value in server.variables.items():
        monkeypatch.setenv(name, value)
    with capture_output():
        shell.run_line_magic("load_ext", "gyazo_nb")
        shell.run_line_magic("gyazo_login", "--mode panel")
        (panel,) = shell.magics_manager.registry["GyazoMagics"].sign_in._panels
        calls.clear()
        panel._box.value = user.authorize(panel._login.url)

    assert shell.user_ns["gyazo"].account.user.name == "Sandy Box"
    check("From the pasted text to the signed-in account", calls)


def test_the_walkthrough_of_an_upload_names_called_functions(gyazo, calls):
    """Each named function is called by `upload`, or when its image is shown."""
    figure, axes = plt.subplots()
    axes.plot([1, 2])
    calls.clear()
    gyazo.upload(figure)._repr_html_()
    plt.close(figure)

    check("`gyazo.upload(fig)`", calls)


def test_the_walkthrough_of_a_batch_names_called_functions(gyazo, tmp_path, calls):
    """Each named function is called by `upload_all`."""
    calls.clear()
    gyazo.upload_all([PNG], resume=tmp_path / "batch.jsonl", progress=False)

    check('`gyazo.upload_all(items, resume="batch.jsonl")`', calls)


def test_the_names_in_the_recipes_exist():
    """CONTRIBUTING names them with their file, as in "`CALLS` in `tests/…`"."""
    named = re.findall(r"`(\w+)`\sin\s`([\w/]+\.py)`", PAGES["CONTRIBUTING.md"])

    assert len(named) >= 3
    for name, file in named:
        path = ROOT / file if (ROOT / file).exists() else ROOT / "gyazo_nb" / file
        assert re.search(rf"^(def |class )?{name}\b", path.read_text(), re.MULTILINE), name


# ── notebooks ────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.name)
def test_a_demo_notebook_is_valid_and_has_no_outputs(path):
    """No output, count or widget state is in the repository."""
    notebook = json.loads(path.read_text())
    resolve_name("nbformat:validate")(notebook)  # takes two seconds to import

    assert "widgets" not in notebook["metadata"]
    for cell in notebook["cells"]:
        assert not cell.get("outputs")
        assert cell.get("execution_count") is None
