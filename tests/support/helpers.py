"""Helpers that are not fixtures: a user with a browser, and a Jupyter environment for each test."""

import json
import os
import random
import re
import socket
import sys
from contextlib import suppress
from html import unescape
from pathlib import Path
from types import MappingProxyType

import httpx

# One version of each ipykernel generation that behaves differently.
KERNELS = ("6.31.0", "7.3.0", "7.4.0")
PNG = bytes.fromhex(
    "89504e470d0a1a0a0000000d49484452000000010000000108060000001f15c4890000000d49444154789c6360f8cf"
    "c0f01f0005050201a5e6b1fc0000000049454e44ae426082"
)


class BrowserUser:
    """A user with a browser who opens the authorize link and presses a button."""

    def __init__(self, url):
        self.url = url

    def authorize(self, link, button="Allow", **fields):
        """Return the address on which the browser ends."""
        with httpx.Client(verify=False) as browser:  # reading certificates would take 15 ms
            page = browser.get(link)
            if page.status_code == 302:  # the application is allowed already
                return page.headers["location"]
            hidden = re.findall(r'type="hidden" name="([^"]+)" value="([^"]*)"', page.text)
            form = {name: unescape(value) for name, value in hidden if name != "_method"} | fields
            if button == "Deny":
                form["_method"] = "delete"
            return browser.post(f"{self.url}/oauth/authorize", data=form).headers["location"]


def free_port():
    """A port outside the range from which the system chooses: no other test process gets it meanwhile."""
    while True:
        port = random.randrange(10_000, 30_000)
        with suppress(OSError), socket.create_server(("127.0.0.1", port)):
            return port


def skip_missing(reason):
    """Skip because the machine lacks something, or fail where CI requires it."""
    import pytest  # noqa: PLC0415 -- make hub-demo uses this module, and does not install pytest

    if os.environ.get("GYAZO_TEST_SKIP_IS_FAIL"):
        pytest.fail(f"must not be skipped here: {reason}")
    pytest.skip(reason)


def kernel_environment(version):
    """Variables with which `python -m ipykernel_launcher` starts this version of ipykernel."""
    path = Path(sys.prefix) / "kernels" / version
    if not path.is_dir():
        skip_missing(f"ipykernel {version} is not installed: make .venv/dev installs it")
    inherited = os.environ.get("PYTHONPATH")
    return {"PYTHONPATH": f"{path}{os.pathsep}{inherited}" if inherited else str(path)}


def jupyter_environment(home):
    """Variables that keep every file of Jupyter and IPython inside one folder."""
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("GYAZO_", "JUPYTER"))}
    return kept | jupyter_folders(home)


def jupyter_folders(home):
    """Create the folders of Jupyter and IPython in a home folder, and return their variables."""
    names = {
        "HOME": "",
        "IPYTHONDIR": "ipython",
        "JUPYTER_CONFIG_DIR": "config",
        "JUPYTER_DATA_DIR": "data",
        "JUPYTER_RUNTIME_DIR": "runtime",
        "JUPYTERLAB_SETTINGS_DIR": "settings",
        "JUPYTERLAB_WORKSPACES_DIR": "workspaces",
        "XDG_CONFIG_HOME": "xdg",
    }
    for folder in names.values():
        (home / folder).mkdir(parents=True, exist_ok=True)
    return {name: str(home / folder) for name, folder in names.items()}


def write_kernelspecs(data, suffix="", environment=MappingProxyType({})):
    """Install a kernelspec `ipykernel-<version><suffix>` for each generation."""
    for version in KERNELS:
        folder = data / "kernels" / f"ipykernel-{version}{suffix}"
        folder.mkdir(parents=True)
        spec = {
            "argv": [sys.executable, "-m", "ipykernel_launcher", "-f", "{connection_file}"],
            "display_name": f"ipykernel {version}",
            "language": "python",
            "env": {**environment, **kernel_environment(version)},
        }
        (folder / "kernel.json").write_text(json.dumps(spec))
