"""What the tests share that is no fixture: a person with a browser, and kernels of each generation."""

import os
import re
import sys
from html import unescape
from pathlib import Path

import httpx
import pytest

KERNELS = ("6.31.0", "7.3.0", "7.4.0")
PNG = bytes.fromhex(
    "89504e470d0a1a0a0000000d49484452000000010000000108060000001f15c4890000000d49444154789c6360f8cf"
    "c0f01f0005050201a5e6b1fc0000000049454e44ae426082"
)


class Person:
    """Somebody with a browser: opens the link, presses a button, reads the address bar."""

    def __init__(self, url):
        self.url = url

    def answers(self, link, button="Allow"):
        """The address on which the browser ends."""
        with httpx.Client(follow_redirects=False) as browser:
            page = browser.get(link)
            if page.status_code == 302:  # allowed before: Doorkeeper asks once
                return page.headers["location"]
            hidden = re.findall(r'type="hidden" name="([^"]+)" value="([^"]*)"', page.text)
            form = {name: unescape(value) for name, value in hidden if name != "_method"}
            if button == "Deny":
                form["_method"] = "delete"
            return browser.post(f"{self.url}/oauth/authorize", data=form).headers["location"]


def missing(reason):
    """Skip for lack of something on the machine, unless the machine is one that must have it."""
    if os.environ.get("GYAZO_TEST_SKIP_IS_FAIL"):
        pytest.fail(f"must not be skipped here: {reason}")
    pytest.skip(reason)


def kernel_environment(version):
    """The environment in which `python -m ipykernel_launcher` is that generation's."""
    path = Path(sys.prefix) / "kernels" / version
    if not path.is_dir():
        missing(f"ipykernel {version} is not there: make .venv/dev installs it")
    return {"PYTHONPATH": str(path)}
