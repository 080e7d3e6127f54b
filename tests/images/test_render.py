"""Figures, charts, SVG and displayable objects are rendered, and the stored picture is the same."""

import base64
import importlib
import io
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
from support.helpers import PNG
from support.pictures import open_part, picture_file

from gyazo_nb import PictureError
from gyazo_nb.images.convert import file_part
from gyazo_nb.images.page import pictures_in
from gyazo_nb.images.render import from_mime_bundle

mpl.use("agg")
import matplotlib.pyplot as plt

TABLE = pd.DataFrame({"a": [1, 2, 3], "b": [3, 1, 2], "c": list("xyx")})
PLOTLY_DATA = {"application/vnd.plotly.v1+json": {"data": []}}
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
PARTS = {
    "figure": lambda: (f := new_figure(), f),
    "axes": lambda: (f := new_figure(), f.axes[0]),
    "array of axes": lambda: (f := new_figure(), np.array(f.axes)),
    "list of axes": lambda: (f := new_figure(), f.axes),
    "lines": lambda: (f := new_figure(), f.axes[0].lines),
    "plot()": lambda: (f := new_figure(), f.axes[0].plot([1, 2])),
    "pandas": lambda: (a := TABLE.a.plot(), a)[::-1] and (plt.gcf(), a),
    "hist()": lambda: (a := TABLE.hist(), (a[0, 0].figure, a))[1],
    "seaborn axes": lambda: (a := sns.lineplot(TABLE, x="a", y="b"), (a.figure, a))[1],
    "seaborn grid": lambda: (g := sns.relplot(TABLE, x="a", y="b", col="c"), (g.figure, g))[1],
    "seaborn joint": lambda: (g := sns.jointplot(TABLE, x="a", y="b"), (g.figure, g))[1],
    "subfigure": lambda: (
        f := Figure(),
        a := f.subfigures(1, 2)[1].subplots(),
        a.plot([1]),
        (f, a),
    )[-1],
    "pyplot": lambda: (f := plt.figure(), f.add_subplot().plot([1, 3]), (f, plt))[2],
    "pie()": lambda: (f := new_figure(), f.axes[1].pie([1, 2])),
    "color bar": lambda: (f := new_figure(), f.colorbar(f.axes[1].imshow(np.eye(3)))),
    "streamplot()": lambda: (
        f := new_figure(),
        f.axes[1].streamplot([0, 1, 2], [0, 1, 2], np.eye(3), np.eye(3)),
    ),
    "boxplot()": lambda: (f := new_figure(), f.axes[1].boxplot([1, 2])),
    "violinplot()": lambda: (f := new_figure(), f.axes[1].violinplot([1, 2])),
    "errorbar()": lambda: (
        f := new_figure(),
        f.axes[1].errorbar([1, 2], [3, 4], [1, 1], fmt="none"),
    ),
    "hist2d()": lambda: (f := new_figure(), f.axes[1].hist2d([1, 2], [3, 4])),
    "mosaic": lambda: (f := Figure(), f.text(0, 0, "a"), (f, f.subplot_mosaic("ab")))[-1],
    "scikit-learn display": lambda: (f := new_figure(), ScikitLearnDisplay(f)),
}


@pytest.mark.parametrize("make", PARTS.values(), ids=PARTS)
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


@pytest.mark.usefixtures("kaleido")
@pytest.mark.filterwarnings("ignore")  # of kaleido and plotly
@pytest.mark.slow
def test_plotly_figure_is_rendered(upload):
    """From the object, and from its displayed data with the same pixels."""
    figure = go.Figure(go.Bar(y=[1, 3, 2], marker_color="#ff0000"), {"template": "none"})

    sent = np.asarray(upload(figure).convert("RGB"))
    bundle = {"application/vnd.plotly.v1+json": figure.to_plotly_json(), "text/html": ""}
    displayed = np.asarray(Image.open(io.BytesIO(from_mime_bundle(bundle))).convert("RGB"))

    assert sent.shape == (500, 700, 3)
    assert (sent == [255, 0, 0]).all(axis=2).sum() > 10_000
    assert (sent == displayed).all()


