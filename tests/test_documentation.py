"""What the README, the guide and the notebooks say is so."""

import json
import re
from pathlib import Path

import nbformat
import pytest

import gyazo_nb
from gyazo_nb.notebook.traits import GyazoTraits

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text()


def test_every_call_in_the_readme_is_there():
    """Each `gyazo.name(` is a method, each `%magic` a magic."""
    magics = (ROOT / "gyazo_nb" / "magics.py").read_text()

    for name in re.findall(r"gyazo\.(\w+)\(", README):
        assert hasattr(gyazo_nb.Gyazo, name), name
    for name in re.findall(r"%(gyazo\w+)", README):
        assert f"def {name}(" in magics, name


def test_every_setting_is_in_the_readme():
    """Each trait, by its name and by its variable."""
    for name in GyazoTraits.class_own_traits(config=True):
        assert name in README
        if name != "client_secret_variable":
            assert f"GYAZO_{name.upper()}" in README


def test_every_link_to_a_file_leads_somewhere():
    """Pictures and pages that the README names are in the repository."""
    for target in re.findall(r"\]\((?!http)([^)#]+)\)", README):
        assert (ROOT / target).is_file(), target


@pytest.mark.parametrize("path", sorted((ROOT / "notebooks").glob("*.ipynb")), ids=lambda p: p.name)
def test_notebooks_are_committed_without_outputs(path):
    """A notebook in the repository is valid and holds no output, count or widget state."""
    notebook = json.loads(path.read_text())
    nbformat.validate(notebook)

    assert "widgets" not in notebook["metadata"]
    for cell in notebook["cells"]:
        assert not cell.get("outputs")
        assert cell.get("execution_count") is None
