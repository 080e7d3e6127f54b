"""The page for administrators explains each line of the configurations, and quotes real sentences."""

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest
from support import hub_demo
from support.jupyterhub_driver import EXAMPLES, ROOT
from traitlets.config import PyFileConfigLoader

PAGE = (ROOT / "docs" / "jupyterhub.md").read_text()
CONFIGURATIONS = sorted(EXAMPLES.glob("*.py"))


def code_lines(path):
    lines = path.read_text().splitlines()
    return [line for line in lines if line.strip() and not line.lstrip().startswith("#")]


def strings_in(path):
    """The texts in a configuration that are keys, or names of variables."""
    tree = ast.parse(path.read_text())
    texts = {one.value for one in ast.walk(tree) if isinstance(one, ast.Constant)}
    return {text for text in texts if isinstance(text, str) and re.fullmatch(r"GYAZO_\w+", text)}


def test_the_configuration_of_the_service_has_15_lines():
    assert len(code_lines(EXAMPLES / "jupyterhub_config.py")) == 15


@pytest.mark.parametrize("path", CONFIGURATIONS, ids=lambda path: path.name)
def test_a_configuration_is_shown_and_its_variables_are_explained(path):
    assert f"examples/{path.name}" in PAGE
    for name in strings_in(path) | set(re.findall(r'service\["(\w+)"\]', path.read_text())):
        assert re.search(rf"^\| [^|]*{name}|`\"{name}\"`|`{name}`", PAGE, re.MULTILINE), name


def test_the_service_of_systemd_has_every_variable_that_the_service_needs():
    unit = (EXAMPLES / "gyazo-hub.service").read_text()
    source = (ROOT / "gyazo_nb/hub/configuration.py").read_text()
    needed = set(re.findall(r'"(JUPYTERHUB_\w+|GYAZO_\w+)"', source))
    optional = {"GYAZO_CLIENT_SECRET", "GYAZO_AUTH_URL", "GYAZO_HUB_BIND", "JUPYTERHUB_HOST"}
    optional |= {"JUPYTERHUB_OAUTH_CALLBACK_URL"}  # only on a hub with subdomains

    assert {name for name in needed - optional if f"{name}=" not in unit} == set()


@pytest.mark.parametrize("path", CONFIGURATIONS, ids=lambda path: path.name)
def test_no_configuration_contains_a_secret(path, tmp_path):
    """It is read from a file, and never a part of the environment of a service."""
    secret = "the-secret-of-the-application"
    (tmp_path / "secret").write_text(secret)
    text = re.sub(r"/etc/jupyterhub/\w+", str(tmp_path / "secret"), path.read_text())
    (tmp_path / "config.py").write_text(text)
    config = PyFileConfigLoader("config.py", path=str(tmp_path)).load_config()
    services = config.JupyterHub.get("services")
    environments = [one.get("environment", {}) for one in (services._extend if services else [])]

    assert secret not in text
    assert secret not in str(environments)
    assert secret not in str(config.get("Spawner", {}))


def test_every_quoted_sentence_is_in_the_code():
    """Where a value was left out, the parts around it."""
    files = (ROOT / "gyazo_nb").rglob("*.py")
    code = "\n".join(text for path in files for text in sentences_in(path))
    quoted = re.findall(r'^\| "([^"]+)" \|', PAGE, re.MULTILINE)

    assert len(quoted) > 15
    for sentence in quoted:
        for part in re.split(r" ?\(?…\)?,?", sentence):
            assert part in code, sentence


def sentences_in(path):
    """The texts of a module; an f-string without its values."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.JoinedStr):
            parts = [one.value if isinstance(one, ast.Constant) else "…" for one in node.values]
            yield "".join(parts)
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node.value


@pytest.mark.slow  # a process that imports the demo, for a second
def test_make_hub_demo_needs_no_package_of_the_tests():
    """It installs the group `hub` only, which has no pytest."""
    code = "import sys; sys.modules['pytest'] = None; import support.hub_demo"

    subprocess.run([sys.executable, "-c", code], cwd=ROOT / "tests", check=True)


@pytest.mark.parametrize(
    ("missing", "value", "sentence"),
    [("node", lambda: None, "Node.js"), ("PROXY", Path("/missing"), "npm install")],
)
def test_make_hub_demo_says_which_part_is_missing(monkeypatch, missing, value, sentence):
    monkeypatch.setattr(f"support.jupyterhub_driver.{missing}", value)

    with pytest.raises(SystemExit, match=sentence):
        hub_demo.main()