@pytest.mark.slow
def test_altair_chart_is_rendered(upload):
    """From the object, also a concatenated or layered one, and from its displayed data."""
    chart = alt.Chart(TABLE).mark_bar(color="#ff0000").encode(x="a:O", y="b:Q")

    for item in (chart, chart | chart, chart + chart):
        sent = np.asarray(upload(item).convert("RGB"))
        assert (sent == [255, 0, 0]).all(axis=2).sum() > 1000
    with alt.renderers.enable("mimetype"):
        assert from_mime_bundle(chart._repr_mimebundle_()[0])[:4] == b"\x89PNG"


@pytest.mark.slow
def test_chart_is_rendered_as_its_picture_renderer_shows_it(upload):
    """With the user's resolution."""
    chart = alt.Chart(TABLE).mark_bar().encode(x="a:O", y="b:Q")

    usual = upload(chart)
    with alt.renderers.enable("png", scale_factor=2):
        assert upload(chart).width > usual.width * 1.9


@pytest.mark.slow
def test_chart_has_the_theme_of_the_notebook(upload):
    """The renderer or the chart can set it. A page that shows the chart has it, too."""
    chart = alt.Chart(TABLE).mark_bar().encode(x="a:O", y="b:Q")
    dark = {"embedOptions": {"theme": "dark"}}
    with alt.renderers.enable("html", embed_options={"theme": "dark"}):
        page = chart._repr_mimebundle_()["text/html"]
        pictures = [upload(chart), *map(upload, pictures_in({"text/html": page}))]
    pictures.append(upload(chart.properties(usermeta=dark)))

    assert [picture.getpixel((0, 0))[:3] for picture in pictures] == [(51, 51, 51)] * 3


def test_chart_with_a_character_that_no_font_has_is_refused():
    chart = alt.Chart(TABLE, title="a \U0010fffd").mark_bar().encode(x="a:O", y="b:Q")
    with pytest.raises(PictureError, match="No font for the characters"):
        file_part(chart)


@pytest.mark.slow
@pytest.mark.usefixtures("kaleido")
@pytest.mark.filterwarnings("ignore")  # of kaleido and plotly
def test_plotly_figure_is_rendered_as_its_picture_renderer_shows_it(upload, monkeypatch):
    """With the user's size, also beside another renderer."""
    renderers = importlib.import_module("plotly.io").renderers
    monkeypatch.setattr(renderers["png"], "width", 321)
    monkeypatch.setattr(renderers, "default", "png+browser")

    assert upload(go.Figure(go.Bar(y=[1, 3]))).size == (321, 500)


class BrowserChart:
    """A plot of Bokeh, which draws it in the browser."""


def test_chart_that_only_the_browser_draws_names_the_way(monkeypatch):
    """For an item, as for the display of one."""
    monkeypatch.setattr(BrowserChart, "__module__", "bokeh.plotting")

    with pytest.raises(PictureError, match=r"A Bokeh plot .*bokeh.io.export_png.*plot.png"):
        file_part(BrowserChart())


URL_DATA = {
    "file name": lambda: alt.Chart("cars.csv").mark_bar(),
    "path": lambda: alt.Chart("/etc/passwd").mark_bar(),
    "file: URL": lambda: alt.Chart("file:///etc/passwd").mark_bar(),
    "address": lambda: alt.Chart("http://127.0.0.1:1/cars.json").mark_bar(),
    "lookup": lambda: (
        alt.Chart(TABLE)
        .mark_bar()
        .transform_lookup("a", alt.LookupData(alt.UrlData("x.csv"), "a", ["z"]))
    ),
    "map": lambda: alt.Chart(alt.topo_feature("https://example.com/w.json", "c")).mark_geoshape(),
    "layer": lambda: alt.Chart(TABLE).mark_bar() + alt.Chart("cars.csv").mark_line(),
    "concatenated": lambda: (
        alt.Chart(TABLE).mark_bar() | alt.Chart("cars.csv").mark_line().encode(x="a:O")
    ),
    "data: URL": lambda: alt.Chart("data:text/csv,a,b%0A1,2").mark_bar().encode(x="a:O"),
    "pictures": lambda: (
        alt.Chart(pd.DataFrame({"u": ["http://127.0.0.1:1/a.png"]})).mark_image().encode(url="u")
    ),
    "picture": lambda: alt.Chart(TABLE).mark_image(url="a.png"),
}


