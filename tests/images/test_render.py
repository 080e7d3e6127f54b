"""Figures, charts, SVG and displayable objects are rendered, and the stored picture is the same."""

import base64
import io
import shutil
import sys

import altair as alt
import IPython.display
import matplotlib as mpl
import numpy as np
import pandas as pd
import plotly.graph_objects as go
import pytest
import seaborn as sns
from matplotlib.figure import Figure
from PIL import Image
from support.helpers import PNG, skip_missing
from support.pictures import open_part, picture_file

from gyazo_nb import PictureError
from gyazo_nb.images.convert import file_part
from gyazo_nb.images.render import from_mime_bundle

mpl.use("agg")
import matplotlib.pyplot as plt

TABLE = pd.DataFrame({"a": [1, 2, 3], "b": [3, 1, 2], "c": list("xyx")})
JPEG = b"\xff\xd8\xff" + bytes(9)
SVG = (
    '<svg xmlns="http://www.w3.org/2000/svg" width="30" height="20">'
    '<rect width="30" height="20" fill="#00ff00"/></svg>'
)


@pytest.fixture(autouse=True)
def _close_figures():
    yield
    plt.close("all")


def pixels_of(figure):
    out = io.BytesIO()
    figure.savefig(out, format="png", bbox_inches="tight")
    return np.asarray(Image.open(out))


def new_figure():
    figure = Figure(figsize=(2, 1))
    figure.subplots(1, 2)[0].plot([0, 1, 4])
    return figure


class ScikitLearnDisplay:
    """Keeps its figure as a display of scikit-learn does."""

    def __init__(self, figure):
        self.figure_ = figure


# Each function returns a figure, and an item that belongs to it.
@pytest.mark.parametrize(
    "make",
    [
        lambda: (f := new_figure(), f),
        lambda: (f := new_figure(), f.axes[0]),
        lambda: (f := new_figure(), np.array(f.axes)),
        lambda: (f := new_figure(), f.axes),
        lambda: (f := new_figure(), f.axes[0].lines),
        lambda: (f := new_figure(), f.axes[0].plot([1, 2])),
        lambda: (a := TABLE.a.plot(), a)[::-1] and (plt.gcf(), a),
        lambda: (a := TABLE.hist(), (a[0, 0].figure, a))[1],
        lambda: (a := sns.lineplot(TABLE, x="a", y="b"), (a.figure, a))[1],
        lambda: (g := sns.relplot(TABLE, x="a", y="b", col="c"), (g.figure, g))[1],
        lambda: (g := sns.jointplot(TABLE, x="a", y="b"), (g.figure, g))[1],
        lambda: (f := Figure(), (f, f.subfigures(1, 2)[1].subplots()))[1],
        lambda: (f := plt.figure(), f.add_subplot().plot([1, 3]), (f, plt))[2],
        lambda: (f := new_figure(), f.axes[1].pie([1, 2])),
        lambda: (f := new_figure(), f.colorbar(f.axes[1].imshow(np.eye(3)))),
        lambda: (
            f := new_figure(),
            f.axes[1].streamplot([0, 1, 2], [0, 1, 2], np.eye(3), np.eye(3)),
        ),
        lambda: (f := new_figure(), f.axes[1].boxplot([1, 2])),
        lambda: (f := new_figure(), f.axes[1].violinplot([1, 2])),
        lambda: (f := new_figure(), f.axes[1].errorbar([1, 2], [3, 4], [1, 1], fmt="none")),
        lambda: (f := new_figure(), f.axes[1].hist2d([1, 2], [3, 4])),
        lambda: (f := Figure(), f.subplot_mosaic("ab"))[:2],
        lambda: (f := new_figure(), ScikitLearnDisplay(f)),
    ],
    ids=[
        "figure",
        "axes",
        "array of axes",
        "list of axes",
        "lines",
        "plot()",
        "pandas",
        "hist()",
        "seaborn axes",
        "seaborn grid",
        "seaborn joint",
        "subfigure",
        "pyplot",
        "pie()",
        "color bar",
        "streamplot()",
        "boxplot()",
        "violinplot()",
        "errorbar()",
        "hist2d()",
        "mosaic",
        "scikit-learn display",
    ],
)
def test_any_part_of_a_figure_uploads_the_whole_figure(upload, make):
    figure, item = make()

    sent = np.asarray(upload(item))

    assert (sent == pixels_of(figure)).all()
    assert len(np.unique(sent)) > 2


