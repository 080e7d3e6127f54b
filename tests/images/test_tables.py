"""A table becomes a picture of its text and colors, or a sentence says how."""

import io
import subprocess
import sys
import warnings

import numpy as np
import pandas as pd
import pytest
from PIL import Image
from support.pictures import open_part

from gyazo_nb import PictureError
from gyazo_nb.images.convert import file_part

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # of its own imports
    import dataframe_image

TABLE = pd.DataFrame({"name": ["apple", "pear", "fig"], "value": [1.5, 2.25, -3.0]})


def pixels(item):
    return np.asarray(open_part(file_part(item)).convert("RGB"))


@pytest.mark.parametrize(
    "table",
    [
        TABLE,
        TABLE.set_index("name"),
        pd.DataFrame(
            np.arange(12).reshape(3, 4),
            columns=pd.MultiIndex.from_product([["X", "Y"], ["a", "b"]]),
        ),
        TABLE.style.format({"value": "{:.1f}"}).set_caption("A caption"),
        pd.DataFrame(np.eye(9, dtype="uint8") * 255),
        pd.DataFrame(
            [range(8)] * 2,
            columns=["ax", "fig", "lines", "mode", "save", "format", "url", "data"],
        ),
    ],
    ids=["table", "index", "levels", "style", "pixels", "names of attributes"],
)
def test_sandbox_stores_the_picture_that_the_library_renders(stored, tmp_path, table):
    """A table of numbers from 0 to 255 is rendered as a table, not as pixels."""
    dataframe_image.export(table, tmp_path / "a.png", table_conversion="matplotlib")

    data = stored(table)

    assert data == (tmp_path / "a.png").read_bytes()
    picture = Image.open(io.BytesIO(data)).convert("L")
    assert picture.width > 50
    assert len(np.unique(np.asarray(picture))) > 20


def test_colors_of_a_styler_arrive(upload):
    red = TABLE.style.map(lambda _: "background-color: #ff0000; color: #0000ff", subset=["value"])

    sent = np.asarray(upload(red).convert("RGB"))

    assert (sent == [255, 0, 0]).all(axis=2).sum() > 1000
    assert (sent == [0, 0, 255]).all(axis=2).sum() > 20


def test_style_that_shows_no_color_is_accepted():
    """A rule for the mouse pointer, a rule that inherits its color, and values that change nothing."""
    hover = {"selector": "tr:hover", "props": "background-color: yellow"}
    place = {"selector": "th", "props": "color: inherit; border-color: red"}
    usual = {"selector": "caption", "props": "color: black; background: none"}
    styler = TABLE.style.set_uuid("my-id").set_table_styles([hover, place, usual])
    styler.set_properties(opacity="1")

    assert file_part(styler.map_index(lambda _: "color: red"))


def test_table_shows_the_rows_and_columns_of_the_notebook():
    """A long table is cut as pandas cuts it."""
    long = pd.DataFrame({"a": range(1000)})
    cut = pixels(long).shape[0]
    with pd.option_context("display.max_rows", 20, "display.min_rows", 4):
        assert pixels(long).shape[0] < cut < 100 * pixels(TABLE).shape[0]
    wide = pd.DataFrame(np.zeros((1, 40), int))
    cut = pixels(wide).shape[1]
    with pd.option_context("display.max_columns", 5):
        assert pixels(wide).shape[1] < cut


def test_dollar_signs_are_text():
    """Matplotlib would take the text between them for a formula."""
    assert (
        pixels(pd.DataFrame({"a": ["$x_1$ and $5"]})).shape[1]
        > pixels(pd.DataFrame({"a": ["x1 and 5"]})).shape[1]
    )


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (
            lambda: pd.DataFrame({"a": ["\U0010fffd"]}),
            r"lacks characters.*plt.rcParams\['font.family",
        ),
        (lambda: TABLE.style.bar(subset=["value"]), "gradient.*missing in the picture: remove it"),
        (lambda: TABLE.style.format({"name": "<img src=a.png>"}), "<img.*missing in the picture"),
        (lambda: TABLE.style.set_properties(display="none"), "display: none.*missing"),
        (
            lambda: TABLE.style.set_table_styles([{"selector": "th", "props": "color: red"}]),
            r"'th \{color: red\}', which would be missing in the picture.*Styler.map_index",
        ),
        (
            lambda: TABLE.style.set_table_styles(
                {"name": [{"selector": "", "props": "color: red"}]}
            ),
            r"\.col0 \{color: red\}",
        ),
        (
            lambda: TABLE.style.set_properties(background="red"),
            r"\{background: red\}.*background-color",
        ),
        (lambda: TABLE.style.format('<i style="color: red">{}</i>'), "style=.*missing"),
        (lambda: TABLE.style.set_table_attributes('style="color: red"'), "style=.*missing"),
        (lambda: pd.DataFrame(np.zeros((200, 200))).style, r"200 x 200 cells.*table.head\(50\)"),
        (lambda: TABLE.value, r"This Series is not a picture.*series.to_frame\(\)"),
        (lambda: TABLE.index, "shown as text"),
        (pd.DataFrame, "table is empty: it has no rows and no columns. Fill it"),
    ],
    ids=[
        *(
            "glyph",
            "bar",
            "picture",
            "hidden",
            "headings",
            "column",
            "shorthand",
            "text",
            "attribute",
        ),
        *("large", "series", "index", "empty"),
    ],
)
def test_table_that_would_lose_something_is_refused(gyazo, server, make, words):
    with pytest.raises(PictureError, match=words):
        gyazo.upload(make())

    assert not [request for request in server.sandbox.requests if request.method == "POST"]


def test_table_without_the_library_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "dataframe_image", None)

    for table in (TABLE, TABLE.style, pd.DataFrame(np.zeros((4, 4), "uint8"))):
        with pytest.raises(
            PictureError, match="not a picture.*run  %pip install dataframe_image  and upload"
        ):
            file_part(table)


class Subclass(pd.DataFrame):
    """A table of a library that extends pandas, such as geopandas."""


class Styler:
    """Has only the name of a class of pandas."""

    def _repr_html_(self):
        return ""


class DataFrame:
    """A table of another library."""

    shape, dtype = (2, 2), "uint8"

    def __array__(self, *_, **__):
        return np.zeros((2, 2), "uint8")

    def _repr_html_(self):
        return "<table></table>"


def test_table_of_another_library_is_not_taken_for_pixels():
    with pytest.raises(PictureError, match=r"Only tables of pandas.*table.to_pandas\(\)"):
        file_part(DataFrame())
    with pytest.raises(PictureError, match="Only tables of pandas"):
        file_part(Styler())
    assert (pixels(Subclass(TABLE)) == pixels(TABLE)).all()


def test_table_is_recognized_without_pandas():
    code = (
        "import sys\nfrom gyazo_nb.images.render import render\n"
        "assert render(5) is None\nassert not {'pandas', 'dataframe_image'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_table_is_rendered_before_pandas_has_loaded_its_styler(monkeypatch):
    expected = pixels(TABLE)
    monkeypatch.delitem(sys.modules, "pandas.io.formats.style")
    monkeypatch.delattr(pd.io.formats, "style")

    assert (pixels(TABLE) == expected).all()