@pytest.mark.slow
@pytest.mark.parametrize("make", URL_DATA.values(), ids=URL_DATA)
def test_chart_with_external_data_is_refused(gyazo, server, make):
    """vl-convert would only log a failure, and render empty axes. The address is not shown."""
    chart = make()
    words = r"not loaded here: (pass the data itself, .*alt.Chart\(pd.read_csv|give each as a data: URL)"
    with alt.renderers.enable("mimetype"):
        bundle = chart._repr_mimebundle_()[0]

    for upload in (lambda: gyazo.upload(chart), lambda: from_mime_bundle(bundle)):
        with pytest.raises(PictureError, match=words) as caught:
            upload()
        assert "127.0.0.1" not in str(caught.value)
    assert not [request for request in server.sandbox.requests if request.method == "POST"]


@pytest.mark.slow
def test_chart_with_its_data_inside_is_rendered(upload, tmp_path, monkeypatch):
    """Also with a picture as a data: URL, a column `url`, or data that Altair writes to files."""
    monkeypatch.chdir(tmp_path)
    red = picture_file("PNG", Image.new("RGB", (9, 9), (255, 0, 0)))
    url = "data:image/png;base64," + base64.b64encode(red).decode()
    charts = [
        alt.Chart(pd.DataFrame({"u": [url]})).mark_image(width=90, height=90).encode(url="u"),
        alt.Chart(TABLE.assign(url="a.png", data=1))
        .mark_bar(color="#ff0000")
        .encode(x="a:O", y="b"),
    ]
    for chart in charts:
        assert (np.asarray(upload(chart).convert("RGB")) == [255, 0, 0]).all(axis=2).sum() > 1000
    with alt.data_transformers.enable("json"):
        upload(charts[1])


def failing(message):
    class Failing:
        def _repr_png_(self):
            raise RuntimeError(message)

    return Failing()


def test_remedy_of_a_library_stays_in_the_error():
    """Its lines are joined, and a long text is cut between words."""
    with pytest.raises(PictureError, match=r"RuntimeError: Oh no. Run:  ?\$ fix_it --all\)"):
        file_part(failing("Oh no.\n\nRun:\n\n    $ fix_it --all\n\n"))
    with pytest.raises(PictureError) as caught:
        file_part(failing("many words " * 500))
    assert 400 < len(str(caught.value)) < 700
    assert "words …)" in str(caught.value)


def test_plotly_without_chrome_says_how_to_install_it(monkeypatch):
    def to_image(*_, **__):
        raise RuntimeError(
            "\n\nKaleido requires Google Chrome to be installed.\n\nEither download it yourself,\n"
            "or install it from your terminal by running:\n\n    $ plotly_get_chrome\n\n"
        )

    figure = go.Figure(go.Scatter())
    monkeypatch.setattr(go.Figure, "to_image", to_image)
    words = r"requires Google Chrome.*\$ plotly_get_chrome\): if Chrome is missing, run  !plotly_get_chrome -y"
    with pytest.raises(PictureError, match=words):
        file_part(figure)


@pytest.mark.parametrize(
    ("module", "make", "words"),
    [
        ("kaleido", lambda: go.Figure(go.Scatter()), "pip install kaleido"),
        ("plotly.io", lambda: Displayable("_repr_mimebundle_", PLOTLY_DATA), "pip install plotly"),
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
    """From an object, a string, bytes, a path and a file, also after a long comment and a document type."""
    path = tmp_path / "a.svg"
    long = f'<?xml version="1.0"?>\n<!-- {"a license " * 99} -->\n<!DOCTYPE svg [<!ENTITY a "b">]>\n{SVG}'
    path.write_text(long)

    for item in (
        IPython.display.SVG(SVG),
        SVG,
        long,
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


class ClosedDataset:
    """It raises an error for each attribute, like a dataset of h5py whose file is closed."""

    def __getattr__(self, name):
        raise ValueError(f"invalid identifier ({name})")


class QRCode:
    """Like that of segno, it has some attributes with the names of those of a PIL image."""

    mode = "byte"

    def save(self, file):
        """Write a file."""


@pytest.mark.parametrize(
    ("kind", "words"),
    [
        (ClosedDataset, r"ClosedDataset could not be rendered \(ValueError: invalid identifier"),
        (QRCode, "This QRCode is not a picture: pass a figure"),
    ],
)
def test_object_that_cannot_be_recognized_is_refused(kind, words):
    with pytest.raises(PictureError, match=words):
        file_part(kind())


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
