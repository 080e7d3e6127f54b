"""The picture files that a folder or a glob names."""

import os
import re
import struct
from pathlib import Path

import pytest
from support.batches import delay_uploads, pictures, upload_requests
from support.helpers import PNG

from gyazo_nb import ArgumentError, BatchInterruptedError
from gyazo_nb.batch.files import is_path_glob, matching, natural_order, pictures_in

BMP = b"BM" + struct.pack("<IHHIIiiHHIIiiII", 58, 0, 0, 54, 40, 1, 1, 1, 24, 0, 4, 0, 0, 0, 0)
BMP += b"\0\0\xff\0"
SVG = b'<svg xmlns="http://www.w3.org/2000/svg" width="2" height="2"/>'


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A folder `plots` with pictures, other files, hidden files and a subfolder."""
    monkeypatch.chdir(tmp_path)
    folder = Path("plots")
    (folder / "raw").mkdir(parents=True)
    for number, data in zip((10, 9, 1), pictures(3), strict=True):
        (folder / f"plot{number}.png").write_bytes(data)
    (folder / "notes.txt").write_text("text")
    (folder / ".hidden.png").write_bytes(PNG)
    (folder / "raw" / "x.png").write_bytes(PNG + b"raw")
    return folder


@pytest.mark.parametrize("spell", [str, Path, lambda folder: f"{folder}/", Path.absolute])
def test_pictures_of_a_folder_are_uploaded_in_natural_order(call, gyazo, folder, spell):
    """The report names what was left out. The fields get the path."""
    report = call(gyazo, "upload_all", spell(folder), title=lambda path: path.stem, progress=False)

    assert [image.title for image in report.check()] == ["plot1", "plot9", "plot10"]
    assert [path.name for path in report.left_out] == ["notes.txt", "raw"]


def test_one_sentence_names_the_other_files(gyazo, folder, capsys):
    """Above the progress. Without the progress, the report has their names."""
    for name in "abc":
        (folder / f"{name}.csv").touch()
    gyazo.upload_all(folder, progress=False)
    assert capsys.readouterr() == ("", "")

    gyazo.upload_all(folder)

    assert capsys.readouterr().err.startswith(
        "Left out of 'plots': not pictures: a.csv, b.csv, c.csv and 1 more; subfolders, which are not "
        "searched: raw (for them, use 'plots/**/*.png').\n"
    )


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("a", PNG),
        ("b.dat", b"GIF89a"),
        ("c.bin", BMP),
        ("d.xml", SVG),
        ("e.PNG", b""),
        ("f.Jpeg", b"x"),
    ],
)
def test_picture_is_recognized_by_its_name_or_its_first_bytes(tmp_path, name, data):
    """A damaged one is not left out: its upload fails with its name."""
    (tmp_path / name).write_bytes(data)
    (tmp_path / "page.html").write_text(f"<html>{SVG.decode()}</html>")
    (tmp_path / "plot.pdf").write_bytes(b"%PDF-1.7")

    found = pictures_in(tmp_path)

    assert [path.name for path in found.pictures] == [name]
    assert [path.name for path in found.left_out] == ["page.html", "plot.pdf"]


@pytest.mark.parametrize(
    ("names", "message"),
    [
        ([], "has no pictures, it is empty: check the path"),
        (["a.txt"], r"has no pictures \(not pictures: a.txt\): check the path"),
        (
            ["sub/a.png"],
            r"has no pictures \(subfolders, which are not searched: sub \(for them, use",
        ),
    ],
)
def test_folder_without_pictures_is_an_error(call, gyazo, server, tmp_path, names, message):
    """Nothing is sent."""
    for name in names:
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(PNG if name.endswith(".png") else b"text")

    with pytest.raises(ArgumentError, match=message):
        call(gyazo, "upload_all", tmp_path, progress=False)

    assert server.sandbox.images == []


@pytest.mark.parametrize(
    ("pattern", "names"),
    [
        ("plots/*.png", ["plot1", "plot9", "plot10"]),
        ("plots/**/*.png", ["plot1", "plot9", "plot10", "x"]),
        (Path("plots/plot?.png"), ["plot1", "plot9"]),
        ("plots/raw*", ArgumentError),
        ("plots/*.gif", ArgumentError),
        ("plots/nothing", ArgumentError),
    ],
)
def test_glob_can_be_given_as_a_text(gyazo, folder, pattern, names):
    """As in `%gyazo`. Folders that match do not count."""
    if names is ArgumentError:
        with pytest.raises(
            ArgumentError, match=r"(no file matches|does not exist).*check the path"
        ):
            gyazo.upload_all(pattern, progress=False)
        return
    report = gyazo.upload_all(pattern, title=lambda path: path.stem, progress=False)

    assert [image.title for image in report] == names


@pytest.mark.skipif(not hasattr(os, "seteuid"), reason="only POSIX has these permissions")
def test_glob_in_a_folder_that_cannot_be_read_is_refused(gyazo, tmp_path):
    """The error names the permissions where Python reports them, up to 3.13."""
    folder = tmp_path / "plots"
    folder.mkdir(mode=0)
    user = os.geteuid()
    os.seteuid(user or 65534)  # permissions do not limit root
    try:
        with pytest.raises(ArgumentError, match="cannot be read .*permissions|no file matches"):
            gyazo.upload_all(str(folder / "*.png"))
    finally:
        os.seteuid(user)


def test_links_that_lead_back_are_followed_once(folder):
    """Package managers and Wine create them. A linked folder beside them is searched."""
    (folder.parent / "data" / ".cache").mkdir(parents=True)
    for path in ("data/linked.png", "data/.cache/hidden.png"):
        (folder.parent / path).write_bytes(PNG)
    for name, target in {"a": ".", "b": ".", "raw/up": "..", "data": "../data"}.items():
        (folder / name).symlink_to(target)

    found = [str(path) for path in matching("plots/**/*.png")]

    assert found == [
        "plots/data/linked.png",
        "plots/plot1.png",
        "plots/plot9.png",
        "plots/plot10.png",
        "plots/raw/x.png",
    ]
    assert len(matching(str(folder.absolute() / "**" / "plot*"))) == 3
    assert len(matching("**/raw/**/x*")) == 1


def test_pattern_in_the_sentence_about_subfolders_works(tmp_path):
    """Also if the name of the folder contains the characters of a pattern."""
    folder = tmp_path / "run[1]"
    (folder / "sub").mkdir(parents=True)
    (folder / "sub" / "a.png").write_bytes(PNG)
    with pytest.raises(ArgumentError) as caught:
        pictures_in(folder)
    pattern = re.search("for them, use '(.*)'", str(caught.value))[1]

    assert matching(pattern) == [folder / "sub" / "a.png"]


def test_home_folder_and_names_with_brackets_are_understood(folder, monkeypatch):
    """As a shell does."""
    monkeypatch.setenv("HOME", str(Path.cwd()))
    (folder / "a[1].png").write_bytes(PNG)

    assert len(matching("~/plots/plot*.png")) == 3
    assert [path.name for path in natural_order(folder.glob("[!.]*"))] == [
        "a[1].png",
        "notes.txt",
        "plot1.png",
        "plot9.png",
        "plot10.png",
        "raw",
    ]


def test_progress_of_a_path_glob_knows_its_total_and_a_retry_continues(
    gyazo, server, folder, interrupt_when, capsys
):
    """Although `Path.glob` returns an iterator."""
    for number, data in enumerate(pictures(30)):
        (folder / f"more{number}.png").write_bytes(data + b"more")
    delay_uploads(server, 0.2)
    interrupt_when(lambda: upload_requests(server))
    with pytest.raises(BatchInterruptedError, match=r"of 33 uploads.*gyazo.report.retry\(\)"):
        gyazo.upload_all(folder.glob("*[0-9].png"), concurrency=2)
    assert "/33" in capsys.readouterr().err
    server.sandbox.faults.clear()

    assert len(gyazo.report.retry().check()) == 33


def test_only_iterators_of_a_path_count_as_globs(folder):
    """Another generator is read item by item."""
    assert is_path_glob(folder.glob("*"))
    assert is_path_glob(folder.rglob("*.png"))
    assert not is_path_glob(path for path in folder.glob("*"))
    assert not is_path_glob(map(str, [1]))
    assert not is_path_glob([folder])