def test_figure_becomes_png():
    part = file_part(new_figure())

    assert part.content_type == "image/png"
    assert len(open_part(part).convert("L").getcolors()) > 2


def test_failed_rendering_error_contains_the_reason():
    figure = new_figure()
    figure.axes[0].set_title(r"$\frac{$")

    with pytest.raises(PictureError, match="could not be rendered .ValueError"):
        file_part(figure)


def test_several_figures_are_refused():
    """It is ambiguous which figure the user means."""
    with pytest.raises(PictureError, match="2 figures.*upload_all"):
        file_part([new_figure().axes[0], new_figure().axes[0]])


@pytest.fixture
def _browser_for_kaleido(monkeypatch):
    path = shutil.which("chromium") or shutil.which("google-chrome")
    if path is None:
        skip_missing("kaleido renders with Chromium, which is not installed")
    monkeypatch.setenv("BROWSER_PATH", path)


@pytest.mark.usefixtures("_browser_for_kaleido")
@pytest.mark.filterwarnings("ignore")  # of kaleido and plotly
def test_plotly_figure_is_rendered(upload):
    """From the object, and from its displayed data with the same pixels."""
    figure = go.Figure(go.Bar(y=[1, 3, 2], marker_color="#ff0000"), {"template": "none"})

    sent = np.asarray(upload(figure).convert("RGB"))
    bundle = {"application/vnd.plotly.v1+json": figure.to_plotly_json(), "text/html": ""}
    displayed = np.asarray(Image.open(io.BytesIO(from_mime_bundle(bundle))).convert("RGB"))

    assert sent.shape == (500, 700, 3)
    assert (sent == [255, 0, 0]).all(axis=2).sum() > 10_000
    assert (sent == displayed).all()


def test_altair_chart_is_rendered(upload):
    """From the object, also a concatenated or layered one, and from its displayed data."""
    chart = alt.Chart(TABLE).mark_bar(color="#ff0000").encode(x="a:O", y="b:Q")

    for item in (chart, chart | chart, chart + chart):
        sent = np.asarray(upload(item).convert("RGB"))
        assert (sent == [255, 0, 0]).all(axis=2).sum() > 1000
    with alt.renderers.enable("mimetype"):
        assert from_mime_bundle(chart._repr_mimebundle_()[0])[:4] == b"\x89PNG"


@pytest.mark.parametrize(
    ("module", "make", "words"),
    [
        ("kaleido", go.Figure, "pip install kaleido"),
        ("vl_convert", lambda: alt.Chart(TABLE).mark_bar(), "pip install vl-convert-python"),
        (
            "vl_convert",
            lambda: IPython.display.SVG(SVG),
            "does not accept SVG.*pip install vl-convert-python",
        ),
    ],
)
def test_missing_exporter_error_says_what_to_install(monkeypatch, module, make, words):
    monkeypatch.setitem(sys.modules, module, None)
    monkeypatch.setitem(sys.modules, "cairosvg", None)

    with pytest.raises(PictureError, match=words):
        file_part(make())


def test_svg_is_rendered(upload, tmp_path):
    """From an object, bytes, a path and a file, also after a long comment and a document type."""
    path = tmp_path / "a.svg"
    long = f'<?xml version="1.0"?>\n<!-- {"a license " * 99} -->\n<!DOCTYPE svg [<!ENTITY a "b">]>\n{SVG}'
    path.write_text(long)

    for item in (
        IPython.display.SVG(SVG),
        SVG.encode(),
        path,
        long.encode(),
        io.BytesIO(long.encode()),
    ):
        sent = upload(item)
        assert sent.size == (30, 20)
        assert sent.convert("RGB").getpixel((5, 5)) == (0, 255, 0)


