"""The Python examples of the README and the documentation run in a kernel, page by page, as they are written."""

import re
import shutil
from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient
from support.helpers import PNG

ROOT = Path(__file__).parents[3]
# An example that cannot run here has its reason in a comment above it.
EXAMPLE = re.compile(
    r"(?:<!-- not run: (?P<reason>[^>]+) -->\n+)?^(?P<indent> *)```python\n(?P<code>.*?)^ *```$",
    re.DOTALL | re.MULTILINE,
)
# The objects that the examples take as given.
GIVEN = """
from pathlib import Path
import matplotlib.pyplot as plt
from support.rendering import render_figure as render_png
%load_ext gyazo_nb
losses = [1.0, 0.46, 0.27, 0.19, 0.15]
paths = sorted(Path("plots").glob("*.png"))
fig, ax = plt.subplots()
ax.plot(losses)
plt.close(fig)
"""


def examples(path):
    """Return the examples of a page that can run."""
    found = []
    for match in EXAMPLE.finditer(path.read_text()):
        if match["reason"] is None:
            lines = match["code"].splitlines()
            found.append("\n".join(line.removeprefix(match["indent"]) for line in lines))
    return found


PAGES = [
    path
    for path in [ROOT / "README.md", ROOT / "SECURITY.md", *sorted((ROOT / "docs").glob("*.md"))]
    if examples(path)
]


@pytest.mark.kernels
@pytest.mark.parametrize("page", PAGES, ids=lambda path: path.name)
def test_examples_of_a_page_run(server, monkeypatch, tmp_path, page):
    """With a token of the sandbox, in a folder with some pictures and the demo notebooks."""
    for variable, value in server.variables.items():
        monkeypatch.setenv(variable, value)
    monkeypatch.setenv("GYAZO_ACCESS_TOKEN", server.sandbox.new_token())
    monkeypatch.setenv("IPYTHONDIR", str(tmp_path / "ipython"))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.setenv("PYTHONPATH", str(ROOT / "tests"))
    (tmp_path / "plots").mkdir()
    for number in range(3):
        (tmp_path / "plots" / f"{number}.png").write_bytes(PNG + b"%d" % number)
    shutil.copy(tmp_path / "plots" / "0.png", tmp_path / "my plot.png")
    shutil.copy(ROOT / "notebooks" / "02_share_figures.ipynb", tmp_path / "report.ipynb")
    cells = [nbformat.v4.new_code_cell(code) for code in (GIVEN, *examples(page))]
    notebook = nbformat.v4.new_notebook(cells=cells)

    resources = {"metadata": {"path": tmp_path}}
    NotebookClient(notebook, timeout=90, kernel_name="python3", resources=resources).execute()


def test_an_example_that_does_not_run_is_an_exception():
    """Most examples run: the pattern above finds them."""
    number = sum(path.read_text().count("```python") for path in PAGES)
    skipped = sum(path.read_text().count("<!-- not run:") for path in PAGES)

    assert sum(len(examples(path)) for path in PAGES) == number - skipped
    assert skipped < number / 3
