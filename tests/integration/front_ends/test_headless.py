"""`%gyazo_login` where a user cannot click or type: nbclient, papermill and scripts, on every kernel."""

import os
import re
import subprocess
import sys

import nbformat
import pytest
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError
from support.helpers import KERNELS

# The first request to a new kernel of ipykernel 7 remains unread in about one run of fifty.
pytestmark = pytest.mark.flaky(reruns=4)

LOAD = "%load_ext gyazo_nb"


def notebook_of(*cells, **metadata):
    code_cells = [nbformat.v4.new_code_cell(cell) for cell in cells]
    return nbformat.v4.new_notebook(cells=code_cells, metadata=metadata)


def execute(notebook, kernel):
    NotebookClient(notebook, kernel_name=f"ipykernel-{kernel}", timeout=60).execute()


@pytest.mark.parametrize("kernel", KERNELS)
def test_nbclient_with_a_token_is_silent(jupyter_home, server, monkeypatch, kernel):
    """GYAZO_ACCESS_TOKEN signs in without an output, a widget or a prompt."""
    monkeypatch.setenv("GYAZO_ACCESS_TOKEN", server.sandbox.new_token())
    monkeypatch.setenv("GYAZO_API_URL", server.url)
    notebook = notebook_of(LOAD, "%gyazo_login", "print(gyazo.me().name)")

    execute(notebook, kernel)

    assert notebook.cells[1].outputs == []
    assert notebook.cells[2].outputs[0].text == "Sandy Box\n"
    assert "widgets" not in notebook.metadata


@pytest.mark.parametrize(
    "options",
    [
        "",
        "--wait",
        "--mode prompt",
        "--token",
        "--mode env",
        "--mode panel",
        "--mode panel --wait 60",
    ],
)
@pytest.mark.parametrize("kernel", KERNELS)
def test_nbclient_without_a_token_gets_one_line(jupyter_home, server, monkeypatch, kernel, options):
    """The cell fails with a sentence that names the variable; no hang, no widget state, no link."""
    for name, value in server.variables.items():
        monkeypatch.setenv(name, value)
    notebook = notebook_of(LOAD, f"%gyazo_login {options}", "print('later')")

    with pytest.raises(CellExecutionError, match="GYAZO_ACCESS_TOKEN"):
        execute(notebook, kernel)

    error = notebook.cells[1].outputs[-1]
    assert error.output_type == "error"
    assert len(error.traceback) == 1
    assert "\n" not in error.traceback[0]
    assert notebook.cells[2].outputs == []
    assert "widgets" not in notebook.metadata
    assert "state=" not in nbformat.writes(notebook)


def test_nbclient_with_a_revoked_token_gets_one_line(jupyter_home, server, monkeypatch):
    """The sentence says why the token may have failed."""
    monkeypatch.setenv("GYAZO_ACCESS_TOKEN", "revoked")
    monkeypatch.setenv("GYAZO_API_URL", server.url)
    notebook = notebook_of(LOAD, "%gyazo_login", "print('later')")

    with pytest.raises(CellExecutionError, match="deleted or revoked, or is not complete"):
        execute(notebook, KERNELS[-1])

    assert notebook.cells[2].outputs == []


def test_saved_token_signs_in_the_next_kernel(jupyter_home, server, monkeypatch):
    """One kernel saves it in a file, %gyazo_login in the next one uses it, %gyazo_logout deletes it."""
    for name, value in server.variables.items():
        monkeypatch.setenv(name, value)
    token = server.sandbox.new_token()
    monkeypatch.setenv("GYAZO_ACCESS_TOKEN", token)
    save = (
        "from gyazo_nb.auth.profiles import Profiles\n"
        "from gyazo_nb.auth.token_store import Profile\n"
        "account = gyazo.account\n"
        "print(Profiles().save('file', 'default', Profile(account.token, account.site)))"
    )
    execute(notebook_of(LOAD, save), KERNELS[-1])
    monkeypatch.delenv("GYAZO_ACCESS_TOKEN")
    notebook = notebook_of(
        LOAD, "%gyazo_login", "print(gyazo.me().name)", "%gyazo_whoami", "%gyazo_logout"
    )

    execute(notebook, KERNELS[-1])

    assert notebook.cells[2].outputs[0].text == "Sandy Box\n"
    assert "a file in your configuration folder" in notebook.cells[3].outputs[0].data["text/plain"]
    assert "The token saved as" in notebook.cells[4].outputs[0].data["text/plain"]
    assert token not in nbformat.writes(notebook)
    with pytest.raises(CellExecutionError, match="GYAZO_ACCESS_TOKEN"):
        execute(notebook_of(LOAD, "%gyazo_login"), KERNELS[-1])


def run_papermill(folder, environment, kernel):
    kernelspec = {"name": f"ipykernel-{kernel}", "display_name": "", "language": "python"}
    cells = (LOAD, "%gyazo_login", "print(gyazo.me().name)")
    nbformat.write(notebook_of(*cells, kernelspec=kernelspec), folder / "in.ipynb")
    return subprocess.run(
        [sys.executable, "-m", "papermill", folder / "in.ipynb", folder / "out.ipynb"],
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )


@pytest.mark.parametrize("kernel", KERNELS)
def test_papermill(jupyter_home, server, tmp_path, kernel):
    """It succeeds with a token, and fails with one sentence without it."""
    token = {"GYAZO_ACCESS_TOKEN": server.sandbox.new_token(), "GYAZO_API_URL": server.url}
    assert run_papermill(tmp_path, token, kernel).returncode == 0
    assert "Sandy Box" in (tmp_path / "out.ipynb").read_text()

    failed = run_papermill(tmp_path, {}, kernel)
    assert failed.returncode != 0
    assert re.search(
        "NotLoggedInError: This front end can neither .* set GYAZO_ACCESS_TOKEN", failed.stderr
    )


def test_script_without_a_terminal_gets_one_line(jupyter_home, server):
    """IPython whose standard input is not a terminal shows no prompt."""
    done = subprocess.run(
        [sys.executable, "-m", "IPython", "-c", f"{LOAD}\n%gyazo_login"],
        env={**os.environ, **server.variables},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )

    assert "This front end can neither show a panel nor answer a prompt" in done.stdout
    assert "Traceback" not in done.stdout
