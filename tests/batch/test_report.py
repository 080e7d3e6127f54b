"""`Report`: the results of a batch, as a sequence and as text."""

import pytest
from support.batches import pictures
from support.helpers import PNG

from gyazo_nb import BatchError


def test_notebook_shows_a_limited_number_of_thumbnails(gyazo):
    """The sequence and the caption have all images."""
    report = gyazo.upload_all(pictures(70), progress=False)

    assert report._repr_html_().count("<img") == 60
    assert "the first 60 are shown" in report._repr_html_()
    assert repr(report) == "<70 uploaded>"
    assert report[1:3] == report.images[1:3]


def test_failure_is_named_in_one_short_line(gyazo):
    """An address without its query, which may contain a key; a long text by its beginning and its end."""
    items = ["http://127.0.0.1:1/a.png?signature=s3cr3t", "data:image/png;base64," + "A" * 10_000]
    report = gyazo.upload_all(items, progress=False)

    assert "s3cr3t" not in repr(report) + report._repr_html_() + str(report.failures)
    assert "0: 127.0.0.1/a.png: " in repr(report)
    assert max(map(len, repr(report).splitlines())) < 400


def test_failure_holds_its_item(gyazo):
    """As `item`, and by its name in version 0.1.0, `thing`."""
    item = object()
    (failure,) = gyazo.upload_all([item], progress=False).failures

    assert failure.item is failure.thing is item
    assert str(failure).startswith("0: an object: This object is not a picture")


def test_check_returns_a_complete_report_and_raises_for_a_failure(gyazo):
    """The error names the first failure, and the number of all."""
    report = gyazo.upload_all([PNG], progress=False)
    assert report.check() is report

    report = gyazo.upload_all([PNG, b"text", b"more"], progress=False)
    with pytest.raises(
        BatchError, match=r"1 .*uploaded.*2 failed.*retry\(\).*: 1: a bytes"
    ) as caught:
        report.check()
    assert caught.value.report is report


def test_long_list_of_failures_is_shortened(gyazo):
    """Twenty lines, and how many more there are."""
    report = gyazo.upload_all([b"text"] * 25, progress=False)

    assert len(repr(report).splitlines()) == 1 + 20 + 1
    assert repr(report).endswith("and 5 more: see gyazo.report.failures")
    assert report._repr_html_().count("<li>") == 21


def test_images_that_existed_before_are_counted(gyazo):
    """One of two pictures was uploaded before."""
    gyazo.upload_all([PNG], progress=False)

    report = gyazo.upload_all([PNG, PNG + b"new"], progress=False)

    assert "2 uploaded (1 existed before)" in repr(report)
