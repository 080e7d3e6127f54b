"""`gyazo.publish`: the files that it reads and writes, its result, and its errors."""

import asyncio
import json
import os
import stat
import threading

import pytest
from support.notebooks import (
    base64_of,
    bytes_of,
    code_cell,
    data_url,
    markdown_cell,
    notebook,
    picture,
    rendered_pictures,
    shown,
    write_notebook,
)

from gyazo_nb import ArgumentError, BatchError, NotLoggedInError
from gyazo_nb.client import publication
from gyazo_nb.images import convert
from gyazo_nb.sandbox import Fault

RED, BLUE, GOLD = picture("red"), picture("blue"), picture("gold")


def test_options_reach_the_uploads(server, publish):
    """The title and the access policy."""
    published = publish(
        code_cell(shown({"image/png": RED}, {"alt": "x"})), title="T", access_policy="only_me"
    )

    assert published.images[0].title == "T"
    assert server.sandbox.images[0].fields["access_policy"] == "only_me"


@pytest.mark.parametrize(
    "content",
    ["", "{", "[]", "{}", '{"cells": 5}', '{"worksheets": []}', "\x00", "[" * 100_000],
)
def test_a_file_that_is_not_a_notebook_is_refused(gyazo, tmp_path, content):
    """One sentence with the next step."""
    (tmp_path / "a.ipynb").write_text(content)

    with pytest.raises(ArgumentError, match="is not a notebook of format 4"):
        gyazo.publish(tmp_path / "a.ipynb")


@pytest.mark.parametrize(
    ("arguments", "words"),
    [({"path": None}, "path .* not NoneType"), ({"path": "a.ipynb", "to": 5}, "to .* not int")],
)
def test_an_argument_that_is_not_a_path_is_refused(gyazo, tmp_path, monkeypatch, arguments, words):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "a.ipynb").write_text('{"cells": []}', "utf-8")

    with pytest.raises(ArgumentError, match=words):
        gyazo.publish(**arguments)


def test_a_notebook_has_a_limit(publish, monkeypatch):
    """A larger file is not read."""
    monkeypatch.setattr(publication, "MAX_NOTEBOOK_BYTES", 10)
    with pytest.raises(ArgumentError, match="is larger than"):
        publish(markdown_cell("text"))


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("none.ipynb", "No such file or directory"),
        ("none/a.ipynb", "No such file or directory"),
        ("", "Is a directory"),
    ],
)
def test_a_missing_notebook_is_named(gyazo, tmp_path, monkeypatch, name, reason):
    """The sentence names the notebook, and not the file to write."""
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ArgumentError, match=f"'{name or '.'}' cannot be read \\({reason}\\)"):
        gyazo.publish(name)


def test_the_cosense_notation_has_the_pages_of_the_pictures(publish, path):
    """In a text file, and the result has the Markdown, too."""
    published = publish(
        markdown_cell(f"# Title\n\n![a]({data_url(RED)})"),
        code_cell(shown({"image/png": BLUE}), source="x[0]"),
        notation="cosense",
    )

    first, second = published.images
    assert published.path == path.with_suffix(".txt")
    assert published.path.read_text() == (
        f"[**** Title]\n\n{first.cosense}\n\ncode:python\n x[0]\n\n{second.cosense}\n"
    )
    assert rendered_pictures(published.markdown) == [first.url, second.url]


def test_only_an_own_file_is_replaced(publish, path):
    """A file that `publish` wrote is replaced; another file only with `overwrite`."""
    target = publish(markdown_cell("one")).path
    assert "two" in publish(markdown_cell("two")).path.read_text()
    assert stat.S_IMODE(target.stat().st_mode) & 0o044

    target.write_text("my own text")
    with pytest.raises(ArgumentError, match="exists, and publish did not write it"):
        publish(markdown_cell("three"))
    assert target.read_text() == "my own text"
    publish(markdown_cell("three"), overwrite=True)
    assert "three" in target.read_text()
    with pytest.raises(ArgumentError, match="names the notebook itself"):
        publish(markdown_cell("four"), to=path)
    assert sorted(file.name for file in path.parent.iterdir()) == ["analysis.ipynb", "analysis.md"]


def test_a_folder_that_does_not_exist_is_named_before_the_uploads(server, publish, tmp_path):
    """Not after them."""
    with pytest.raises(ArgumentError, match="none' does not exist, or you cannot write to it"):
        publish(code_cell(shown({"image/png": RED})), to=tmp_path / "none" / "a.md")
    assert server.sandbox.images == []


def test_a_folder_as_the_target_is_refused_before_the_uploads(server, publish, tmp_path):
    """Also with `overwrite`."""
    with pytest.raises(ArgumentError, match="is a folder: pass the path of a file in it as to="):
        publish(code_cell(shown({"image/png": RED})), to=tmp_path, overwrite=True)
    assert server.sandbox.images == []


