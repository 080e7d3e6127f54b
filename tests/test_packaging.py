"""The wheel and the source archive are complete, and `make demo` opens the first notebook."""

import os
import re
import signal
import subprocess
import sys
import tarfile
import time
import urllib.request
import venv
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
# The first steps of a user, without the repository.
FIRST_STEPS = """
import sys
from IPython.core.interactiveshell import InteractiveShell
from gyazo_nb.sandbox import Sandbox, serve
shell = InteractiveShell.instance()
shell.run_line_magic("load_ext", "gyazo_nb")
shell.run_line_magic("gyazo_login", "--mode panel --sandbox")
import gyazo_nb
assert "site-packages" in gyazo_nb.__file__, gyazo_nb.__file__
with serve(Sandbox()) as server:
    with gyazo_nb.Gyazo(server.sandbox.new_token(), api_url=server.url) as gyazo:
        print(gyazo.me())
shell.run_line_magic("unload_ext", "gyazo_nb")
"""


def run(*command, **options):
    done = subprocess.run(
        command, capture_output=True, text=True, check=False, timeout=600, **options
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.mark.slow
def test_the_wheel_works_without_the_repository(tmp_path):
    """It is installed into an empty environment, and used from another folder."""
    run(sys.executable, "-m", "pip", "wheel", "-q", "--no-deps", "-w", tmp_path, ROOT)
    (wheel,) = tmp_path.glob("gyazo_nb-*.whl")
    venv.create(tmp_path / "venv", with_pip=True)
    python = tmp_path / "venv" / "bin" / "python"
    run(python, "-m", "pip", "install", "-q", f"{wheel}[sandbox]")
    (tmp_path / "elsewhere").mkdir()

    printed = run(python, "-c", FIRST_STEPS, cwd=tmp_path / "elsewhere")

    assert "Sign in to Gyazo: open this link" in printed
    assert "\nSandy Box (sandy@example.com)\n" in printed


@pytest.mark.slow
def test_the_source_archive_contains_what_the_tests_need(tmp_path):
    """The tests of the layout and of the documentation pass in the unpacked archive."""
    pip = (sys.executable, "-m", "pip", "install", "-q", "--target", tmp_path / "hatchling")
    run(*pip, "hatchling")
    build = (sys.executable, "-m", "hatchling", "build", "-t", "sdist", "-d", tmp_path)
    run(*build, cwd=ROOT, env=os.environ | {"PYTHONPATH": str(tmp_path / "hatchling")})
    (archive,) = tmp_path.glob("gyazo_nb-*.tar.gz")
    with tarfile.open(archive) as tar:
        tar.extractall(tmp_path, filter="data")
    (folder,) = tmp_path.glob("gyazo_nb-*/")

    tests = ("tests/test_public_interface.py", "tests/test_documentation.py")
    run(
        *(sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *tests),
        cwd=folder,
        env=os.environ | {"PYTHONPATH": str(folder)},
    )


@pytest.mark.slow
def test_make_demo_opens_the_first_notebook_in_jupyterlab(tmp_path):
    """It prints the address and the variables of the sandbox, and JupyterLab serves the notebook."""
    environment = {k: v for k, v in os.environ.items() if not k.startswith(("GYAZO_", "JUPYTER"))}
    home = {"HOME": str(tmp_path), "IPYTHONDIR": str(tmp_path), "MAKEFLAGS": ""}
    log = tmp_path / "log"
    with log.open("w") as out:
        demo = subprocess.Popen(
            [
                "make",
                "demo",
                f"VENV={sys.prefix}",
                "ARGS=--no-browser --ServerApp.port=0 --ip=127.0.0.1",
            ],
            cwd=ROOT,
            env=environment | home,
            stdout=out,
            stderr=subprocess.STDOUT,
            stdin=subprocess.DEVNULL,
            start_new_session=True,
        )
    try:
        deadline = time.monotonic() + 240  # it may have to install first
        pattern = r"(http://127\.0\.0\.1:\d+)/lab/tree/(?:notebooks/)?01_login\.ipynb\?token=(\w+)"
        while not (found := re.search(pattern, log.read_text())):
            assert demo.poll() is None, log.read_text()
            assert time.monotonic() < deadline, log.read_text()
            time.sleep(0.2)
        with urllib.request.urlopen(found[0], timeout=20) as page:
            assert page.status == 200
        sandbox = re.search(r"GYAZO_AUTH_URL=(\S+)", log.read_text())[1]
        with urllib.request.urlopen(f"{sandbox}/", timeout=20) as page:
            assert b"look-alike" in page.read()
    finally:
        os.killpg(demo.pid, signal.SIGTERM)
        demo.wait(30)
