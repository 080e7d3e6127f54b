"""`jupyter nbconvert --to gyazo`, run as the command runs it."""

import json
import logging
import os
import subprocess
import sys
from pkgutil import resolve_name

import pytest
from support.notebooks import (
    base64_of,
    code_cell,
    data_url,
    markdown_cell,
    notebook,
    picture,
    printed,
    rendered_pictures,
    shown,
    write_notebook,
)
from traitlets.config import Config

from gyazo_nb import AccessPolicyWarning, Gyazo, PictureError
from gyazo_nb.auth.profiles import Profiles
from gyazo_nb.auth.token_store import Profile
from gyazo_nb.client.notebook_file import MARK
from gyazo_nb.sandbox import Fault
from gyazo_nb.secret import Secret
from gyazo_nb.settings import Settings

RED, BLUE = picture("red"), picture("blue")


# nbconvert is imported when a test needs it: its import takes two seconds in each process of the tests.
def exporter_class():
    return resolve_name("gyazo_nb.notebook.exporter:GyazoExporter")


def node(*cells):
    return resolve_name("nbformat:from_dict")(notebook(*cells))


@pytest.fixture(autouse=True)
def _signed_in(server, monkeypatch, tmp_path):
    """The token and the servers in the environment, and no files of this machine."""
    for name, value in server.variables.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("GYAZO_ACCESS_TOKEN", server.sandbox.new_token())
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "xdg"))
    for name in ("CONFIG_DIR", "DATA_DIR", "RUNTIME_DIR"):
        monkeypatch.setenv(f"JUPYTER_{name}", str(tmp_path / "jupyter"))


@pytest.fixture
def path(tmp_path):
    """A notebook with a picture in its folder, an attachment, and two outputs."""
    (tmp_path / "local.png").write_bytes(picture("green"))
    return write_notebook(
        tmp_path / "analysis.ipynb",
        markdown_cell("![a](attachment:a.png) ![b](local.png)", **{"a.png": RED}),
        code_cell(shown({"image/png": BLUE}), shown({"image/png": RED}), source="secret_code"),
    )


@pytest.fixture
def convert(path, capsys):
    """Run the command in this process, and return its exit code and what it prints."""

    def convert(*options):
        code = 0
        application = resolve_name("nbconvert.nbconvertapp:NbConvertApp")
        try:
            application.launch_instance(["--to", "gyazo", str(path), *options])
        except SystemExit as error:
            code = error.code
        finally:
            application.clear_instance()
        printed = capsys.readouterr()
        return code, printed.out + printed.err

    return convert


def colors(server, text):
    """What a reader of the Markdown sees: the uploaded bytes, in order."""
    data = {f"{image.image_id}.{image.type}": image.data for image in server.sandbox.images}
    return [data[url.rpartition("/")[2]] for url in rendered_pictures(text)]


@pytest.mark.slow
def test_the_command_uploads_the_pictures_and_writes_markdown(server, path):
    """In a process of its own, found by its name."""
    done = subprocess.run(
        [sys.executable, "-m", "nbconvert", "--to", "gyazo", path],
        capture_output=True,
        text=True,
        check=False,
        cwd="/",
    )

    assert done.returncode == 0, done.stderr
    assert "3 pictures to upload (1 more is identical to one of them)." in done.stderr
    text = path.with_suffix(".md").read_text()
    assert colors(server, text) == [RED, picture("green"), BLUE, RED]
    assert sorted(p.name for p in path.parent.iterdir() if p.is_file()) == [
        "analysis.ipynb",
        "analysis.md",
        "local.png",
    ]


def test_the_text_is_that_of_publish(path, convert):
    """The command and `gyazo.publish` write the same Markdown."""
    assert convert()[0] == 0
    exported = path.with_suffix(".md").read_text()

    with Gyazo() as gyazo:
        assert gyazo.publish(path, progress=False).text == exported
    assert exported.endswith(f"{MARK}\n")


def test_the_export_menu_of_jupyterlab_shows_it():
    """Its name, type and label."""
    exporter = resolve_name("nbconvert.exporters:get_exporter")("gyazo")
    assert exporter is exporter_class()
    assert (exporter.export_from_notebook, exporter.output_mimetype) == ("Gyazo", "text/markdown")


# ── options ──────────────────────────────────────────────────────────────────────────────────────