def test_other_threads_never_write_files_that_everyone_can_change(publish, monkeypatch):
    """The umask belongs to the process, and Python can read it only by setting it."""
    masks, umask = [], os.umask
    monkeypatch.setattr(os, "umask", lambda mask: masks.append(mask) or umask(mask))
    publish(markdown_cell("one"))
    assert masks
    assert all(mask & 0o022 for mask in masks)


def test_the_async_method_renders_outside_of_the_event_loop(gyazo, path, monkeypatch):
    """Other tasks run meanwhile."""
    path.parent.mkdir()
    write_notebook(path, code_cell(shown({"image/png": RED})))
    threads, from_bytes = [], convert.from_bytes

    def record(*args):
        threads.append(threading.current_thread())
        return from_bytes(*args)

    monkeypatch.setattr(convert, "from_bytes", record)
    asyncio.run(gyazo.apublish(path, progress=False))
    assert threads[0] is not threading.main_thread()


def test_a_failed_upload_writes_no_file_and_the_next_call_sends_the_rest(
    server, gyazo, publish, path, tmp_path
):
    """The sentence names the cell; with `resume`, the uploaded pictures are not sent again."""
    cells = [code_cell(shown({"image/png": data})) for data in (RED, BLUE, GOLD)]
    server.sandbox.faults.append(Fault(400, path="/api/upload"))

    with pytest.raises(
        BatchError, match=r"^1 of 3 pictures could not be uploaded \(cell \d\), so no file"
    ):
        publish(*cells, resume=tmp_path / "r.jsonl")
    assert not path.with_suffix(".md").exists()

    server.sandbox.requests.clear()
    published = publish(*cells, resume=tmp_path / "r.jsonl")
    assert sum(request.path == "/api/upload" for request in server.sandbox.requests) == 1
    assert bytes_of(gyazo, published.markdown) == [RED, BLUE, GOLD]


def test_a_revoked_token_writes_no_file(server, gyazo, publish, path):
    """The sentence is that of every call."""
    gyazo.logout()
    with pytest.raises(NotLoggedInError):
        publish(code_cell(shown({"image/png": RED})))
    assert not path.with_suffix(".md").exists()


def test_no_token_is_stored(server, gyazo, publish, tmp_path):
    """Neither in the text, nor in the resume file, nor in the result."""
    published = publish(code_cell(shown({"image/png": RED})), resume=tmp_path / "r.jsonl")
    token = gyazo.account.token.reveal()

    for text in (
        published.text,
        (tmp_path / "r.jsonl").read_text(),
        repr(published),
        published._repr_html_(),
    ):
        assert token not in text


def test_it_says_how_many_pictures_it_uploads(gyazo, tmp_path, capsys):
    """Before the progress bar, with the number of identical ones."""
    path = write_notebook(
        tmp_path / "a.ipynb",
        code_cell(*(shown({"image/png": data}) for data in (RED, BLUE, RED))),
    )
    gyazo.publish(path)

    assert capsys.readouterr().out == (
        "2 pictures to upload (1 more is identical to one of them).\n"
    )


def test_a_notebook_without_pictures_shows_no_bar_and_a_hint(gyazo, tmp_path, capsys):
    """The text is written: a notebook may have no picture."""
    published = gyazo.publish(write_notebook(tmp_path / "a.ipynb", markdown_cell("one")))

    shown = capsys.readouterr()
    assert shown.out.startswith(
        "The saved file has no picture. If the notebook shows pictures, save it"
    )
    assert shown.err == ""
    assert "one" in published.path.read_text()


def test_a_file_that_is_not_a_notebook_is_named(gyazo, tmp_path):
    """One sentence with the way."""
    (tmp_path / "c.md").write_text("# Title")
    with pytest.raises(
        ArgumentError, match=r"c.md' is not a notebook .*: pass the path of an .ipynb"
    ):
        gyazo.publish(tmp_path / "c.md")


def test_the_result_names_its_file(publish):
    """As text with the links, and in the notebook with the gallery of its images."""
    published = publish(code_cell(shown({"image/png": RED})))

    link = published.images[0].permalink_url
    assert repr(published).startswith(f"<analysis.md: 1 picture on Gyazo>\n{link}")
    assert link in published._repr_html_()


def test_a_notebook_of_lines_is_read(gyazo, tmp_path):
    """A saved notebook stores a text as a list of its lines."""
    encoded = base64_of(RED)
    cell = code_cell(shown({"image/png": [encoded[:40] + "\n", encoded[40:]]}), source=["a\n", "b"])
    (tmp_path / "a.ipynb").write_text("\ufeff" + json.dumps(notebook(cell)))

    published = gyazo.publish(tmp_path / "a.ipynb", progress=False)

    assert "```python\na\nb\n```" in published.markdown
    assert bytes_of(gyazo, published.markdown) == [RED]
