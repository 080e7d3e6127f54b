"""One upload of a batch: its fields, and the moment at which its picture is read."""

import io
import os
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from support.batches import fail_uploads, pictures, stored_pictures
from support.helpers import PNG

from gyazo_nb import ArgumentError, PictureError


def test_field_is_a_value_or_a_function_of_the_item(gyazo, server, tmp_path):
    """None is not sent."""
    for name, data in zip("abc", pictures(3), strict=True):
        (tmp_path / f"{name}.png").write_bytes(data)

    report = gyazo.upload_all(
        sorted(tmp_path.glob("*.png")),
        title=lambda path: path.stem,
        desc="#batch",
        app=lambda _: None,
        progress=False,
    )

    assert [image.title for image in report] == ["a", "b", "c"]
    assert sorted(i.fields["title"] for i in server.sandbox.images) == ["a", "b", "c"]
    assert {tuple(i.fields) for i in server.sandbox.images} == {("title", "desc")}


def test_error_of_a_field_function_fails_only_its_item(gyazo):
    """It is the error of this failure."""
    report = gyazo.upload_all(
        pictures(3), title=lambda data: 1 / 0 if data == pictures(3)[1] else "a", progress=False
    )

    assert [f.index for f in report.failures] == [1]
    assert isinstance(report.failures[0].error, ZeroDivisionError)


@pytest.mark.parametrize(
    "values", [["a", "b"], ("a",), (text for text in "ab"), np.array(["a", "b"]), pd.Series(["a"])]
)
@pytest.mark.parametrize("name", ["title", "desc"])
def test_list_of_values_is_refused_with_the_way(call, gyazo, server, name, values):
    """The way works: one value for each item, in order."""
    with pytest.raises(ArgumentError, match=f"{name} takes one value for all items") as caught:
        call(gyazo, "upload_all", pictures(2), **{name: values})

    assert f"pass  {name}=lambda item: next(values)  with  values = iter([…])" in str(caught.value)
    assert server.sandbox.requests == []
    values = iter(["a", "b"])
    report = call(gyazo, "upload_all", pictures(2), title=lambda item: next(values), progress=False)
    assert [image.title for image in report] == ["a", "b"]


def test_missing_value_fails_only_its_item(call, gyazo):
    """The iterator of the values has ended."""
    values = iter(["a", "b"])

    report = call(gyazo, "upload_all", pictures(3), title=lambda _: next(values), progress=False)

    assert [image.title for image in report] == ["a", "b"]
    assert "title has no value for this item" in str(report.failures[0])


class FailsOnce:
    """A figure that cannot be rendered at first."""

    _renders = 0

    def _repr_png_(self):
        self._renders += 1
        return None if self._renders == 1 else PNG + b"figure"


def test_retry_keeps_the_fields_of_an_item_that_was_not_rendered(call, gyazo):
    """The function for the next value is not called again."""
    values = iter("abcd")
    items = [pictures(1)[0], FailsOnce(), pictures(2)[1]]
    report = call(gyazo, "upload_all", items, title=lambda _: next(values), progress=False)
    assert [failure.index for failure in report.failures] == [1]

    report = call(report, "retry")

    assert [image.title for image in report] == ["a", "b", "c"]


def test_dictionary_of_values_is_refused_with_the_way(gyazo):
    """A function that looks the item up."""
    with pytest.raises(ArgumentError, match=r"title=lambda item: values\[item\]"):
        gyazo.upload_all(pictures(2), title={"a.png": "a"})


@pytest.mark.parametrize(
    ("text", "encoding"),
    [("表示.png", "shift_jis"), ("グラフ.png", "euc_jp"), ("é.png", "latin-1")],
)
def test_name_of_a_file_in_another_encoding_is_explained(gyazo, server, tmp_path, text, encoding):
    """The code in the sentence works, and the failure can be printed."""
    path = Path(os.fsdecode(os.fsencode(tmp_path) + b"/" + text.encode(encoding)))
    try:
        path.write_bytes(PNG)
    except OSError as error:
        pytest.skip(f"this file system has only names in Unicode: {error}")

    report = gyazo.upload_all([path], title=lambda path: path.stem, progress=False)

    assert "title cannot be sent, because it comes from a file name" in str(report.failures[0])
    assert "os.fsencode(path.stem).decode('shift_jis')" in repr(report)
    repr(report).encode("utf-8")
    report._repr_html_().encode("utf-8")
    report = gyazo.upload_all(
        [path], title=lambda path: os.fsencode(path.stem).decode(encoding), progress=False
    )
    assert report.check()[0].title == text.removesuffix(".png")
    with pytest.raises(ArgumentError, match="contains half of a character"):
        gyazo.upload(path, title="smile \ud83d")


@pytest.mark.parametrize("value", ["a", lambda _: "a"])
def test_unknown_field_is_refused(call, gyazo, server, value):
    """With the TypeError of every unknown keyword, before the first request."""
    with pytest.raises(TypeError, match="unexpected keyword argument 'titel'"):
        call(gyazo, "upload_all", pictures(1), titel=value)

    assert server.sandbox.requests == []


def test_small_file_is_read_when_its_turn_comes(call, gyazo, server, tmp_path):
    """A generator may overwrite its file with the next picture, and delete it at the end."""
    path = tmp_path / "step.png"

    def steps():
        for data in pictures(30):
            path.write_bytes(data)
            yield path
        path.unlink()

    fail_uploads(server, 3)
    report = call(gyazo, "upload_all", steps(), progress=False)
    assert len(report.failures) == 3
    assert call(report, "retry").ok
    assert stored_pictures(server, report) == pictures(30)


def test_file_that_cannot_be_read_as_bytes_is_refused(gyazo, tmp_path):
    """Closed, open as text, or open for writing. The text in it is not read as a path."""
    path = tmp_path / "a.png"
    path.write_bytes(PNG)
    with path.open() as text, (tmp_path / "b.png").open("wb") as writing:
        items = [open(path, "rb"), text, io.StringIO(str(path)), writing]  # noqa: SIM115, PTH123
        items[0].close()
        report = gyazo.upload_all(items, progress=False)

    assert [type(failure.error) for failure in report.failures] == [PictureError] * 4
    assert all("open it with mode 'rb'" in str(failure) for failure in report.failures)