@pytest.mark.parametrize("file_format", ["PNG", "JPEG", "GIF"])
def test_ipython_image_is_sent_unchanged(file_format, tmp_path):
    """From bytes or from a file."""
    data = picture_file(file_format)
    path = tmp_path / f"a.{file_format.lower()}"
    path.write_bytes(data)

    assert file_part(IPython.display.Image(data)).content == data
    assert file_part(IPython.display.Image(filename=path)).content == data


class Displayable:
    """Has one method, which returns a value."""

    def __init__(self, method, value):
        setattr(self, method, lambda *_, **__: value)


def test_displayed_picture_is_sent_unchanged():
    """From a method for one type or for all, as bytes or base64, with or without metadata."""
    png, jpeg = picture_file("PNG"), picture_file("JPEG")
    text = base64.b64encode(png).decode()
    for method, value, sent in (
        ("_repr_png_", png, png),
        ("_repr_png_", (text, {"width": 5}), png),
        ("_repr_jpeg_", jpeg, jpeg),
        ("_repr_mimebundle_", {"image/jpeg": jpeg, "text/plain": "a"}, jpeg),
        ("_repr_mimebundle_", ({"image/png": text}, {}), png),
    ):
        assert file_part(Displayable(method, value)).content == sent


def test_object_that_displays_only_text_is_refused():
    with pytest.raises(PictureError, match="This Displayable is not a picture"):
        file_part(Displayable("_repr_mimebundle_", {"text/html": "a"}))


@pytest.mark.parametrize("kind", [Displayable, Figure, Image.Image, go.Figure])
def test_class_is_refused(kind):
    """It has the methods of its objects, but displays no picture."""
    with pytest.raises(PictureError, match="is not a picture"):
        file_part(kind)


class AcceptsOnlyKeywords:  # noqa: D101
    def _repr_mimebundle_(self, include, exclude):
        return {"image/png": PNG}


class FailsAsPng:  # noqa: D101
    def __init__(self, error):
        self.error = error

    def _repr_png_(self):
        raise self.error

    def _repr_jpeg_(self):
        return JPEG


class FailsAlways(FailsAsPng):  # noqa: D101
    _repr_jpeg_ = None


def test_display_methods_are_called_as_ipython_calls_them():
    """With keywords, and the next method if one fails. The first failure is the error."""
    assert file_part(AcceptsOnlyKeywords()).content == PNG
    assert file_part(FailsAsPng(NotImplementedError())).content == JPEG
    assert file_part(FailsAsPng(OSError("no screen"))).content == JPEG
    with pytest.raises(PictureError, match="FailsAlways could not be rendered .OSError: no screen"):
        file_part(FailsAlways(OSError("no screen")))
    with pytest.raises(PictureError, match="This FailsAlways is not a picture"):
        file_part(FailsAlways(NotImplementedError()))


@pytest.mark.parametrize(
    ("method", "value", "words"),
    [
        ("_repr_mimebundle_", [1, 2], "TypeError: it displays itself as a list"),
        ("_repr_mimebundle_", {"image/png": 5}, "TypeError"),
        ("_repr_png_", "abc", "padding"),
        ("_repr_png_", "größer", "ASCII"),
        ("_repr_mimebundle_", None, "is not a picture"),
        ("_repr_mimebundle_", {"image/png": ""}, "is not a picture"),
        ("to_image", None, "is not a picture"),
    ],
)
def test_wrong_result_of_a_display_method_is_refused(method, value, words):
    """It is a mistake of another library."""
    with pytest.raises(PictureError, match=words):
        file_part(Displayable(method, value))
