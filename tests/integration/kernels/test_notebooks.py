"""The demo notebooks run, from their first cell to their last, against the sandbox."""

from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient

NOTEBOOKS = Path(__file__).parents[3] / "notebooks"
ALONE = ["02_share_figures", "03_your_images", "04_batches", "05_without_login", "06_async"]


@pytest.mark.kernels
@pytest.mark.parametrize("name", ALONE)
def test_a_notebook_runs_by_itself(server, monkeypatch, tmp_path, name):
    """With a token in the environment, without a person, and without an error."""
    for variable, value in server.variables.items():
        monkeypatch.setenv(variable, value)
    monkeypatch.setenv("GYAZO_ACCESS_TOKEN", server.sandbox.new_token())
    monkeypatch.setenv("IPYTHONDIR", str(tmp_path))
    monkeypatch.setenv("MPLCONFIGDIR", str(tmp_path))
    notebook = nbformat.read(NOTEBOOKS / f"{name}.ipynb", as_version=4)

    NotebookClient(notebook, timeout=90, resources={"metadata": {"path": tmp_path}}).execute()

    assert [cell["id"] for cell in notebook["cells"]] == [
        f"cell-{number}" for number in range(len(notebook["cells"]))
    ]
    stored = len(server.sandbox.images)
    assert {"02": 5, "03": 2, "04": 45, "05": 1, "06": 85}[name[:2]] == stored
