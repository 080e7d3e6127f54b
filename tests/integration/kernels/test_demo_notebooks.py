"""The demo notebooks run from the first cell to the last against the sandbox."""

from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient

NOTEBOOKS = Path(__file__).parents[3] / "notebooks"
UPLOADS = {
    "02_share_figures": 5,
    "03_your_images": 3,
    "04_batches": 57,
    "05_without_login": 1,
    "06_async": 85,
}


@pytest.mark.kernels
@pytest.mark.parametrize("name", UPLOADS)
def test_notebook_runs_without_a_user(server, monkeypatch, tmp_path, name):
    """A token in the environment is enough: no cell fails, and all pictures arrive."""
    for variable, value in server.variables.items():
        monkeypatch.setenv(variable, value)
    monkeypatch.setenv("GYAZO_ACCESS_TOKEN", server.sandbox.new_token())
    monkeypatch.setenv("IPYTHONDIR", str(tmp_path))
    notebook = nbformat.read(NOTEBOOKS / f"{name}.ipynb", as_version=4)

    NotebookClient(notebook, timeout=90, resources={"metadata": {"path": tmp_path}}).execute()

    assert [cell["id"] for cell in notebook["cells"]] == [
        f"cell-{number}" for number in range(len(notebook["cells"]))
    ]
    assert len(server.sandbox.images) == UPLOADS[name]
