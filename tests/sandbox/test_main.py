"""The command `python -m gyazo_nb.sandbox`."""

import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import httpx
import pytest

COMMAND = [sys.executable, "-m", "gyazo_nb.sandbox"]


def run(command, **options):
    return subprocess.run(command, capture_output=True, text=True, check=False, **options)


@pytest.mark.skipif(os.name != "posix", reason="the signals are POSIX")
@pytest.mark.parametrize("stop_signal", [signal.SIGINT, signal.SIGTERM])
def test_command_prints_variables_and_stops_on_a_signal(stop_signal):
    """The printed lines are valid in a shell. The exit code is 0, without further output."""
    with subprocess.Popen(
        COMMAND, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        try:
            first, second, *lines = [process.stdout.readline().rstrip("\n") for _ in range(8)]
            url = first.removeprefix("# The sandbox, a local Gyazo look-alike, runs at ")
            variables = dict(line.split("=", 1) for line in lines)
            assert httpx.get(url).status_code == 200
            header = {"Authorization": f"Bearer {second.rpartition(' ')[2]}"}
            assert httpx.get(f"{url}/api/users/me", headers=header).status_code == 200
            assert variables["GYAZO_API_URL"] == url
            redirect_uri = variables["GYAZO_REDIRECT_URI"]
            assert re.fullmatch(r"http://127\.0\.0\.1:\d+/callback", redirect_uri)
            assert not redirect_uri.startswith(url)  # a free port, where a panel can listen

            process.send_signal(stop_signal)
            output = process.communicate(timeout=60)
            assert (process.returncode, output) == (0, ("", ""))
        finally:
            process.kill()


def test_command_runs_another_command_with_the_variables():
    """The other command does not see a real token; its exit code is returned."""
    script = (
        "import os, sys; print(os.environ['GYAZO_REDIRECT_URI'],"
        "os.environ.get('GYAZO_ACCESS_TOKEN')); sys.exit(7)"
    )
    uri = "http://localhost:8765/?a=1&b=2"
    completed = run(
        [*COMMAND, "--redirect-uri", uri, "--", sys.executable, "-c", script],
        env={**os.environ, "GYAZO_ACCESS_TOKEN": "real"},
    )

    assert completed.returncode == 7
    assert f"GYAZO_REDIRECT_URI='{uri}'\n" in completed.stdout
    assert completed.stdout.endswith(f"{uri} None\n")
    assert completed.stderr == ""


@pytest.mark.parametrize(
    "uri", ["localhost:8765", "ftp://127.0.0.1/callback", "http:///x", "http://["]
)
def test_redirect_uri_without_http_is_refused(uri):
    """The line says how the address begins."""
    completed = run([*COMMAND, "--redirect-uri", uri])

    assert completed.returncode == 2
    assert "must begin with http:// or https://" in completed.stderr


def test_missing_command_prints_one_sentence():
    """The exit code is 127, as in a shell."""
    completed = run([*COMMAND, "no-such-command-here"])

    assert completed.returncode == 127
    assert completed.stderr == "no-such-command-here cannot be run: No such file or directory.\n"


def test_port_in_use_prints_one_sentence(server):
    """The exit code is 1."""
    port = server.url.rpartition(":")[2]
    completed = run([*COMMAND, "--port", port])

    assert completed.returncode == 1
    assert re.fullmatch(
        rf"Port {port} cannot be used \(.*\)\. Try another --port, or 0\.\n", completed.stderr
    )
    assert completed.stdout == ""


def test_missing_packages_print_one_sentence(tmp_path):
    """The command and the import in Python both name the extra to install."""
    # A broken package that shadows the installed one.
    (tmp_path / "uvicorn.py").write_text("raise ModuleNotFoundError('no uvicorn', name='uvicorn')")
    path = os.pathsep.join([str(tmp_path), *filter(None, [str(Path.cwd()), *sys.path])])
    environment = {**os.environ, "PYTHONPATH": path}
    sentence = 'The sandbox needs three more packages: run  pip install "gyazo-nb[sandbox]"  first.'

    completed = run(COMMAND, env=environment)
    assert (completed.returncode, completed.stderr, completed.stdout) == (1, sentence + "\n", "")
    completed = run(
        [sys.executable, "-c", "from gyazo_nb.sandbox import Sandbox, serve"], env=environment
    )
    assert completed.stderr.endswith(f"ImportError: {sentence}\n")
