"""An empty figure is refused, because the notebook closed the figure that the user means."""

import io
import sys

import matplotlib as mpl
import numpy as np
import plotly.graph_objects as go
import pytest
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Rectangle
from PIL import Image

from gyazo_nb import PictureError
from gyazo_nb.images.convert import file_part

mpl.use("agg")
import matplotlib.pyplot as plt
import pylab


@pytest.fixture(autouse=True)
def _close_figures():
    plt.close("all")
    yield
    plt.close("all")


EMPTY = {
    "pyplot": lambda: plt,
    "pylab": lambda: pylab,
    "pyplot with a new figure": lambda: plt.figure() and plt,
    "gcf()": plt.gcf,
    "gca()": plt.gca,
    "lines of gca()": lambda: [plt.gca()],
    "subplots()": lambda: plt.subplots()[0],
    "new figure": Figure,
    "subfigures": lambda: Figure().subfigures(1, 2),
    "several empty Axes": lambda: plt.subplots(2, 2)[0],
    "shared empty Axes": lambda: plt.subplots(2, 2, sharex=True, sharey=True)[0],
    "mosaic of empty Axes": lambda: plt.subplot_mosaic("ab;cc")[0],
    "empty Axes in a subfigure": lambda: Figure().subfigures(1, 2)[1].subplots(),  # noqa: PLW0108 -- a new figure
    "empty title": lambda: plt.figure().suptitle("").figure,
    "empty title of Axes": lambda: plt.gca().set_title("").axes,
}


@pytest.mark.parametrize("make", EMPTY.values(), ids=EMPTY)
def test_empty_figure_is_refused(gyazo, server, make):
    """And nothing is uploaded."""
    with pytest.raises(
        PictureError,
        match=r"figure is empty: the notebook closes.*keep it with  fig = plt.gcf\(\)  in",
    ):
        gyazo.upload(make())

    assert not [request for request in server.sandbox.requests if request.method == "POST"]


def test_refused_pyplot_creates_no_figure():
    """The notebook would show it."""
    with pytest.raises(PictureError):
        file_part(plt)

    assert plt.get_fignums() == []


def with_axes(change):
    def make():
        figure = Figure(figsize=(2, 1))
        change(figure.add_subplot())
        return figure

    return make


def with_figure(change):
    def make():
        figure = Figure(figsize=(2, 1))
        change(figure)
        return figure

    return make


CONTENT = {
    "text": with_figure(lambda figure: figure.text(0.5, 0.5, "a")),
    "picture": with_figure(lambda figure: figure.figimage(np.eye(9))),
    "title": with_figure(lambda figure: figure.suptitle("a")),
    "common label": with_figure(lambda figure: figure.supxlabel("a")),
    "line": with_figure(lambda figure: figure.add_artist(Line2D([0, 1], [0, 1]))),
    "rectangle": with_figure(lambda figure: figure.add_artist(Rectangle((0, 0), 1, 1))),
    "legend": with_figure(lambda figure: figure.legend([Line2D([], [])], ["a"])),
    "text in a subfigure": with_figure(lambda f: f.subfigures(1, 2)[1].text(0.5, 0.5, "a")),
    "plot in a subfigure": with_figure(lambda f: f.subfigures(1, 2)[1].subplots().plot([1, 2])),
    "several empty Axes with a title": with_figure(lambda f: f.subplots(2, 2)[0, 0].set_title("a")),
    "several empty Axes with limits": with_figure(lambda f: f.subplots(2)[1].set_xlim(0, 9)),
    "empty Axes beside full ones": with_figure(lambda f: f.subplots(1, 2)[1].plot([1, 2])),
    "empty plot": with_axes(lambda axes: axes.plot([])),
    "picture in Axes": with_axes(lambda axes: axes.imshow(np.eye(2))),
    "text in Axes": with_axes(lambda axes: axes.text(0.5, 0.5, "a")),
    "title of Axes": with_axes(lambda axes: axes.set_title("a")),
    "left title of Axes": with_axes(lambda axes: axes.set_title("a", loc="left")),
    "label": with_axes(lambda axes: axes.set_ylabel("a")),
    "limits": with_axes(lambda axes: axes.set_xlim(0, 5)),
    "table": with_axes(lambda axes: axes.table([["a"]])),
    "legend of Axes": with_axes(lambda axes: axes.legend([Line2D([], [])], ["a"])),
    "inset": with_axes(lambda axes: axes.inset_axes((0.1, 0.1, 0.5, 0.5)).plot([1, 2])),
    "no axis": with_axes(lambda axes: axes.axis("off")),
    "annotation": with_axes(lambda axes: axes.annotate("", (0, 0), (1, 1), arrowprops={})),
    "polar": with_figure(lambda figure: figure.add_subplot(projection="polar")),
    "surface": with_figure(
        lambda figure: figure.add_subplot(projection="3d").plot([1, 2], [1, 2], [1, 2])
    ),
}


@pytest.mark.parametrize("make", CONTENT.values(), ids=CONTENT)
def test_figure_with_any_content_is_uploaded(upload, make):
    figure = make()
    out = io.BytesIO()
    figure.savefig(out, format="png", bbox_inches="tight")

    sent = upload(figure)

    assert (np.asarray(sent) == np.asarray(Image.open(out))).all()


class OtherFigure:
    """A figure of another library, which has only the method that renders it."""

    def savefig(self, out, **_):
        Image.new("L", (2, 3), 9).save(out, "PNG")


def test_figure_of_another_library_is_not_checked(upload):
    assert upload(OtherFigure()).size == (2, 3)


@pytest.mark.parametrize(
    "make", [go.Figure, lambda: go.Figure(layout_width=300)], ids=["new", "with a size"]
)
def test_empty_plotly_figure_is_refused(make):
    with pytest.raises(PictureError, match="Plotly figure is empty: add data to it"):
        file_part(make())


@pytest.mark.parametrize(
    "figure",
    [
        go.Figure(go.Scatter()),
        go.Figure(layout_title_text="a"),
        go.Figure(layout_annotations=[{"text": "a"}]),
        go.Figure(layout_xaxis_title_text="a"),
        go.Figure(layout_template={"layout": {"annotations": [{"text": "a"}]}}),
    ],
    ids=["trace", "title", "annotation", "axis", "template with a text"],
)
def test_plotly_figure_with_any_content_is_accepted(figure, monkeypatch):
    """It is not rendered here, because that takes seconds."""
    monkeypatch.setitem(sys.modules, "kaleido", None)
    with pytest.raises(PictureError, match="kaleido, which is not installed"):
        file_part(figure)


def test_list_of_figures_names_the_call_for_many():
    figures = [plt.figure(), plt.figure()]
    with pytest.raises(
        PictureError, match=r"2 figures: pass one of them, or run  gyazo.upload_all\(\["
    ):
        file_part(figures)