def test_options_reach_the_uploads(server, convert):
    """The access policy and the title."""
    options = {"access_policy": "only_me", "title": "My title", "collection_id": "f" * 32}
    assert convert(*(f"--GyazoExporter.{n}={v}" for n, v in options.items()))[0] == 0

    for image in server.sandbox.images:
        assert {name: image.fields[name] for name in options} == options


def test_images_that_stay_public_are_reported_once(convert):
    """As a Python warning, which the command prints. Its log does not repeat the warning."""
    assert convert()[0] == 0

    with pytest.warns(AccessPolicyWarning, match="is still public"):
        code, text = convert("--GyazoExporter.access_policy=only_me")

    assert code == 0
    assert "still public" not in text


def test_the_notation_cosense_is_a_text_file(path, convert):
    """Beside the notebook, with the page of each picture."""
    assert convert("--GyazoExporter.notation=cosense")[0] == 0

    text = path.with_suffix(".txt").read_text()
    assert text.count("[http") == 4
    assert "code:python\n secret_code" in text


def test_the_options_of_nbconvert_apply(server, path, convert):
    """What they exclude is not uploaded."""
    assert convert("--no-input")[0] == 0
    assert "secret_code" not in path.with_suffix(".md").read_text()

    server.sandbox.requests.clear()
    assert convert("--TemplateExporter.exclude_output=True")[0] == 0
    assert colors(server, path.with_suffix(".md").read_text()) == [RED, picture("green")]
    assert sum(request.path == "/api/upload" for request in server.sandbox.requests) == 2

    cells = json.loads(path.read_text())["cells"]
    cells[1]["metadata"]["tags"] = ["hide"]
    write_notebook(path, *cells)
    assert convert("--TagRemovePreprocessor.remove_input_tags=hide")[0] == 0
    assert "secret_code" not in path.with_suffix(".md").read_text()
    assert convert("--TagRemovePreprocessor.remove_cell_tags=hide")[0] == 0
    assert colors(server, path.with_suffix(".md").read_text()) == [RED, picture("green")]


def test_a_notebook_without_a_folder_keeps_its_local_pictures():
    """A text that comes from a pipe, or an unsaved notebook of a server."""
    cells = [markdown_cell("![b](local.png)"), code_cell(printed("x"))]
    text, resources = exporter_class()().from_notebook_node(node(*cells))

    assert "![b](local.png)" in text
    assert resources["output_extension"] == ".md"


# ── the token ────────────────────────────────────────────────────────────────────────────────────


def test_without_a_token_it_says_how_to_get_one(server, path, convert, monkeypatch):
    """One line, at once, without a prompt; and no file."""
    monkeypatch.delenv("GYAZO_ACCESS_TOKEN")

    code, printed = convert()

    assert code == 1
    assert printed.splitlines()[-1] == (
        "[NbConvertApp] ERROR | [gyazo] You are not signed in to Gyazo: set GYAZO_ACCESS_TOKEN to a "
        "token, or save one in a notebook with  %gyazo_login --save file  and export again."
    )
    assert not path.with_suffix(".md").exists()


def test_a_notebook_without_pictures_needs_no_token(path, convert, monkeypatch):
    """Its text is written."""
    monkeypatch.delenv("GYAZO_ACCESS_TOKEN")
    write_notebook(path, markdown_cell("text"))

    assert convert()[0] == 0
    assert path.with_suffix(".md").read_text() == f"text\n\n{MARK}\n"


@pytest.mark.parametrize("name", ["default", "work"])
def test_a_saved_token_is_used(server, convert, monkeypatch, name):
    """The one without a name, or that of the profile."""
    token = Secret(os.environ["GYAZO_ACCESS_TOKEN"])
    Profiles().save("file", name, Profile(token, Settings().site()))
    monkeypatch.delenv("GYAZO_ACCESS_TOKEN")

    code, printed = convert(*(["--GyazoExporter.profile=work"] if name == "work" else []))

    assert code == 0
    assert "Signed in as Sandy Box, by a file in your configuration folder" in printed
    assert len(server.sandbox.images) == 3


