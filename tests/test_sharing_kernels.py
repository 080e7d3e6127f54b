"""`%%gyazo` and `%gyazo` on a real kernel of each generation, with matplotlib's own inline figures."""

import json
import sys

import nbformat
import pytest
from harness import KERNELS, kernel_environment
from nbclient import NotebookClient

CELLS = (
    "%load_ext gyazo_nb",
    """%%gyazo --title Plots
import matplotlib.pyplot as plt
print("before")
plt.figure(); plt.plot([1, 2]); plt.show()
print("between")
plt.figure(); plt.plot([2, 1])
"the last"
""",
    "_, [image.title for image in gyazo_images], Out[2]",
    """%%gyazo --on-error
plt.figure(); plt.plot([3, 1]); plt.show()
def inner():
    1 / 0
inner()
""",
    "len(gyazo_images), len(In)",
    "import asyncio; await asyncio.sleep(0)\n(await gyazo.aupload_all([b'GIF89a' + b'1' * 20], progress=True))",
    "%%gyazo\nawait asyncio.sleep(0)",
)


def shown(cell):
    """The outputs of a cell, in order, each by what it is."""
    for out in cell["outputs"]:
        match out["output_type"]:
            case "stream":
                yield out["text"].strip()
            case "error":
                yield out["ename"]
            case _ if "image/png" in out["data"]:
                yield "figure"
            case _ if "<figure" in out["data"].get("text/html", ""):
                yield "card"
            case kind:
                yield kind


@pytest.mark.kernels
@pytest.mark.parametrize("version", KERNELS)
def test_a_cell_and_its_figures(server, monkeypatch, tmp_path, version):
    """Outputs where they always are, cards beneath, the error once, history and `_` as ever."""
    for name, value in (server.variables | kernel_environment(version)).items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("GYAZO_ACCESS_TOKEN", server.sandbox.new_token())
    monkeypatch.setenv("IPYTHONDIR", str(tmp_path))
    monkeypatch.setenv("MPLCONFIGDIR", str(tmp_path))
    spec = {"argv": [sys.executable, "-m", "ipykernel_launcher", "-f", "{connection_file}"]}
    folder = tmp_path / "kernels" / "generation"
    folder.mkdir(parents=True)
    (folder / "kernel.json").write_text(
        json.dumps(spec | {"display_name": version, "language": "python"})
    )
    monkeypatch.setenv("JUPYTER_PATH", str(tmp_path))
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(c) for c in CELLS])

    NotebookClient(notebook, timeout=90, kernel_name="generation", allow_errors=True).execute()

    cells = notebook["cells"]
    assert list(shown(cells[1])) == [
        "before",
        "figure",
        "between",
        "execute_result",
        "figure",
        "card",
        "card",
    ]
    result = cells[2]["outputs"][0]["data"]["text/plain"]
    assert result == "('the last', ['Plots', 'Plots'], 'the last')"
    assert list(shown(cells[3])) == ["figure", "ZeroDivisionError", "card"]
    trace = "\n".join(next(o for o in cells[3]["outputs"] if "traceback" in o)["traceback"])
    assert "inner()" in trace
    assert "run_cell_magic" not in trace
    assert cells[4]["outputs"][0]["data"]["text/plain"] == "(1, 6)"
    assert cells[4]["execution_count"] == 5
    assert cells[5]["outputs"][-1]["data"]["text/plain"] == "<1 uploaded>"
    assert list(shown(cells[6])) == ["ArgumentError"]
    assert len(server.sandbox.images) == 4


@pytest.mark.kernels
@pytest.mark.parametrize("version", KERNELS)
def test_an_error_in_the_cell_stops_run_all(server, monkeypatch, tmp_path, version):
    """The cell fails for whoever runs the notebook, too."""
    for name, value in (server.variables | kernel_environment(version)).items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("GYAZO_ACCESS_TOKEN", server.sandbox.new_token())
    monkeypatch.setenv("IPYTHONDIR", str(tmp_path))
    cells = ["%load_ext gyazo_nb", "%%gyazo\n1/0", "ran = 1"]
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(c) for c in cells])

    with pytest.raises(Exception, match="ZeroDivisionError"):
        NotebookClient(notebook, timeout=60, kernel_name="python3").execute()
