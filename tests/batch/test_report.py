"""`Report`: the results of a batch, as a sequence and as text."""

import pickle
import re
from concurrent.futures import Future
from html import unescape

import pytest
from support.batches import pictures
from support.helpers import PNG

from gyazo_nb import BatchError


def test_notebook_shows_a_limited_number_of_thumbnails(gyazo):
    """The sequence and the caption have all images."""
    report = gyazo.upload_all(pictures(70), progress=False)

    assert report._repr_html_().count("<img") == 60
    assert "the first 60 are shown" in report._repr_html_()
    assert repr(report).startswith("<70 uploaded>\n")
    assert report[1:3] == report.images[1:3]


def test_failure_is_named_in_one_short_line(gyazo):
    """An address without its query, which may contain a key; a long text by its beginning and its end."""
    items = ["http://127.0.0.1:1/a.png?signature=s3cr3t", "data:image/png;base64," + "A" * 10_000]
    report = gyazo.upload_all(items, progress=False)

    assert "s3cr3t" not in repr(report) + report._repr_html_() + str(report.failures)
    assert "0: 127.0.0.1/a.png: " in repr(report)
    assert max(map(len, repr(report).splitlines())) < 400


@pytest.mark.parametrize(
    ("error", "text"),
    [
        (KeyError("a.png"), "KeyError: 'a.png'"),
        (AssertionError(), "AssertionError"),
        (ValueError("one\ntwo" + "x" * 10_000), "one twox"),
    ],
)
def test_error_of_user_code_is_named_in_one_short_line(gyazo, error, text):
    """With its class, if its text is only a word."""
    future = Future()
    future.set_exception(error)

    report = gyazo.upload_all([future], progress=False)

    assert f"0: a Future: {text}" in repr(report)
    assert len(repr(report).splitlines()) == 2
    assert len(repr(report)) < 1000


def test_name_of_a_file_is_one_line(gyazo, tmp_path):
    """It may contain line breaks and control codes for the terminal."""
    report = gyazo.upload_all([tmp_path / "a\n\x1b[31m.png"], progress=False)

    assert "a [31m.png: " in str(report.failures[0])
    assert len(repr(report).splitlines()) == 2


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
    with pytest.raises(BatchError, match=r"1 existed.*2 failed.*retry\(\).*: 1: a bytes") as caught:
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

    assert repr(report).startswith("<1 uploaded now, 1 existed before>")
    assert "1 uploaded now, 1 existed before" in report._repr_html_()


def test_plain_text_has_the_links(gyazo):
    """The first twenty with their captions, and how many more there are."""
    report = gyazo.upload_all(pictures(22), title="A plot", progress=False)
    lines = repr(report).splitlines()

    assert len(lines) == 1 + 20 + 1
    assert lines[1] == f"{report[0].permalink_url}  A plot (everyone with the link)"
    assert lines[-1] == "and 2 more"


def test_failures_are_shown_in_the_font_of_the_gallery(gyazo, tmp_path):
    """And JupyterLab does not read $…$ in a path as mathematics."""
    path = tmp_path / "$a$ and $b$.png"
    path.write_text("not a picture")

    page = gyazo.upload_all([*pictures(1), path], progress=False)._repr_html_()
    gallery_style = re.search(r'<div class="gyazo-nb mathjax_ignore" style="(font-[^"]*)', page)[1]
    list_style = re.search(r'<ul class="gyazo-nb mathjax_ignore" style="([^"]*)">', page)[1]

    assert gallery_style.startswith(list_style)
    assert "$a$ and $b$.png" in page


def test_links_of_all_images_can_be_copied(gyazo):
    """As lines of Markdown and as plain links, also of the images that are not shown."""
    report = gyazo.upload_all(pictures(70), progress=False)
    markdown, links = re.findall(
        r"<textarea[^>]*>(.*?)</textarea>", report._repr_html_(), re.DOTALL
    )

    assert unescape(links).splitlines() == [image.permalink_url for image in report]
    assert unescape(markdown) == report.markdown
    assert report.markdown.splitlines() == [image.markdown for image in report]
    assert "Copy all links" in report._repr_html_()


def test_resumed_batch_says_how_many_images_were_sent(call, gyazo, tmp_path):
    """And how many the resume file had, as text and in a pickle."""
    items, journal = pictures(5), tmp_path / "batch.jsonl"
    call(gyazo, "upload_all", items[:3], resume=journal, progress=False)

    report = call(gyazo, "upload_all", items, resume=journal, progress=False)
    again = call(gyazo, "upload_all", items, resume=journal, progress=False)

    recorded = "recorded in the resume file, not sent again"
    assert repr(report).startswith(f"<2 uploaded now, 3 existed before (3 {recorded})>")
    assert repr(again).startswith(f"<0 uploaded now, 5 existed before (5 {recorded})>")
    assert repr(pickle.loads(pickle.dumps(report))) == repr(report)


def test_progress_is_text(gyazo, capsys):
    """A notebook that is opened again shows its last line. A widget would be missing there."""
    gyazo.upload_all(pictures(3))

    assert "3/3" in capsys.readouterr().err