def test_a_token_that_is_not_valid_is_reported_before_a_saved_one_is_used(convert, monkeypatch):
    """The saved token may belong to another account."""
    token = Secret(os.environ["GYAZO_ACCESS_TOKEN"])
    Profiles().save("file", "default", Profile(token, Settings().site()))
    monkeypatch.setenv("GYAZO_ACCESS_TOKEN", "wrong")

    code, printed = convert()

    assert code == 0
    assert "Gyazo does not accept the token from GYAZO_ACCESS_TOKEN" in printed


@pytest.mark.parametrize(
    ("variables", "options", "sentence"),
    [
        (
            {"GYAZO_ACCESS_TOKEN": "wrong"},
            (),
            "does not accept the token from GYAZO_ACCESS_TOKEN: set",
        ),
        (
            {},
            ("profile=none",),
            "No account is saved as none: save it in a notebook with  %gyazo_login",
        ),
        ({}, ("profile=../x",), "profile"),
        ({"GYAZO_API_URL": "http://example.com"}, (), "GYAZO_API_URL"),
        ({}, ("access_policy=me",), "access_policy"),
        (
            {},
            ("acess_policy=only_me",),
            "GyazoExporter has no option acess_policy: did you mean access_policy?",
        ),
        ({}, ("notation=html",), "GyazoExporter.notation is markdown or cosense, not 'html'"),
        ({}, ("resume=/proc/x",), "The resume file '/proc/x' cannot be used"),
    ],
)
def test_an_error_is_one_sentence(path, convert, monkeypatch, variables, options, sentence):
    """In the last line, without a traceback, and without a file."""
    for name, value in variables.items():
        monkeypatch.setenv(name, value)

    code, printed = convert(*(f"--GyazoExporter.{option}" for option in options))

    assert code == 1
    assert "Traceback" not in printed
    assert sentence in printed.splitlines()[-1]
    assert not path.with_suffix(".md").exists()


def test_a_misspelled_name_of_the_exporter_is_refused(server, convert):
    """Otherwise the option has no effect, and the pictures are public."""
    code, printed = convert("--GyazoExport.access_policy=only_me")

    assert code == 1
    assert "GyazoExport is not the exporter: write GyazoExporter before the option." in printed
    assert server.sandbox.images == []


def test_a_wrong_option_does_not_break_the_other_exporters():
    """The list of a server creates each exporter with the configuration."""
    config = Config(GyazoExporter={"notation": "x", "access_policy": "y"})

    assert exporter_class()(config=config).enabled


# ── failures ─────────────────────────────────────────────────────────────────────────────────────


def test_a_failed_upload_names_its_cell_and_the_next_export_sends_the_rest(
    server, path, convert, tmp_path
):
    """No file is written, and the resume file has the pictures that arrived."""
    resume = f"--GyazoExporter.resume={tmp_path / 'r.jsonl'}"
    server.sandbox.faults.append(Fault(400, path="/api/upload"))

    code, printed = convert(resume)

    assert code == 1
    assert "1 of 3 pictures could not be uploaded (cell " in printed
    assert printed.rstrip().endswith("Export again: only the rest is uploaded.")
    assert not path.with_suffix(".md").exists()

    server.sandbox.requests.clear()
    assert convert(resume)[0] == 0
    assert sum(request.path == "/api/upload" for request in server.sandbox.requests) == 1
    text = path.with_suffix(".md").read_text()
    assert colors(server, text) == [RED, picture("green"), BLUE, RED]


def test_a_server_gets_the_error_itself():
    """It shows the sentence on its error page."""
    with pytest.raises(PictureError, match=r"^In cell 1 \(In \[4\]\): The picture is damaged"):
        exporter_class()().from_notebook_node(node(code_cell(shown({"image/png": "!"}), count=4)))


def test_no_token_is_stored(path, convert, tmp_path):
    """Neither in the text, nor in the log at the level DEBUG, nor in the resume file."""
    logging.getLogger("httpx").setLevel(logging.DEBUG)
    code, printed = convert("--debug", f"--GyazoExporter.resume={tmp_path / 'r.jsonl'}")

    assert code == 0
    for text in (
        printed,
        path.read_text(),
        path.with_suffix(".md").read_text(),
        (tmp_path / "r.jsonl").read_text(),
    ):
        assert os.environ["GYAZO_ACCESS_TOKEN"] not in text
    assert data_url(RED)[:30] not in path.with_suffix(".md").read_text()
    assert base64_of(RED) in path.read_text()
